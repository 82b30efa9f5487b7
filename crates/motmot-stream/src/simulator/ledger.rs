//! What is true: held against every commit, every checkpoint, and the tables at the end.
//!
//! The laws:
//! 1. **Tables at every commit.** When a transaction is decided, the committed rows of each of its partitions are those of a replay of the
//!    log up to the committed (offset, clock), under the recorded swaps. While a swap is told in portions they may be between two. While
//!    a storm of deadlines holds the clock behind the stream time, each row may be ahead of the clock: as of an arrival between the two, or
//!    of the next millisecond, if the commit says that it is split.
//! 2. **Tables at the end.** A read_committed reader of the topics, in the order of their logs, has the rows of a replay that knows
//!    neither ticks nor batches.
//! 3. **Counts.** A record is counted when the commit that covers it has been answered to a process that is alive: over all processes, by
//!    outcome, the counters are the verdicts of the replay on exactly the records of those transactions. (A process that is killed or
//!    gives its producer up between the commit and its answer takes those counts with it: a counter of Prometheus cannot do better.)
//! 4. **Dead letters.** Each record that is none is sent on once.
//! 5. **Checkpoints.** None is ever ahead of the commit: not in offset, clock or swaps.
//! 6. **Commits.** They never go back over a record or in the clock, and never pass what is not decided.
//! 7. **Clocks.** A clock that is beyond the stream time was read from a wall when nothing had arrived that was not folded.
//! 8. **Transactions.** None tells a row twice: each holds what its commit found changed, and nothing on the way there.
//!
//! A partition that was given up (`motmot rebuild`) begins a new account: what it told before may stay in the tables beside what it tells again.
//!
//! A group whose offsets were lost or reset by hand goes on from a store that may lie behind what was told, and nobody knows what was: law 5
//! is all that is held then, and that nobody refuses without a reason.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use motmot_core::engine::Position;
use motmot_core::{Strategy, Timestamp};
use motmot_store::{Meta, Origin, StrategyId};

use super::broker::{Broker, Decided, Log, Seen, Topic, TransactionId};
use super::replay::{self, Replay, Table};
use crate::metadata::CommitMetadata;
use crate::metrics::{Metrics, OUTCOMES};
use crate::strategies::SwapRecord;

/// A committed row or record of a transaction.
type Output = (Topic, i32, Option<Rc<[u8]>>, Option<Rc<[u8]>>);

/// What is known of a partition.
#[derive(Default)]
pub(super) struct Account {
    /// Follows the commits; none: nothing is committed.
    replay: Option<Replay>,
    /// The rows that were committed.
    table: Table,
    /// The last commit.
    pub(super) commit: Option<(i64, CommitMetadata)>,
    /// Where it was swapped.
    pub(super) swaps: Vec<SwapRecord>,
    /// Under which strategy it began.
    pub(super) first: Option<StrategyId>,
    /// Where it began.
    begins_at: i64,
    /// None: it was never given up.
    rebuilt: Option<Origin>,
}

pub(super) struct Ledger {
    pub(super) accounts: Vec<Account>,
    pub(super) strategies: BTreeMap<StrategyId, Arc<Strategy>>,
    outputs: HashMap<TransactionId, Vec<Output>>,
    /// By process: the verdicts of transactions that are committed, and not answered yet.
    unanswered: HashMap<u64, [u64; OUTCOMES.len()]>,
    expected: [u64; OUTCOMES.len()],
    counted: [u64; OUTCOMES.len()],
    /// The group's offsets were lost or set by somebody else.
    pub(super) is_tampered: bool,
    /// What wall clocks said, and when: the first time.
    pub(super) readings: BTreeMap<Timestamp, Duration>,
    /// How many transactions were committed.
    pub(super) commits: u64,
}

impl Ledger {
    pub(super) fn new(partitions: i32) -> Self {
        Self {
            accounts: (0..partitions).map(|_| Account::default()).collect(),
            strategies: BTreeMap::new(),
            outputs: HashMap::new(),
            unanswered: HashMap::new(),
            expected: [0; OUTCOMES.len()],
            counted: [0; OUTCOMES.len()],
            is_tampered: false,
            readings: BTreeMap::new(),
            commits: 0,
        }
    }

    pub(super) fn account(&mut self, partition: i32) -> &mut Account {
        &mut self.accounts[usize::try_from(partition).unwrap()]
    }

