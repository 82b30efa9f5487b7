//! What a large state costs: `measure-state customers|dormant|touched COUNT…`, one process a line, so that nothing is left of the one before.
//!
//! - `customers`: so many customers, one cycle of five contacts each, half an hour of stream time a million: what is left of them stays in the
//!   store. Prints the memory.
//! - `dormant`: so many open cycles that nobody touches, and calls that begin and end meanwhile. Prints what an event costs.
//! - `touched`: so many open cycles, each as likely to be the next one's as any other. Prints what an event costs.
//!
//! Engine and store as the worker has them, with a checkpoint each 100,000 events, at most 50,000 rows in memory, a block cache of 64 MiB and write
//! buffers of 32 MiB; without Kafka.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a tool for engineers"
)]

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use motmot_benches::{STRATEGY, call};
use motmot_core::codec::{self, Take};
use motmot_core::cycle::CycleRecord;
use motmot_core::engine::{Engine, Position, Sink};
use motmot_core::touchpoint::{Outcome, Stage};
use motmot_core::{Moment, Strategy, Text, Timestamp, Touchpoint};
use motmot_store::{Checkpoint, Meta, Origin, Reader, Resources, RocksDb, Store, StrategyId};

const MAX_HOT: usize = 50_000;
const CHECKPOINT: u64 = 100_000;
const BEGIN: i64 = 920_000_000_000;
/// Events whose cost is measured.
const MEASURED: u64 = 500_000;

/// Takes rows and forgets them.
struct Nowhere;

impl Sink for Nowhere {
    fn moment(&mut self, _: &Moment<'_>, _: &[i64]) {}
    fn cycle(&mut self, _: &CycleRecord<'_>, _: &[i64]) {}
    fn cycle_gone(&mut self, _: &str, _: &str) {}
}

struct Partition {
    engine: Engine<Reader<RocksDb>>,
    store: Store<RocksDb>,
    folded: u64,
}

impl Partition {
    fn new(dir: &std::path::Path) -> Self {
        // Dormant cycles stay open.
        let text = STRATEGY.replace("inactivity: 2h", "inactivity: 60d");
        let strategy = Arc::new(Strategy::load("strategy.yaml", &text).unwrap());
        let store = Store::open(&Resources::new(64 << 20, 32 << 20), dir, "bench", 0).unwrap();
        Self { engine: Engine::new(strategy, store.reader(), Position::START), store, folded: 0 }
    }

    fn fold(&mut self, key: &str, touchpoint: &Touchpoint<'_>, arrived_at: Timestamp) {
        let offset = i64::try_from(self.folded).unwrap();
        self.engine.apply(key, touchpoint, arrived_at, offset, &mut Nowhere).unwrap();
        self.folded += 1;
        if self.folded.is_multiple_of(1_000) {
            while !self.engine.advance(self.engine.position().stream_time, 10_000, &mut Nowhere).unwrap() {}
        }
        if self.folded.is_multiple_of(CHECKPOINT) {
            self.checkpoint();
        }
    }

    fn checkpoint(&mut self) {
        let mut checkpoint = Checkpoint::new();
        self.engine.checkpoint(&mut |change| checkpoint.add(&change));
        let meta = Meta {
            topic_id: String::new(),
            partitions: 1,
            origin: Origin::at(0),
            offset: i64::try_from(self.folded).unwrap(),
            position: self.engine.position(),
            strategy: StrategyId { rules: 1, text: 1 },
            swaps: 0,
        };
        self.store.write(checkpoint, meta, STRATEGY).unwrap();
        self.engine.evict(MAX_HOT);
    }

    /// One call from its greeting to its farewell.
    fn call(&mut self, number: u32, begins_at: i64) {
        for record in call(number) {
            let touchpoint: Touchpoint<'_> = codec::decode(&mut Take(&record.touchpoint)).unwrap();
            let at = Timestamp::from_millis(begins_at + touchpoint.occurred_at.as_millis() % 1_000);
            let key = format!("caller-{number}");
            let touchpoint = Touchpoint { occurred_at: at, customer_id: Some(Text::borrowed(&key)), ..touchpoint };
            self.fold(&key, &touchpoint, at);
        }
    }

    fn greet(&mut self, number: u64, at: i64) {
        let key = format!("ticket-{number}");
        let at = Timestamp::from_millis(at);
        let touchpoint = touch(&key, format!("{number}-{}", self.folded), at);
        self.fold(&key, &touchpoint, at);
    }
}

fn touch<'a>(key: &'a str, event_id: String, at: Timestamp) -> Touchpoint<'a> {
    Touchpoint {
        customer_id: Some(Text::borrowed(key)),
        cycle_id: Some(Text::borrowed(key)),
        ..Touchpoint::new(event_id, at, Stage::Greeting, Outcome::Met, "mail", "voice")
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let counts: Vec<u64> = arguments.iter().skip(1).map(|count| count.parse().expect("a whole number")).collect();
    match (arguments.first().map(String::as_str), counts.as_slice()) {
        (Some(what), [count]) => measure(what, *count),
        (Some(what), counts) if !counts.is_empty() => counts.iter().for_each(|count| {
            let program = std::env::current_exe().unwrap();
            assert!(Command::new(program).args([what, &count.to_string()]).status().unwrap().success());
        }),
        _ => panic!("usage: measure-state customers|dormant|touched COUNT…"),
    }
}

fn measure(what: &str, count: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut partition = Partition::new(dir.path());
    let begun = Instant::now();
    if what == "customers" {
        for number in 0..count {
            partition.call(u32::try_from(number).unwrap(), BEGIN + i64::try_from(number).unwrap() * 2);
        }
        partition.checkpoint();
        report(what, count, &partition, begun, partition.folded);
        return;
    }
    for number in 0..count {
        partition.greet(number, BEGIN + i64::try_from(number / 100).unwrap());
    }
    partition.checkpoint();
    let from = BEGIN + i64::try_from(count).unwrap();
    let (begun, before) = (Instant::now(), partition.folded);
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0.. {
        if partition.folded - before >= MEASURED {
            break;
        }
        let at = from + number * 2;
        match what {
            "dormant" => partition.call(u32::try_from(number).unwrap(), at),
            "touched" => {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                partition.greet(dice % count, at);
            }
            other => panic!("`{other}` is none of customers, dormant and touched"),
        }
    }
    report(what, count, &partition, begun, partition.folded - before);
}

fn report(what: &str, count: u64, partition: &Partition, begun: Instant, events: u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kib = |name: &str| -> f64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_000.0
    };
    println!(
        "{what} {count}: {:.2} µs an event (wall, {events} events); RSS {:.0} MB now, {:.0} MB at most; {} rows in memory; store {:.0} MB",
        begun.elapsed().as_secs_f64() * 1e6 / events as f64,
        kib("VmRSS:"),
        kib("VmHWM:"),
        partition.engine.hot(),
        partition.store.size_bytes() as f64 / 1e6,
    );
}
