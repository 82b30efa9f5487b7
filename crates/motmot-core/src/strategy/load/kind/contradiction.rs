//! A `where` that contradicts its kind.

use crate::strategy::{Filter, Kind, Set, Word};
use crate::touchpoint::{ActorKind, Initiator, Intent, Outcome, Stage};
use crate::yaml::{Node, Problems};

/// Reports a `where` that contradicts the kind: such a rule could never flag anything.
pub(in crate::strategy::load) fn check_filter(kind: &Kind, filter: &Filter, node: &Node, problems: &mut Problems) {
    let contradictions: &[(bool, &str)] = match kind {
        Kind::Slow { from, .. } => &[(!filter.meets(from), "`where` and `from` exclude each other")],
        Kind::Unmet => {
            &[(none_of(filter.outcomes, &[Outcome::Unmet, Outcome::PartlyMet]), "`outcome` must admit unmet or partly_met")]
        }
        Kind::Unverified { .. } => &[
            (none_of(filter.stages, &[Stage::Fulfilment]), "`stage` must admit fulfilment: that is what is to be verified"),
            (none_of(filter.outcomes, &[Outcome::Met, Outcome::PartlyMet]), "`outcome` must admit met or partly_met"),
        ],
        Kind::Unacknowledged { .. } => &[
            (none_of(filter.intents, &[Intent::Complaint, Intent::Question]), "`intent` must admit complaint or question"),
            (none_of(filter.initiated_by, &[Initiator::Customer]), "`initiated_by` must admit customer"),
            (only(filter.outcomes, Outcome::Met), "`outcome` must admit another one than met"),
        ],
        Kind::Reopened { by, .. } => &[(!filter.meets(by), "`where` and `by` exclude each other")],
        Kind::Handoffs { .. } => {
            &[(none_of(filter.actor_kinds, &[ActorKind::Person]), "`actor.kind` must admit person: persons are counted")]
        }
        _ => &[],
    };
    for (_, why) in contradictions.iter().filter(|(contradicts, _)| *contradicts) {
        let message = format!("a rule of kind `{}` with this `where` can match nothing", kind.name());
        problems.report(node.place, message, *why);
    }
}

fn none_of<T: Word>(set: Set<T>, values: &[T]) -> bool {
    !values.iter().any(|value| set.admits(*value))
}

fn only<T: Word>(set: Set<T>, value: T) -> bool {
    !set.is_any() && set.without(value).is_any()
}
