//! Touchpoints as JSON lines.

use motmot_core::touchpoint::{Initiator, Stage};
use motmot_core::{Timestamp, Touchpoint};
use motmot_wire::Arrived;
use motmot_wire::json::{LineError, parse_json_line, write_json_line};
use proptest::prelude::*;

use crate::samples::{arrived, plain, touchpoint};

const LINE: &str = r#"{"event_id": "e1", "occurred_at": "2026-03-01T09:30:00Z", "stage": "need_detection", "channel": "phone", "site": "voice", "outcome": "partly_met"}"#;

/// The line with more fields.
fn with(fields: &str) -> String {
    LINE.replacen('{', &format!("{{{fields}, "), 1)
}

proptest! {
    #[test]
    fn a_line_is_read_back(arrived in arrived()) {
        let mut line = b"before".to_vec();
        write_json_line(&arrived, &mut line).unwrap();
        let line = line.strip_prefix(b"before").unwrap();
        prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
        prop_assert_eq!(parse_json_line(line).unwrap(), arrived);
    }

    #[test]
    fn the_long_form_with_its_nulls_is_read_too(touchpoint in touchpoint()) {
        let line = serde_json::to_vec(&touchpoint).unwrap();
        prop_assert_eq!(parse_json_line(&line).unwrap(), Arrived { arrived_at: None, touchpoint });
    }
}

#[test]
fn only_what_is_said_is_written() {
    let mut line = Vec::new();
    write_json_line(&Arrived { arrived_at: None, touchpoint: plain("e1") }, &mut line).unwrap();
    assert_eq!(
        String::from_utf8(line).unwrap(),
        concat!(
            r#"{"event_id":"e1","occurred_at":"2026-03-01T09:30:00Z","stage":"need_detection","#,
            r#""channel":"phone","site":"voice","outcome":"partly_met"}"#,
            "\n"
        )
    );
}

#[test]
fn instants_may_be_numbers_and_defaults_apply() {
    let line = LINE.replace("\"2026-03-01T09:30:00Z\"", "1772357400000");
    let arrived = parse_json_line(line.as_bytes()).unwrap();
    assert_eq!(arrived, Arrived { arrived_at: None, touchpoint: plain("e1") });
    assert_eq!((arrived.touchpoint.initiated_by, arrived.touchpoint.stage), (Initiator::Customer, Stage::NeedDetection));
    assert_eq!(arrived.instant(), arrived.touchpoint.occurred_at);
    let line = with(r#""arrived_at": "2026-03-01T10:30:02.5+01:00""#);
    let arrived = parse_json_line(line.as_bytes()).unwrap();
    assert_eq!(arrived.instant(), Timestamp::from_millis(1_772_357_402_500));
    let line = with(r#""arrived_at": null"#);
    assert_eq!(parse_json_line(line.as_bytes()).unwrap().arrived_at, None);
}

#[test]
fn texts_are_borrowed_from_the_line() {
    let line = with(r#""team": "agents", "kept_promises": ["p1"], "attributes": {"vru_line": "AA01"}"#);
    let touchpoint: Touchpoint<'_> = parse_json_line(line.as_bytes()).unwrap().touchpoint;
    let (name, value) = &touchpoint.attributes[0];
    for text in [&touchpoint.event_id, touchpoint.team.as_ref().unwrap(), &touchpoint.kept_promises[0], name, value] {
        assert!(line.as_bytes().as_ptr_range().contains(&text.as_ptr()), "{text} was copied");
    }
}

#[track_caller]
fn check(line: &str, expected_field: &str, words: &str) {
    match parse_json_line(line.as_bytes()).unwrap_err() {
        LineError::Unreadable { field, column, detail } => {
            assert_eq!(field, expected_field, "{detail}");
            assert!(detail.contains(words), "{detail}");
            assert!(column <= line.len(), "column {column}");
        }
        invalid @ LineError::Invalid(_) => panic!("{invalid}"),
    }
}

#[test]
fn an_error_names_the_field() {
    check(&with(r#""chanel": "phone""#), "chanel", "no such field");
    check(&with(r#""actor": {"kind": "person", "nmaed": true}"#), "actor.nmaed", "no such field");
    check(&with(r#""actor": {"kind": "robot"}"#), "actor.kind", "robot");
    check(&with(r#""actor": ["person", null, true]"#), "actor", "sequence");
    check(
        &with(r#""promises": [{"promise_id": "p", "kind": "call_back", "due_at": "tomorrow"}]"#),
        "promises.due_at",
        "tomorrow",
    );
    check(&with(r#""rating": "five""#), "rating", "five");
    check(&with(r#""attributes": {"colour": 3}"#), "attributes.colour", "string");
    check(&with(r#""attributes": {"a": "1", "a": "2"}"#), "attributes", "given twice");
    check(&with(r#""arrived_at": "yesterday""#), "arrived_at", "yesterday");
    check(&with(r#""arrived_at": 1, "arrived_at": 2"#), "", "duplicate field `arrived_at`");
    check(&with(r#""st\u0061ge": "greeting""#), "", "duplicate field `stage`");
    check(&LINE.replace("\"site\": \"voice\",", ""), "", "missing field `site`");
    check(&LINE[..40], "occurred_at", "EOF");
    check(&format!("{LINE} {{}}"), "", "trailing");
    check("[1, 2]", "", "a touchpoint");
    check("", "", "EOF");
}

#[test]
fn an_error_names_the_column_and_the_reason() {
    let line = with(r#""rating": "five""#);
    let error = parse_json_line(line.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "column 17, field rating: invalid type: string \"five\", expected i32");
    assert_eq!(error.reason(), "malformed");
}

#[test]
fn a_touchpoint_that_cannot_be_is_an_error() {
    for (fields, words) in [(r#""rating": 6"#, "rating is 6"), (r#""arrived_at": 4102444800000000"#, "arrived_at is")] {
        let error = parse_json_line(with(fields).as_bytes()).unwrap_err();
        assert_eq!(error.reason(), "invalid");
        assert!(error.to_string().contains(words), "{error}");
    }
}
