//! Promise: what a worker tells on a real Kafka are the tables of a replay of the same records with the same clock.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use motmot_stream::Worker;
use motmot_tests::kafka::{self, Bench, now_ms, wait_for};
use motmot_tests::service;

#[test]
fn with_two_shards_and_four_partitions() {
    let Some(broker) = kafka::broker("with_two_shards_and_four_partitions") else { return };
    let bench = Bench::new(&broker, "equal", 4);
    let begin = now_ms() - 7_200_000;
    let records = service::records(1, 2_000, begin);
    kafka::produce(&broker, &bench.topics.touchpoints, &records);

    let dir = tempfile::tempdir().unwrap();
    let registry = prometheus::Registry::new();
    let config = motmot_stream::WorkerConfig { shards: 2, ..bench.worker(dir.path()) };
    let worker = Worker::new(config, service::strategy(), service::STRATEGY.to_owned(), &registry).unwrap();
    kafka::while_running(&worker, || {
        bench.wait_until_committed(begin + service::ALL_OVER);
        wait_for("readiness", || worker.health().obstacle().is_none());
    });

    let tables = bench.tables();
    assert!(tables.cycles() > 1_900 && tables.moments() > 200, "{} cycles, {} moments", tables.cycles(), tables.moments());
    tables.assert_equal(&bench.replay(&service::strategy(), &bench.clocks()), "worker and replay");
    assert_eq!(consumed(&registry), records.len() as u64, "every record is counted, once");
}

fn consumed(registry: &prometheus::Registry) -> u64 {
    let families = registry.gather();
    let records = families.iter().find(|family| family.name() == "motmot_worker_records_total").unwrap();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counts are whole numbers
    records.get_metric().iter().map(|metric| metric.get_counter().get_value() as u64).sum()
}
