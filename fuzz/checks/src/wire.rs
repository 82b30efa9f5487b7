//! Records of topics and files of touchpoints.

use std::sync::{Arc, LazyLock};

use motmot_wire::file::{Blocks, Codec, FileError, FileWriter};
use motmot_wire::json::{LineError, parse_json_line, write_json_line};
use motmot_wire::schema::WriterSchema;
use motmot_wire::{Arrived, DecodeError, NotYet, ReadError, Reader, RecordType, SchemaSource, Writer};

use crate::halves;
use crate::memory::{Allowance, apart};

/// The lists of a touchpoint are bounded. What is left is what an error quotes.
const TOUCHPOINT: Allowance = Allowance { a_byte: 16, base: 64 << 10 };
/// The lists of a cycle's row are those of a cycle: an entry of two bytes is read as one of a hundred, in a list that doubles.
const ROW: Allowance = Allowance { a_byte: 256, base: 64 << 10 };

/// The record types that are read, by their number in the registry of [`record`]; of an input of its own it is also the first byte.
pub(crate) const READ: [RecordType; 3] = [RecordType::Touchpoint, RecordType::Moment, RecordType::Cycle];
/// The number of a schema that the registry does not give.
const NOT_YET: u32 = 3;

#[derive(Debug)]
struct Registry;

impl SchemaSource for Registry {
    fn schema(&self, id: u32) -> Result<Arc<WriterSchema>, ReadError> {
        match READ.get(usize::try_from(id).unwrap_or(usize::MAX)) {
            Some(record) => Ok(Arc::clone(record.current())),
            None if id == NOT_YET => Err(NotYet { id, detail: "it sleeps".to_owned() }.into()),
            None => Err(DecodeError::UnknownId { id }.into()),
        }
    }
}

/// A bare record within the framing of a single object.
pub(crate) fn framed(fingerprint: u64, datum: &[u8]) -> Vec<u8> {
    [&[0xC3, 0x01], fingerprint.to_le_bytes().as_slice(), datum].concat()
}

/// A bare record within Confluent's framing.
pub(crate) fn numbered(id: u32, datum: &[u8]) -> Vec<u8> {
    [&[0], id.to_be_bytes().as_slice(), datum].concat()
}

/// A record of a topic: the bytes as they are, in whichever framing, and behind the framing of each type of record, which the first byte
/// chooses.
pub fn record(bytes: &[u8]) -> bool {
    static READER: LazyLock<Reader> = LazyLock::new(|| Reader::new().with_registry(Arc::new(Registry)));
    let is_record = any_record(&READER, bytes);
    let Some((kind, datum)) = bytes.split_first() else { return is_record };
    let Some(kind) = READ.get(usize::from(*kind)) else { return is_record };
    any_record(&READER, &framed(kind.current().fingerprint(), datum)) || is_record
}

/// Room for what is written of an input: that a buffer grows at one field or another is nothing new.
fn room(input: &[u8]) -> Vec<u8> {
    Vec::with_capacity(1_024 + 4 * input.len())
}

/// Reads a value as each type of record; what is read is written, and read again.
fn any_record(reader: &Reader, value: &[u8]) -> bool {
    let writer = if value.starts_with(&[0]) { numbered_writer() } else { Writer::new() };
    let is_open = reader.datum(value).is_ok();
    let (mut again, mut twice) = (room(value), room(value));
    let touchpoint = TOUCHPOINT.hold(value.len(), || told(reader.touchpoint(value)));
    if let Some(touchpoint) = &touchpoint {
        assert_eq!(touchpoint.validate(), Ok(()));
        assert!(writer.touchpoint(touchpoint, &mut again).is_ok(), "{touchpoint:?}");
        assert_eq!(reader.touchpoint(&again).as_ref(), Ok(touchpoint));
    }
    again.clear();
    // Numbers of moments and cycles are not validated: a NaN is not equal to itself, so their bytes are compared.
    let moment = ROW.hold(value.len(), || told(reader.moment(value)));
    if let Some(moment) = &moment {
        assert!(writer.moment(moment, &mut again).is_ok(), "{moment:?}");
        let read = reader.moment(&again).unwrap_or_else(|e| panic!("{moment:?}: {e}"));
        assert!(writer.moment(&read, &mut twice).is_ok() && again == twice, "{moment:?}");
    }
    again.clear();
    twice.clear();
    let cycle = ROW.hold(value.len(), || told(reader.cycle(value)));
    if let Some(cycle) = &cycle {
        assert!(writer.cycle(cycle, &mut again).is_ok(), "{cycle:?}");
        let read = reader.cycle(&again).unwrap_or_else(|e| panic!("{cycle:?}: {e}"));
        assert!(writer.cycle(&read, &mut twice).is_ok() && again == twice, "{cycle:?}");
    }
    let is_read = touchpoint.is_some() || moment.is_some() || cycle.is_some();
    assert!(is_open || !is_read, "read, and its framing is none: {value:02x?}");
    is_read
}

