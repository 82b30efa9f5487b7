//! Encoding of single records: what goes to a topic.

use motmot_core::cycle::CycleRecord;
use motmot_core::{Moment, Touchpoint};
use serde::Serialize;
use serde_avro_fast::ser::SerializerConfig;

use crate::error::EncodeError;
use crate::read::MARKER;
use crate::schema::RecordType;

/// Writes records with the current schemas, in single-object encoding. Keep one and use it again: it holds buffers.
pub struct Writer {
    touchpoint: RecordWriter,
    moment: RecordWriter,
    cycle: RecordWriter,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// With empty buffers.
    pub fn new() -> Self {
        Self {
            touchpoint: RecordWriter::new(RecordType::Touchpoint),
            moment: RecordWriter::new(RecordType::Moment),
            cycle: RecordWriter::new(RecordType::Cycle),
        }
    }

    /// Appends a touchpoint with its framing.
    ///
    /// # Errors
    /// Never, unless type and schema differ; `out` is then as it was.
    pub fn touchpoint(&mut self, touchpoint: &Touchpoint<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.touchpoint.framed(touchpoint, out)
    }

    /// Appends a row of the table of moments with its framing.
    ///
    /// # Errors
    /// Never, unless type and schema differ; `out` is then as it was.
    pub fn moment(&mut self, moment: &Moment<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.moment.framed(moment, out)
    }

    /// Appends a row of the table of cycles with its framing.
    ///
    /// # Errors
    /// Never, unless type and schema differ; `out` is then as it was.
    pub fn cycle(&mut self, cycle: &CycleRecord<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.cycle.framed(cycle, out)
    }
}

/// Writes records of one type.
pub(crate) struct RecordWriter {
    record: RecordType,
    config: SerializerConfig<'static>,
}

impl RecordWriter {
    pub(crate) fn new(record: RecordType) -> Self {
        Self { record, config: SerializerConfig::new(record.current().fast()) }
    }

    fn framed<T: Serialize>(&mut self, value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let before = out.len();
        out.extend_from_slice(&MARKER);
        out.extend_from_slice(&self.record.current().fingerprint().to_le_bytes());
        let written = self.datum(value, out);
        if written.is_err() {
            out.truncate(before);
        }
        written
    }

    /// Appends the bare datum; after an error `out` holds a part of it.
    pub(crate) fn datum<T: Serialize>(&mut self, value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match serde_avro_fast::to_datum(value, out, &mut self.config) {
            Ok(_) => Ok(()),
            Err(e) => Err(EncodeError { record: self.record, detail: e.to_string() }),
        }
    }
}
