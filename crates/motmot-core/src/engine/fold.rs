//! The fold of one cycle's touchpoints, in their order: facts first, then what each rule remembers.
#![allow(clippy::indexing_slicing, reason = "the loader builds no strategy without a policy")]

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::strategy::{CyclePolicy, Rule, Strategy};
use crate::time::Timestamp;
use crate::touchpoint::{Outcome, Stage, Touchpoint};

use super::flag::Flag;
use super::kinds::{CycleView, Memory};
use super::needs::{Bearing, NeedSet, Needs};
use super::touchpoints::Touchpoints;

/// A touchpoint that something hangs on: its position in the cycle's order, and its instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) index: u32,
    pub(super) at: Timestamp,
}

impl Mark {
    pub(super) fn index(self) -> usize {
        self.index as usize
    }
}

/// The last farewell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Farewell {
    pub(super) mark: Mark,
    pub(super) outcome: Outcome,
}

/// How a cycle ends, as far as its touchpoints say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Close {
    /// When.
    pub(super) at: Timestamp,
    /// From which `now` on it has passed.
    pub(super) trigger: Timestamp,
}

/// A touchpoint and the needs that it concerns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) mark: Mark,
    pub(super) concerns: NeedSet,
}

/// One touchpoint on its way through the rules.
pub(super) struct Step<'a> {
    pub(super) mark: Mark,
    pub(super) touchpoint: &'a Touchpoint<'a>,
    pub(super) bearing: Bearing,
    /// The touchpoint before it.
    pub(super) previous: Option<Timestamp>,
    /// Whether a farewell came before it.
    pub(super) after_farewell: bool,
    pub(super) inactivity_ms: i64,
    /// Those of the same instant that are sorted before it.
    peers: &'a [Peer],
    touchpoints: &'a Touchpoints,
}

impl Step<'_> {
    /// The touchpoints of this very instant that are sorted before this one and are meant: A and B may be of one instant, with B first.
    pub(super) fn peers(
        &self,
        is_meant: impl Fn(&Touchpoint<'_>, NeedSet) -> bool,
    ) -> impl DoubleEndedIterator<Item = (Mark, Touchpoint<'_>)> {
        let peers = self.peers.iter().map(|peer| (peer, self.touchpoints.get(peer.mark.index())));
        peers
            .filter(move |(peer, touchpoint)| is_meant(touchpoint, peer.concerns))
            .map(|(peer, touchpoint)| (peer.mark, touchpoint))
    }
}

/// What is known of a cycle.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    /// Position in the strategy's segments: the latest declared one that a touchpoint names.
    pub(super) segment: usize,
    /// Silence after which the customer is held to have left; by the first touchpoint.
    pub(super) inactivity_ms: i64,
    grace_ms: i64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) farewell: Option<Farewell>,
    /// The latest touchpoint that names the customer, and a hash of the name.
    pub(super) customer: Option<(Mark, u64)>,
    pub(super) needs: Needs,
    /// The touchpoints of the latest instant.
    peers: SmallVec<[Peer; 1]>,
    memories: Box<[Memory]>,
}

impl Fold {
    /// Folds a cycle from its start.
    pub(super) fn of(strategy: &Strategy, touchpoints: &Touchpoints) -> Self {
        let segment = touchpoints.iter().rev().find_map(|t| segment_of(strategy, &t)).unwrap_or(default_segment(strategy));
        let mut fold = Self {
            segment,
            inactivity_ms: 0,
            grace_ms: 0,
            first: Timestamp::MAX,
            last: Timestamp::MIN,
            farewell: None,
            customer: None,
            needs: Needs::default(),
            peers: SmallVec::new(),
            memories: strategy.rules.iter().map(|rule| Memory::new(&rule.kind)).collect(),
        };
        for (index, touchpoint) in touchpoints.iter().enumerate() {
            fold.step(strategy, touchpoints, index, &touchpoint);
        }
        fold
    }

    /// Whether the fold may go on with `touchpoint`, which lies behind all others, or must start again: a rule's filter may have asked
    /// for the segment.
    pub(super) fn may_go_on(&self, strategy: &Strategy, touchpoint: &Touchpoint<'_>) -> bool {
        segment_of(strategy, touchpoint).is_none_or(|segment| segment == self.segment)
    }

