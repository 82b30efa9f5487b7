//! What a good strategy file becomes.
#![allow(clippy::unwrap_used, missing_docs)]

use motmot_core::cycle::Level;
use motmot_core::strategy::{CirclePolicy, Dimension, FilePolicy, Filter, Kind, Levels, Paging, PerSegment, Set, Severity, Side};
use motmot_core::touchpoint::{Initiator, Stage};
use motmot_core::{Strategy, Timestamp};

/// The sketch of DESIGN §7, as it stands there.
const SKETCH: &str = r#"
strategy: bank-telephone
time_zone: Asia/Jerusalem
calendar: {sun-thu: ["07:00-24:00"], fri: ["07:00-14:00"], sat: ["20:00-24:00"]}
labels: {site: [voice], team: [agents, vru], need: [PS, PE, IN, NE, NW, TT]}
segments: [vip, regular]            # the last is the default
cycles:
  - {inactivity: 2h, grace: 5m}
  - {where: {channel: [email, ticket]}, inactivity: 60d, grace: 34d}
rules:
  - id: slow-answer
    title: A customer waits for an agent
    kind: slow
    from: {stage: fulfilment, outcome: pending}
    to: {stage: fulfilment, outcome: met}
    limit: {vip: 60s, regular: 120s}
    dimension: responsiveness
    severity: {vip: page, regular: critical}     # info, warning, critical, page
    page: open                                   # open | rate | never
    owner: floor-supervisor                      # who is paged; the department at fault is the touchpoint's team
    runbook: https://example.org/runbooks/slow-answer
"#;

