//! `reopened`: the customer had to come back to what was held to be done.

use crate::strategy::{Filter, Kind, Rule};
use crate::time::Timestamp;
use crate::touchpoint::{Outcome, Stage, Touchpoint};

use super::super::file::rule_key;
use super::super::flag::Flag;
use super::super::fold::{Mark, Step};
use super::{CycleView, Moving, Opportunity};

/// What an instance of a cycle leaves to the next one under its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Carried {
    pub(in super::super) rule: u64,
    /// When the matter was held to be done.
    pub(in super::super) after: Timestamp,
    /// It was flagged already: once per cycle.
    pub(in super::super) done: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Reopened {
    /// Touchpoints with which the matter was held to be done.
    after: Vec<Mark>,
    /// The first that comes after one of them and is meant by `by`, and that one.
    by: Option<(Mark, Timestamp)>,
    /// The first that is meant by `by`: of a return, it comes after what the instance before it did.
    first_by: Option<Mark>,
}

impl Reopened {
    pub(super) fn step(&mut self, rule: &Rule, step: &Step<'_>) {
        let Kind::Reopened { after, by } = &rule.kind else { return };
        if by.matches(step.touchpoint) && rule.filter.matches(step.touchpoint) {
            self.first_by.get_or_insert(step.mark);
            if let (None, Some(last)) = (self.by, self.after.last()) {
                self.by = Some((step.mark, last.at));
            }
        }
        if is_after(after.as_ref(), step.touchpoint) {
            self.after.push(step.mark);
        }
    }

    pub(super) fn flags(&self, moving: &Moving<'_>, out: &mut Vec<Flag>) {
        let carried = carried(moving.cycle, moving.rule);
        let reopened = match carried {
            Some(Carried { done: true, .. }) => None,
            Some(carried) => self.first_by.map(|mark| {
                let own = self.after.iter().take_while(|after| after.index < mark.index).last();
                (mark, own.map_or(carried.after, |after| after.at))
            }),
            None => self.by,
        };
        let Some((anchor, since)) = reopened else { return };
        let done_again = self.after.iter().find(|mark| mark.index > anchor.index).map(|mark| mark.at);
        let flag = Flag { observed: Some(anchor.at.since(since)), ..moving.flag_at(anchor, anchor.at) };
        out.push(moving.cured(flag, done_again));
    }

    pub(super) fn carry(&self, cycle: &CycleView<'_>, rule: &Rule, flagged: bool) -> Option<Carried> {
        let before = carried(cycle, rule);
        let after = self.after.last().map(|mark| mark.at).or(before.map(|carried| carried.after))?;
        Some(Carried { rule: rule_key(rule), after, done: flagged || before.is_some_and(|carried| carried.done) })
    }

    pub(super) fn opportunities(&self, out: &mut Vec<Opportunity>) {
        // what was done before and comes back is told by its flag
        out.extend(self.after.first().copied().map(Opportunity::at));
    }
}

fn carried(cycle: &CycleView<'_>, rule: &Rule) -> Option<Carried> {
    let key = rule_key(rule);
    cycle.carried.iter().find(|carried| carried.rule == key).copied()
}

/// Whether the matter is held to be done: as the rule says, else by a verification met or a farewell.
fn is_after(after: Option<&Filter>, touchpoint: &Touchpoint<'_>) -> bool {
    match after {
        Some(filter) => filter.matches(touchpoint),
        None => match touchpoint.stage {
            Stage::Verification => touchpoint.outcome == Outcome::Met,
            stage => stage == Stage::Farewell,
        },
    }
}
