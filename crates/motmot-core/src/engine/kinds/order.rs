//! `handoffs` and `out_of_order`: once a cycle, and no cure of their own.

use xxhash_rust::xxh3::xxh3_64;

use crate::strategy::{Kind, Rule};
use crate::time::Timestamp;
use crate::touchpoint::ActorKind;

use super::super::flag::Flag;
use super::super::fold::{Mark, Step};
use super::{Moving, Opportunity};

/// Persons that one cycle tells apart: far more than any promise allows.
const MAX_PERSONS: usize = 256;

/// Each new person, and the touchpoint that brought them.
#[derive(Clone, Debug, Default)]
pub(super) struct Handoffs(Vec<(u64, Mark)>);

impl Handoffs {
    pub(super) fn opportunities(&self, moving: &Moving<'_>, out: &mut Vec<Opportunity>) {
        let Kind::Handoffs { more_than } = &moving.rule.kind else { return };
        let (observed, limit) = (i64::try_from(self.0.len()).ok(), Some(more_than.of(moving.cycle.segment)));
        out.extend(self.0.first().map(|(_, mark)| Opportunity { observed, limit, ..Opportunity::at(*mark) }));
    }

    pub(super) fn step(&mut self, rule: &Rule, step: &Step<'_>) {
        let Some(actor) = step.touchpoint.actor.as_ref().filter(|actor| actor.kind == ActorKind::Person) else { return };
        let Some(id) = actor.id.as_ref().map(|id| xxh3_64(id.as_bytes())) else { return };
        let known = self.0.iter().any(|(person, _)| *person == id);
        if !known && self.0.len() < MAX_PERSONS && rule.filter.matches(step.touchpoint) {
            self.0.push((id, step.mark));
        }
    }

    pub(super) fn flags(&self, moving: &Moving<'_>, out: &mut Vec<Flag>) {
        let Kind::Handoffs { more_than } = &moving.rule.kind else { return };
        let limit = more_than.of(moving.cycle.segment);
        let Some((_, one_too_many)) = usize::try_from(limit).ok().and_then(|limit| self.0.get(limit)) else { return };
        let observed = i64::try_from(self.0.len()).ok();
        let flag = Flag { observed, limit: Some(limit), ..moving.flag_at(*one_too_many, one_too_many.at) };
        out.push(moving.cured(flag, None));
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct OutOfOrder {
    /// The first touchpoint that the rule is about.
    early: Option<Mark>,
    /// The first that should have come before it.
    before: Option<Timestamp>,
}

impl OutOfOrder {
    pub(super) fn opportunities(&self, out: &mut Vec<Opportunity>) {
        out.extend(self.early.map(Opportunity::at));
    }

    pub(super) fn step(&mut self, rule: &Rule, step: &Step<'_>) {
        let Kind::OutOfOrder { before } = &rule.kind else { return };
        if self.early.is_none() && rule.filter.matches(step.touchpoint) {
            self.early = Some(step.mark);
        }
        if self.before.is_none() && before.matches(step.touchpoint) {
            self.before = Some(step.mark.at);
        }
    }

    pub(super) fn flags(&self, moving: &Moving<'_>, out: &mut Vec<Flag>) {
        let (Some(early), Some(before)) = (self.early, self.before) else { return };
        if before > early.at.plus(moving.cycle.strategy.clock_tolerance_ms) {
            let flag = Flag { observed: Some(before.since(early.at)), ..moving.flag_at(early, before) };
            out.push(moving.cured(flag, None));
        }
    }
}
