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

    /// The most bytes of a row of the table of cycles: with its key and its headers it is below what a broker takes that was told nothing
    /// (`message.max.bytes`, 1,048,588). A constant of motmot's, not a topic's: a row may depend on the log, the clock and the strategy only.
    pub const MAX_CYCLE: usize = 1_000_000;

    /// Appends a row of the table of cycles with its framing. One that is larger than [`Self::MAX_CYCLE`] is truncated, and says so: the end of
    /// its touchpoints is left out, and if that is not enough, of its verdicts, its moments and its needs. Returns whether all of it is there.
    ///
    /// # Errors
    /// Never, unless type and schema differ; `out` is then as it was.
    pub fn cycle(&self, cycle: &CycleRecord<'_>, out: &mut Vec<u8>) -> Result<bool, EncodeError> {
        let before = out.len();
        self.cycle.append(cycle, out)?;
        if out.len() - before <= Self::MAX_CYCLE {
            return Ok(true);
        }
        let mut shorter = CycleRecord { truncated: true, ..cycle.clone() };
        while out.len() - before > Self::MAX_CYCLE && halve(&mut shorter) {
            out.truncate(before);
            self.cycle.append(&shorter, out)?;
        }
        Ok(false)
    }
}

/// Leaves out the second half of the first list that has anything. False: none has.
fn halve(cycle: &mut CycleRecord<'_>) -> bool {
    let CycleRecord { touchpoints, verdicts, moments, needs, .. } = cycle;
    match (touchpoints.len(), verdicts.len(), moments.len(), needs.len()) {
        (0, 0, 0, 0) => return false,
        (0, 0, 0, length) => needs.truncate(length / 2),
        (0, 0, length, _) => moments.truncate(length / 2),
        (0, length, ..) => verdicts.truncate(length / 2),
        (length, ..) => touchpoints.truncate(length / 2),
    }
    true
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
