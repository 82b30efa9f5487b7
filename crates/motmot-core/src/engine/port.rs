//! What the engine needs from, and gives to, the world around it.

use std::ops::ControlFlow;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::cycle::CycleRecord;
use crate::moment::Moment;
use crate::time::Timestamp;

/// An error of the world outside.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What became of a touchpoint. Consumed = the sum of all of these and the dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is part of its cycle.
    Folded,
    /// Its event_id is known, with the same content.
    Duplicate,
    /// Its event_id is known, with other content: the first stands.
    Conflicting,
    /// Its cycle is final, and it occurred before that.
    Late,
    /// Its cycle is full.
    Overflow,
    /// A dead letter: it occurred further ahead of its arrival than the strategy's `allowed_skew`.
    TooFarAhead,
}

/// The two clocks of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Decides which deadlines have passed.
    pub now: Timestamp,
    /// The running maximum of arrivals; decides what is final.
    pub stream_time: Timestamp,
}

impl Position {
    /// Before the first record.
    pub const START: Self = Self { now: Timestamp::MIN, stream_time: Timestamp::MIN };
}

/// The name of a row of state: a cycle, or, without a cycle id, what a key's assembled cycles have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId<'a> {
    /// The records' key.
    pub key: &'a str,
    /// The cycle; none: the key's assembly row.
    pub cycle_id: Option<&'a str>,
}

impl RowId<'_> {
    /// For hash tables; not stable across versions.
    pub(super) fn hash(self) -> u64 {
        let seed = xxh3_64(self.key.as_bytes());
        self.cycle_id.map_or(seed.rotate_left(1), |id| xxh3_64_with_seed(id.as_bytes(), seed))
    }
}

/// A row as a checkpoint must have it.
#[derive(Clone, Copy, Debug)]
pub struct RowChange<'a> {
    /// Which row.
    pub row: RowId<'a>,
    /// Its value; none: it is deleted.
    pub value: Option<&'a [u8]>,
    /// When the engine wants it back ([`Cold::due`]).
    pub wake_at: Option<Timestamp>,
    /// The `wake_at` of the last checkpoint that had this row: its index entry is to be replaced.
    pub previous_wake_at: Option<Timestamp>,
}

/// Takes the name of a row that is due, and says whether there may be more.
pub type DueVisit<'v> = dyn FnMut(Timestamp, RowId<'_>) -> ControlFlow<()> + 'v;

/// Serves rows that are not in memory, as they stood at the last checkpoint.
pub trait Cold {
    /// The value of a row.
    ///
    /// # Errors
    /// When it cannot be read; absent is `None`.
    fn load(&mut self, row: RowId<'_>) -> Result<Option<Vec<u8>>, BoxError>;

    /// Visits the rows whose `wake_at` lies after `after` and at or before `until`, the earliest first, until `visit` has enough.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn due(&mut self, after: Timestamp, until: Timestamp, visit: &mut DueVisit<'_>) -> Result<(), BoxError>;
}

/// Everything is in memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCold;

impl Cold for NoCold {
    fn load(&mut self, _: RowId<'_>) -> Result<Option<Vec<u8>>, BoxError> {
        Ok(None)
    }
    fn due(&mut self, _: Timestamp, _: Timestamp, _: &mut DueVisit<'_>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Hears the rows of the output tables; a later row of a key replaces the earlier. `evidence` are the offsets of the touchpoints that
/// it rests on: they travel outside the row.
pub trait Sink {
    /// A moment's row.
    fn moment(&mut self, moment: &Moment<'_>, evidence: &[i64]);
    /// A cycle's row.
    fn cycle(&mut self, cycle: &CycleRecord<'_>, evidence: &[i64]);
    /// A cycle that was told of has no row any more; nor has one that had the same id before and was forgotten, whose row it had replaced.
    fn cycle_gone(&mut self, key: &str, cycle_id: &str);
}
