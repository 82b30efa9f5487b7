//! One run: set up, break things for a while, look at what was told, again and again; at the end let every deadline pass, and look once more.

#![allow(clippy::unwrap_used, reason = "support of tests: failing is its way to speak")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use motmot_core::Timestamp;
use motmot_stream::{KafkaConfig, TopicNames};

use super::agenda::Agenda;
use super::cluster::Cluster;
use super::deck::Deck;
use super::diary::Diary;
use super::fleet::Fleet;
use super::load::{Load, Plan};
use super::strategy;
use super::verify::{self, Faults, Observed, Summary};
use crate::kafka::{self, Bench, Out, now_ms};

/// Partitions of the topics.
pub const PARTITIONS: i32 = 6;
/// Workers that are there from the beginning; one more comes and goes.
pub const WORKERS: usize = 3;

/// How long the workers may take for what they are waited for.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often the supervisor looks.
const LOOK: Duration = Duration::from_millis(50);
/// Commits and checkpoints often, so that there is something to be hit.
const WORKER: &str =
    "commit_interval = \"100ms\"\ncheckpoint_interval = \"2s\"\nblock_cache = \"32MiB\"\nwrite_buffers = \"16MiB\"";
/// An unfinished transaction of a dead worker is aborted soon after its time-out, not up to 10 s after it.
const BROKER: [(&str, &str); 1] = [("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000")];

/// What is asked of a run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Fixes the faults, their order, and the service.
    pub seed: u64,
    /// How long things are broken.
    pub faults: Duration,
    /// How long until it is looked at what was told.
    pub round: Duration,
    /// It is enough when a fault of each kind has been.
    pub one_of_each: bool,
    /// Cycles that begin each second.
    pub cycles_a_second: i64,
}

/// What came out.
#[derive(Debug)]
pub struct Outcome {
    /// What was done, and how often; what ended by itself as well.
    pub counts: BTreeMap<String, usize>,
    /// What the verifier saw at the end.
    pub summary: Summary,
    /// Everything that it looked at.
    pub observed: Observed,
    /// What is wrong: nothing, if motmot is right.
    pub faults: Faults,
}

struct Chaos {
    cluster: Cluster,
    fleet: Fleet,
    bench: Bench,
    diary: Diary,
    agenda: Agenda,
    deck: Deck,
    rounds: u32,
}

/// Runs chaos with all its files in `dir`. None: something that it needs is not here, which was said.
///
/// # Panics
/// When the installation does not come back although everything is mended.
pub fn run(options: Options, dir: &Path) -> Option<Outcome> {
    let diary = Diary::default();
    diary.note(&format!("seed {}", options.seed));
    let cluster = Cluster::start(dir, &BROKER)?;
    let fleet = Fleet::new(dir, &cluster.addresses(), WORKERS + 1, WORKER);
    fleet.put_strategy(&strategy::text(0));
    diary.note(&fleet.say(&["topics", "--create"]).replace('\n', ", "));
    let topics = TopicNames::default();
    for topic in [&topics.touchpoints, &topics.moments, &topics.cycles, &topics.dead_letters, &topics.strategies] {
        let found = cluster.topic_setting(topic, "min.insync.replicas");
        assert_eq!(found, "2", "{topic}: a record that only one broker has is lost with it, and no fault of motmot's");
    }
    let bench = Bench {
        kafka: KafkaConfig { brokers: cluster.addresses(), properties: BTreeMap::new() },
        topics,
        name: super::fleet::GROUP.to_owned(),
        partitions: PARTITIONS,
        reader: motmot_wire::Reader::new(),
    };
    let deck = if options.one_of_each { Deck::one_of_each(options.seed) } else { Deck::endless(options.seed) };
    let mut chaos = Chaos { cluster, fleet, bench, diary, agenda: Agenda::new(options.seed ^ 0xa9e), deck, rounds: 0 };
    let outcome = chaos.run(options);
    for (kind, count) in &outcome.counts {
        chaos.diary.note(&format!("{count:5} × {kind}"));
    }
    Some(outcome)
}

impl Chaos {
    fn run(&mut self, options: Options) -> Outcome {
        let plan = Plan {
            brokers: self.cluster.addresses(),
            topic: self.bench.topics.touchpoints.clone(),
            partitions: PARTITIONS,
            seed: options.seed,
            cycles_a_second: options.cycles_a_second,
        };
        let load = Load::start(plan);
        let mut broken = Duration::ZERO;
        loop {
            self.begin();
            broken += self.break_things(options.round.min(options.faults.saturating_sub(broken)), options.one_of_each);
            let is_last = broken >= options.faults || options.one_of_each && self.deck.is_dealt();
            let observed = self.look(false);
            let faults = self.judge(&observed);
            if !faults.is_empty() {
                return self.outcome(observed, faults);
            }
            if is_last {
                break;
            }
        }
        self.diary.note(&format!("{} records were written; now every deadline may pass", load.written()));
        load.stop();
        let written = now_ms();
        self.begin();
        self.until_over(written + strategy::ALL_OVER_MS);
        let observed = self.look(true);
        let mut faults = self.judge(&observed);
        self.compare_digests(&mut faults);
        self.outcome(observed, faults)
    }

