//! Mistakes in what a strategy says of a customer's cycles together: the customer file, the circle, the levels, and the kinds that look
//! beyond one cycle.
#![allow(missing_docs)]

use motmot_core::Strategy;

const HEAD: &str = "strategy: s\nsegments: [vip, regular]\nlabels: {site: [voice], team: [agents], need: [loan]}\n";
const CYCLES: &str = "cycles: [{inactivity: 2h, grace: 5m}]\n";

/// The problems' messages of a file, each as "line:column message".
fn problems(text: &str) -> Vec<String> {
    match Strategy::load("s.yaml", text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.sorted().iter().map(|p| format!("{}:{} {}", p.place.line, p.place.column, p.message)).collect(),
    }
}

/// Checks that a file has exactly these problems.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(problems(text), expected, "in\n{text}");
}

/// Checks the messages of a file that consists of one rule, which stands on line 6 from column 5 on.
#[track_caller]
fn check_rule(rule: &str, expected: &[&str]) {
    let found = problems(&format!("{HEAD}{CYCLES}rules:\n  - {rule}\n"));
    let messages: Vec<&str> = found.iter().map(|problem| problem.split_once(' ').unwrap_or_default().1).collect();
    assert_eq!(messages, expected, "in {rule}");
    assert!(found.iter().all(|problem| problem.starts_with("6:")), "{found:?}");
}

#[test]
fn what_the_customer_file_forgets_no_rule_can_ask_for() {
    check_rule(
        "{id: a, dimension: empathy, kind: repeat_contact, within: 91d}",
        &["the customer file forgets a cycle after 90d, before the 91d of `within` are over"],
    );
    check_rule(
        "{id: a, dimension: empathy, kind: no_follow_up, within: {vip: 1d, regular: 100d}}",
        &["the customer file forgets a cycle after 90d, before the 100d of `within` are over"],
    );
    check_rule(
        "{id: a, dimension: empathy, kind: vicious_circle, failed: 4}",
        &["a vicious circle of 3 cycles never has 4 that are `failed`"],
    );
    check_rule(
        "{id: a, dimension: empathy, kind: vicious_circle, failed: 0, of: 33}",
        &["`0` is out of range", "`33` is out of range"],
    );
    let with = |file: &str, rule: &str| format!("{HEAD}{CYCLES}{file}\nrules: [{{id: a, dimension: empathy, {rule}}}]\n");
    check(&with("customer_file: {keep: 1d}", "kind: repeat_contact, within: 24h"), &[]);
    check(
        &with("customer_file: {keep: 1d}", "kind: no_follow_up, within: 25h"),
        &["6:65 the customer file forgets a cycle after 1d, before the 1d 1h of `within` are over"],
    );
    check(
        &with("customer_file: {cycles: 4}", "kind: vicious_circle, of: 5"),
        &["6:63 this looks at a customer's last 5 cycles, and the customer file knows 4"],
    );
    check(
        &with("customer_file: {cycles: 2}", "kind: unmet"),
        &["5:16 the circle looks at a customer's last 3 cycles, and the customer file knows 2"],
    );
    check(&with("customer_file: {cycles: 2}\ncircle: {of: 2, failed: 2, satisfying: 2}", "kind: unmet"), &[]);
}

#[test]
fn what_follows_up_is_said_once() {
    check_rule(
        "{id: a, dimension: empathy, kind: no_follow_up, within: 5m, recovers_by: {stage: greeting}}",
        &["a `no_follow_up` is cleared by the contact itself"],
    );
}

#[test]
fn a_customers_past_has_bounds_that_make_sense() {
    let with = |section: &str| format!("{HEAD}{CYCLES}rules: []\n{section}\n");
    for (section, messages) in [
        ("circle: {of: 4, failed: 5}", vec!["6:25 a circle of 4 cycles never has 5 that are `failed`"]),
        (
            "circle: {of: 2}",
            vec![
                "6:14 a circle of 2 cycles never has 3 that are `failed`",
                "6:14 a circle of 2 cycles never has 3 that are `satisfying`",
            ],
        ),
        (
            "circle: {of: 0, faild: 1}\ncustomer_file: {cycle: 1, keep: -1d}",
            vec![
                "6:14 `0` is out of range",
                "6:17 unknown field `faild` in `circle`; did you mean `failed`?",
                "7:17 unknown field `cycle` in `customer_file`; did you mean `cycles`?",
                "7:33 `-1d` is negative",
            ],
        ),
        ("customer_file: [32]", vec!["6:16 a list where `customer_file` is expected"]),
    ] {
        check(&with(section), &messages);
    }
}

#[test]
fn levels_are_checked_word_by_word() {
    let with = |levels: &str| format!("{HEAD}{CYCLES}rules: []\nlevels: {levels}\n");
    for (levels, messages) in [
        (
            "{faild: {by: urgent}, failed: {by: urgent}}",
            vec!["6:10 unknown field `faild` in `levels`; did you mean `failed`?", "6:44 `urgent` is not a severity"],
        ),
        (
            "{basic: {stages: [greting], dimensions: [empaty], stage: greeting}}",
            vec![
                "6:27 `greting` is not a stage; did you mean `greeting`?",
                "6:50 `empaty` is not a dimension; did you mean `empathy`?",
                "6:59 unknown field `stage` in level `basic`; did you mean `stages`?",
            ],
        ),
        (
            "{satisfying: {stages: [], verified: often, door_open: 1, rating: 0}}",
            vec![
                "6:31 an empty list demands no step at all",
                "6:45 `often` where `true` or `false` is expected",
                "6:63 `1` where `true` or `false` is expected",
                "6:74 `0` is out of range",
            ],
        ),
        ("{unforgettable: {rating: 2}}", vec!["6:34 a cycle with a rating below 3 is not even satisfying"]),
        (
            "{unforgettable: {rating: 6}, added_value: {}}",
            vec!["6:34 `6` is out of range", "6:38 unknown field `added_value` in `levels`"],
        ),
    ] {
        check(&with(levels), &messages);
    }
}
