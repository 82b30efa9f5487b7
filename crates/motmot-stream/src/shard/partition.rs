//! One input partition: its engine, its store, and where it stands against log and commit.

use std::time::{Duration, Instant};

use motmot_core::engine::{BoxError, Position};
use motmot_core::{Engine, Timestamp};
use motmot_store::{Checkpoint, Meta, Reader, Store};
use motmot_wire::DeadLetter;

use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::metrics::{self, OUTCOMES};
use crate::native::Record;
use crate::outbox::Outbox;
use crate::partitioner::partition_of;
use crate::start::{Refold, Start};
use crate::worker::Shared;

/// Deadlines that one call of `advance` works off: a storm of them is many transactions, none of which outlives its time-out.
const DEADLINES: usize = 20_000;

/// Whether the partition is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Folding what was committed already: nothing is told and nothing is counted.
    Silent(Refold),
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

pub(super) struct Partition {
    number: i32,
    engine: Engine<Reader>,
    store: Store,
    phase: Phase,
    /// The first offset that is not folded, past transaction markers where that is known.
    next: i64,
    /// What is committed; none: nothing yet.
    committed: Option<i64>,
    /// Records were applied since the engine told its rows last, or the clock may have moved.
    is_untold: bool,
    /// The clock stands before its target: the deadlines are too many for one transaction.
    is_unfinished: bool,
    /// Rows of this partition are in the open transaction.
    has_told: bool,
    /// The last wall-clock reading that everything before it has been folded for.
    reading: Timestamp,
    pub(super) tick: Option<Tick>,
    counts: Counts,
    /// The earliest arrival in the open transaction, in ms.
    pub(super) oldest_arrival: Option<i64>,
    records_since_checkpoint: u64,
    is_unsaved: bool,
    checkpointed: Instant,
    assigned: Instant,
}

