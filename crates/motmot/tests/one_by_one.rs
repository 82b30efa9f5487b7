//! Records that come one by one are all folded.
//!
//! They once were not: the worker was told "end of the partition" as a message of its batch, librdkafka took that for a record, and
//! the next real one lay before the position that it then named. Only a topic that is at its end again and again shows it.

#![allow(clippy::unwrap_used)] // clippy does not see that helpers are tests too

use std::sync::Arc;
use std::time::{Duration, Instant};

use motmot_core::Strategy;
use motmot_stream::{InputTimestamps, Shutdown, TopicNames, Worker, WorkerConfig};
use motmot_wire::Writer;
use motmot_wire::json::parse_json_line;
use prometheus::Registry;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

const RECORDS: u64 = 100;
const PATIENCE: Duration = Duration::from_secs(90);

/// Input records in committed transactions, whatever became of them.
fn counted(registry: &Registry) -> f64 {
    let families = registry.gather();
    let records = families.iter().find(|family| family.name() == "motmot_worker_records_total").unwrap();
    records.get_metric().iter().map(|metric| metric.get_counter().get_value()).sum()
}

fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn none_is_skipped_at_the_end_of_the_log() {
    let topics = TopicNames::default();
    let cluster = MockCluster::new(1).unwrap();
    for topic in [&topics.touchpoints, &topics.moments, &topics.cycles, &topics.dead_letters, &topics.strategies] {
        cluster.create_topic(topic, 1, 1).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let mut config = WorkerConfig::new(cluster.bootstrap_servers(), "one-by-one");
    config.input_timestamps = InputTimestamps::Producer;
    config.is_mock_cluster = true;
    config.shards = 1;
    config.store = folder.path().join("store");
    config.commit_interval = Duration::from_millis(10);
    config.kafka.properties.insert("fetch.wait.max.ms".to_owned(), "20".to_owned());
    config.tick_interval = Duration::from_millis(10); // the more often the end is asked for, the surer the trap
    let text = "strategy: s\ncycles: [{inactivity: 2h, grace: 5m}]\nrules: [{id: a, kind: abandoned, dimension: reliability}]\n";
    let strategy = Arc::new(Strategy::load("s.yaml", text).unwrap());
    let registry = Registry::new();
    let worker = Worker::new(config, strategy, text.to_owned(), &registry).unwrap();
    let (health, shutdown) = (worker.health(), Shutdown::new());
    let stop = shutdown.clone();
    let running = std::thread::spawn(move || worker.run(&stop));
    until("the worker joins", || health.obstacle().is_none());

    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", cluster.bootstrap_servers()).set("linger.ms", "0").create().unwrap();
    for number in 1..=RECORDS {
        let line = format!(
            r#"{{"event_id":"e{number}","occurred_at":"2026-03-02T09:00:00Z","cycle_id":"c","stage":"greeting","channel":"phone","site":"s","outcome":"met"}}"#
        );
        let mut value = Vec::new();
        Writer::new().touchpoint(&parse_json_line(line.as_bytes()).unwrap().touchpoint, &mut value).unwrap();
        producer
            .send(BaseRecord::to(&topics.touchpoints).key("c").payload(&value).timestamp(1_772_442_000_000))
            .map_err(|(e, _)| e)
            .unwrap();
        producer.flush(PATIENCE).unwrap();
        #[allow(clippy::cast_precision_loss)] // a hundred
        until(&format!("record {number} is counted"), || counted(&registry) >= number as f64);
    }
    shutdown.request();
    running.join().unwrap().unwrap();
}
