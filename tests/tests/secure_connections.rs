//! Promise: motmot speaks TLS and SASL to Kafka, says in words why it may not, and tells nobody a secret.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use motmot_tests::kafka::{self, Bench, now_ms};
use motmot_tests::process::{self, Process};
use motmot_tests::registry::Apicurio;
use motmot_tests::secure::{PASSWORD, SecureBroker, USER};
use motmot_tests::{http, service};

/// All that can be logged.
const LOUDEST: &str = "log.level=trace,librdkafka=trace,rdkafka=trace,hyper=trace,ureq=trace";

/// How a client comes in.
struct Door<'d> {
    broker: &'d str,
    mechanism: &'d str,
    password: &'d str,
    authority: &'d Path,
}

impl Door<'_> {
    fn options(&self) -> Vec<String> {
        let of = |key: &str, value: &str| ["--set".to_owned(), format!("kafka.{key}={value}")];
        [
            of("brokers", self.broker),
            of("security_protocol", "sasl_ssl"),
            of("sasl_mechanism", self.mechanism),
            of("sasl_username", USER),
            of("ssl_ca_file", &self.authority.display().to_string()),
        ]
        .concat()
    }

    /// What `motmot topics` says: whether it came in, and its words.
    fn knock(&self) -> (bool, String) {
        let mut command = Command::new(process::motmot());
        command.arg("topics").args(self.options()).env("MOTMOT_KAFKA__SASL_PASSWORD", self.password);
        let said = command.output().unwrap();
        let words = [said.stdout, said.stderr].concat();
        // Whoever is in is told that motmot's topics are missing.
        let words = String::from_utf8(words).unwrap();
        (words.contains("motmot topics --create"), words)
    }
}

#[test]
fn each_mechanism_comes_in_and_each_mistake_is_named() {
    let Some(broker) = SecureBroker::shared() else { return };
    let (good, expired) = (broker.authorities.0.as_path(), broker.authorities.1.as_path());
    let right = |mechanism| Door { broker: &broker.secure, mechanism, password: PASSWORD, authority: good };
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let (is_in, words) = right(mechanism).knock();
        assert!(is_in, "{mechanism}: {words}");
    }
    let wrong = [
        (Door { password: "wrong-7", ..right("SCRAM-SHA-512") }, "authentication", "kafka.sasl_password_file"),
        (Door { password: "wrong-7", ..right("PLAIN") }, "authentication", "kafka.sasl_password_file"),
        (Door { authority: expired, ..right("PLAIN") }, "certificate verify failed", "kafka.ssl_ca_file"),
        (Door { broker: &broker.by_number, ..right("PLAIN") }, "certificate verify failed", "kafka.brokers"),
        (Door { broker: &broker.expired, authority: expired, ..right("PLAIN") }, "certificate verify failed", "in date"),
    ];
    std::thread::scope(|scope| {
        for (door, found, mend) in &wrong {
            scope.spawn(move || {
                let (is_in, words) = door.knock();
                assert!(!is_in && words.contains(found) && words.contains(mend), "{found}, {mend}: {words}");
                assert!(!words.contains(door.password), "{words}");
            });
        }
    });
}

#[test]
fn a_broker_that_asks_for_a_certificate_is_shown_one() {
    let Some(broker) = SecureBroker::shared() else { return };
    let knock = |certificate: Option<&Path>, password: &str| {
        let mut command = Command::new(process::motmot());
        let mut set = |key: &str, value: &str| _ = command.args(["--set", &format!("kafka.{key}={value}")]);
        set("brokers", &broker.mutual);
        set("security_protocol", "ssl");
        set("ssl_ca_file", &broker.authorities.0.display().to_string());
        if let Some(certificate) = certificate {
            set("ssl_certificate_file", &certificate.display().to_string());
            set("ssl_key_file", &broker.client.1.display().to_string());
        }
        let said = command.arg("topics").env("MOTMOT_KAFKA__SSL_KEY_PASSWORD", password).output().unwrap();
        String::from_utf8([said.stdout, said.stderr].concat()).unwrap()
    };
    let words = knock(Some(&broker.client.0), PASSWORD);
    assert!(words.contains("motmot topics --create"), "{words}");
    let without = knock(None, "");
    assert!(without.contains("kafka.ssl_certificate_file") && !without.contains("motmot topics --create"), "{without}");
    let wrong = knock(Some(&broker.client.0), "wrong-7");
    assert!(wrong.contains("kafka.ssl_key_password_file") && !wrong.contains("wrong-7"), "{wrong}");
    let others = knock(Some(&broker.authorities.0), PASSWORD);
    assert!(others.contains("kafka.ssl_key_file"), "{others}");
}

