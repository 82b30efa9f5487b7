//! Promise: every command reads and writes Confluent's framing, through TLS and by a name and a password, and says what keeps it out.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use motmot_core::Timestamp;
use motmot_registry::{Credentials, Registry, RegistryConfig, Secret, Waiting};
use motmot_stream::Worker;
use motmot_tests::gate::{self, Gate};
use motmot_tests::kafka::{self, Bench, now_ms, wait_for};
use motmot_tests::process::motmot;
use motmot_tests::registry::Apicurio;
use motmot_tests::secure::Identity;
use motmot_tests::service;
use motmot_wire::{Reader, RecordType};

/// What a command is told of the registry.
struct Door<'d> {
    port: u16,
    host: &'d str,
    authority: &'d Path,
    password: &'d Path,
}

impl Door<'_> {
    /// Whether the program ends well, and what it says.
    fn say(&self, bench: &Bench, arguments: &[&str]) -> (bool, String) {
        let sets = [
            format!("kafka.brokers={}", bench.kafka.brokers),
            format!("topics.touchpoints={}", bench.topics.touchpoints),
            format!("topics.moments={}", bench.topics.moments),
            format!("topics.cycles={}", bench.topics.cycles),
            format!("registry.url=https://{}:{}/apis/ccompat/v7", self.host, self.port),
            format!("registry.ca_file={}", self.authority.display()),
            format!("registry.user={}", gate::USER),
            format!("registry.password_file={}", self.password.display()),
        ];
        let mut program = Command::new(motmot());
        program.args(arguments).args(sets.iter().flat_map(|set| ["--set", set]));
        let outcome = program.output().unwrap();
        let words = [outcome.stdout, outcome.stderr].concat();
        (outcome.status.success(), String::from_utf8(words).unwrap())
    }
}

fn lines(begin: i64) -> String {
    let at = |seconds: i64| Timestamp::from_millis(begin + seconds * 1_000);
    let line = |number: i64, key: i64, stage: &str, seconds: i64| {
        let (at, id) = (at(seconds), format!("e{key}-{number}"));
        format!(
            r#"{{"event_id": "{id}", "occurred_at": "{at}", "customer_id": "c{key}", "cycle_id": "one", "stage": "{stage}", "channel": "phone", "site": "north", "outcome": "met"}}"#
        )
    };
    // Every third customer waits for two minutes where one was promised.
    let of = |key: i64| {
        let wait = if key % 3 == 0 { 120 } else { 30 };
        [line(0, key, "need_detection", key), line(1, key, "fulfilment", key + wait)]
    };
    (0..30).flat_map(of).collect::<Vec<_>>().join("\n")
}

#[test]
fn import_digest_replay_and_explain() {
    let Some(broker) = kafka::broker("import_digest_replay_and_explain") else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(apicurio) = Apicurio::start(folder.path()) else { return };
    let gate = Gate::before(apicurio.port(), folder.path());
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let password = file("password", gate::PASSWORD);
    let door = Door { port: gate.port, host: "localhost", authority: &gate.authority, password: &password };
    let bench = Bench::new(&broker, "framed", 2);
    let well = |arguments: &[&str]| {
        let (is_well, words) = door.say(&bench, arguments);
        assert!(is_well, "{arguments:?}: {words}");
        words
    };

    let (begin, topic) = (now_ms() - 7_200_000, bench.topics.touchpoints.clone());
    let events = file("events.jsonl", &lines(begin));
    well(&["import", events.to_str().unwrap(), "--to-topic", &topic]);
    let rows = bench.read(&topic);
    assert!(rows.len() == 60 && rows.iter().all(|row| row.value.as_deref().unwrap()[0] == 0), "Confluent's framing");

    // The worker's own client, by the same way.
    let config = RegistryConfig {
        ca_file: Some(gate.authority.clone()),
        credentials: Some(Credentials::Basic { user: gate::USER.to_owned(), password: Secret::File(password.clone()) }),
        ..RegistryConfig::new(format!("https://localhost:{}/apis/ccompat/v7", gate.port))
    };
    let client = Registry::new(&config, Waiting::AtMost(Duration::from_millis(250)), None).unwrap();
    let tables = [(RecordType::Moment, bench.topics.moments.as_str()), (RecordType::Cycle, bench.topics.cycles.as_str())];
    let writer = client.writer(&tables).unwrap();
    let reader = Reader::new().with_registry(Arc::new(client));
    let bench = Bench { reader: reader.clone(), ..bench.clone() };
    let metrics = prometheus::Registry::new();
    let worker =
        Worker::new(bench.worker(&folder.path().join("store")), service::strategy(), service::STRATEGY.to_owned(), &metrics);
    let worker = worker.unwrap().with_reader(reader).with_writer(writer);
    kafka::while_running(&worker, || {
        bench.wait_until_committed(begin + service::ALL_OVER);
        wait_for("readiness", || worker.health().obstacle().is_none());
    });

    let digest = bench.tables().digest();
    assert!(well(&["digest"]).contains(&digest), "the tables' digest is {digest}");
    let (strategy, out) = (file("strategy.yaml", service::STRATEGY), folder.path().join("replayed"));
    let (strategy, out) = (strategy.to_str().unwrap(), out.to_str().unwrap());
    let until = Timestamp::from_millis(now_ms()).to_string();
    let replayed = well(&["replay", "--strategy", strategy, "--topic", &topic, "--until", &until, "--out", out]);
    assert!(replayed.contains(&digest), "the tables' digest is {digest}: {replayed}");

    let slow = std::fs::read_to_string(Path::new(out).join("moments.jsonl")).unwrap();
    let slow = slow.lines().find(|line| line.contains("\"rule\":\"slow\"")).unwrap();
    let slow: serde_json::Value = serde_json::from_str(slow).unwrap();
    let strategy = format!("strategy.file={strategy}");
    let story = well(&["explain", slow["moment_id"].as_str().unwrap(), "--set", &strategy]);
    assert!(story.contains("it takes at most 1m") && story.contains(&format!("the moment rests on {topic}-")), "{story}");
}

#[test]
fn who_is_kept_out_is_told_why() {
    let Some(broker) = kafka::broker("who_is_kept_out_is_told_why") else { return };
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new(&broker, "kept-out", 1);
    // Nobody needs to be behind this door: who may not pass does not get there.
    let gate = Gate::before(1, folder.path());
    let other = Identity::new(folder.path(), "other", 1).file;
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let (right, wrong) = (file("right", gate::PASSWORD), file("wrong", "wr0ng-plover"));
    let events = file("events.jsonl", &lines(now_ms()));
    let authority = gate.authority.as_path();
    let doors = [
        (Door { port: gate.port, host: "localhost", authority: &other, password: &right }, "registry.ca_file"),
        (Door { port: gate.port, host: "127.0.0.1", authority, password: &right }, "registry.url"),
        (Door { port: gate.port, host: "localhost", authority, password: &wrong }, "registry.password_file"),
    ];
    std::thread::scope(|scope| {
        for (door, mend) in &doors {
            let (bench, events) = (&bench, events.to_str().unwrap());
            scope.spawn(move || {
                let (is_well, words) = door.say(bench, &["import", events, "--to-topic", &bench.topics.touchpoints]);
                assert!(!is_well && words.contains(mend), "{mend}: {words}");
                assert!(!words.contains("plover"), "a password is told: {words}");
            });
        }
    });
}
