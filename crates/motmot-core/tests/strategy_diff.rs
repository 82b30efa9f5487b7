//! What changed between two strategies is told in words. That nothing is forgotten is held in `strategy_hash.rs`.
#![allow(missing_docs)]

use motmot_core::Strategy;

const OLD: &str = r#"
strategy: shop
segments: [vip, regular]
labels: {site: [north, south]}
time_zone: Europe/Berlin
calendar: {mon-fri: ["09:00-17:00"]}
holidays: [2026-12-25]
cycles:
  - {where: {channel: email}, inactivity: 30d, grace: 7d}
  - {inactivity: 2h, grace: 5m}
rules:
  - {id: answer, kind: slow, from: {}, to: {initiated_by: company}, limit: {vip: 60s, regular: 120s}, dimension: responsiveness}
  - {id: gone, kind: abandoned, dimension: reliability}
  - {id: back, kind: repeat_contact, within: 7d, dimension: reliability}
"#;

/// The changes that a replacement in the file makes, each as one line; those that the version does not have in brackets.
#[track_caller]
fn check(replacements: &[(&str, &str)], expected: &[&str]) {
    let load = |text: &str| Strategy::load("s.yaml", text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let mut new = OLD.to_owned();
    for (from, to) in replacements {
        assert_eq!(new.matches(from).count(), 1, "{from}");
        new = new.replace(from, to);
    }
    let told: Vec<String> = load(OLD)
        .diff(&load(&new))
        .into_iter()
        .map(|change| {
            let line = format!("{}: {}", change.part, change.words);
            if change.in_version { line } else { format!("({line})") }
        })
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn the_same_is_nothing() {
    check(&[("inactivity: 2h", "inactivity: 120m")], &[]);
}

#[test]
fn a_rule_is_told_by_what_changed() {
    check(&[("vip: 60s", "vip: 90s")], &["rule answer: the limit for vip was 1m and is now 1m 30s"]);
    check(
        &[("{vip: 60s, regular: 120s}", "{vip: 1m, regular: 3m}")],
        &["rule answer: the limit for regular was 2m and is now 3m"],
    );
    check(
        &[("within: 7d", "within: 14d, severity: warning")],
        &["rule back: the severity was critical and is now warning", "rule back: the time within which was 7d and is now 14d"],
    );
    check(
        &[("within: 7d", "within: {vip: 14d, regular: 7d}")],
        &["rule back: the time within which for vip was 7d and is now 14d"],
    );
    check(
        &[("limit: {vip: 60s, regular: 120s}", "where: {segment: vip, stage: greeting}, limit: 60s")],
        &[
            "rule answer: what it is about was a touchpoint and is now a greeting",
            "rule answer: whose cycles it is about was every customer's and is now those of vip",
        ],
    );
    check(
        &[("limit: {vip: 60s", "title: Waiting, owner: floor, runbook: x, limit: {vip: 60s")],
        &[
            "(rule answer: the title was `answer` and is now `Waiting`)",
            "(rule answer: the owner was `operations` and is now `floor`)",
            "(rule answer: the runbook was none and is now `x`)",
        ],
    );
    check(
        &[("to: {initiated_by: company}", "to: {initiated_by: company, audience: [external, internal]}")],
        &["rule answer: what the time runs to is written in another way, and still is a touchpoint initiated by the company"],
    );
}

#[test]
fn a_rule_that_is_new_or_gone_is_told_whole() {
    check(
        &[("  - {id: gone, kind: abandoned, dimension: reliability}\n", "")],
        &["rule gone: is gone; it said: The customer does not leave without a farewell, nor with the need unmet."],
    );
    check(
        &[("  - {id: gone", "  - {id: lost, kind: vicious_circle, dimension: empathy}\n  - {id: gone")],
        &["rule lost: is new: Of a customer's last 3 final cycles fewer than 3 failed."],
    );
    check(
        &[("kind: abandoned", "kind: handoffs, more_than: 2")],
        &[
            "rule gone: the kind was abandoned and is now handoffs",
            "rule gone: now says: The customer deals with at most 2 persons in one cycle.",
        ],
    );
    check(
        &[("id: gone", "id: middle"), ("id: back", "id: gone"), ("id: middle", "id: back")],
        &[
            "rule back: the kind was repeat_contact and is now abandoned",
            "rule back: what it is about was a greeting and is now a touchpoint",
            "rule back: now says: The customer does not leave without a farewell, nor with the need unmet.",
            "rule gone: the kind was abandoned and is now repeat_contact",
            "rule gone: what it is about was a touchpoint and is now a greeting",
            "rule gone: now says: A customer need not get in touch again for the same need within 7d of a greeting.",
            "the rules: stand in another order: rule answer, rule back and rule gone",
        ],
    );
}

#[test]
fn what_stands_around_the_rules_is_told_too() {
    check(
        &[("strategy: shop", "strategy: shop-2"), ("[north, south]", "[north, east]"), ("grace: 5m", "grace: 6m")],
        &[
            "(the strategy: the name was `shop` and is now `shop-2`)",
            "(the labels: site: east is new)",
            "(the labels: site: south is gone)",
            "cycles in general: the grace was 5m and is now 6m",
        ],
    );
    check(
        &[
            ("mon-fri: [\"09:00-17:00\"]", "mon-thu: [\"09:00-17:00\"], fri: [\"09:00-12:00\", \"13:00-15:00\"]"),
            ("2026-12-25", "2026-12-26"),
        ],
        &[
            "the calendar: the opening on Fridays was 09:00-17:00 and is now 09:00-12:00 and 13:00-15:00",
            "the calendar: the holidays: 2026-12-26 (closed) is new",
            "the calendar: the holidays: 2026-12-25 (closed) is gone",
        ],
    );
    check(
        &[("channel: email", "channel: letter"), ("segments: [vip, regular]", "segments: [regular, vip]")],
        &[
            "the strategy: the list of segments was vip and regular, the default being regular and is now regular and vip, the default being vip",
            "cycles that begin with a touchpoint by channel letter: is new: the inactivity is 30d, the grace 7d",
            "cycles that begin with a touchpoint by channel email: is gone; it said: the inactivity is 30d, the grace 7d",
        ],
    );
    check(
        &[
            (
                "rules:",
                "customer_file: {cycles: 12, keep: 1d 1h 1m}\ncircle: {failed: 2}\nlevels: {failed: {by: page}, basic: {stages: []}, satisfying: {door_open: false}}\nlimits: {max_moments: 5}\nrules:",
            ),
            ("within: 7d", "within: 1d"),
        ],
        &[
            "the customer file: the number of cycles that it knows was 32 and is now 12",
            "the customer file: how long a final cycle is known was 90d and is now 1d 1h 1m",
            "the circle: the number of failed ones that make it vicious was 3 and is now 2",
            "the levels: the severity of a moment that fails a cycle was critical and is now page",
            "the levels: the list of stages whose moments leave a cycle basic was greeting and is now none",
            "the levels: that a satisfying cycle leaves the door open was demanded and is now not demanded",
            "the limits: the most moments of a cycle was 100 and is now 5",
            "rule back: the time within which was 7d and is now 1d",
        ],
    );
}
