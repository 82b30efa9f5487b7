//! The kinds that look across a customer's cycles: `repeat_contact`, `no_follow_up`, `vicious_circle`.

use smallvec::SmallVec;

use crate::cycle::Level;
use crate::strategy::{Kind, Rule};
use crate::time::Timestamp;
use crate::touchpoint::Initiator;

use super::super::file::{Contact, Facts, rule_key};
use super::super::flag::Flag;
use super::super::fold::{Mark, Step};
use super::{Moving, Opportunity};

/// `repeat_contact`: the cycle's first touchpoint that the rule is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Repeat(Option<Mark>);

impl Repeat {
    pub(super) fn step(&mut self, rule: &Rule, step: &Step<'_>) {
        if self.0.is_none() && rule.filter.matches(step.touchpoint) {
            self.0 = Some(step.mark);
        }
    }

    pub(super) fn tell(&self, rule: &Rule, facts: &mut Facts) {
        facts.contacts.extend(self.0.map(|mark| (rule_key(rule), mark.at)));
    }

    pub(super) fn flags(&self, moving: &Moving<'_>, out: &mut Vec<Flag>) {
        let (Kind::RepeatContact { within_ms, same_need }, Some(contact)) = (&moving.rule.kind, self.0) else { return };
        let cycle = moving.cycle;
        // a return under the same id is what `reopened` is about
        if !cycle.filed || cycle.instance > 1 {
            return;
        }
        let (rule, within) = (rule_key(moving.rule), within_ms.of(cycle.segment));
        let contacts = cycle.known.contacts.iter();
        let earlier = contacts.filter(|other| other.rule == rule && contact.at.since(other.at) <= within);
        let shown = |other: &Contact| if *same_need { moving.common_need_at(other) } else { Some(contact.at) };
        let repeated = earlier.filter_map(|other| Some((shown(other)?, other.at)));
        let Some((shown_at, since)) = repeated.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else { return };
        let flag = moving.flag_at(contact, contact.at.max(shown_at));
        let flag = Flag { observed: Some(contact.at.since(since)), limit: Some(within), ..flag };
        out.push(moving.cured(flag, None));
    }

    pub(super) fn opportunities(&self, moving: &Moving<'_>, out: &mut Vec<Opportunity>) {
        let Kind::RepeatContact { within_ms, .. } = &moving.rule.kind else { return };
        if moving.cycle.filed && moving.cycle.instance == 1 {
            let limit = Some(within_ms.of(moving.cycle.segment));
            out.extend(self.0.map(|mark| Opportunity { limit, ..Opportunity::at(mark) }));
        }
    }
}

impl Moving<'_> {
    /// When the cycle first spoke of a need that it has in common with another.
    fn common_need_at(&self, other: &Contact) -> Option<Timestamp> {
        let needs = self.cycle.fold.needs.iter();
        needs.filter(|need| need.name.is_some_and(|name| other.needs.contains(&name))).map(|need| need.opened.at).min()
    }
}

/// `no_follow_up` and `vicious_circle`: what the company did for the customer, in this cycle.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    /// The first touchpoint, if the rule is about it.
    first: Option<Mark>,
    at: SmallVec<[Timestamp; 2]>,
}

impl Answers {
    pub(super) fn step(&mut self, rule: &Rule, step: &Step<'_>) {
        if step.mark.index == 0 && rule.filter.matches(step.touchpoint) {
            self.first = Some(step.mark);
        }
        let is_answer = match (&rule.kind, &rule.recovers_by) {
            (Kind::NoFollowUp { by, .. }, _) => by.matches(step.touchpoint),
            (_, Some(filter)) => filter.matches(step.touchpoint),
            (_, None) => step.touchpoint.initiated_by == Initiator::Company,
        };
        if is_answer {
            self.at.push(step.mark.at);
        }
    }

    pub(super) fn tell(&self, rule: &Rule, facts: &mut Facts) {
        facts.answers.extend(self.at.iter().map(|at| (rule_key(rule), *at)));
    }

    /// The first answer at or after `from`, in whichever of the customer's cycles.
    fn answer(&self, moving: &Moving<'_>, from: Timestamp) -> Option<Timestamp> {
        let rule = rule_key(moving.rule);
        let others = moving.cycle.known.answers.iter().filter(|(other, _)| *other == rule).map(|(_, at)| *at);
        self.at.iter().copied().chain(others).filter(|at| *at >= from).min()
    }

    pub(super) fn follow_up(&self, moving: &Moving<'_>, level_at: impl Fn(Timestamp) -> Option<Level>) -> Option<Flag> {
        let (due, limit, first) = self.owed(moving, level_at)?;
        let closed_at = moving.cycle.close.at;
        let answered = self.answer(moving, closed_at.plus(1));
        if let Some(at) = answered.filter(|at| *at <= due) {
            return Some(Flag::hold(moving.position, first.index(), closed_at, at));
        }
        let observed = answered.map(|at| at.since(closed_at));
        let flag = Flag { holds_from: closed_at, observed, limit: Some(limit), ..moving.flag_deadline(first, due) };
        Some(Flag { recovered_at: answered, ..flag })
    }

    /// Until when the customer is owed a contact, within which time, and where it hangs.
    fn owed(&self, moving: &Moving<'_>, level_at: impl Fn(Timestamp) -> Option<Level>) -> Option<(Timestamp, i64, Mark)> {
        let Kind::NoFollowUp { within_ms, business_hours, levels, .. } = &moving.rule.kind else { return None };
        let first = self.first.filter(|_| moving.cycle.filed)?;
        let limit = within_ms.of(moving.cycle.segment);
        let due = moving.plus(moving.cycle.close.at, limit, *business_hours);
        let owed = levels.is_any() || level_at(due).is_some_and(|level| levels.admits(level));
        owed.then_some((due, limit, first))
    }

    /// `levels` are those of the customer's last settled cycles, the latest, which is this one's, first.
    pub(super) fn vicious(&self, moving: &Moving<'_>, settled_at: Timestamp, levels: &[Level]) -> Option<Flag> {
        let Kind::ViciousCircle { failed, of } = &moving.rule.kind else { return None };
        let (first, before) = (self.first?, levels.get(1..)?);
        let count = |levels: &[Level]| levels.iter().take(*of).filter(|level| **level == Level::Failed).count();
        // a customer who is in the circle already is not told anew with each bad cycle
        if levels.first() != Some(&Level::Failed) || count(levels) < *failed || count(before) >= *failed {
            return None;
        }
        let number = |count: usize| i64::try_from(count).ok();
        let flag = moving.flag_at(first, settled_at);
        let flag = Flag { observed: number(count(levels)), limit: number(failed.saturating_sub(1)), ..flag };
        Some(Flag { recovered_at: self.answer(moving, settled_at), ..flag })
    }

    pub(super) fn opportunities(&self, moving: &Moving<'_>, out: &mut Vec<Opportunity>) {
        if !moving.cycle.filed {
            return;
        }
        match &moving.rule.kind {
            Kind::NoFollowUp { .. } => {
                let flags = moving.cycle.fold.flags(moving.cycle);
                let level_at = |at| super::super::level::of(moving.cycle, &flags, at);
                let Some((_, limit, first)) = self.owed(moving, level_at) else { return };
                let closed_at = moving.cycle.close.at;
                let observed = self.answer(moving, closed_at.plus(1)).map(|at| at.since(closed_at));
                out.push(Opportunity { observed, limit: Some(limit), ..Opportunity::at(first) });
            }
            _ => out.extend(self.first.map(Opportunity::at)),
        }
    }
}
