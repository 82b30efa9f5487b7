//! `broken_promise`: due and not kept; waited longer than announced.

use xxhash_rust::xxh3::xxh3_64;

use crate::strategy::{Kind, Rule};
use crate::time::Timestamp;
use crate::touchpoint::{Outcome, Stage, Touchpoint};

use super::super::flag::{Flag, PromiseRef};
use super::super::fold::{Mark, Step};
use super::slow::{End, overdue, took};
use super::{Moving, Opportunity};

/// The kind of promise that an announced wait is.
const WAIT: &str = "wait";

#[derive(Clone, Debug)]
struct Given {
    anchor: Mark,
    which: PromiseRef,
    /// Hash of the promise's id.
    id: u64,
    due: Timestamp,
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
    given: Vec<Given>,
    waits: Vec<Wait>,
}

impl Promises {
    pub(super) fn step(&mut self, rule: &Rule, step: &Step<'_>) {
        let Kind::BrokenPromise { promises: kinds, .. } = &rule.kind else { return };
        let touchpoint = step.touchpoint;
        let stops = touchpoint.stage == Stage::Farewell;
        self.end_waits(step, stops);
        if !rule.filter.matches(touchpoint) {
            return;
        }
        let about = |kind: &str| kinds.is_empty() || kinds.iter().any(|k| k == kind);
        for (position, promise) in touchpoint.promises.iter().enumerate().filter(|(_, p)| about(&p.kind)) {
            let id = xxh3_64(promise.promise_id.as_bytes());
            let (which, due) = (PromiseRef::Given(position), promise.due_at);
            self.given.push(Given { anchor: step.mark, which, id, due });
        }
        if let Some(announced_ms) = touchpoint.announced_wait_ms.filter(|_| about(WAIT)) {
            // the answer, or the farewell, may be the same touchpoint, or one of the same instant
            let answered = step.peers(|t, _| answers(t)).next().map(End::at).or(answers(touchpoint).then_some(End::of(step)));
            let last = || step.peers(|t, _| t.stage == Stage::Farewell).next_back().map(End::at);
            let stop = stops.then_some(End::of(step)).or_else(last);
            self.waits.push(Wait { anchor: step.mark, announced_ms, answered, stop });
        }
    }

    fn end_waits(&mut self, step: &Step<'_>, stops: bool) {
        let end = End::of(step);
        let is_answer = answers(step.touchpoint);
        for wait in &mut self.waits {
            if is_answer {
                wait.answered.get_or_insert(end);
            }
            if stops {
                wait.stop = Some(end); // the last farewell is the one that closes
            }
        }
    }

    pub(super) fn opportunities(&self, moving: &Moving<'_>, out: &mut Vec<Opportunity>) {
        let Kind::BrokenPromise { limit_ms, business_hours, .. } = &moving.rule.kind else { return };
        let excused = limit_ms.of(moving.cycle.segment);
        out.extend(self.given.iter().map(|given| {
            let observed = moving.kept_at(given.id).map(|at| at.since(given.anchor.at).max(0));
            let limit = Some(moving.plus(given.due, excused, *business_hours).since(given.anchor.at));
            Opportunity { observed, limit, ..Opportunity::at(given.anchor) }
        }));
        out.extend(self.waits.iter().map(|wait| {
            let observed = took(moving, wait.anchor, false, wait.answered, wait.stop);
            let limit = Some(wait.announced_ms.saturating_add(excused));
            Opportunity { observed, limit, ..Opportunity::at(wait.anchor) }
        }));
    }

    pub(super) fn flags(&self, moving: &Moving<'_>, out: &mut Vec<Flag>) {
        let Kind::BrokenPromise { limit_ms, business_hours, .. } = &moving.rule.kind else { return };
        let excused = limit_ms.of(moving.cycle.segment);
        for given in &self.given {
            let due = moving.plus(given.due, excused, *business_hours);
            let kept = moving.kept_at(given.id);
            if let Some(at) = kept.filter(|at| *at <= due) {
                // what is known to the customer's other cycles keeps this one open as long as it was owed
                if moving.cycle.filed {
                    out.push(Flag::hold(moving.position, given.anchor.index(), given.anchor.at, at));
                }
                continue;
            }
            let observed = kept.map(|at| at.since(given.anchor.at));
            let limit = Some(due.since(given.anchor.at));
            let flag = Flag { promise: Some(given.which), observed, limit, ..moving.flag_deadline(given.anchor, due) };
            let holds_from = if moving.cycle.filed { given.anchor.at.min(due) } else { flag.holds_from };
            out.push(moving.cured(Flag { holds_from, ..flag }, kept));
        }
        for wait in &self.waits {
            let limit = wait.announced_ms.saturating_add(excused);
            let due = moving.plus(wait.anchor.at.plus(wait.announced_ms), excused, *business_hours);
            let flag = overdue(moving, wait.anchor, due, limit, false, wait.answered, wait.stop);
            out.extend(flag.map(|flag| {
                let flag = Flag { promise: Some(PromiseRef::Wait), ..flag };
                moving.cured(flag, wait.answered.map(|end| end.mark.at))
            }));
        }
    }
}

impl Moving<'_> {
    /// When a promise was first kept, in whichever of the customer's cycles.
    fn kept_at(&self, promise: u64) -> Option<Timestamp> {
        let kept = self.cycle.fold.kept.iter().chain(&self.cycle.known.kept);
        kept.filter(|(id, _)| *id == promise).map(|(_, at)| *at).min()
    }
}

/// Whether a touchpoint is what a wait was for.
fn answers(touchpoint: &Touchpoint<'_>) -> bool {
    touchpoint.stage == Stage::Fulfilment && matches!(touchpoint.outcome, Outcome::Met | Outcome::PartlyMet)
}
