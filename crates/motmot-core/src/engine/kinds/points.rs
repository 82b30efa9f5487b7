//! The kinds that flag single touchpoints: `unmet`, `low_rating`, `lacking`, `unacknowledged`.

use crate::strategy::{Kind, Rule};
use crate::touchpoint::{ActorKind, Initiator, Intent, Outcome, Stage, Touchpoint};

use super::super::flag::Flag;
use super::super::fold::{Mark, Step};
use super::super::needs::NeedSet;
use super::slow::{End, overdue, took};
use super::{Moving, Opportunity};

/// A touchpoint that is, or may become, a moment.
#[derive(Clone, Debug)]
struct Point {
    mark: Mark,
    stage: Stage,
    /// The need that it names, of `unmet`: only what concerns that need cures it.
    needs: Option<NeedSet>,
    /// What made it one, of `low_rating`: rating, sentiment.
    low: (bool, bool),
    cured: Option<End>,
    /// The customer left unanswered.
    stop: Option<End>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Points {
    points: Vec<Point>,
    /// The last touchpoint that might have become one and did not.
    met: Option<Mark>,
}

impl Points {
    pub(super) fn step(&mut self, rule: &Rule, step: &Step<'_>) {
        let touchpoint = step.touchpoint;
        // only the clock counts: a later contact's own wait is not the wait for the answer
        let end = End { waited_ms: None, ..End::of(step) };
        for point in &mut self.points {
            let concerned = point.needs.is_none_or(|needs| needs.iter().any(|need| step.bearing.concerns.contains(need)));
            if point.cured.is_none() && concerned && point.is_cured_by(rule, touchpoint) {
                point.cured = Some(end);
            }
            if is_customers_farewell(touchpoint) {
                point.stop = Some(end); // the last farewell is the one that closes
            }
        }
        if might_be_point(rule, touchpoint) && !is_point(&rule.kind, touchpoint) {
            self.met = Some(step.mark);
        }
        if rule.filter.matches(touchpoint) && is_point(&rule.kind, touchpoint) {
            let needs = (matches!(rule.kind, Kind::Unmet) && touchpoint.need.is_some()).then_some(step.bearing.concerns);
            let announced = matches!(rule.kind, Kind::Unacknowledged { .. }) && touchpoint.announced_wait_ms.is_some();
            let cured = announced.then_some(end);
            let low = low(&rule.kind, touchpoint);
            self.points.push(Point { mark: step.mark, stage: touchpoint.stage, needs, low, cured, stop: None });
        }
    }

    pub(super) fn opportunities(&self, moving: &Moving<'_>, out: &mut Vec<Opportunity>) {
        let limit = match &moving.rule.kind {
            Kind::Unacknowledged { limit_ms, .. } => Some(limit_ms.of(moving.cycle.segment)),
            _ => None,
        };
        let hours = matches!(moving.rule.kind, Kind::Unacknowledged { business_hours: true, .. });
        out.extend(self.points.iter().map(|point| {
            let observed = limit.and_then(|_| took(moving, point.mark, hours, point.cured, point.stop));
            Opportunity { observed, limit, ..Opportunity::at(point.mark) }
        }));
        out.extend(self.met.map(Opportunity::at));
    }

