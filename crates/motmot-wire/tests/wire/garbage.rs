//! Bytes from outside: whatever they are, the answer is a value or an error.

use motmot_core::Touchpoint;
use motmot_wire::file::{Blocks, Codec};
use motmot_wire::json::{parse_json_line, write_json_line};
use motmot_wire::schema::WriterSchema;
use motmot_wire::{Arrived, DeadLetter, Evidence, Reader, RecordType, SchemaError, Writer};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::files::written;
use crate::samples::{arrived, cycle, dead, moment, touchpoint};

/// Everything that reads; what is read as a touchpoint must be one.
fn read_all(bytes: &[u8]) {
    let reader = Reader::new();
    if let Ok(touchpoint) = reader.touchpoint(bytes) {
        touchpoint.validate().unwrap();
        let mut again = Vec::new();
        Writer::new().touchpoint(&touchpoint, &mut again).unwrap();
        assert_eq!(reader.touchpoint(&again).unwrap(), touchpoint);
    }
    let _ = (reader.moment(bytes).is_ok(), reader.cycle(bytes).is_ok(), reader.datum(bytes).is_ok());
    if let Ok(arrived) = parse_json_line(bytes) {
        arrived.touchpoint.validate().unwrap();
    }
    let _ = (Evidence::parse(bytes), DeadLetter::parse([("motmot.dead.offset", bytes)]));
    read_file(bytes);
}

fn read_file(bytes: &[u8]) {
    let mut records = 0;
    for mut block in Blocks::open(bytes).into_iter().flatten().flatten() {
        for touchpoint in block.touchpoints().into_iter().flatten().flatten() {
            let touchpoint: Arrived<'_> = touchpoint;
            touchpoint.touchpoint.validate().unwrap();
            records += 1;
        }
    }
    assert!(records <= 1_000_000);
}

/// A few bytes changed, put in, taken out.
fn mutated(mut bytes: Vec<u8>, changes: &[(Index, u8, u8)]) -> Vec<u8> {
    for (at, how, byte) in changes {
        if bytes.is_empty() {
            break;
        }
        let at = at.index(bytes.len());
        match how % 4 {
            0 => bytes[at] = *byte,
            1 => bytes[at] ^= 1 << (byte % 8),
            2 => bytes.insert(at, *byte),
            _ => drop(bytes.drain(at..(at + usize::from(byte % 9)).min(bytes.len()))),
        }
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(Index, u8, u8)>> {
    vec(any::<(Index, u8, u8)>(), 1..5)
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
        for record in RecordType::ALL {
            let mut framed = vec![0xC3, 0x01];
            framed.extend(record.current().fingerprint().to_le_bytes());
            framed.extend(&bytes);
            read_all(&framed);
        }
    }

    #[test]
    fn a_changed_touchpoint_is_survived(touchpoint in touchpoint(), changes in changes()) {
        let mut value = Vec::new();
        Writer::new().touchpoint(&touchpoint, &mut value).unwrap();
        let framing = value[..10].to_vec();
        read_all(&mutated(value.clone(), &changes));
        read_all(&[framing, mutated(value[10..].to_vec(), &changes)].concat());
    }

    #[test]
    fn a_changed_row_is_survived(moment in moment(), cycle in cycle(), changes in changes()) {
        let (mut rows, writer) = ([Vec::new(), Vec::new()], Writer::new());
        writer.moment(&moment, &mut rows[0]).unwrap();
        writer.cycle(&cycle, &mut rows[1]).unwrap();
        for row in rows {
            let framing = row[..10].to_vec();
            read_all(&[framing, mutated(row[10..].to_vec(), &changes)].concat());
        }
    }

    #[test]
    fn a_changed_line_is_survived(arrived in arrived(), changes in changes()) {
        let mut line = Vec::new();
        write_json_line(&arrived, &mut line).unwrap();
        read_all(&mutated(line, &changes));
    }

    #[test]
    fn a_changed_file_is_survived(touchpoints in vec(arrived(), 1..4), changes in changes(), deflate in any::<bool>()) {
        let bytes = written(&touchpoints, if deflate { Codec::Deflate } else { Codec::Null });
        read_file(&mutated(bytes.clone(), &changes));
        // behind the header, where chance alone seldom reaches
        let header = motmot_wire::file::schema().len() + 60;
        let (header, body) = bytes.split_at(header.min(bytes.len()));
        read_file(&[header.to_vec(), mutated(body.to_vec(), &changes)].concat());
    }
}

proptest! {
    #[test]
    fn a_changed_schema_is_survived(changes in changes(), from in any::<Index>()) {
        let schemas = RecordType::ALL.map(RecordType::json);
        let schema = mutated(from.get(&schemas).as_bytes().to_vec(), &changes);
        let _ = WriterSchema::parse(&String::from_utf8_lossy(&schema)).is_ok();
    }
}

#[test]
fn a_schema_whose_canonical_form_is_none_is_refused() {
    for (name, other) in [
        ("Initiator", "I~itiator"),
        ("\"string\"", "\"str ng\""),
        ("\"event_id\"", "\"\""),
        ("motmot", "mot..mot"),
        ("\"event_id\"", "\"event_id\", \"symbols\": null"),
        ("\"event_id\"", "\"event_id\", \"order\": 7"),
        ("\"event_id\"", "\"event_id\", \"size\": \"large\""),
        ("\"event_id\"", "\"event_id\", \"scale\": 1e99"),
    ] {
        let schema = RecordType::Touchpoint.json().replace(name, other);
        assert!(matches!(WriterSchema::parse(&schema), Err(SchemaError::NotASchema { .. })), "{other}");
    }
}

#[test]
fn a_record_that_claims_a_huge_list_costs_nothing() {
    let mut value = Vec::new();
    let touchpoint = Touchpoint { kept_promises: vec!["kept".into()], ..crate::samples::plain("e1") };
    Writer::new().touchpoint(&touchpoint, &mut value).unwrap();
    let list = value.windows(6).position(|window| window == b"\x02\x08kept").unwrap();
    // one entry becomes 2^62
    let huge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    value.splice(list..=list, huge);
    let error = dead(Reader::new().touchpoint(&value));
    assert_eq!(error.reason(), "malformed", "{error}");
}
