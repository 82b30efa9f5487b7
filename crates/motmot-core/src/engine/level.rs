//! The service level: what the customer experienced in the cycle as a whole, by the strategy's limits.

use crate::cycle::{CycleState, Level};
use crate::moment::MomentState;
use crate::strategy::{Kind, Levels, Set};
use crate::time::Timestamp;
use crate::touchpoint::{Stage, Touchpoint};

use super::flag::Flag;
use super::kinds::CycleView;

/// What the touchpoints say of the experience.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Experience {
    stages: Set<Stage>,
    door_open: bool,
    added_value: bool,
    lowest_rating: Option<i32>,
    latest_rating: Option<i32>,
}

impl Experience {
    /// Takes the next touchpoint in the cycle's order.
    pub(super) fn step(&mut self, touchpoint: &Touchpoint<'_>) {
        self.stages.insert(touchpoint.stage);
        self.door_open |= touchpoint.door_open == Some(true);
        self.added_value |= !touchpoint.added_value.is_empty();
        if let Some(rating) = touchpoint.rating {
            self.latest_rating = Some(rating);
            self.lowest_rating = Some(self.lowest_rating.map_or(rating, |lowest| lowest.min(rating)));
        }
    }
}

/// The level by all that is known of the cycle and the moments that stood at `at`, if it was closed by then.
pub(super) fn of(view: &CycleView<'_>, flags: &[Flag], at: Timestamp) -> Option<Level> {
    let state = view.fold.outline.state(at);
    if state == CycleState::Open {
        return None;
    }
    let limits = &view.strategy.levels;
    let counted = || flags.iter().filter(|flag| flag.stands(at) && counts(view, flag));
    let unfulfilled = view.fold.needs.iter().any(|need| need.fulfilled.is_none());
    if unfulfilled || state == CycleState::Abandoned || counted().any(|flag| fails(view, limits, flag, at)) {
        return Some(Level::Failed);
    }
    if counted().any(|flag| caps_at_basic(view, limits, flag)) || !is_satisfying(view, limits) {
        return Some(Level::Basic);
    }
    let experience = &view.fold.experience;
    let delighted = experience.latest_rating.is_some_and(|rating| rating >= limits.unforgettable_rating);
    Some(match (experience.added_value, delighted) {
        (false, _) => Level::Satisfying,
        (true, false) => Level::AddedValue,
        (true, true) => Level::Unforgettable,
    })
}

/// What is said of the cycle afterwards is no part of the experience.
fn counts(view: &CycleView<'_>, flag: &Flag) -> bool {
    let kind = view.strategy.rules.get(flag.rule).map(|rule| &rule.kind);
    !matches!(kind, None | Some(Kind::NoFollowUp { .. } | Kind::ViciousCircle { .. }))
}

fn fails(view: &CycleView<'_>, limits: &Levels, flag: &Flag, at: Timestamp) -> bool {
    let grave = view.strategy.rules.get(flag.rule).is_some_and(|rule| rule.severity.of(view.segment) >= limits.failed_by);
    grave && flag.state(at) != MomentState::Recovered
}

fn caps_at_basic(view: &CycleView<'_>, limits: &Levels, flag: &Flag) -> bool {
    let stage = view.touchpoints.entries().get(flag.anchor).map(|entry| entry.stage);
    let dimension = view.strategy.rules.get(flag.rule).map(|rule| rule.dimension);
    limits.basic_by_stage.zip(stage).is_some_and(|(stages, stage)| stages.admits(stage))
        || limits.basic_by_dimension.zip(dimension).is_some_and(|(dimensions, dimension)| dimensions.admits(dimension))
}

fn is_satisfying(view: &CycleView<'_>, limits: &Levels) -> bool {
    let experience = &view.fold.experience;
    (limits.satisfying_stages.is_any() || experience.stages.covers(limits.satisfying_stages))
        && (!limits.satisfying_verified || view.fold.needs.iter().all(|need| need.verified.is_some()))
        && (!limits.satisfying_door_open || experience.door_open)
        && experience.lowest_rating.is_none_or(|rating| rating >= limits.satisfying_rating)
}
