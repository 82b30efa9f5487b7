//! What the customer experienced in a cycle as a whole.

use motmot_core::cycle::Level;
use motmot_core::strategy::{Kind, Severity, Strategy};
use motmot_core::touchpoint::Stage;

use super::cycle::Cycle;
use super::needs::needs;
use super::rules::Flag;

/// The level at an instant, with these moments; none while the customer is with us.
pub(super) fn level(cycle: &Cycle, at: i64, flags: &[Flag], strategy: &Strategy) -> Option<Level> {
    (at >= cycle.close(strategy).passed_from).then(|| level_of_closed(cycle, at, flags, strategy))
}

/// What looks at the level itself has no say in it.
fn level_of_closed(cycle: &Cycle, at: i64, flags: &[Flag], strategy: &Strategy) -> Level {
    let levels = &strategy.levels;
    let segment = cycle.segment(strategy);
    let speaks = |flag: &&Flag| {
        !matches!(strategy.rules[flag.rule].kind, Kind::NoFollowUp { .. } | Kind::ViciousCircle { .. }) && flag.trigger <= at
    };
    let moments: Vec<&Flag> = flags.iter().filter(speaks).collect();
    let needs = needs(&cycle.touchpoints);
    let severity = |flag: &Flag| -> Severity { strategy.rules[flag.rule].severity.of(segment) };
    let stands = |flag: &&&Flag| flag.recovered_at().is_none_or(|recovered_at| recovered_at > at);
    let is_grave = moments.iter().filter(stands).any(|flag| severity(flag) >= levels.failed_by);
    if needs.iter().any(|need| need.fulfilled.is_none()) || cycle.is_abandoned(at, strategy) || is_grave {
        return Level::Failed;
    }
    let caps = |flag: &&Flag| {
        levels.basic_by_stage.is_some_and(|stages| stages.admits(cycle.touchpoints[flag.anchor].stage))
            || levels.basic_by_dimension.is_some_and(|dimensions| dimensions.admits(strategy.rules[flag.rule].dimension))
    };
    let occurs = |stage: &Stage| cycle.touchpoints.iter().any(|t| t.stage == *stage);
    let complete = Stage::ALL.iter().filter(|stage| levels.satisfying_stages.admits(**stage)).all(occurs);
    let verified = !levels.satisfying_verified || needs.iter().all(|need| !need.checks.is_empty());
    let door_open = !levels.satisfying_door_open || cycle.touchpoints.iter().any(|t| t.door_open == Some(true));
    let ratings: Vec<i32> = cycle.touchpoints.iter().filter_map(|t| t.rating).collect();
    let content = ratings.iter().all(|rating| *rating >= levels.satisfying_rating);
    if moments.iter().any(caps) || !(complete && verified && door_open && content) {
        Level::Basic
    } else if cycle.touchpoints.iter().all(|t| t.added_value.is_empty()) {
        Level::Satisfying
    } else if ratings.last().is_none_or(|rating| *rating < levels.unforgettable_rating) {
        Level::AddedValue
    } else {
        Level::Unforgettable
    }
}
