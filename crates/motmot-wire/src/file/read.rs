//! Reading a file block by block.

use std::io::{BufRead, Read as _};
use std::sync::Arc;

use flate2::read::DeflateDecoder;
use motmot_core::Touchpoint;
use serde::Deserialize;

use super::error::{FileError, RecordError};
use super::input::{Input, InputError};
use super::{CODEC, Codec, MAGIC, SCHEMA};
use crate::arrived::Arrived;
use crate::datum::{NotQuick, Quick};
use crate::error::{DecodeError, SchemaError};
use crate::read::take;
use crate::schema::{RecordType, WriterSchema};

/// The largest block, compressed or not; what other writers make lies between 16 kB and 2 MB.
const MAX_BLOCK: u64 = 256 << 20;
/// The largest value of the header: a schema.
const MAX_METADATA: u64 = 16 << 20;
/// The most entries of the header.
const MAX_ENTRIES: u64 = 1_000;

/// What a file's header says.
#[derive(Debug)]
struct Header {
    writer: Arc<WriterSchema>,
    codec: Codec,
    sync: [u8; 16],
}

/// The blocks of a file, in order. After an error there are no more.
#[derive(Debug)]
pub struct Blocks<R> {
    input: Input<R>,
    header: Arc<Header>,
    /// How many blocks and records have been handed out.
    blocks: u64,
    records: u64,
    ended: bool,
}

impl<R: BufRead> Blocks<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is no Avro file, or one whose schema or codec cannot be used.
    pub fn open(input: R) -> Result<Self, FileError> {
        let mut input = Input::new(input);
        let header = header(&mut input)?;
        Ok(Self { input, header: Arc::new(header), blocks: 0, records: 0, ended: false })
    }

    fn block(&mut self, position: u64) -> Result<Option<Block>, InputError> {
        if self.input.is_at_end()? {
            return Ok(None);
        }
        let count = self.input.count("its number of records", MAX_BLOCK)?;
        let size = self.input.count("its size in bytes", MAX_BLOCK)?;
        let data = self.input.bytes(size)?;
        if self.input.array()? != self.header.sync {
            return Err(InputError::Damaged("it does not end with the file's sync marker".to_owned()));
        }
        let (number, first_record) = (self.blocks, self.records);
        self.blocks += 1;
        self.records += count;
        let compressed = self.header.codec == Codec::Deflate;
        Ok(Some(Block { header: Arc::clone(&self.header), number, position, first_record, count, data, compressed }))
    }
}

impl<R: BufRead> Iterator for Blocks<R> {
    type Item = Result<Block, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let position = self.input.position;
        let block = self.block(position);
        self.ended = !matches!(block, Ok(Some(_)));
        match block {
            Ok(block) => block.map(Ok),
            Err(InputError::Io(source)) => Some(Err(FileError::Io { position: self.input.position, source })),
            Err(InputError::Damaged(detail)) => {
                Some(Err(FileError::Block { block: self.blocks, position, first_record: self.records, detail }))
            }
        }
    }
}

fn header<R: BufRead>(input: &mut Input<R>) -> Result<Header, FileError> {
    let magic = input.up_to(MAGIC.len() as u64);
    let Metadata { schema, codec, sync } = match magic {
        Ok(magic) if magic == MAGIC => metadata(input),
        Ok(found) => return Err(FileError::NotAvro { found }),
        Err(e) => Err(e),
    }
    .map_err(|e| match e {
        InputError::Io(source) => FileError::Io { position: input.position, source },
        InputError::Damaged(detail) => FileError::Header { position: input.position, detail },
    })?;
    let codec = Codec::parse(&codec).ok_or_else(|| FileError::Codec { name: String::from_utf8_lossy(&codec).into_owned() })?;
    let json = std::str::from_utf8(&schema).map_err(|e| SchemaError::NotASchema { detail: e.to_string() })?;
    let writer = WriterSchema::of_file(json)?;
    if writer.record() != RecordType::Touchpoint {
        return Err(FileError::WrongRecord { found: writer.record() });
    }
    Ok(Header { writer, codec, sync })
}

/// What a header holds, as it lies there.
struct Metadata {
    schema: Vec<u8>,
    /// If it is missing: null.
    codec: Vec<u8>,
    sync: [u8; 16],
}

