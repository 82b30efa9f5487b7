//! Older and newer writers are read, in topics and in files.

use apache_avro::schema_compatibility::SchemaCompatibility;
use apache_avro::types::Value;
use apache_avro::{Codec, Schema, to_avro_datum};
use motmot_core::touchpoint::Intent;
use motmot_core::{Text, Timestamp, Touchpoint};
use motmot_wire::file::Blocks;
use motmot_wire::schema::WriterSchema;
use motmot_wire::{DecodeError, Reader, RecordType, SchemaError};
use serde_json::{Value as Json, json};

use crate::samples::{dead, plain};

/// The current schema of touchpoints, changed.
fn changed(change: impl FnOnce(&mut Vec<Json>)) -> String {
    let mut schema: Json = serde_json::from_str(RecordType::Touchpoint.json()).unwrap();
    change(schema["fields"].as_array_mut().unwrap());
    schema.to_string()
}

/// As a version before these fields were thought of wrote it.
pub(crate) fn older() -> String {
    let later = ["intent", "initiated_by", "audience", "promises", "attributes", "door_open", "sentiment"];
    changed(|fields| fields.retain(|field| !later.contains(&field["name"].as_str().unwrap())))
}

/// As a version to come may write it: with fields of every sort among the known ones, and a sixth stage.
pub(crate) fn newer() -> String {
    changed(|fields| {
        let stage = fields.iter_mut().find(|field| field["name"] == "stage").unwrap();
        stage["type"]["symbols"].as_array_mut().unwrap().push(json!("aftercare"));
        fields.insert(3, json!({"name": "language", "type": ["null", "string"], "default": null}));
        let step = json!({"type": "record", "name": "Step", "fields": [{"name": "label", "type": "string"}, {"name": "weight", "type": "double"}]});
        fields.push(json!({"name": "steps", "type": {"type": "array", "items": step}, "default": []}));
        fields.push(json!({"name": "mood", "type": {"type": "enum", "name": "Mood", "symbols": ["calm", "cross"]}}));
    })
}

/// A touchpoint's value, written with a schema by the reference.
pub(crate) fn value(schema: &str, extra: &[(&str, Value)]) -> Value {
    let schema = Schema::parse_str(schema).unwrap();
    let Schema::Record(record) = &schema else { panic!("a record") };
    let known: [(&str, Value); 8] = [
        ("event_id", Value::String("e1".into())),
        ("occurred_at", Value::TimestampMillis(1_772_357_400_000)),
        ("stage", Value::Enum(1, "need_detection".into())),
        ("channel", Value::String("phone".into())),
        ("site", Value::String("voice".into())),
        ("outcome", Value::Enum(1, "partly_met".into())),
        ("initiated_by", Value::Enum(0, "customer".into())),
        ("audience", Value::Enum(0, "external".into())),
    ];
    let fields = record.fields.iter().map(|field| {
        let given = extra.iter().chain(&known).find(|(name, _)| *name == field.name);
        let value = given.map(|(_, value)| value.clone()).unwrap_or_else(|| match field.schema {
            Schema::Array(_) => Value::Array(Vec::new()),
            Schema::Map(_) => Value::Map(std::collections::HashMap::new()),
            _ => Value::Union(0, Box::new(Value::Null)),
        });
        (field.name.clone(), value)
    });
    Value::Record(fields.collect())
}

fn framed(schema: &str, value: Value) -> Vec<u8> {
    let mut framed = vec![0xC3, 0x01];
    framed.extend(WriterSchema::parse(schema).unwrap().fingerprint().to_le_bytes());
    framed.extend(to_avro_datum(&Schema::parse_str(schema).unwrap(), value).unwrap());
    framed
}

pub(crate) fn some(value: Value) -> Value {
    Value::Union(1, Box::new(value))
}

