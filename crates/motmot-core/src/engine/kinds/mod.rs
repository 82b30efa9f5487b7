//! What each kind of rule remembers of a cycle, and the flags that it makes of it. One file a family of kinds.

mod abandoned;
mod customer;
mod missing;
mod order;
mod points;
mod promise;
mod reopened;
mod slow;
mod unverified;

use crate::strategy::{Kind, Rule, Strategy};
use crate::time::Timestamp;

use crate::cycle::Level;

use super::file::{Facts, Known};
use super::flag::Flag;
use super::fold::{Close, Fold, Mark, Step};
use super::needs::NeedSet;
use super::touchpoints::Touchpoints;
pub(super) use reopened::Carried;

/// What all rules of a cycle look at.
#[derive(Clone, Copy)]
pub(super) struct CycleView<'a> {
    pub(super) strategy: &'a Strategy,
    pub(super) instance: i32,
    pub(super) fold: &'a Fold,
    pub(super) touchpoints: &'a Touchpoints,
    /// Whether it is in the customer's file.
    pub(super) filed: bool,
    /// What the customer's other cycles say.
    pub(super) known: &'a Known,
    /// What the instance before it left of each `reopened`.
    pub(super) carried: &'a [Carried],
    /// The cycle's segment.
    pub(super) segment: usize,
    /// The cycle's first touchpoint.
    pub(super) first: Mark,
    pub(super) close: Close,
}

/// What one rule makes its flags of.
struct Moving<'a> {
    cycle: &'a CycleView<'a>,
    rule: &'a Rule,
    /// The rule's position in the strategy.
    position: usize,
    cures: &'a [Cure],
}

impl Moving<'_> {
    /// A flag shown by a touchpoint.
    fn flag_at(&self, anchor: Mark, raised_at: Timestamp) -> Flag {
        Flag::at(self.position, anchor.index(), raised_at, self.rule.open_for_ms)
    }

    /// A flag shown by a deadline that passes.
    fn flag_deadline(&self, anchor: Mark, due: Timestamp) -> Flag {
        Flag::deadline(self.position, anchor.index(), due, self.rule.open_for_ms)
    }

    /// Sets what recovers a flag: the rule's `recovers_by` if it has one, else the kind's own cure.
    fn cured(&self, flag: Flag, own: Option<Timestamp>) -> Flag {
        let concerned = |cure: &&Cure| flag.need.is_none_or(|need| cure.concerns.contains(need));
        let after = |cure: &&Cure| cure.mark.index() > flag.anchor && cure.mark.at >= flag.raised_at;
        let by_rule = || self.cures.iter().filter(concerned).find(after).map(|cure| cure.mark.at);
        Flag { recovered_at: if self.rule.recovers_by.is_some() { by_rule() } else { own }, ..flag }
    }

    /// `from` + `millis`, in business hours if so demanded.
    fn plus(&self, from: Timestamp, millis: i64, business_hours: bool) -> Timestamp {
        if business_hours { self.cycle.strategy.calendar.add(from, millis) } else { from.plus(millis) }
    }

    /// The time from `from` to `to`, in business hours if so demanded; clocks may disagree, so it is never negative.
    fn between(&self, from: Timestamp, to: Timestamp, business_hours: bool) -> i64 {
        let to = to.max(from);
        if business_hours { self.cycle.strategy.calendar.between(from, to) } else { to.since(from) }
    }
}

/// An occasion on which a rule could be kept or broken: the denominators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opportunity {
    /// Position of the touchpoint that it hangs on.
    pub(super) index: usize,
    pub(super) need: Option<usize>,
    pub(super) observed: Option<i64>,
    pub(super) limit: Option<i64>,
}

impl Opportunity {
    fn at(mark: Mark) -> Self {
        Self { index: mark.index(), need: None, observed: None, limit: None }
    }
}

/// A touchpoint that matches the rule's `recovers_by`. Which one counts depends on the flag's own instant, and that on the segment.
#[derive(Clone, Copy, Debug)]
struct Cure {
    mark: Mark,
    concerns: NeedSet,
}

/// What one rule remembers of one cycle.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    cures: Vec<Cure>,
    of_kind: OfKind,
}

/// The part that depends on the kind.
#[derive(Clone, Debug)]
enum OfKind {
    Slow(slow::Slow),
    Missing(missing::Missing),
    Points(points::Points),
    Unverified(unverified::Unverified),
    Promises(promise::Promises),
    Abandoned(abandoned::Abandoned),
    Handoffs(order::Handoffs),
    OutOfOrder(order::OutOfOrder),
    Reopened(reopened::Reopened),
    Repeat(customer::Repeat),
    Answers(customer::Answers),
}

impl Memory {
    pub(super) fn new(kind: &Kind) -> Self {
        let of_kind = match kind {
            Kind::Slow { .. } => OfKind::Slow(slow::Slow::default()),
            Kind::Missing { .. } => OfKind::Missing(missing::Missing::default()),
            Kind::Unmet | Kind::LowRating { .. } | Kind::Lacking { .. } | Kind::Unacknowledged { .. } => {
                OfKind::Points(points::Points::default())
            }
            Kind::Unverified { .. } => OfKind::Unverified(unverified::Unverified::default()),
            Kind::BrokenPromise { .. } => OfKind::Promises(promise::Promises::default()),
            Kind::Abandoned => OfKind::Abandoned(abandoned::Abandoned::default()),
            Kind::Handoffs { .. } => OfKind::Handoffs(order::Handoffs::default()),
            Kind::OutOfOrder { .. } => OfKind::OutOfOrder(order::OutOfOrder::default()),
            Kind::Reopened { .. } => OfKind::Reopened(reopened::Reopened::default()),
            Kind::RepeatContact { .. } => OfKind::Repeat(customer::Repeat::default()),
            Kind::NoFollowUp { .. } | Kind::ViciousCircle { .. } => OfKind::Answers(customer::Answers::default()),
        };
        Self { cures: Vec::new(), of_kind }
    }