    /// A partition's state is given up: it begins anew. What was told stays in the tables until it is told again.
    pub(super) fn rebuilt(&mut self, partition: i32, origin: Origin) {
        let account = self.account(partition);
        let table = std::mem::take(&mut account.table);
        *account = Account { table, begins_at: origin.offset, rebuilt: Some(origin), ..Account::default() };
    }

    pub(super) fn wrote(
        &mut self,
        transaction: TransactionId,
        topic: Topic,
        partition: i32,
        key: Option<Rc<[u8]>>,
        value: Option<Rc<[u8]>>,
    ) {
        self.outputs.entry(transaction).or_default().push((topic, partition, key, value));
    }

    /// The commit was answered: whoever made it counts now.
    pub(super) fn answered(&mut self, process: u64) {
        let counts = self.unanswered.remove(&process).unwrap_or_default();
        self.expected.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }

    /// A process has given its producer up: what was not answered to that one is answered to nobody.
    pub(super) fn gave_up(&mut self, process: u64) {
        self.unanswered.remove(&process);
    }

    /// A process has ended: what it counted stays.
    pub(super) fn take_counts(&mut self, metrics: &Metrics) {
        self.counted.iter_mut().zip(&metrics.records).for_each(|(sum, counter)| *sum += counter.get());
    }

    pub(super) fn decided(&mut self, broker: &mut Broker, process: u64, decided: &Decided) {
        self.commits += 1;
        let mut told = BTreeMap::new();
        for (topic, partition, key, value) in self.outputs.remove(&decided.transaction).unwrap_or_default() {
            match topic {
                Topic::Moments | Topic::Cycles => {
                    self.account(partition).table.take(topic, key.as_deref().unwrap_or_default(), value.as_deref());
                    let before = told.insert((topic, partition, key), value.clone());
                    if let Some(before) =
                        before.filter(|before| !self.is_tampered && !replay::comes_after(before.as_deref(), value.as_deref()))
                    {
                        let [before, value] = [before, value].map(|value| replay::row(topic, value.as_deref()));
                        panic!("partition {partition}: told twice in one transaction:\n  {before}\n  {value}");
                    }
                }
                Topic::Strategies => {
                    let swap = SwapRecord::parse(std::str::from_utf8(&value.unwrap()).unwrap()).unwrap();
                    let account = self.account(swap.partition);
                    account.first.get_or_insert(swap.from);
                    account.swaps.push(swap);
                }
                Topic::Touchpoints | Topic::DeadLetters => {}
            }
        }
        let mut counts = [0; OUTCOMES.len()];
        for (partition, (offset, metadata)) in &decided.offsets {
            let metadata = CommitMetadata::parse(metadata).expect("a worker commits its own metadata");
            let log = broker.log(Topic::Touchpoints, *partition);
            self.commit(log, *partition, *offset, metadata, &mut counts);
        }
        let unanswered = self.unanswered.entry(process).or_default();
        unanswered.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }

    fn commit(&mut self, log: &Log, partition: i32, offset: i64, metadata: CommitMetadata, counts: &mut [u64]) {
        let is_tampered = self.is_tampered;
        let Self { accounts, strategies, readings, .. } = self;
        let account = &mut accounts[usize::try_from(partition).unwrap()];
        let before = account.commit.replace((offset, metadata));
        if is_tampered {
            return;
        }
        let Position { now, .. } = metadata.position;
        let is_of_it = account.rebuilt.is_none_or(|origin| origin == metadata.origin);
        assert!(is_of_it, "partition {partition}: a commit at {offset} of a state that was given up: {metadata:?}");
        assert!(offset <= log.last_stable(), "partition {partition}: a commit at {offset} passes what is not decided");
        if let Some((last, before)) = before {
            // a swap that is told again stands where it was recorded, which may be before a marker
            let goes_back = records(log, offset, last).next().is_some();
            assert!(
                !goes_back && now >= before.position.now && metadata.swaps >= before.swaps,
                "partition {partition}: a commit goes back from {last} {before:?} to {offset} {metadata:?}"
            );
        }
        if now > metadata.position.stream_time
            && let Some(arrived) = log.arrived(offset)
        {
            // it may still be on its way to what was read
            let read = *readings.range(now..).map(|(_, at)| at).min().expect("a clock was read");
            assert!(
                arrived >= read,
                "partition {partition}: the clock of the commit at {offset} was read at {read:?}, and the next record came at {arrived:?}"
            );
        }
        let first = *account.first.get_or_insert(metadata.strategy);
        let replay = account.replay.get_or_insert_with(|| Replay::new(partition, strategies[&first].clone(), account.begins_at));
        let seen = replay.swaps;
        for swap in account.swaps.iter().filter(|swap| swap.number > seen) {
            replay.swap(log, swap, &strategies[&swap.to], counts);
        }
        replay.fold(log, offset, counts);
        replay.advance(now);
        assert_eq!(
            replay.position(),
            metadata.position,
            "partition {partition}: the position beside the commit at {offset} (left: the replay's)"
        );
        if !metadata.is_swapping {
            let place = format!("partition {partition}, the commit at offset {offset}, clock {now}");
            let ahead = metadata.ahead().map_or_else(Vec::new, |ahead| replay.ahead(log, ahead));
            account.table.check(&replay.table, &ahead, account.rebuilt.is_some(), &place);
        }
    }

