//! The rules, one function a kind: which moments a cycle's set of touchpoints holds, whatever the clock says.

use motmot_core::Touchpoint;
use motmot_core::strategy::{Filter, Kind, Rule, Strategy};
use motmot_core::touchpoint::{ActorKind, Initiator, Intent, Outcome, Stage};

use super::cycle::Cycle;
use super::needs::{Need, is_met, needs};

/// A moment that is told from `trigger` on.
#[derive(Clone, Debug)]
pub(super) struct Flag {
    /// Position of its rule.
    pub(super) rule: usize,
    /// Position of its touchpoint.
    pub(super) anchor: usize,
    /// Its need, where the rule tells them apart.
    pub(super) need: Option<String>,
    /// Its promise.
    pub(super) promise: Option<String>,
    /// Its own instant.
    pub(super) raised_at: i64,
    /// The first `now` at which it is one.
    pub(super) trigger: i64,
    /// When it was cured.
    pub(super) cured_at: Option<i64>,
    /// When it ends uncured.
    pub(super) expires_at: i64,
    /// What was measured and its limit, of the kinds that look beyond one cycle.
    pub(super) measured: Option<(i64, Option<i64>)>,
}

impl Flag {
    pub(super) fn recovered_at(&self) -> Option<i64> {
        self.cured_at.filter(|at| *at < self.expires_at)
    }
    pub(super) fn ends_at(&self) -> i64 {
        self.recovered_at().unwrap_or(self.expires_at)
    }
    pub(super) fn identity(&self) -> (usize, usize, Option<&str>, Option<&str>) {
        (self.rule, self.anchor, self.need.as_deref(), self.promise.as_deref())
    }
}

/// Everything that a rule looks at.
pub(super) struct Case<'c> {
    pub(super) cycle: &'c Cycle,
    pub(super) touchpoints: &'c [Touchpoint<'static>],
    pub(super) needs: Vec<Need>,
    pub(super) strategy: &'c Strategy,
    pub(super) segment: usize,
    pub(super) number: usize,
    pub(super) rule: &'c Rule,
}

/// A case for each rule that is about the cycle's segment.
pub(super) fn cases<'c>(cycle: &'c Cycle, strategy: &'c Strategy) -> impl Iterator<Item = Case<'c>> {
    let segment = cycle.segment(strategy);
    let about = strategy.rules.iter().enumerate().filter(move |(_, rule)| rule.segments & (1 << segment) != 0);
    about.map(move |(number, rule)| {
        let needs = needs(&cycle.touchpoints);
        Case { cycle, touchpoints: &cycle.touchpoints, needs, strategy, segment, number, rule }
    })
}

/// All moments of a cycle, by rule; those of `vicious_circle` follow from them, and those of `no_follow_up` from the others.
pub(super) fn flags(cycle: &Cycle, strategy: &Strategy) -> Vec<Flag> {
    let mut flags: Vec<Flag> = cases(cycle, strategy).flat_map(|case| case.judge()).collect();
    let not_followed_up: Vec<Flag> = cases(cycle, strategy).filter_map(|case| case.no_follow_up(&flags)).collect();
    flags.extend(not_followed_up);
    flags
}

/// What a deadline or a measured wait came to.
pub(super) struct Breach {
    pub(super) raised_at: i64,
    pub(super) trigger: i64,
    pub(super) cured_at: Option<i64>,
    pub(super) stopped_at: Option<i64>,
}

impl Breach {
    pub(super) fn by_touchpoint(at: i64) -> Self {
        Self { raised_at: at, trigger: at, cured_at: None, stopped_at: None }
    }
    pub(super) fn by_deadline(due: i64) -> Self {
        Self { raised_at: due, trigger: due + 1, cured_at: None, stopped_at: None }
    }
    pub(super) fn cured(self, cured_at: Option<i64>) -> Self {
        Self { cured_at, ..self }
    }
}

