//! The JSON Schema and the loader say the same about a strategy's form.
#![allow(clippy::unwrap_used, missing_docs)]

use motmot_core::Strategy;
use motmot_core::strategy::SCHEMA;
use motmot_core::yaml::{self, Node, Problems, Value};

/// The document as an editor's validator sees it.
fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Scalar { .. } if node.is_nothing() => serde_json::Value::Null,
        Value::Scalar { text, plain: true } => serde_json::from_str(text)
            .ok()
            .filter(|value: &serde_json::Value| value.is_number() || value.is_boolean())
            .unwrap_or_else(|| text.clone().into()),
        Value::Scalar { text, plain: false } => text.clone().into(),
        Value::List(list) => list.iter().map(json).collect(),
        Value::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect(),
    }
}

fn schema() -> jsonschema::Validator {
    jsonschema::draft202012::new(&serde_json::from_str(SCHEMA).unwrap()).unwrap()
}

/// Whether the loader and the schema accept a text.
fn verdicts(schema: &jsonschema::Validator, text: &str) -> (bool, bool, String) {
    let mut problems = Problems::new("s.yaml");
    let document = json(&yaml::parse(text, &mut problems).unwrap());
    assert!(problems.is_empty(), "{problems}");
    let told = Strategy::load("s.yaml", text).err().map(|problems| problems.to_string()).unwrap_or_default();
    let errors: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
    (told.is_empty(), errors.is_empty(), format!("{text}\nloader: {told}\nschema: {errors:?}"))
}

const HEAD: &str = "strategy: s\ntime_zone: UTC\ncalendar: {mon-fri: [\"09:00-17:00\"]}\nsegments: [vip, regular]\n";
const CYCLES: &str = "cycles: [{inactivity: 2h, grace: 5m}]\n";

fn of_rules(rules: &[&str]) -> Vec<String> {
    rules.iter().map(|rule| format!("{HEAD}{CYCLES}rules:\n  - {{id: a, dimension: empathy, {rule}}}\n")).collect()
}

fn of_tops(tops: &[&str]) -> Vec<String> {
    tops.iter().map(|top| format!("strategy: s\nrules: []\n{top}\n")).collect()
}

const GOOD_RULES: &[&str] = &[
    "kind: slow, from: {}, to: {stage: fulfilment, outcome: [met, partly_met]}, limit: 90s, each: need, hours: business",
    "kind: slow, from: {stage: greeting}, to: {actor: {kind: person, id: [a, 7]}}, limit: {vip: 1m, regular: 1h 30m}",
    "kind: missing, expects: {stage: verification}",
    "kind: missing, expects: {initiated_by: company}, after: {}, within: {vip: 1d, regular: 2d 3h}",
    "kind: unmet, where: {audience: internal, attributes: {line: 1, on: true, name: [x, y]}}",
    "kind: unverified, times: 2, within: 10m",
    "kind: unacknowledged, limit: 4h, where: {intent: complaint, segment: vip}",
    "kind: broken_promise",
    "kind: broken_promise, promises: [wait, call_back], limit: 0s, hours: always",
    "kind: abandoned, side: systems, page: never, owner: Ann Lee, runbook: https://example.org, title: 404, open_for: 60d",
    "kind: low_rating, rating_below: 3",
    "kind: low_rating, sentiment_below: 0.5, severity: {vip: page, regular: info}, recovers_by: {}",
    "kind: handoffs, more_than: {vip: 1, regular: 3}",
    "kind: lacking, demands: named",
    "kind: lacking, demands: [door_open, announced_wait, added_value, {attribute: ticket}]",
    "kind: out_of_order, before: {channel: chat, site: 12, team: t, need: n}",
    "kind: reopened",
    "kind: reopened, after: {stage: fulfilment}, by: {initiated_by: customer}, recovers_by: {stage: farewell}",
    "kind: repeat_contact, within: 7d",
    "kind: repeat_contact, within: {vip: 1d, regular: 90d}, need: any, where: {stage: fulfilment}",
    "kind: no_follow_up, within: 2d",
    "kind: no_follow_up, within: {vip: 1d, regular: 2d}, hours: business, level: [failed, basic], by: {}",
    "kind: no_follow_up, within: 1d, level: added_value, page: never",
    "kind: vicious_circle",
    "kind: vicious_circle, failed: 2, of: 5",
];