fn load(text: &str) -> Strategy {
    Strategy::load("s.yaml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A strategy with one rule.
fn with_rule(rule: &str) -> Strategy {
    load(&format!("strategy: s\nsegments: [vip, gold, regular]\ncycles: [{{inactivity: 2h, grace: 5m}}]\nrules:\n  - {rule}\n"))
}

#[test]
fn the_designs_sketch_loads_as_it_is() {
    let strategy = load(SKETCH);
    assert_eq!(strategy.name, "bank-telephone");
    assert_eq!(strategy.segments, ["vip", "regular"]);
    assert_eq!(strategy.labels.need, ["PS", "PE", "IN", "NE", "NW", "TT"]);
    // The entry without `where` is for the cycles that no other entry is for, wherever it stands.
    let times: Vec<_> = strategy.cycles.iter().map(|c| (c.filter.is_empty(), c.inactivity_ms, c.grace_ms)).collect();
    assert_eq!(times, [(false, 60 * 86_400_000, 34 * 86_400_000), (true, 7_200_000, 300_000)]);
    let rule = &strategy.rules[0];
    assert_eq!((rule.id.as_str(), rule.page, rule.owner.as_str()), ("slow-answer", Paging::Open, "floor-supervisor"));
    assert_eq!(rule.severity, PerSegment(vec![Severity::Page, Severity::Critical]));
    assert_eq!(rule.segments, 0b11);
    let Kind::Slow { limit_ms, business_hours, each_need, .. } = &rule.kind else { panic!("{rule:?}") };
    assert_eq!((limit_ms, business_hours, each_need), (&PerSegment(vec![60_000, 120_000]), &false, &false));
    // A Saturday: closed until 20:00 in Jerusalem, which is 18:00 UTC in winter.
    let noon = Timestamp::parse("2026-01-03T12:00:00Z").unwrap();
    assert_eq!(strategy.calendar.add(noon, 60_000), Timestamp::parse("2026-01-03T18:01:00Z").unwrap());
}

#[test]
fn what_is_not_said_has_its_default() {
    let strategy = with_rule("{id: gone, kind: abandoned, dimension: reliability}");
    assert_eq!(
        (strategy.clock_tolerance_ms, strategy.allowed_skew_ms, strategy.reopen_window_ms),
        (2_000, 60_000, 7 * 86_400_000)
    );
    assert_eq!((strategy.max_touchpoints, strategy.max_moments), (1_000, 100));
    assert_eq!(strategy.customer_file, FilePolicy { cycles: 32, keep_ms: 90 * 86_400_000 });
    assert_eq!((strategy.levels, strategy.circle), (Levels::default(), CirclePolicy { of: 3, failed: 3, satisfying: 3 }));
    let rule = &strategy.rules[0];
    assert_eq!((rule.title.as_str(), rule.owner.as_str(), rule.page), ("gone", "operations", Paging::Rate));
    assert_eq!((rule.open_for_ms, rule.side, &rule.recovers_by, &rule.runbook), (86_400_000, None, &None, &None));
    assert_eq!(rule.severity, PerSegment(vec![Severity::Critical; 3]));
    assert!(rule.filter.is_empty());
    assert_eq!(rule.segments, 0b111);
    assert_eq!(load("strategy: s\ncycles: [{inactivity: 1h, grace: 1m}]\nrules: []").segments, ["regular"]);
}

#[test]
fn only_the_segments_that_a_rule_is_about_need_a_limit() {
    let strategy = with_rule(
        "{id: a, kind: unacknowledged, dimension: empathy, side: personnel, where: {segment: [gold, vip]}, limit: {vip: 1m, gold: 2m}}",
    );
    let rule = &strategy.rules[0];
    assert_eq!((rule.segments, rule.side), (0b011, Some(Side::Personnel)));
    let Kind::Unacknowledged { limit_ms, .. } = &rule.kind else { panic!("{rule:?}") };
    assert_eq!(limit_ms, &PerSegment(vec![60_000, 120_000, 60_000]));
}

#[test]
fn what_is_known_of_a_customer_is_the_strategys() {
    let strategy = load(
        "strategy: s\ncycles: [{inactivity: 2h, grace: 5m}]\nrules: []\ncustomer_file: {cycles: 6, keep: 30d}\n\
         circle: {of: 5, failed: 2, satisfying: 4}\nlevels:\n  failed: {by: page}\n  basic: {stages: [], dimensions: reliability}\n  \
         satisfying: {stages: [greeting, fulfilment], verified: false, door_open: false, rating: 2}\n  unforgettable: {rating: 4}\n",
    );
    assert_eq!(strategy.customer_file, FilePolicy { cycles: 6, keep_ms: 30 * 86_400_000 });
    assert_eq!(strategy.circle, CirclePolicy { of: 5, failed: 2, satisfying: 4 });
    let levels = Levels {
        failed_by: Severity::Page,
        basic_by_stage: None,
        basic_by_dimension: Some(Set::of(&[Dimension::Reliability])),
        satisfying_stages: Set::of(&[Stage::Greeting, Stage::Fulfilment]),
        satisfying_verified: false,
        satisfying_door_open: false,
        satisfying_rating: 2,
        unforgettable_rating: 4,
    };
    assert_eq!(strategy.levels, levels);
}

#[test]
fn the_kinds_that_look_beyond_a_cycle_have_their_defaults() {
    let reopened = with_rule("{id: a, kind: reopened, dimension: reliability}");
    assert!(
        matches!(&reopened.rules[0].kind, Kind::Reopened { after: None, by } if !by.stages.admits(Stage::Farewell)),
        "{reopened:?}"
    );
    let anything = with_rule("{id: a, kind: reopened, dimension: reliability, after: {}, by: {stage: greeting}}");
    assert!(matches!(&anything.rules[0].kind, Kind::Reopened { after: Some(after), by } if after.is_empty() && !by.is_empty()));

    let repeat = with_rule("{id: a, kind: repeat_contact, dimension: reliability, within: 7d, where: {site: voice}}");
    let greeting = Set::of(&[Stage::Greeting]);
    assert_eq!((repeat.rules[0].filter.stages, repeat.rules[0].filter.texts.len()), (greeting, 1), "a contact is a greeting");
    assert!(matches!(&repeat.rules[0].kind, Kind::RepeatContact { same_need: true, .. }));
    let any = "{id: a, kind: repeat_contact, dimension: reliability, within: 7d, need: any, where: {stage: fulfilment}}";
    let any = with_rule(any);
    assert_eq!(any.rules[0].filter.stages, Set::of(&[Stage::Fulfilment]), "a stage that is named stays");
    assert!(matches!(&any.rules[0].kind, Kind::RepeatContact { same_need: false, .. }));

    let follow = with_rule("{id: a, kind: no_follow_up, dimension: reliability, within: 2d}");
    let Kind::NoFollowUp { within_ms, business_hours, levels, by } = &follow.rules[0].kind else { panic!("{follow:?}") };
    assert_eq!((within_ms, business_hours, levels.is_any()), (&PerSegment(vec![2 * 86_400_000; 3]), &false, true));
    assert_eq!(*by, Filter { initiated_by: Set::of(&[Initiator::Company]), ..Filter::default() });
    let some = with_rule("{id: a, kind: no_follow_up, dimension: reliability, within: 2d, level: [failed, basic], by: {}}");
    let Kind::NoFollowUp { levels, by, .. } = &some.rules[0].kind else { panic!("{some:?}") };
    assert_eq!((*levels, by.is_empty()), (Set::of(&[Level::Failed, Level::Basic]), true));

    let circle = with_rule("{id: a, kind: vicious_circle, dimension: reliability}");
    assert!(matches!(&circle.rules[0].kind, Kind::ViciousCircle { failed: 3, of: 3 }));
    let pages = [&reopened, &repeat, &follow, &circle].map(|strategy| strategy.rules[0].page);
    assert_eq!(pages, [Paging::Open, Paging::Rate, Paging::Open, Paging::Open]);
}

#[test]
fn rules_and_their_cures_are_told_in_plain_words() {
    for (rule, demand, cure) in [
        (
            "{id: a, kind: slow, dimension: responsiveness, from: {stage: greeting}, to: {stage: fulfilment, outcome: met}, limit: {vip: 60s, gold: 90s, regular: 2m}}",
            "From a greeting to a fulfilment with outcome met it takes at most 1m (vip), 1m 30s (gold) or 2m (regular).",
            "a fulfilment with outcome met",
        ),
        (
            "{id: a, kind: slow, dimension: responsiveness, from: {}, to: {actor: {kind: person}}, limit: 4h, each: need, where: {segment: vip}}",
            "From a touchpoint to a touchpoint with a person it takes at most 4h, for each need; only for segment vip.",
            "a touchpoint with a person",
        ),
        (
            "{id: a, kind: missing, dimension: reliability, expects: {stage: [verification, farewell]}, where: {site: voice}}",
            "There is a verification or a farewell before the cycle closes; this is about a touchpoint at site voice.",
            "a verification or a farewell",
        ),
        (
            "{id: a, kind: missing, dimension: reliability, expects: {initiated_by: company}, after: {stage: fulfilment}, within: 10m}",
            "There is a touchpoint initiated by the company within 10m of a fulfilment.",
            "a touchpoint initiated by the company",
        ),
        (
            "{id: a, kind: unmet, dimension: reliability, where: {stage: greeting, attributes: {line: [1, 2]}}}",
            "A greeting whose line is 1 or 2 meets the customer's need in full.",
            "a later touchpoint of the same stage and need with outcome met",
        ),
        (
            "{id: a, kind: unverified, dimension: assurance, times: 2, within: 1h 30m}",
            "Each need that is fulfilled is verified 2 times within 1h 30m.",
            "verifications of the need, 2 in all",
        ),
        (
            "{id: a, kind: unacknowledged, dimension: empathy, limit: 4h}",
            "A complaint or question is answered, or given an announced wait, within 4h.",
            "an answer: a contact by the company or with a person, an announced wait, or an outcome met",
        ),
        (
            "{id: a, kind: broken_promise, dimension: reliability, promises: wait}",
            "Every promise of kind wait is kept when it is due.",
            "a fulfilment with outcome met or partly met",
        ),
        (
            "{id: a, kind: broken_promise, dimension: reliability, limit: 5m}",
            "Every promise is kept at most 5m after it is due.",
            "a touchpoint that keeps the promise; of an announced wait, a fulfilment with outcome met or partly met",
        ),
        (
            "{id: a, kind: abandoned, dimension: reliability, recovers_by: {stage: greeting, channel: [phone, chat]}}",
            "The customer does not leave without a farewell, nor with the need unmet.",
            "a greeting by channel chat or phone",
        ),
        (
            "{id: a, kind: low_rating, dimension: empathy, rating_below: 3, sentiment_below: -0.25}",
            "The customer's rating is at least 3 and sentiment is at least -0.25.",
            "a later touchpoint whose rating is at least 3 and sentiment is at least -0.25",
        ),
        (
            "{id: a, kind: handoffs, dimension: reliability, more_than: {vip: 1, gold: 2, regular: 2}}",
            "The customer deals with at most 1 person (vip), 2 persons (gold) or 2 persons (regular) in one cycle.",
            "nothing: it cannot be undone",
        ),
        (
            "{id: a, kind: lacking, dimension: tangibles, demands: [door_open, named, {attribute: ticket}], where: {stage: farewell}}",
            "A farewell has a name given, the door left open and attribute ticket.",
            "a later touchpoint that has a name given, the door left open and attribute ticket",
        ),
        (
            "{id: a, kind: out_of_order, dimension: assurance, before: {stage: need_detection}, where: {stage: fulfilment}}",
            "A need detection comes before a fulfilment.",
            "nothing: it cannot be undone",
        ),
        (
            "{id: a, kind: reopened, dimension: reliability}",
            "After a verification met or a farewell the customer need not come back with a greeting, a need detection or a fulfilment.",
            "a verification met, or a farewell, after that",
        ),
        (
            "{id: a, kind: reopened, dimension: reliability, after: {stage: fulfilment}, by: {initiated_by: customer}, where: {site: voice}}",
            "After a fulfilment the customer need not come back with a touchpoint initiated by the customer; this is about a touchpoint at site voice.",
            "a fulfilment, after that",
        ),
        (
            "{id: a, kind: repeat_contact, dimension: reliability, within: {vip: 1d, gold: 7d, regular: 7d}}",
            "A customer need not get in touch again for the same need within 1d (vip), 7d (gold) or 7d (regular) of a greeting.",
            "nothing: it cannot be undone",
        ),
        (
            "{id: a, kind: repeat_contact, dimension: reliability, within: 7d, need: any, where: {stage: fulfilment, site: voice}}",
            "A customer need not get in touch again within 7d of a fulfilment at site voice.",
            "nothing: it cannot be undone",
        ),
        (
            "{id: a, kind: no_follow_up, dimension: empathy, within: 2d, level: [failed, added_value], where: {segment: vip}}",
            "A closed cycle whose level is failed or added value is followed by a touchpoint initiated by the company within 2d; only for segment vip.",
            "a touchpoint initiated by the company",
        ),
        (
            "{id: a, kind: no_follow_up, dimension: empathy, within: 2d, by: {channel: phone}}",
            "A closed cycle is followed by a touchpoint by channel phone within 2d.",
            "a touchpoint by channel phone",
        ),
        (
            "{id: a, kind: vicious_circle, dimension: reliability, failed: 2, of: 5}",
            "Of a customer's last 5 final cycles fewer than 2 failed.",
            "a contact by the company",
        ),
    ] {
        let strategy = with_rule(rule);
        assert_eq!(strategy.rules[0].words(&strategy.segments), demand);
        assert_eq!(strategy.rules[0].recovers_words, cure, "{rule}");
    }
}
