//! Folds touchpoints in log order: one [`Folder`] is one engine.
//!
//! A file source is folded by several, each with the keys of its partition. That split changes nothing: the source is sorted
//! by arrival, so the stream time at a record, the running maximum of arrivals, is the record's own arrival, whoever
//! else's records came before it. All else in the engine is by key. A topic is folded by one folder a Kafka partition, in the order of
//! offsets, as the worker does it.

use std::sync::Arc;

use motmot_core::engine::{BoxError, NoCold, Position};
use motmot_core::{Engine, Strategy, Timestamp, Touchpoint, Verdict};

use crate::error::ArchiveError;
use crate::origin::Numbers;
use crate::rows::Rows;
use crate::summary::InputCounts;
use crate::swaps::{Schedule, Swap};
use crate::tables::{Tables, Told};

/// Touchpoints between two looks at the deadlines. The tables at the end do not depend on it; telling rows that a later touchpoint
/// changes again costs time, and cycles that are over cost memory until they are told.
const BATCH: u64 = 8_192;

/// At which `now` a replay ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// The last arrival.
    #[default]
    LastArrival,
    /// An instant; the clock never stands before the last arrival.
    Instant(Timestamp),
    /// Every deadline has passed.
    End,
}

impl Until {
    /// The instant, when the last record arrived at `latest`.
    pub fn now(self, latest: Timestamp) -> Timestamp {
        match self {
            Self::LastArrival => latest,
            Self::Instant(at) => at.max(latest),
            Self::End => Timestamp::PLAUSIBLE.end,
        }
    }
}

/// One engine, its tables and its counts.
pub struct Folder {
    schedule: Schedule,
    engine: Engine<NoCold>,
    tables: Tables,
    counts: InputCounts,
    since_advance: u64,
}

/// What one engine found.
#[derive(Debug)]
pub struct Folded {
    pub(crate) counts: InputCounts,
    pub(crate) told: Told,
}

impl Folder {
    /// One that has seen nothing; `keep_rows` when the tables are wanted as rows too.
    ///
    /// # Errors
    /// When there is no temporary file to keep rows in.
    pub fn new(strategy: Arc<Strategy>, keep_rows: bool) -> Result<Self, ArchiveError> {
        let schedule = Schedule::of(strategy);
        let rules = schedule.rules();
        Self::with_swaps(schedule, rules, keep_rows)
    }

    /// The same, with swaps of the strategy on the way. Moments of `rules` are counted, in that order: all folders of a replay must have
    /// the same.
    ///
    /// # Errors
    /// As [`Folder::new`].
    pub fn with_swaps(schedule: Schedule, rules: Vec<String>, keep_rows: bool) -> Result<Self, ArchiveError> {
        let rows = keep_rows.then(Rows::new).transpose()?;
        Ok(Self {
            engine: Engine::new(Arc::clone(&schedule.first), NoCold, Position::START),
            schedule,
            tables: Tables::new(rules, rows),
            counts: InputCounts::default(),
            since_advance: 0,
        })
    }

    /// The same, for records of this partition: the rows name their offsets as evidence.
    #[must_use]
    pub fn of_partition(mut self, partition: i32) -> Self {
        self.tables.set_numbers(Numbers::Offsets(partition));
        self
    }

    /// Folds the next touchpoint.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn fold(
        &mut self,
        key: &str,
        touchpoint: &Touchpoint<'_>,
        arrived_at: Timestamp,
        offset: i64,
    ) -> Result<Verdict, ArchiveError> {
        self.swap_before(offset, arrived_at)?;
        let verdict = self.engine.apply(key, touchpoint, arrived_at, offset, &mut self.tables).map_err(ArchiveError::Fold)?;
        self.counts.judged(verdict);
        self.since_advance += 1;
        if self.since_advance >= BATCH {
            self.advance()?;
        }
        Ok(verdict)
    }

    /// Counts a record that is no touchpoint; its arrival is part of stream time all the same.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn dead(&mut self, reason: &str, arrived_at: Timestamp, offset: i64) -> Result<(), ArchiveError> {
        self.swap_before(offset, arrived_at)?;
        self.engine.observe(arrived_at);
        self.counts.dead(reason, 1);
        Ok(())
    }

    fn swap_before(&mut self, offset: i64, arrived_at: Timestamp) -> Result<(), ArchiveError> {
        while let Some(swap) = self.schedule.next_before(offset, arrived_at) {
            self.swap(&swap)?;
        }
        Ok(())
    }

    fn swap(&mut self, swap: &Swap) -> Result<(), ArchiveError> {
        self.advance()?;
        self.advance_to(swap.at.clock())?;
        self.engine.swap(Arc::clone(&swap.strategy), &mut self.tables).map_err(ArchiveError::Fold)?;
        self.advance_to(swap.at.clock())
    }

    /// The last arrival so far; none before the first record.
    pub fn latest(&self) -> Option<Timestamp> {
        Some(self.engine.position().stream_time).filter(|at| *at > Timestamp::MIN)
    }

    fn advance(&mut self) -> Result<(), ArchiveError> {
        self.since_advance = 0;
        self.advance_to(self.engine.position().stream_time)
    }

    fn advance_to(&mut self, target: Timestamp) -> Result<(), ArchiveError> {
        while !self.engine.advance(target, usize::MAX, &mut self.tables).map_err(ArchiveError::Fold)? {}
        Ok(())
    }

    /// Moves the clock to `now`, where the replay ends, with the swaps that lie before it, and counts.
    ///
    /// # Errors
    /// When the engine fails, or a row could not be kept.
    pub fn finish(mut self, now: Timestamp) -> Result<Folded, ArchiveError> {
        self.advance()?;
        while let Some(swap) = self.schedule.next_until(now) {
            self.swap(&swap)?;
        }
        self.advance_to(now)?;
        let tables = &mut self.tables;
        self.engine.live(&mut |key, cycle_id, state| tables.live(key, cycle_id, state));
        Ok(Folded { counts: self.counts, told: self.tables.finish()? })
    }
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Folder").field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// An error of the source while it is folded.
impl From<BoxError> for ArchiveError {
    fn from(error: BoxError) -> Self {
        Self::Fold(error)
    }
}
