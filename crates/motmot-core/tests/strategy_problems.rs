//! Every mistake in a strategy file is told, each with its place and its mend, all of them at once.
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
fn all_mistakes_are_told_at_once_with_line_column_and_mend() {
    let text = "\
strategy: s
segmnets: [vip]
cycles: [{inactivity: 90, grace: 5m}]
rules:
  - id: Slow Answer
    kind: slwo
    severity: urgent
  - {id: a, kind: abandoned}
";
    let told = Strategy::load("bank.yaml", text).expect_err("seven mistakes").to_string();
    assert_eq!(
        told,
        "\
bank.yaml:2:1: unknown field `segmnets` in the strategy; did you mean `segments`?
  mend: allowed here: `strategy`, `time_zone`, `calendar`, `holidays`, `labels`, `segments`, `customer_file`, `circle`, \
`levels`, `cycles`, `rules` or `limits`
bank.yaml:3:23: `90` has no unit
  mend: say which is meant: `90s`, `90m`, `90h` or `90d`
bank.yaml:5:5: a rule has no `dimension`
  mend: say what it guards: `reliability`, `responsiveness`, `assurance`, `empathy` or `tangibles`
bank.yaml:5:9: `Slow Answer` is no id: it becomes a metric's label
  mend: use small letters, digits and `-`, at most 64, as in `slow-answer`
bank.yaml:6:11: `slwo` is not a kind of rule; did you mean `slow`?
  mend: write `slow`, `missing`, `unmet`, `unverified`, `unacknowledged`, `broken_promise`, `abandoned`, `low_rating`, \
`handoffs`, `lacking`, `out_of_order`, `reopened`, `repeat_contact`, `no_follow_up` or `vicious_circle`
bank.yaml:7:15: `urgent` is not a severity
  mend: write `info`, `warning`, `critical` or `page`
bank.yaml:8:5: a rule has no `dimension`
  mend: say what it guards: `reliability`, `responsiveness`, `assurance`, `empathy` or `tangibles`"
    );
}

#[test]
fn what_is_mandatory_is_missed() {
    check(
        "a: 1",
        &[
            "1:1 the strategy has no `cycles`",
            "1:1 the strategy has no `rules`",
            "1:1 the strategy has no `strategy`",
            "1:1 unknown field `a` in the strategy",
        ],
    );
    check(
        &format!("{HEAD}cycles: [{{}}]\nrules: []"),
        &["4:10 an entry of `cycles` has no `grace`", "4:10 an entry of `cycles` has no `inactivity`"],
    );
    check_rule("{}", &["a rule has no `dimension`", "a rule has no `id`", "a rule has no `kind`"]);
    for (kind, missing) in [
        ("slow", vec!["`from`", "`limit`", "`to`"]),
        ("missing", vec!["`expects`"]),
        ("unacknowledged", vec!["`limit`"]),
        ("handoffs", vec!["`more_than`"]),
        ("lacking", vec!["`demands`"]),
        ("out_of_order", vec!["`before`"]),
        ("repeat_contact", vec!["`within`"]),
        ("no_follow_up", vec!["`within`"]),
    ] {
        let expected: Vec<String> = missing.iter().map(|name| format!("a rule has no {name}")).collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check_rule(&format!("{{id: a, dimension: empathy, kind: {kind}}}"), &expected);
    }
    check_rule(
        "{id: a, dimension: empathy, kind: low_rating}",
        &["a `low_rating` has neither `rating_below` nor `sentiment_below`"],
    );
}

#[test]
fn a_parameter_belongs_to_its_kind() {
    check_rule(
        "{id: a, dimension: empathy, kind: abandoned, limit: 5m, fro: {}}",
        &["kind `abandoned` has no parameter `limit`", "unknown field `fro` in a rule"],
    );
    check_rule(
        "{id: a, dimension: empathy, kind: unacknowledged, limit: 5m, hour: always}",
        &["unknown field `hour` in a rule; did you mean `hours`?"],
    );
    check_rule(
        "{id: a, dimension: empathy, kind: repeat_contact, within: 5m, hours: always, need: sane, of: 3}",
        &[
            "kind `repeat_contact` has no parameter `hours`",
            "`sane` is not a choice of need; did you mean `same`?",
            "kind `repeat_contact` has no parameter `of`",
        ],
    );
    check_rule(
        "{id: a, dimension: empathy, kind: no_follow_up, within: 5m, level: [faild, basic], by: {segment: vip}}",
        &["`faild` is not a service level; did you mean `failed`?", "a segment is the whole cycle's, not a touchpoint's"],
    );
}

