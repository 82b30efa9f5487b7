//! The output tables as a reader of the topics would hold them: the last row of each key, absent ones left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use motmot_core::cycle::{CycleRecord, CycleState, Judgement, VerdictRecord};
use motmot_core::engine::Sink;
use motmot_core::moment::{Moment, MomentState};

/// A row as text, field by field: what two tables differ in can be read.
pub(crate) type Row = BTreeMap<&'static str, String>;

/// Both tables. Moments are keyed by id, cycles by key and cycle id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tables {
    /// Retracted ones are absent.
    pub(crate) moments: BTreeMap<String, Row>,
    /// Merged ones are absent.
    pub(crate) cycles: BTreeMap<(String, String), Row>,
    /// Cycles that were told to be part of another; no part of the tables.
    pub(crate) merged: BTreeMap<(String, String), String>,
    /// All that was told, in the order in which it was.
    pub(crate) told: Vec<String>,
    /// The last of it for each row.
    pub(crate) last: BTreeMap<String, String>,
    /// What was told again as it was, or twice in one transaction, and of which key: whoever reads the topics pays for each.
    pub(crate) repeated: Vec<(String, String)>,
    /// Rows in the open transaction, but for those that are the last of their cycle.
    pub(crate) open: BTreeSet<String>,
}

impl Tables {
    fn hear(&mut self, key: &str, row: String, words: String, is_last: bool) {
        self.told.push(words.clone());
        let is_twice = if is_last { self.open.remove(&row) } else { !self.open.insert(row.clone()) };
        if self.last.insert(row, words.clone()).is_some_and(|before| before == words) || is_twice {
            self.repeated.push((key.to_owned(), words));
        }
    }

    /// All that was told is committed.
    pub(crate) fn commit(&mut self) {
        self.open.clear();
    }

    /// All that was told, in an order of its own: cycles are told in none.
    pub(crate) fn told_sorted(&self) -> Vec<String> {
        let mut told = self.told.clone();
        told.sort();
        told
    }
}

/// Builds a row from pairs of name and value.
#[macro_export]
macro_rules! row {
    ($($name:literal: $value:expr),+ $(,)?) => { $crate::support::tables::Row::from([$(($name, $crate::support::tables::Say::say(&$value))),+]) };
}

/// How a value is written in a row.
pub(crate) trait Say {
    /// Its text.
    fn say(&self) -> String;
}
impl<T: Say> Say for Option<T> {
    fn say(&self) -> String {
        self.as_ref().map_or_else(|| "-".to_owned(), Say::say)
    }
}
impl<T: Say + ?Sized> Say for &T {
    fn say(&self) -> String {
        (**self).say()
    }
}
macro_rules! say_as_display { ($($t:ty),+ $(,)?) => { $(impl Say for $t { fn say(&self) -> String { self.to_string() } })+ } }
say_as_display!(
    str,
    String,
    bool,
    i32,
    i64,
    motmot_core::Text<'_>,
    motmot_core::Timestamp,
    motmot_core::moment::MomentState,
    motmot_core::cycle::CycleState,
    motmot_core::cycle::Level,
    motmot_core::cycle::Circle,
    motmot_core::touchpoint::Stage,
    motmot_core::touchpoint::Outcome,
    motmot_core::touchpoint::Audience,
    motmot_core::strategy::Severity,
    motmot_core::strategy::Side,
    motmot_core::strategy::Dimension,
    motmot_core::strategy::Paging,
);

/// A moment's row: all that the semantics fix. Texts that are only copied from the rule are left out.
pub(crate) fn moment_row(moment: &Moment<'_>) -> Row {
    row! {
        "state": moment.state, "rule": moment.rule, "kind": moment.kind, "key": moment.key, "cycle_id": moment.cycle_id,
        "instance": moment.instance, "customer_id": moment.customer_id, "segment": moment.segment, "need": moment.need,
        "promise_id": moment.promise_id, "stage": moment.stage, "channel": moment.channel, "site": moment.site,
        "team": moment.team, "audience": moment.audience, "anchor_event_id": moment.anchor_event_id,
        "anchor_at": moment.anchor_at, "raised_at": moment.raised_at, "recovered_at": moment.recovered_at,
        "expires_at": moment.expires_at, "severity": moment.severity, "dimension": moment.dimension, "side": moment.side,
        "page": moment.page, "truncated": moment.truncated,
        "measured": moment.observed.filter(|_| BEYOND_ONE_CYCLE.contains(&moment.kind.as_str())).map(|observed| measured_words(observed, moment.limit)),
    }
}

/// Kinds whose measures the oracle works out too.
const BEYOND_ONE_CYCLE: [&str; 3] = ["reopened", "repeat_contact", "vicious_circle"];

/// What was measured, and against which limit.
pub(crate) fn measured_words(observed: i64, limit: Option<i64>) -> String {
    format!("{observed} of {}", limit.say())
}

