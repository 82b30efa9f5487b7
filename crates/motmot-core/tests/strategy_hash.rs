//! The strategy's hash is the version of what the fold depends on: no more, and no less.
#![allow(missing_docs)]

use motmot_core::Strategy;

const BASE: &str = r#"
strategy: bank
time_zone: Europe/Berlin
calendar: {mon-fri: ["09:00-12:30", "14:00-18:00"]}
holidays: [2026-12-25]
labels: {site: [voice, branch], team: [agents], need: [loan]}
segments: [vip, regular]
cycles:
  - {where: {channel: [email, ticket]}, inactivity: 60d, grace: 34d}
  - {inactivity: 2h, grace: 5m}
limits: {clock_tolerance: 2s, allowed_skew: 1m, reopen_window: 7d, max_touchpoints: 1000, max_moments: 100}
customer_file: {cycles: 32, keep: 90d}
circle: {of: 3, failed: 3, satisfying: 3}
levels:
  failed: {by: critical}
  basic: {stages: [greeting], dimensions: [empathy, assurance]}
  satisfying: {stages: [greeting, need_detection, fulfilment, verification, farewell], verified: true, door_open: true, rating: 3}
  unforgettable: {rating: 5}
rules:
  - id: slow-answer
    title: A customer waits
    kind: slow
    from: {stage: greeting, attributes: {line: a}}
    to: {stage: fulfilment, outcome: met}
    limit: {vip: 60s, regular: 120s}
    hours: business
    dimension: responsiveness
    side: personnel
    severity: {vip: page, regular: critical}
    page: open
    owner: floor-supervisor
    runbook: https://example.org/slow
    open_for: 24h
  - {id: gone, kind: abandoned, dimension: reliability, where: {site: [voice, branch]}, recovers_by: {stage: greeting}}
  - {id: told, kind: missing, dimension: assurance, expects: {stage: verification}, after: {stage: fulfilment}, within: 10m}
  - {id: kept, kind: broken_promise, dimension: reliability, promises: [wait, call_back], limit: 1m}
  - {id: mood, kind: low_rating, dimension: empathy, rating_below: 3, sentiment_below: 0}
  - {id: many, kind: handoffs, dimension: reliability, more_than: 2}
  - {id: bare, kind: lacking, dimension: tangibles, demands: [named, {attribute: ticket}]}
  - {id: turn, kind: out_of_order, dimension: assurance, before: {stage: need_detection}, where: {stage: fulfilment}}
  - {id: twice, kind: unverified, dimension: assurance, times: 2, within: 1h}
  - {id: heard, kind: unacknowledged, dimension: empathy, limit: 4h}
  - {id: whole, kind: unmet, dimension: reliability}
  - {id: back, kind: reopened, dimension: reliability, after: {stage: farewell}, by: {channel: phone}}
  - {id: again, kind: repeat_contact, dimension: reliability, within: 7d, need: same}
  - {id: called, kind: no_follow_up, dimension: empathy, within: 2d, hours: business, level: [failed, basic], by: {initiated_by: company}}
  - {id: lost, kind: vicious_circle, dimension: empathy, failed: 2, of: 4}
"#;