#[test]
fn oauthbearer_has_its_token_from_the_endpoint() {
    let folder = tempfile::tempdir().unwrap();
    let Some(broker) = SecureBroker::shared() else { return };
    // A token without a signature, as Kafka's own validator for tests takes it.
    let part = |json: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let claims = serde_json::json!({"sub": USER, "iat": now_ms() / 1_000 - 5, "exp": now_ms() / 1_000 + 3_600});
    let token = format!("{}.{}.", part(serde_json::json!({"alg": "none"})), part(claims));
    let answer = serde_json::json!({"access_token": token, "token_type": "bearer", "expires_in": 3_600}).to_string();
    let port = http::serve(move |_, _| answer.clone());
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s3cret-plover").unwrap();
    let door = Door { broker: &broker.secure, mechanism: "OAUTHBEARER", password: "", authority: &broker.authorities.0 };
    let mut options: Vec<String> = door.options();
    options.retain(|option| !option.contains("sasl_username") || option == "--set");
    let mut command = Command::new(process::motmot());
    command.arg("topics");
    for option in options.iter().filter(|option| *option != "--set") {
        command.args(["--set", option]);
    }
    let said = command
        .args(["--set", &format!("kafka.oauth_token_url=http://127.0.0.1:{port}/token")])
        .args(["--set", "kafka.oauth_client_id=motmot"])
        .args(["--set", "kafka.properties.debug=all", "--set", LOUDEST])
        .args(["--set", &format!("kafka.oauth_client_secret_file={}", secret.display())])
        .output()
        .unwrap();
    let words = String::from_utf8([said.stdout, said.stderr].concat()).unwrap();
    assert!(words.contains("motmot topics --create"), "{words}\n{}", broker.said());
    let header = BASE64_STANDARD.encode("motmot:s3cret-plover");
    for secret in ["s3cret-plover", &token, &header] {
        let line = words.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a secret is in the log");
    }
}

#[test]
fn a_worker_runs_over_it_and_its_loudest_log_holds_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let Some(broker) = SecureBroker::shared() else { return };
    let Some(apicurio) = Apicurio::start(folder.path()) else { return };
    let bench = Bench::new(&broker.open, "secure", 2);
    let bench = Bench { reader: bench.reader.clone().with_registry(std::sync::Arc::new(apicurio.client())), ..bench };
    let begin = now_ms() - 7_200_000;
    kafka::produce(&broker.open, &bench.topics.touchpoints, &service::records(21, 100, begin));
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let (password, token) = (file("password", PASSWORD), file("token", "t0ken-plover"));
    let settings = [
        format!("kafka.sasl_password_file={password}"),
        format!("registry.url={}", apicurio.config().urls.concat()),
        format!("registry.token_file={token}"),
        format!("strategy.file={}", file("strategy.yaml", service::STRATEGY)),
        format!("topics.touchpoints={}", bench.topics.touchpoints),
        format!("topics.moments={}", bench.topics.moments),
        format!("topics.cycles={}", bench.topics.cycles),
        format!("topics.dead_letters={}", bench.topics.dead_letters),
        format!("topics.strategies={}", bench.topics.strategies),
        format!("worker.group={}", bench.name),
        format!("http.listen=127.0.0.1:{}", process::free_port()),
        "input.timestamps=producer".to_owned(),
        "kafka.properties.debug=all".to_owned(),
        LOUDEST.to_owned(),
    ];
    let door = Door { broker: &broker.secure, mechanism: "SCRAM-SHA-512", password: PASSWORD, authority: &broker.authorities.0 };
    let set = settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]);
    let arguments: Vec<String> = std::iter::once("run".to_owned()).chain(door.options()).chain(set).collect();
    let mut run = Process::start("motmot", process::motmot(), &arguments, &[], folder.path());
    run.until("the commits", Duration::from_secs(90), || {
        let is_done = bench.clocks().values().all(|clock| *clock >= begin + service::ALL_OVER);
        (is_done && bench.committed().values().map(|(offset, _)| offset).sum::<i64>() > 0).then_some(())
    });
    bench.tables().assert_equal(&bench.replay(&service::strategy(), &bench.clocks()), "over SASL_SSL");
    let said = run.said();
    assert!(said.contains("TRACE") && said.contains("SASL"), "it was loud: {} bytes", said.len());
    for secret in [PASSWORD, "t0ken-plover"] {
        let line = said.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a secret is in the log");
    }
}
