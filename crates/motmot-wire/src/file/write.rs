//! Writing a file.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use motmot_core::codec::Put;
use xxhash_rust::xxh3::xxh3_128;

use super::{CODEC, Codec, MAGIC, SCHEMA, schema};
use crate::arrived::Arrived;
use crate::schema::RecordType;
use crate::write::append_datum;

/// A block is closed when it has so many bytes before compression: enough to compress well, and for two threads to share a file.
const BLOCK: usize = 256 << 10;

/// Writes touchpoints into an Avro object container file. Call [`FileWriter::finish`]: without it the last block is lost.
///
/// The same touchpoints make the same bytes: the sync marker, random elsewhere, is a hash of the first block.
pub struct FileWriter<W> {
    out: W,
    codec: Codec,
    block: Vec<u8>,
    count: u64,
    /// None until the header has been written.
    sync: Option<[u8; 16]>,
}

impl<W: Write> FileWriter<W> {
    /// Begins a file; nothing is written yet.
    pub fn new(out: W, codec: Codec) -> Self {
        Self { out, codec, block: Vec::with_capacity(BLOCK + BLOCK / 8), count: 0, sync: None }
    }

    /// Appends a touchpoint.
    ///
    /// # Errors
    /// When a full block cannot be written, or, of kind `InvalidData`, as [`crate::Writer::touchpoint`] has it.
    pub fn push(&mut self, arrived: &Arrived<'_>) -> io::Result<()> {
        let before = self.block.len();
        if let Err(e) = append_datum(RecordType::Touchpoint, &arrived.touchpoint, &mut self.block) {
            self.block.truncate(before);
            return Err(io::Error::new(io::ErrorKind::InvalidData, e));
        }
        // arrived_at is the last field of the file's schema: the second branch of its union is the instant
        match arrived.arrived_at {
            None => self.block.put_i64(0),
            Some(at) => {
                self.block.put_i64(1);
                self.block.put_i64(at.as_millis());
            }
        }
        self.count += 1;
        if self.block.len() >= BLOCK { self.close_block() } else { Ok(()) }
    }

    /// Writes the last block and hands the output back, flushed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.close_block()?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn close_block(&mut self) -> io::Result<()> {
        let sync = match self.sync {
            Some(sync) => sync,
            None => self.write_header()?,
        };
        if self.count == 0 {
            return Ok(());
        }
        let compressed = match self.codec {
            Codec::Null => None,
            Codec::Deflate => {
                let mut encoder = DeflateEncoder::new(Vec::with_capacity(self.block.len() / 2), Compression::default());
                encoder.write_all(&self.block)?;
                Some(encoder.finish()?)
            }
        };
        let data = compressed.as_ref().unwrap_or(&self.block);
        let mut head = Vec::with_capacity(20);
        head.put_i64(self.count.cast_signed());
        put_length(&mut head, data.len());
        self.out.write_all(&head)?;
        self.out.write_all(data)?;
        self.out.write_all(&sync)?;
        self.block.clear();
        self.count = 0;
        Ok(())
    }

    fn write_header(&mut self) -> io::Result<[u8; 16]> {
        let sync = xxh3_128(&self.block).to_le_bytes();
        let mut head = MAGIC.to_vec();
        let entries = [(SCHEMA, schema()), (CODEC, self.codec.name())];
        put_length(&mut head, entries.len());
        for text in entries.iter().flat_map(|(name, value)| [name, value]) {
            put_length(&mut head, text.len());
            head.extend_from_slice(text.as_bytes());
        }
        head.put_i64(0);
        head.extend_from_slice(&sync);
        self.out.write_all(&head)?;
        self.sync = Some(sync);
        Ok(sync)
    }
}

/// Avro's lengths are signed.
fn put_length(out: &mut Vec<u8>, length: usize) {
    out.put_u64((length as u64) << 1);
}
