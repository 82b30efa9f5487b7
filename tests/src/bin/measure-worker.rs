//! Measures a worker on a pre-loaded topic: `MOTMOT_TEST_KAFKA=… measure-worker [CYCLES] [PARTITIONS] [SHARDS]`.
//!
//! Prints events per second of wall and of this process's CPU, from the worker's start to the commit of the last record.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a tool for engineers"
)]

use std::time::{Duration, Instant};

use motmot_stream::{Worker, WorkerConfig};
use motmot_tests::kafka::{self, Bench, now_ms};
use motmot_tests::service;

fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|argument| argument.parse().unwrap()).collect();
    let of = |position: usize, default| arguments.get(position).copied().unwrap_or(default);
    let (cycles, partitions, shards) = (of(0, 100_000), of(1, 8), of(2, 1));
    let Some(broker) = kafka::broker("measure-worker") else { return };
    let bench = Bench::new(&broker, "measured", i32::try_from(partitions).unwrap());
    let records = service::records(9, cycles, now_ms() - 7_200_000);
    for part in records.chunks(200_000) {
        kafka::produce(&broker, &bench.topics.touchpoints, part);
    }
    let events = records.len();
    let bytes: usize = records.iter().filter_map(|record| Some(record.value.as_ref()?.len())).sum();
    drop(records);

    let dir = tempfile::tempdir().unwrap();
    let config = WorkerConfig { shards, checkpoint_interval: Duration::from_secs(10), ..bench.worker(dir.path()) };
    let worker = Worker::new(config, service::strategy(), service::STRATEGY.to_owned(), &prometheus::Registry::new()).unwrap();
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let (wall, cpu) = kafka::while_running(&worker, || {
        bench.wait_until_committed(i64::MIN);
        (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu)
    });
    println!(
        "{events} events of {} bytes, {shards} shards: {wall:.2} s wall = {:.0} events/s; {cpu:.2} s CPU = {:.0} events per CPU second",
        bytes / events.max(1),
        events as f64 / wall,
        events as f64 / cpu,
    );
}

/// User and system time of this process without this thread, which only watches.
fn cpu_seconds() -> f64 {
    ticks("/proc/self/stat") - ticks("/proc/thread-self/stat")
}

/// By the kernel's count of hundredths.
fn ticks(file: &str) -> f64 {
    let stat = std::fs::read_to_string(file).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}
