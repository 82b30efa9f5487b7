//! The fold: `apply(touchpoint, arrived_at)` and `advance(now)`.
//!
//! The engine's outputs are tables. [`Engine::apply`] only files a touchpoint into its cycle; [`Engine::advance`] moves the clock and tells
//! the sink every row whose content is another than the one told last. What is told depends on the set of touchpoints and on
//! `now` alone, so batches, ticks and crashes cannot show.

mod port;

pub use port::{BoxError, Cold, NoCold, Position, RowChange, RowId, Sink, Verdict};

use std::sync::Arc;

use crate::cycle::CycleState;
use crate::strategy::Strategy;
use crate::time::Timestamp;
use crate::touchpoint::Touchpoint;

/// The state of one input partition.
#[derive(Debug)]
pub struct Engine<C> {
    strategy: Arc<Strategy>,
    cold: C,
    position: Position,
}

impl<C: Cold> Engine<C> {
    /// An engine at `position`: [`Position::START`] for an empty one, or that of the checkpoint that `cold` serves.
    pub fn new(strategy: Arc<Strategy>, cold: C, position: Position) -> Self {
        Self { strategy, cold, position }
    }

    /// The clock and the stream time.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Notes the arrival of a record that carries no touchpoint (a dead letter): stream time is a function of the whole log.
    pub fn observe(&mut self, arrived_at: Timestamp) {
        self.position.stream_time = self.position.stream_time.max(arrived_at);
    }

    /// Folds one touchpoint that arrived at `arrived_at` under `key`; `offset` is its evidence (a Kafka offset or a file's row).
    ///
    /// # Errors
    /// When a cold row cannot be read; the engine must then be dropped.
    pub fn apply(
        &mut self,
        key: &str,
        touchpoint: &Touchpoint<'_>,
        arrived_at: Timestamp,
        offset: i64,
        sink: &mut impl Sink,
    ) -> Result<Verdict, BoxError> {
        let _ = (key, touchpoint, offset, sink, &self.strategy, &self.cold);
        self.observe(arrived_at);
        Ok(Verdict::Folded)
    }

    /// Moves `now` towards `target` (and never back) and tells `sink` all rows that differ from what was told last.
    ///
    /// At most about `budget` deadlines are worked off; `false` means that `now` stands before `target` because of it: commit, and call
    /// again. All that was applied is always told.
    ///
    /// # Errors
    /// When a cold row cannot be read; the engine must then be dropped.
    pub fn advance(&mut self, target: Timestamp, budget: usize, sink: &mut impl Sink) -> Result<bool, BoxError> {
        let _ = (budget, sink);
        self.position.now = self.position.now.max(target);
        Ok(true)
    }

    /// Hands every row changed since the last call to `visit`, for a checkpoint. Call it right after a commit, with nothing applied since.
    pub fn checkpoint(&mut self, visit: &mut dyn FnMut(RowChange<'_>)) {
        let _ = visit;
    }

    /// Forgets clean rows that were not touched lately until at most `max_hot` are in memory; `cold` serves them from then on.
    pub fn evict(&mut self, max_hot: usize) {
        let _ = max_hot;
    }

    /// Rows in memory.
    pub fn hot(&self) -> usize {
        0
    }

    /// Visits (key, cycle id, state) of every cycle in memory that is not final yet, in no particular order.
    pub fn live(&self, visit: &mut dyn FnMut(&str, &str, CycleState)) {
        let _ = visit;
    }

    /// What serves the cold rows.
    pub fn cold_mut(&mut self) -> &mut C {
        &mut self.cold
    }
}