    pub(super) fn flags(&self, moving: &Moving<'_>, out: &mut Vec<Flag>) {
        let unacknowledged = match &moving.rule.kind {
            Kind::Unacknowledged { limit_ms, business_hours } => Some((limit_ms.of(moving.cycle.segment), *business_hours)),
            _ => None,
        };
        for point in &self.points {
            let flag = match unacknowledged {
                None => Some(moving.flag_at(point.mark, point.mark.at)),
                Some((limit, hours)) => unanswered(moving, point, limit, hours),
            };
            out.extend(flag.map(|flag| moving.cured(flag, point.cured.map(|end| end.mark.at))));
        }
    }
}

/// The flag of a complaint or question that had no answer within the limit.
fn unanswered(moving: &Moving<'_>, point: &Point, limit: i64, hours: bool) -> Option<Flag> {
    let due = moving.plus(point.mark.at, limit, hours);
    overdue(moving, point.mark, due, limit, hours, point.cured, point.stop)
}

fn is_point(kind: &Kind, touchpoint: &Touchpoint<'_>) -> bool {
    match kind {
        Kind::Unmet => matches!(touchpoint.outcome, Outcome::Unmet | Outcome::PartlyMet),
        Kind::LowRating { .. } => low(kind, touchpoint) != (false, false),
        Kind::Lacking { demands } => !demands.iter().all(|demand| demand.is_met_by(touchpoint)),
        Kind::Unacknowledged { .. } => {
            matches!(touchpoint.intent, Some(Intent::Complaint | Intent::Question))
                && touchpoint.initiated_by == Initiator::Customer
                && touchpoint.outcome != Outcome::Met
        }
        _ => false,
    }
}

/// Whether a touchpoint is an occasion for the rule.
fn might_be_point(rule: &Rule, touchpoint: &Touchpoint<'_>) -> bool {
    match &rule.kind {
        Kind::Unmet => {
            let judged = matches!(touchpoint.outcome, Outcome::Met | Outcome::PartlyMet | Outcome::Unmet);
            judged && rule.filter.matches_apart_from_outcome(touchpoint)
        }
        Kind::LowRating { rating_below, sentiment_below } => {
            let rated = rating_below.is_some() && touchpoint.rating.is_some();
            let felt = sentiment_below.is_some() && touchpoint.sentiment.is_some();
            (rated || felt) && rule.filter.matches(touchpoint)
        }
        Kind::Lacking { .. } => rule.filter.matches(touchpoint),
        // one with outcome met is answered on the spot
        Kind::Unacknowledged { .. } => {
            matches!(touchpoint.intent, Some(Intent::Complaint | Intent::Question))
                && touchpoint.initiated_by == Initiator::Customer
                && rule.filter.matches(touchpoint)
        }
        _ => false,
    }
}

/// Whether rating and sentiment are below the limits of a `low_rating`.
fn low(kind: &Kind, touchpoint: &Touchpoint<'_>) -> (bool, bool) {
    let Kind::LowRating { rating_below, sentiment_below } = kind else { return (false, false) };
    (
        rating_below.zip(touchpoint.rating).is_some_and(|(limit, rating)| rating < limit),
        sentiment_below.zip(touchpoint.sentiment).is_some_and(|(limit, sentiment)| sentiment < limit),
    )
}

impl Point {
    /// The kind's own cure.
    fn is_cured_by(&self, rule: &Rule, touchpoint: &Touchpoint<'_>) -> bool {
        match &rule.kind {
            Kind::Unmet => touchpoint.stage == self.stage && touchpoint.outcome == Outcome::Met,
            Kind::LowRating { .. } => {
                let asked_again = (self.low.0 && touchpoint.rating.is_some()) || (self.low.1 && touchpoint.sentiment.is_some());
                asked_again && low(&rule.kind, touchpoint) == (false, false)
            }
            Kind::Lacking { demands } => rule.filter.matches(touchpoint) && demands.iter().all(|d| d.is_met_by(touchpoint)),
            Kind::Unacknowledged { .. } => acknowledges(touchpoint) && !is_customers_farewell(touchpoint),
            _ => false,
        }
    }
}

fn is_customers_farewell(touchpoint: &Touchpoint<'_>) -> bool {
    touchpoint.stage == Stage::Farewell && touchpoint.initiated_by == Initiator::Customer
}

fn acknowledges(touchpoint: &Touchpoint<'_>) -> bool {
    touchpoint.initiated_by == Initiator::Company
        || touchpoint.actor.as_ref().is_some_and(|actor| actor.kind == ActorKind::Person)
        || touchpoint.announced_wait_ms.is_some()
        || (touchpoint.stage != Stage::Greeting && matches!(touchpoint.outcome, Outcome::Met | Outcome::PartlyMet))
}
