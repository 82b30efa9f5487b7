//! The kinds that look beyond one cycle: at its other instances, and at the customer's other cycles.

use motmot_core::Touchpoint;
use motmot_core::cycle::Level;
use motmot_core::strategy::{Filter, Kind, Strategy};
use motmot_core::touchpoint::{Initiator, Outcome, Stage};

use super::customer::End;
use super::cycle::{Cycle, standing};
use super::level::level;
use super::rules::{Breach, Case, Flag, cases};

/// Until when the company still owes the customer something that the strategy speaks of: a promise, or a follow-up.
pub(super) fn owed_until(cycle: &Cycle, flags: &[Flag], strategy: &Strategy) -> i64 {
    if !cycle.in_file() {
        return i64::MIN;
    }
    let promises = cases(cycle, strategy).flat_map(|case| case.promises_over()).max();
    let follow_ups = cases(cycle, strategy).filter_map(|case| case.follow_up_over(flags)).max();
    promises.max(follow_ups).unwrap_or(i64::MIN)
}

/// What `vicious_circle` makes of a cycle of which that comes.
pub(super) fn vicious_circles(cycle: &Cycle, end: &End, strategy: &Strategy) -> Vec<Flag> {
    cases(cycle, strategy).filter_map(|case| case.vicious_circle(end)).collect()
}

/// Whether the matter is held to be done with a touchpoint.
pub(super) fn ends_it(touchpoint: &Touchpoint<'_>, after: Option<&Filter>) -> bool {
    match after {
        Some(filter) => filter.matches(touchpoint),
        None => {
            touchpoint.stage == Stage::Farewell || (touchpoint.stage == Stage::Verification && touchpoint.outcome == Outcome::Met)
        }
    }
}

