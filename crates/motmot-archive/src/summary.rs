//! What a replay found, for machines (`--summary json`) and for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use motmot_core::Verdict;
use motmot_core::cycle::CycleState;
use motmot_core::moment::MomentState;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// What came in, and what became of it.
    pub input: InputCounts,
    /// Cycles, by where they stand at the end.
    pub cycles: CycleCounts,
    /// Moments by rule, in the order of the strategy; every rule is there.
    #[serde(serialize_with = "by_rule")]
    pub moments: Vec<(String, MomentCounts)>,
    /// The digest of both tables, 16 hex digits.
    pub digest: String,
}

fn by_rule<S: Serializer>(rules: &[(String, MomentCounts)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(rules.len()))?;
    for (rule, counts) in rules {
        map.serialize_entry(rule, counts)?;
    }
    map.end()
}

/// What came in, and what became of it: touchpoints = folded + duplicate + conflicting + late + overflow + all dead ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InputCounts {
    /// Rows of mapped files, lines and records of motmot's own, records of a topic.
    pub rows: u64,
    /// Rows that the mapping says to ignore.
    pub ignored_rows: u64,
    /// Rows of mapped files with a bad value, dead as a whole.
    pub dead_rows: u64,
    /// Touchpoints that the other rows gave, and records that should have been one.
    pub touchpoints: u64,
    /// Part of their cycle.
    pub folded: u64,
    /// Known already, with the same content.
    pub duplicate: u64,
    /// Known already, with other content: the first stands.
    pub conflicting: u64,
    /// For a cycle that was final, from before its end.
    pub late: u64,
    /// Beyond what one cycle may have.
    pub overflow: u64,
    /// Dead letters, by reason.
    pub dead: BTreeMap<String, u64>,
}

impl InputCounts {
    /// Counts a touchpoint that the engine judged.
    pub fn judged(&mut self, verdict: Verdict) {
        self.touchpoints += 1;
        match verdict {
            Verdict::Folded => self.folded += 1,
            Verdict::Duplicate => self.duplicate += 1,
            Verdict::Conflicting => self.conflicting += 1,
            Verdict::Late => self.late += 1,
            Verdict::Overflow => self.overflow += 1,
            Verdict::TooFarAhead => *self.dead.entry("too_far_ahead".to_owned()).or_default() += 1,
        }
    }

    /// Counts `count` records that are no touchpoints.
    pub fn dead(&mut self, reason: &str, count: u64) {
        self.touchpoints += count;
        *self.dead.entry(reason.to_owned()).or_default() += count;
    }

    /// Whether every touchpoint is accounted for.
    pub fn balances(&self) -> bool {
        let dead: u64 = self.dead.values().sum();
        self.touchpoints == self.folded + self.duplicate + self.conflicting + self.late + self.overflow + dead
    }

    /// Adds another thread's counts.
    pub fn add(&mut self, other: &Self) {
        let Self { rows, ignored_rows, dead_rows, touchpoints, folded, duplicate, conflicting, late, overflow, dead } = other;
        self.rows += rows;
        self.ignored_rows += ignored_rows;
        self.dead_rows += dead_rows;
        self.touchpoints += touchpoints;
        self.folded += folded;
        self.duplicate += duplicate;
        self.conflicting += conflicting;
        self.late += late;
        self.overflow += overflow;
        for (reason, count) in dead {
            *self.dead.entry(reason.clone()).or_default() += count;
        }
    }
}

/// Cycles by where they stand; those joined with another are not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CycleCounts {
    /// All of them: by key and cycle id.
    pub total: u64,
    /// The customer is still with us.
    pub open: u64,
    /// Closed by a farewell.
    pub farewell: u64,
    /// Closed by inactivity, or by a farewell whose outcome is unmet.
    pub abandoned: u64,
    /// In no customer's file: their records are not keyed by their customer, or nobody says who it is.
    pub outside_customer_file: u64,
}

impl CycleCounts {
    pub(crate) fn add(&mut self, state: CycleState, in_customer_file: bool) {
        self.total += u64::from(state != CycleState::Merged);
        self.outside_customer_file += u64::from(state != CycleState::Merged && !in_customer_file);
        match state {
            CycleState::Open => self.open += 1,
            CycleState::Farewell => self.farewell += 1,
            CycleState::Abandoned => self.abandoned += 1,
            CycleState::Merged => {}
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.total += other.total;
        self.open += other.open;
        self.farewell += other.farewell;
        self.abandoned += other.abandoned;
        self.outside_customer_file += other.outside_customer_file;
    }
}

/// A rule's moments by where they stand; retracted ones are not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MomentCounts {
    /// Raised, and nothing has ended them.
    pub open: u64,
    /// Met after all, late.
    pub recovered: u64,
    /// Never met.
    pub expired: u64,
}