    pub(super) fn step(&mut self, rule: &Rule, step: &Step<'_>) {
        if rule.recovers_by.as_ref().is_some_and(|filter| filter.matches(step.touchpoint)) {
            self.cures.push(Cure { mark: step.mark, concerns: step.bearing.concerns });
        }
        match &mut self.of_kind {
            OfKind::Slow(memory) => memory.step(rule, step),
            OfKind::Missing(memory) => memory.step(rule, step),
            OfKind::Points(memory) => memory.step(rule, step),
            OfKind::Unverified(memory) => memory.step(rule, step),
            OfKind::Promises(memory) => memory.step(rule, step),
            OfKind::Abandoned(memory) => memory.step(rule, step),
            OfKind::Handoffs(memory) => memory.step(rule, step),
            OfKind::OutOfOrder(memory) => memory.step(rule, step),
            OfKind::Reopened(memory) => memory.step(rule, step),
            OfKind::Repeat(memory) => memory.step(rule, step),
            OfKind::Answers(memory) => memory.step(rule, step),
        }
    }

    pub(super) fn flags(&self, cycle: &CycleView<'_>, rule: &Rule, position: usize, out: &mut Vec<Flag>) {
        let moving = Moving { cycle, rule, position, cures: &self.cures };
        match &self.of_kind {
            OfKind::Slow(memory) => memory.flags(&moving, out),
            OfKind::Missing(memory) => memory.flags(&moving, out),
            OfKind::Points(memory) => memory.flags(&moving, out),
            OfKind::Unverified(memory) => memory.flags(&moving, out),
            OfKind::Promises(memory) => memory.flags(&moving, out),
            OfKind::Abandoned(memory) => memory.flags(&moving, out),
            OfKind::Handoffs(memory) => memory.flags(&moving, out),
            OfKind::OutOfOrder(memory) => memory.flags(&moving, out),
            OfKind::Reopened(memory) => memory.flags(&moving, out),
            OfKind::Repeat(memory) => memory.flags(&moving, out),
            OfKind::Answers(_) => {} // they follow from the other flags
        }
    }

    /// What a `no_follow_up` makes of the cycle; `level_at` is what the other flags make of it.
    pub(super) fn follow_up(
        &self,
        cycle: &CycleView<'_>,
        rule: &Rule,
        position: usize,
        level_at: impl Fn(Timestamp) -> Option<Level>,
    ) -> Option<Flag> {
        let OfKind::Answers(memory) = &self.of_kind else { return None };
        memory.follow_up(&Moving { cycle, rule, position, cures: &self.cures }, level_at)
    }

    /// What a `vicious_circle` makes of the cycle, which is settled at `settled_at`.
    pub(super) fn vicious(
        &self,
        cycle: &CycleView<'_>,
        rule: &Rule,
        position: usize,
        settled_at: Timestamp,
        levels: &[Level],
    ) -> Option<Flag> {
        let OfKind::Answers(memory) = &self.of_kind else { return None };
        memory.vicious(&Moving { cycle, rule, position, cures: &self.cures }, settled_at, levels)
    }

    /// What the rule's memory tells the customer's other cycles.
    pub(super) fn tell(&self, rule: &Rule, facts: &mut Facts) {
        match &self.of_kind {
            OfKind::Repeat(memory) => memory.tell(rule, facts),
            OfKind::Answers(memory) => memory.tell(rule, facts),
            _ => {}
        }
    }

    /// What a `reopened` leaves to the next instance; `flagged`: whether it was flagged.
    pub(super) fn carry(&self, cycle: &CycleView<'_>, rule: &Rule, flagged: bool) -> Option<Carried> {
        let OfKind::Reopened(memory) = &self.of_kind else { return None };
        memory.carry(cycle, rule, flagged)
    }

    /// The rule's opportunities in the cycle.
    pub(super) fn opportunities(&self, cycle: &CycleView<'_>, rule: &Rule, out: &mut Vec<Opportunity>) {
        let moving = Moving { cycle, rule, position: 0, cures: &self.cures };
        match &self.of_kind {
            OfKind::Slow(memory) => memory.opportunities(&moving, out),
            OfKind::Missing(memory) => memory.opportunities(&moving, out),
            OfKind::Points(memory) => memory.opportunities(&moving, out),
            OfKind::Unverified(memory) => memory.opportunities(&moving, out),
            OfKind::Promises(memory) => memory.opportunities(&moving, out),
            OfKind::Abandoned(memory) => memory.opportunities(&moving, out),
            OfKind::Handoffs(memory) => memory.opportunities(&moving, out),
            OfKind::OutOfOrder(memory) => memory.opportunities(out),
            OfKind::Reopened(memory) => memory.opportunities(out),
            OfKind::Repeat(memory) => memory.opportunities(&moving, out),
            OfKind::Answers(memory) => memory.opportunities(&moving, out),
        }
    }
}
