//! Opens the files of a source and finds out what they are: by their content, not by their names.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::error::ArchiveError;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// motmot's own touchpoints, one JSON object a line.
    JsonLines,
    /// motmot's own touchpoints, an Avro object container file.
    Avro,
    /// Rows that a mapping makes touchpoints of.
    Mapped,
}

/// A file that has been opened.
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) kind: FileKind,
    pub(crate) bytes: Box<dyn BufRead + Send>,
}

const BUFFER: usize = 256 << 10;

/// Opens a file, plain or gzip; `-` is the standard input. `read` counts the file's bytes as they are read.
pub(crate) fn open(path: &Path, has_mapping: bool, read: &Arc<AtomicU64>) -> Result<Input, ArchiveError> {
    let failed = |source| ArchiveError::Open { path: path.to_owned(), source };
    let file: Box<dyn Read + Send> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(failed)?) };
    let mut plain = BufReader::with_capacity(BUFFER, Counted { inner: file, read: Arc::clone(read) });
    let is_gzip = plain.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
    let mut bytes: Box<dyn BufRead + Send> =
        if is_gzip { Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain))) } else { Box::new(plain) };
    let failed = |source| ArchiveError::Read { path: path.to_owned(), source };
    let kind = kind(bytes.fill_buf().map_err(failed)?, has_mapping);
    let kind = kind.ok_or_else(|| ArchiveError::NeedsMapping { path: path.to_owned() })?;
    Ok(Input { path: path.to_owned(), kind, bytes })
}

/// The size of a file on disk, for the progress; 0 where there is none.
pub(crate) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| if metadata.is_file() { metadata.len() } else { 0 })
}

/// An Avro file begins as no text does. A line that begins with `{` is JSON and no row of anybody's table. What is empty or blank
/// holds no touchpoints, whatever it is meant to be.
fn kind(begin: &[u8], has_mapping: bool) -> Option<FileKind> {
    let text = begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin);
    match text.trim_ascii_start().first() {
        _ if begin.starts_with(b"Obj\x01") => Some(FileKind::Avro),
        Some(b'{') => Some(FileKind::JsonLines),
        _ if has_mapping => Some(FileKind::Mapped),
        None => Some(FileKind::JsonLines),
        Some(_) => None,
    }
}

struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_content() {
        let cases: [(&[u8], bool, Option<FileKind>); 8] = [
            (b"Obj\x01...", true, Some(FileKind::Avro)),
            (b"{\"event_id\": 1}", false, Some(FileKind::JsonLines)),
            (b"\xef\xbb\xbf\n {\"event_id\"", true, Some(FileKind::JsonLines)),
            (b"a,b\n1,2\n", true, Some(FileKind::Mapped)),
            (b"a,b\n1,2\n", false, None),
            (b"", false, Some(FileKind::JsonLines)),
            (b"", true, Some(FileKind::Mapped)),
            (b"Object,b\n", true, Some(FileKind::Mapped)),
        ];
        for (begin, has_mapping, expected) in cases {
            assert_eq!(kind(begin, has_mapping), expected, "{}", String::from_utf8_lossy(begin));
        }
    }
}
