//! One input partition: its engine, its store, and where it stands against log and commit.

use std::sync::Arc;
use std::time::Duration;

use motmot_core::engine::{BoxError, Position};
use motmot_core::{Engine, Timestamp, Touchpoint};
use motmot_store::{Checkpoint, Meta, Origin, Reader, Store};
use motmot_wire::{DeadLetter, NotYet, ReadError};

use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::metadata::CommitMetadata;
use crate::metrics::{self, OUTCOMES};
use crate::outbox::Outbox;
use crate::partitioner::partition_of;
use crate::port::{Record, Snapshots as _, World};
use crate::start::Start;
use crate::strategies::Loaded;
use crate::worker::Shared;

use super::hold::Hold;
use super::refold::{Known, Silent};
use super::swap::{self, Swap};

/// Deadlines that one call of `advance` works off: a storm of them is many transactions, none of which outlives its time-out or keeps
/// the records that come meanwhile waiting for long.
/// Few in tests: a simulated storm is small.
pub(super) const DEADLINES: usize = if cfg!(test) { 1 } else { 5_000 };

/// Whether the partition is heard.
pub(super) enum Phase {
    /// Folding what was committed already: nothing is told and nothing is counted.
    Silent(Silent),
    /// Telling what is due from the commit's clock on up to an instant: rows may have been told ahead of the clock, and which is not known.
    /// Nothing is folded before that is done, for what it amends could never be taken back.
    Resuming { until: Timestamp },
    /// Folding what is new.
    Speaking,
}

/// A wall-clock reading that becomes the clock once everything before `end` is folded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tick {
    pub(super) reading: Timestamp,
    pub(super) end: i64,
}

/// What became of the records since the last commit.
#[derive(Clone, Debug, Default)]
struct Counts {
    outcomes: [u64; OUTCOMES.len()],
    /// (reason, how many): seldom any.
    dead: Vec<(&'static str, u64)>,
}

impl Counts {
    fn die(&mut self, reason: &'static str) {
        if let Some(dead) = self.outcomes.get_mut(metrics::DEAD) {
            *dead += 1;
        }
        match self.dead.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.dead.push((reason, 1)),
        }
    }
}

/// Why a record is no touchpoint.
struct Dead {
    reason: &'static str,
    detail: String,
}

pub(super) struct Partition<W: World> {
    pub(super) number: i32,
    pub(super) engine: Engine<Reader<W::Entries>>,
    store: Store<W::Entries>,
    snapshots: W::Snapshots,
    /// Where its state began.
    pub(super) origin: Origin,
    /// In force.
    pub(super) strategy: Arc<Loaded>,
    /// How often it was swapped.
    pub(super) swaps: u64,
    /// Whether the last swap is told.
    pub(super) swap: Swap,
    pub(super) phase: Phase,
    /// Set while it waits for the schema registry.
    pub(super) hold: Option<Hold>,
    /// The first offset that is not folded, past transaction markers where that is known.
    pub(super) next: i64,
    /// What is committed; none: nothing yet.
    committed: Option<i64>,
    /// Clock and stream time there. The clock in memory may go on without a commit, when there is nothing to tell; the store's must not: it
    /// would judge a swap later than another worker, who had the partition in between, has judged it.
    pub(super) committed_position: Position,
    /// Records were applied since the engine told its rows last, or the clock may have moved.
    pub(super) is_untold: bool,
    /// Records were given that are to be given again.
    is_passed_over: bool,
    /// The clock stands before its target: the deadlines are too many for one transaction.
    pub(super) is_unfinished: bool,
    /// Rows of this partition are in the open transaction.
    has_told: bool,
    /// The last wall-clock reading that everything before it has been folded for.
    reading: Timestamp,
    pub(super) tick: Option<Tick>,
    counts: Counts,
    /// The earliest arrival in the open transaction, in ms.
    pub(super) oldest_arrival: Option<i64>,
    pub(super) records_since_checkpoint: u64,
    pub(super) is_unsaved: bool,
    /// A swap is told and not in the store yet.
    pub(super) is_swap_unsaved: bool,
    checkpointed: Duration,
    pub(super) assigned: Duration,
}