fn metadata<R: BufRead>(input: &mut Input<R>) -> Result<Metadata, InputError> {
    let (mut schema, mut codec) = (None, Codec::Null.name().as_bytes().to_vec());
    let mut left = MAX_ENTRIES;
    loop {
        let mut entries = input.number()?;
        if entries < 0 {
            entries = entries.saturating_neg();
            input.number()?; // the size of these entries in bytes, for who wants to skip them
        }
        let entries = entries.unsigned_abs();
        left = left.checked_sub(entries).ok_or_else(|| InputError::Damaged(format!("it has more than {MAX_ENTRIES} entries")))?;
        if entries == 0 {
            break;
        }
        for _ in 0..entries {
            let length = input.count("the length of an entry's name", MAX_METADATA)?;
            let name = input.bytes(length)?;
            let length = input.count("the length of an entry", MAX_METADATA)?;
            let value = input.bytes(length)?;
            match name.as_slice() {
                name if name == SCHEMA.as_bytes() => schema = Some(value),
                name if name == CODEC.as_bytes() => codec = value,
                _ => {} // the writer's own
            }
        }
    }
    let schema = schema.ok_or_else(|| InputError::Damaged("it has no schema".to_owned()))?;
    Ok(Metadata { schema, codec, sync: input.array()? })
}

/// Some records of a file, as they lie in it. It may be decoded on any thread.
#[derive(Debug)]
pub struct Block {
    header: Arc<Header>,
    number: u64,
    position: u64,
    first_record: u64,
    count: u64,
    data: Vec<u8>,
    compressed: bool,
}

impl Block {
    /// How many records it has, as it says.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The number of its first record in the file, from 0.
    pub const fn first_record(&self) -> u64 {
        self.first_record
    }

    /// Decodes and validates its records, one by one; the first call decompresses.
    ///
    /// # Errors
    /// When it cannot be decompressed, or has fewer bytes than records.
    pub fn touchpoints(&mut self) -> Result<Touchpoints<'_>, FileError> {
        if self.compressed {
            let mut inflated = Vec::with_capacity(self.data.len().saturating_mul(4));
            let read = DeflateDecoder::new(self.data.as_slice()).take(MAX_BLOCK + 1).read_to_end(&mut inflated);
            read.map_err(|e| self.damaged(format!("it cannot be decompressed ({e})")))?;
            (self.data, self.compressed) = (inflated, false);
        }
        let length = self.data.len() as u64;
        if length > MAX_BLOCK {
            return Err(self.damaged(format!("it has more than {MAX_BLOCK} bytes when decompressed")));
        }
        if self.count > length {
            return Err(self.damaged(format!("it has {length} bytes, too few for {} records", self.count)));
        }
        Ok(Touchpoints { block: self, rest: &self.data, next: 0 })
    }

    const fn damaged(&self, detail: String) -> FileError {
        FileError::Block { block: self.number, position: self.position, first_record: self.first_record, detail }
    }
}

/// A record that lies as [`super::schema`] has it.
#[inline]
fn quick<'b>(datum: &mut Quick<'b>) -> Result<Arrived<'b>, NotQuick> {
    let touchpoint = Touchpoint::deserialize(&mut *datum)?;
    Ok(Arrived { touchpoint, arrived_at: Option::deserialize(datum)? })
}

/// The touchpoints of a block. A record that cannot be used is an error and not the end; damage is the end of the block.
#[derive(Debug)]
pub struct Touchpoints<'b> {
    block: &'b Block,
    rest: &'b [u8],
    next: u64,
}

impl<'b> Iterator for Touchpoints<'b> {
    type Item = Result<Arrived<'b>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let block = self.block;
        if self.next == block.count {
            return self.excess().map(Err);
        }
        let number = self.next;
        self.next += 1;
        let taken = take(&block.header.writer, &mut self.rest, quick);
        let checked = taken.and_then(|arrived: Arrived<'b>| arrived.validate().map(|()| arrived).map_err(DecodeError::from));
        Some(checked.map_err(|error| {
            let mut lost = 1;
            if matches!(error, DecodeError::Malformed { .. }) {
                lost = block.count - number;
                (self.next, self.rest) = (block.count, &[]);
            }
            RecordError { record: block.first_record + number, block: block.number, lost, error }
        }))
    }
}

impl Touchpoints<'_> {
    /// Bytes after the last record: said once.
    #[cold]
    fn excess(&mut self) -> Option<RecordError> {
        let count = std::mem::take(&mut self.rest).len();
        let error = DecodeError::TrailingBytes { record: RecordType::Touchpoint, count };
        let block = self.block;
        (count > 0).then(|| RecordError { record: block.first_record + block.count, block: block.number, lost: 0, error })
    }
}
