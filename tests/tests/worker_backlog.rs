//! Promise: a worker that stood still for two hours, while life went on, raises nothing that was cured in time meanwhile.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::collections::BTreeMap;
use std::path::Path;

use motmot_core::Timestamp;
use motmot_core::moment::MomentState;
use motmot_core::touchpoint::Stage;
use motmot_stream::{Clock, Worker, WorkerConfig};
use motmot_tests::kafka::{self, Bench, Out, now_ms};
use motmot_tests::service;
use motmot_wire::{Reader, Writer};
use prometheus::Registry;

const MINUTE: i64 = 60_000;
const BACKLOG: i64 = 120 * MINUTE;
const CUSTOMERS: i64 = 600;

/// When each is answered, in seconds after the question; the strategy promises a minute.
fn answered_after(customer: i64) -> Option<i64> {
    match customer % 20 {
        7 => Some(90),
        13 => None,
        _ => Some(30),
    }
}

/// Questions and answers of all customers, in the order of their arrival. Half of them ask in the minute before `stop`, in which nothing is
/// answered yet, the others within two hours after it.
fn records(stop: i64) -> (Vec<Out>, Vec<Out>) {
    let mut writer = Writer::new();
    let mut records = Vec::new();
    for customer in 0..CUSTOMERS {
        let key = format!("customer-{customer}");
        let asked = if customer < CUSTOMERS / 2 {
            stop - 20_000 + customer * 10
        } else {
            stop + MINUTE + (customer - CUSTOMERS / 2) * (BACKLOG - 10 * MINUTE) / (CUSTOMERS / 2)
        };
        records.push(service::out(&mut writer, &key, &service::touchpoint(&key, Stage::NeedDetection, asked), asked));
        if let Some(after) = answered_after(customer) {
            let at = asked + after * 1_000;
            records.push(service::out(&mut writer, &key, &service::touchpoint(&key, Stage::Fulfilment, at), at));
        }
    }
    records.sort_by_key(|record| record.timestamp);
    let before = records.partition_point(|record| record.timestamp <= stop);
    let backlog = records.split_off(before);
    (records, backlog)
}

#[test]
fn raises_nothing_that_was_cured_within_it() {
    let Some(broker) = kafka::broker("raises_nothing_that_was_cured_within_it") else { return };
    let bench = Bench::new(&broker, "backlog", 2);
    let dir = tempfile::tempdir().unwrap();
    let stop = now_ms() - BACKLOG;
    let (before, backlog) = records(stop);
    kafka::produce(&broker, &bench.topics.touchpoints, &before);
    // Two hours ago.
    run(&bench, dir.path(), Clock::simulated(Timestamp::from_millis(stop), 1), || bench.wait_until_committed(i64::MIN));
    assert!(bench.clocks().values().all(|clock| *clock <= stop), "nothing is due yet: {:?}", bench.clocks());
    kafka::produce(&broker, &bench.topics.touchpoints, &backlog);
    run(&bench, dir.path(), Clock::default(), || bench.wait_until_committed(stop + BACKLOG));

    let mut told: BTreeMap<String, Vec<MomentState>> = BTreeMap::new();
    for row in bench.read(&bench.topics.moments) {
        let value = row.value.unwrap();
        let moment = Reader::new().moment(&value).unwrap();
        if &*moment.rule == "slow" {
            told.entry(moment.key.to_string()).or_default().push(moment.state);
        }
    }
    for customer in 0..CUSTOMERS {
        let states = told.remove(&format!("customer-{customer}")).unwrap_or_default();
        let is_right = match answered_after(customer) {
            Some(30) => states.is_empty(),
            Some(_) => states.last() == Some(&MomentState::Recovered),
            None => matches!(states.last(), Some(MomentState::Raised | MomentState::Expired)),
        };
        assert!(is_right, "customer {customer}: {states:?}");
    }
    bench.tables().assert_equal(&bench.replay(&service::strategy(), &bench.clocks()), "a worker with a backlog, and replay");
}

fn run(bench: &Bench, store: &Path, clock: Clock, meanwhile: impl FnOnce()) {
    let config = WorkerConfig { clock, ..bench.worker(store) };
    let worker = Worker::new(config, service::strategy(), service::STRATEGY.to_owned(), &Registry::new()).unwrap();
    kafka::while_running(&worker, meanwhile);
}
