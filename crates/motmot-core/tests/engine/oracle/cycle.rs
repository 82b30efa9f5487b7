//! One service cycle: its set of touchpoints and what follows from it.

use motmot_core::strategy::{CyclePolicy, Strategy};
use motmot_core::touchpoint::{Outcome, Stage};
use motmot_core::{Text, Touchpoint, Verdict};

use super::across;
use super::customer::{End, Known};
use super::level::level;
use super::rules::{self, Flag};

/// A service cycle.
#[derive(Clone, Debug)]
pub(super) struct Cycle {
    pub(super) key: String,
    pub(super) id: String,
    pub(super) instance: i32,
    /// The source named it; else it was assembled.
    pub(super) identified: bool,
    /// In their order.
    pub(super) touchpoints: Vec<Touchpoint<'static>>,
    /// A touchpoint was turned away.
    pub(super) overflowed: bool,
    /// The touchpoints of the instances before it.
    pub(super) earlier: Vec<Touchpoint<'static>>,
    /// It can no more be amended, and what it knows is what it knew then.
    pub(super) closed: bool,
    /// What the customer's other cycles say to it.
    pub(super) known: Known,
}

/// When the customer left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Close {
    /// The instant.
    pub(super) at: i64,
    /// The first `now` at which it has passed: silence may be broken in its last millisecond, a farewell is one at once.
    pub(super) passed_from: i64,
}

/// The order of touchpoints.
pub(super) fn order<'t>(touchpoint: &'t Touchpoint<'_>) -> (i64, Option<i64>, Stage, &'t str) {
    (touchpoint.occurred_at.as_millis(), touchpoint.seq, touchpoint.stage, touchpoint.event_id.as_str())
}

/// Whether one is a copy of the other; a source may number its copies anew.
pub(super) fn same_content(one: &Touchpoint<'static>, other: &Touchpoint<'static>) -> bool {
    Touchpoint { seq: None, ..one.clone() } == Touchpoint { seq: None, ..other.clone() }
}

impl Cycle {
    pub(super) fn new(key: &str, id: &str, instance: i32, identified: bool, touchpoints: Vec<Touchpoint<'static>>) -> Self {
        Self {
            key: key.to_owned(),
            id: id.to_owned(),
            instance,
            identified,
            touchpoints,
            overflowed: false,
            earlier: Vec::new(),
            closed: false,
            known: Known::default(),
        }
    }

    /// Takes a touchpoint into a cycle that is not final.
    pub(super) fn take(&mut self, touchpoint: &Touchpoint<'static>, strategy: &Strategy) -> Verdict {
        if let Some(known) = self.touchpoints.iter().find(|t| t.event_id == touchpoint.event_id) {
            return if same_content(known, touchpoint) { Verdict::Duplicate } else { Verdict::Conflicting };
        }
        if self.touchpoints.len() >= strategy.max_touchpoints {
            self.overflowed = true;
            return Verdict::Overflow;
        }
        self.touchpoints.push(touchpoint.clone());
        self.touchpoints.sort_by(|a, b| order(a).cmp(&order(b)));
        Verdict::Folded
    }

    pub(super) fn at(&self, index: usize) -> i64 {
        self.touchpoints[index].occurred_at.as_millis()
    }

    pub(super) fn last_at(&self) -> i64 {
        self.at(self.touchpoints.len() - 1)
    }

    pub(super) fn last_farewell(&self) -> Option<usize> {
        self.touchpoints.iter().rposition(|t| t.stage == Stage::Farewell)
    }

