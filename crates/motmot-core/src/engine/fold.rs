//! The fold of one cycle's touchpoints, in their order: facts first, then what each rule remembers.
#![allow(clippy::indexing_slicing, reason = "the loader builds no strategy without a policy")]

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::strategy::{CyclePolicy, Rule, Strategy};
use crate::time::Timestamp;
use crate::touchpoint::{Outcome, Stage, Touchpoint};

use crate::cycle::CycleState;

use super::file::Facts;
use super::flag::Flag;
use super::kinds::{CycleView, Memory};
use super::level::Experience;
use super::needs::{Bearing, NeedSet, Needs};
use super::touchpoints::Touchpoints;

/// A touchpoint that something hangs on: its position in the cycle's order, and its instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) index: u32,
    pub(super) at: Timestamp,
}

impl Mark {
    fn new(index: usize, at: Timestamp) -> Self {
        Self { index: u32::try_from(index).unwrap_or(u32::MAX), at }
    }

    pub(super) fn index(self) -> usize {
        self.index as usize
    }
}

/// The last farewell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// What is known of a cycle without folding it: from its first and last touchpoints, and its farewells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outline {
    /// Silence after which the customer is held to have left; by the first touchpoint.
    pub(super) inactivity_ms: i64,
    grace_ms: i64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) farewell: Option<Farewell>,
    /// Whether it is the customer that the records are keyed by who is named: only then the key's other cycles are the customer's.
    pub(super) keyed_by_customer: bool,
}

impl Outline {
    const EMPTY: Self = Self {
        inactivity_ms: 0,
        grace_ms: 0,
        first: Timestamp::MAX,
        last: Timestamp::MIN,
        farewell: None,
        keyed_by_customer: false,
    };

    /// Takes a touchpoint that has come to stand at `index` of the cycle's order, before or behind the others.
    pub(super) fn take(&mut self, strategy: &Strategy, key: &str, index: usize, touchpoint: &Touchpoint<'_>) {
        let mark = Mark::new(index, touchpoint.occurred_at);
        if index == 0 {
            let policy = policy_of(strategy, touchpoint);
            (self.inactivity_ms, self.grace_ms) = (policy.inactivity_ms, policy.grace_ms);
            self.first = mark.at;
        }
        self.last = self.last.max(mark.at);
        match &mut self.farewell {
            Some(later) if later.mark.index >= mark.index => later.mark.index += 1,
            _ if touchpoint.stage == Stage::Farewell => self.farewell = Some(Farewell { mark, outcome: touchpoint.outcome }),
            _ => {}
        }
        self.keyed_by_customer |= touchpoint.customer_id.as_deref() == Some(key);
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

    /// Where the cycle stands at `now`.
    pub(super) fn state(&self, now: Timestamp) -> CycleState {
        if now < self.close().trigger {
            return CycleState::Open;
        }
        match self.farewell {
            Some(farewell) if farewell.outcome != Outcome::Unmet => CycleState::Farewell,
            _ => CycleState::Abandoned,
        }
    }

    /// What the next touchpoint of the key is held against, where no source says which cycle it belongs to.
    pub(super) fn ending(&self) -> Ending {
        Ending { last: self.last, inactivity_ms: self.inactivity_ms, has_farewell: self.farewell.is_some() }
    }
}

/// What decides whether a touchpoint behind a cycle starts another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) last: Timestamp,
    pub(super) inactivity_ms: i64,
    pub(super) has_farewell: bool,
}

impl Ending {
    pub(super) fn is_followed_by_new(self, at: Timestamp, stage: Stage) -> bool {
        at.since(self.last) > self.inactivity_ms || (stage == Stage::Greeting && self.has_farewell)
    }
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
    /// The latest declared segment that a touchpoint names, by its position in the strategy, and when.
    pub(super) segment: Option<(Timestamp, usize)>,
    /// What is known without a fold, up to where the fold is.
    pub(super) outline: Outline,
    /// The latest touchpoint that names the customer, and a hash of the name.
    pub(super) customer: Option<(Mark, u64)>,
    pub(super) needs: Needs,
    /// Every promise that was kept, by a hash of its id, and when first: clocks disagree, so it may stand before the promise.
    pub(super) kept: SmallVec<[(u64, Timestamp); 1]>,
    pub(super) experience: Experience,
    /// The touchpoints of the latest instant.
    peers: SmallVec<[Peer; 1]>,
    memories: Box<[Memory]>,
}