pub(crate) fn newer_fields() -> [(&'static str, Value); 4] {
    let step = Value::Record(vec![("label".into(), Value::String("x".into())), ("weight".into(), Value::Double(0.5))]);
    [
        ("language", some(Value::String("he".into()))),
        ("steps", Value::Array(vec![step.clone(), step])),
        ("mood", Value::Enum(1, "cross".into())),
        ("intent", some(Value::Enum(1, "complaint".into()))),
    ]
}

#[test]
fn an_older_writer_is_read_and_what_it_lacks_is_at_its_default() {
    let record = framed(&older(), value(&older(), &[("team", some(Value::String("agents".into())))]));
    assert_eq!(dead(Reader::new().touchpoint(&record)).reason(), "unknown_schema");
    let reader = Reader::new().with_writer_schema(&older()).unwrap();
    let expected = Touchpoint { team: Some(Text::borrowed("agents")), ..plain("e1") };
    assert_eq!(reader.touchpoint(&record).unwrap(), expected);
    SchemaCompatibility::can_read(
        &Schema::parse_str(&older()).unwrap(),
        &Schema::parse_str(RecordType::Touchpoint.json()).unwrap(),
    )
    .unwrap();
}

#[test]
fn a_newer_writer_is_read_without_what_is_not_known_here() {
    let reader = Reader::new().with_writer_schema(&newer()).unwrap();
    let record = framed(&newer(), value(&newer(), &newer_fields()));
    let expected = Touchpoint { intent: Some(Intent::Complaint), ..plain("e1") };
    assert_eq!(reader.touchpoint(&record).unwrap(), expected);
}

#[test]
fn a_symbol_of_a_newer_writer_is_a_dead_letter_and_no_guess() {
    let reader = Reader::new().with_writer_schema(&newer()).unwrap();
    let record =
        framed(&newer(), value(&newer(), &[&newer_fields()[..], &[("stage", Value::Enum(5, "aftercare".into()))]].concat()));
    let error = dead(reader.touchpoint(&record));
    assert!(matches!(error, DecodeError::UnusableValue { .. }), "{error}");
    assert!(error.to_string().contains("aftercare") && error.to_string().contains("upgrade motmot"), "{error}");
}

#[test]
fn a_schema_that_cannot_be_read_is_refused_in_words() {
    let refused = |schema: &str| Reader::new().with_writer_schema(schema).map(|_| ()).unwrap_err();
    let without_site = changed(|fields| fields.retain(|field| field["name"] != "site"));
    let error = refused(&without_site);
    assert!(matches!(&error, SchemaError::Incompatible { detail, .. } if detail.contains("site")), "{error}");
    let number = changed(|fields| fields.iter_mut().find(|field| field["name"] == "channel").unwrap()["type"] = json!("long"));
    assert!(refused(&number).to_string().contains("channel"), "{}", refused(&number));
    assert!(matches!(refused("{\"type\": \"rec"), SchemaError::NotASchema { .. }));
    let other = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": []}"#;
    assert_eq!(refused(other), SchemaError::NotOurs { name: "shop.Order".to_owned() });
    assert!(matches!(refused("\"string\""), SchemaError::NotOurs { .. }));
}

#[test]
fn a_writers_narrower_numbers_are_widened() {
    let int =
        changed(|fields| fields.iter_mut().find(|field| field["name"] == "waited_ms").unwrap()["type"] = json!(["null", "int"]));
    let reader = Reader::new().with_writer_schema(&int).unwrap();
    let record = framed(&int, value(&int, &[("waited_ms", some(Value::Int(90_000)))]));
    assert_eq!(reader.touchpoint(&record).unwrap().waited_ms, Some(90_000));
}

/// A file as the reference writes it.
fn file(schema: &str, values: Vec<Value>) -> Vec<u8> {
    let schema = Schema::parse_str(schema).unwrap();
    let mut writer = apache_avro::Writer::with_codec(&schema, Vec::new(), Codec::Deflate(Default::default()));
    for value in values {
        writer.append(value).unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn files_of_older_and_newer_writers_are_read_by_their_own_schema() {
    let late = changed(|fields| {
        fields.insert(0, json!({"name": "arrived_at", "type": {"type": "long", "logicalType": "timestamp-millis"}}))
    });
    let arrival = Timestamp::from_millis(1_772_357_400_250);
    let cases = [
        (older(), value(&older(), &[]), None),
        (newer(), value(&newer(), &newer_fields()[..3]), None),
        (late.clone(), value(&late, &[("arrived_at", Value::TimestampMillis(arrival.as_millis()))]), Some(arrival)),
    ];
    for (schema, value, arrived_at) in cases {
        let bytes = file(&schema, vec![value.clone(), value]);
        let mut records = 0;
        for block in Blocks::open(bytes.as_slice()).unwrap() {
            for arrived in block.unwrap().touchpoints().unwrap() {
                let arrived = arrived.unwrap();
                assert_eq!((arrived.touchpoint, arrived.arrived_at), (plain("e1"), arrived_at));
                records += 1;
            }
        }
        assert_eq!(records, 2);
    }
}
