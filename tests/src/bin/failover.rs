//! How long a partition is silent when its worker goes: `MOTMOT_TEST_KAFKA=… failover [ROUNDS] [OPEN…]`. Kills a worker that is started again at once,
//! kills one of two whose partitions go to the other, restarts one in order, and restarts one with so many open cycles in its store.
//!
//! Customers come all the time, to all of 4 partitions. Measured is, for the slowest partition, from the signal to the first committed output for a
//! record that came after it.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a tool for engineers")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use chrono::DateTime;
use motmot_core::touchpoint::Stage;
use motmot_tests::installed::{Installed, Running};
use motmot_tests::kafka::{self, Bench, now_ms};
use motmot_tests::others::{Others, RULE, producer, send, touchpoint};
use motmot_tests::process::eventually;
use motmot_tests::service::encoded;
use motmot_wire::Writer;
use rdkafka::producer::Producer;

const PARTITIONS: i32 = 4;
const PACE: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(600);
/// One of them is kept open by each greeting.
const STRATEGY: &str = "strategy: failover\ncycles: [{inactivity: 30d, grace: 1s}]\nrules:\n  \
    - {id: answered, kind: slow, from: {stage: greeting}, to: {stage: fulfilment}, limit: 20d, dimension: responsiveness}\n";
const LOG: [&str; 2] = ["log.format=json", "log.level=info,motmot_stream::shard::assign=debug"];

fn main() {
    let Some(broker) = kafka::broker("failover") else { return };
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().expect("a whole number"));
    let rounds = arguments.next().unwrap_or(10);
    one(&broker, rounds);
    two(&broker, rounds);
    for open in arguments {
        with_open_cycles(&broker, open, rounds);
    }
}

fn strategy() -> String {
    format!("{STRATEGY}{RULE}")
}

/// From `since` to the first flag of each of `partitions` for who came after it; the slowest.
fn silence(others: &Others, since: Instant, partitions: &BTreeSet<i32>) -> Duration {
    eventually("all partitions to speak again", PATIENCE, || {
        let flags = others.flags(since);
        let first = |partition| flags.iter().filter(|flag| flag.partition == partition).map(|flag| flag.seen - since).min();
        partitions.iter().map(|partition| first(*partition)).collect::<Option<Vec<_>>>()?.into_iter().max()
    })
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    println!("{what}: median {:?}, worst {:?} of {}", times[times.len() / 2], times[times.len() - 1], times.len());
}

fn all() -> BTreeSet<i32> {
    (0..PARTITIONS).collect()
}

/// A while in which it runs as always.
fn settle() {
    std::thread::sleep(Duration::from_secs(3));
}

fn one(broker: &str, rounds: usize) {
    let (bench, dir) = (Bench::new(broker, "failover-one", PARTITIONS), tempfile::tempdir().unwrap());
    let installed = Installed::new(dir.path(), &bench, &strategy());
    let others = Others::default();
    std::thread::scope(|scope| {
        let _stop = others.start(scope, &bench, PACE);
        let mut worker = installed.start("w1", &LOG);
        silence(&others, Instant::now(), &all());
        let (mut killed, mut restarted) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            settle();
            let since = Instant::now();
            worker.kill();
            worker = installed.start("w1", &LOG);
            killed.push(silence(&others, since, &all()));
            settle();
            let since = Instant::now();
            worker.stop();
            worker = installed.start("w1", &LOG);
            restarted.push(silence(&others, since, &all()));
        }
        report("killed, and started again at once", killed);
        report("restarted in order", restarted);
    });
}

/// The partitions that a worker has.
fn owned(worker: &Running) -> BTreeSet<i32> {
    worker.samples("motmot_worker_lag_records").keys().filter_map(|partition| partition.parse().ok()).collect()
}

fn two(broker: &str, rounds: usize) {
    let (bench, dir) = (Bench::new(broker, "failover-two", PARTITIONS), tempfile::tempdir().unwrap());
    let installed = Installed::new(dir.path(), &bench, &strategy());
    let others = Others::default();
    std::thread::scope(|scope| {
        let _stop = others.start(scope, &bench, PACE);
        let (mut first, second) = (installed.start("w1", &LOG), installed.start("w2", &LOG));
        let mut times = Vec::new();
        for _ in 0..rounds {
            eventually("each to have its share", PATIENCE, || {
                (owned(&first).len() == 2 && owned(&second).len() == 2).then_some(())
            });
            silence(&others, Instant::now(), &all());
            settle();
            let (since, had) = (Instant::now(), owned(&first));
            first.kill();
            times.push(silence(&others, since, &had));
            first = installed.start("w1", &LOG);
        }
        report("killed, and taken over by another when its session has ended (10 s)", times);
    });
}

/// When a line of its log was written that has all of `words`, the last one.
fn logged(worker: &Running, words: &str) -> Option<SystemTime> {
    let said = worker.said();
    let line = said.lines().rev().find(|line| line.contains(words))?;
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(DateTime::parse_from_rfc3339(line.get("timestamp")?.as_str()?).ok()?.into())
}

fn with_open_cycles(broker: &str, open: usize, rounds: usize) {
    let (bench, dir) = (Bench::new(broker, "failover-open", PARTITIONS), tempfile::tempdir().unwrap());
    let installed = Installed::new(dir.path(), &bench, &strategy());
    let mut worker = installed.start("w1", &LOG);
    let (producer, writer) = (producer(&bench), Writer::new());
    for number in 0..open {
        let (id, now) = (format!("open-{number}"), now_ms());
        send(&producer, &bench, &id, &encoded(&writer, &touchpoint(&id, Some(&id), Stage::Greeting, now)), now);
    }
    producer.flush(PATIENCE).unwrap();
    bench.wait_long_until(i64::MIN, PATIENCE, || ());
    std::thread::sleep(Duration::from_secs(15)); // a checkpoint
    let others = Others::default();
    std::thread::scope(|scope| {
        let _stop = others.start(scope, &bench, PACE);
        let (mut in_order, mut killed) = (Vec::new(), Vec::new());
        for round in 0..2 * rounds {
            silence(&others, Instant::now(), &all());
            settle();
            let is_killed = round.is_multiple_of(2);
            if is_killed {
                worker.kill();
            } else {
                worker.stop();
            }
            worker = installed.start("w1", &LOG);
            let (since, at) = (Instant::now(), SystemTime::now());
            // Who came while it was away counts as well: the first flag after the assignment is its first output.
            eventually("the assignment", PATIENCE, || logged(&worker, "the group assigns").filter(|assigned| *assigned > at));
            silence(&others, Instant::now(), &all());
            let assigned = logged(&worker, "the group assigns").unwrap().duration_since(at).unwrap();
            let first = others
                .flags(since - Duration::from_secs(60))
                .iter()
                .map(|flag| flag.seen)
                .filter(|seen| *seen > since + assigned)
                .min();
            let time = first.unwrap() - (since + assigned);
            if is_killed { killed.push(time) } else { in_order.push(time) }
        }
        report(&format!("{open} open cycles, killed: from the assignment to the first committed output"), killed);
        report(&format!("{open} open cycles, restarted in order: from the assignment to the first committed output"), in_order);
    });
}
