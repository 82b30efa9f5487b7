//! The process chain: the internal cycles behind an external one, so that a critical cycle shows the department that it waited for.
//!
//! An internal cycle names the external one that it works for (`serves`: its cycle id). Both lie anywhere in the table, so what is needed of
//! them is kept until the end: of every internal cycle, and of every external one with a critical moment.

use std::collections::BTreeMap;

use motmot_core::cycle::CycleRecord;
use motmot_core::touchpoint::Audience;
use motmot_core::{Timestamp, cycle::Level};
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::sample::Sample;

/// The most cycles of either sort that are kept; those beyond are counted.
const MOST: usize = 1_000_000;

/// A stretch of time in which a customer waited because of a critical moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// The rule that was broken.
    pub rule: String,
    /// From the touchpoint that the moment hangs on.
    pub from: Timestamp,
    /// To what it waited for, where that is measured from there; else to the cycle's close.
    pub to: Timestamp,
}

/// An internal cycle that worked for a critical external one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The department: that of its first touchpoint that names one.
    pub team: Option<String>,
    /// Its cycle id.
    pub cycle_id: String,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it was closed; none while it is open.
    pub closed_at: Option<Timestamp>,
    /// How much of the customer's wait it was open for, in ms.
    pub overlap_ms: i64,
    /// Whether it has a critical moment of its own.
    pub is_critical: bool,
    /// Its service level.
    pub level: Option<Level>,
}

/// A critical external cycle with the internal ones that worked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainedCycle {
    /// Its cycle id.
    pub cycle_id: String,
    /// The customer's segment.
    pub segment: String,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// The stretches in which the customer waited.
    pub waits: Vec<Wait>,
    /// How long the customer waited in all, in ms; what two stretches share counts once.
    pub waited_ms: i64,
    /// The internal cycles, in the order in which they began.
    pub links: Vec<Link>,
}

/// What a department's internal cycles had to do with customers' critical moments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TeamChain {
    /// The department.
    pub team: Option<String>,
    /// Its internal cycles that worked for a critical external one.
    pub cycles: u64,
    /// Of these, those that were critical themselves.
    pub critical: u64,
    /// Of these, those that were open while the customer waited.
    pub waited_for: u64,
    /// How long customers waited for it in all, in ms.
    pub overlap_ms: i64,
    /// Half of the waits for it were at most so long, in ms.
    pub overlap_p50_ms: Option<f64>,
    /// Nine in ten were at most so long, in ms.
    pub overlap_p90_ms: Option<f64>,
}

/// The process chain of a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Chain {
    /// Internal cycles that name an external one.
    pub internal: u64,
    /// Of these, those whose external cycle has a critical moment in the report.
    pub joined: u64,
    /// Those that could belong to several such cycles, because the same cycle id stands under several keys: joined with none.
    pub ambiguous: u64,
    /// Cycles beyond what is kept; what they would add is missing here.
    pub left_out: u64,
    /// External cycles with a critical moment and an internal cycle.
    pub chained: u64,
    /// By department, the one waited for longest first.
    pub teams: Vec<TeamChain>,
    /// The longest waits, as examples.
    pub examples: Vec<ChainedCycle>,
}

#[derive(Debug)]
struct Internal {
    serves: String,
    key: String,
    link: Link,
}

#[derive(Debug)]
struct External {
    key: String,
    cycle: ChainedCycle,
}

/// Collects what the chain is made of.
#[derive(Debug, Default)]
pub(super) struct Collect {
    internals: Vec<Internal>,
    externals: Vec<External>,
    left_out: u64,
}

impl Collect {
    /// Takes a cycle if it is an internal one that works for another.
    pub(super) fn internal(&mut self, cycle: &CycleRecord<'_>) {
        let Some(serves) = cycle.serves.as_ref().filter(|_| cycle.audience == Audience::Internal) else { return };
        if self.internals.len() >= MOST {
            self.left_out += 1;
            return;
        }
        let link = Link {
            team: cycle.touchpoints.iter().find_map(|touchpoint| touchpoint.team.as_deref()).map(str::to_owned),
            cycle_id: cycle.cycle_id.to_string(),
            opened_at: cycle.opened_at,
            closed_at: cycle.closed_at,
            overlap_ms: 0,
            is_critical: !cycle.moments.is_empty(),
            level: cycle.level,
        };
        self.internals.push(Internal { serves: serves.to_string(), key: cycle.key.to_string(), link });
    }

