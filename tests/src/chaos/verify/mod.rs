//! The verifier: reads what was written and what was told, and believes neither the worker nor its reader.
//!
//! It has its own reader of topics ([`read`]), its own reader of the brokers' files ([`segments`]), its own murmur2, and its own idea of
//! what a dead letter, a late touchpoint and a lost one is ([`input`]). Two things it takes from motmot: the decoding of single records, and
//! the engine, with which [`replayed`] folds the input once, in one go, to the commit's offset and clock. The engine itself is held to an
//! oracle and to independently computed numbers elsewhere.

#![allow(clippy::unwrap_used, reason = "support of tests: failing is its way to speak")]

pub mod input;
pub mod read;
pub mod replayed;
pub mod segments;
pub mod tables;
pub mod tamper;
pub mod transactions;

use std::collections::BTreeMap;

use motmot_stream::strategies::Contents;
use motmot_wire::Reader;
use rdkafka::Offset;
use rdkafka::consumer::{CommitMode, Consumer as _};

use super::cluster::{Cluster, internal_partition};
use crate::kafka::{Bench, Row, wait_for};
use replayed::Replayed;
use segments::Transaction;

/// What is wrong, in words.
pub type Faults = Vec<String>;

/// The most faults that one check tells: a thousand more say no more.
const MOST_FAULTS: usize = 20;

/// Up to where a partition is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The first record that is not.
    pub offset: i64,
    /// The clock, in ms.
    pub clock: i64,
}

/// The output tables' topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Output {
    /// Moments.
    Moments,
    /// Cycles.
    Cycles,
    /// Dead letters.
    Dead,
}

impl Output {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Moments, Self::Cycles, Self::Dead];
}

/// The rows that hold, by table and key.
pub type Held = BTreeMap<(Output, Vec<u8>), Vec<u8>>;

/// All that was written and told, up to the commits.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The input topic's name.
    pub topic: String,
    /// Its partitions.
    pub partitions: i32,
    /// Its records.
    pub input: Vec<Row>,
    /// Where it ends.
    pub ends: BTreeMap<i32, i64>,
    /// What the group has committed.
    pub commits: BTreeMap<i32, Commit>,
    /// What was told, in the order of each partition, as a read_committed reader has it.
    pub told: BTreeMap<Output, Vec<Row>>,
    /// The transactions of each output's partitions that were committed, as the brokers' files have them.
    pub transactions: BTreeMap<(Output, i32), Vec<Transaction>>,
    /// What one fold of the input to the commits tells.
    pub replayed: Replayed,
    /// Whether every deadline has passed and every record is committed.
    pub is_over: bool,
}

/// How much there was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records of the input that are committed.
    pub records: usize,
    /// Rows and letters that were told.
    pub told: usize,
    /// Transactions that told them, each counted in every partition that it wrote to.
    pub transactions: usize,
    /// Rows that hold.
    pub held: usize,
    /// Rows that said what the one before them had said: after a start within a storm of deadlines.
    pub repeated: usize,
    /// Moments that were told and taken back.
    pub retracted: usize,
    /// Dead letters.
    pub dead: usize,
}

impl Summary {
    /// Counts.
    pub fn of(observed: &Observed) -> Self {
        let count = |output| observed.told.get(&output).map_or(0, Vec::len);
        Self {
            records: observed.input.iter().filter(|row| observed.is_committed(row)).count(),
            told: Output::ALL.into_iter().map(count).sum(),
            transactions: observed.transactions.values().map(Vec::len).sum(),
            held: tables::held(observed).0.len(),
            repeated: tables::repeated(observed).len(),
            retracted: tables::retracted(observed),
            dead: count(Output::Dead),
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { records, told, transactions, held, repeated, retracted, dead } = self;
        write!(f, "{records} records, {told} rows told in {transactions} transactions, {held} hold, ")?;
        write!(f, "{repeated} told again unchanged after a start, {retracted} moments retracted, {dead} dead letters")
    }
}

impl Observed {
    /// Whether a record of the input lies before its partition's commit.
    pub fn is_committed(&self, row: &Row) -> bool {
        self.commits.get(&row.partition).is_some_and(|commit| row.offset < commit.offset)
    }

