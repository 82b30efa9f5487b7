//! What changed between two looks at the tables, in a manager's words.

use motmot_core::Timestamp;

use super::words::instant_words;
use super::{CUSTOMER, CYCLE, Scenario};
use crate::support::tables::{Row, Tables};

/// What a reader of the tables learns when they go from `before` to `after`.
pub(super) fn told(scenario: &Scenario, before: &Tables, after: &Tables) -> Vec<String> {
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
