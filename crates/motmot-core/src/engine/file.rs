//! The customer file: what the cycles of one customer know of each other.
//!
//! Each cycle tells the others its [`Facts`], which follow from its touchpoints alone, and, once it is settled, its [`End`]. What they say to
//! one cycle is its [`Known`]: a pure function of the file, so that it may be made again at any time. Nothing here depends on when rows
//! are collected: which entries a cycle sees is arithmetic on its own first instant and theirs, and entries leave the file only when a
//! record of the key arrives.

use std::sync::Arc;

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::cycle::{Circle, Level};
use crate::strategy::{CirclePolicy, Kind, Rule, Strategy};
use crate::time::Timestamp;

use super::customer::Entered;
use super::fold::Outline;

/// Cycles that one file can hold; those that come while it is full stay outside, or one customer's file would have no bound.
const MAX_ENTRIES: usize = 1_024;

/// Cycles of one customer that can be amended at once and know of each other: what they know is made anew for each of them. Far more than a
/// customer has (56 in the public log of a help desk, whose tickets are open for months); a bot or a test account has no bound.
pub(super) const MAX_LIVE: usize = 128;

/// How a rule is known across strategies: by a hash of its id.
pub(super) fn rule_key(rule: &Rule) -> u64 {
    xxh3_64(rule.id.as_bytes())
}

/// What a cycle tells the others of its customer. It follows from its touchpoints alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    pub(super) opened_at: Timestamp,
    /// Close and grace: from here on its being known to later cycles is counted.
    pub(super) base_final_at: Timestamp,
    /// The latest declared segment that it names, by a hash of the name, and when.
    pub(super) segment: Option<(Timestamp, u64)>,
    /// Its needs, by hashes of their names.
    pub(super) needs: SmallVec<[u64; 2]>,
    /// The contact that each `repeat_contact` counts from.
    pub(super) contacts: SmallVec<[(u64, Timestamp); 4]>,
    /// What a `no_follow_up` or a `vicious_circle` waits for.
    pub(super) answers: SmallVec<[(u64, Timestamp); 4]>,
    /// Promises that it kept, by hashes of their ids, and when first.
    pub(super) kept: SmallVec<[(u64, Timestamp); 1]>,
}

/// What came of a cycle: without what `vicious_circle` says of it, for that follows from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) settled_at: Timestamp,
    pub(super) level: Level,
}

/// One cycle of the file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: Arc<str>,
    pub(super) instance: i32,
    pub(super) facts: Facts,
    /// Of a cycle that can no more be amended; the others are asked.
    pub(super) end: Option<End>,
}

impl Entry {
    /// The order of a customer's cycles.
    fn order(&self) -> (Timestamp, &str, i32) {
        (self.facts.opened_at, &self.id, self.instance)
    }

    fn is(&self, id: &str, instance: i32) -> bool {
        self.instance == instance && *self.id == *id
    }
}

/// The contact of a cycle that a later one may repeat.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Contact {
    pub(super) rule: u64,
    pub(super) at: Timestamp,
    pub(super) needs: SmallVec<[u64; 2]>,
}

/// Another cycle that is settled, and its name for ties.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settled {
    pub(super) end: End,
    pub(super) id: Arc<str>,
    pub(super) instance: i32,
}

impl Settled {
    fn order(&self) -> (Timestamp, &str, i32) {
        (self.end.settled_at, &self.id, self.instance)
    }
}

/// What the customer's other cycles say to one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known {
    /// The latest segment named by a cycle that began before.
    pub(super) segment: Option<(Timestamp, u64)>,
    /// The earlier ones that each `repeat_contact` may mean.
    pub(super) contacts: Vec<Contact>,
    /// In the order of time.
    pub(super) answers: Vec<(u64, Timestamp)>,
    pub(super) kept: Vec<(u64, Timestamp)>,
    /// In the order in which they are settled.
    pub(super) settled: Vec<Settled>,
}

impl Known {
    /// The levels of the cycles that settled before (`at`, `id`, `instance`), the latest last.
    pub(super) fn levels_before(&self, at: Timestamp, id: &str, instance: i32) -> impl DoubleEndedIterator<Item = Level> {
        let until = self.settled.partition_point(|settled| settled.order() < (at, id, instance));
        self.settled.iter().take(until).map(|settled| settled.end.level)
    }
}