impl Case<'_> {
    /// The instant of the first touchpoint in any of the customer's cycles that is wanted.
    pub(super) fn first_of_the_customer(&self, wanted: impl Fn(i64, &Touchpoint<'static>) -> bool) -> Option<i64> {
        let others = self.cycle.known.others.iter().flat_map(|other| &other.touchpoints);
        let all = self.touchpoints.iter().chain(others).map(|t| (t.occurred_at.as_millis(), t));
        all.filter(|(at, t)| wanted(*at, t)).map(|(at, _)| at).min()
    }

    fn is_about_the_first(&self) -> bool {
        self.rule.filter.matches(&self.touchpoints[0])
    }

    pub(super) fn reopened(&self, after: Option<&Filter>, by: &Filter) -> Option<Flag> {
        let all: Vec<&Touchpoint<'static>> = self.cycle.earlier.iter().chain(self.touchpoints).collect();
        let is_back =
            |i: &usize| by.matches(all[*i]) && self.rule.filter.matches(all[*i]) && all[..*i].iter().any(|t| ends_it(t, after));
        let back = (0..all.len()).find(is_back)?;
        let anchor = back.checked_sub(self.cycle.earlier.len())?;
        let ended = all[..back].iter().rfind(|t| ends_it(t, after))?.occurred_at.as_millis();
        let cure = self.find(|i, t| i > anchor && ends_it(t, after));
        let observed = self.at(anchor) - ended;
        Some(Flag { measured: Some((observed, None)), ..self.event(anchor, cure) })
    }

    pub(super) fn repeat_contact(&self, within: i64, same_need: bool) -> Option<Flag> {
        let is_first = |cycle: &Cycle| cycle.in_file() && cycle.instance == 1;
        let contact_of = |cycle: &Cycle| cycle.touchpoints.iter().position(|t| self.rule.filter.matches(t));
        if !is_first(self.cycle) {
            return None;
        }
        let anchor = contact_of(self.cycle)?;
        let own = (self.at(anchor), &self.cycle.id);
        // For each earlier contact: when it was, and when it is one.
        let mut found: Vec<(i64, i64)> = Vec::new();
        for other in self.cycle.known.others.iter().filter(|other| is_first(other)) {
            let Some(contact) = contact_of(other).map(|i| other.at(i)) else { continue };
            if (contact, &other.id) >= own || own.0 - contact > within {
                continue;
            }
            if same_need {
                let names = |t: &Touchpoint<'_>| t.need.is_some() && other.touchpoints.iter().any(|o| o.need == t.need);
                found.extend(self.find(|_, t| names(t)).map(|i| (contact, own.0.max(self.at(i)))));
            } else {
                found.push((contact, own.0));
            }
        }
        let raised_at = found.iter().map(|(_, at)| *at).min()?;
        let latest = found.iter().map(|(contact, _)| *contact).max()?;
        let flag = self.flag(anchor, None, None, Breach::by_touchpoint(raised_at));
        Some(Flag { measured: Some((own.0 - latest, Some(within))), ..flag })
    }

    /// Until when each promise that the rule is about holds its cycle: until it is kept, or else due.
    fn promises_over(&self) -> Vec<i64> {
        let Kind::BrokenPromise { promises, limit_ms, business_hours } = &self.rule.kind else { return Vec::new() };
        let given = self.matching().flat_map(|i| &self.touchpoints[i].promises);
        let meant = given.filter(|given| promises.is_empty() || promises.iter().any(|kind| kind == given.kind.as_str()));
        let over = meant.map(|promise| {
            let due = self.due(promise.due_at.as_millis(), limit_ms.of(self.segment), *business_hours);
            let kept = self.first_of_the_customer(|_, t| t.kept_promises.contains(&promise.promise_id));
            kept.map_or(due, |kept| kept.min(due))
        });
        over.collect()
    }

    /// Until when the follow-up is due, and when it came in time.
    fn follow_up(&self) -> Option<(i64, Option<i64>)> {
        let Kind::NoFollowUp { within_ms, business_hours, by, .. } = &self.rule.kind else { return None };
        if !self.cycle.in_file() || !self.is_about_the_first() {
            return None;
        }
        let close = self.cycle.close(self.strategy).at;
        let due = self.due(close, within_ms.of(self.segment), *business_hours);
        Some((due, self.first_of_the_customer(|at, t| at > close && at <= due && by.matches(t))))
    }

    /// When it came in time, or else is due.
    fn follow_up_over(&self, flags: &[Flag]) -> Option<i64> {
        let due = self.owes_follow_up(flags)?;
        Some(self.follow_up()?.1.unwrap_or(due))
    }

    /// Whether a follow-up was owed: the cycle closed with such a level. `flags` are those of the other kinds.
    pub(super) fn owes_follow_up(&self, flags: &[Flag]) -> Option<i64> {
        let Kind::NoFollowUp { levels, .. } = &self.rule.kind else { return None };
        let (due, _) = self.follow_up()?;
        let level = level(self.cycle, due, &standing(flags.to_vec(), due), self.strategy)?;
        levels.admits(level).then_some(due)
    }

    pub(super) fn no_follow_up(&self, flags: &[Flag]) -> Option<Flag> {
        let Kind::NoFollowUp { by, .. } = &self.rule.kind else { return None };
        let due = self.owes_follow_up(flags)?;
        if self.follow_up()?.1.is_some() {
            return None;
        }
        let cured_at = self.first_of_the_customer(|at, t| at > due && by.matches(t));
        Some(Flag { cured_at, ..self.flag(0, None, None, Breach::by_deadline(due)) })
    }

    fn vicious_circle(&self, own: &End) -> Option<Flag> {
        let Kind::ViciousCircle { failed, of } = &self.rule.kind else { return None };
        if !self.cycle.in_file() || !self.is_about_the_first() || own.level != Level::Failed {
            return None;
        }
        let mut levels: Vec<Level> = self.cycle.known.ends.iter().filter(|end| *end < own).map(|end| end.level).collect();
        let failed_of =
            |levels: &[Level]| levels[levels.len().saturating_sub(*of)..].iter().filter(|level| **level == Level::Failed).count();
        let before = failed_of(&levels);
        levels.push(own.level);
        let now = failed_of(&levels);
        if now < *failed || before >= *failed {
            return None;
        }
        let by_company = |t: &Touchpoint<'_>| t.initiated_by == Initiator::Company;
        let cures = |t: &Touchpoint<'_>| self.rule.recovers_by.as_ref().map_or_else(|| by_company(t), |filter| filter.matches(t));
        let cured_at = self.first_of_the_customer(|at, t| at >= own.at && cures(t));
        let measured = Some((now as i64, Some(*failed as i64 - 1)));
        Some(Flag { cured_at, measured, ..self.flag(0, None, None, Breach::by_touchpoint(own.at)) })
    }
}