    /// Takes the next touchpoint in the cycle's order; it is `touchpoints`' at `index`.
    pub(super) fn step(&mut self, strategy: &Strategy, touchpoints: &Touchpoints, index: usize, touchpoint: &Touchpoint<'_>) {
        let mark = Mark { index: u32::try_from(index).unwrap_or(u32::MAX), at: touchpoint.occurred_at };
        if index == 0 {
            let policy = policy_of(strategy, touchpoint);
            (self.inactivity_ms, self.grace_ms) = (policy.inactivity_ms, policy.grace_ms);
            self.first = mark.at;
        }
        if self.peers.first().is_some_and(|peer| peer.mark.at != mark.at) {
            self.peers.clear();
        }
        let bearing = self.needs.step(mark, touchpoint);
        let step = Step {
            mark,
            touchpoint,
            bearing,
            previous: (index > 0).then_some(self.last),
            after_farewell: self.farewell.is_some(),
            inactivity_ms: self.inactivity_ms,
            peers: &self.peers,
            touchpoints,
        };
        for (rule, memory) in strategy.rules.iter().zip(&mut self.memories) {
            memory.step(rule, &step);
        }
        self.peers.push(Peer { mark, concerns: bearing.concerns });
        self.last = mark.at;
        if touchpoint.stage == Stage::Farewell {
            self.farewell = Some(Farewell { mark, outcome: touchpoint.outcome });
        }
        if let Some(id) = &touchpoint.customer_id {
            self.customer = Some((mark, xxh3_64(id.as_bytes())));
        }
    }

    /// The close: by the last farewell, or by inactivity.
    pub(super) fn close(&self) -> Close {
        match self.farewell {
            Some(farewell) => Close { at: farewell.mark.at, trigger: farewell.mark.at },
            None => {
                let at = self.last.plus(self.inactivity_ms);
                Close { at, trigger: at.plus(1) }
            }
        }
    }

    /// When the cycle's time for amendments would end if no moment held it open: not before its last touchpoint, for a copy of that one
    /// must never look like a return.
    pub(super) fn base_final_at(&self) -> Timestamp {
        self.close().at.plus(self.grace_ms).max(self.last)
    }

    /// What every rule makes of the cycle, those included whose time has not come.
    pub(super) fn flags(&self, strategy: &Strategy) -> Vec<Flag> {
        let mut flags = Vec::with_capacity(self.memories.len());
        let first = Mark { index: 0, at: self.first };
        let cycle = CycleView { strategy, segment: self.segment, first, close: self.close() };
        for (position, (rule, memory)) in strategy.rules.iter().zip(&self.memories).enumerate() {
            if applies(rule, self.segment) {
                memory.flags(&cycle, rule, position, &mut flags);
            }
        }
        flags
    }

    /// When the cycle's time for amendments ends: not before its last open moment has ended. What would be raised later is no flag.
    pub(super) fn final_at(&self, flags: &[Flag]) -> Timestamp {
        let base = self.base_final_at();
        let mut spans: SmallVec<[_; 16]> = flags.iter().map(|flag| (flag.raised_at, flag.end())).collect();
        spans.sort_unstable();
        spans.iter().fold(base, |latest, (raised_at, end)| if *raised_at <= latest { latest.max(*end) } else { latest })
    }
}

fn applies(rule: &Rule, segment: usize) -> bool {
    rule.segments >> segment & 1 == 1
}

/// The policy of a cycle with this first touchpoint.
pub(super) fn policy_of<'s>(strategy: &'s Strategy, first: &Touchpoint<'_>) -> &'s CyclePolicy {
    let last = &strategy.cycles[strategy.cycles.len() - 1]; // its filter is empty
    strategy.cycles.iter().find(|policy| policy.filter.matches(first)).unwrap_or(last)
}

/// The `final_at` that a touchpoint alone would give its cycle.
pub(super) fn final_at_alone(strategy: &Strategy, touchpoint: &Touchpoint<'_>) -> Timestamp {
    let policy = policy_of(strategy, touchpoint);
    let silence = if touchpoint.stage == Stage::Farewell { 0 } else { policy.inactivity_ms };
    touchpoint.occurred_at.plus(silence).plus(policy.grace_ms)
}

fn segment_of(strategy: &Strategy, touchpoint: &Touchpoint<'_>) -> Option<usize> {
    let name = touchpoint.segment.as_deref()?;
    strategy.segments.iter().position(|segment| segment == name)
}

fn default_segment(strategy: &Strategy) -> usize {
    strategy.segments.len().saturating_sub(1)
}