/// Which circle the last cycles make, the latest first.
pub(super) fn circle(policy: CirclePolicy, latest_first: impl Iterator<Item = Level>) -> Circle {
    let (mut failed, mut satisfying) = (0, 0);
    for level in latest_first.take(policy.of) {
        failed += usize::from(level == Level::Failed);
        satisfying += usize::from(level >= Level::Satisfying);
    }
    match (failed >= policy.failed, satisfying >= policy.satisfying) {
        (true, _) => Circle::Vicious,
        (false, true) => Circle::Virtuous,
        (false, false) => Circle::Neutral,
    }
}

/// A customer's cycles, in the order in which they began.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) entries: Vec<Entry>,
    /// What the cycles that can still be amended know may be out of date.
    pub(super) stale: bool,
}

impl File {
    /// The cycles that can still be amended.
    pub(super) fn live(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.end.is_none())
    }

    fn position(&self, id: &str, instance: i32) -> Option<usize> {
        self.entries.iter().position(|entry| entry.is(id, instance))
    }

    /// Enters what a cycle says.
    pub(super) fn enter(&mut self, id: &str, instance: i32, facts: Facts) -> Entered {
        let known = self.position(id, instance);
        if let Some(entry) = known.and_then(|position| self.entries.get_mut(position)) {
            // One that came back after it was forgotten takes the place of the first, and is not settled.
            let came_back = entry.end.take().is_some();
            if entry.facts == facts && !came_back {
                // another live cycle may ask for its end, which may have changed all the same
                let others_live = self.live().nth(1).is_some();
                self.stale |= others_live;
                return Entered::Same;
            }
            entry.facts = facts;
            self.entries.sort_by(|a, b| a.order().cmp(&b.order()));
        } else if self.entries.len() >= MAX_ENTRIES || self.live().count() >= MAX_LIVE {
            return Entered::Full;
        } else {
            let entry = Entry { id: id.into(), instance, facts, end: None };
            let position = self.entries.partition_point(|other| other.order() < entry.order());
            self.entries.insert(position, entry);
        }
        self.stale |= self.entries.len() > 1;
        Entered::Changed
    }

    /// Enters the outline of a cycle that it knows, if it can do without the rest until [`File::pay`]: what it lets go of after a change
    /// must not hang on it. It lets go of nothing as long as even the last cycle that can be amended has no more others before it than are
    /// kept.
    pub(super) fn outline(&mut self, strategy: &Strategy, id: &str, instance: i32, outline: Outline) -> bool {
        let ended = self.entries.iter().filter(|entry| entry.end.is_some()).count();
        let position = self.position(id, instance).filter(|_| ended <= strategy.customer_file.cycles);
        let entry = position.and_then(|position| self.entries.get_mut(position)).filter(|entry| entry.end.is_none());
        let Some(entry) = entry else { return false };
        (entry.facts.opened_at, entry.facts.base_final_at) = (outline.first, outline.base_final_at());
        self.entries.sort_by(|a, b| a.order().cmp(&b.order()));
        self.stale |= self.entries.len() > 1;
        true
    }

    /// Enters what a cycle owes since [`File::outline`].
    pub(super) fn pay(&mut self, id: &str, instance: i32, facts: Facts) {
        if let Some(entry) = self.position(id, instance).and_then(|position| self.entries.get_mut(position)) {
            entry.facts = facts;
        }
    }

    /// Takes a cycle out that is none any more.
    pub(super) fn remove(&mut self, id: &str, instance: i32) {
        if let Some(position) = self.position(id, instance) {
            self.entries.remove(position);
            self.stale = true;
        }
    }

    /// Notes what came of a cycle that can no more be amended.
    pub(super) fn settle(&mut self, id: &str, instance: i32, end: End) {
        if let Some(entry) = self.position(id, instance).and_then(|position| self.entries.get_mut(position)) {
            entry.end = Some(end);
        }
    }

    /// Lets go of what no cycle can see any more: all that is behind the window of the earliest amendable cycle, or, where there is none, what
    /// was over before `forgotten`.
    pub(super) fn trim(&mut self, strategy: &Strategy, forgotten: Timestamp) {
        match self.entries.iter().position(|entry| entry.end.is_none()) {
            Some(earliest) => drop(self.entries.drain(..earliest.saturating_sub(strategy.customer_file.cycles))),
            None => {
                self.entries.retain(|entry| entry.facts.base_final_at >= forgotten);
                let beyond = self.entries.len().saturating_sub(strategy.customer_file.cycles);
                drop(self.entries.drain(..beyond));
            }
        }
    }

    /// When the last entry will be forgotten, if none of its cycles can be amended; before that, never.
    pub(super) fn forgotten_at(&self, keep_ms: i64) -> Timestamp {
        match self.live().next() {
            Some(_) => Timestamp::MAX,
            None => self.entries.iter().map(|e| e.facts.base_final_at.plus(keep_ms).plus(1)).max().unwrap_or(Timestamp::MIN),
        }
    }

    /// What the others say to a cycle, their ends apart.
    pub(super) fn known_to(&self, strategy: &Strategy, id: &str, instance: i32) -> Known {
        let Some((own, own_facts)) = self.position(id, instance).and_then(|own| Some((own, &self.entries.get(own)?.facts)))
        else {
            return Known::default();
        };
        let longest = |rule: u64| longest_repeat(strategy, rule);
        let opened_at = own_facts.opened_at;
        let mut known = Known::default();
        for (position, entry) in self.entries.iter().enumerate().filter(|(position, _)| *position != own) {
            if !is_seen(strategy, entry, own.checked_sub(position), opened_at) {
                continue;
            }
            let facts = &entry.facts;
            // of two that name one at the same instant, the cycle that began later
            if position < own && facts.segment.map(|(at, _)| at) >= known.segment.map(|(at, _)| at) {
                known.segment = facts.segment;
            }
            if entry.instance == 1 {
                let repeated = facts.contacts.iter().filter(|(rule, at)| {
                    let own = own_facts.contacts.iter().find(|(own_rule, _)| own_rule == rule);
                    own.is_some_and(|(_, own_at)| (*at, &*entry.id) < (*own_at, id) && own_at.since(*at) <= longest(*rule))
                });
                known.contacts.extend(repeated.map(|(rule, at)| Contact { rule: *rule, at: *at, needs: facts.needs.clone() }));
            }
            known.answers.extend_from_slice(&facts.answers);
            known.kept.extend_from_slice(&facts.kept);
        }
        known.answers.sort_unstable_by_key(|(rule, at)| (*at, *rule));
        known
    }

    /// The others' ends, as a cycle sees them. `ends` has those of the cycles that can still be amended, each at its entry's place.
    pub(super) fn settled_to(&self, strategy: &Strategy, (id, instance): (&str, i32), ends: &[Option<End>]) -> Vec<Settled> {
        let Some(own) = self.position(id, instance) else { return Vec::new() };
        let opened_at = self.entries.get(own).map_or(Timestamp::MAX, |entry| entry.facts.opened_at);
        let others = self.entries.iter().enumerate().filter(|(position, _)| *position != own);
        let seen = others.filter(|(position, entry)| is_seen(strategy, entry, own.checked_sub(*position), opened_at));
        let mut settled: Vec<Settled> = seen
            .filter_map(|(position, entry)| {
                let end = entry.end.or_else(|| *ends.get(position)?)?;
                Some(Settled { end, id: Arc::clone(&entry.id), instance: entry.instance })
            })
            .collect();
        settled.sort_by(|a, b| a.order().cmp(&b.order()));
        settled
    }
}

/// Whether a cycle that began at `opened_at` sees an entry that is `before` places before it in the file; none: behind it.
fn is_seen(strategy: &Strategy, entry: &Entry, before: Option<usize>, opened_at: Timestamp) -> bool {
    let policy = &strategy.customer_file;
    before.is_none_or(|before| before <= policy.cycles && entry.facts.base_final_at.plus(policy.keep_ms) >= opened_at)
}

/// The longest time within which a `repeat_contact` holds two contacts together, in ms; of no such rule, none.
fn longest_repeat(strategy: &Strategy, key: u64) -> i64 {
    let within = |rule: &Rule| match &rule.kind {
        Kind::RepeatContact { within_ms, .. } => within_ms.0.iter().copied().max(),
        _ => None,
    };
    strategy.rules.iter().filter(|rule| rule_key(rule) == key).find_map(within).unwrap_or(-1)
}