#[test]
fn a_limit_needs_a_unit_and_a_sensible_size() {
    for (limit, message) in [
        ("90", "`90` has no unit"),
        ("1h 30", "`1h 30` has no unit"),
        ("-5m", "`-5m` is negative"),
        ("0s", "`0s` is too short"),
        ("11000d", "`11000d` is too long"),
        ("99999999999999999999d", "`99999999999999999999d` is longer than any duration can be"),
        ("soon", "`soon` is no duration"),
        ("[1m, 2m]", "a list where a duration is expected"),
        ("~", "`~` is no duration"),
    ] {
        check_rule(&format!("{{id: a, dimension: empathy, kind: unacknowledged, limit: {limit}}}"), &[message]);
    }
    check_rule("{id: a, dimension: empathy, kind: abandoned, open_for: 0s}", &["`0s` is too short"]);
    check_rule("{id: a, dimension: empathy, kind: handoffs, more_than: 0}", &["`0` is out of range"]);
    check_rule("{id: a, dimension: empathy, kind: unverified, times: 11}", &["`11` is out of range"]);
    check_rule("{id: a, dimension: empathy, kind: low_rating, rating_below: 1}", &["`1` is out of range"]);
    check_rule("{id: a, dimension: empathy, kind: low_rating, sentiment_below: -1.5}", &["`-1.5` is out of range"]);
    check(
        &format!("{HEAD}{CYCLES}rules: []\nlimits: {{clock_tolerance: 2h, allowed_skew: 1, max_moments: 0, max: 1}}\n"),
        &["6:27 `2h` is too long", "6:45 `1` has no unit", "6:61 `0` is out of range", "6:64 unknown field `max` in `limits`"],
    );
}

#[test]
fn a_filter_that_can_match_nothing_is_a_mistake() {
    for (rule, message) in [
        ("kind: unmet, where: {stage: []}", "an empty list matches nothing"),
        ("kind: unmet, where: {channel: []}", "an empty list matches nothing"),
        ("kind: unmet, where: {segment: []}", "an empty list matches nothing"),
        ("kind: broken_promise, promises: []", "an empty list matches nothing"),
        ("kind: lacking, demands: []", "an empty list matches nothing"),
        ("kind: unmet, where: {actor: {}}", "an empty `actor` says nothing"),
        ("kind: unmet, where: {attributes: {}}", "an empty `attributes` says nothing"),
        ("kind: unmet, where: {outcome: [met, none]}", "a rule of kind `unmet` with this `where` can match nothing"),
        ("kind: unverified, where: {stage: greeting}", "a rule of kind `unverified` with this `where` can match nothing"),
        ("kind: unverified, where: {outcome: unmet}", "a rule of kind `unverified` with this `where` can match nothing"),
        (
            "kind: unacknowledged, limit: 1m, where: {intent: praise}",
            "a rule of kind `unacknowledged` with this `where` can match nothing",
        ),
        (
            "kind: unacknowledged, limit: 1m, where: {outcome: met}",
            "a rule of kind `unacknowledged` with this `where` can match nothing",
        ),
        (
            "kind: unacknowledged, limit: 1m, where: {initiated_by: company}",
            "a rule of kind `unacknowledged` with this `where` can match nothing",
        ),
        (
            "kind: handoffs, more_than: 1, where: {actor: {kind: system}}",
            "a rule of kind `handoffs` with this `where` can match nothing",
        ),
        (
            "kind: slow, limit: 1m, to: {}, from: {stage: greeting}, where: {stage: farewell}",
            "a rule of kind `slow` with this `where` can match nothing",
        ),
        (
            "kind: slow, limit: 1m, to: {}, from: {channel: chat}, where: {channel: [phone, email]}",
            "a rule of kind `slow` with this `where` can match nothing",
        ),
        (
            "kind: reopened, by: {initiated_by: customer}, where: {initiated_by: company}",
            "a rule of kind `reopened` with this `where` can match nothing",
        ),
        ("kind: no_follow_up, within: 1d, level: []", "an empty list matches nothing"),
        ("kind: unmet, where: {site: voise}", "`voise` is no declared site, so this can match nothing; did you mean `voice`?"),
        ("kind: unmet, where: {team: [agents, x]}", "`x` is no declared team, so this can match nothing"),
        ("kind: unmet, recovers_by: {need: car}", "`car` is no declared need, so this can match nothing"),
        ("kind: missing, expects: {}", "an empty `expects` is satisfied by any touchpoint, so nothing is ever missing"),
        ("kind: out_of_order, before: {}", "an empty `before` is the cycle's first touchpoint, which is never late"),
        ("kind: low_rating, sentiment_below: -1", "no sentiment is below -1, so this can match nothing"),
    ] {
        check_rule(&format!("{{id: a, dimension: empathy, {rule}}}"), &[message]);
    }
}

