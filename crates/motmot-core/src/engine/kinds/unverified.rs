//! `unverified`: a need fulfilled and never verified, or not checked again.

use crate::strategy::{Kind, Rule};
use crate::time::Timestamp;

use super::super::flag::Flag;
use super::super::fold::{Mark, Step};
use super::missing::by_close;
use super::{Moving, Opportunity};

#[derive(Clone, Debug)]
struct Fulfilled {
    need: usize,
    by: Mark,
    checks: u32,
    /// When the checks were enough.
    enough_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Unverified(Vec<Fulfilled>);

impl Unverified {
    pub(super) fn step(&mut self, rule: &Rule, step: &Step<'_>) {
        let Kind::Unverified { times, .. } = &rule.kind else { return };
        for fulfilled in &mut self.0 {
            if step.bearing.verifies.contains(fulfilled.need) {
                fulfilled.checks = fulfilled.checks.saturating_add(1);
                if fulfilled.checks == *times {
                    fulfilled.enough_at = Some(step.mark.at);
                }
            }
        }
        if rule.filter.matches(step.touchpoint) {
            let new = |need| Fulfilled { need, by: step.mark, checks: 0, enough_at: None };
            self.0.extend(step.bearing.fulfils.iter().map(new));
        }
    }

    pub(super) fn opportunities(&self, moving: &Moving<'_>, out: &mut Vec<Opportunity>) {
        let Kind::Unverified { within_ms, .. } = &moving.rule.kind else { return };
        let limit = within_ms.as_ref().map(|within| within.of(moving.cycle.segment));
        out.extend(self.0.iter().map(|fulfilled| {
            let observed = limit.and(fulfilled.enough_at).map(|at| at.since(fulfilled.by.at));
            Opportunity { need: Some(fulfilled.need), observed, limit, ..Opportunity::at(fulfilled.by) }
        }));
    }

    pub(super) fn flags(&self, moving: &Moving<'_>, out: &mut Vec<Flag>) {
        let Kind::Unverified { within_ms, .. } = &moving.rule.kind else { return };
        let within = within_ms.as_ref().map(|within| within.of(moving.cycle.segment));
        for fulfilled in &self.0 {
            let due = within.map(|within| fulfilled.by.at.plus(within)).filter(|due| *due <= moving.cycle.close.at);
            if fulfilled.enough_at.is_some_and(|at| at <= due.unwrap_or(moving.cycle.close.at)) {
                continue;
            }
            let flag = due.map_or_else(|| by_close(moving, fulfilled.by), |due| moving.flag_deadline(fulfilled.by, due));
            let observed = within.and(fulfilled.enough_at).map(|at| at.since(fulfilled.by.at));
            let flag = Flag { need: Some(fulfilled.need), observed, limit: within, ..flag };
            out.push(moving.cured(flag, fulfilled.enough_at));
        }
    }
}
