//! Reads the tables that a replay wrote, and knows which of a topic's records are the last of their keys.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::error::ArchiveError;

const BUFFER: usize = 1 << 20;

/// Hands each line of a file (plain or gzip) to `visit`, with its number from 1; blank ones are left out.
///
/// # Errors
/// When the file cannot be read, and what `visit` says.
pub fn each_line<E: From<ArchiveError>>(path: &Path, mut visit: impl FnMut(&[u8], u64) -> Result<(), E>) -> Result<(), E> {
    let file = File::open(path).map_err(|source| ArchiveError::Open { path: path.to_owned(), source })?;
    let failed = |source| ArchiveError::Read { path: path.to_owned(), source };
    let mut plain = BufReader::with_capacity(BUFFER, file);
    let is_gzip = plain.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
    let unpacked: Box<dyn Read> = if is_gzip { Box::new(MultiGzDecoder::new(plain)) } else { Box::new(plain) };
    let mut input = BufReader::with_capacity(BUFFER, unpacked);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        number += 1;
        if !line.iter().all(u8::is_ascii_whitespace) {
            visit(&line, number)?;
        }
    }
}

/// Reads a line of `cycles.jsonl` or `moments.jsonl` as the row that it holds.
///
/// # Errors
/// When it is no such row.
pub fn row_of<'l, R: Deserialize<'l>>(path: &Path, line: &'l [u8], number: u64) -> Result<R, ArchiveError> {
    serde_json::from_slice(line).map_err(|error| ArchiveError::Row {
        path: path.to_owned(),
        line: number,
        detail: error.to_string(),
    })
}

/// Which records of a topic are the last of their keys: what holds in a table. Keys by their 128-bit hash.
#[derive(Clone, Debug, Default)]
pub struct LastRows(FxHashMap<u128, (i32, i64)>);

impl LastRows {
    /// Takes the next record's key and coordinates, in the log's order.
    pub fn observe(&mut self, key: &[u8], partition: i32, offset: i64) {
        self.0.insert(xxh3_128(key), (partition, offset));
    }

    /// Whether the record there is the last of its key.
    pub fn is_last(&self, key: &[u8], partition: i32, offset: i64) -> bool {
        self.0.get(&xxh3_128(key)) == Some(&(partition, offset))
    }
}
