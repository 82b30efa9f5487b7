//! What changed between two looks at the tables, in a manager's words.

use motmot_core::Timestamp;

use super::script::words::{duration_words, instant_words};
use super::script::{CUSTOMER, CYCLE, Scenario};
use crate::support::tables::{Row, Tables};

/// What a reader of the tables learns when they go from `before` to `after`.
pub(crate) fn told(scenario: &Scenario, before: &Tables, after: &Tables) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, row) in &after.moments {
        let words = moment(scenario, row, field(row, "state"));
        if before.moments.get(id).is_none_or(|old| moment(scenario, old, field(old, "state")) != words) {
            lines.push(words);
        }
    }
    lines.extend(
        before
            .moments
            .iter()
            .filter(|(id, _)| !after.moments.contains_key(*id))
            .map(|(_, row)| moment(scenario, row, "retracted")),
    );
    lines.sort();
    if scenario.with_cycles {
        for (key, row) in &after.cycles {
            let words = cycle(scenario, key, row);
            if before.cycles.get(key).is_none_or(|old| cycle(scenario, key, old) != words) {
                lines.push(words);
            }
        }
        for key in before.cycles.keys().filter(|key| !after.cycles.contains_key(*key)) {
            let into = after.merged.get(key).map(|into| format!(" merged into {into}"));
            lines.push(format!("cycle{}{}", name(key), into.unwrap_or_else(|| " gone".to_owned())));
        }
    }
    lines
}

/// All that the tables hold when every deadline has run out: each moment as it ended, each cycle with its level and its customer's
/// circle, and, if the scenario wants them, the verdicts.
pub(crate) fn ends(scenario: &Scenario, tables: &Tables) -> Vec<String> {
    let mut lines: Vec<String> = tables.moments.values().map(|row| moment(scenario, row, field(row, "state"))).collect();
    for (key, row) in &tables.cycles {
        lines.push(ended(scenario, key, row));
        let verdicts = field(row, "verdict_details").split("; ").filter(|verdict| scenario.with_verdicts && !verdict.is_empty());
        lines.extend(verdicts.map(|verdict| self::verdict(&name(key), verdict)));
    }
    lines
}

/// A final cycle: how it ended, its level, and the circle if it is not the neutral one.
fn ended(scenario: &Scenario, key: &(String, String), row: &Row) -> String {
    let mut words = format!("cycle{} {}", name(key), field(row, "state"));
    words.push_str(&format!(" {}, {}", instant(scenario, row, "closed_at"), field(row, "level").replace('_', " ")));
    match (field(row, "customer_file"), field(row, "circle")) {
        ("false", _) => words.push_str(", in no file"),
        (_, "neutral") => {}
        (_, circle) => words.push_str(&format!(", {circle} circle")),
    }
    if !["regular", "-"].contains(&field(row, "segment")) {
        words.push_str(&format!(", {}", field(row, "segment")));
    }
    if field(row, "serves") != "-" {
        words.push_str(&format!(", serves {}", field(row, "serves")));
    }
    if field(row, "instance") != "1" {
        words.push_str(&format!(", instance {}", field(row, "instance")));
    }
    words
}

/// A verdict of `tables::verdict_details`: rule, need, judgement, observed, limit.
fn verdict(cycle: &str, row: &str) -> String {
    let mut parts = row.split(' ');
    let mut next = || parts.next().unwrap_or("-");
    let (rule, need, judgement, observed, limit) = (next(), next(), next(), next(), next());
    let mut words = format!("verdict{cycle} {rule} {judgement}");
    if need != "-" {
        words.push_str(&format!(", need {need}"));
    }
    let measure = |text: &str| text.parse().map_or_else(|_| "?".to_owned(), duration_words);
    if (observed, limit) != ("-", "-") {
        words.push_str(&format!(", {} of {}", measure(observed), measure(limit)));
    }
    words
}

fn field<'r>(row: &'r Row, name: &str) -> &'r str {
    row.get(name).map_or("", String::as_str)
}

fn instant(scenario: &Scenario, row: &Row, name: &str) -> String {
    Timestamp::parse(field(row, name)).map_or_else(|_| "?".to_owned(), |at| instant_words(at.as_millis(), scenario.day))
}

fn moment(scenario: &Scenario, row: &Row, state: &str) -> String {
    let at = match state {
        "recovered" => "recovered_at",
        "expired" => "expires_at",
        _ => "raised_at",
    };
    let mut words = format!("{state} {} {}", field(row, "rule"), instant(scenario, row, at));
    for (name, label) in [
        ("need", "need "),
        ("promise_id", "promise "),
        ("key", "customer "),
        ("cycle_id", "cycle "),
        ("severity", ""),
        ("instance", "instance "),
    ] {
        let value = field(row, name);
        if !["-", CUSTOMER, CYCLE, "critical", "1"].contains(&value) {
            words.push_str(&format!(", {label}{value}"));
        }
    }
    if scenario.with_sides {
        words.push_str(&format!(", owed to {}, {}", field(row, "side"), field(row, "dimension")));
    }
    if field(row, "truncated") == "true" {
        words.push_str(", truncated");
    }
    words
}

fn name((key, cycle_id): &(String, String)) -> String {
    match (key.as_str(), cycle_id.as_str()) {
        (CUSTOMER, CYCLE) => String::new(),
        (CUSTOMER, id) => format!(" {id}"),
        (key, id) => format!(" {id} of {key}"),
    }
}

fn cycle(scenario: &Scenario, key: &(String, String), row: &Row) -> String {
    let mut words = format!("cycle{} {}", name(key), field(row, "state"));
    if field(row, "closed_at") != "-" {
        words.push_str(&format!(" {}", instant(scenario, row, "closed_at")));
    }
    match field(row, "final") {
        "true" => words.push_str(", final"),
        _ => words.push_str(&format!(", amendable until {}", instant(scenario, row, "final_at"))),
    }
    if field(row, "instance") != "1" {
        words.push_str(&format!(", instance {}", field(row, "instance")));
    }
    if field(row, "truncated") == "true" {
        words.push_str(", truncated");
    }
    words
}