impl Partition {
    pub(super) fn new(shared: &Shared, number: i32, store: Store, start: &Start) -> Self {
        let engine = Engine::new(shared.strategy.clone(), store.reader(), start.position);
        Self {
            number,
            engine,
            store,
            phase: start.refold.map_or(Phase::Speaking, Phase::Silent),
            next: start.offset,
            committed: start.refold.map(|refold| refold.until),
            is_untold: false,
            is_unfinished: false,
            has_told: false,
            reading: Timestamp::MIN,
            tick: None,
            counts: Counts::default(),
            oldest_arrival: None,
            records_since_checkpoint: 0,
            is_unsaved: start.is_first,
            checkpointed: Instant::now(),
            assigned: Instant::now(),
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

    pub(super) fn hot(&self) -> usize {
        self.engine.hot()
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn is_silent(&self) -> bool {
        matches!(self.phase, Phase::Silent(_))
    }

    pub(super) fn is_untold(&self) -> bool {
        self.is_untold && !self.is_silent()
    }

    pub(super) fn is_unfinished(&self) -> bool {
        self.is_unfinished
    }

    /// Whether the next commit has to name this partition.
    pub(super) fn is_uncommitted(&self) -> bool {
        !self.is_silent() && (self.has_told || self.next > self.committed.unwrap_or(0))
    }

    fn state_error(&self, shared: &Shared, source: BoxError) -> WorkerError {
        WorkerError::State { topic: shared.config.topics.touchpoints.clone(), partition: self.number, offset: self.next, source }
    }

    /// Folds one record.
    pub(super) fn fold(&mut self, shared: &Shared, record: Record<'_>, outbox: &mut Outbox) -> Result<(), Interrupt> {
        if record.offset() < self.next {
            // Fetched before the partition was assigned anew. Anything else would be a fault, so it shows.
            shared.metrics.skipped.inc();
            tracing::debug!(
                partition = self.number,
                offset = record.offset(),
                next = self.next,
                "a record that is folded already"
            );
            return Ok(());
        }
        self.reach(shared, record.offset())?;
        self.next = record.offset() + 1;
        self.records_since_checkpoint += 1;
        self.is_unsaved = true;
        self.is_untold = true;
        let arrived_at = record.timestamp();
        if self.oldest_arrival.is_none_or(|oldest| arrived_at < oldest) {
            self.oldest_arrival = Some(arrived_at);
        }
        if let Some(dead) = self.apply(shared, record, Timestamp::from_millis(arrived_at), outbox)? {
            self.bury(shared, record, dead, outbox)?;
        }
        // the last record before the commit ends a re-fold, whether or not anything follows it
        self.reach(shared, record.offset() + 1)
    }

    fn apply(
        &mut self,
        shared: &Shared,
        record: Record<'_>,
        arrived_at: Timestamp,
        outbox: &mut Outbox,
    ) -> Result<Option<Dead>, Interrupt> {
        if arrived_at.as_millis() < 0 {
            let detail = "the record has no timestamp, and arrival decides what is late: let the producer or the broker set one";
            return Ok(Some(Dead { reason: "no_timestamp", detail: detail.to_owned() }));
        }
        let read = key(record, shared.partitions).and_then(|key| {
            let touchpoint = shared.reader.touchpoint(record.value().unwrap_or_default());
            touchpoint.map(|touchpoint| (key, touchpoint)).map_err(|e| Dead { reason: e.reason(), detail: e.to_string() })
        });
        let (key, touchpoint) = match read {
            Ok(read) => read,
            Err(dead) => {
                self.engine.observe(arrived_at);
                return Ok(Some(dead));
            }
        };
        let is_silent = self.is_silent();
        let mut voice = outbox.voice(self.number, is_silent);
        let verdict = self.engine.apply(key, &touchpoint, arrived_at, record.offset(), &mut voice);
        let verdict = verdict.map_err(|source| self.state_error(shared, source))?;
        let outcome = metrics::outcome(verdict);
        if outcome == metrics::DEAD {
            let detail = format!(
                "it occurred at {}, further ahead of its arrival at {arrived_at} than the strategy's allowed_skew: look at the producer's clock",
                touchpoint.occurred_at
            );
            return Ok(Some(Dead { reason: "too_far_ahead", detail }));
        }
        if !is_silent && let Some(count) = self.counts.outcomes.get_mut(outcome) {
            *count += 1;
        }
        Ok(None)
    }

    fn bury(&mut self, shared: &Shared, record: Record<'_>, dead: Dead, outbox: &mut Outbox) -> Result<(), Interrupt> {
        if self.is_silent() {
            return Ok(());
        }
        self.counts.die(dead.reason);
        self.has_told = true;
        let timestamp = record.timestamp();
        let letter = DeadLetter {
            reason: dead.reason.to_owned(),
            detail: dead.detail,
            topic: shared.config.topics.touchpoints.clone(),
            partition: self.number,
            offset: record.offset(),
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

    /// Notes that everything before `offset` has been given: what lies between are markers of transactions, or nothing.
    pub(super) fn reach(&mut self, shared: &Shared, offset: i64) -> Result<(), Interrupt> {
        match self.phase {
            Phase::Silent(refold) if offset >= refold.until => {
                self.next = self.next.max(refold.until);
                self.finish_refold(shared, refold)?;
            }
            _ => {}
        }
        self.next = self.next.max(offset);
        Ok(())
    }

    /// The last act of a re-fold: the clock. From here on the state is that of the commit, and all of it has been told.
    fn finish_refold(&mut self, shared: &Shared, refold: Refold) -> Result<(), Interrupt> {
        let Position { stream_time, .. } = self.engine.position();
        self.advance_in_silence(shared, refold.clock.unwrap_or(stream_time))?;
        if refold.stream_time.is_some_and(|expected| expected != stream_time) {
            tracing::warn!(
                partition = self.number,
                found = %stream_time,
                committed = %refold.stream_time.unwrap_or(stream_time),
                "the records up to the commit give another stream time than was committed: records of the topic were deleted or changed"
            );
        }
        self.phase = Phase::Speaking;
        self.is_untold = false;
        self.oldest_arrival = None;
        let seconds = self.assigned.elapsed().as_secs_f64();
        shared.metrics.refold_seconds.observe(seconds);
        shared.metrics.refolding.dec();
        tracing::info!(partition = self.number, offset = self.next, seconds, "folded up to the last commit");
        Ok(())
    }

    fn advance_in_silence(&mut self, shared: &Shared, target: Timestamp) -> Result<(), Interrupt> {
        while !self.engine.advance(target, usize::MAX, &mut Silence).map_err(|source| self.state_error(shared, source))? {}
        Ok(())
    }

    /// Takes the pending wall-clock reading over if everything before it has been folded.
    pub(super) fn settle_tick(&mut self) {
        if let Some(tick) = self.tick.filter(|tick| self.next >= tick.end && !self.is_silent()) {
            self.tick = None;
            self.reading = self.reading.max(tick.reading);
            self.is_untold = true;
        }
    }

    /// Tells all rows that differ from what was told, at the clock where the partition stands.
    pub(super) fn advance(&mut self, shared: &Shared, outbox: &mut Outbox) -> Result<(), Interrupt> {
        let target = self.reading.max(self.engine.position().stream_time);
        let before = outbox.told().rows();
        let mut voice = outbox.voice(self.number, false);
        let is_done = self.engine.advance(target, DEADLINES, &mut voice).map_err(|source| self.state_error(shared, source))?;
        outbox.check()?;
        let has_told = outbox.told().rows() != before;
        self.has_told |= has_told;
        self.is_unsaved |= has_told;
        self.is_untold = false;
        self.is_unfinished = !is_done;
        Ok(())
    }

    /// The transaction that names this partition is committed.
    pub(super) fn committed(&mut self, shared: &Shared) {
        self.committed = Some(self.next);
        self.has_told = false;
        self.oldest_arrival = None;
        let Counts { outcomes, dead } = std::mem::take(&mut self.counts);
        for (counter, count) in shared.metrics.records.iter().zip(outcomes) {
            counter.inc_by(count);
        }
        for (reason, count) in dead {
            shared.metrics.dead_letters.with_label_values(&[reason]).inc_by(count);
        }
    }

    /// Whether a checkpoint is due, and all that the partition's memory holds is committed.
    pub(super) fn is_checkpoint_due(&self, shared: &Shared) -> bool {
        self.is_unsaved
            && !(self.is_silent() || self.is_untold || self.is_uncommitted())
            && (self.records_since_checkpoint >= shared.config.checkpoint_records
                || self.checkpointed.elapsed() >= shared.config.checkpoint_interval)
    }

    pub(super) fn since_checkpoint(&self) -> Duration {
        self.checkpointed.elapsed()
    }

    /// A checkpoint within a re-fold, which may be long: what is folded lies behind the commit, so it may be saved.
    pub(super) fn save_refold(&mut self, shared: &Shared) -> Result<(), Interrupt> {
        let Phase::Silent(refold) = self.phase else { return Ok(()) };
        if self.records_since_checkpoint < shared.config.checkpoint_records {
            return Ok(());
        }
        let stream_time = self.engine.position().stream_time;
        self.advance_in_silence(shared, refold.clock.map_or(stream_time, |clock| clock.min(stream_time)))?;
        self.checkpoint(shared)
    }

    /// Writes what is committed to the store, and lets the rows go that are not needed in memory.
    pub(super) fn checkpoint(&mut self, shared: &Shared) -> Result<(), Interrupt> {
        self.checkpointed = Instant::now();
        self.records_since_checkpoint = 0;
        if !std::mem::take(&mut self.is_unsaved) {
            return Ok(());
        }
        let mut checkpoint = Checkpoint::new();
        self.engine.checkpoint(&mut |change| checkpoint.add(&change));
        let rows = checkpoint.rows();
        let meta = Meta {
            topic_id: shared.topic_id.clone(),
            partitions: shared.partitions,
            offset: self.next,
            position: self.engine.position(),
            strategy: shared.strategy.hash,
        };
        self.store.write(checkpoint, meta, &shared.strategy_text)?;
        self.engine.evict(shared.hot_rows_per_partition());
        shared.metrics.checkpoint_seconds.observe(self.checkpointed.elapsed().as_secs_f64());
        shared.metrics.checkpoint_rows.inc_by(rows as u64);
        tracing::debug!(partition = self.number, offset = self.next, rows, "checkpoint");
        Ok(())
    }
}

/// The record's key, if it is one, and lies where it belongs.
fn key<'m>(record: Record<'m>, partitions: i32) -> Result<&'m str, Dead> {
    let dead = |reason, detail: String| Err(Dead { reason, detail });
    let Some(key) = record.key().filter(|key| !key.is_empty()) else {
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
    if expected == record.partition() {
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

/// Hears nothing.
struct Silence;

impl motmot_core::engine::Sink for Silence {
    fn moment(&mut self, _: &motmot_core::Moment<'_>, _: &[i64]) {}
    fn cycle(&mut self, _: &motmot_core::cycle::CycleRecord<'_>, _: &[i64]) {}
    fn cycle_gone(&mut self, _: &str, _: &str) {}
}
