//! The records' schemas: what this version writes, what it can read, and how a writer's schema is judged.

use std::fmt;
use std::sync::{Arc, LazyLock};

use apache_avro::rabin::Rabin;
use apache_avro::schema_compatibility::SchemaCompatibility;
use serde_json::Value;

use crate::error::SchemaError;

type Refused = serde_avro_fast::schema::SchemaError;

/// The types of records, each with its own schema. `{}` is the bare name, `{:#}` the name with its article.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordType {
    /// A contact of a customer with the service.
    Touchpoint,
    /// What a supervisor did about a moment.
    Action,
    /// A person is to be forgotten.
    Erasure,
    /// A row of the table of moments.
    Moment,
    /// A row of the table of cycles.
    Cycle,
}

impl RecordType {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Touchpoint, Self::Action, Self::Erasure, Self::Moment, Self::Cycle];

    /// The record's name in its schema, without the namespace.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Touchpoint => "Touchpoint",
            Self::Action => "Action",
            Self::Erasure => "Erasure",
            Self::Moment => "Moment",
            Self::Cycle => "Cycle",
        }
    }

    /// The schema that this version writes, as the file in `schemas/` has it.
    pub const fn json(self) -> &'static str {
        match self {
            Self::Touchpoint => include_str!("../../../schemas/touchpoint.avsc"),
            Self::Action => include_str!("../../../schemas/action.avsc"),
            Self::Erasure => include_str!("../../../schemas/erasure.avsc"),
            Self::Moment => include_str!("../../../schemas/moment.avsc"),
            Self::Cycle => include_str!("../../../schemas/cycle.avsc"),
        }
    }

    /// The schema that this version writes, parsed once.
    pub fn current(self) -> &'static Arc<WriterSchema> {
        self.of(&CURRENT)
    }

    fn reader(self) -> &'static ReaderSchema {
        self.of(&READERS)
    }

    const fn of<T>(self, each: &[T; 5]) -> &T {
        let [touchpoint, action, erasure, moment, cycle] = each;
        match self {
            Self::Touchpoint => touchpoint,
            Self::Action => action,
            Self::Erasure => erasure,
            Self::Moment => moment,
            Self::Cycle => cycle,
        }
    }

    pub(crate) fn names() -> String {
        Self::ALL.map(|record| format!("motmot.{}", record.name())).join(", ")
    }

    fn of_fullname(fullname: &str) -> Option<Self> {
        let name = fullname.strip_prefix("motmot.")?;
        Self::ALL.into_iter().find(|record| record.name() == name)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Touchpoint => "touchpoint",
            Self::Action => "action",
            Self::Erasure => "erasure",
            Self::Moment => "moment",
            Self::Cycle => "cycle",
        };
        if f.alternate() {
            let article = if matches!(self, Self::Action | Self::Erasure) { "an" } else { "a" };
            write!(f, "{article} {word}")
        } else {
            f.write_str(word)
        }
    }
}

/// Schemas of earlier versions, whose records may still lie in a topic or a file. A changed schema leaves its last form here:
/// `schemas/earlier/<record>-<version>.avsc`.
const EARLIER: [&str; 0] = [];

#[allow(clippy::expect_used)] // they are compiled in, and a test reads them
static CURRENT: LazyLock<[Arc<WriterSchema>; 5]> = LazyLock::new(|| {
    RecordType::ALL.map(|record| Arc::new(WriterSchema::parse(record.json()).expect("a schema of motmot's own")))
});

#[allow(clippy::expect_used)] // it is compiled in, and a test reads it
static CURRENT_FILE: LazyLock<Arc<WriterSchema>> =
    LazyLock::new(|| Arc::new(WriterSchema::in_file(crate::file::schema()).expect("a schema of motmot's own")));

static READERS: LazyLock<[ReaderSchema; 5]> = LazyLock::new(|| RecordType::ALL.map(|record| ReaderSchema::of(record.json())));

