//! A broker of its own that lets nobody in without TLS and a password, on certificates made for the occasion.
#![allow(clippy::unwrap_used, reason = "support of tests: it says by a panic what broke")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread;
use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::symm::Cipher;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};
use tempfile::TempDir;

use crate::kafka::now_ms;
use crate::process::{self, Process};

/// A JVM on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(120);
/// The only user.
pub const USER: &str = "motmot";
/// Its password, by every mechanism.
pub const PASSWORD: &str = "Xyzzy-plugh-7";

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
    _folder: TempDir,
}

impl SecureBroker {
    /// Starts it, or takes the one that another test of this process has; it ends with the last who has it. None: Kafka's jars are not here,
    /// which was said.
    ///
    /// # Panics
    /// When it does not start, and in CI when there are no jars.
    pub fn shared() -> Option<Arc<Self>> {
        static RUNNING: Mutex<Weak<SecureBroker>> = Mutex::new(Weak::new());
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(broker) = running.upgrade() {
            return Some(broker);
        }
        // A program ends with the thread that started it, and a test's own thread ends with the test.
        let (sender, started) = mpsc::channel();
        thread::spawn(move || {
            sender.send(Self::start()).unwrap();
            loop {
                thread::park();
            }
        });
        let broker = Arc::new(started.recv().unwrap()?);
        *running = Arc::downgrade(&broker);
        Some(broker)
    }

    fn start() -> Option<Self> {
        let cache = std::env::var_os("MOTMOT_CACHE").map(PathBuf::from);
        let entries = cache.and_then(|cache| std::fs::read_dir(cache).ok()).into_iter().flatten();
        let mut folders = entries.map(|entry| entry.unwrap().path().join("libs"));
        let Some(jars) = folders.find(|libs| libs.to_string_lossy().contains("/kafka-") && libs.is_dir()) else {
            process::skip("MOTMOT_CACHE has no Kafka. `deploy/local/setup test` brings it, `make test` finds it");
            return None;
        };
        let own = tempfile::tempdir().unwrap();
        let folder = own.path();
        let identities = [("good", 1), ("expired", 30), ("client", 1)].map(|(name, age)| Identity::new(folder, name, age));
        let [good, expired, client] = &identities;
        for identity in [good, expired] {
            std::fs::write(identity.file.with_extension("store"), identity.store()).unwrap();
        }
        let authorities = (good.file.clone(), expired.file.clone());
        let key = client.key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), PASSWORD.as_bytes()).unwrap();
        let client = (client.file.clone(), folder.join("client.key"));
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
        Some(Self { open, secure, by_number, expired, mutual, authorities, client, process, _folder: own })
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        self.process.said()
    }
}

/// A key and its certificate for `localhost`, signed by itself.
#[derive(Debug)]
pub struct Identity {
    /// The key.
    pub key: PKey<Private>,
    /// The certificate.
    pub certificate: X509,
    /// The certificate in PEM.
    pub file: PathBuf,
}

impl Identity {
    /// Makes one that is good for ten days, of which `age` are over; the certificate goes to `NAME.pem` in `folder`.
    ///
    /// # Panics
    /// When OpenSSL does not make it.
    pub fn new(folder: &Path, name: &str, age: i64) -> Self {
        const DAY: i64 = 86_400;
        let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap();
        let mut subject = X509Name::builder().unwrap();
        subject.append_entry_by_nid(Nid::COMMONNAME, "localhost").unwrap();
        let subject = subject.build();
        let begin = now_ms() / 1_000 - age * DAY;
        let mut serial = BigNum::new().unwrap();
        serial.rand(128, MsbOption::MAYBE_ZERO, false).unwrap();
        let mut made = X509::builder().unwrap();
        made.set_version(2).unwrap();
        made.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
        made.set_subject_name(&subject).unwrap();
        made.set_issuer_name(&subject).unwrap();
        made.set_not_before(&Asn1Time::from_unix(begin).unwrap()).unwrap();
        made.set_not_after(&Asn1Time::from_unix(begin + 10 * DAY).unwrap()).unwrap();
        made.set_pubkey(&key).unwrap();
        made.append_extension(BasicConstraints::new().ca().build().unwrap()).unwrap();
        let host = SubjectAlternativeName::new().dns("localhost").build(&made.x509v3_context(None, None)).unwrap();
        made.append_extension(host).unwrap();
        made.sign(&key, MessageDigest::sha256()).unwrap();
        let (certificate, file) = (made.build(), folder.join(format!("{name}.pem")));
        std::fs::write(&file, certificate.to_pem().unwrap()).unwrap();
        Self { key, certificate, file }
    }

    /// Key and certificate as Kafka wants them in one file.
    fn store(&self) -> Vec<u8> {
        [self.key.private_key_to_pem_pkcs8().unwrap(), self.certificate.to_pem().unwrap()].concat()
    }
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
listener.name.mutual.ssl.keystore.type=PEM
listener.name.mutual.ssl.keystore.location={folder}/good.store
listener.name.mutual.ssl.truststore.type=PEM
listener.name.mutual.ssl.truststore.location={folder}/client.pem
listener.name.mutual.ssl.client.auth=required
"
    );
    let login = "org.apache.kafka.common.security";
    for (listener, store) in [("secure", "good"), ("expired", "expired")] {
        let of = format!("listener.name.{listener}");
        text += &format!(
            "{of}.ssl.keystore.type=PEM
{of}.ssl.keystore.location={folder}/{store}.store
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
