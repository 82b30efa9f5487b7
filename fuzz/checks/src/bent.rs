//! Seeds with one thing wrong: a value of another kind, a key too few, one that nobody knows, an entry twice. Readers refuse most of them, each
//! by another way, and a fuzzer that changes bytes finds few of these ways: it breaks the text first.

use serde_json::{Map, Value, json};
use yaml_rust2::{Yaml, YamlLoader};

use crate::seeds::Seed;
use crate::{halves, joined};

/// The inputs that come of a seed; none, if it is no text with a structure. Each place is bent in 24 ways, one after the other.
pub fn bent(seed: &Seed) -> Vec<Vec<u8>> {
    let (text, behind) = match seed.target {
        "mapping" | "writer_schema" => {
            let (text, behind) = halves(&seed.bytes);
            (text, Some(behind))
        }
        "json_line" | "manifest" | "strategy" | "swap_record" => (seed.bytes.as_slice(), None),
        _ => return Vec::new(),
    };
    let Some(whole) = tree(text) else { return Vec::new() };
    let input = |value: Value| {
        let text = format!("{value:#}").into_bytes(); // `#` puts the space behind a colon that YAML asks for
        match behind {
            Some(behind) => joined(&text, behind),
            None => text,
        }
    };
    bent_whole(&whole).into_iter().map(input).collect()
}

/// JSON, or YAML of what JSON knows.
fn tree(text: &[u8]) -> Option<Value> {
    fn of_yaml(yaml: &Yaml) -> Value {
        match yaml {
            Yaml::Array(entries) => entries.iter().map(of_yaml).collect(),
            Yaml::Hash(hash) => hash.iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), of_yaml(value)))).collect(),
            Yaml::Boolean(is) => json!(is),
            Yaml::Integer(number) => json!(number),
            Yaml::Real(_) => json!(yaml.as_f64()),
            Yaml::String(text) => json!(text),
            _ => Value::Null,
        }
    }
    let text = std::str::from_utf8(text).ok()?;
    serde_json::from_str(text).ok().or_else(|| Some(of_yaml(YamlLoader::load_from_str(text).ok()?.first()?)))
}

/// All that come of a value. Of a strategy with a single rule at a time, the first with all around it: short inputs are fuzzed faster.
fn bent_whole(whole: &Value) -> Vec<Value> {
    let Some(rules) = whole.get("rules").and_then(Value::as_array) else { return bent_within(whole) };
    let with = |rules: Value| {
        let mut one = whole.clone();
        if let Some(all) = one.get_mut("rules") {
            *all = rules;
        }
        one
    };
    let mut rules = rules.iter().map(|rule| json!([rule]));
    let first = rules.next().map(|rule| bent_within(&with(rule)));
    first.into_iter().flatten().chain(rules.flat_map(|rule| bent_within(&rule)).map(with)).collect()
}

/// All that come of a value by one change within it: an inner value is another one, is left out, has a neighbour that should not be there; or
/// the change is further within.
fn bent_within(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(object) => {
            object.iter().flat_map(|(key, inner)| bent_entry(object, key, inner)).map(Value::Object).collect()
        }
        Value::Array(entries) => {
            entries.iter().enumerate().flat_map(|(at, inner)| bent_element(entries, at, inner)).map(Value::Array).collect()
        }
        _ => Vec::new(),
    }
}

fn bent_entry(object: &Map<String, Value>, key: &str, inner: &Value) -> Vec<Map<String, Value>> {
    let with = |key: String, value: Value| {
        let mut object = object.clone();
        object.insert(key, value);
        object
    };
    let mut without = object.clone();
    without.remove(key);
    let others = others().into_iter().map(|other| with(key.to_owned(), other));
    let within = bent_within(inner).into_iter().map(|bent| with(key.to_owned(), bent));
    others.chain([without, with(format!("{key}x"), json!(1))]).chain(within).collect()
}

fn bent_element(entries: &[Value], at: usize, inner: &Value) -> Vec<Vec<Value>> {
    let (before, after) = (entries.get(..at).unwrap_or_default(), entries.get(at + 1..).unwrap_or_default());
    let with = |value: Value| [before, &[value], after].concat();
    let within = bent_within(inner).into_iter().map(with);
    others()
        .into_iter()
        .map(with)
        .chain([[before, after].concat(), [entries, std::slice::from_ref(inner)].concat()])
        .chain(within)
        .collect()
}

/// What another value can be.
fn others() -> [Value; 22] {
    [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(""),
        json!("x"),
        json!("é\0"),
        json!("90d"),
        json!("999999999999d"),
        json!("2020-02-30T25:00:00Z"),
        json!("string"),
        json!("x".repeat(300)),
        json!([]),
        json!(["x"]),
        json!([["null", "long"]]),
        json!({}),
        json!({"x": 1}),
        json!({"type": "array", "items": "string"}),
        json!({"type": "fixed", "name": "f", "size": 3}),
        json!({"type": "long", "logicalType": "timestamp-micros"}),
    ]
}
