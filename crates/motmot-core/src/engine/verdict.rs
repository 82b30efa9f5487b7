//! Verdicts: how every opportunity to keep a promise of the strategy's went. They are the denominators of the measured programme.

use xxhash_rust::xxh3::Xxh3;

use crate::cycle::{Judgement, VerdictRecord};
use crate::moment::MomentState;
use crate::strategy::Strategy;
use crate::text::Text;
use crate::time::Timestamp;
use crate::touchpoint::{ActorKind, Touchpoint};

use super::cycle::Cycle;
use super::flag::Flag;
use super::tell::side_of;

/// One rule's verdict, for one need where the rule tells needs apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Verdict {
    rule: usize,
    need: Option<usize>,
    /// The touchpoint that it hangs on.
    index: usize,
    judgement: Judgement,
    observed: Option<i64>,
    limit: Option<i64>,
}

impl Verdict {
    /// Of several opportunities of one rule and need the worst is told, and of equals the farthest from what was promised.
    fn weight(&self) -> (u8, Option<i64>) {
        let worse = match self.judgement {
            Judgement::Met => 0,
            Judgement::Recovered => 1,
            Judgement::Critical => 2,
        };
        (worse, self.observed)
    }
}

impl Cycle {
    /// The verdicts of a cycle that is final at `final_at` with these flags, in the order of rules and needs.
    pub(super) fn verdicts(&self, strategy: &Strategy, flags: &[Flag], final_at: Timestamp) -> Vec<Verdict> {
        let view = self.view(strategy);
        let mut verdicts: Vec<Verdict> = Vec::new();
        let mut opportunities = Vec::new();
        for (rule, model, memory) in view.fold.rules(&view) {
            let start = verdicts.len();
            memory.opportunities(&view, model, &mut opportunities);
            let met = opportunities.drain(..).map(|o| {
                let (judgement, observed, limit) = (Judgement::Met, o.observed, o.limit);
                Verdict { rule, need: o.need, index: o.index, judgement, observed, limit }
            });
            let flagged = flags.iter().filter(|flag| flag.rule == rule && flag.is_moment()).map(|flag| {
                let recovered = flag.state(final_at) == MomentState::Recovered;
                let judgement = if recovered { Judgement::Recovered } else { Judgement::Critical };
                Verdict { rule, need: flag.need, index: flag.anchor, judgement, observed: flag.observed, limit: flag.limit }
            });
            for new in met.chain(flagged) {
                match verdicts.iter_mut().skip(start).find(|old| old.need == new.need) {
                    Some(old) if new.weight() > old.weight() => *old = new,
                    Some(_) => {}
                    None => verdicts.push(new),
                }
            }
            verdicts.get_mut(start..).unwrap_or_default().sort_by_key(|verdict| verdict.need);
        }
        verdicts
    }

    /// The verdicts as the cycle's row has them.
    pub(super) fn verdict_records<'a>(
        &self,
        strategy: &'a Strategy,
        verdicts: &[Verdict],
        touchpoints: &'a [Touchpoint<'a>],
    ) -> Vec<VerdictRecord<'a>> {
        let record = |verdict: &Verdict| {
            let (rule, touchpoint) = (strategy.rules.get(verdict.rule)?, touchpoints.get(verdict.index)?);
            let opened = verdict.need.and_then(|need| self.fold(strategy).needs.get(need)).map(|need| need.opened.index());
            let person = touchpoint.actor.as_ref().filter(|actor| actor.kind == ActorKind::Person);
            Some(VerdictRecord {
                rule: Text::borrowed(&rule.id),
                need: opened.and_then(|index| touchpoints.get(index)?.need.as_ref()).map(Text::reborrow),
                judgement: verdict.judgement,
                at: touchpoint.occurred_at,
                stage: touchpoint.stage,
                channel: touchpoint.channel.reborrow(),
                team: touchpoint.team.as_ref().map(Text::reborrow),
                person: person.and_then(|actor| actor.id.as_ref()).map(Text::reborrow),
                dimension: rule.dimension,
                side: side_of(rule, touchpoint),
                observed: verdict.observed,
                limit: verdict.limit,
            })
        };
        verdicts.iter().filter_map(record).collect()
    }
}

/// Hash of all that can change in verdicts.
pub(super) fn hash(verdicts: &[Verdict]) -> u64 {
    let mut hasher = Xxh3::new();
    let optional = |value: Option<i64>| value.unwrap_or(i64::MIN);
    for Verdict { rule, need, index, judgement, observed, limit } in verdicts {
        let need = need.map_or(u64::MAX, |need| need as u64);
        [*rule as u64, need, *index as u64, *judgement as u64].iter().for_each(|n| hasher.update(&n.to_le_bytes()));
        [optional(*observed), optional(*limit)].iter().for_each(|n| hasher.update(&n.to_le_bytes()));
    }
    hasher.digest()
}