    /// Takes an external cycle with the waits of its critical moments, if there are any.
    pub(super) fn external(&mut self, cycle: &CycleRecord<'_>, mut waits: Vec<Wait>) {
        if waits.is_empty() || cycle.audience == Audience::Internal {
            return;
        }
        if self.externals.len() >= MOST {
            self.left_out += 1;
            return;
        }
        waits.sort_by(|a, b| (a.from, a.to, &a.rule).cmp(&(b.from, b.to, &b.rule)));
        let key = cycle.key.to_string();
        let cycle = ChainedCycle {
            cycle_id: cycle.cycle_id.to_string(),
            segment: cycle.segment.to_string(),
            opened_at: cycle.opened_at,
            closed_at: cycle.closed_at,
            waited_ms: union(&waits).iter().map(|(from, to)| to.since(*from)).sum(),
            waits,
            links: Vec::new(),
        };
        self.externals.push(External { key, cycle });
    }

    /// Joins them.
    pub(super) fn finish(self, examples: usize) -> Chain {
        let Self { internals, mut externals, left_out } = self;
        let mut chain = Chain { internal: internals.len() as u64, left_out, ..Chain::default() };
        let mut by_id: FxHashMap<String, Vec<usize>> = FxHashMap::default();
        for (position, external) in externals.iter().enumerate() {
            by_id.entry(external.cycle.cycle_id.clone()).or_default().push(position);
        }
        for Internal { serves, key, link } in internals {
            let Some(candidates) = by_id.get(&serves) else { continue };
            let own = candidates.iter().find(|at| externals.get(**at).is_some_and(|external| external.key == key));
            match own.or(if let [only] = &candidates[..] { Some(only) } else { None }) {
                Some(at) => {
                    chain.joined += 1;
                    externals.get_mut(*at).into_iter().for_each(|external| external.cycle.links.push(link.clone()));
                }
                None => chain.ambiguous += 1,
            }
        }
        let mut chained: Vec<ChainedCycle> =
            externals.into_iter().map(|external| external.cycle).filter(|cycle| !cycle.links.is_empty()).collect();
        chained.iter_mut().for_each(overlap);
        chain.chained = chained.len() as u64;
        chain.teams = teams(&chained);
        chained.sort_by(|a, b| b.waited_ms.cmp(&a.waited_ms).then_with(|| a.cycle_id.cmp(&b.cycle_id)));
        chained.truncate(examples);
        chain.examples = chained;
        chain
    }
}

/// The stretches of time that waits cover, in order, without overlaps.
fn union(waits: &[Wait]) -> Vec<(Timestamp, Timestamp)> {
    let mut stretches: Vec<(Timestamp, Timestamp)> = Vec::new();
    for wait in waits {
        match stretches.last_mut() {
            Some((_, to)) if wait.from <= *to => *to = (*to).max(wait.to),
            _ => stretches.push((wait.from, wait.to)),
        }
    }
    stretches
}

/// Says of each internal cycle how much of the customer's wait it was open for.
fn overlap(cycle: &mut ChainedCycle) {
    let stretches = union(&cycle.waits);
    for link in &mut cycle.links {
        let shared = |(from, to): &(Timestamp, Timestamp)| {
            let (begin, end) = ((*from).max(link.opened_at), link.closed_at.map_or(*to, |closed| closed.min(*to)));
            end.since(begin).max(0)
        };
        link.overlap_ms = stretches.iter().map(shared).sum();
    }
    cycle.links.sort_by(|a, b| (a.opened_at, &a.cycle_id).cmp(&(b.opened_at, &b.cycle_id)));
}

fn teams(chained: &[ChainedCycle]) -> Vec<TeamChain> {
    let mut by_team: BTreeMap<Option<&str>, (TeamChain, Sample)> = BTreeMap::new();
    for link in chained.iter().flat_map(|cycle| &cycle.links) {
        let none = || {
            let team = link.team.clone();
            let (cycles, critical, waited_for, overlap_ms) = (0, 0, 0, 0);
            (
                TeamChain { team, cycles, critical, waited_for, overlap_ms, overlap_p50_ms: None, overlap_p90_ms: None },
                Sample::default(),
            )
        };
        let (team, overlaps) = by_team.entry(link.team.as_deref()).or_insert_with(none);
        team.cycles += 1;
        team.critical += u64::from(link.is_critical);
        if link.overlap_ms > 0 {
            team.waited_for += 1;
            team.overlap_ms = team.overlap_ms.saturating_add(link.overlap_ms);
            overlaps.push(link.overlap_ms);
        }
    }
    let mut teams: Vec<TeamChain> = by_team
        .into_values()
        .map(|(team, mut overlaps)| {
            let quantiles = overlaps.quantiles(1.0);
            TeamChain { overlap_p50_ms: quantiles.map(|q| q.p50), overlap_p90_ms: quantiles.map(|q| q.p90), ..team }
        })
        .collect();
    teams.sort_by(|a, b| b.overlap_ms.cmp(&a.overlap_ms).then_with(|| a.team.cmp(&b.team)));
    teams
}