/// Writes each type of record with its number in the registry.
fn numbered_writer() -> Writer {
    READ.into_iter().zip(0..).fold(Writer::new(), |writer, (record, id)| writer.with_schema_id(record, id))
}

/// What was read; or none, after the refusal was told as a dead letter tells it.
fn told<T>(read: Result<T, ReadError>) -> Option<T> {
    match read {
        Ok(value) => return Some(value),
        Err(ReadError::NotYet(not_yet)) => assert_eq!(not_yet.id, NOT_YET),
        Err(ReadError::Dead(dead)) => {
            assert!(DecodeError::REASONS.contains(&dead.reason()) && !dead.to_string().is_empty(), "{dead}");
        }
    }
    None
}

/// A writer's schema, and behind it a record that claims to be of that schema.
pub fn writer_schema(bytes: &[u8]) -> bool {
    // Both libraries build a tree of it, and compare it with the reader's.
    const SCHEMA: Allowance = Allowance { a_byte: 1_024, base: 1 << 20 };
    let (schema, datum) = halves(bytes);
    let Ok(schema) = std::str::from_utf8(schema) else { return false };
    let _ = RecordType::Touchpoint.current(); // read once for all
    let Ok(parsed) = SCHEMA.hold(schema.len(), || WriterSchema::parse(schema)) else { return false };
    let Ok(reader) = Reader::new().with_writer_schema(schema) else { panic!("{schema} was read once") };
    any_record(&reader, &framed(parsed.fingerprint(), datum));
    true
}

/// An Avro object container file. What is read is written into another file, and read from there.
pub fn avro_file(bytes: &[u8]) -> bool {
    // Deflate makes a thousand bytes of one, in a buffer that doubles.
    const FILE: Allowance = Allowance { a_byte: 4_096, base: 2 << 20 };
    let _ = (RecordType::Touchpoint.current(), motmot_wire::file::schema()); // read once for all
    let (mut lines, mut copy) = (room(bytes), FileWriter::new(room(bytes), Codec::Null));
    let mut write = |arrived: &Arrived<'_>| {
        assert_eq!(arrived.validate(), Ok(()));
        assert!(write_json_line(arrived, &mut lines).is_ok() && copy.push(arrived).is_ok(), "{arrived:?}");
    };
    let mut is_read = false;
    FILE.hold(bytes.len(), || {
        each_touchpoint(bytes, |arrived| {
            is_read = true;
            apart(|| write(arrived));
        });
    });
    if !is_read {
        return false;
    }
    let Ok(copy) = copy.finish() else { panic!("nothing can fail in memory") };
    let mut again = room(bytes);
    each_touchpoint(&copy, |arrived| assert!(write_json_line(arrived, &mut again).is_ok()));
    assert!(lines == again, "{}", String::from_utf8_lossy(&lines));
    true
}

/// Visits what can be read of a file, and looks whether what cannot be says where it is.
fn each_touchpoint(file: &[u8], mut visit: impl FnMut(&Arrived<'_>)) {
    let has_a_place = |error: &FileError| {
        let length = file.len() as u64;
        assert!(!error.to_string().is_empty());
        if let FileError::Io { position, .. } | FileError::Header { position, .. } | FileError::Block { position, .. } = error {
            assert!(*position <= length, "{error}");
        }
    };
    let blocks = Blocks::open(file).map_err(|error| has_a_place(&error));
    for mut block in blocks.into_iter().flatten().filter_map(|block| block.map_err(|error| has_a_place(&error)).ok()) {
        let records = block.first_record()..=block.first_record() + block.count();
        let touchpoints = block.touchpoints().map_err(|error| has_a_place(&error));
        for arrived in touchpoints.into_iter().flatten() {
            match arrived {
                Ok(arrived) => visit(&arrived),
                Err(error) => assert!(records.contains(&error.record) && !error.to_string().is_empty(), "{error}"),
            }
        }
    }
}

/// A line of JSON.
pub fn json_line(bytes: &[u8]) -> bool {
    let arrived = match TOUCHPOINT.hold(bytes.len(), || parse_json_line(bytes)) {
        Ok(arrived) => arrived,
        Err(LineError::Invalid(_)) => return false,
        Err(LineError::Unreadable { column, detail, .. }) => {
            assert!(column <= bytes.len() + 1 && !detail.is_empty(), "column {column}: {detail}");
            return false;
        }
    };
    let mut line = room(bytes);
    assert!(write_json_line(&arrived, &mut line).is_ok(), "{arrived:?}");
    assert_eq!(parse_json_line(&line).as_ref(), Ok(&arrived), "{}", String::from_utf8_lossy(&line));
    true
}