#[test]
fn a_filter_is_checked_word_by_word() {
    check_rule(
        "{id: a, dimension: empathy, kind: unmet, where: {stage: [greeting, farwell], actor: {kind: robot}, chanel: x}}",
        &[
            "`farwell` is not a stage; did you mean `farewell`?",
            "`robot` is not an actor's kind",
            "unknown field `chanel` in a filter; did you mean `channel`?",
        ],
    );
    check_rule(
        "{id: a, dimension: empathy, kind: unmet, where: {channel: [chat, chat], attributes: {x: {}}}}",
        &["`chat` is listed twice: on line 6 and on line 6", "a mapping where a text is expected"],
    );
    check_rule(
        "{id: a, dimension: empathy, kind: slow, limit: 1m, from: {segment: vip}, to: {}}",
        &["a segment is the whole cycle's, not a touchpoint's"],
    );
    check_rule(
        "{id: a, dimension: empathy, kind: lacking, demands: [name, {attribute: x, y: z}, {}]}",
        &["`name` is no demand; did you mean `named`?", "unknown field `y` in a demand", "a demand has no `attribute`"],
    );
}

#[test]
fn two_rules_cannot_have_one_id() {
    let rule = "{id: same, kind: abandoned, dimension: empathy}";
    check(
        &format!("{HEAD}{CYCLES}rules:\n  - {rule}\n  - {rule}\n"),
        &["7:10 two rules have the id `same`: on line 6 and on line 7"],
    );
}

#[test]
fn an_id_is_a_metrics_label() {
    let long = "x".repeat(65);
    for id in ["Slow", "slow_answer", "slow answer", "-slow", "slow-", "größe", &long] {
        check_rule(
            &format!("{{id: {id}, kind: abandoned, dimension: empathy}}"),
            &[&format!("`{id}` is no id: it becomes a metric's label")],
        );
    }
}

#[test]
fn every_segment_that_a_rule_is_about_has_its_values() {
    for (rule, messages) in [
        ("limit: {vip: 1m}", vec!["segment `regular` has no limit"]),
        ("limit: {}", vec!["segment `regular` has no limit", "segment `vip` has no limit"]),
        ("limit: {vip: 1m, regular: 2}", vec!["`2` has no unit"]),
        ("limit: {vip: 1m, regular: 2m, gold: 1m}", vec!["`gold` is no declared segment"]),
        ("limit: 1m, severity: {vip: page}", vec!["segment `regular` has no severity"]),
        ("limit: 1m, where: {segment: gold}", vec!["`gold` is not a declared segment"]),
        (
            "limit: {vip: 1m, regular: 2m}, where: {segment: vip}",
            vec!["the rule's `where` leaves segment `regular` out, so its limit is never used"],
        ),
    ] {
        check_rule(&format!("{{id: a, dimension: empathy, kind: unacknowledged, {rule}}}"), &messages);
    }
}

