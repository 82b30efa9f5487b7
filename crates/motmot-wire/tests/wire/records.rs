//! A record that is written is read back, by motmot and by anybody's Avro library.

use apache_avro::types::Value;
use apache_avro::{GenericSingleObjectWriter, Schema, from_avro_datum, from_value};
use motmot_core::cycle::{CycleRecord, NeedRecord, TouchpointRecord};
use motmot_core::touchpoint::{Outcome, Stage};
use motmot_core::{Text, Touchpoint};
use motmot_wire::{DecodeError, Reader, RecordType, Writer};
use proptest::prelude::*;

use crate::samples::{cycle, dead, moment, plain, touchpoint};

pub(crate) fn schema(record: RecordType) -> Schema {
    Schema::parse_str(record.json()).unwrap()
}

/// With Avro's reference implementation.
fn read_by_reference(record: RecordType, value: &[u8]) -> Value {
    from_avro_datum(&schema(record), &mut &value[10..], None).unwrap()
}

proptest! {
    #[test]
    fn a_touchpoint_is_read_back_and_means_the_same_to_the_reference(touchpoint in touchpoint()) {
        let mut value = b"before".to_vec();
        Writer::new().touchpoint(&touchpoint, &mut value).unwrap();
        let value = value.strip_prefix(b"before").unwrap();
        prop_assert_eq!(&Reader::new().touchpoint(value).unwrap(), &touchpoint);

        let theirs = read_by_reference(RecordType::Touchpoint, value);
        prop_assert_eq!(&from_value::<Touchpoint<'_>>(&theirs).unwrap(), &touchpoint);

        let mut written_by_reference = Vec::new();
        let mut writer = GenericSingleObjectWriter::new_with_capacity(&schema(RecordType::Touchpoint), 1_024).unwrap();
        writer.write_value(theirs, &mut written_by_reference).unwrap();
        prop_assert_eq!(&Reader::new().touchpoint(&written_by_reference).unwrap(), &touchpoint);
    }

    #[test]
    fn a_moment_is_read_back_and_means_the_same_to_the_reference(moment in moment()) {
        let mut value = Vec::new();
        Writer::new().moment(&moment, &mut value).unwrap();
        prop_assert_eq!(&Reader::new().moment(&value).unwrap(), &moment);
        let theirs = read_by_reference(RecordType::Moment, &value);
        prop_assert_eq!(&from_value::<motmot_core::Moment<'_>>(&theirs).unwrap(), &moment);
    }

    #[test]
    fn a_cycle_is_read_back_and_means_the_same_to_the_reference(cycle in cycle()) {
        let mut value = Vec::new();
        Writer::new().cycle(&cycle, &mut value).unwrap();
        prop_assert_eq!(&Reader::new().cycle(&value).unwrap(), &cycle);
        let theirs = read_by_reference(RecordType::Cycle, &value);
        prop_assert_eq!(&from_value::<motmot_core::cycle::CycleRecord<'_>>(&theirs).unwrap(), &cycle);
    }

    #[test]
    fn a_cycle_that_is_too_large_keeps_what_it_begins_with(cycle in cycle(), touchpoints in 0..3_000_usize, needs in 0..3_000_usize) {
        let long = |of: usize| format!("{of:0900}");
        let mut whole = CycleRecord { verdicts: Vec::new(), moments: Vec::new(), ..cycle };
        let first = TouchpointRecord { event_id: "e".into(), occurred_at: whole.opened_at, stage: Stage::Greeting, channel: "phone".into(), team: None,
            actor_kind: None, actor_id: None, need: None, outcome: Outcome::Met, waited_ms: None };
        whole.touchpoints = (0..touchpoints).map(|n| TouchpointRecord { event_id: Text::owned(long(n)), ..first.clone() }).collect();
        let need = |n| NeedRecord { need: Some(Text::owned(long(n))), opened_at: whole.opened_at, fulfilled_at: None, verified_at: None };
        whole.needs = (0..needs).map(need).collect();
        let mut value = b"before".to_vec();
        let is_whole = Writer::new().cycle(&whole, &mut value).unwrap();
        let value = value.strip_prefix(b"before").unwrap();
        prop_assert!(value.len() <= Writer::MAX_CYCLE);
        let items = touchpoints + needs;
        let is_right = if is_whole { items * 900 <= Writer::MAX_CYCLE } else { items * 940 > Writer::MAX_CYCLE };
        prop_assert!(is_right, "{} items, whole: {}", items, is_whole);
        let read = Reader::new().cycle(value).unwrap();
        if is_whole {
            prop_assert_eq!(&read, &whole);
        } else {
            prop_assert!(read.truncated && whole.touchpoints.starts_with(&read.touchpoints) && whole.needs.starts_with(&read.needs));
            prop_assert!(read.touchpoints.is_empty() || read.needs == whole.needs, "touchpoints go first");
            let lists = (read.touchpoints.clone(), read.needs.clone());
            prop_assert_eq!(&read, &CycleRecord { truncated: true, touchpoints: lists.0, needs: lists.1, ..whole });
        }
    }

    #[test]
    fn a_record_that_breaks_off_or_goes_on_is_an_error(touchpoint in touchpoint(), cut in any::<prop::sample::Index>()) {
        let mut value = Vec::new();
        Writer::new().touchpoint(&touchpoint, &mut value).unwrap();
        let error = dead(Reader::new().touchpoint(&value[..cut.index(value.len())]));
        prop_assert!(matches!(error, DecodeError::NotAvro { .. } | DecodeError::Malformed { .. }), "{}", error);
        value.extend(b"more");
        prop_assert_eq!(dead(Reader::new().touchpoint(&value)),
            DecodeError::TrailingBytes { record: RecordType::Touchpoint, count: 4 });
    }
}

#[test]
fn one_writer_writes_many_records_and_equal_ones_equally() {
    let writer = Writer::new();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    writer.touchpoint(&plain("e1"), &mut first).unwrap();
    writer.touchpoint(&plain("e2"), &mut second).unwrap();
    assert_ne!(first, second);
    second.clear();
    writer.touchpoint(&plain("e1"), &mut second).unwrap();
    assert_eq!(first, second);
}

#[test]
fn texts_are_borrowed_from_the_record() {
    let mut value = Vec::new();
    let touchpoint = Touchpoint { team: Some("agents".into()), kept_promises: vec!["p1".into()], ..plain("e1") };
    Writer::new().touchpoint(&touchpoint, &mut value).unwrap();
    let reader = Reader::new();
    let read = reader.touchpoint(&value).unwrap();
    for text in [&read.event_id, read.team.as_ref().unwrap(), &read.kept_promises[0]] {
        assert!(value.as_ptr_range().contains(&text.as_ptr()), "{text} was copied");
    }
}

#[test]
fn each_fault_has_its_reason() {
    let reader = Reader::new();
    let framed = |record: RecordType, datum: &[u8]| {
        let mut value = vec![0xC3, 0x01];
        value.extend(record.current().fingerprint().to_le_bytes());
        value.extend(datum);
        value
    };
    let mut invalid = Vec::new();
    Writer::new().touchpoint(&Touchpoint { rating: Some(6), ..plain("e1") }, &mut invalid).unwrap();
    let mut broken_text = Vec::new();
    Writer::new().touchpoint(&plain("e1"), &mut broken_text).unwrap();
    let id = broken_text.windows(2).position(|pair| pair == b"e1").unwrap();
    broken_text[id] = 0xff;
    let cases: [(&[u8], &str, &str); 10] = [
        (b"", "not_avro", "it is empty"),
        (b"{}", "not_avro", "JSON"),
        (b"\0\0\0\0\x01rest", "no_registry", "set registry.url"),
        (b"\xC3\x01abc", "not_avro", "breaks off after 5 bytes"),
        (b"\x89PNG and more", "not_avro", "89 50 4E 47"),
        (b"\xC3\x01\x01\x02\x03\x04\x05\x06\x07\x08rest", "unknown_schema", "0102030405060708"),
        (&framed(RecordType::Touchpoint, b"\x80"), "malformed", "truncated or damaged"),
        (&framed(RecordType::Action, b"\x02a"), "not_a_touchpoint", "an action, where a touchpoint is expected"),
        (&invalid, "invalid", "rating is 6"),
        (&broken_text, "unusable_value", "utf-8"),
    ];
    for (value, reason, words) in cases {
        let error = dead(reader.touchpoint(value));
        assert_eq!(error.reason(), reason, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(DecodeError::REASONS.contains(&error.reason()));
    }
}

#[test]
fn the_framing_can_be_taken_off() {
    let mut value = Vec::new();
    Writer::new().touchpoint(&plain("e1"), &mut value).unwrap();
    assert_eq!(Reader::new().datum(&value).unwrap(), (RecordType::Touchpoint, &value[10..]));
}
