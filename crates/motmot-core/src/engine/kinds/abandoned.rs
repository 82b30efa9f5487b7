//! `abandoned`: the customer left, without a farewell or with the need unmet.

use crate::strategy::Rule;
use crate::time::Timestamp;
use crate::touchpoint::{Outcome, Stage};

use super::super::flag::Flag;
use super::super::fold::Step;
use super::missing::by_close;
use super::{Moving, Opportunity};

/// The customer had left.
#[derive(Clone, Copy, Debug)]
struct Left {
    at: Timestamp,
    /// Inactivity shows only when it has passed; a farewell shows at once.
    by_silence: bool,
    back_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Abandoned {
    left: Option<Left>,
    /// Whether the rule is about the last touchpoint, should the customer not come back.
    last_matches: bool,
    farewell: bool,
}

impl Abandoned {
    pub(super) fn step(&mut self, rule: &Rule, step: &Step<'_>) {
        let touchpoint = step.touchpoint;
        let matches = rule.filter.matches(touchpoint);
        let is_farewell = touchpoint.stage == Stage::Farewell;
        if let Some(previous) = step.previous {
            let silent_until = previous.plus(step.inactivity_ms);
            if !step.after_farewell && self.last_matches && silent_until < step.mark.at {
                self.left = Some(Left { at: silent_until, by_silence: true, back_at: Some(step.mark.at) });
            }
        }
        let serves = is_farewell || touchpoint.stage == Stage::Fulfilment;
        if let Some(left) =
            self.left.as_mut().filter(|left| left.back_at.is_none() && serves && touchpoint.outcome == Outcome::Met)
        {
            left.back_at = Some(step.mark.at);
        }
        if is_farewell {
            self.farewell = true;
            if touchpoint.outcome == Outcome::Unmet && matches {
                self.left = Some(Left { at: step.mark.at, by_silence: false, back_at: None });
            }
        }
        self.last_matches = matches;
    }

    pub(super) fn opportunities(&self, moving: &Moving<'_>, out: &mut Vec<Opportunity>) {
        if self.last_matches || self.left.is_some() {
            out.push(Opportunity::at(moving.cycle.first));
        }
    }

    pub(super) fn flags(&self, moving: &Moving<'_>, out: &mut Vec<Flag>) {
        let anchor = moving.cycle.first;
        let silent = !self.farewell && self.last_matches;
        if let Some(left) = self.left {
            let flag = if left.by_silence { moving.flag_deadline(anchor, left.at) } else { moving.flag_at(anchor, left.at) };
            let superseded = if silent { moving.cycle.close.trigger } else { flag.superseded };
            out.push(Flag { superseded, ..moving.cured(flag, left.back_at) });
        }
        if silent {
            out.push(moving.cured(by_close(moving, anchor), None));
        }
    }
}
