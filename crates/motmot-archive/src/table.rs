//! Cuts a delimited text file into records, and records into fields.
//!
//! Written out instead of taken from the `csv` crate because an event_id hashes the record's own bytes, which that crate does not
//! give. The answers to what real files hold: a byte order mark is skipped; lines end with LF or CR LF; blank lines are skipped and
//! counted nowhere; a quote opens a quoted field only at the field's start, a doubled one inside stands for one, and what follows the closing
//! quote up to the delimiter is kept as it is; a file that ends inside a quoted field ends that record.

use std::io::{self, BufRead};

/// Reads records, one after the other.
pub(crate) struct Records<R> {
    source: R,
    quote: Option<u8>,
    delimiter: u8,
    /// Lines read so far.
    lines: u64,
    started: bool,
}

/// Where a record was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordAt {
    /// Its first line, from 1.
    pub(crate) line: u64,
}

/// The longest record, in bytes: beyond it the file is not delimited text, or a quote was never closed.
const MAX_RECORD: usize = 1 << 20;

impl<R: BufRead> Records<R> {
    pub(crate) fn new(source: R, delimiter: u8, quote: Option<u8>) -> Self {
        Self { source, quote, delimiter, lines: 0, started: false }
    }

    /// Reads the next record's bytes into `record`, without its line end. `None` at the end of the file.
    pub(crate) fn next(&mut self, record: &mut Vec<u8>) -> io::Result<Option<RecordAt>> {
        loop {
            record.clear();
            let line = self.lines + 1;
            if !self.append_line(record)? {
                return Ok(None);
            }
            let mut quotes = Quotes::new(self.quote, self.delimiter);
            // What was looked at once is not looked at again: an unclosed quote must not cost the square of the file.
            let mut seen = 0;
            while quotes.are_open_after(record.get(seen..).unwrap_or_default()) && record.len() <= MAX_RECORD {
                seen = record.len();
                if !self.append_line(record)? {
                    break;
                }
            }
            if record.len() > MAX_RECORD {
                let why = format!(
                    "line {line} begins a record of over {MAX_RECORD} bytes: is a quote never closed? Say `quote: none` if quotes mean nothing here"
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            while matches!(record.last(), Some(b'\n' | b'\r')) {
                record.pop();
            }
            if !record.iter().all(u8::is_ascii_whitespace) || record.contains(&self.delimiter) {
                return Ok(Some(RecordAt { line }));
            }
        }
    }

    fn append_line(&mut self, record: &mut Vec<u8>) -> io::Result<bool> {
        if self.source.read_until(b'\n', record)? == 0 {
            return Ok(false);
        }
        self.lines += 1;
        if !std::mem::replace(&mut self.started, true) && record.starts_with(b"\xef\xbb\xbf") {
            record.drain(..3);
        }
        Ok(true)
    }
}

/// Follows a record through its quoted fields.
struct Quotes {
    quote: Option<u8>,
    delimiter: u8,
    inside: bool,
    at_start: bool,
}

impl Quotes {
    fn new(quote: Option<u8>, delimiter: u8) -> Self {
        Self { quote, delimiter, inside: false, at_start: true }
    }

    /// Whether a quoted field is still open after the record's next bytes.
    fn are_open_after(&mut self, bytes: &[u8]) -> bool {
        let Some(quote) = self.quote.filter(|quote| self.inside || bytes.contains(quote)) else { return false };
        for &byte in bytes {
            if byte == quote && (self.inside || self.at_start) {
                // a doubled quote leaves the field and enters it again
                self.inside = !self.inside;
                self.at_start = !self.inside;
            } else {
                self.at_start = !self.inside && byte == self.delimiter;
            }
        }
        self.inside
    }
}

/// The fields of one record: ranges of its text, and of a second one for those whose quotes had to go.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    unquoted: String,
    ranges: Vec<FieldAt>,
}

#[derive(Clone, Copy, Debug)]
struct FieldAt {
    start: usize,
    end: usize,
    unquoted: bool,
}

impl Fields {
    /// Cuts `record` at its delimiters.
    pub(crate) fn split(&mut self, record: &str, delimiter: u8, quote: Option<u8>) {
        self.ranges.clear();
        self.unquoted.clear();
        let bytes = record.as_bytes();
        let mut start = 0;
        loop {
            let rest = bytes.get(start..).unwrap_or_default();
            let end = if quote.is_some() && rest.first().copied() == quote {
                self.split_quoted(record, start, delimiter, quote.unwrap_or_default())
            } else {
                let end = start + rest.iter().position(|byte| *byte == delimiter).unwrap_or(rest.len());
                self.ranges.push(FieldAt { start, end, unquoted: false });
                end
            };
            if end >= bytes.len() {
                return;
            }
            start = end + 1;
        }
    }

    /// Takes a quoted field that begins at `start`; gives where it ends.
    fn split_quoted(&mut self, record: &str, start: usize, delimiter: u8, quote: u8) -> usize {
        let from = self.unquoted.len();
        let mut inside = false;
        let mut end = record.len();
        let mut previous_closed = false;
        for (at, character) in record.get(start..).unwrap_or_default().char_indices() {
            if character == char::from(quote) {
                if previous_closed {
                    self.unquoted.push(character);
                }
                inside = !inside;
                previous_closed = !inside && !previous_closed;
                if inside {
                    previous_closed = false;
                }
                continue;
            }
            previous_closed = false;
            if !inside && character == char::from(delimiter) {
                end = start + at;
                break;
            }
            self.unquoted.push(character);
        }
        self.ranges.push(FieldAt { start: from, end: self.unquoted.len(), unquoted: true });
        end
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// A field, without the spaces around it; `record` is what was split.
    pub(crate) fn get<'r>(&'r self, record: &'r str, position: usize) -> Option<&'r str> {
        let at = self.ranges.get(position)?;
        let text = if at.unquoted { self.unquoted.as_str() } else { record };
        text.get(at.start..at.end).map(str::trim)
    }
}
