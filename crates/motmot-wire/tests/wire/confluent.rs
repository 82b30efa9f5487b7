//! Confluent's framing: a zero byte, the schema's number in a registry, the record.

use std::sync::Arc;

use motmot_core::touchpoint::Intent;
use motmot_core::{Text, Touchpoint};
use motmot_wire::{DecodeError, NotYet, ReadError, Reader, RecordType, SchemaSource, Writer, WriterSchema};
use proptest::prelude::*;

use crate::compatibility::{newer, newer_fields, older, value};
use crate::samples::{cycle, dead, moment, plain, touchpoint};

/// A registry: this version's touchpoint, an older and a newer one, moments and cycles, something else, and a number that is waited for.
#[derive(Debug)]
struct Shelf;

impl SchemaSource for Shelf {
    fn schema(&self, id: u32) -> Result<Arc<WriterSchema>, ReadError> {
        let text = match id {
            1 => RecordType::Touchpoint.json().to_owned(),
            2 => older(),
            3 => newer(),
            4 => RecordType::Moment.json().to_owned(),
            5 => RecordType::Cycle.json().to_owned(),
            6 => r#"{"type": "record", "name": "shop.Basket", "fields": []}"#.to_owned(),
            7 => return Err(NotYet { id, detail: "it sleeps".to_owned() }.into()),
            _ => return Err(DecodeError::UnknownId { id }.into()),
        };
        WriterSchema::parse(&text).map(Arc::new).map_err(|source| DecodeError::UnusableSchema { id, source }.into())
    }
}

fn reader() -> Reader {
    Reader::new().with_registry(Arc::new(Shelf))
}

fn writer() -> Writer {
    let numbers = [(RecordType::Touchpoint, 1), (RecordType::Moment, 4), (RecordType::Cycle, 5)];
    numbers.into_iter().fold(Writer::new(), |writer, (record, id)| writer.with_schema_id(record, id))
}

fn numbered(id: u32, datum: &[u8]) -> Vec<u8> {
    [&[0], id.to_be_bytes().as_slice(), datum].concat()
}

proptest! {
    #[test]
    fn every_record_comes_back_in_either_framing_and_is_the_same_without(touchpoint in touchpoint(), moment in moment(), cycle in cycle()) {
        let mut bare = Vec::new();
        for writer in [Writer::new(), writer()] {
            let mut values = [Vec::new(), Vec::new(), Vec::new()];
            writer.touchpoint(&touchpoint, &mut values[0]).unwrap();
            writer.moment(&moment, &mut values[1]).unwrap();
            writer.cycle(&cycle, &mut values[2]).unwrap();
            prop_assert_eq!(&reader().touchpoint(&values[0]).unwrap(), &touchpoint);
            prop_assert_eq!(&reader().moment(&values[1]).unwrap(), &moment);
            prop_assert_eq!(&reader().cycle(&values[2]).unwrap(), &cycle);
            bare.push(values.each_ref().map(|value| reader().datum(value).map(|(record, datum)| (record, datum.to_vec())).unwrap()));
        }
        prop_assert_eq!(&bare[0], &bare[1], "a digest does not see the framing");
    }
}

#[test]
fn a_number_is_five_bytes_the_first_of_them_zero_the_others_big_endian() {
    let mut value = Vec::new();
    Writer::new().with_schema_id(RecordType::Touchpoint, 0x0102_0304).touchpoint(&plain("e1"), &mut value).unwrap();
    assert_eq!(value[..5], [0, 1, 2, 3, 4]);
}

#[test]
fn older_and_newer_writers_are_read_side_by_side() {
    let old = value(&older(), &[("team", crate::compatibility::some(apache_avro::types::Value::String("agents".into())))]);
    let old = apache_avro::to_avro_datum(&apache_avro::Schema::parse_str(&older()).unwrap(), old).unwrap();
    let new = value(&newer(), &newer_fields());
    let new = apache_avro::to_avro_datum(&apache_avro::Schema::parse_str(&newer()).unwrap(), new).unwrap();
    let reader = reader();
    for _ in 0..2 {
        let read = Touchpoint { team: Some(Text::borrowed("agents")), ..plain("e1") };
        assert_eq!(reader.touchpoint(&numbered(2, &old)).unwrap(), read);
        let read = Touchpoint { intent: Some(Intent::Complaint), ..plain("e1") };
        assert_eq!(reader.touchpoint(&numbered(3, &new)).unwrap(), read);
    }
}

#[test]
fn what_the_registry_does_not_have_is_dead_and_what_it_does_not_say_is_not() {
    let check = |id: u32, reason: &str, words: &str| {
        let dead = dead(reader().touchpoint(&numbered(id, b"rest")));
        assert_eq!(dead.reason(), reason);
        assert!(dead.to_string().contains(words), "{dead}");
    };
    check(99, "unknown_schema", "has no schema 99");
    check(6, "unusable_schema", "shop.Basket, which is none of motmot's records");
    check(4, "not_a_touchpoint", "a moment, where a touchpoint is expected");
    check(1, "malformed", "truncated");
    let waits = numbered(7, b"rest");
    let not_yet = NotYet { id: 7, detail: "it sleeps".to_owned() };
    assert!(!reader().is_settled(&not_yet));
    assert_eq!(reader().touchpoint(&waits), Err(ReadError::NotYet(not_yet)));
    assert_eq!(dead(Reader::new().touchpoint(&numbered(7, b"rest"))).reason(), "no_registry");
    assert_eq!(dead(reader().touchpoint(b"\0\0\0\0")).reason(), "not_avro");
}
