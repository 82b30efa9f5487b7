//! Another strategy for a partition: at a commit, told in portions, exactly once.
//!
//! The swap is a point in the log: everything before an offset is folded and committed, the clock stands somewhere. There the engine
//! takes the new strategy, and what differs is told over one or more transactions. The first holds the swap's record; all but the last
//! carry the mark `swapping` beside the offset. **Nothing is folded, no clock moves and no checkpoint is written from the point up to
//! the last of them.** So after a crash in its middle the state is folded up to the point under the old strategy, swapped there, and
//! told once more: rows are told whole, so a repeat changes nothing.

use std::sync::Arc;

use motmot_core::engine::{Position, Sink};

use super::partition::Partition;
use super::session::Session;
use crate::interrupt::Interrupt;
use crate::outbox::Outbox;
use crate::port::World;
use crate::strategies::{Loaded, SwapRecord};
use crate::worker::Shared;

/// Cycles that one transaction tells anew: none outlives its time-out, and readers are never kept waiting for long.
/// Few in tests: a simulated swap has portions too.
pub(super) const PORTION: usize = if cfg!(test) { 2 } else { 2_000 };

/// How far a swap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Swap {
    /// None is on its way.
    None,
    /// The new strategy is in force; some cycles were not told anew.
    Telling,
    /// The open transaction has the last of them.
    Told,
}

impl<W: World> Partition<W> {
    /// Some cycles were not told anew.
    pub(super) fn is_swapping(&self) -> bool {
        self.swap == Swap::Telling
    }

    /// Records the swap in the open transaction and puts the strategy in force. All that was folded must be committed.
    fn begin_swap(&mut self, shared: &Shared<W>, strategy: Arc<Loaded>, outbox: &mut Outbox<W>) -> Result<(), Interrupt> {
        let Position { now, stream_time } = self.engine.position();
        let record = SwapRecord {
            group: shared.config.group.clone(),
            topic: shared.config.topics.touchpoints.clone(),
            partition: self.number,
            number: self.swaps + 1,
            offset: self.next,
            clock_ms: now.as_millis(),
            stream_time_ms: stream_time.as_millis(),
            origin: self.origin,
            from: self.strategy.id,
            to: strategy.id,
        };
        if !planted!(SwapUnrecorded) {
            outbox.swap(&record)?;
        }
        self.swap_aloud(shared, strategy, outbox)
    }

    /// Puts the strategy in force, and what the engine says at once into the open transaction.
    pub(super) fn swap_aloud(
        &mut self,
        shared: &Shared<W>,
        strategy: Arc<Loaded>,
        outbox: &mut Outbox<W>,
    ) -> Result<(), Interrupt> {
        let mut voice = outbox.voice(self.number, false);
        self.put_in_force(shared, strategy, &mut voice)?;
        outbox.check()
    }

    /// The engine's part of a swap. What differs is to be told.
    pub(super) fn put_in_force(
        &mut self,
        shared: &Shared<W>,
        strategy: Arc<Loaded>,
        sink: &mut impl Sink,
    ) -> Result<(), Interrupt> {
        tracing::info!(
            partition = self.number,
            offset = self.next,
            clock = %self.engine.position().now,
            from = %self.strategy.id,
            to = %strategy.id,
            is_silent = self.is_silent(),
            "the strategy is swapped"
        );
        self.engine.swap(Arc::clone(&strategy.strategy), sink).map_err(|source| self.state_error(shared, source))?;
        shared.metrics.in_force(self.number, Some(self.strategy.id.rules), Some(strategy.id.rules));
        self.strategy = strategy;
        self.swaps += 1;
        self.swap = Swap::Telling;
        self.is_unsaved = true;
        Ok(())
    }

    /// What a re-fold swaps has been told long ago.
    pub(super) fn hush_swap(&mut self) {
        self.swap = Swap::None;
    }

    /// The transaction with the last of it is committed: it needs a checkpoint of its own, for all its cycles are in memory.
    pub(super) fn end_swap(&mut self, shared: &Shared<W>) {
        if self.swap == Swap::Told {
            self.swap = Swap::None;
            self.is_swap_unsaved = true;
            self.is_untold = true; // the clock stood still
            shared.metrics.swaps.inc();
            tracing::info!(partition = self.number, strategy = %self.strategy.id, "all that the new strategy changes is told");
        }
    }
}

impl<W: World> Session<W> {
    /// Begins to swap one partition that has another strategy than it should, unless one is at it already.
    pub(super) fn begin_swap(&mut self) -> Result<(), Interrupt> {
        let current = self.shared.strategy.get();
        // Not while deadlines are being worked off: the clock must stand at its target.
        let is_due = |partition: &Partition<W>| {
            !(partition.is_silent() || partition.is_unfinished()) && partition.strategy.id != current.id
        };
        let mut partitions = self.partitions.iter().flatten();
        if partitions.clone().any(Partition::is_swapping) || !partitions.any(is_due) {
            return Ok(());
        }
        // The point of the swap: all that was folded is told and committed.
        self.commit()?;
        let Self { shared, outbox, partitions, .. } = self;
        match partitions.iter_mut().flatten().find(|partition| is_due(partition)) {
            Some(partition) => partition.begin_swap(shared, current, outbox),
            None => Ok(()),
        }
    }
}
