//! Seeds with one thing wrong: a value of another kind, a key too few, one that nobody knows, an entry twice. Readers refuse most of them, each
//! by another way, and a fuzzer that changes bytes finds few of these ways: it breaks the text first.

use motmot_wire::file::Codec;
use serde_json::{Map, Value, json};
use yaml_rust2::{Yaml, YamlLoader};

use crate::seeds::{self, Seed};
use crate::{halves, joined};

/// As `fuzz/run` has it: what is longer would be cut, and be no structure any more.
const LONGEST_INPUT: usize = 8_192;

/// The inputs that come of a seed; none, if it is no text with a structure. Each place is bent in 25 ways, of JSON in 56, one after the
/// other, and then crowded.
pub fn bent(seed: &Seed) -> Vec<Vec<u8>> {
    let schema;
    let (text, behind) = match (seed.target, seed.name.as_str()) {
        ("mapping" | "writer_schema", _) => halves(&seed.bytes),
        ("json_line" | "manifest" | "strategy" | "swap_record", _) => (seed.bytes.as_slice(), [].as_slice()),
        ("avro_file", "null") => {
            schema = seeds::file_schema().unwrap_or_default();
            (schema.as_bytes(), [].as_slice())
        }
        _ => return Vec::new(),
    };
    let Some(whole) = tree(text) else { return Vec::new() };
    let mut ways = others().to_vec();
    if !matches!(seed.target, "mapping" | "strategy") {
        ways.extend((0..LITERALS.len()).map(|number| json!(format!("\u{1}{number}"))));
    }
    let input = |value: Value| {
        let text = with_literal(format!("{value:#}")); // `#` puts the space behind a colon that YAML asks for
        match seed.target {
            "mapping" | "writer_schema" => Some(joined(text.as_bytes(), behind)),
            "avro_file" => seeds::file(Codec::Null, seeds::touchpoints(), &text).ok(),
            _ => Some(text.into_bytes()),
        }
    };
    bent_whole(&whole, &ways).into_iter().filter_map(input).filter(|input| input.len() <= LONGEST_INPUT).collect()
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
fn bent_whole(whole: &Value, ways: &[Value]) -> Vec<Value> {
    let Some(rules) = whole.get("rules").and_then(Value::as_array) else { return bent_within(whole, ways) };
    let with = |rules: Value| {
        let mut one = whole.clone();
        if let Some(all) = one.get_mut("rules") {
            *all = rules;
        }
        one
    };
    let mut rules = rules.iter().map(|rule| json!([rule]));
    let first = rules.next().map(|rule| bent_within(&with(rule), ways));
    first.into_iter().flatten().chain(rules.flat_map(|rule| bent_within(&rule, ways)).map(with)).collect()
}

/// All that come of a value by one change within it: an inner value is another one, is left out, has a neighbour that should not be there; or
/// the change is further within.
fn bent_within(value: &Value, ways: &[Value]) -> Vec<Value> {
    match value {
        Value::Object(object) => {
            let bent = object.iter().flat_map(|(key, inner)| bent_entry(object, key, inner, ways));
            let crowds = CROWDS.into_iter().map(|crowd| crowded_object(object, crowd));
            bent.chain(crowds).map(Value::Object).collect()
        }
        Value::Array(entries) => {
            let bent = entries.iter().enumerate().flat_map(|(at, inner)| bent_element(entries, at, inner, ways));
            let crowds = CROWDS.into_iter().map(|crowd| crowded_array(entries, crowd));
            bent.chain(crowds).map(Value::Array).collect()
        }
        _ => Vec::new(),
    }
}

fn bent_entry(object: &Map<String, Value>, key: &str, inner: &Value, ways: &[Value]) -> Vec<Map<String, Value>> {
    let with = |key: String, value: Value| {
        let mut object = object.clone();
        object.insert(key, value);
        object
    };
    let mut without = object.clone();
    without.remove(key);
    let others = ways.iter().map(|other| with(key.to_owned(), other.clone()));
    let within = bent_within(inner, ways).into_iter().map(|bent| with(key.to_owned(), bent));
    others.chain([without, with(format!("{key}x"), json!(1))]).chain(within).collect()
}

fn bent_element(entries: &[Value], at: usize, inner: &Value, ways: &[Value]) -> Vec<Vec<Value>> {
    let (before, after) = (entries.get(..at).unwrap_or_default(), entries.get(at + 1..).unwrap_or_default());
    let with = |value: Value| [before, &[value], after].concat();
    let within = bent_within(inner, ways).into_iter().map(with);
    ways.iter()
        .cloned()
        .map(with)
        .chain([[before, after].concat(), [entries, std::slice::from_ref(inner)].concat()])
        .chain(within)
        .collect()
}

/// What a tree cannot hold: numbers that are read the long way, and texts with what stands for a letter.
const LITERALS: [&str; 31] = [
    "-0",
    "00",
    "-",
    "1.",
    "1e",
    "1e+",
    "1e999999999999",
    "-1e400",
    "1e-400",
    "0e999999999999",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "9007199254740993",
    "9007199254740992.9999999999999999999999",
    "9007199254740993.0000000000000000000000000000000000000000001",
    "1e23",
    "123456789012345678e-30",
    "2.2250738585072011e-308",
    "4.9406564584124654e-324",
    "2.47032822920623272088284396434110686182529901307162382212792841250337753635104375932649918180817996189898282347722858865463328355177969898199387398005390939063150356595155702263922908583924491051844359318028499365361525003193704576782492193656236698636584807570015857692699037063119282795585513329278343384093519780155312465972635795746227664652728272200563740064854999770965994704540208281662262378573934507363390079677305775067501763246736009689513405355374585166611342237666786041621596804619144672918403005300575308490487653917113865916462395249126236538818796362393732804238910186723484976682350898633885879256283027559956575244555072551893136908362547791869486679949683240497058210285131854513962138377228261454376934125320985913276672363281250000001e-324",
    "1797693134862315807937289714053034150799341327100378269361737789804449682927647509466490179775872070963302864166928879109465555478519404026306574886715058206819089020007083836762738548458177115317644757302700698555713669596228429148198608349364752927190741684443655107043427115596995080930428805e-1",
    "0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001234567890123456789012345",
    r#""\"\\\/\b\f\n\r\t\u20ac\ud834\udd1e""#,
    r#""\ud834""#,
    r#""\udd1e""#,
    r#""\ud834\u0041""#,
    r#""\u00g0""#,
    r#""\x""#,
    "\"\t\"",
    "nul",
];

/// With the literal in the place of its number.
fn with_literal(text: String) -> String {
    let literal = || {
        let (before, rest) = text.split_once(r#""\u0001"#)?;
        let (number, behind) = rest.split_once('"')?;
        Some([before, LITERALS.get(number.parse::<usize>().ok()?)?, behind].concat())
    };
    literal().unwrap_or(text)
}

/// How many entries there are, and what the n-th of them is called: sorting goes different ways by how many they are, and in what order.
type Crowd = (usize, fn(usize, usize) -> usize);
const CROWDS: [Crowd; 12] = [
    (4, backwards),
    (4, mixed),
    (9, mixed),
    (17, mixed),
    (22, |n, _| n),
    (22, backwards),
    (22, mixed),
    (22, |n, _| n / 2),
    (35, |n, _| n),
    (35, backwards),
    (70, mixed),
    (70, |n, count| if n < 40 { n } else { count - n }),
];

fn backwards(n: usize, count: usize) -> usize {
    count - n
}

fn mixed(n: usize, count: usize) -> usize {
    n * 37 % count
}

fn crowded_array(entries: &[Value], (count, order): Crowd) -> Vec<Value> {
    let numbered = |(n, entry): (usize, &Value)| renamed(entry, order(n, count));
    entries.iter().cycle().take(count).enumerate().map(numbered).collect()
}

fn crowded_object(object: &Map<String, Value>, (count, order): Crowd) -> Map<String, Value> {
    let numbered = |(n, (key, inner)): (usize, (&String, &Value))| (format!("{key}{:02}", order(n, count)), inner.clone());
    let entries = object.iter();
    entries
        .clone()
        .map(|(key, inner)| (key.clone(), inner.clone()))
        .chain(entries.cycle().take(count).enumerate().map(numbered))
        .collect()
}

/// The same with a number behind its text, or behind those that it has.
fn renamed(value: &Value, number: usize) -> Value {
    match value {
        Value::String(text) => json!(format!("{text}{number:02}")),
        Value::Object(object) => {
            let inner = |(key, value): (&String, &Value)| {
                (key.clone(), if matches!(key.as_str(), "id" | "name") { renamed(value, number) } else { value.clone() })
            };
            Value::Object(object.iter().map(inner).collect())
        }
        _ => value.clone(),
    }
}

/// What another value can be.
fn others() -> [Value; 23] {
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
        json!("€\u{2028}𝄞\u{85}"),
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
