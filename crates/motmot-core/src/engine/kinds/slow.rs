//! `slow`: from A to B took, or is taking, too long.

use crate::strategy::{Kind, Rule};
use crate::time::Timestamp;
use crate::touchpoint::{Stage, Touchpoint};

use super::super::flag::Flag;
use super::super::fold::{Mark, Step};
use super::super::needs::NeedSet;
use super::{Moving, Opportunity};

/// A touchpoint that ends a wait, and the wait that the source measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) mark: Mark,
    pub(super) waited_ms: Option<i64>,
}

impl End {
    pub(super) fn of(step: &Step<'_>) -> Self {
        Self { mark: step.mark, waited_ms: step.touchpoint.waited_ms }
    }

    pub(super) fn at((mark, touchpoint): (Mark, Touchpoint<'_>)) -> Self {
        Self { mark, waited_ms: touchpoint.waited_ms }
    }
}

/// One measurement: of the cycle, or of one need.
#[derive(Clone, Debug)]
struct Wait {
    need: Option<usize>,
    from: Mark,
    to: Option<End>,
    /// The customer left before `to`.
    stop: Option<End>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Slow(Vec<Wait>);

impl Slow {
    pub(super) fn opportunities(&self, moving: &Moving<'_>, out: &mut Vec<Opportunity>) {
        let Kind::Slow { limit_ms, business_hours, .. } = &moving.rule.kind else { return };
        let limit = Some(limit_ms.of(moving.cycle.segment));
        out.extend(self.0.iter().map(|wait| {
            let observed = took(moving, wait.from, *business_hours, wait.to, wait.stop);
            Opportunity { need: wait.need, observed, limit, ..Opportunity::at(wait.from) }
        }));
    }

    pub(super) fn step(&mut self, rule: &Rule, step: &Step<'_>) {
        let Kind::Slow { from, to, each_need, .. } = &rule.kind else { return };
        let concerns = step.bearing.concerns;
        let concerned = |need: Option<usize>, concerns: NeedSet| need.is_none_or(|position| concerns.contains(position));
        let is_to = to.matches(step.touchpoint);
        let is_stop = step.touchpoint.stage == Stage::Farewell;
        let end = End::of(step);
        for wait in &mut self.0 {
            if is_to && wait.to.is_none() && concerned(wait.need, concerns) {
                wait.to = Some(end);
            }
            if is_stop {
                wait.stop = Some(end); // the last farewell is the one that closes
            }
        }
        if !(rule.filter.matches(step.touchpoint) && from.matches(step.touchpoint)) {
            return;
        }
        let mut begin = |need: Option<usize>| {
            if self.0.iter().all(|wait| wait.need != need) {
                // what matches `to` may be the same touchpoint, or one of the same instant
                let to = step.peers(|t, concerns| to.matches(t) && concerned(need, concerns)).next().map(End::at);
                let to = to.or(is_to.then_some(end));
                let stop =
                    is_stop.then_some(end).or_else(|| step.peers(|t, _| t.stage == Stage::Farewell).next_back().map(End::at));
                self.0.push(Wait { need, from: step.mark, to, stop });
            }
        };
        if *each_need { concerns.iter().for_each(|position| begin(Some(position))) } else { begin(None) }
    }

    pub(super) fn flags(&self, moving: &Moving<'_>, out: &mut Vec<Flag>) {
        let Kind::Slow { limit_ms, business_hours, .. } = &moving.rule.kind else { return };
        let limit = limit_ms.of(moving.cycle.segment);
        for wait in &self.0 {
            let due = moving.plus(wait.from.at, limit, *business_hours);
            let flag = overdue(moving, wait.from, due, limit, *business_hours, wait.to, wait.stop);
            out.extend(flag.map(|flag| {
                let own = wait.to.map(|to| to.mark.at);
                moving.cured(Flag { need: wait.need, ..flag }, own)
            }));
        }
    }
}

/// How long a wait took, by its end: the answer, or the farewell before it.
pub(super) fn took(
    moving: &Moving<'_>,
    from: Mark,
    business_hours: bool,
    answer: Option<End>,
    farewell: Option<End>,
) -> Option<i64> {
    let gone = farewell.filter(|farewell| answer.is_none_or(|answer| farewell.mark.index < answer.mark.index));
    let end = gone.or(answer)?;
    Some(end.waited_ms.unwrap_or_else(|| moving.between(from.at, end.mark.at, business_hours)))
}

/// The flag of a wait that began at `anchor` and was due at `due`: ended by the answer, by the farewell before it, or not yet.
pub(super) fn overdue(
    moving: &Moving<'_>,
    anchor: Mark,
    due: Timestamp,
    limit: i64,
    business_hours: bool,
    answer: Option<End>,
    farewell: Option<End>,
) -> Option<Flag> {
    let gone = farewell.filter(|farewell| answer.is_none_or(|answer| farewell.mark.index < answer.mark.index));
    let flag = match gone.or(answer) {
        None => moving.flag_deadline(anchor, due),
        Some(end) => {
            let too_long = end.waited_ms.map_or(end.mark.at > due, |waited| waited > limit);
            let waited = end.waited_ms.unwrap_or_else(|| moving.between(anchor.at, end.mark.at, business_hours));
            let flag = if end.mark.at > due { moving.flag_deadline(anchor, due) } else { moving.flag_at(anchor, end.mark.at) };
            Flag { observed: Some(waited), ..too_long.then_some(flag)? }
        }
    };
    let flag = Flag { limit: Some(limit), ..flag };
    // a customer who had gone may be got back: then the answer recovers it after all
    Some(gone.filter(|_| answer.is_none()).map_or(flag, |gone| flag.stopped(gone.mark.at)))
}