impl Case<'_> {
    fn judge(&self) -> Vec<Flag> {
        match &self.rule.kind {
            Kind::Slow { from, to, limit_ms, each_need, business_hours } => {
                let limit = limit_ms.of(self.segment);
                if *each_need {
                    self.needs.iter().filter_map(|need| self.slow(from, to, limit, *business_hours, Some(need))).collect()
                } else {
                    self.slow(from, to, limit, *business_hours, None).into_iter().collect()
                }
            }
            Kind::Missing { expects, after, within_ms } => {
                self.missing(expects, after.as_ref(), within_ms.as_ref().map(|w| w.of(self.segment))).into_iter().collect()
            }
            Kind::Unmet => self.unmet(),
            Kind::Unverified { times, within_ms } => {
                let within = within_ms.as_ref().map(|w| w.of(self.segment));
                self.needs.iter().filter_map(|need| self.unverified(need, *times, within)).collect()
            }
            Kind::Unacknowledged { limit_ms, business_hours } => self.unacknowledged(limit_ms.of(self.segment), *business_hours),
            Kind::BrokenPromise { promises, limit_ms, business_hours } => {
                let mut flags = self.broken_promises(promises, limit_ms.of(self.segment), *business_hours);
                if promises.is_empty() || promises.iter().any(|kind| kind == "wait") {
                    flags.extend(self.broken_waits(limit_ms.of(self.segment), *business_hours));
                }
                flags
            }
            Kind::Abandoned => self.abandoned(),
            Kind::LowRating { rating_below, sentiment_below } => self.low_rating(*rating_below, *sentiment_below),
            Kind::Handoffs { more_than } => self.handoffs(more_than.of(self.segment)).into_iter().collect(),
            Kind::Lacking { demands } => {
                let lacks = |i: usize| demands.iter().any(|demand| !demand.is_met_by(&self.touchpoints[i]));
                let flagged = self.matching().filter(|i| lacks(*i));
                flagged.map(|i| self.event(i, self.matching().find(|j| *j > i && !lacks(*j)))).collect()
            }
            Kind::OutOfOrder { before } => self.out_of_order(before).into_iter().collect(),
            Kind::Reopened { after, by } => self.reopened(after.as_ref(), by).into_iter().collect(),
            Kind::RepeatContact { within_ms, same_need } => {
                self.repeat_contact(within_ms.of(self.segment), *same_need).into_iter().collect()
            }
            Kind::NoFollowUp { .. } | Kind::ViciousCircle { .. } => Vec::new(),
        }
    }

    pub(super) fn at(&self, index: usize) -> i64 {
        self.cycle.at(index)
    }

    /// Touchpoints that match the rule's `where`.
    pub(super) fn matching(&self) -> impl Iterator<Item = usize> {
        (0..self.touchpoints.len()).filter(|i| self.rule.filter.matches(&self.touchpoints[*i]))
    }

    pub(super) fn find(&self, wanted: impl Fn(usize, &Touchpoint<'static>) -> bool) -> Option<usize> {
        (0..self.touchpoints.len()).find(|i| wanted(*i, &self.touchpoints[*i]))
    }

    pub(super) fn due(&self, at: i64, limit: i64, business_hours: bool) -> i64 {
        if business_hours { super::business_due(self.strategy, at, limit) } else { at + limit }
    }

    /// The touchpoint with which the customer left, for a rule that waits for something since `anchor`: the last farewell, which is
    /// what closes the cycle.
    fn farewell_since(&self, anchor: usize) -> Option<usize> {
        self.cycle.last_farewell().filter(|i| self.at(*i) >= self.at(anchor))
    }

    /// Makes a flag; `recovers_by` replaces the kind's own cure.
    pub(super) fn flag(&self, anchor: usize, need: Option<&Need>, promise: Option<&str>, breach: Breach) -> Flag {
        let expires_at = breach.raised_at + self.rule.open_for_ms;
        let cured_at = match &self.rule.recovers_by {
            None => breach.cured_at,
            Some(filter) => {
                let is_meant = |i: usize| need.is_none_or(|need| need.concerned.contains(&i));
                let cure = self.find(|i, t| i > anchor && self.at(i) >= breach.raised_at && filter.matches(t) && is_meant(i));
                cure.map(|i| self.at(i))
            }
        };
        Flag {
            rule: self.number,
            anchor,
            need: need.and_then(|need| need.name.clone()),
            promise: promise.map(str::to_owned),
            raised_at: breach.raised_at,
            trigger: breach.trigger,
            cured_at,
            expires_at: breach.stopped_at.map_or(expires_at, |stop| stop.min(expires_at)),
            measured: None,
        }
    }

    /// A flag whose instant is that of its anchor.
    pub(super) fn event(&self, anchor: usize, cure: Option<usize>) -> Flag {
        self.flag(anchor, None, None, Breach::by_touchpoint(self.at(anchor)).cured(cure.map(|i| self.at(i))))
    }

    /// A wait until `answer`, unless the customer left before it; who left may still be got back by an answer.
    fn wait(&self, due: i64, limit: i64, answer: Option<usize>, farewell: Option<usize>) -> Option<Breach> {
        let (end, answered) = match (answer, farewell) {
            (Some(answer), Some(farewell)) if farewell < answer => (farewell, false),
            (Some(answer), _) => (answer, true),
            (None, Some(farewell)) => (farewell, false),
            (None, None) => return Some(Breach::by_deadline(due)),
        };
        let ended_at = self.at(end);
        let breached = self.touchpoints[end].waited_ms.map_or(ended_at > due, |waited| waited > limit);
        let told_at = if due < ended_at { Breach::by_deadline(due) } else { Breach::by_touchpoint(ended_at) };
        let ended = match answer {
            _ if answered => told_at.cured(Some(ended_at)),
            Some(answer) => told_at.cured(Some(self.at(answer))),
            None => Breach { stopped_at: Some(ended_at), ..told_at },
        };
        breached.then_some(ended)
    }

    fn slow(&self, from: &Filter, to: &Filter, limit: i64, business_hours: bool, need: Option<&Need>) -> Option<Flag> {
        let is_meant = |i: usize| need.is_none_or(|need| need.concerned.contains(&i));
        let anchor = self.find(|i, t| from.matches(t) && self.rule.filter.matches(t) && is_meant(i))?;
        let answer = self.find(|i, t| self.at(i) >= self.at(anchor) && to.matches(t) && is_meant(i));
        let due = self.due(self.at(anchor), limit, business_hours);
        let breach = self.wait(due, limit, answer, self.farewell_since(anchor))?;
        Some(self.flag(anchor, need, None, breach))
    }

    fn missing(&self, expects: &Filter, after: Option<&Filter>, within: Option<i64>) -> Option<Flag> {
        if !self.rule.filter.matches(&self.touchpoints[0]) {
            return None;
        }
        let close = self.cycle.close(self.strategy);
        let by_close = Breach { raised_at: close.at, trigger: close.passed_from, cured_at: None, stopped_at: None };
        let Some(within) = within else {
            let first = self.find(|_, t| expects.matches(t)).map(|i| self.at(i));
            let in_time = first.is_some_and(|at| at <= close.at);
            return (!in_time).then(|| self.flag(0, None, None, by_close.cured(first)));
        };
        let since = self.at(self.find(|_, t| after.is_none_or(|filter| filter.matches(t)))?);
        let found = self.find(|i, t| expects.matches(t) && self.at(i) >= since).map(|i| self.at(i));
        let limit = since + within;
        let in_time = found.is_some_and(|at| at <= limit);
        let breach = if limit <= close.at { Breach::by_deadline(limit) } else { by_close };
        (!in_time).then(|| self.flag(0, None, None, breach.cured(found)))
    }

    fn unmet(&self) -> Vec<Flag> {
        let flagged = self.matching().filter(|i| matches!(self.touchpoints[*i].outcome, Outcome::Unmet | Outcome::PartlyMet));
        flagged
            .map(|anchor| {
                let of = &self.touchpoints[anchor];
                let same_need = |i: usize| {
                    let named = |need: &&Need| need.name.is_some() && need.name.as_deref() == of.need.as_deref();
                    self.needs.iter().find(named).is_none_or(|need| need.concerned.contains(&i))
                };
                let cure = self.find(|i, t| i > anchor && t.stage == of.stage && t.outcome == Outcome::Met && same_need(i));
                self.event(anchor, cure)
            })
            .collect()
    }

    fn unverified(&self, need: &Need, times: u32, within: Option<i64>) -> Option<Flag> {
        let fulfilled = need.fulfilled.filter(|i| self.rule.filter.matches(&self.touchpoints[*i]))?;
        let close = self.cycle.close(self.strategy);
        let limit = within.map(|within| self.at(fulfilled) + within).filter(|limit| *limit <= close.at);
        let breach = match limit {
            Some(limit) => Breach::by_deadline(limit),
            None => Breach { raised_at: close.at, trigger: close.passed_from, cured_at: None, stopped_at: None },
        };
        let checked = need.checks.get(times as usize - 1).map(|i| self.at(*i));
        let in_time = checked.is_some_and(|at| at <= breach.raised_at);
        (!in_time).then(|| self.flag(fulfilled, Some(need), None, breach.cured(checked)))
    }

    fn unacknowledged(&self, limit: i64, business_hours: bool) -> Vec<Flag> {
        let asks = |i: &usize| {
            let t = &self.touchpoints[*i];
            matches!(t.intent, Some(Intent::Complaint | Intent::Question))
                && t.initiated_by == Initiator::Customer
                && t.outcome != Outcome::Met
                && t.announced_wait_ms.is_none()
        };
        let by_customer = |t: &Touchpoint<'_>| t.stage == Stage::Farewell && t.initiated_by == Initiator::Customer;
        let acknowledges = |t: &Touchpoint<'_>| {
            !by_customer(t)
                && (t.initiated_by == Initiator::Company
                    || t.actor.as_ref().is_some_and(|actor| actor.kind == ActorKind::Person)
                    || t.announced_wait_ms.is_some()
                    || (is_met(t) && t.stage != Stage::Greeting))
        };
        let flag = |anchor: usize| {
            let answer = self.find(|i, t| i > anchor && acknowledges(t)).map(|i| (i, true));
            let farewell = self.touchpoints.iter().rposition(by_customer).filter(|i| *i > anchor).map(|i| (i, false));
            let due = self.due(self.at(anchor), limit, business_hours);
            // Nothing but the clock measures here: nobody asked the customer how long it took.
            let breach = match answer.into_iter().chain(farewell).min() {
                None => Breach::by_deadline(due),
                Some((end, _)) if self.at(end) <= due => return None,
                Some((end, true)) => Breach::by_deadline(due).cured(Some(self.at(end))),
                Some((_, false)) if answer.is_some() => Breach::by_deadline(due).cured(answer.map(|(i, _)| self.at(i))),
                Some((end, false)) => Breach { stopped_at: Some(self.at(end)), ..Breach::by_deadline(due) },
            };
            Some(self.flag(anchor, None, None, breach))
        };
        self.matching().filter(asks).filter_map(flag).collect()
    }

    fn broken_promises(&self, kinds: &[String], limit: i64, business_hours: bool) -> Vec<Flag> {
        let mut flags = Vec::new();
        for anchor in self.matching() {
            for promise in &self.touchpoints[anchor].promises {
                if !kinds.is_empty() && !kinds.iter().any(|kind| kind == promise.kind.as_str()) {
                    continue;
                }
                let due = self.due(promise.due_at.as_millis(), limit, business_hours);
                let kept = self.first_of_the_customer(|_, t| t.kept_promises.contains(&promise.promise_id));
                if kept.is_none_or(|at| at > due) {
                    flags.push(self.flag(anchor, None, Some(&promise.promise_id), Breach::by_deadline(due).cured(kept)));
                }
            }
        }
        flags
    }

    fn broken_waits(&self, limit: i64, business_hours: bool) -> Vec<Flag> {
        let flag = |anchor: usize| {
            let announced = self.touchpoints[anchor].announced_wait_ms?;
            let due = self.due(self.at(anchor) + announced, limit, business_hours);
            let answer = self.find(|i, t| self.at(i) >= self.at(anchor) && t.stage == Stage::Fulfilment && is_met(t));
            let breach = self.wait(due, announced + limit, answer, self.farewell_since(anchor))?;
            Some(self.flag(anchor, None, Some("wait"), breach))
        };
        self.matching().filter_map(flag).collect()
    }

    fn abandoned(&self) -> Vec<Flag> {
        let left_with = |i: usize| self.rule.filter.matches(&self.touchpoints[i]);
        let mut flags = Vec::new();
        let last = self.touchpoints.len() - 1;
        let inactivity = self.cycle.policy(self.strategy).inactivity_ms;
        let first_farewell = self.find(|_, t| t.stage == Stage::Farewell);
        let gap = (1..=last).rev().find(|i| {
            let silent = self.at(*i) - self.at(i - 1) > inactivity;
            self.cycle.identified && silent && left_with(i - 1) && first_farewell.is_none_or(|farewell| farewell >= *i)
        });
        if let Some(back) = gap {
            let breach = Breach::by_deadline(self.at(back - 1) + inactivity).cured(Some(self.at(back)));
            flags.push(self.flag(0, None, None, breach));
        }
        if self.cycle.last_farewell().is_none() && left_with(last) {
            flags.push(self.flag(0, None, None, Breach::by_deadline(self.at(last) + inactivity)));
        }
        let unserved = |i: &usize| {
            self.touchpoints[*i].stage == Stage::Farewell && self.touchpoints[*i].outcome == Outcome::Unmet && left_with(*i)
        };
        if let Some(farewell) = (0..=last).rev().find(unserved) {
            let serves = |t: &Touchpoint<'_>| matches!(t.stage, Stage::Fulfilment | Stage::Farewell) && t.outcome == Outcome::Met;
            let cure = self.find(|i, t| i > farewell && serves(t)).map(|i| self.at(i));
            flags.push(self.flag(0, None, None, Breach::by_touchpoint(self.at(farewell)).cured(cure)));
        }
        flags
    }

    fn low_rating(&self, rating_below: Option<i32>, sentiment_below: Option<f64>) -> Vec<Flag> {
        let rating_low = |t: &Touchpoint<'_>| t.rating.zip(rating_below).map(|(rating, limit)| rating < limit);
        let sentiment_low = |t: &Touchpoint<'_>| t.sentiment.zip(sentiment_below).map(|(sentiment, limit)| sentiment < limit);
        let low = |i: &usize| [rating_low(&self.touchpoints[*i]), sentiment_low(&self.touchpoints[*i])].contains(&Some(true));
        let flag = |anchor: usize| {
            let of = &self.touchpoints[anchor];
            let cures = |t: &Touchpoint<'_>| {
                let marks = [rating_low(t), sentiment_low(t)];
                let asked_again =
                    [rating_low(of), sentiment_low(of)].iter().zip(&marks).any(|(o, m)| *o == Some(true) && m.is_some());
                asked_again && !marks.contains(&Some(true))
            };
            self.event(anchor, self.find(|i, t| i > anchor && cures(t)))
        };
        self.matching().filter(low).map(flag).collect()
    }

    fn handoffs(&self, more_than: i64) -> Option<Flag> {
        let mut persons = Vec::new();
        for i in self.matching() {
            if let Some(actor) = self.touchpoints[i].actor.as_ref().filter(|actor| actor.kind == ActorKind::Person)
                && let Some(id) = &actor.id
                && !persons.contains(id)
            {
                persons.push(id.clone());
                if persons.len() as i64 > more_than {
                    return Some(self.event(i, None));
                }
            }
        }
        None
    }

    fn out_of_order(&self, before: &Filter) -> Option<Flag> {
        let anchor = self.matching().next()?;
        let came_at = self.at(self.find(|_, t| before.matches(t))?);
        let too_late = came_at > self.at(anchor) + self.strategy.clock_tolerance_ms;
        too_late.then(|| self.flag(anchor, None, None, Breach::by_touchpoint(came_at)))
    }
}
