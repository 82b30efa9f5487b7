//! Promise: of two workers of one name the older one ends and says why; the younger one goes on. Neither shuts the other out without end, and
//! nothing is told twice.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use motmot_stream::{Shutdown, Worker, WorkerError};
use motmot_tests::kafka::{self, Bench, now_ms, wait_for};
use motmot_tests::service;

#[test]
fn the_older_one_ends_and_says_why() {
    let Some(broker) = kafka::broker("the_older_one_ends_and_says_why") else { return };
    let bench = Bench::new(&broker, "twins", 2);
    let begin = now_ms() - 7_200_000;
    let records = service::records(1, 1_000, begin);
    let mut rest = records.as_slice();
    let mut produce = |count: usize| {
        let some = rest.split_off(..count.min(rest.len())).unwrap();
        kafka::produce(&broker, &bench.topics.touchpoints, some);
    };

    let dir = tempfile::tempdir().unwrap();
    let worker = |store: &str| {
        let registry = prometheus::Registry::new();
        Worker::new(bench.worker(&dir.path().join(store)), service::strategy(), service::STRATEGY.to_owned(), &registry).unwrap()
    };
    let elder = worker("elder");
    let health = elder.health();
    let elder = std::thread::spawn(move || elder.run(&Shutdown::new()));
    produce(20);
    wait_for("the older one's place", || health.obstacle().is_none());

    let younger = worker("younger");
    kafka::while_running(&younger, || {
        wait_for("the end of the older one", || {
            produce(20); // each has something to commit, and meets the other's producer
            elder.is_finished()
        });
        let error = elder.join().unwrap().unwrap_err();
        assert!(matches!(error, WorkerError::NameTaken { .. }), "{error:?}");
        assert!(error.to_string().contains("worker.instance"), "{error}");
        produce(usize::MAX);
        bench.wait_until_committed(begin + service::ALL_OVER);
    });
    bench.tables().assert_equal(&bench.replay(&service::strategy(), &bench.clocks()), "both workers and replay");
}
