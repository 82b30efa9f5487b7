//! A real Prometheus, a real Alertmanager and a receiver of its notifications, with the configurations that `deploy/` ships: only
//! addresses and intervals are others, so that a test is quick.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "support of tests: failing is its way to speak")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::http;
use crate::kafka::PATIENCE;
use crate::process::{Process, free_port, program};

/// The programs that this module starts.
pub const PROGRAMS: [&str; 2] = ["prometheus", "prometheus-alertmanager"];

fn deploy(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Replaces what must be there: a test must not go on with a configuration that it no longer knows.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "`{from}` is not in the configuration any more:\n{text}");
    text.replace(from, to)
}

/// The alert rules, with alerts that end two seconds after their last moment instead of a minute.
pub fn quick(rules: &str) -> String {
    replaced(rules, "keep_firing_for: 1m", "keep_firing_for: 2s")
}

/// Receives what Alertmanager sends.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its port.
    pub port: u16,
    received: Arc<Mutex<Vec<Notification>>>,
}

/// One alert of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Whom it was for: the last part of the receiver's address.
    pub receiver: String,
    /// `firing` or `resolved`.
    pub status: String,
    /// The alert's labels and annotations, as JSON.
    pub alert: Value,
}

impl Notification {
    /// A label, or an empty text.
    pub fn label(&self, name: &str) -> &str {
        self.alert["labels"][name].as_str().unwrap_or_default()
    }

    /// An annotation, or an empty text.
    pub fn annotation(&self, name: &str) -> &str {
        self.alert["annotations"][name].as_str().unwrap_or_default()
    }
}

impl Webhook {
    /// Starts to listen.
    pub fn start() -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&received);
        let port = http::serve(move |path, body| {
            let message: Value = serde_json::from_str(body).unwrap_or_default();
            for alert in message["alerts"].as_array().into_iter().flatten() {
                into.lock().unwrap().push(Notification {
                    receiver: path.trim_start_matches('/').to_owned(),
                    status: alert["status"].as_str().unwrap_or_default().to_owned(),
                    alert: alert.clone(),
                });
            }
            String::new()
        });
        Self { port, received }
    }

    /// All that was received about an alert, in order.
    pub fn about(&self, alert: &str) -> Vec<Notification> {
        self.received.lock().unwrap().iter().filter(|notification| notification.label("alertname") == alert).cloned().collect()
    }
}

/// Debian's Alertmanager reads its templates from where the package puts them. Unpacked and not installed, as `deploy/local/setup`
/// does it, it would not start: then a copy of it is run that looks into its working folder instead.
fn alertmanager_program(folder: &Path) -> PathBuf {
    const INSTALLED: &str = "/usr/share/prometheus/alertmanager";
    let found = program(PROGRAMS[1]).unwrap();
    let templates = found.parent().unwrap().join("../share/prometheus/alertmanager");
    if Path::new(INSTALLED).join("default.tmpl").exists() || !templates.join("default.tmpl").exists() {
        return found;
    }
    // As long as the path that it replaces, so that nothing else in the program moves.
    let ours = format!(".{:/<width$}templates", "", width = INSTALLED.len() - ".templates".len());
    let mut bytes = std::fs::read(&found).unwrap();
    let places: Vec<usize> =
        bytes.windows(INSTALLED.len()).enumerate().filter(|(_, w)| *w == INSTALLED.as_bytes()).map(|(at, _)| at).collect();
    for at in places {
        bytes[at..at + INSTALLED.len()].copy_from_slice(ours.as_bytes());
    }
    std::fs::create_dir_all(folder.join("templates")).unwrap();
    for file in ["default.tmpl", "email.tmpl"] {
        std::fs::copy(templates.join(file), folder.join("templates").join(file)).unwrap();
    }
    let copy = folder.join(PROGRAMS[1]);
    std::fs::write(&copy, bytes).unwrap();
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).unwrap();
    copy
}

/// A running Alertmanager with `deploy/alertmanager/alertmanager.yml`.
#[derive(Debug)]
pub struct Alertmanager {
    /// Its port.
    pub port: u16,
    _process: Process,
}

impl Alertmanager {
    /// Starts one that notifies `webhook` within a second or two.
    pub fn start(folder: &Path, webhook: &Webhook) -> Self {
        let config = replaced(&deploy("alertmanager/alertmanager.yml"), "localhost:9095", &format!("127.0.0.1:{}", webhook.port));
        let config =
            replaced(&replaced(&config, "group_wait: 5s", "group_wait: 1s"), "group_interval: 30s", "group_interval: 1s");
        let file = folder.join("alertmanager.yml");
        std::fs::write(&file, config).unwrap();
        let port = free_port();
        let arguments = [
            format!("--config.file={}", file.display()),
            format!("--storage.path={}", folder.join("alertmanager").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--cluster.listen-address=".to_owned(),
        ];
        let mut process = Process::start("alertmanager", &alertmanager_program(folder), &arguments, &[], folder);
        process.until("its readiness", PATIENCE, || is_ready(port));
        Self { port, _process: process }
    }
}

/// A running Prometheus with `deploy/prometheus/prometheus.yml`.
#[derive(Debug)]
pub struct Prometheus {
    port: u16,
    _process: Process,
}

impl Prometheus {
    /// Starts one that scrapes these ports and evaluates these rules every second.
    pub fn start(folder: &Path, rules: &str, targets: &[u16], alertmanager: &Alertmanager) -> Self {
        let targets: Vec<_> = targets.iter().map(|port| format!("\"127.0.0.1:{port}\"")).collect();
        let config = replaced(&deploy("prometheus/prometheus.yml"), "\"localhost:9464\"", &targets.join(", "));
        let config = replaced(&config, "localhost:9093", &format!("127.0.0.1:{}", alertmanager.port));
        let config = replaced(
            &replaced(&config, "scrape_interval: 5s", "scrape_interval: 1s"),
            "evaluation_interval: 5s",
            "evaluation_interval: 1s",
        );
        std::fs::create_dir_all(folder.join("rules")).unwrap();
        std::fs::write(folder.join("rules/motmot.yml"), rules).unwrap();
        std::fs::write(folder.join("prometheus.yml"), config).unwrap();
        let port = free_port();
        let arguments = [
            format!("--config.file={}", folder.join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", folder.join("prometheus").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        let mut process = Process::start("prometheus", &program(PROGRAMS[0]).unwrap(), &arguments, &[], folder);
        process.until("its readiness", PATIENCE, || is_ready(port));
        Self { port, _process: process }
    }

    /// The values that a query gives now, one for each series.
    ///
    /// # Panics
    /// When Prometheus finds the query wrong.
    pub fn query(&self, query: &str) -> Vec<f64> {
        let Some((_, body)) = http::get(self.port, &format!("/api/v1/query?query={}", http::escaped(query))) else {
            return Vec::new();
        };
        let reply: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(reply["status"], "success", "{query}: {body}");
        let results = reply["data"]["result"].as_array().cloned().unwrap_or_default();
        results.iter().map(|result| result["value"][1].as_str().unwrap().parse().unwrap()).collect()
    }

    /// Whether a query has a result, for waiting.
    pub fn holds(&self, query: &str) -> Option<()> {
        (!self.query(query).is_empty()).then_some(())
    }
}

fn is_ready(port: u16) -> Option<()> {
    http::get(port, "/-/ready").filter(|(status, _)| *status == 200).map(drop)
}