static FILE_READER: LazyLock<ReaderSchema> = LazyLock::new(|| ReaderSchema::of(crate::file::schema()));

/// A schema of this version, against which a writer's is held.
struct ReaderSchema {
    schema: apache_avro::Schema,
    fingerprint: u64,
    /// The symbols of each enum, by its name.
    symbols: Vec<(String, Vec<Value>)>,
}

impl ReaderSchema {
    #[allow(clippy::expect_used)] // it is compiled in, and a test reads it
    fn of(json: &str) -> Self {
        let mut value: Value = serde_json::from_str(json).expect("a schema of motmot's own");
        let schema = apache_avro::Schema::parse(&value).expect("a schema of motmot's own");
        let fast: serde_avro_fast::Schema = json.parse().expect("a schema of motmot's own");
        let mut symbols = Vec::new();
        each_enum(&mut value, &mut |name, known| symbols.push((name.to_owned(), std::mem::take(known))));
        Self { schema, fingerprint: u64::from_le_bytes(*fast.rabin_fingerprint()), symbols }
    }

    /// Cuts each enum of a writer's schema to the symbols that the enum of that name has here; whether there were any others.
    fn keep_known_symbols(&self, writer: &mut Value) -> bool {
        let mut is_cut = false;
        each_enum(writer, &mut |name, symbols| {
            if let Some((_, known)) = self.symbols.iter().find(|(known, _)| known == name) {
                let before = symbols.len();
                symbols.retain(|symbol| known.contains(symbol));
                is_cut |= symbols.len() < before;
            }
        });
        is_cut
    }
}

/// A schema with which records were written, checked to be readable by this version.
#[derive(Debug)]
pub struct WriterSchema {
    record: RecordType,
    fingerprint: u64,
    /// As Avro's Rust and Python libraries have it: their canonical form keeps `{"type":"long"}` of a type that was stripped of its
    /// logical type, where Java's, and the specification's rule, is `"long"`. Their producers must be understood too.
    unstripped_fingerprint: u64,
    current: bool,
    fast: serde_avro_fast::Schema,
}

impl WriterSchema {
    /// Parses a schema and checks that what is written with it can be read here: a field that it lacks must have a default in the
    /// current schema, one that is not known here is skipped.
    ///
    /// A symbol that is not known here is no reason to refuse a schema: only the records that use it cannot be read.
    ///
    /// # Errors
    /// When it is no schema, not one of motmot's records, or not compatible; the error names the field.
    pub fn parse(json: &str) -> Result<Self, SchemaError> {
        Self::readable_by(json, RecordType::reader)
    }

    /// Parses the schema of a file of touchpoints, whose records may have an `arrived_at`. Motmot's own is parsed once.
    pub(crate) fn of_file(json: &str) -> Result<Arc<Self>, SchemaError> {
        if json == crate::file::schema() {
            return Ok(Arc::clone(&CURRENT_FILE));
        }
        Self::in_file(json).map(Arc::new)
    }

    fn in_file(json: &str) -> Result<Self, SchemaError> {
        Self::readable_by(json, |record| if record == RecordType::Touchpoint { &FILE_READER } else { record.reader() })
    }

