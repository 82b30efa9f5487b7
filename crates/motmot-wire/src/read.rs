//! Decoding of single records: what a topic holds.

use std::io::BufRead;
use std::sync::Arc;

use motmot_core::codec::Take;
use motmot_core::cycle::CycleRecord;
use motmot_core::{Moment, Touchpoint};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};

use crate::datum::{NotQuick, Quick};
use crate::error::{DecodeError, NotYet, ReadError, SchemaError};
use crate::registry::{Held, Numbered, SchemaSource};
use crate::schema::{RecordType, WriterSchema, known};

/// Avro's marker of a single object; the writer's fingerprint follows it, little-endian.
pub(crate) const MARKER: [u8; 2] = [0xC3, 0x01];
/// Confluent's marker; the schema's number in the registry follows it, big-endian.
pub(crate) const CONFLUENT_MARKER: u8 = 0;

/// Reads records that carry the fingerprint of their writer's schema, or its number in a registry.
///
/// What it returns borrows from the value; nothing is allocated but the lists that a record has.
///
/// ```
/// use motmot_wire::{ReadError, Reader};
/// let error = Reader::new().touchpoint(b"{\"event_id\": 1}").unwrap_err();
/// assert!(matches!(error, ReadError::Dead(dead) if dead.reason() == "not_avro"));
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    /// A handful at most: a scan that compares one number each beats a hash.
    writers: Vec<Arc<WriterSchema>>,
    numbered: Option<Numbered>,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// Knows what this version and those before it have written.
    pub fn new() -> Self {
        Self { writers: known(), numbered: None }
    }

    /// Knows one more writer's schema: a newer one, by configuration.
    ///
    /// # Errors
    /// When it is no schema of one of motmot's records, or what it describes cannot be read here.
    pub fn with_writer_schema(mut self, json: &str) -> Result<Self, SchemaError> {
        let writer = WriterSchema::parse(json)?;
        if !self.writers.iter().any(|known| known.fingerprint() == writer.fingerprint()) {
            self.writers.push(Arc::new(writer));
        }
        Ok(self)
    }

    /// Reads Confluent's framing too, with the schemas of a registry.
    #[must_use]
    pub fn with_registry(mut self, source: Arc<dyn SchemaSource>) -> Self {
        self.numbered = Some(Numbered::new(source));
        self
    }

    /// Decodes and validates a touchpoint.
    ///
    /// # Errors
    /// Whatever makes the value a dead letter; or that its schema is not known yet.
    #[inline]
    pub fn touchpoint<'a>(&self, value: &'a [u8]) -> Result<Touchpoint<'a>, ReadError> {
        let touchpoint: Touchpoint<'a> = self.record(value, RecordType::Touchpoint)?;
        touchpoint.validate()?;
        Ok(touchpoint)
    }

    /// Decodes a row of the table of moments.
    ///
    /// # Errors
    /// When the value is none.
    pub fn moment<'a>(&self, value: &'a [u8]) -> Result<Moment<'a>, ReadError> {
        self.record(value, RecordType::Moment)
    }

    /// Decodes a row of the table of cycles.
    ///
    /// # Errors
    /// When the value is none.
    pub fn cycle<'a>(&self, value: &'a [u8]) -> Result<CycleRecord<'a>, ReadError> {
        self.record(value, RecordType::Cycle)
    }

    /// Whether a record that was *not yet* to be read can be read by now: as a record or as a dead letter.
    pub fn is_settled(&self, not_yet: &NotYet) -> bool {
        self.numbered.as_ref().is_none_or(|numbered| !matches!(numbered.schema(not_yet.id), Err(ReadError::NotYet(_))))
    }

    /// Takes the framing off, whichever it is: what the value is, and the bare record, as [`crate::Digest`] has it.
    ///
    /// # Errors
    /// When there is no framing, or the writer's schema is not known.
    pub fn datum<'a>(&self, value: &'a [u8]) -> Result<(RecordType, &'a [u8]), ReadError> {
        let (writer, datum) = self.open(value)?;
        Ok((writer.record(), datum))
    }

    fn record<'a, T: Deserialize<'a>>(&self, value: &'a [u8], wanted: RecordType) -> Result<T, ReadError> {
        let (writer, datum) = self.open(value)?;
        if writer.record() != wanted {
            return Err(DecodeError::WrongRecord { found: writer.record(), wanted }.into());
        }
        let mut rest = datum;
        let record = take(&writer, &mut rest, |datum| T::deserialize(datum))?;
        if rest.is_empty() { Ok(record) } else { Err(DecodeError::TrailingBytes { record: wanted, count: rest.len() }.into()) }
    }

    #[inline]
    fn open<'a>(&self, value: &'a [u8]) -> Result<(Held<'_>, &'a [u8]), ReadError> {
        if let Some((&CONFLUENT_MARKER, rest)) = value.split_first()
            && let Some((id, datum)) = rest.split_first_chunk()
        {
            let id = u32::from_be_bytes(*id);
            let numbered = self.numbered.as_ref().ok_or(DecodeError::NoRegistry { id })?;
            return Ok((numbered.schema(id)?, datum));
        }
        let framing = value.split_first_chunk().and_then(|(marker, rest)| Some((marker, rest.split_first_chunk()?)));
        let Some((&MARKER, (fingerprint, datum))) = framing else {
            return Err(DecodeError::NotAvro { found: looks_like(value) }.into());
        };
        let fingerprint = u64::from_le_bytes(*fingerprint);
        let writer = self.writers.iter().find(|writer| writer.has(fingerprint));
        Ok((Held::Kept(writer.ok_or(DecodeError::UnknownSchema { fingerprint })?), datum))
    }
}