#[test]
fn every_cycle_has_one_entry_that_can_be_reached() {
    let with = |cycles: &str| format!("{HEAD}rules: []\ncycles:\n{cycles}");
    const ALL: &str = "  - {inactivity: 2h, grace: 5m}\n";
    const PHONE: &str = "  - {where: {channel: phone}, inactivity: 2h, grace: 5m}\n";
    const GREETING: &str = "  - {where: {channel: [phone, chat], stage: greeting}, inactivity: 2h, grace: 5m}\n";
    check(&with(&format!("{PHONE}{ALL}")), &[]);
    check(&with(&format!("{GREETING}{PHONE}{ALL}")), &[]);
    check(&with(&format!("{ALL}{ALL}")), &["7:5 a second entry of `cycles` is for every cycle"]);
    check(&with(PHONE), &["6:3 every entry of `cycles` has a `where`, so some cycles have no entry"]);
    check(
        &with(&format!("{PHONE}{PHONE}{ALL}")),
        &["7:5 an earlier entry is for all cycles of this one, which is never reached"],
    );
    check(&format!("{HEAD}rules: []\ncycles: []"), &["5:9 `cycles` has 0 entries"]);
    check(&with(&PHONE.repeat(17)), &["6:3 `cycles` has 17 entries"]);
    check(&with("  - {inactivity: 0s, grace: -1m}\n"), &["6:18 `0s` is too short", "6:29 `-1m` is negative"]);
}

#[test]
fn business_hours_are_checked() {
    let with = |hours: &str| format!("{HEAD}{CYCLES}rules: []\n{hours}\n");
    for (hours, messages) in [
        ("time_zone: Europe/Berlim", vec!["6:12 `Europe/Berlim` is no known time zone; did you mean `Europe/Berlin`?"]),
        ("calendar: {mon: [\"09:00-17:00\"]}", vec!["6:11 `calendar` stands without `time_zone`"]),
        ("time_zone: UTC\nholidays: [2026-12-25]", vec!["7:11 `holidays` stands without `calendar`"]),
        (
            "time_zone: UTC\ncalendar: {mon: []}",
            vec!["7:11 this calendar is never open, so no limit in business hours would ever pass"],
        ),
        ("time_zone: UTC\ncalendar: {mon: 9-17}", vec!["7:17 `9-17` is no shift"]),
        ("time_zone: UTC\ncalendar: {mon: \"09:00-24:01\"}", vec!["7:17 `09:00-24:01` is no shift"]),
        ("time_zone: UTC\ncalendar: {mon: \"09:60-12:00\"}", vec!["7:17 `09:60-12:00` is no shift"]),
        ("time_zone: UTC\ncalendar: {mon: \"09:00-09:00\"}", vec!["7:17 `09:00-09:00` is empty"]),
        ("time_zone: UTC\ncalendar: {mon: \"22:00-06:00\"}", vec!["7:17 `22:00-06:00` goes over midnight"]),
        (
            "time_zone: UTC\ncalendar: {mon: [\"09:00-12:00\", \"11:00-13:00\"]}",
            vec!["7:33 `11:00-13:00` overlaps another shift of the day"],
        ),
        ("time_zone: UTC\ncalendar: {mon-fri: \"09:00-12:00\", fri: \"13:00-14:00\"}", vec!["7:36 `fri` has hours already"]),
        ("time_zone: UTC\ncalendar: {monday: \"09:00-12:00\"}", vec!["7:12 `monday` is no day and no range of days"]),
        ("time_zone: UTC\ncalendar: {mon-mon: \"09:00-12:00\"}", vec!["7:12 `mon-mon` is no day and no range of days"]),
        (
            "time_zone: UTC\ncalendar: {mon: \"09:00-12:00\"}\nholidays: [2026-02-30, 2026-1-1, {dat: x}, 2026-12-25, {date: 2026-12-25}]",
            vec![
                "8:12 `2026-02-30` is no date",
                "8:24 `2026-1-1` is no date",
                "8:34 a holiday has no `date`",
                "8:35 unknown field `dat` in a holiday; did you mean `date`?",
                "8:56 2026-12-25 is listed twice",
            ],
        ),
    ] {
        check(&with(hours), &messages);
    }
    check_rule(
        "{id: a, dimension: empathy, kind: unacknowledged, limit: 1m, hours: business}",
        &["the strategy declares no business hours"],
    );
    check_rule(
        "{id: a, dimension: empathy, kind: unacknowledged, limit: 1m, hours: office}",
        &["`office` is not a sort of hours"],
    );
    check_rule(
        "{id: a, dimension: empathy, kind: no_follow_up, within: 1d, hours: business}",
        &["the strategy declares no business hours"],
    );
}