impl<W: World> Partition<W> {
    /// The strategy of `start`, and every one that its re-fold names.
    pub(super) fn new(
        number: i32,
        (store, snapshots): (Store<W::Entries>, W::Snapshots),
        start: Start,
        (strategy, known): (Arc<Loaded>, Known),
        now: Duration,
    ) -> Self {
        let engine = Engine::new(Arc::clone(&strategy.strategy), store.reader(), start.position);
        let committed = start.refold.as_ref().map(|refold| refold.until);
        Self {
            number,
            engine,
            store,
            snapshots,
            origin: start.origin,
            strategy,
            swaps: start.swaps,
            swap: Swap::None,
            phase: start.refold.map_or(Phase::Speaking, |refold| Phase::Silent(Silent { refold, known })),
            hold: None,
            next: start.offset,
            committed,
            committed_position: start.position,
            is_untold: false,
            is_passed_over: false,
            is_unfinished: committed.is_none() && start.position.now < start.position.stream_time,
            has_told: false,
            reading: Timestamp::MIN,
            tick: None,
            counts: Counts::default(),
            oldest_arrival: None,
            records_since_checkpoint: 0,
            is_unsaved: start.is_first,
            is_swap_unsaved: false,
            checkpointed: now,
            assigned: now,
        }
    }

    pub(super) fn number(&self) -> i32 {
        self.number
    }

    pub(super) fn next(&self) -> i64 {
        self.next
    }

    pub(super) fn position(&self) -> Position {
        self.engine.position()
    }

    /// What stands beside the offset of the next commit.
    pub(super) fn metadata(&self) -> CommitMetadata {
        let (position, strategy, swaps, origin) = (self.position(), self.strategy.id, self.swaps, self.origin);
        CommitMetadata { position, strategy, swaps, origin, is_swapping: self.is_swapping(), is_split: self.engine.is_split() }
    }

    pub(super) fn hot(&self) -> usize {
        self.engine.hot()
    }

    pub(super) fn store(&self) -> &Store<W::Entries> {
        &self.store
    }

    pub(super) fn is_silent(&self) -> bool {
        matches!(self.phase, Phase::Silent(_))
    }

    /// Whether something is to be told before more is folded.
    pub(super) fn must_tell_first(&self) -> bool {
        self.is_swapping() && !planted!(FoldInSwap) || matches!(self.phase, Phase::Resuming { .. })
    }

    pub(super) fn is_untold(&self) -> bool {
        self.is_untold && !self.is_silent()
    }

    pub(super) fn is_unfinished(&self) -> bool {
        self.is_unfinished || self.is_swapping()
    }

    /// Whether rows of it are in the open transaction.
    pub(super) fn has_told(&self) -> bool {
        self.has_told
    }

    /// Whether it must be read again from where it stands. Asked once.
    pub(super) fn take_passed_over(&mut self) -> bool {
        std::mem::take(&mut self.is_passed_over)
    }

    /// Whether the next commit has to name this partition.
    pub(super) fn is_uncommitted(&self) -> bool {
        !self.is_silent() && (self.has_told || self.swap != Swap::None || self.next > self.committed.unwrap_or(0))
    }

    pub(super) fn state_error(&self, shared: &Shared<W>, source: BoxError) -> WorkerError {
        WorkerError::State { topic: shared.config.topics.touchpoints.clone(), partition: self.number, offset: self.next, source }
    }

    /// Folds one record.
    pub(super) fn fold(&mut self, shared: &Shared<W>, record: Record<'_>, outbox: &mut Outbox<W>) -> Result<(), Interrupt> {
        if record.offset < self.next && !planted!(FoldedTwice) {
            // Fetched before the partition was assigned anew. Anything else would be a fault, so it shows.
            shared.metrics.skipped.inc();
            tracing::debug!(partition = self.number, offset = record.offset, next = self.next, "a record that is folded already");
            return Ok(());
        }
        if !self.admits(shared, record.offset)? {
            return Ok(()); // it will be read again
        }
        if !self.is_passed_over {
            self.reach(shared, record.offset, outbox)?;
        }
        if self.must_tell_first() {
            // The re-fold has ended within the batch, and something is to be told again; nothing is folded before that is done.
            self.is_passed_over = true;
            return Ok(());
        }
        let read = match read(shared, record) {
            Ok(read) => read,
            Err(not_yet) if planted!(UnknownBuried) => Err(Dead { reason: "unknown_schema", detail: not_yet.to_string() }),
            Err(not_yet) => {
                self.next += i64::from(planted!(AwaitedSkipped));
                self.hold(shared, record.offset, not_yet);
                return Ok(());
            }
        };
        self.next = record.offset + 1;
        self.records_since_checkpoint += 1;
        self.is_unsaved = true;
        self.is_untold = true;
        let arrived_at = record.timestamp;
        if self.oldest_arrival.is_none_or(|oldest| arrived_at < oldest) {
            self.oldest_arrival = Some(arrived_at);
        }
        if let Some(dead) = self.apply(shared, record, read, outbox)? {
            self.bury(shared, record, dead, outbox)?;
        }
        // the last record before the commit ends a re-fold, whether or not anything follows it
        self.reach(shared, record.offset + 1, outbox)
    }