    fn readable_by(json: &str, reader: impl FnOnce(RecordType) -> &'static ReaderSchema) -> Result<Self, SchemaError> {
        let not_a_schema = |detail: &dyn fmt::Display| SchemaError::NotASchema { detail: detail.to_string() };
        let mut value: Value = serde_json::from_str(json).map_err(|e| not_a_schema(&e))?;
        check_parts(&value)?;
        let fast: serde_avro_fast::Schema = json.parse().map_err(|e: Refused| not_a_schema(&e))?;
        let mut theirs = apache_avro::Schema::parse(&value).map_err(|e| not_a_schema(&e))?;
        let name = theirs.name().map_or_else(|| "no record".to_owned(), |name| name.fullname(None));
        let record = RecordType::of_fullname(&name).ok_or(SchemaError::NotOurs { name })?;
        let fingerprint = u64::from_le_bytes(*fast.rabin_fingerprint());
        let unstripped = theirs.fingerprint::<Rabin>().bytes;
        let unstripped_fingerprint = unstripped.first_chunk().map_or(fingerprint, |bytes| u64::from_le_bytes(*bytes));
        let reader = reader(record);
        if reader.keep_known_symbols(&mut value) {
            theirs = apache_avro::Schema::parse(&value).map_err(|e| not_a_schema(&e))?;
        }
        SchemaCompatibility::can_read(&theirs, &reader.schema)
            .map_err(|e| SchemaError::Incompatible { record, detail: e.to_string() })?;
        let current = fingerprint == reader.fingerprint;
        Ok(Self { record, fingerprint, unstripped_fingerprint, current, fast })
    }

    /// What it describes.
    pub const fn record(&self) -> RecordType {
        self.record
    }

    /// CRC-64-AVRO of its canonical form; little-endian in the framing of a record.
    pub const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Whether a record with this fingerprint was written with it.
    #[inline]
    pub(crate) const fn has(&self, fingerprint: u64) -> bool {
        self.fingerprint == fingerprint || self.unstripped_fingerprint == fingerprint
    }

    /// Whether its records lie as this version's types do.
    pub(crate) const fn is_current(&self) -> bool {
        self.current
    }

    pub(crate) const fn fast(&self) -> &serde_avro_fast::Schema {
        &self.fast
    }
}

/// The current schemas of all records, and the earlier ones that are kept.
pub(crate) fn known() -> Vec<Arc<WriterSchema>> {
    #[allow(clippy::expect_used)] // they are compiled in, and a test reads them
    let earlier = EARLIER.iter().map(|json| Arc::new(WriterSchema::parse(json).expect("an earlier schema of motmot's own")));
    RecordType::ALL.into_iter().map(|record| Arc::clone(record.current())).chain(earlier).collect()
}

/// Refuses what the reference implementation panics on (`apache-avro` 0.21): names that are none, and in the places that count for a
/// schema's canonical form anything but names, schemas and whole numbers.
fn check_parts(schema: &Value) -> Result<(), SchemaError> {
    let not_a_schema = |detail: String| Err(SchemaError::NotASchema { detail });
    match schema {
        Value::String(name) if !is_name(name) => not_a_schema(format!("`{name}` is no name")),
        Value::String(_) => Ok(()),
        Value::Array(entries) => entries.iter().try_for_each(check_parts),
        Value::Object(object) => {
            for key in ["size", "precision", "scale"] {
                let is_number =
                    |value: &Value| value.as_i64().is_some() || value.as_str().is_some_and(|text| text.parse::<i64>().is_ok());
                if let Some(value) = object.get(key).filter(|value| !is_number(value)) {
                    return not_a_schema(format!("`{key}` is {value}, and no whole number"));
                }
            }
            let parts =
                ["name", "type", "items", "values", "fields", "symbols", "order"].into_iter().filter_map(|key| object.get(key));
            parts.chain(object.get("aliases").filter(|aliases| !aliases.is_null())).try_for_each(check_parts)
        }
        other => not_a_schema(format!("`{other}` stands where a name or a schema belongs")),
    }
}

fn is_name(name: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    name.split('.').all(is_word)
}

fn each_enum(schema: &mut Value, visit: &mut dyn FnMut(&str, &mut Vec<Value>)) {
    match schema {
        Value::Array(entries) => entries.iter_mut().for_each(|entry| each_enum(entry, visit)),
        Value::Object(object) => {
            let name = object.get("name").and_then(Value::as_str).map(str::to_owned);
            if let (Some(name), Some(Value::Array(symbols))) = (name, object.get_mut("symbols")) {
                visit(&name, symbols);
            }
            object.values_mut().for_each(|entry| each_enum(entry, visit));
        }
        _ => {}
    }
}