    pub(super) fn policy<'s>(&self, strategy: &'s Strategy) -> &'s CyclePolicy {
        strategy.cycles.iter().find(|policy| policy.filter.matches(&self.touchpoints[0])).expect("the last one matches all")
    }

    /// The latest declared segment that its touchpoints name, by its position in the strategy's list, and when.
    fn named_segment(&self, strategy: &Strategy) -> Option<(i64, usize)> {
        let declared = |text: &Text<'_>| strategy.segments.iter().position(|s| s == text.as_str());
        let named = |t: &Touchpoint<'_>| Some((t.occurred_at.as_millis(), t.segment.as_ref().and_then(declared)?));
        self.touchpoints.iter().rev().find_map(named)
    }

    /// The position of the cycle's segment: its own, else the latest of the customer's cycles that began before, else the default.
    pub(super) fn segment(&self, strategy: &Strategy) -> usize {
        let before = self.known.others.iter().filter(|other| other.began() < self.began());
        // Of two that were named at one instant the last is meant: that of the cycle that began later.
        let of_customer = || before.filter_map(|other| other.named_segment(strategy)).max_by_key(|(at, _)| *at);
        self.named_segment(strategy).or_else(of_customer).map_or(strategy.segments.len() - 1, |(_, position)| position)
    }

    /// Whether it is in its customer's file.
    pub(super) fn in_file(&self) -> bool {
        self.touchpoints.iter().any(|t| t.customer_id.as_deref() == Some(self.key.as_str()))
    }

    /// What tells it from the customer's others.
    pub(super) fn name(&self) -> (String, i32) {
        (self.id.clone(), self.instance)
    }

    /// The order of a customer's cycles.
    pub(super) fn began(&self) -> (i64, String, i32) {
        (self.at(0), self.id.clone(), self.instance)
    }

    /// Whether the customer had left by then, and not with a farewell that met the need.
    pub(super) fn is_abandoned(&self, at: i64, strategy: &Strategy) -> bool {
        let farewell = self.last_farewell().map(|i| self.touchpoints[i].outcome);
        at >= self.close(strategy).passed_from && farewell.is_none_or(|outcome| outcome == Outcome::Unmet)
    }

    pub(super) fn customer(&self) -> Option<&str> {
        self.touchpoints.iter().rev().find_map(|t| t.customer_id.as_deref())
    }

    pub(super) fn close(&self, strategy: &Strategy) -> Close {
        match self.last_farewell() {
            Some(farewell) => Close { at: self.at(farewell), passed_from: self.at(farewell) },
            None => {
                let at = self.last_at() + self.policy(strategy).inactivity_ms;
                Close { at, passed_from: at + 1 }
            }
        }
    }

    /// When its time for amendments ends, if no moment prolongs it: not before its last touchpoint.
    pub(super) fn base_final(&self, strategy: &Strategy) -> i64 {
        (self.close(strategy).at + self.policy(strategy).grace_ms).max(self.last_at())
    }

    /// What the rules make of it, `vicious_circle` apart, and when its time for amendments ends by that: not before the last open
    /// moment has ended, nor before what the company still owes the customer is due.
    fn settled(&self, strategy: &Strategy) -> (Vec<Flag>, i64) {
        let mut flags = rules::flags(self, strategy);
        let settled_at = prolonged(across::owed_until(self, &flags, strategy).max(self.base_final(strategy)), &flags);
        flags.retain(|flag| flag.raised_at <= settled_at);
        (flags, settled_at)
    }

    /// All flags, and when its time for amendments ends.
    pub(super) fn judged(&self, strategy: &Strategy) -> (Vec<Flag>, i64) {
        let (mut flags, settled_at) = self.settled(strategy);
        let end = self.end(strategy);
        flags.extend(across::vicious_circles(self, &end, strategy));
        let final_at = prolonged(settled_at, &flags);
        (flags, final_at)
    }

    /// When its time for amendments ends.
    pub(super) fn final_at(&self, strategy: &Strategy) -> i64 {
        self.judged(strategy).1
    }

    /// What comes of it.
    pub(super) fn end(&self, strategy: &Strategy) -> End {
        let (flags, at) = self.settled(strategy);
        // What is due at that very instant has passed an instant later.
        let level = level(self, at + 1, &standing(flags, at + 1), strategy).expect("it is closed");
        End { at, name: self.name(), level }
    }

    /// The moments at `now`, in the order of rule and anchor, and whether there were too many to tell.
    pub(super) fn moments(&self, now: i64, strategy: &Strategy) -> (Vec<Flag>, bool) {
        let mut flags = standing(self.judged(strategy).0, now);
        flags.sort_by_key(|flag| (flag.rule, flag.anchor));
        let too_many = flags.len() > strategy.max_moments;
        flags.truncate(strategy.max_moments);
        (flags, too_many)
    }
}

/// Those that are moments at `now`.
pub(super) fn standing(mut flags: Vec<Flag>, now: i64) -> Vec<Flag> {
    flags.retain(|flag| flag.trigger <= now);
    // A moment may be raised a second time under one id (abandoned, come back, abandoned again): the later one stands.
    let later = flags.clone();
    flags.retain(|flag| !later.iter().any(|l| l.identity() == flag.identity() && l.trigger > flag.trigger));
    flags
}

fn prolonged(until: i64, flags: &[Flag]) -> i64 {
    let mut flags = flags.to_vec();
    flags.sort_by_key(|flag| (flag.trigger, flag.raised_at));
    flags.iter().fold(until, |until, flag| if flag.raised_at <= until { until.max(flag.ends_at()) } else { until })
}