const GOOD_TOPS: &[&str] = &[
    "cycles: [{where: {channel: [email, ticket]}, inactivity: 60d, grace: 34d}, {inactivity: 2h, grace: 0s}]",
    "cycles: [{inactivity: 2h, grace: 5m}]\nlimits: {clock_tolerance: 0s, allowed_skew: 5m, reopen_window: 30d, max_touchpoints: 5, max_moments: 1}",
    "cycles: [{inactivity: 2h, grace: 5m}]\nlabels: {site: voice, team: [a, b], need: [1]}\nsegments: all",
    "cycles: [{inactivity: 2h, grace: 5m}]\ntime_zone: Asia/Jerusalem\ncalendar: {sun-thu: [\"07:00-24:00\"], fri: \"7:00-14:00\", sat: []}\nholidays: [2026-12-25, {date: 2026-12-24, hours: [\"09:00-12:00\"]}, {date: 2026-12-31}]",
    "cycles: [{inactivity: 2h, grace: 5m}]\ntime_zone: UTC\ncalendar: {mon: \"09:00-12:00\"}\nholidays: 2026-12-25",
    "cycles: [{inactivity: 2h, grace: 5m}]\ncustomer_file: {cycles: 3, keep: 1ms}\ncircle: {}\nlevels: {}",
    "cycles: [{inactivity: 2h, grace: 5m}]\ncircle: {of: 5, failed: 2, satisfying: 4}\ncustomer_file: {}",
    "cycles: [{inactivity: 2h, grace: 5m}]\nlevels: {failed: {by: page}, basic: {stages: [], dimensions: empathy}, satisfying: {stages: [greeting, farewell], verified: false, door_open: false, rating: 1}, unforgettable: {rating: 4}}",
    "cycles: [{inactivity: 2h, grace: 5m}]\nlevels: {failed: {}, basic: {stages: farewell, dimensions: []}, satisfying: {stages: fulfilment}, unforgettable: {}}",
];

/// What is wrong in its form: both see it.
const BAD_RULES: &[&str] = &[
    "kind: slwo",
    "kind: reopened, within: 1d",
    "kind: reopened, by: {stage: []}",
    "kind: repeat_contact",
    "kind: repeat_contact, within: 0s",
    "kind: repeat_contact, within: 7d, need: loan",
    "kind: repeat_contact, within: 7d, hours: business",
    "kind: no_follow_up",
    "kind: no_follow_up, within: 2",
    "kind: no_follow_up, within: 2d, level: []",
    "kind: no_follow_up, within: 2d, level: bad",
    "kind: no_follow_up, within: 2d, after: {}",
    "kind: no_follow_up, within: 2d, recovers_by: {}",
    "kind: vicious_circle, failed: 0",
    "kind: vicious_circle, of: 33",
    "kind: vicious_circle, failed: '3'",
    "kind: unmet, by: {}",
    "kind: abandoned, limit: 5m",
    "kind: abandoned, whre: {}",
    "kind: slow, from: {}, limit: 5m",
    "kind: unacknowledged",
    "kind: unacknowledged, limit: 90",
    "kind: unacknowledged, limit: 0s",
    "kind: unacknowledged, limit: -5m",
    "kind: unacknowledged, limit: 1.5h",
    "kind: unacknowledged, limit: 5 weeks",
    "kind: unacknowledged, limit: 30m 1h",
    "kind: unacknowledged, limit: {}",
    "kind: unacknowledged, limit: {vip: 90, regular: 1m}",
    "kind: unacknowledged, limit: 1m, hours: office",
    "kind: missing, expects: {}",
    "kind: missing, expects: {stage: farewell}, within: 1m",
    "kind: missing, expects: {stage: farewell}, after: {stage: greeting}",
    "kind: unverified, times: 0",
    "kind: unverified, times: '2'",
    "kind: unverified, within: 0s",
    "kind: low_rating",
    "kind: low_rating, rating_below: 6",
    "kind: low_rating, sentiment_below: -1",
    "kind: handoffs, more_than: 0",
    "kind: lacking, demands: []",
    "kind: lacking, demands: [nmaed]",
    "kind: lacking, demands: [named, named]",
    "kind: lacking, demands: [{attribute: a, b: c}]",
    "kind: out_of_order, before: {}",
    "kind: unmet, where: {stage: []}",
    "kind: unmet, where: {stage: [greeting, greting]}",
    "kind: unmet, where: {actor: {}}",
    "kind: unmet, where: {attributes: {}}",
    "kind: unmet, where: {channel: ~}",
    "kind: unmet, where: {channel: [chat, chat]}",
    "kind: unmet, recovers_by: {segment: vip}",
    "kind: unmet, severity: urgent",
    "kind: unmet, page: 1",
    "kind: unmet, side: customers",
    "kind: unmet, open_for: 0s",
    "kind: unmet, title: ''",
];

