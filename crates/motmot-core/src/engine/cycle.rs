//! One live cycle: its touchpoints, what they fold to, and what has been told of it.

use crate::strategy::Strategy;
use crate::time::Timestamp;
use crate::touchpoint::Touchpoint;

use super::fold::Fold;
use super::port::Verdict;
use super::tell::Told;
use super::touchpoints::{Place, Touchpoints};

/// A cycle that can still be amended.
#[derive(Clone, Debug)]
pub(super) struct Cycle {
    pub(super) key: Box<str>,
    pub(super) id: Box<str>,
    /// Which return under this id, from 1.
    pub(super) instance: i32,
    /// When the instance before it ended: what occurred up to then belongs to that one, and is late.
    pub(super) frozen_until: Timestamp,
    /// Put together by gaps, not by an id of the source's.
    pub(super) assembled: bool,
    /// More touchpoints came than are kept.
    pub(super) truncated: bool,
    pub(super) touchpoints: Touchpoints,
    pub(super) fold: Fold,
    pub(super) told: Vec<Told>,
    /// Hash of the row that was told last; 0 if it has none.
    pub(super) told_row: u64,
}

impl Cycle {
    /// A cycle of these touchpoints, of which nothing has been told.
    pub(super) fn new(strategy: &Strategy, key: &str, id: &str, instance: i32, touchpoints: Touchpoints) -> Self {
        let fold = Fold::of(strategy, &touchpoints);
        let (key, id) = (key.into(), id.into());
        let (assembled, truncated, frozen_until) = (false, false, Timestamp::MIN);
        Self { key, id, instance, frozen_until, assembled, truncated, touchpoints, fold, told: Vec::new(), told_row: 0 }
    }

    /// Adds a touchpoint, unless it is known or one too many.
    pub(super) fn add(&mut self, strategy: &Strategy, touchpoint: &Touchpoint<'_>, offset: i64) -> Verdict {
        if let Some(verdict) = self.known(touchpoint) {
            return verdict;
        }
        if self.touchpoints.len() >= strategy.max_touchpoints {
            self.truncated = true;
            return Verdict::Overflow;
        }
        match self.touchpoints.insert(touchpoint, offset) {
            Place::Last if self.fold.may_go_on(strategy, touchpoint) => {
                self.fold.step(strategy, &self.touchpoints, self.touchpoints.len() - 1, touchpoint);
            }
            _ => self.refold(strategy),
        }
        Verdict::Folded
    }

    /// What a touchpoint is whose id the cycle knows.
    pub(super) fn known(&self, touchpoint: &Touchpoint<'_>) -> Option<Verdict> {
        self.touchpoints.known(touchpoint).map(|place| match place {
            Place::Conflicting => Verdict::Conflicting,
            _ => Verdict::Duplicate,
        })
    }

    pub(super) fn refold(&mut self, strategy: &Strategy) {
        self.fold = Fold::of(strategy, &self.touchpoints);
    }

    /// When its time for amendments ends.
    pub(super) fn final_at(&self, strategy: &Strategy) -> Timestamp {
        self.fold.final_at(&self.fold.flags(strategy))
    }

    /// Whether its time for amendments is over at `stream_time`. Cheap as long as it is not.
    pub(super) fn is_final(&self, strategy: &Strategy, stream_time: Timestamp) -> bool {
        self.fold.base_final_at() <= stream_time && self.final_at(strategy) <= stream_time
    }
}