/// A cycle's row.
pub(crate) fn cycle_row(cycle: &CycleRecord<'_>) -> Row {
    let needs = cycle.needs.iter().map(|n| {
        need_words(
            n.need.as_deref(),
            n.opened_at.as_millis(),
            n.fulfilled_at.map(|t| t.as_millis()),
            n.verified_at.map(|t| t.as_millis()),
        )
    });
    let touchpoints = cycle.touchpoints.iter().map(|t| t.event_id.as_str());
    let moments = cycle.moments.iter().map(|m| format!("{} {} {}", m.rule, m.state, m.moment_id));
    let verdicts = cycle.verdicts.iter().map(|v| verdict_words(&v.rule, v.need.as_deref(), v.judgement));
    row! {
        "key": cycle.key, "instance": cycle.instance, "state": cycle.state, "final": cycle.is_final, "customer_id": cycle.customer_id,
        "segment": cycle.segment, "audience": cycle.audience, "site": cycle.site, "channel": cycle.channel,
        "opened_at": cycle.opened_at, "closed_at": cycle.closed_at, "final_at": cycle.final_at, "outcome": cycle.outcome,
        "truncated": cycle.truncated, "serves": cycle.serves,
        "verdict_details": cycle.verdicts.iter().map(verdict_details).collect::<Vec<_>>().join("; "), "needs": needs.collect::<Vec<_>>().join("; "),
        "touchpoints": touchpoints.collect::<Vec<_>>().join(" "), "moments": moments.collect::<Vec<_>>().join("; "),
        "level": cycle.level, "customer_file": cycle.customer_file, "circle": cycle.circle,
        "verdicts": verdicts.collect::<Vec<_>>().join("; "),
    }
}

/// One verdict in a cycle's row.
pub(crate) fn verdict_words(rule: &str, need: Option<&str>, judgement: Judgement) -> String {
    format!("{rule} {} {judgement}", need.unwrap_or("-"))
}

/// One verdict with all that a script may expect of it.
fn verdict_details(verdict: &VerdictRecord<'_>) -> String {
    let VerdictRecord { rule, need, judgement, observed, limit, .. } = verdict;
    let at = verdict.at.as_millis();
    format!("{rule} {} {judgement} {} {} {at} {}", need.say(), observed.say(), limit.say(), verdict.stage)
}

/// One need in a cycle's row.
pub(crate) fn need_words(name: Option<&str>, opened_at: i64, fulfilled_at: Option<i64>, verified_at: Option<i64>) -> String {
    let at =
        |millis: Option<i64>| millis.map_or_else(|| "-".to_owned(), |ms| motmot_core::Timestamp::from_millis(ms).to_string());
    format!("{} {} {} {}", name.unwrap_or("(unnamed)"), at(Some(opened_at)), at(fulfilled_at), at(verified_at))
}

impl Sink for Tables {
    fn moment(&mut self, moment: &Moment<'_>, _: &[i64]) {
        self.hear(&moment.key, moment.moment_id.to_string(), format!("{moment:?}"), false);
        if moment.state == MomentState::Retracted {
            self.moments.remove(moment.moment_id.as_str());
        } else {
            self.moments.insert(moment.moment_id.to_string(), moment_row(moment));
        }
    }
    fn cycle(&mut self, cycle: &CycleRecord<'_>, _: &[i64]) {
        self.hear(&cycle.key, format!("{} {}", cycle.key, cycle.cycle_id), format!("{cycle:?}"), cycle.is_final);
        if cycle.state == CycleState::Merged {
            self.cycles.remove(&(cycle.key.to_string(), cycle.cycle_id.to_string()));
            let into = cycle.merged_into.as_deref().unwrap_or("nothing").to_owned();
            self.merged.insert((cycle.key.to_string(), cycle.cycle_id.to_string()), into);
        } else {
            self.cycles.insert((cycle.key.to_string(), cycle.cycle_id.to_string()), cycle_row(cycle));
        }
    }
    fn cycle_gone(&mut self, key: &str, cycle_id: &str) {
        self.hear(key, format!("{key} {cycle_id}"), format!("gone {key} {cycle_id}"), false);
        self.cycles.remove(&(key.to_owned(), cycle_id.to_owned()));
    }
}

/// In words, what `found` has other than `expected`; empty when they are equal.
pub(crate) fn difference(expected: &Tables, found: &Tables) -> String {
    let mut words = String::new();
    compare(&mut words, "moment", &expected.moments, &found.moments);
    compare(&mut words, "cycle", &expected.cycles, &found.cycles);
    words
}

fn compare<K: Ord + std::fmt::Debug>(words: &mut String, table: &str, expected: &BTreeMap<K, Row>, found: &BTreeMap<K, Row>) {
    for (key, row) in expected {
        match found.get(key) {
            None => _ = writeln!(words, "{table} {key:?} is missing: {row:?}"),
            Some(other) => {
                for (field, value) in row.iter().filter(|(field, value)| other.get(*field) != Some(value)) {
                    let other = other.get(field).map_or("nothing", String::as_str);
                    _ = writeln!(
                        words,
                        "{table} {key:?} ({}): {field} should be {value}, is {other}",
                        row.get("rule").map_or("", String::as_str)
                    );
                }
            }
        }
    }
    for (key, row) in found.iter().filter(|(key, _)| !expected.contains_key(key)) {
        _ = writeln!(words, "{table} {key:?} should not be there: {row:?}");
    }
}
