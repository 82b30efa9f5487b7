//! A broker of its own that lets nobody in without TLS and a password, on certificates made for the occasion.
#![allow(clippy::unwrap_used, reason = "support of tests: it says by a panic what broke")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use openssl::pkcs12::{ParsedPkcs12_2, Pkcs12};
use openssl::symm::Cipher;

use crate::process::{self, Process};

/// A JVM on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(120);
/// The only user.
pub const USER: &str = "motmot";
/// Its password, by every mechanism.
pub const PASSWORD: &str = "Xyzzy-plugh-7";
const STORE_PASSWORD: &str = "changeit";

/// A broker with five doors.
#[derive(Debug)]
pub struct SecureBroker {
    /// Without TLS or password, for the test itself.
    pub open: String,
    /// SASL over TLS; its certificate is for `localhost`.
    pub secure: String,
    /// The same by the number, which the certificate does not have.
    pub by_number: String,
    /// SASL over TLS with a certificate that is out of date.
    pub expired: String,
    /// TLS, and whoever comes in must have a certificate; no password.
    pub mutual: String,
    /// What the certificates are signed by: (the good one's, the expired one's).
    pub authorities: (PathBuf, PathBuf),
    /// The certificate and the key of whoever may come in by the mutual door; the key's password is [`PASSWORD`].
    pub client: (PathBuf, PathBuf),
    process: Process,
}

impl SecureBroker {
    /// Starts it in `folder`; none: Kafka's jars are not here, which was said.
    ///
    /// # Panics
    /// When it does not start, and in CI when there are no jars.
    pub fn start(folder: &Path) -> Option<Self> {
        let cache = std::env::var_os("MOTMOT_CACHE").map(PathBuf::from);
        let entries = cache.and_then(|cache| std::fs::read_dir(cache).ok()).into_iter().flatten();
        let mut folders = entries.map(|entry| entry.unwrap().path().join("libs"));
        let Some(jars) = folders.find(|libs| libs.to_string_lossy().contains("/kafka-") && libs.is_dir()) else {
            process::skip("MOTMOT_CACHE has no Kafka. `deploy/local/setup test` brings it, `make test` finds it");
            return None;
        };
        let authorities = (certificate(folder, "good", "-1d"), certificate(folder, "expired", "-30d"));
        let client = (certificate(folder, "client", "-1d"), folder.join("client.key"));
        let key = identity(folder, "client").pkey.unwrap();
        let key = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), PASSWORD.as_bytes()).unwrap();
        std::fs::write(&client.1, key).unwrap();
        let [open, secure, expired, mutual, controller] = [(); 5].map(|()| process::free_port());
        let properties = folder.join("server.properties");
        std::fs::write(&properties, configuration(folder, [open, secure, expired, mutual, controller])).unwrap();
        let java = ["-Xmx512m", "-XX:+UseSerialGC", "-cp"].map(str::to_owned);
        let java = [java.as_slice(), &[format!("{}/*", jars.display())]].concat();
        let mut format = Command::new("java");
        format.args(&java).args(["kafka.tools.StorageTool", "format", "--cluster-id", "bW90bW90LXNlY3VyZS1sb2"]);
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            format.args(["--add-scram", &format!("{mechanism}=[name={USER},password={PASSWORD}]")]);
        }
        let formatted = format.arg("--config").arg(&properties).output().unwrap();
        assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
        let arguments = [java.as_slice(), &["kafka.Kafka".to_owned(), properties.display().to_string()]].concat();
        let mut process = Process::start("broker", Path::new("java"), &arguments, &[], folder);
        let log = folder.join("broker.log");
        process.until("the broker", PATIENCE, || {
            std::fs::read_to_string(&log).unwrap_or_default().contains("Kafka Server started").then_some(())
        });
        let [open, by_number] = [open, secure].map(|port| format!("127.0.0.1:{port}"));
        let [secure, expired, mutual] = [secure, expired, mutual].map(|port| format!("localhost:{port}"));
        Some(Self { open, secure, by_number, expired, mutual, authorities, client, process })
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        self.process.said()
    }
}

/// Makes a key and its certificate for `localhost`, good for ten days from `start`; gives the certificate in PEM.
///
/// # Panics
/// When `keytool` does not make it.
pub fn certificate(folder: &Path, name: &str, start: &str) -> PathBuf {
    let keytool = |arguments: &[&str]| {
        let mut command = Command::new("keytool");
        command
            .args(arguments)
            .args(["-alias", name, "-storepass", STORE_PASSWORD, "-keystore"])
            .arg(folder.join(format!("{name}.p12")));
        let made = command.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    };
    let subject = ["-dname", "CN=localhost", "-ext", "SAN=dns:localhost", "-startdate", start, "-validity", "10"];
    keytool(&[&["-genkeypair", "-keyalg", "EC", "-storetype", "PKCS12"], subject.as_slice()].concat());
    let pem = folder.join(format!("{name}.pem"));
    keytool(&["-exportcert", "-rfc", "-file", &pem.display().to_string()]);
    pem
}

/// The key and the certificate that [`certificate`] made under this name.
///
/// # Panics
/// When it made none.
pub fn identity(folder: &Path, name: &str) -> ParsedPkcs12_2 {
    let store = std::fs::read(folder.join(format!("{name}.p12"))).unwrap();
    Pkcs12::from_der(&store).unwrap().parse2(STORE_PASSWORD).unwrap()
}

fn configuration(folder: &Path, [open, secure, expired, mutual, controller]: [u16; 5]) -> String {
    let folder = folder.display();
    let mut text = format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=OPEN://127.0.0.1:{open},SECURE://127.0.0.1:{secure},EXPIRED://127.0.0.1:{expired},MUTUAL://127.0.0.1:{mutual},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=OPEN://127.0.0.1:{open},SECURE://localhost:{secure},EXPIRED://localhost:{expired},MUTUAL://localhost:{mutual}
listener.security.protocol.map=OPEN:PLAINTEXT,SECURE:SASL_SSL,EXPIRED:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=OPEN
log.dirs={folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
listener.name.mutual.ssl.keystore.type=PKCS12
listener.name.mutual.ssl.keystore.location={folder}/good.p12
listener.name.mutual.ssl.keystore.password={STORE_PASSWORD}
listener.name.mutual.ssl.truststore.type=PEM
listener.name.mutual.ssl.truststore.location={folder}/client.pem
listener.name.mutual.ssl.client.auth=required
"
    );
    let login = "org.apache.kafka.common.security";
    for (listener, store) in [("secure", "good"), ("expired", "expired")] {
        let of = format!("listener.name.{listener}");
        text += &format!(
            "{of}.ssl.keystore.type=PKCS12
{of}.ssl.keystore.location={folder}/{store}.p12
{of}.ssl.keystore.password={STORE_PASSWORD}
{of}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
{of}.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";
{of}.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;
{of}.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;
{of}.oauthbearer.sasl.jaas.config={login}.oauthbearer.OAuthBearerLoginModule required;
"
        );
    }
    text
}