impl Fold {
    /// Folds a cycle from its start.
    pub(super) fn of(strategy: &Strategy, key: &str, touchpoints: &Touchpoints) -> Self {
        let mut fold = Self {
            segment: None,
            outline: Outline::EMPTY,
            customer: None,
            needs: Needs::default(),
            kept: SmallVec::new(),
            experience: Experience::default(),
            peers: SmallVec::new(),
            memories: strategy.rules.iter().map(|rule| Memory::new(&rule.kind)).collect(),
        };
        for (index, touchpoint) in touchpoints.iter().enumerate() {
            fold.step(strategy, key, touchpoints, index, &touchpoint);
        }
        fold
    }

    /// Takes the next touchpoint in the cycle's order; it is `touchpoints`' at `index`.
    pub(super) fn step(
        &mut self,
        strategy: &Strategy,
        key: &str,
        touchpoints: &Touchpoints,
        index: usize,
        touchpoint: &Touchpoint<'_>,
    ) {
        let mark = Mark::new(index, touchpoint.occurred_at);
        let before = self.outline;
        self.outline.take(strategy, key, index, touchpoint);
        if self.peers.first().is_some_and(|peer| peer.mark.at != mark.at) {
            self.peers.clear();
        }
        let bearing = self.needs.step(mark, touchpoint);
        if let Some(segment) = segment_of(strategy, touchpoint) {
            self.segment = Some((mark.at, segment));
        }
        for id in touchpoint.kept_promises.iter().map(|id| xxh3_64(id.as_bytes())) {
            if self.kept.iter().all(|(kept, _)| *kept != id) {
                self.kept.push((id, mark.at));
            }
        }
        self.experience.step(touchpoint);
        let step = Step {
            mark,
            touchpoint,
            bearing,
            previous: (index > 0).then_some(before.last),
            after_farewell: before.farewell.is_some(),
            inactivity_ms: self.outline.inactivity_ms,
            peers: &self.peers,
            touchpoints,
        };
        for (rule, memory) in strategy.rules.iter().zip(&mut self.memories) {
            memory.step(rule, &step);
        }
        self.peers.push(Peer { mark, concerns: bearing.concerns });
        if let Some(id) = &touchpoint.customer_id {
            self.customer = Some((mark, xxh3_64(id.as_bytes())));
        }
    }

    /// The rules that are about the cycle, each with its position and what it remembers.
    pub(super) fn rules<'a>(&'a self, view: &CycleView<'a>) -> impl Iterator<Item = (usize, &'a Rule, &'a Memory)> + use<'a> {
        let segment = view.segment;
        let rules = view.strategy.rules.iter().zip(&self.memories).enumerate();
        rules.filter(move |(_, (rule, _))| applies(rule, segment)).map(|(position, (rule, memory))| (position, rule, memory))
    }

    /// What every rule makes of the cycle, those included whose time has not come; the vicious circle apart, which follows from them.
    pub(super) fn flags(&self, view: &CycleView<'_>) -> Vec<Flag> {
        let mut flags = Vec::with_capacity(self.memories.len());
        for (position, rule, memory) in self.rules(view) {
            memory.flags(view, rule, position, &mut flags);
        }
        // whether a follow-up is owed may depend on the level, and that on all other flags
        let of_level = flags.len();
        for (position, rule, memory) in self.rules(view) {
            let level_at = |at| super::level::of(view, flags.get(..of_level).unwrap_or_default(), at);
            let flag = memory.follow_up(view, rule, position, level_at);
            flags.extend(flag);
        }
        flags
    }

    /// What the cycle tells the customer's other cycles.
    pub(super) fn facts(&self, strategy: &Strategy) -> Facts {
        let segment = self.segment.and_then(|(at, position)| Some((at, xxh3_64(strategy.segments.get(position)?.as_bytes()))));
        let mut facts = Facts {
            opened_at: self.outline.first,
            base_final_at: self.outline.base_final_at(),
            segment,
            needs: self.needs.iter().filter_map(|need| need.name).collect(),
            kept: self.kept.clone(),
            ..Facts::default()
        };
        for (rule, memory) in strategy.rules.iter().zip(&self.memories) {
            memory.tell(rule, &mut facts);
        }
        facts
    }

    /// When the cycle's time for amendments ends: not before its last open moment has ended. What would be raised later is no flag.
    pub(super) fn final_at(&self, flags: &[Flag]) -> Timestamp {
        let base = self.outline.base_final_at();
        let mut spans: SmallVec<[_; 16]> = flags.iter().map(|flag| (flag.holds_from, flag.end())).collect();
        spans.sort_unstable();
        spans.iter().fold(base, |latest, (holds_from, end)| if *holds_from <= latest { latest.max(*end) } else { latest })
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