    fn apply(
        &mut self,
        shared: &Shared<W>,
        record: Record<'_>,
        read: Read<'_>,
        outbox: &mut Outbox<W>,
    ) -> Result<Option<Dead>, Interrupt> {
        let arrived_at = Timestamp::from_millis(record.timestamp);
        if arrived_at.as_millis() < 0 {
            let detail = "the record has no timestamp, and arrival decides what is late: let the producer or the broker set one";
            return Ok(Some(Dead { reason: "no_timestamp", detail: detail.to_owned() }));
        }
        let (key, touchpoint) = match read {
            Ok(read) => read,
            Err(dead) => {
                self.engine.observe(arrived_at);
                return Ok(Some(dead));
            }
        };
        let is_silent = self.is_silent();
        let mut voice = outbox.voice(self.number, is_silent && !planted!(LoudRefold));
        let verdict = self.engine.apply(key, &touchpoint, arrived_at, record.offset, &mut voice);
        let verdict = verdict.map_err(|source| self.state_error(shared, source))?;
        let outcome = metrics::outcome(verdict);
        if outcome == metrics::DEAD {
            let detail = format!(
                "it occurred at {}, further ahead of its arrival at {arrived_at} than the strategy's allowed_skew: look at the producer's clock",
                touchpoint.occurred_at
            );
            return Ok(Some(Dead { reason: "too_far_ahead", detail }));
        }
        if (!is_silent || planted!(CountInRefold))
            && let Some(count) = self.counts.outcomes.get_mut(outcome)
        {
            *count += 1;
        }
        Ok(None)
    }

