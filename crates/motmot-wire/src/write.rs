//! Encoding of single records: what goes to a topic.

use motmot_core::cycle::CycleRecord;
use motmot_core::{Moment, Touchpoint};
use serde::Serialize;

use crate::datum::Datum;
use crate::error::EncodeError;
use crate::read::{CONFLUENT_MARKER, MARKER};
use crate::schema::RecordType;

/// Writes records with the current schemas: in single-object encoding, or, where it was told a schema's number, in Confluent's framing.
///
/// ```
/// # let line = br#"{"event_id": "e1", "occurred_at": 0, "stage": "greeting", "channel": "phone", "site": "voice", "outcome": "none"}"#;
/// let touchpoint = motmot_wire::json::parse_json_line(line)?.touchpoint;
/// let mut value = Vec::new();
/// motmot_wire::Writer::new().touchpoint(&touchpoint, &mut value)?;
/// assert_eq!(motmot_wire::Reader::new().touchpoint(&value)?, touchpoint);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Writer {
    touchpoint: Framing,
    moment: Framing,
    cycle: Framing,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// Ready to write.
    pub fn new() -> Self {
        Self {
            touchpoint: Framing::of(RecordType::Touchpoint),
            moment: Framing::of(RecordType::Moment),
            cycle: Framing::of(RecordType::Cycle),
        }
    }

    /// Writes records of this type in Confluent's framing from now on: `id` is the number of [`RecordType::json`] in the registry.
    #[must_use]
    pub fn with_schema_id(mut self, record: RecordType, id: u32) -> Self {
        let framing = match record {
            RecordType::Touchpoint => &mut self.touchpoint,
            RecordType::Moment => &mut self.moment,
            RecordType::Cycle => &mut self.cycle,
            RecordType::Action | RecordType::Erasure => return self, // not written by this version
        };
        *framing = Framing::numbered(record, id);
        self
    }

    /// Appends a touchpoint with its framing. It is not validated: that is for its reader.
    ///
    /// # Errors
    /// Never, unless type and schema differ; `out` is then as it was.
    pub fn touchpoint(&self, touchpoint: &Touchpoint<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.touchpoint.append(touchpoint, out)
    }

    /// Appends a row of the table of moments with its framing.
    ///
    /// # Errors
    /// Never, unless type and schema differ; `out` is then as it was.
    pub fn moment(&self, moment: &Moment<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.moment.append(moment, out)
    }

    /// Appends a row of the table of cycles with its framing.
    ///
    /// # Errors
    /// Never, unless type and schema differ; `out` is then as it was.
    pub fn cycle(&self, cycle: &CycleRecord<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.cycle.append(cycle, out)
    }
}

/// The bytes before a record: they do not change.
#[derive(Clone, Debug)]
struct Framing {
    record: RecordType,
    bytes: Vec<u8>,
}

impl Framing {
    fn of(record: RecordType) -> Self {
        let fingerprint = record.current().fingerprint().to_le_bytes();
        Self { record, bytes: MARKER.into_iter().chain(fingerprint).collect() }
    }

    fn numbered(record: RecordType, id: u32) -> Self {
        Self { record, bytes: std::iter::once(CONFLUENT_MARKER).chain(id.to_be_bytes()).collect() }
    }

    fn append<T: Serialize>(&self, value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let before = out.len();
        out.extend_from_slice(&self.bytes);
        let written = append_datum(self.record, value, out);
        if written.is_err() {
            out.truncate(before);
        }
        written
    }
}

/// Appends the bare datum; after an error `out` holds a part of it.
#[inline]
pub(crate) fn append_datum<T: Serialize>(record: RecordType, value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    value.serialize(Datum(out)).map_err(|e| EncodeError { record, detail: e.to_string() })
}
