//! What each kind of rule remembers of a cycle, and the flags that it makes of it. One file a family of kinds.

mod abandoned;
mod missing;
mod order;
mod points;
mod promise;
mod slow;
mod unverified;

use crate::strategy::{Kind, Rule, Strategy};
use crate::time::Timestamp;

use super::flag::Flag;
use super::fold::{Close, Mark, Step};
use super::needs::NeedSet;

/// What all rules of a cycle look at.
pub(super) struct CycleView<'a> {
    pub(super) strategy: &'a Strategy,
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
            Kind::Reopened { .. } | Kind::RepeatContact { .. } | Kind::NoFollowUp { .. } | Kind::ViciousCircle { .. } => {
                OfKind::Handoffs(order::Handoffs::default())
            }
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
        }
    }
}
