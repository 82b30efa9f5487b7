//! `broken_promise`: due and not kept; waited longer than announced.

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::strategy::{Kind, Rule};
use crate::time::Timestamp;
use crate::touchpoint::{Outcome, Stage};

use super::super::flag::{Flag, PromiseRef};
use super::super::fold::{Mark, Step};
use super::Moving;
use super::slow::{End, overdue};

/// The kind of promise that an announced wait is.
const WAIT: &str = "wait";

#[derive(Clone, Debug)]
struct Given {
    anchor: Mark,
    which: PromiseRef,
    /// Hash of the promise's id.
    id: u64,
    due: Timestamp,
    kept: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Wait {
    anchor: Mark,
    announced_ms: i64,
    answered: Option<End>,
    stop: Option<End>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Promises {
    given: SmallVec<[Given; 1]>,
    waits: SmallVec<[Wait; 1]>,
    /// The first answer and the first farewell of the latest instant: they may be sorted before the announcement of that instant.
    recent_answer: Option<End>,
    recent_stop: Option<End>,
}

impl Promises {
    pub(super) fn step(&mut self, rule: &Rule, step: &Step<'_>) {
        let Kind::BrokenPromise { promises: kinds, .. } = &rule.kind else { return };
        let touchpoint = step.touchpoint;
        for given in &mut self.given {
            if given.kept.is_none() && touchpoint.kept_promises.iter().any(|id| xxh3_64(id.as_bytes()) == given.id) {
                given.kept = Some(step.mark.at);
            }
        }
        self.end_waits(step);
        if !rule.filter.matches(touchpoint) {
            return;
        }
        let about = |kind: &str| kinds.is_empty() || kinds.iter().any(|k| k == kind);
        for (position, promise) in touchpoint.promises.iter().enumerate().filter(|(_, p)| about(&p.kind)) {
            let id = xxh3_64(promise.promise_id.as_bytes());
            let kept = touchpoint.kept_promises.contains(&promise.promise_id).then_some(step.mark.at);
            let (which, due) = (PromiseRef::Given(position), promise.due_at);
            self.given.push(Given { anchor: step.mark, which, id, due, kept });
        }
        if let Some(announced_ms) = touchpoint.announced_wait_ms.filter(|_| about(WAIT)) {
            let now = |end: Option<End>| end.filter(|end| end.mark.at == step.mark.at);
            let (answered, stop) = (now(self.recent_answer), now(self.recent_stop));
            self.waits.push(Wait { anchor: step.mark, announced_ms, answered, stop });
        }
    }

    fn end_waits(&mut self, step: &Step<'_>) {
        let touchpoint = step.touchpoint;
        let answers = touchpoint.stage == Stage::Fulfilment && matches!(touchpoint.outcome, Outcome::Met | Outcome::PartlyMet);
        let stops = touchpoint.stage == Stage::Farewell;
        let end = End::of(step);
        for wait in &mut self.waits {
            if answers {
                wait.answered.get_or_insert(end);
            }
            if stops {
                wait.stop.get_or_insert(end);
            }
        }
        for (happened, recent) in [(answers, &mut self.recent_answer), (stops, &mut self.recent_stop)] {
            if happened && recent.is_none_or(|r| r.mark.at != step.mark.at) {
                *recent = Some(end);
            }
        }
    }

    pub(super) fn flags(&self, moving: &Moving<'_>, out: &mut Vec<Flag>) {
        let Kind::BrokenPromise { limit_ms, business_hours, .. } = &moving.rule.kind else { return };
        let excused = limit_ms.of(moving.cycle.segment);
        for given in &self.given {
            let due = moving.plus(given.due, excused, *business_hours);
            if given.kept.is_none_or(|at| at > due) {
                let observed = given.kept.map(|at| at.since(given.anchor.at));
                let limit = Some(due.since(given.anchor.at));
                let flag = Flag { promise: Some(given.which), observed, limit, ..moving.flag_deadline(given.anchor, due) };
                out.push(moving.cured(flag, given.kept));
            }
        }
        for wait in &self.waits {
            let limit = wait.announced_ms.saturating_add(excused);
            let due = moving.plus(wait.anchor.at.plus(wait.announced_ms), excused, *business_hours);
            let stop = wait.stop.filter(|stop| wait.answered.is_none_or(|a| stop.mark.index < a.mark.index));
            let answered = if stop.is_some() { None } else { wait.answered };
            let flag = overdue(moving, wait.anchor, due, limit, false, answered, stop);
            out.extend(flag.map(|flag| {
                let flag = Flag { promise: Some(PromiseRef::Wait), ..flag };
                moving.cured(flag, wait.answered.map(|end| end.mark.at))
            }));
        }
    }
}