    fn outcome(&self, observed: Observed, faults: Faults) -> Outcome {
        Outcome { counts: self.diary.counts(), summary: Summary::of(&observed), observed, faults }
    }

    fn judge(&self, observed: &Observed) -> Faults {
        let faults = verify::verify(observed);
        self.diary.note(&format!("{}: {} differences", Summary::of(observed), faults.len()));
        faults.iter().for_each(|fault| self.diary.note(&format!("DIFFERENCE {fault}")));
        faults
    }

    fn begin(&mut self) {
        (0..WORKERS).for_each(|worker| self.fleet.start(worker));
        self.supervise();
    }

    fn supervise(&mut self) {
        self.fleet.supervise(&self.diary);
        for broker in self.cluster.ended() {
            // One that was asked to stop is on the agenda.
            if !self.agenda.has_broken_brokers() {
                self.diary.count("broker ended by itself", &format!("broker {broker} ended by itself"));
                self.cluster.boot(broker);
            }
        }
    }

    fn break_things(&mut self, time: Duration, one_of_each: bool) -> Duration {
        let begun = Instant::now();
        let mut next = begun + Duration::from_secs(3);
        while begun.elapsed() < time {
            self.supervise();
            self.agenda.mend(&mut self.cluster, &mut self.fleet, &self.diary, false);
            if Instant::now() >= next {
                if one_of_each && self.deck.is_dealt() {
                    break;
                }
                let may_lose_brokers = !self.agenda.has_broken_brokers() && self.cluster.is_in_sync();
                let card = self.deck.draw(|fault| may_lose_brokers || !fault.is_of_brokers());
                let is_struck =
                    card.is_some_and(|fault| self.agenda.strike(fault, &mut self.cluster, &mut self.fleet, &self.diary));
                next = Instant::now() + if is_struck { self.agenda.pause() } else { Duration::from_secs(1) };
            }
            std::thread::sleep(LOOK);
        }
        begun.elapsed()
    }

    /// Mends everything, stops the workers and reads all that there is. Every other time they are killed: what is committed must be whole at
    /// any instant.
    fn look(&mut self, is_over: bool) -> Observed {
        self.rounds += 1;
        loop {
            self.agenda.mend(&mut self.cluster, &mut self.fleet, &self.diary, true);
            if self.rounds.is_multiple_of(2) && !is_over {
                (0..=WORKERS).for_each(|worker| self.fleet.kill_for_good(worker));
            } else {
                self.fleet.stop_all();
            }
            self.until("the workers' end", |chaos| chaos.fleet.is_at_rest());
            self.cluster.until_in_sync();
            let observed = verify::observe(&self.cluster, &self.bench, is_over);
            if let Some(observed) = observed {
                return observed;
            }
            self.diary.note("a swap, or a storm of deadlines, is half told: the workers go on for a while");
            self.begin();
            let begun = Instant::now();
            self.until("five seconds", |_| begun.elapsed() > Duration::from_secs(5));
        }
    }

    fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
            self.supervise();
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until all is folded and the clocks have passed `clock`. A clock alone is not committed while it tells nothing: a record that is
    /// no touchpoint, in each partition, takes it along.
    fn until_over(&mut self, clock: i64) {
        self.until("every deadline", |_| now_ms() > clock);
        let (value, timestamp) = (Some(b"the last record".to_vec()), now_ms());
        let last = |partition| Out { partition: Some(partition), value: value.clone(), timestamp, ..Out::default() };
        let last: Vec<_> = (0..PARTITIONS).map(last).collect();
        kafka::produce(&self.bench.kafka.brokers, &self.bench.topics.touchpoints, &last);
        let mut next = Instant::now();
        self.until("the commit of everything", |chaos| {
            if Instant::now() < next {
                return false;
            }
            next = Instant::now() + Duration::from_secs(1);
            let (ends, commits) = (verify::ends(&chaos.bench), chaos.bench.committed());
            ends.iter().all(|(p, end)| commits.get(p).is_some_and(|(offset, _)| offset >= end))
                && chaos.bench.clocks().values().all(|reached| *reached >= clock)
        });
    }

    /// What `motmot digest` says of the topics is what `motmot replay` says of the input.
    fn compare_digests(&self, faults: &mut Faults) {
        let topics = self.fleet.say(&["digest"]);
        let (topic, until) = (&self.bench.topics.touchpoints, Timestamp::from_millis(now_ms()).to_string());
        let arguments =
            ["--topic", topic, "--with-swaps", "--until", &until, "--summary", "json", "--strategy", super::fleet::STRATEGY];
        let replay = self.fleet.say(&[["replay"].as_slice(), arguments.as_slice()].concat());
        let summary: serde_json::Value = serde_json::from_str(&replay).unwrap();
        let replayed = summary.get("digest").and_then(serde_json::Value::as_str).unwrap_or_default();
        self.diary.note(&format!("motmot digest: {}; motmot replay: {replayed}", topics.trim()));
        if topics.trim() != replayed {
            faults.push(format!("motmot digest says {}, motmot replay {replayed}", topics.trim()));
        }
    }
}