fn load(text: &str) -> Strategy {
    Strategy::load("s.yaml", text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

fn hash(text: &str) -> u64 {
    load(text).hash
}

/// The hash of the base with one piece of text replaced. What `motmot strategy diff` tells of the two must agree with it.
#[track_caller]
fn changed(old: &str, new: &str) -> u64 {
    assert_eq!(BASE.matches(old).count(), 1, "{old}");
    let (before, after) = (load(BASE), load(&BASE.replace(old, new)));
    let changes = before.diff(&after);
    let judged_anew = changes.iter().any(|change| change.in_version);
    assert_eq!(judged_anew, before.hash != after.hash, "`{old}` -> `{new}` is told as {changes:?}");
    after.hash
}

#[test]
fn what_no_record_depends_on_is_not_a_new_strategy() {
    let base = hash(BASE);
    for (old, new) in [
        ("strategy: bank", "strategy: bank-of-the-north"),
        ("site: [voice, branch], team", "site: [voice, branch, kiosk], team"),
        ("team: [agents]", "team: [agents, vru]"),
        ("need: [loan]", "need: [loan, card]"),
        ("title: A customer waits", "title: Somebody waits"),
        ("owner: floor-supervisor", "owner: head-office"),
        ("runbook: https://example.org/slow", "runbook: https://example.org/slower"),
    ] {
        assert_eq!(changed(old, new), base, "{new}");
    }
}

#[test]
fn another_way_to_say_the_same_is_not_a_new_strategy() {
    let base = hash(BASE);
    for (old, new) in [
        ("inactivity: 2h, grace: 5m", "grace: 300s, inactivity: 120m"),
        ("[email, ticket]", "[ticket, email]"),
        ("{site: [voice, branch]}", "{site: [branch, voice]}"),
        ("[wait, call_back]", "[call_back, wait]"),
        ("[named, {attribute: ticket}]", "[{attribute: ticket}, named]"),
        (
            "{mon-fri: [\"09:00-12:30\", \"14:00-18:00\"]}",
            "{fri: [\"14:00-18:00\", \"9:00-12:30\"], mon-thu: [\"09:00-12:30\", \"14:00-18:00\"], sun: []}",
        ),
        ("sentiment_below: 0}", "sentiment_below: -0.0}"),
        ("    open_for: 24h\n", ""),
        ("limits: {clock_tolerance: 2s, allowed_skew: 1m, reopen_window: 7d, max_touchpoints: 1000, max_moments: 100}\n", ""),
        (
            "  - {where: {channel: [email, ticket]}, inactivity: 60d, grace: 34d}\n  - {inactivity: 2h, grace: 5m}\n",
            "  - {inactivity: 2h, grace: 5m}\n  - {where: {channel: [email, ticket]}, inactivity: 60d, grace: 34d}\n",
        ),
        ("customer_file: {cycles: 32, keep: 90d}\ncircle: {of: 3, failed: 3, satisfying: 3}\n", "customer_file: {keep: 2160h}\n"),
        ("  failed: {by: critical}\n", ""),
        ("dimensions: [empathy, assurance]", "dimensions: [assurance, empathy]"),
        (
            "stages: [greeting, need_detection, fulfilment, verification, farewell], verified: true, door_open: true, rating: 3",
            "rating: 3",
        ),
        ("dimension: reliability, within: 7d, need: same", "dimension: reliability, where: {stage: greeting}, within: 7d"),
        ("level: [failed, basic], by: {initiated_by: company}", "level: [basic, failed]"),
        ("kind: unmet, dimension", "where: {}, severity: critical, page: open, kind: unmet, dimension"),
    ] {
        assert_eq!(changed(old, new), base, "{new}");
    }
    let (head, rules) = BASE.split_once("rules:\n").unwrap_or_default();
    assert_eq!(hash(&format!("rules:\n{rules}{head}")), base, "the order of fields");
}

#[test]
fn whatever_a_record_depends_on_is_a_new_strategy() {
    let changes = [
        ("Europe/Berlin", "Europe/Vienna"),
        ("12:30", "12:31"),
        ("[2026-12-25]", "[2026-12-26]"),
        ("[2026-12-25]", "[{date: 2026-12-25, hours: \"09:00-10:00\"}]"),
        ("[email, ticket]", "[email]"),
        ("inactivity: 60d", "inactivity: 61d"),
        ("grace: 5m", "grace: 6m"),
        ("clock_tolerance: 2s", "clock_tolerance: 3s"),
        ("allowed_skew: 1m", "allowed_skew: 2m"),
        ("reopen_window: 7d", "reopen_window: 8d"),
        ("max_touchpoints: 1000", "max_touchpoints: 999"),
        ("max_moments: 100", "max_moments: 99"),
        ("id: slow-answer", "id: slower-answer"),
        ("attributes: {line: a}", "attributes: {line: b}"),
        ("attributes: {line: a}", "attributes: {lane: a}"),
        ("attributes: {line: a}", "actor: {id: a}"),
        ("attributes: {line: a}", "actor: {kind: person}"),
        ("attributes: {line: a}", "intent: request"),
        ("attributes: {line: a}", "initiated_by: customer"),
        ("attributes: {line: a}", "audience: internal"),
        ("to: {stage: fulfilment, outcome: met}", "to: {stage: fulfilment, outcome: unmet}"),
        ("vip: 60s", "vip: 61s"),
        ("    hours: business", "    hours: always"),
        ("    hours: business", "    hours: business\n    each: need"),
        ("dimension: responsiveness", "dimension: tangibles"),
        ("side: personnel", "side: systems"),
        ("    side: personnel\n", ""),
        ("vip: page", "vip: warning"),
        ("    page: open", "    page: rate"),
        ("open_for: 24h", "open_for: 25h"),
        ("recovers_by: {stage: greeting}", "recovers_by: {}"),
        (", recovers_by: {stage: greeting}", ""),
        ("where: {site: [voice, branch]}", "where: {site: voice}"),
        ("where: {site: [voice, branch]}", "where: {site: [voice, branch], segment: vip}"),
        ("expects: {stage: verification}", "expects: {stage: farewell}"),
        ("after: {stage: fulfilment}", "after: {stage: greeting}"),
        ("within: 10m", "within: 11m"),
        ("promises: [wait, call_back]", "promises: wait"),
        ("limit: 1m}", "limit: 2m}"),
        ("rating_below: 3", "rating_below: 2"),
        ("sentiment_below: 0", "sentiment_below: 0.5"),
        ("more_than: 2", "more_than: 3"),
        ("{attribute: ticket}", "{attribute: tickets}"),
        ("before: {stage: need_detection}", "before: {stage: greeting}"),
        ("times: 2", "times: 3"),
        ("within: 1h", "within: 2h"),
        ("limit: 4h", "limit: 5h"),
        ("  - {id: whole, kind: unmet, dimension: reliability}\n", ""),
        ("kind: unmet, ", "kind: abandoned, "),
        ("file: {cycles: 32", "file: {cycles: 33"),
        ("keep: 90d", "keep: 91d"),
        ("circle: {of: 3", "circle: {of: 4"),
        ("failed: 3,", "failed: 2,"),
        ("satisfying: 3}", "satisfying: 2}"),
        ("{by: critical}", "{by: page}"),
        ("stages: [greeting],", "stages: [farewell],"),
        ("stages: [greeting],", "stages: [],"),
        ("dimensions: [empathy, assurance]", "dimensions: [empathy]"),
        ("dimensions: [empathy, assurance]", "dimensions: []"),
        ("verification, farewell], verified", "verification], verified"),
        ("verified: true", "verified: false"),
        ("door_open: true", "door_open: false"),
        ("rating: 3}", "rating: 2}"),
        ("rating: 5}", "rating: 4}"),
        ("after: {stage: farewell}", "after: {}"),
        (", after: {stage: farewell}", ""),
        ("by: {channel: phone}", "by: {channel: chat}"),
        ("within: 7d", "within: 8d"),
        ("need: same", "need: any"),
        ("dimension: reliability, within: 7d", "dimension: reliability, where: {stage: fulfilment}, within: 7d"),
        ("within: 2d", "within: 3d"),
        ("hours: business, ", ""),
        ("level: [failed, basic]", "level: [failed]"),
        (", level: [failed, basic]", ""),
        ("by: {initiated_by: company}", "by: {initiated_by: customer}"),
        ("failed: 2, of", "failed: 1, of"),
        ("of: 4", "of: 5"),
    ];
    let base = hash(BASE);
    let mut seen = std::collections::BTreeMap::from([(base, "the base")]);
    for (old, new) in changes {
        let new_hash = changed(old, new);
        if let Some(same) = seen.insert(new_hash, new) {
            panic!("`{new}` has the hash of `{same}`");
        }
    }
}

#[test]
fn the_order_of_rules_and_segments_is_part_of_the_strategy() {
    let rule = |id: &str| format!("  - {{id: {id}, kind: abandoned, dimension: empathy}}\n");
    let with = |first: &str, second: &str| {
        hash(&format!("strategy: s\ncycles: [{{inactivity: 1h, grace: 1m}}]\nrules:\n{}{}", rule(first), rule(second)))
    };
    assert_ne!(with("a", "b"), with("b", "a"));
    let segments =
        |list: &str| hash(&format!("strategy: s\nsegments: {list}\ncycles: [{{inactivity: 1h, grace: 1m}}]\nrules: []"));
    assert_ne!(segments("[vip, regular]"), segments("[regular, vip]"), "the last is the default");
    assert_ne!(segments("[vip, regular]"), segments("[vip, gold, regular]"));
}

/// Stored offsets and cycles carry hashes: one that changes by itself would re-fold the world.
#[test]
fn the_hash_is_the_same_in_every_build() {
    assert_eq!(format!("{:016x}", hash(BASE)), "943b3b1e062c4032");
}