    fn bury(&mut self, shared: &Shared<W>, record: Record<'_>, dead: Dead, outbox: &mut Outbox<W>) -> Result<(), Interrupt> {
        if self.is_silent() {
            return Ok(());
        }
        self.counts.die(dead.reason);
        self.has_told = true;
        let timestamp = record.timestamp;
        let letter = DeadLetter {
            reason: dead.reason.to_owned(),
            detail: dead.detail,
            topic: shared.config.topics.touchpoints.clone(),
            partition: self.number,
            offset: record.offset,
            timestamp: (timestamp >= 0).then(|| Timestamp::from_millis(timestamp)),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        tracing::debug!(
            partition = self.number,
            offset = letter.offset,
            reason = letter.reason,
            "dead letter: {}",
            letter.detail
        );
        outbox.dead_letter(record, &letter)
    }

    /// Takes the pending wall-clock reading over if everything before it has been folded.
    pub(super) fn settle_tick(&mut self) {
        if let Some(tick) = self.tick.filter(|tick| (self.next >= tick.end || planted!(WallInBacklog)) && !self.is_silent()) {
            self.tick = None;
            self.reading = self.reading.max(tick.reading);
            self.is_untold = true;
        }
    }

    /// Tells all rows that differ from what was told, and works off a portion of what is due. While a swap is told the clock stands still.
    pub(super) fn advance(&mut self, shared: &Shared<W>, outbox: &mut Outbox<W>) -> Result<(), Interrupt> {
        let Position { now, stream_time } = self.engine.position();
        let before = outbox.told().rows();
        let mut voice = outbox.voice(self.number, false);
        let is_done = match &self.phase {
            _ if self.is_swapping() => self.engine.advance(now, swap::PORTION, &mut voice),
            Phase::Resuming { until } if !planted!(ResumedAtOnce) => self.engine.resume(*until, DEADLINES, &mut voice),
            _ => self.engine.advance(self.reading.max(stream_time), DEADLINES, &mut voice),
        };
        let is_done = is_done.map_err(|source| self.state_error(shared, source))?;
        outbox.check()?;
        let has_told = outbox.told().rows() != before;
        self.has_told |= has_told;
        self.is_unsaved |= has_told;
        self.is_untold = false;
        self.is_unfinished = !is_done;
        if is_done && self.is_swapping() {
            self.swap = Swap::Told;
        } else if is_done && matches!(self.phase, Phase::Resuming { .. }) {
            self.phase = Phase::Speaking;
        }
        Ok(())
    }

    /// A transaction is committed, which names this partition if it had anything to commit.
    pub(super) fn committed(&mut self, shared: &Shared<W>) {
        if self.is_uncommitted() {
            self.committed_position = self.position();
        }
        self.committed = Some(self.next);
        self.has_told = false;
        self.oldest_arrival = None;
        self.end_swap(shared);
        let Counts { outcomes, dead } = std::mem::take(&mut self.counts);
        for (counter, count) in shared.metrics.records.iter().zip(outcomes) {
            counter.inc_by(count);
        }
        for (reason, count) in dead {
            shared.metrics.dead_letters.with_label_values(&[reason]).inc_by(count);
        }
    }

    /// Whether a checkpoint is due, and all that the partition's memory holds is committed.
    pub(super) fn is_checkpoint_due(&self, shared: &Shared<W>) -> bool {
        self.is_unsaved
            && !(self.is_silent() || (self.is_untold || self.is_uncommitted()) && !planted!(StoreAhead))
            && (self.is_swap_unsaved
                || self.records_since_checkpoint >= shared.config.checkpoint_records
                || self.engine.dirty() >= shared.dirty_rows_per_partition()
                || self.since_checkpoint(shared) >= shared.config.checkpoint_interval)
    }

    pub(super) fn since_checkpoint(&self, shared: &Shared<W>) -> Duration {
        shared.world.elapsed().saturating_sub(self.checkpointed)
    }

    /// Writes what is committed to the store, and lets the rows go that are not needed in memory.
    pub(super) fn checkpoint(&mut self, shared: &Shared<W>) -> Result<(), Interrupt> {
        if self.is_swapping() && !planted!(CheckpointInSwap) {
            return Ok(()); // what is not told yet is known to the memory only: the swap is done again from an earlier checkpoint
        }
        self.checkpointed = shared.world.elapsed();
        self.records_since_checkpoint = 0;
        self.is_swap_unsaved = false;
        if !std::mem::take(&mut self.is_unsaved) {
            return Ok(());
        }
        let mut checkpoint = Checkpoint::new();
        self.engine.checkpoint(&mut |mut change| {
            change.wake_at = change.wake_at.filter(|_| !planted!(TimerLost));
            checkpoint.add(&change);
        });
        let rows = checkpoint.rows();
        let position = if self.is_silent() { self.position() } else { self.committed_position };
        let meta = Meta {
            topic_id: shared.topic_id.clone(),
            partitions: shared.partitions,
            origin: self.origin,
            offset: self.next,
            position: if planted!(ClockBeyondCommit) { self.position() } else { position },
            strategy: self.strategy.id,
            swaps: self.swaps,
        };
        self.store.write(checkpoint, meta, &self.strategy.text)?;
        self.engine.evict(shared.hot_rows_per_partition());
        shared.metrics.checkpoint_seconds.observe(self.since_checkpoint(shared).as_secs_f64());
        shared.metrics.checkpoint_rows.inc_by(rows as u64);
        tracing::debug!(partition = self.number, offset = self.next, rows, "checkpoint");
        Ok(())
    }

    /// Takes a snapshot if it is time for one. Whatever the memory holds, the store is a checkpoint of what is committed.
    pub(super) fn snapshot_due(&mut self, shared: &Shared<W>) {
        if self.snapshots.is_due() {
            self.snapshots.take(&self.store, shared.world.now());
        }
    }
}

/// A record's key and touchpoint, or why it has none.
type Read<'m> = Result<(&'m str, Touchpoint<'m>), Dead>;

/// Reads a record, unless its schema is not known yet.
fn read<'m, W: World>(shared: &Shared<W>, record: Record<'m>) -> Result<Read<'m>, NotYet> {
    let key = match key(record, shared.partitions) {
        Ok(key) => key,
        Err(dead) => return Ok(Err(dead)),
    };
    match shared.reader.touchpoint(record.value.unwrap_or_default()) {
        Ok(touchpoint) => Ok(Ok((key, touchpoint))),
        Err(ReadError::Dead(e)) => Ok(Err(Dead { reason: e.reason(), detail: e.to_string() })),
        Err(ReadError::NotYet(not_yet)) => Err(not_yet),
    }
}

/// The record's key, if it is one, and lies where it belongs.
fn key<'m>(record: Record<'m>, partitions: i32) -> Result<&'m str, Dead> {
    let dead = |reason, detail: String| Err(Dead { reason, detail });
    let Some(key) = record.key.filter(|key| !key.is_empty()) else {
        return dead(
            "no_key",
            "the record has no key: let the producer set the cycle's key (the customer, or the cycle)".to_owned(),
        );
    };
    let Ok(text) = std::str::from_utf8(key) else {
        return dead("bad_key", "the key is no UTF-8: let the producer write the key as text".to_owned());
    };
    if text.len() > motmot_core::Touchpoint::MAX_TEXT {
        return dead("bad_key", format!("the key has {} bytes, more than {}", text.len(), motmot_core::Touchpoint::MAX_TEXT));
    }
    let expected = partition_of(key, partitions);
    if expected == record.partition {
        return Ok(text);
    }
    dead(
        "misrouted",
        format!(
            "the key belongs on partition {expected} of {partitions}: set the producer's partitioner to murmur2 (librdkafka: \
             partitioner=murmur2_random), or one customer's cycle is torn over two partitions"
        ),
    )
}
