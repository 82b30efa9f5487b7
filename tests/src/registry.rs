//! A real schema registry (Apicurio, by Confluent's interface), and records in Confluent's framing.
#![allow(clippy::unwrap_used, reason = "support of tests: it says by a panic what broke")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use motmot_registry::{Registry, RegistryConfig, Waiting};

use crate::http;
use crate::kafka::Out;
use crate::process::{self, Process};

/// A JVM on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A registry whose schemas outlive it. Dropped, it is killed.
#[derive(Debug)]
pub struct Apicurio {
    jar: PathBuf,
    folder: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Apicurio {
    /// Starts one with its data in `folder`; none: there is no Apicurio here, which was said.
    ///
    /// # Panics
    /// When it does not start, and in CI when there is none.
    pub fn start(folder: &Path) -> Option<Self> {
        let Some(apicurio) = std::env::var_os("MOTMOT_APICURIO") else {
            process::skip("MOTMOT_APICURIO names no schema registry. `deploy/local/setup test` brings it, `make test` finds it");
            return None;
        };
        let jars = std::fs::read_dir(&apicurio).unwrap().map(|entry| entry.unwrap().path());
        let jar = jars.into_iter().find(|path| path.to_string_lossy().ends_with("-runner.jar"));
        let jar = jar.unwrap_or_else(|| panic!("MOTMOT_APICURIO is {apicurio:?}, which has no …-runner.jar"));
        let mut registry = Self { jar, folder: folder.to_owned(), port: process::free_port(), process: None };
        registry.run();
        Some(registry)
    }

    /// Starts it again where it was.
    ///
    /// # Panics
    /// When it does not answer in time.
    pub fn run(&mut self) {
        let own = [
            format!("-Dquarkus.http.port={}", self.port),
            format!("-Dapicurio.datasource.url=jdbc:h2:file:{}/schemas", self.folder.display()),
        ];
        let fixed = [
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dquarkus.http.host=127.0.0.1",
            "-Dapicurio.storage.sql.kind=h2",
        ];
        let arguments: Vec<String> =
            fixed.into_iter().map(str::to_owned).chain(own).chain(["-jar".to_owned(), self.jar.display().to_string()]).collect();
        let mut process = Process::start("apicurio", Path::new("java"), &arguments, &[], &self.folder);
        let port = self.port;
        process.until("the registry's first answer", PATIENCE, || {
            http::get(port, "/apis/ccompat/v7/subjects").filter(|(status, _)| *status == 200)
        });
        self.process = Some(process);
    }

    /// Kills it as a crash would.
    pub fn kill(&mut self) {
        self.process.take().as_mut().map(Process::kill);
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How to reach it.
    pub fn config(&self) -> RegistryConfig {
        RegistryConfig::new(format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port))
    }

    /// A client that waits as long as it takes, as a command does.
    ///
    /// # Panics
    /// Never, as long as the address is one.
    pub fn client(&self) -> Registry {
        Registry::new(&self.config(), Waiting::Forever, None).unwrap()
    }

    /// The number of a schema that a producer registers.
    ///
    /// # Panics
    /// When the registry does not take it.
    pub fn register(&self, subject: &str, schema: &str) -> u32 {
        let body = serde_json::json!({ "schema": schema }).to_string();
        let (status, answer) = http::post(self.port, &format!("/apis/ccompat/v7/subjects/{subject}/versions"), &body).unwrap();
        assert_eq!(status, 200, "{answer}");
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        answer.get("id").and_then(serde_json::Value::as_u64).and_then(|id| u32::try_from(id).ok()).unwrap()
    }
}

/// The same record in Confluent's framing, with what a newer writer's schema has behind the known fields.
///
/// # Panics
/// When the record has no value.
pub fn numbered(out: &Out, id: u32, more: &[u8]) -> Out {
    let datum = out.value.as_deref().unwrap().get(10..).unwrap();
    Out { value: Some([&[0], id.to_be_bytes().as_slice(), datum, more].concat()), ..out.clone() }
}

/// The current schema of touchpoints without its last field, or with one more.
///
/// # Panics
/// Never, as long as the schema is one.
pub fn changed_schema(change: impl FnOnce(&mut Vec<serde_json::Value>)) -> String {
    let mut schema: serde_json::Value = serde_json::from_str(motmot_wire::RecordType::Touchpoint.json()).unwrap();
    change(schema.get_mut("fields").and_then(serde_json::Value::as_array_mut).unwrap());
    schema.to_string()
}
