//! The schemas themselves: documented, and not changed by accident.

use motmot_wire::RecordType;
use serde_json::Value;

fn all() -> impl Iterator<Item = (&'static str, Value)> {
    let records = RecordType::ALL.into_iter().map(|record| (record.name(), record.json()));
    records.chain([("file", motmot_wire::file::schema())]).map(|(name, json)| (name, serde_json::from_str(json).unwrap()))
}

fn each_named(value: &Value, visit: &mut dyn FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Array(entries) => entries.iter().for_each(|entry| each_named(entry, visit)),
        Value::Object(object) => {
            if object.contains_key("name") {
                visit(object);
            }
            object.iter().filter(|(name, _)| *name != "default").for_each(|(_, entry)| each_named(entry, visit));
        }
        _ => {}
    }
}

#[test]
fn every_field_and_type_says_what_it_means() {
    for (schema, json) in all() {
        let mut seen = 0;
        each_named(&json, &mut |named| {
            seen += 1;
            let doc = named.get("doc").and_then(Value::as_str).unwrap_or_default();
            assert!(doc.len() > 5 && doc.ends_with('.'), "{schema}: {} has no doc: {doc:?}", named["name"]);
        });
        assert!(seen > 5, "{schema}: only {seen} names found");
    }
}

#[test]
fn instants_are_timestamps_and_options_default_to_null() {
    for (schema, json) in all() {
        each_named(&json, &mut |field| {
            let (name, kind) = (field["name"].as_str().unwrap(), field.get("type"));
            let is_instant = name.ends_with("_at") || name == "at";
            assert!(!is_instant || kind.unwrap().to_string().contains("timestamp-millis"), "{schema}.{name}");
            if kind.and_then(Value::as_array).is_some_and(|union| union[0] == "null") {
                assert_eq!(field.get("default"), Some(&Value::Null), "{schema}.{name}");
            }
        });
    }
}

/// A changed fingerprint is a new writer's schema: every older reader makes dead letters of it until it knows it. If the change is
/// meant, put the schema as it was into schemas/earlier, name it in `schema::EARLIER`, and only then change the number here.
///
/// The numbers, in the order of a record's bytes, are those of an implementation that is not used here (Python's fastavro), whose
/// canonical form is that of Avro's Java library.
#[test]
fn a_schema_does_not_change_by_accident() {
    let fingerprints = RecordType::ALL.map(|record| (record.name(), hex(&record.current().fingerprint().to_le_bytes())));
    let expected = [
        ("Touchpoint", "fe2debbb20196e37"),
        ("Action", "f9c422399b81ba48"),
        ("Erasure", "252b10def0840700"),
        ("Moment", "1ece62b8adf3cc2b"),
        ("Cycle", "6eee15cde53ce827"),
    ];
    assert_eq!(fingerprints, expected.map(|(name, fingerprint)| (name, fingerprint.to_owned())));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_fingerprint_names_one_record_type() {
    for record in RecordType::ALL {
        assert_eq!(record.current().record(), record);
        let same = RecordType::ALL.into_iter().filter(|other| other.current().fingerprint() == record.current().fingerprint());
        assert_eq!(same.count(), 1);
    }
}

#[test]
fn the_page_about_records_names_them_all() {
    let page = include_str!("../../../../docs/records.md");
    for record in RecordType::ALL {
        let fingerprint = hex(&record.current().fingerprint().to_le_bytes());
        assert!(page.contains(&format!("| `motmot.{}` | `{fingerprint}` |", record.name())), "{record}");
    }
    for reason in motmot_wire::DecodeError::REASONS {
        assert!(page.contains(&format!("| `{reason}` |")), "{reason}");
    }
}
