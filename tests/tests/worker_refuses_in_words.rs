//! Promise: a worker that must not start says what it found and what mends it.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use motmot_stream::{InputTimestamps, Refusal, Shutdown, Worker, WorkerConfig, WorkerError};
use motmot_tests::kafka::{self, Bench, Out, now_ms};
use motmot_tests::service;
use prometheus::Registry;

fn start(config: WorkerConfig) -> Result<Worker, WorkerError> {
    Worker::new(config, service::strategy(), service::STRATEGY.to_owned(), &Registry::new())
}

/// What the worker says; it must not start.
fn refusal(config: WorkerConfig) -> WorkerError {
    start(config).map(drop).unwrap_err()
}

fn check(error: &WorkerError, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

#[test]
fn an_unreachable_broker() {
    // Nothing listens on port 1. The test needs no broker.
    let bench = Bench::without_topics("127.0.0.1:1", "unreachable", 1);
    let error = refusal(bench.worker(std::path::Path::new("nowhere")));
    assert!(matches!(error, WorkerError::Unreachable { .. }), "{error:?}");
    check(&error, &["127.0.0.1:1", "kafka.brokers", "whether the broker runs"]);
}

#[test]
fn a_missing_topic() {
    let Some(broker) = kafka::broker("a_missing_topic") else { return };
    let bench = Bench::without_topics(&broker, "missing", 1);
    let error = refusal(bench.worker(std::path::Path::new("nowhere")));
    assert!(matches!(error, WorkerError::MissingTopic { .. }), "{error:?}");
    check(&error, &[&bench.topics.touchpoints, "motmot topics --create"]);
}

#[test]
fn the_producers_clock() {
    let Some(broker) = kafka::broker("the_producers_clock") else { return };
    let bench = Bench::new(&broker, "clock", 1);
    let config = WorkerConfig { input_timestamps: InputTimestamps::LogAppend, ..bench.worker(std::path::Path::new("nowhere")) };
    let error = refusal(config);
    assert!(matches!(error, WorkerError::ProducersClock { .. }), "{error:?}");
    let mend = "--add-config message.timestamp.type=LogAppendTime";
    check(&error, &["CreateTime", mend, &bench.topics.touchpoints, "input.timestamps = \"producer\""]);
}

#[test]
fn outputs_with_another_number_of_partitions() {
    let Some(broker) = kafka::broker("outputs_with_another_number_of_partitions") else { return };
    let bench = Bench::without_topics(&broker, "counts", 1);
    for (topic, partitions) in
        [(&bench.topics.touchpoints, 2), (&bench.topics.moments, 2), (&bench.topics.cycles, 3), (&bench.topics.dead_letters, 2)]
    {
        kafka::create(&broker, topic, partitions, &[]);
    }
    let error = refusal(bench.worker(std::path::Path::new("nowhere")));
    assert!(matches!(error, WorkerError::PartitionCount { found: 3, expected: 2, .. }), "{error:?}");
    check(&error, &[&bench.topics.cycles, "3 partitions", "2"]);
}

#[test]
fn a_locked_store() {
    let Some(broker) = kafka::broker("a_locked_store") else { return };
    let bench = Bench::new(&broker, "locked", 1);
    let dir = tempfile::tempdir().unwrap();
    let resources = motmot_store::Resources::new(8 << 20, 4 << 20);
    let _owner = motmot_store::Store::open(&resources, dir.path(), &bench.topics.touchpoints, 0).unwrap();
    let error = start(bench.worker(dir.path())).unwrap().run(&Shutdown::new()).unwrap_err();
    assert!(matches!(error, WorkerError::Store(motmot_store::StoreError::Locked { .. })), "{error:?}");
    check(&error, &["another process", "instance name"]);
}

#[test]
fn offsets_that_were_set_beyond_the_end() {
    let Some(broker) = kafka::broker("offsets_that_were_set_beyond_the_end") else { return };
    let bench = Bench::new(&broker, "state", 1);
    let dir = tempfile::tempdir().unwrap();
    let begin = now_ms() - 7_200_000;
    kafka::produce(&broker, &bench.topics.touchpoints, &service::records(5, 20, begin));
    kafka::while_running(&start(bench.worker(dir.path())).unwrap(), || bench.wait_until_committed(begin + service::ALL_OVER));

    bench.reset(0, 1_000_000);
    let error = start(bench.worker(dir.path())).unwrap().run(&Shutdown::new()).unwrap_err();
    assert!(matches!(error, WorkerError::Refused { refusal: Refusal::BeyondEnd { offset: 1_000_000, .. }, .. }), "{error:?}");
}

#[test]
fn a_foreign_commit_only_costs_a_warning() {
    let Some(broker) = kafka::broker("a_foreign_commit_only_costs_a_warning") else { return };
    let bench = Bench::new(&broker, "foreign", 1);
    let dir = tempfile::tempdir().unwrap();
    let begin = now_ms() - 7_200_000;
    let records = service::records(6, 20, begin);
    let (first, second) = records.split_at(10);
    kafka::produce(&broker, &bench.topics.touchpoints, first);
    bench.reset(0, i64::try_from(first.len()).unwrap());
    kafka::produce(&broker, &bench.topics.touchpoints, &[second, &[Out::default()]].concat());
    kafka::while_running(&start(bench.worker(dir.path())).unwrap(), || bench.wait_until_committed(begin + service::ALL_OVER));
    assert_eq!(bench.read(&bench.topics.dead_letters).len(), 1, "only what came after the commit is told");
}
