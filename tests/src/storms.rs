//! Storms: one customer, one cycle or one second that has far more than its share, on one partition with everybody else. What is measured is
//! what everybody else has of it: how long the worker takes from their record to their flag, and how much memory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "support of tests: failing is its way to speak")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use motmot_core::touchpoint::{Actor, ActorKind, Stage};
use motmot_core::{Strategy, Text, Touchpoint};
use motmot_wire::Writer;
use rdkafka::producer::Producer;

use crate::installed::Installed;
use crate::kafka::{Bench, now_ms};
use crate::others::{Others, RULE, producer, send, touchpoint};
use crate::process::eventually;
use crate::service::encoded;

/// What comes down, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storm {
    /// So many touchpoints of one customer, in cycles of two.
    Customer(usize),
    /// The same without cycle ids: motmot puts the cycles together.
    Assembled(usize),
    /// So many touchpoints in one cycle.
    Cycle(usize),
    /// So many touchpoints of one cycle, half of them each before all that came before, half of them after its end.
    Late(usize),
    /// So many customers whose deadlines pass within so many milliseconds, as many in each.
    Deadlines(usize, usize),
    /// A cycle of so many touchpoints of 5 kB: its row is larger than a topic takes.
    Large(usize),
    /// So many records that are no touchpoints.
    Dead(usize),
}

/// How it comes.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// What comes down.
    pub storm: Storm,
    /// Records a second, at most.
    pub rate: usize,
    /// How long after the first greeting the deadline of [`Storm::Deadlines`] is: all of them must have come by then.
    pub limit: Duration,
}

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    /// Records of the storm.
    pub records: usize,
    /// From its first record, or its first deadline, to the commit of its last row.
    pub wall: Duration,
    /// The worker's memory when it had settled, and its largest since, in bytes.
    pub rss: (u64, u64),
    /// From a record of somebody else's to its flag in the topic, in order.
    pub flags: Vec<Duration>,
    /// Input records by outcome, as the worker counted them.
    pub outcomes: BTreeMap<String, u64>,
    /// Rows of cycles that had no room for all.
    pub truncated: u64,
}

impl Measured {
    /// Of somebody else's flags, so many hundredths came within this.
    pub fn percentile(&self, hundredths: usize) -> Duration {
        self.flags[(self.flags.len() - 1) * hundredths / 100]
    }

    /// How much more memory the worker used than before, in bytes.
    pub fn growth(&self) -> u64 {
        self.rss.1.saturating_sub(self.rss.0)
    }
}

/// Everybody else: a customer each 20 ms, who is not happy.
const PACE: Duration = Duration::from_millis(20);
/// How long the worker has to itself before the storm, with everybody else.
const CALM: Duration = Duration::from_secs(5);
/// How long everybody else is looked at at least, and how many flags it takes, if the storm is over sooner.
const ENOUGH: (Duration, usize) = (Duration::from_secs(2), 50);
/// How long a storm may take.
const PATIENCE: Duration = Duration::from_secs(900);

fn strategy(limit: Duration) -> String {
    format!(
        "strategy: storms\n\
         cycles: [{{inactivity: 1h, grace: 1s}}]\n\
         limits: {{max_touchpoints: 20000}}\n\
         rules:\n\
         \x20 - {{id: answered, kind: slow, from: {{stage: greeting}}, to: {{stage: fulfilment}}, limit: {}ms, dimension: responsiveness}}\n\
         {RULE}",
        limit.as_millis()
    )
}