    /// What was told.
    pub fn rows(&self, output: Output) -> &[Row] {
        self.told.get(&output).map_or(&[], Vec::as_slice)
    }
}

/// Holds what was told against what was written.
pub fn verify(observed: &Observed) -> Faults {
    let reader = Reader::new();
    let checks: [(&str, Faults); 7] = [
        ("transactions", transactions::check(observed, &reader)),
        ("dead letters", input::check_dead_letters(observed, &reader)),
        ("evidence", input::check_evidence(observed, &reader)),
        ("moments' lives", tables::check_lives(observed, &reader)),
        ("tables", tables::check_equal(observed, &reader)),
        ("nothing lost", if observed.is_over { input::check_nothing_lost(observed, &reader) } else { Vec::new() }),
        ("end", if observed.is_over { check_end(observed) } else { Vec::new() }),
    ];
    let mut faults = Vec::new();
    for (check, found) in checks {
        let more = found.len().saturating_sub(MOST_FAULTS);
        faults.extend(found.into_iter().take(MOST_FAULTS).map(|fault| format!("{check}: {fault}")));
        if more > 0 {
            faults.push(format!("{check}: and {more} more"));
        }
    }
    faults
}

fn check_end(observed: &Observed) -> Faults {
    let unfolded = observed.ends.iter().filter(|(p, end)| observed.commits.get(p).is_none_or(|commit| commit.offset != **end));
    unfolded.map(|(p, end)| format!("partition {p} ends at {end} and is committed up to {:?}", observed.commits.get(p))).collect()
}

/// The ends of the input's partitions.
///
/// # Panics
/// When the brokers do not say.
pub fn ends(bench: &Bench) -> BTreeMap<i32, i64> {
    read::ends(&bench.kafka.brokers, &bench.topics.touchpoints, bench.partitions, "read_uncommitted")
}

/// Reads all that there is while no worker runs; none: a strategy, or a storm of deadlines, is half told.
///
/// # Panics
/// When the brokers do not answer.
pub fn observe(cluster: &Cluster, bench: &Bench, is_over: bool) -> Option<Observed> {
    let (brokers, topics, partitions) = (&bench.kafka.brokers, &bench.topics, bench.partitions);
    let outputs = [(Output::Moments, &topics.moments), (Output::Cycles, &topics.cycles), (Output::Dead, &topics.dead_letters)];
    // A killed worker's transaction hides what comes behind it until it is aborted; the swaps' topic too.
    outputs.iter().for_each(|(_, topic)| read::until_no_transaction_is_open(brokers, topic, partitions));
    read::until_no_transaction_is_open(brokers, &topics.strategies, 1);
    let committed = committed(bench);
    if committed.values().any(|(_, metadata)| is_half_told(metadata)) {
        return None;
    }
    let commits =
        committed.iter().map(|(p, (offset, metadata))| (*p, Commit { offset: *offset, clock: clock(metadata) })).collect();
    let input = read::topic(brokers, &topics.touchpoints, partitions);
    let contents = Contents::read(&bench.kafka, &topics.strategies).unwrap();
    let replayed = replayed::fold(&input, &contents, bench, &committed);
    let transactions = outputs.iter().flat_map(|(output, topic)| {
        (0..partitions).map(move |p| {
            let mut log = None;
            wait_for("a partition's leader", || {
                log = cluster.log(topic, p);
                log.is_some()
            });
            ((*output, p), segments::transactions(&log.unwrap()))
        })
    });
    let transactions = transactions.collect();
    let told = outputs.iter().map(|(output, topic)| (*output, read::topic(brokers, topic, partitions))).collect();
    let (topic, ends) = (topics.touchpoints.clone(), ends(bench));
    Some(Observed { topic, partitions, input, ends, commits, told, transactions, replayed, is_over })
}

/// Of each partition that has a commit: the offset, and what the worker wrote beside it.
fn committed(bench: &Bench) -> BTreeMap<i32, (i64, String)> {
    wake_coordinator(bench);
    bench.commits_as_told_by(&read::consumer(&bench.kafka.brokers, "read_committed", &bench.name))
}

/// Lets the group's coordinator see the end of its own log, by a commit of another group that it coordinates as well.
///
/// A coordinator that loads its log answers from what was replicated when it had read it; what is replicated between that and its first listening
/// for more it learns of with the next append (CoordinatorRuntime of Kafka 4.1). After all brokers were killed at once, nothing was
/// appended, and the offsets of seconds ago were seen here. A worker that joins cannot see them: to join is an append.
fn wake_coordinator(bench: &Bench) {
    let mut names = (0..).map(|number| format!("chaos-verifier-{number}"));
    let other = names.find(|name| internal_partition(name) == internal_partition(&bench.name)).unwrap();
    let consumer = read::consumer(&bench.kafka.brokers, "read_committed", &other);
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset(&bench.topics.touchpoints, 0, Offset::Offset(0)).unwrap();
    wait_for("an append of the group's coordinator", || consumer.commit(&list, CommitMode::Sync).is_ok());
}

/// Whether rows may be as of other instants than the clock beside them: the mark says so, or the stream time, which is ahead of it.
fn is_half_told(metadata: &str) -> bool {
    let stream_time = metadata.split(';').nth(2).and_then(|time| time.parse::<i64>().ok()).unwrap();
    !metadata.ends_with(';') || clock(metadata) < stream_time
}

/// The second field of what a worker writes beside an offset.
fn clock(metadata: &str) -> i64 {
    metadata.split(';').nth(1).and_then(|clock| clock.parse().ok()).unwrap()
}
