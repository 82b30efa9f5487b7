//! Promise: brokers that do not answer for longer than every time-out cost time and nothing else.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use motmot_stream::{Worker, WorkerConfig, WorkerError};
use motmot_tests::kafka::{self, Bench, now_ms, wait_for};
use motmot_tests::service;
use prometheus::Registry;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::metadata::MetadataTopic;

/// A broker of this test's own, which may be stopped.
struct Broker {
    script: Child,
    pid: String,
    address: String,
}

impl Broker {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/local/kafka");
        let mut script = Command::new(script)
            .args(["run", "sh", "-c", "echo \"$MOTMOT_TEST_KAFKA $PPID\"; cat"])
            .env_remove("MOTMOT_TEST_KAFKA")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(script.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (address, parent) = line.trim().split_once(' ').unwrap_or_else(|| panic!("the broker did not start: {line:?}"));
        Self { pid: java_below(parent), address: address.to_owned(), script }
    }

    /// As a client is told that asks for the first time. A broker that comes back lists none for a moment, itself included, and a client that
    /// has heard so may never find any (confluentinc/librdkafka#5301).
    fn leads(&self, topic: &str) -> bool {
        let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &self.address).create().unwrap();
        let Ok(told) = client.fetch_metadata(Some(topic), Duration::from_secs(1)) else { return false };
        let is_led = |topic: &MetadataTopic| topic.error().is_none() && topic.partitions().iter().all(|p| p.leader() >= 0);
        !told.brokers().is_empty() && told.topics().iter().all(is_led)
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.pid]).status().unwrap().success());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-CONT", &self.pid]).status();
        // The end of its input ends what the script runs, and with it the broker.
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

/// The process of a broker that a script has started.
fn java_below(parent: &str) -> String {
    let is_child = |pid: &String| {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let status = read("status");
        let is_of = status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|found| found.trim() == parent));
        is_of && read("cmdline").contains("kafka.Kafka")
    };
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    processes.filter(|name| name.bytes().all(|b| b.is_ascii_digit())).find(is_child).unwrap()
}

#[test]
fn what_waits_goes_on_and_what_ends_is_started_again() {
    // A broker of its own, so that no other test waits; but only where there are brokers at all.
    let Some(_) = kafka::broker("what_waits_goes_on_and_what_ends_is_started_again") else { return };
    let broker = Broker::start();
    let bench = Bench::new(&broker.address, "gone", 2);
    let dir = tempfile::tempdir().unwrap();
    let begin = now_ms() - 7_200_000;
    let records = service::records(51, 1_500, begin);
    let (first, second) = records.split_at(records.len() / 2);
    kafka::produce(&broker.address, &bench.topics.touchpoints, first);
    let config = WorkerConfig { checkpoint_interval: Duration::from_millis(200), ..bench.worker(dir.path()) };
    let worker = || Worker::new(config.clone(), service::strategy(), service::STRATEGY.to_owned(), &Registry::new());
    // A broker that goes on takes up what waited for it: a join that its client has given up and sent once more makes of one member two of one
    // name, and the group lets one go. Whoever is told that ends, and its supervisor starts it again.
    let passes = |error: &WorkerError| matches!(error, WorkerError::NameTaken { .. } | WorkerError::Unreachable { .. });
    kafka::while_supervised(worker, passes, || {
        wait_for("a commit in the middle", || bench.committed().values().any(|(offset, _)| *offset > 0));
        broker.signal("-STOP");
        // Longer than the session's and the transaction's time-out (10 s), and than a question's patience (20 s).
        std::thread::sleep(Duration::from_secs(35));
        // Whoever starts now is told so, soon and in words.
        let error = worker().map(drop).unwrap_err();
        assert!(matches!(error, WorkerError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains("whether the broker runs"), "{error}");
        broker.signal("-CONT");
        let mut answers = 0;
        wait_for("the broker to lead again", || {
            answers = if broker.leads(&bench.topics.touchpoints) { answers + 1 } else { 0 };
            answers == 20
        });
        kafka::produce(&broker.address, &bench.topics.touchpoints, second);
        // A client that has lost its brokers for ever is given up after a minute.
        bench.wait_long_until(begin + service::ALL_OVER, 2 * kafka::PATIENCE, || {});
    });
    let tables = bench.tables();
    assert!(tables.cycles() > 1_400, "{} cycles", tables.cycles());
    tables.assert_equal(&bench.replay(&service::strategy(), &bench.clocks()), "worker whose broker was gone, and replay");
}
