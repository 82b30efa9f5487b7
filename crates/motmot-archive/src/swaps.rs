//! Swaps of the strategy on the way of a replay: where a live worker had them, or where somebody would have liked them.

use std::collections::VecDeque;
use std::sync::Arc;

use motmot_core::{Strategy, Timestamp};

/// Where a swap happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapPoint {
    /// With everything before this offset folded and the clock at that instant: as a worker records it.
    Offset(i64, Timestamp),
    /// With everything folded that arrived before this instant, and the clock at it. In a source that is sorted by arrival this does not
    /// depend on how it is split.
    Instant(Timestamp),
}

impl SwapPoint {
    /// Where the clock stands at the swap.
    pub fn clock(self) -> Timestamp {
        match self {
            Self::Offset(_, clock) | Self::Instant(clock) => clock,
        }
    }

    /// Whether the record at `offset` that arrived at `arrived_at` is folded under the new strategy.
    fn is_before(self, offset: i64, arrived_at: Timestamp) -> bool {
        match self {
            Self::Offset(first, _) => offset >= first,
            Self::Instant(at) => arrived_at >= at,
        }
    }
}

/// A swap of the strategy.
#[derive(Clone, Debug)]
pub struct Swap {
    /// Where.
    pub at: SwapPoint,
    /// What is in force from there on.
    pub strategy: Arc<Strategy>,
}

/// The strategies of a replay: one to begin with, and swaps in their order.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// In force at the beginning.
    pub first: Arc<Strategy>,
    /// What comes later.
    pub swaps: VecDeque<Swap>,
}

impl Schedule {
    /// One strategy from beginning to end.
    pub fn of(strategy: Arc<Strategy>) -> Self {
        Self { first: strategy, swaps: VecDeque::new() }
    }

    /// Every rule that any of the strategies has, in the order in which they come.
    pub fn rules(&self) -> Vec<String> {
        let mut rules: Vec<String> = Vec::new();
        for strategy in std::iter::once(&self.first).chain(self.swaps.iter().map(|swap| &swap.strategy)) {
            for rule in &strategy.rules {
                if !rules.contains(&rule.id) {
                    rules.push(rule.id.clone());
                }
            }
        }
        rules
    }

    /// The next swap, if it comes before the record at `offset` that arrived at `arrived_at`.
    pub(crate) fn next_before(&mut self, offset: i64, arrived_at: Timestamp) -> Option<Swap> {
        self.swaps.pop_front_if(|swap| swap.at.is_before(offset, arrived_at))
    }

    /// The next swap behind the last record, if the clock gets there.
    pub(crate) fn next_until(&mut self, now: Timestamp) -> Option<Swap> {
        self.swaps.pop_front_if(|swap| swap.at.clock() <= now)
    }
}
