//! JSON lines: cut into pieces by the reading thread, decoded by the others.

use std::io::BufRead;
use std::path::Path;

use crossbeam_channel::Sender;
use motmot_wire::json::parse_json_line;

use super::{Piece, Reading, check_rows};
use crate::error::ArchiveError;

/// About the size of a piece, in bytes.
const PIECE: usize = 1 << 20;
/// The longest line, in bytes: a touchpoint's texts are bounded, so what is longer is none.
const MAX_LINE: usize = 16 << 20;

/// Hands on a file in pieces that end at line ends; `false` when nobody listens any more.
pub(super) fn cut(
    path: &Path,
    file: usize,
    mut input: impl BufRead,
    send: &Sender<Piece>,
    tell: &dyn Fn(),
) -> Result<bool, ArchiveError> {
    let mut first_line = 1;
    let mut bytes: Vec<u8> = Vec::with_capacity(PIECE + PIECE / 4);
    loop {
        let failed = |source| ArchiveError::Read { path: path.to_owned(), source };
        let more = input.fill_buf().map_err(failed)?;
        let (count, is_end) = (more.len(), more.is_empty());
        bytes.extend_from_slice(more);
        input.consume(count);
        if !is_end && bytes.len() < PIECE {
            continue;
        }
        let whole = if is_end { bytes.len() } else { bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) };
        if whole == 0 && bytes.len() > MAX_LINE {
            let why = format!("line {first_line} has more than {MAX_LINE} bytes: is this a file of JSON lines, one object each?");
            return Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidData, why)));
        }
        if whole > 0 {
            let rest = bytes.get(whole..).unwrap_or_default().to_vec();
            bytes.truncate(whole);
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            let piece = std::mem::replace(&mut bytes, Vec::with_capacity(PIECE + PIECE / 4));
            bytes.extend_from_slice(&rest);
            if send.send(Piece::Lines { file, first_line, bytes: piece }).is_err() {
                return Ok(false);
            }
            first_line += lines;
            tell();
        }
        if is_end {
            return Ok(true);
        }
    }
}

impl Reading<'_> {
    pub(super) fn lines(&mut self, file: usize, first_line: u64, bytes: &[u8]) -> Result<(), ArchiveError> {
        let bytes = if first_line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
        for (line, number) in bytes.split(|byte| *byte == b'\n').zip(first_line..) {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            check_rows(number)?;
            self.read.counts.rows += 1;
            match parse_json_line(line) {
                Ok(arrived) => self.arrived(file, number, &arrived)?,
                Err(e) => self.dead(file, number, e.reason(), 1, e.to_string()),
            }
        }
        Ok(())
    }
}