#[test]
fn labels_and_segments_are_closed_sets() {
    let text = "strategy: s\nlabels: {site: [voice, voice], team: [other], need: [], stage: [x]}\nsegments: [vip, vip]\n";
    check(
        &format!("{text}{CYCLES}rules: []"),
        &[
            "2:24 `voice` is listed twice: on line 2 and on line 2",
            "2:39 `other` stands for all values that are not declared",
            "2:53 this label has no values",
            "2:57 unknown field `stage` in `labels`",
            "3:17 `vip` is listed twice: on line 3 and on line 3",
        ],
    );
    check(&format!("strategy: s\nsegments: []\n{CYCLES}rules: []"), &["2:11 no segment is listed"]);
    let many: Vec<String> = (0..65).map(|number| format!("s{number}")).collect();
    // No rule is blamed for it: neither one that names the last of them nor one that has a value for each.
    let rule = |id: &str, filter: &str, severity: &str| {
        format!("  - {{id: {id}, kind: unmet, where: {{{filter}}}, dimension: empathy, owner: o, severity: {severity}}}\n")
    };
    let of_each = format!("{{{}}}", many.iter().map(|segment| format!("{segment}: page")).collect::<Vec<_>>().join(", "));
    let rules = [rule("a", "segment: s64", "page"), rule("b", "outcome: unmet", &of_each)].concat();
    check(&format!("strategy: s\nsegments: [{}]\n{CYCLES}rules:\n{rules}", many.join(", ")), &["2:11 65 values are listed"]);
}

#[test]
fn after_and_within_go_together() {
    check_rule(
        "{id: a, dimension: empathy, kind: missing, expects: {stage: farewell}, after: {}}",
        &["`after` stands without `within`"],
    );
    check_rule(
        "{id: a, dimension: empathy, kind: missing, expects: {stage: farewell}, within: 1m}",
        &["`within` stands without `after`"],
    );
}

#[test]
fn what_grows_is_bounded() {
    let rules: String = (0..257).map(|number| format!("  - {{id: r{number}, kind: abandoned, dimension: empathy}}\n")).collect();
    check(&format!("{HEAD}{CYCLES}rules:\n{rules}"), &["262:5 there are 257 rules"]);
    check(&"#".repeat(1 << 20 | 1), &["1:1 the file has 1048577 bytes; at most 1048576 are read"]);
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
    assert!(problems(bomb).iter().any(|problem| problem.contains("an alias")), "{:?}", problems(bomb));
    let long = "x".repeat(201);
    check_rule(&format!("{{id: a, dimension: empathy, kind: unmet, title: {long}}}"), &["this text has 201 bytes"]);
    let channels: Vec<String> = (0..257).map(|number| format!("c{number}")).collect();
    check_rule(
        &format!("{{id: a, dimension: empathy, kind: unmet, where: {{channel: [{}]}}}}", channels.join(", ")),
        &["257 values are listed"],
    );
}

#[test]
fn no_file_is_accepted_or_refused_without_a_word() {
    for text in [
        "",
        "x",
        "[]",
        "strategy",
        "strategy: [",
        "rules: 5",
        "cycles: {}",
        "{}",
        "\u{0}",
        "strategy: s\nrules: [1, [], {}]\ncycles: [1]",
    ] {
        assert!(!problems(text).is_empty(), "{text:?}");
    }
}
