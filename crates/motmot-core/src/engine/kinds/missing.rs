//! `missing`: a touchpoint that did not happen, by the close or within a time of another.

use crate::strategy::{Kind, Rule};
use crate::time::Timestamp;

use super::super::flag::Flag;
use super::super::fold::{Mark, Step};
use super::{Moving, Opportunity};

#[derive(Clone, Debug, Default)]
pub(super) struct Missing {
    /// Whether the rule is about the cycle's first touchpoint.
    applies: bool,
    after: Option<Timestamp>,
    found: Option<Timestamp>,
}

impl Missing {
    pub(super) fn step(&mut self, rule: &Rule, step: &Step<'_>) {
        let Kind::Missing { expects, after, .. } = &rule.kind else { return };
        if step.mark.index == 0 {
            self.applies = rule.filter.matches(step.touchpoint);
        }
        if self.after.is_none() && after.as_ref().is_some_and(|filter| filter.matches(step.touchpoint)) {
            self.after = Some(step.mark.at);
            self.found = step.peers(|t, _| expects.matches(t)).next().map(|(mark, _)| mark.at);
        }
        if self.found.is_none() && (after.is_none() || self.after.is_some()) && expects.matches(step.touchpoint) {
            self.found = Some(step.mark.at);
        }
    }

    pub(super) fn opportunities(&self, moving: &Moving<'_>, out: &mut Vec<Opportunity>) {
        let Kind::Missing { after, within_ms, .. } = &moving.rule.kind else { return };
        if self.applies && (after.is_none() || self.after.is_some()) {
            let observed = self.after.zip(self.found).map(|(since, at)| at.since(since));
            let limit = within_ms.as_ref().map(|within| within.of(moving.cycle.segment));
            out.push(Opportunity { observed, limit, ..Opportunity::at(moving.cycle.first) });
        }
    }

    pub(super) fn flags(&self, moving: &Moving<'_>, out: &mut Vec<Flag>) {
        let Kind::Missing { after, within_ms, .. } = &moving.rule.kind else { return };
        if !self.applies {
            return;
        }
        let anchor = moving.cycle.first;
        let flag = match (after, within_ms, self.after) {
            (Some(_), _, None) => return,
            (Some(_), Some(within), Some(since)) => {
                let due = since.plus(within.of(moving.cycle.segment));
                if self.found.is_some_and(|at| at <= due) {
                    return;
                }
                let observed = self.found.map(|at| at.since(since));
                let flag =
                    if due <= moving.cycle.close.at { moving.flag_deadline(anchor, due) } else { by_close(moving, anchor) };
                Flag { observed, limit: Some(within.of(moving.cycle.segment)), ..flag }
            }
            _ => {
                if self.found.is_some_and(|at| at <= moving.cycle.close.at) {
                    return;
                }
                by_close(moving, anchor)
            }
        };
        out.push(moving.cured(flag, self.found));
    }
}

/// A flag raised by the close.
pub(super) fn by_close(moving: &Moving<'_>, anchor: Mark) -> Flag {
    Flag { trigger: moving.cycle.close.trigger, ..moving.flag_at(anchor, moving.cycle.close.at) }
}