/// Lets it come down on a worker of its own, and compares the tables with a replay's.
///
/// # Panics
/// When the partition does not go on, or the tables differ.
pub fn run(broker: &str, dir: &Path, weather: Weather) -> Measured {
    let bench = Bench::new(broker, "storm", 1);
    let text = strategy(weather.limit);
    let mut worker = Installed::new(dir, &bench, &text).start("w1", &[]);
    let (others, largest) = (Others::default(), AtomicU64::new(0));
    let measured = std::thread::scope(|scope| {
        let _stop = others.start(scope, &bench, PACE);
        let started = Instant::now();
        worker.until("the first flags", PATIENCE, || (others.flags(started).len() > 20).then_some(()));
        std::thread::sleep(CALM);
        let now = || {
            let rss = worker.rss();
            largest.store(rss, Ordering::Relaxed);
            (rss, Instant::now())
        };
        let (mut before, mut begun) = now();
        scope.spawn(|| {
            while !others.is_over() {
                largest.fetch_max(worker.rss(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let (records, over) = weather.let_come(&bench);
        if let Storm::Deadlines(..) = weather.storm {
            // that so many come is no storm yet
            std::thread::sleep(weather.limit.saturating_sub(begun.elapsed()).saturating_sub(Duration::from_millis(500)));
            (before, begun) = now();
        }
        bench.wait_long_until(over, PATIENCE, || ());
        let wall = begun.elapsed();
        let is_enough = || begun.elapsed() > ENOUGH.0 && others.flags(begun).len() > ENOUGH.1;
        eventually("more flags", PATIENCE, || is_enough().then_some(()));
        others.end();
        eventually("everybody else's flags", PATIENCE, || others.are_seen(begun).then_some(()));
        let mut flags: Vec<_> = others.flags(begun).iter().map(|flag| flag.seen - flag.sent).collect();
        flags.sort();
        let rss = (before, largest.load(Ordering::Relaxed));
        Measured { records, wall, rss, flags, outcomes: BTreeMap::new(), truncated: 0 }
    });
    bench.wait_long_until(i64::MIN, PATIENCE, || ());
    let outcomes = worker.samples("motmot_worker_records_total");
    let truncated = worker.samples("motmot_worker_truncated_cycle_rows_total").values().sum();
    worker.kill();
    let strategy = Arc::new(Strategy::load("storms", &text).unwrap_or_else(|problems| panic!("{problems}")));
    bench.tables().assert_equal(&bench.replay(&strategy, &bench.clocks()), "a worker in a storm, and replay");
    Measured { outcomes, truncated, ..measured }
}

impl Weather {
    /// Writes all of it. Returns the count of records, and the clock that must have passed until all of it is told.
    fn let_come(self, bench: &Bench) -> (usize, i64) {
        let (producer, writer) = (producer(bench), Writer::new());
        let (begun, count) = (Instant::now(), AtomicI64::new(0));
        let write = |key: &str, value: &[u8]| {
            // No faster than told: what is ahead waits.
            let due = Duration::from_secs_f64(count.fetch_add(1, Ordering::Relaxed) as f64 / self.rate as f64);
            if let Some(ahead) = due.checked_sub(begun.elapsed()).filter(|ahead| *ahead > Duration::from_millis(2)) {
                std::thread::sleep(ahead);
            }
            send(&producer, bench, key, value, now_ms());
        };
        let touch = |key: &str, touchpoint: &Touchpoint<'_>| write(key, &encoded(&writer, touchpoint));
        let first = now_ms();
        let mut over = i64::MIN;
        match self.storm {
            Storm::Customer(size) | Storm::Assembled(size) => {
                for number in 0..size {
                    let stage = if number.is_multiple_of(2) { Stage::Greeting } else { Stage::Farewell };
                    let cycle = format!("bot-{}", number / 2);
                    let cycle = matches!(self.storm, Storm::Customer(_)).then_some(cycle.as_str());
                    let mut touchpoint = touchpoint("bot", cycle, stage, now_ms());
                    touchpoint.event_id = Text::owned(format!("bot-{number}"));
                    touch("bot", &touchpoint);
                }
            }
            Storm::Cycle(size) => {
                for number in 0..size {
                    let mut touchpoint = touchpoint("loop", Some("loop"), Stage::Fulfilment, now_ms());
                    touchpoint.event_id = Text::owned(format!("loop-{number}"));
                    touch("loop", &touchpoint);
                }
            }
            Storm::Late(size) => {
                for number in 0..size {
                    if number == size / 2 {
                        touch("late", &touchpoint("late", Some("late"), Stage::Farewell, first));
                        producer.flush(PATIENCE).unwrap();
                        bench.wait_long_until(now_ms() + 1_500, PATIENCE, || ()); // more than its grace
                    }
                    let before = i64::try_from(number).unwrap() + 1;
                    let mut touchpoint = touchpoint("late", Some("late"), Stage::Fulfilment, first - before);
                    touchpoint.event_id = Text::owned(format!("late-{number}"));
                    touch("late", &touchpoint);
                }
            }
            Storm::Deadlines(size, within) => {
                for number in 0..size {
                    let id = format!("waits-{number}");
                    let at = first + i64::try_from(number * within / size).unwrap();
                    touch(&id, &touchpoint(&id, Some(&id), Stage::Greeting, at));
                }
                over = first + i64::try_from(self.limit.as_millis()).unwrap() + i64::try_from(within).unwrap() + 1;
            }
            Storm::Large(size) => {
                let long = |of: usize| Text::owned(format!("{of:01000}"));
                for number in 0..size {
                    let last = number + 1 == size;
                    let stage = if last { Stage::Farewell } else { Stage::Fulfilment };
                    let mut touchpoint = touchpoint("large", Some("large"), stage, now_ms());
                    touchpoint.event_id = long(number);
                    touchpoint.team = Some(long(number));
                    touchpoint.need = Some(long(number));
                    touchpoint.actor = Some(Actor { kind: ActorKind::Person, id: Some(long(number)), named: true });
                    touch("large", &touchpoint);
                }
                over = now_ms() + 1_500; // its final row, too
            }
            Storm::Dead(size) => {
                for number in 0..size {
                    write("dead", format!("{{\"number\": {number}}}").as_bytes());
                }
            }
        }
        producer.flush(PATIENCE).unwrap();
        (usize::try_from(count.load(Ordering::Relaxed)).unwrap(), over)
    }
}
