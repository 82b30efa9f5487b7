//! What is counted of one group.

use motmot_core::cycle::{Circle, CycleRecord, Judgement, Level, VerdictRecord};
use serde::Serialize;

use super::interval::wilson;
use super::sample::{Quantiles, Sample};

/// Opportunities to keep a promise, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The promise was kept.
    pub met: u64,
    /// It was not: critical moments, the recovered among them.
    pub critical: u64,
    /// It was kept after all, late.
    pub recovered: u64,
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, judgement: Judgement) {
        match judgement {
            Judgement::Met => self.met += 1,
            Judgement::Critical => self.critical += 1,
            Judgement::Recovered => {
                self.critical += 1;
                self.recovered += 1;
            }
        }
    }

    /// Adds others.
    pub fn merge(&mut self, other: Self) {
        self.met += other.met;
        self.critical += other.critical;
        self.recovered += other.recovered;
    }

    /// How often the promise could have been broken.
    pub const fn opportunities(self) -> u64 {
        self.met + self.critical
    }

    /// Critical moments for each opportunity, 0 to 1; none without an opportunity.
    pub fn rate(self) -> Option<f64> {
        (self.opportunities() > 0).then(|| self.critical as f64 / self.opportunities() as f64)
    }

    /// The rate's 95 % confidence interval.
    pub fn interval(self) -> Option<(f64, f64)> {
        wilson(self.critical, self.opportunities())
    }
}

/// Cycles by what the customers made of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CycleTally {
    /// All of them.
    pub total: u64,
    /// By level, in the order of [`Level::ALL`].
    pub levels: [u64; 5],
    /// Those in their customer's file.
    pub in_file: u64,
    /// Of these, with a customer who was in the virtuous circle with it.
    pub virtuous: u64,
    /// Of these, with a customer who was in the vicious circle with it.
    pub vicious: u64,
}

impl CycleTally {
    /// Counts one.
    pub fn add(&mut self, cycle: &CycleRecord<'_>) {
        self.total += 1;
        let level = cycle.level.and_then(|level| self.levels.get_mut(level as usize));
        if let Some(count) = level {
            *count += 1;
        }
        self.in_file += u64::from(cycle.customer_file);
        self.virtuous += u64::from(cycle.customer_file && cycle.circle == Some(Circle::Virtuous));
        self.vicious += u64::from(cycle.customer_file && cycle.circle == Some(Circle::Vicious));
    }

    /// Adds others.
    pub fn merge(&mut self, other: &Self) {
        self.total += other.total;
        self.levels.iter_mut().zip(other.levels).for_each(|(sum, count)| *sum += count);
        self.in_file += other.in_file;
        self.virtuous += other.virtuous;
        self.vicious += other.vicious;
    }

    /// Cycles of a level.
    pub fn of(&self, level: Level) -> u64 {
        self.levels.get(level as usize).copied().unwrap_or_default()
    }

    /// A part of the cycles in their customer's file, 0 to 1.
    pub fn share_of_file(&self, part: u64) -> Option<f64> {
        (self.in_file > 0).then(|| part as f64 / self.in_file as f64)
    }
}

/// What an observation is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Millis,
    /// Persons, cycles: whatever the rule counts.
    Count,
    /// Not known without the strategy; what another rule measures may be something else.
    OfRule(u32),
}

impl Unit {
    /// Its word in the outputs; empty where it is not known.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Millis => "ms",
            Self::Count => "count",
            Self::OfRule(_) => "",
        }
    }
}

/// Ratios are kept as whole millionths.
pub(super) const RATIO: f64 = 1e6;

/// One group while it is counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) tally: Tally,
    pub(super) cycles: CycleTally,
    /// The last cycle that was counted: each counts once.
    last_cycle: u64,
    observed: Sample,
    pub(super) ratio: Sample,
    /// Of these, the critical ones'.
    pub(super) broken: Sample,
    unit: Option<Unit>,
    units_differ: bool,
}

impl Group {
    /// Counts a verdict of a cycle, whose number is from 1; what was observed only if `measured` says in what.
    pub(super) fn add(&mut self, verdict: &VerdictRecord<'_>, cycle: &CycleRecord<'_>, number: u64, measured: Option<Unit>) {
        self.tally.add(verdict.judgement);
        if self.last_cycle != number {
            self.last_cycle = number;
            self.cycles.add(cycle);
        }
        let (Some(unit), Some(observed)) = (measured, verdict.observed) else { return };
        self.units_differ |= self.unit.is_some_and(|known| known != unit);
        self.unit = Some(unit);
        self.observed.push(observed);
        if let Some(limit) = verdict.limit.filter(|limit| *limit > 0) {
            #[allow(clippy::cast_possible_truncation)] // saturates, and a ratio of nine trillion is as good as any
            let ratio = (observed as f64 / limit as f64 * RATIO).round() as i64;
            self.ratio.push(ratio);
            if verdict.judgement != Judgement::Met {
                self.broken.push(ratio);
            }
        }
    }

    /// Percentiles of what was observed, and their unit; none where the group's rules measure different things.
    pub(super) fn observed(&mut self) -> Option<(Quantiles, Unit)> {
        let unit = self.unit.filter(|_| !self.units_differ)?;
        Some((self.observed.quantiles(1.0)?, unit))
    }

    /// Percentiles of observed / limit.
    pub(super) fn ratios(&mut self) -> Option<Quantiles> {
        self.ratio.quantiles(RATIO)
    }
}