    pub(super) fn check_checkpoint(&mut self, log: &Log, partition: i32, meta: &Meta) {
        let account = &mut self.accounts[usize::try_from(partition).unwrap()];
        if account.rebuilt.is_some_and(|origin| origin != meta.origin) {
            return; // a store of before: nobody may use it any more
        }
        let Some((offset, commit)) = account.commit else {
            assert_eq!(meta.offset, log.start(), "partition {partition}: a store of what nobody committed");
            account.begins_at = meta.offset;
            return;
        };
        // offsets that were set by hand say no clock: what is due by the stream time is then taken for told
        let is_behind_clock =
            meta.position.now <= commit.position.now || self.is_tampered && meta.position.now <= meta.position.stream_time;
        let is_behind = meta.offset <= offset && is_behind_clock && meta.swaps <= commit.swaps;
        assert!(is_behind, "partition {partition}: the store {meta:?} is ahead of the commit at {offset} {commit:?}");
    }

    /// A replay from the beginning, and what it counts.
    fn replay(&self, log: &Log, partition: i32, offset: i64, now: Timestamp) -> (Replay, [u64; OUTCOMES.len()]) {
        let account = &self.accounts[usize::try_from(partition).unwrap()];
        let first = account.first.expect("something is committed");
        let mut replay = Replay::new(partition, self.strategies[&first].clone(), account.begins_at);
        let mut counts = [0; OUTCOMES.len()];
        for swap in &account.swaps {
            replay.swap(log, swap, &self.strategies[&swap.to], &mut counts);
        }
        replay.fold(log, offset, &mut counts);
        replay.advance(now);
        (replay, counts)
    }

    /// The laws that hold at the end.
    pub(super) fn check_counts(&self) {
        if !self.is_tampered {
            assert_eq!(self.counted, self.expected, "counted by the workers (left) and known by the replay, of {OUTCOMES:?}");
        }
    }

    pub(super) fn check_tables(&self, broker: &Broker, partition: i32, offset: i64, now: Timestamp) {
        let account = &self.accounts[usize::try_from(partition).unwrap()];
        if account.first.is_none() || self.is_tampered {
            return;
        }
        let (replay, counts) = self.replay(broker.log(Topic::Touchpoints, partition), partition, offset, now);
        let mut table = Table::default();
        for topic in [Topic::Moments, Topic::Cycles] {
            for (_, record) in broker.log(topic, partition).committed() {
                table.take(topic, record.key.as_deref().unwrap_or_default(), record.value.as_deref());
            }
        }
        let is_rebuilt = account.rebuilt.is_some();
        table.check(&replay.table, &[], is_rebuilt, &format!("partition {partition} at the end, offset {offset}, clock {now}"));
        let letters = broker.log(Topic::DeadLetters, partition).committed().count() as u64;
        let known = counts[crate::metrics::DEAD];
        let is_right = letters == known || is_rebuilt && letters > known;
        assert!(is_right, "partition {partition}: {letters} dead letters, {known} records that are none");
    }
}

/// The records of a stretch, as a reader of what is committed is given them.
pub(super) fn records(log: &Log, from: i64, until: i64) -> impl Iterator<Item = (i64, &super::broker::Stored)> {
    (from..until).filter_map(|offset| match log.at(offset) {
        Some(Seen::Record(record)) => Some((offset, record)),
        Some(Seen::Nothing) => None,
        None => panic!("offset {offset} is not decided"),
    })
}