const BAD_TOPS: &[&str] = &[
    "",
    "cycles: []",
    "cycles: [{inactivity: 2h}]",
    "cycles: [{inactivity: 0s, grace: 1m}]",
    "cycles: [{inactivity: 2h, grace: 1m, gracee: 1m}]",
    "cycles: [{inactivity: 2h, grace: 1m}]\nsegment: [vip]",
    "cycles: [{inactivity: 2h, grace: 1m}]\nsegments: []",
    "cycles: [{inactivity: 2h, grace: 1m}]\nlabels: {channel: [x]}",
    "cycles: [{inactivity: 2h, grace: 1m}]\nlimits: {max_moments: 0}",
    "cycles: [{inactivity: 2h, grace: 1m}]\nlimits: {allowed_skew: 1}",
    "cycles: [{inactivity: 2h, grace: 1m}]\ntime_zone: UTC\ncalendar: {}",
    "cycles: [{inactivity: 2h, grace: 1m}]\ntime_zone: UTC\ncalendar: {monday: \"09:00-12:00\"}",
    "cycles: [{inactivity: 2h, grace: 1m}]\ntime_zone: UTC\ncalendar: {mon: 9-12}",
    "cycles: [{inactivity: 2h, grace: 1m}]\ntime_zone: UTC\ncalendar: {mon: \"09:00-25:00\"}",
    "cycles: [{inactivity: 2h, grace: 1m}]\ntime_zone: UTC\ncalendar: {mon: \"09:00-12:00\"}\nholidays: [soon]",
    "cycles: [{inactivity: 2h, grace: 1m}]\ncustomer_file: {cycles: 0}",
    "cycles: [{inactivity: 2h, grace: 1m}]\ncustomer_file: {cycles: 1001}",
    "cycles: [{inactivity: 2h, grace: 1m}]\ncustomer_file: {keep: 90}",
    "cycles: [{inactivity: 2h, grace: 1m}]\ncustomer_file: {keep: 0s}",
    "cycles: [{inactivity: 2h, grace: 1m}]\ncustomer_file: {kept: 90d}",
    "cycles: [{inactivity: 2h, grace: 1m}]\ncustomer_file: 32",
    "cycles: [{inactivity: 2h, grace: 1m}]\ncircle: {of: 0}",
    "cycles: [{inactivity: 2h, grace: 1m}]\ncircle: {of: 33}",
    "cycles: [{inactivity: 2h, grace: 1m}]\ncircle: {vicious: 3}",
    "cycles: [{inactivity: 2h, grace: 1m}]\nlevels: {failed: {by: urgent}}",
    "cycles: [{inactivity: 2h, grace: 1m}]\nlevels: {failed: critical}",
    "cycles: [{inactivity: 2h, grace: 1m}]\nlevels: {added_value: {}}",
    "cycles: [{inactivity: 2h, grace: 1m}]\nlevels: {basic: {stages: [farwell]}}",
    "cycles: [{inactivity: 2h, grace: 1m}]\nlevels: {basic: {dimension: empathy}}",
    "cycles: [{inactivity: 2h, grace: 1m}]\nlevels: {satisfying: {stages: []}}",
    "cycles: [{inactivity: 2h, grace: 1m}]\nlevels: {satisfying: {verified: yes}}",
    "cycles: [{inactivity: 2h, grace: 1m}]\nlevels: {satisfying: {rating: 0}}",
    "cycles: [{inactivity: 2h, grace: 1m}]\nlevels: {unforgettable: {rating: 6}}",
];

/// What only the loader can know.
const BAD_MEANINGS: &[&str] = &[
    "kind: unmet, where: {outcome: met}",
    "kind: unmet, where: {segment: gold}",
    "kind: unmet, severity: {vip: page}",
    "kind: unacknowledged, limit: 11000d",
    "kind: repeat_contact, within: 91d",
    "kind: no_follow_up, within: {vip: 1d, regular: 91d}",
    "kind: vicious_circle, failed: 4",
    "kind: reopened, by: {stage: greeting}, where: {stage: farewell}",
    "kind: unmet}\n  - {id: a, kind: abandoned, dimension: empathy",
];

#[test]
fn the_schema_is_a_schema() {
    jsonschema::meta::validate(&serde_json::from_str(SCHEMA).unwrap()).unwrap();
}

#[test]
fn loader_and_schema_accept_the_same() {
    let schema = schema();
    for text in of_rules(GOOD_RULES).into_iter().chain(of_tops(GOOD_TOPS)) {
        let (loader, schema, told) = verdicts(&schema, &text);
        assert!(loader && schema, "{told}");
    }
}

#[test]
fn loader_and_schema_refuse_the_same() {
    let schema = schema();
    for text in of_rules(BAD_RULES).into_iter().chain(of_tops(BAD_TOPS)) {
        let (loader, schema, told) = verdicts(&schema, &text);
        assert!(!loader && !schema, "{told}");
    }
    for id in ["Slow", "slow_answer", "-a", "a-", "~"] {
        let text = format!("{HEAD}{CYCLES}rules: [{{id: {id}, kind: unmet, dimension: empathy}}]");
        let (loader, schema, told) = verdicts(&schema, &text);
        assert!(!loader && !schema, "{told}");
    }
}

#[test]
fn what_a_schema_cannot_know_the_loader_finds() {
    let schema = schema();
    for text in of_rules(BAD_MEANINGS) {
        let (loader, schema, told) = verdicts(&schema, &text);
        assert!(!loader && schema, "{told}");
    }
}

#[test]
fn every_example_is_accepted_by_both() {
    let schema = schema();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let mut seen = 0;
    for folder in std::fs::read_dir(examples).unwrap() {
        let Ok(text) = std::fs::read_to_string(folder.unwrap().path().join("strategy.yaml")) else { continue };
        let (loader, schema, told) = verdicts(&schema, &text);
        assert!(loader && schema, "{told}");
        seen += 1;
    }
    assert!(seen > 0, "no example has a strategy");
}
