//! Seeds with one thing wrong: a value of another kind, a key too few, one that nobody knows, an entry twice. Readers refuse most of them, each
//! by another way, and a fuzzer that changes bytes finds few of these ways: it breaks the text first.

use serde_json::{Value, json};
use yaml_rust2::{Yaml, YamlLoader};

use crate::seeds::Seed;
use crate::{halves, joined};

/// The inputs that come of a seed; none, if it is no text with a structure.
pub fn bent(seed: &Seed) -> Vec<Vec<u8>> {
    let (text, behind) = match seed.target {
        "mapping" | "writer_schema" => halves(&seed.bytes),
        "json_line" | "manifest" | "strategy" | "swap_record" => (seed.bytes.as_slice(), [].as_slice()),
        _ => return Vec::new(),
    };
    let Some(whole) = tree(text) else { return Vec::new() };
    let mut texts = Vec::new();
    for (number, one) in one_rule_each(whole).into_iter().enumerate() {
        for place in places(&one) {
            if number == 0 || place.starts_with("/rules/") {
                texts.extend(bent_at(&one, &place));
            }
        }
    }
    let bytes = texts.into_iter().map(|value| format!("{value:#}").into_bytes()); // `#` puts the space behind a colon that YAML asks for
    match seed.target {
        "mapping" | "writer_schema" => bytes.map(|text| joined(&text, behind)).collect(),
        _ => bytes.collect(),
    }
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

/// A strategy as so many strategies of a single rule: short inputs are fuzzed faster. Anything else as it is.
fn one_rule_each(whole: Value) -> Vec<Value> {
    let Some(rules) = whole.get("rules").and_then(Value::as_array) else { return vec![whole] };
    let with_one = |rule: &Value| {
        let mut one = whole.clone();
        if let Some(rules) = one.get_mut("rules") {
            *rules = json!([rule]);
        }
        one
    };
    rules.iter().map(with_one).collect()
}

/// All values within this one, as JSON pointers (RFC 6901).
fn places(value: &Value) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect(),
        Value::Array(entries) => entries.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    let below = |(key, value): (String, &Value)| {
        let within = places(value).into_iter().map(|rest| format!("/{key}{rest}")).collect::<Vec<_>>();
        std::iter::once(format!("/{key}")).chain(within).collect::<Vec<_>>()
    };
    inner.into_iter().flat_map(below).collect()
}

fn bent_at(whole: &Value, place: &str) -> Vec<Value> {
    let others = [
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
    ];
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut one = whole.clone();
        one.pointer_mut(place).map(change).map(|()| one)
    };
    let mut all: Vec<Value> = others.iter().filter_map(|other| changed(&|value| *value = other.clone())).collect();
    let (above, key) = place.rsplit_once('/').unwrap_or_default();
    let around = |change: &dyn Fn(&mut Value)| {
        let mut one = whole.clone();
        one.pointer_mut(above).map(change).map(|()| one)
    };
    let known = key.replace("~1", "/").replace("~0", "~");
    all.extend(around(&|value| match value {
        Value::Object(object) => drop(object.remove(&known)),
        Value::Array(entries) => drop(key.parse().map(|at: usize| entries.remove(at))),
        _ => {}
    }));
    all.extend(around(&|value| match value {
        Value::Object(object) => drop(object.insert(format!("{known}x"), json!(1))),
        Value::Array(entries) => entries.extend(key.parse().ok().and_then(|at: usize| entries.get(at)).cloned()),
        _ => {}
    }));
    all
}