/// Takes one record from the front of `bytes`; `quick` does it without the schema, where that is the current one. After an
/// [`DecodeError::UnusableValue`] `bytes` begins after the record, after any other error it is where it was.
#[inline]
pub(crate) fn take<'a, T: Deserialize<'a>>(
    writer: &WriterSchema,
    bytes: &mut &'a [u8],
    quick: impl FnOnce(&mut Quick<'a>) -> Result<T, NotQuick>,
) -> Result<T, DecodeError> {
    if writer.is_current() {
        let mut datum = Quick(Take(bytes));
        if let Ok(record) = quick(&mut datum) {
            *bytes = datum.0.0;
            return Ok(record);
        }
    }
    resolve(writer, bytes)
}

/// Takes one record as its writer's schema has it: absent fields are at their defaults, unknown ones are skipped.
fn resolve<'a, T: Deserialize<'a>>(writer: &WriterSchema, bytes: &mut &'a [u8]) -> Result<T, DecodeError> {
    let mut state = state(writer, bytes);
    match T::deserialize(state.deserializer()) {
        Ok(record) => {
            *bytes = rest(state, bytes);
            Ok(record)
        }
        Err(e) => Err(tell_apart(writer, bytes, &e)),
    }
}

/// The decoder's error, told as damage or as a value that cannot be used: the latter has an end that can be found.
#[cold]
fn tell_apart(writer: &WriterSchema, bytes: &mut &[u8], error: &serde_avro_fast::de::DeError) -> DecodeError {
    let (record, detail) = (writer.record(), error.to_string());
    let mut state = state(writer, bytes);
    match IgnoredAny::deserialize(state.deserializer()) {
        Ok(IgnoredAny) => {
            *bytes = rest(state, bytes);
            DecodeError::UnusableValue { record, detail }
        }
        Err(_) => DecodeError::Malformed { record, detail },
    }
}

#[inline]
fn state<'s, 'a>(writer: &'s WriterSchema, bytes: &'a [u8]) -> DeserializerState<'s, SliceRead<'a>> {
    let mut config = DeserializerConfig::new(writer.fast());
    // An entry has at least a byte, so a list cannot be longer than the record: this bounds what a false length can cost.
    config.max_seq_size = bytes.len();
    DeserializerState::with_config(SliceRead::new(bytes), config)
}

#[inline]
fn rest<'a>(mut state: DeserializerState<'_, SliceRead<'a>>, bytes: &'a [u8]) -> &'a [u8] {
    let left = state.fill_buf().map_or(0, <[u8]>::len);
    bytes.get(bytes.len() - left..).unwrap_or_default()
}

/// What a value without the marker may be, for whoever looks at the dead letter.
#[cold]
fn looks_like(value: &[u8]) -> String {
    match value {
        [] => "it is empty".to_owned(),
        [b'{' | b'[', ..] => "it looks like JSON".to_owned(),
        [0xC3, 0x01, ..] | [CONFLUENT_MARKER, ..] => format!("it breaks off after {} bytes, within the framing", value.len()),
        _ => format!("it begins with {}", value.iter().take(4).map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_json_line;

    /// What is read without the schema must be what the schema says, whatever the bytes are.
    #[test]
    fn the_quick_way_never_differs_from_the_schemas() {
        let line = br#"{"event_id": "e1", "occurred_at": 1772357400000, "stage": "farewell", "channel": "phone", "site": "voice", "outcome": "met",
            "seq": -3, "intent": "praise", "actor": {"kind": "person", "id": "avni", "named": true}, "waited_ms": 90000, "rating": 5,
            "sentiment": 0.25, "promises": [{"promise_id": "p", "kind": "call_back", "due_at": 1}], "kept_promises": ["a", "b"],
            "door_open": true, "attributes": {"x": "1", "y": "2"}}"#;
        let mut value = Vec::new();
        crate::Writer::new().touchpoint(&parse_json_line(line).unwrap().touchpoint, &mut value).unwrap();
        let datum = value.split_off(10);
        let writer = RecordType::Touchpoint.current();
        let (mut read, mut refused) = (0, 0);
        for position in 0..datum.len() {
            for byte in [0, 1, 2, 3, 4, 0x7f, 0x80, 0xff] {
                let mut changed = datum.clone();
                changed[position] = byte;
                let (mut quick, mut slow) = (Quick(Take(&changed)), changed.as_slice());
                let Ok(touchpoint) = Touchpoint::deserialize(&mut quick) else {
                    refused += 1;
                    continue;
                };
                read += 1;
                assert_eq!(resolve(writer, &mut slow), Ok(touchpoint), "byte {byte} at {position}");
                assert_eq!(quick.0.0, slow, "byte {byte} at {position}");
            }
        }
        assert!(read > 100 && refused > 100, "{read} read, {refused} refused");
    }
}
