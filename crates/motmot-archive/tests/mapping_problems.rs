//! A mapping file with mistakes is refused: all of them at once, each with its place and its mend.

use motmot_archive::Mapping;

/// A whole mapping of one touchpoint, with `lines` put in before it.
fn with(lines: &str, slot: &str) -> String {
    format!(
        "mapping: m\nformat: {{kind: csv}}\n{lines}key: \"{{customer}}\"\ntouchpoints:\n  - {{slot: s, at: {{instant: \"{{at}}\"}}, stage: greeting, \
         outcome: met, channel: phone, site: here{slot}}}\n"
    )
}

fn check(text: &str, expected: &[&str]) {
    let problems = Mapping::load("m.yaml", text).map(|mapping| mapping.name).expect_err("the mapping is wrong");
    let told = problems.to_string();
    for words in expected {
        assert!(told.contains(words), "{words}\n--- is not in\n{told}");
    }
    assert_eq!(problems.len(), expected.len(), "{told}");
    assert_eq!(told.matches("  mend: ").count(), expected.len(), "each with its mend:\n{told}");
}

#[test]
fn a_whole_mapping_is_accepted() {
    Mapping::load("m.yaml", &with("", "")).unwrap();
}

#[test]
fn what_must_be_there_is_asked_for() {
    check(
        "format: {kind: csv}\n",
        &[
            "m.yaml:1:1: the mapping has no `mapping`",
            "m.yaml:1:1: the mapping has no `key`",
            "m.yaml:1:1: the mapping has no `touchpoints`",
        ],
    );
    let text = "mapping: m\nformat: {kind: csv}\nkey: k\ntouchpoints:\n  - {slot: s, site: here}\n";
    let missing = ["`at`", "`stage`", "`outcome`", "`channel`"].map(|field| format!("m.yaml:5:5: a touchpoint has no {field}"));
    check(text, &missing.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn unknown_fields_and_words_are_told_with_a_near_one() {
    check(
        &with("tme_zone: UTC\n", ", channnel: ivr, team: x"),
        &[
            "m.yaml:3:1: unknown field `tme_zone` in the mapping; did you mean `time_zone`?",
            "unknown field `channnel` in a touchpoint; did you mean `channel`?",
        ],
    );
    check(&with("time_zone: Europe/Berlim\n", ""), &["`Europe/Berlim` is no time zone; did you mean `Europe/Berlin`?"]);
    check(
        &with("", ", intent: requst, actor: {kind: persn}"),
        &["`requst` is not an intent; did you mean `request`?", "`persn` is not a kind of actor; did you mean `person`?"],
    );
    check(
        "mapping: m\nformat: {delimiter: \";;\"}\nkey: k\ntouchpoints: []\n",
        &["m.yaml:2:21: `;;` where one ASCII character is expected", "0 touchpoints are listed"],
    );
}

#[test]
fn references_must_lead_somewhere() {
    check(
        &with("conditions: {a: b}\ntimes: {x: {start: y, plus: 1h}}\nignore: {not: c}\n", ", team: \"{#0}\", need: \"{open\""),
        &[
            "m.yaml:3:17: no condition is called `b`",
            "m.yaml:4:20: no time is called `y`",
            "m.yaml:5:15: no condition is called `c`",
            "`{#0}` names no column",
            "a brace in `{open` has no partner",
        ],
    );
    let no_header = "mapping: m\nformat: {kind: csv, header: false, columns: [at]}\nkey: \"{who}\"\ntouchpoints:\n  - {slot: s, at: {instant: \"{at}\"}, stage: greeting, outcome: met, channel: c, site: \"{#7}\"}\n";
    check(no_header, &["m.yaml:3:6: the file has no header, and neither `columns` nor `values` names `who`"]);
}

#[test]
fn circles_are_found() {
    check(
        &with("values: {a: \"{b}\", b: \"{a}\"}\ntimes: {t: {time: t}}\nconditions: {c: {not: c}}\n", ""),
        &["the value `a` refers to itself", "the time `t` refers to itself", "the condition `c` refers to itself"],
    );
}

#[test]
fn what_can_never_hold_is_refused() {
    check(
        &with("ignore: [{of: \"{x}\"}, {equals: y}]\n", ""),
        &[
            "m.yaml:3:10: nothing is compared",
            "m.yaml:3:23: it is not clear what this condition is about",
            "unknown field `equals`",
        ],
    );
    check(&with("", ", waited: \"{w}\""), &["a column's number has no unit"]);
    check(&with("", ", waited: \"90\""), &["`90` has no unit"]);
    check(&with("", ", announced_wait: {of: \"{a}\", table: {x: 60, y: 90s}}"), &["`60` has no unit"]);
    check(&with("", ", rating: good"), &["`good` is no number"]);
    check(&with("", ", team: {table: {a: b}}"), &["it is not clear how this value is found", "`table` without `of`"]);
    check(&with("", ", team: {of: \"{a}\", otherwise: b}"), &["`otherwise` without `table` or `then`"]);
    check(&with("cycle_id: {of: \"{c}\", carry: first}\n", ""), &["nothing can be carried before the cycle is known"]);
}

#[test]
fn time_formats_must_give_what_is_needed() {
    let times = |format: &str| with(&format!("times: {{t: {{{format}}}}}\n"), "");
    check(&times("instant: \"{x}\", format: \"%Y-%m-%d\""), &["`%Y-%m-%d` does not give a date and a time of day"]);
    check(&times("instant: \"{x}\", format: \"%Q\""), &["`%Q` is no time format"]);
    check(&times("clock: \"{x}\", date: \"{d}\", date_format: \"%H:%M\""), &["`%H:%M` does not give a date"]);
    check(&times("clock: \"{x}\""), &["a time of day has no day"]);
    check(&times("clock: \"{x}\", instant: \"{y}\""), &["it is not clear how this time is found"]);
    Mapping::load("m.yaml", &times("instant: \"{x}\", format: \"%d.%m.%y %H:%M:%S %z\"")).unwrap();
    Mapping::load("m.yaml", &times("instant: \"{x}\", format: epoch_ms")).unwrap();
}

#[test]
fn two_slots_of_one_name_are_two_answers() {
    let text = with("", "").replace(
        "touchpoints:\n",
        "touchpoints:\n  - {slot: s, at: {instant: \"{at}\"}, stage: farewell, outcome: met, channel: c, site: x}\n",
    );
    check(&text, &["m.yaml:6:5: two slots are called `s`"]);
}
