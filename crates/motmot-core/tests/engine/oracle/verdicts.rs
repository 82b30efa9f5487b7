//! Verdicts: how each opportunity to keep a promise of the strategy's went.

use motmot_core::cycle::Judgement;
use motmot_core::strategy::{Kind, Strategy};
use motmot_core::touchpoint::{ActorKind, Initiator, Intent, Outcome};

use super::across::ends_it;
use super::cycle::{Cycle, standing};
use super::rules::{Case, Flag, cases};
use crate::support::tables::verdict_words;

/// The verdicts of a final cycle.
pub(super) fn words(cycle: &Cycle, strategy: &Strategy) -> String {
    let flags = standing(cycle.judged(strategy).0, i64::MAX);
    let mut words = Vec::new();
    for case in cases(cycle, strategy) {
        let of_rule: Vec<&Flag> = flags.iter().filter(|flag| flag.rule == case.number).collect();
        for need in case.opportunities(&flags) {
            let of_need: Vec<&&Flag> = of_rule.iter().filter(|flag| flag.need == need).collect();
            let judgement = if of_need.is_empty() {
                Judgement::Met
            } else if of_need.iter().all(|flag| flag.recovered_at().is_some()) {
                Judgement::Recovered
            } else {
                Judgement::Critical
            };
            words.push(verdict_words(&case.rule.id, need.as_deref(), judgement));
        }
    }
    words.join("; ")
}

impl Case<'_> {
    /// One for each need of a rule that tells them apart, else one without a name.
    fn opportunities(&self, flags: &[Flag]) -> Vec<Option<String>> {
        match &self.rule.kind {
            Kind::Slow { from, each_need: true, .. } => {
                let begins = |i: &usize| from.matches(&self.touchpoints[*i]) && self.rule.filter.matches(&self.touchpoints[*i]);
                let given = self.needs.iter().filter(|need| need.concerned.iter().any(begins));
                given.map(|need| need.name.clone()).collect()
            }
            Kind::Unverified { .. } => {
                let fulfilled = |i: usize| self.rule.filter.matches(&self.touchpoints[i]);
                self.needs.iter().filter(|need| need.fulfilled.is_some_and(fulfilled)).map(|need| need.name.clone()).collect()
            }
            _ => {
                let flagged = flags.iter().any(|flag| flag.rule == self.number);
                (flagged || self.has_opportunity(flags)).then_some(None).into_iter().collect()
            }
        }
    }

    fn has_opportunity(&self, flags: &[Flag]) -> bool {
        let meant = |i: usize| self.rule.filter.matches(&self.touchpoints[i]);
        let any = |wanted: &dyn Fn(usize) -> bool| (0..self.touchpoints.len()).any(wanted);
        let touchpoints = self.touchpoints;
        match &self.rule.kind {
            Kind::Slow { from, .. } => any(&|i| from.matches(&touchpoints[i]) && meant(i)),
            Kind::Missing { after, .. } => {
                meant(0) && after.as_ref().is_none_or(|after| any(&|i| after.matches(&touchpoints[i])))
            }
            Kind::Unmet => any(&|i| {
                // Apart from the outcome: the rule's own filter may ask for one that is not met.
                let judged = matches!(touchpoints[i].outcome, Outcome::Met | Outcome::PartlyMet | Outcome::Unmet);
                let outcomes = [Outcome::Met, Outcome::PartlyMet, Outcome::Unmet, Outcome::Pending, Outcome::None];
                let apart = |outcome: &Outcome| {
                    let mut touchpoint = touchpoints[i].clone();
                    touchpoint.outcome = *outcome;
                    self.rule.filter.matches(&touchpoint)
                };
                judged && outcomes.iter().any(apart)
            }),
            Kind::Unacknowledged { .. } => any(&|i| {
                let t = &touchpoints[i];
                let asks = matches!(t.intent, Some(Intent::Complaint | Intent::Question));
                meant(i) && asks && t.initiated_by == Initiator::Customer
            }),
            Kind::BrokenPromise { promises, .. } => any(&|i| {
                let wanted = |kind: &str| promises.is_empty() || promises.iter().any(|promise| promise == kind);
                let waits = touchpoints[i].announced_wait_ms.is_some() && wanted("wait");
                meant(i) && (waits || touchpoints[i].promises.iter().any(|promise| wanted(promise.kind.as_str())))
            }),
            Kind::Abandoned => meant(touchpoints.len() - 1),
            Kind::LowRating { rating_below, sentiment_below } => any(&|i| {
                let t = &touchpoints[i];
                meant(i) && (rating_below.and(t.rating).is_some() || sentiment_below.and(t.sentiment).is_some())
            }),
            Kind::Handoffs { .. } => any(&|i| {
                meant(i)
                    && touchpoints[i].actor.as_ref().is_some_and(|actor| actor.kind == ActorKind::Person && actor.id.is_some())
            }),
            Kind::Lacking { .. } | Kind::OutOfOrder { .. } => any(&meant),
            Kind::Reopened { after, .. } => any(&|i| ends_it(&touchpoints[i], after.as_ref())),
            Kind::RepeatContact { .. } => self.cycle.in_file() && self.cycle.instance == 1 && any(&meant),
            Kind::NoFollowUp { .. } => self.owes_follow_up(flags).is_some(),
            Kind::ViciousCircle { .. } => self.cycle.in_file() && meant(0),
            Kind::Unverified { .. } => false,
        }
    }
}