impl MomentCounts {
    /// All that were flagged.
    pub fn flagged(self) -> u64 {
        self.open + self.recovered + self.expired
    }

    pub(crate) fn add(&mut self, state: MomentState) {
        match state {
            MomentState::Raised => self.open += 1,
            MomentState::Recovered => self.recovered += 1,
            MomentState::Expired => self.expired += 1,
            MomentState::Retracted => {}
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.open += other.open;
        self.recovered += other.recovered;
        self.expired += other.expired;
    }
}

impl Summary {
    /// The summary as a table for people.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let input = &self.input;
        let mut line = |name: &str, count: u64, note: &str| {
            // writing into a String cannot fail
            let _ = writeln!(out, "  {name:<24}{:>13}  {note}", grouped(count));
        };
        line("rows", input.rows, "");
        if input.ignored_rows + input.dead_rows > 0 {
            line("  ignored", input.ignored_rows, "the mapping says so");
            line("  dead", input.dead_rows, "a value could not be read");
        }
        line("touchpoints", input.touchpoints, "");
        line("  folded", input.folded, "");
        let others = [
            ("  duplicate", input.duplicate, "known already"),
            ("  conflicting", input.conflicting, "known already, with other content"),
            ("  late", input.late, "after their cycle was final"),
            ("  overflow", input.overflow, "beyond what one cycle may have"),
        ];
        for (name, count, note) in others.into_iter().filter(|(_, count, _)| *count > 0) {
            line(name, count, note);
        }
        for (reason, count) in &input.dead {
            line("  dead", *count, reason);
        }
        line("cycles", self.cycles.total, "");
        line("  open", self.cycles.open, "");
        line("  ended by farewell", self.cycles.farewell, "");
        line("  abandoned", self.cycles.abandoned, "");
        line("  in no customer's file", self.cycles.outside_customer_file, "not keyed by a customer");
        self.moments_into(&mut out);
        let _ = writeln!(out, "\n  digest {}", self.digest);
        out
    }

    fn moments_into(&self, out: &mut String) {
        let width = self.moments.iter().map(|(rule, _)| rule.chars().count()).max().unwrap_or(0).max(24);
        let _ = writeln!(
            out,
            "\n  {:<width$}{:>13}{:>13}{:>13}{:>13}",
            "critical moments", "flagged", "open", "recovered", "expired"
        );
        for (rule, counts) in &self.moments {
            let columns = [counts.flagged(), counts.open, counts.recovered, counts.expired].map(grouped);
            let [flagged, open, recovered, expired] = columns;
            let _ = writeln!(out, "  {rule:<width$}{flagged:>13}{open:>13}{recovered:>13}{expired:>13}");
        }
    }
}

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_is_accounted_for() {
        let mut counts = InputCounts::default();
        let all =
            [Verdict::Folded, Verdict::Duplicate, Verdict::Conflicting, Verdict::Late, Verdict::Overflow, Verdict::TooFarAhead];
        all.into_iter().for_each(|verdict| counts.judged(verdict));
        counts.dead("malformed", 3);
        assert_eq!(counts.touchpoints, 9);
        assert!(counts.balances());
        counts.touchpoints += 1;
        assert!(!counts.balances());
    }

    #[test]
    fn the_summary_lists_every_rule_in_the_strategys_order() {
        let summary = Summary {
            input: InputCounts::default(),
            cycles: CycleCounts::default(),
            moments: vec![
                ("z".to_owned(), MomentCounts::default()),
                ("a".to_owned(), MomentCounts { open: 1, recovered: 2, expired: 3 }),
            ],
            digest: "00".to_owned(),
        };
        let json = serde_json::to_string(&summary).unwrap();
        assert!(json.ends_with(
            r#""moments":{"z":{"open":0,"recovered":0,"expired":0},"a":{"open":1,"recovered":2,"expired":3}},"digest":"00"}"#
        ));
        assert!(summary.table().contains("a                                   6            1            2            3"));
    }

    #[test]
    fn large_numbers_can_be_read() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
