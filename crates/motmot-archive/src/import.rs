//! `motmot import`: files of any kind become motmot's own, in order of arrival.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use motmot_core::engine::BoxError;
use motmot_core::{Timestamp, Touchpoint};
use motmot_wire::Arrived;
use motmot_wire::file::{Codec, FileWriter};
use motmot_wire::json::write_json_line;

use crate::dead::DeadRows;
use crate::error::ArchiveError;
use crate::progress::{Progress, Report};
use crate::source::{self, Source, key_of};
use crate::spool::Spool;
use crate::summary::InputCounts;

/// Takes the touchpoints of an import, in order of arrival.
pub trait TouchpointSink {
    /// The next touchpoint. Records of a topic carry `arrived_at` as their timestamp.
    ///
    /// # Errors
    /// When it cannot be taken; the import stops.
    fn touchpoint(&mut self, key: &str, touchpoint: &Touchpoint<'_>, arrived_at: Timestamp) -> Result<(), BoxError>;

    /// All have been given.
    ///
    /// # Errors
    /// When the last of them could not be taken.
    fn finish(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}

/// What an import did.
#[derive(Debug)]
pub struct Imported {
    /// Rows, touchpoints and dead ones. What a fold would count stays 0; `touchpoints` are those that were given to the sink
    /// and the dead.
    pub counts: InputCounts,
    /// Rows that gave nothing.
    pub dead: DeadRows,
}

/// Reads `source` and gives its touchpoints to `sink`. `memory`: bytes of touchpoints in memory before temporary files are used.
///
/// # Errors
/// When a file cannot be read, or the sink fails.
pub fn import(source: &Source, sink: &mut dyn TouchpointSink, memory: u64, report: Report<'_>) -> Result<Imported, ArchiveError> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let spool = Spool::new(1, memory);
    let mut read = source::read(source, threads, &spool, report)?;
    let mut records = spool.take(0)?;
    let mut done = 0_u64;
    while let Some(taken) = records.next(|place, key, touchpoint| sink.touchpoint(key, &touchpoint, place.arrived_at))? {
        taken.map_err(ArchiveError::Sink)?;
        done += 1;
        if done.is_multiple_of(16_384) {
            report(Progress::Folding { done, total: read.records });
        }
    }
    sink.finish().map_err(ArchiveError::Sink)?;
    report(Progress::Folding { done, total: read.records });
    read.counts.touchpoints += done;
    Ok(Imported { counts: read.counts, dead: read.dead })
}

/// A file of motmot's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// One JSON object a line.
    JsonLines,
    /// The same, gzip.
    JsonLinesGzip,
    /// An Avro object container file, its blocks not compressed.
    Avro,
    /// The same, its blocks compressed by deflate.
    AvroDeflate,
}

/// Writes touchpoints into a file of motmot's own.
///
/// Such a file has no room for a key: a touchpoint's key is its customer_id, else its cycle_id ([`key_of`]). An import whose mapping
/// says otherwise is refused here, because a replay of the file would cut the cycles differently.
pub struct FileSink {
    path: PathBuf,
    writer: Option<FileSinkWriter>,
    line: Vec<u8>,
}

enum FileSinkWriter {
    Lines(Box<dyn Write + Send>),
    Avro(FileWriter<Box<dyn Write + Send>>),
}

impl FileSink {
    /// Makes the file; `-` is the standard output.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: PathBuf, format: FileFormat) -> Result<Self, ArchiveError> {
        let failed = |source| ArchiveError::Output { path: path.clone(), source };
        let file: Box<dyn Write + Send> =
            if path.as_os_str() == "-" { Box::new(io::stdout()) } else { Box::new(File::create(&path).map_err(failed)?) };
        let file: Box<dyn Write + Send> = Box::new(BufWriter::with_capacity(1 << 20, file));
        let writer = match format {
            FileFormat::JsonLines => FileSinkWriter::Lines(file),
            FileFormat::JsonLinesGzip => FileSinkWriter::Lines(Box::new(GzEncoder::new(file, Compression::default()))),
            FileFormat::Avro => FileSinkWriter::Avro(FileWriter::new(file, Codec::Null)),
            FileFormat::AvroDeflate => FileSinkWriter::Avro(FileWriter::new(file, Codec::Deflate)),
        };
        Ok(Self { path, writer: Some(writer), line: Vec::new() })
    }

    fn failed(&self, source: io::Error) -> BoxError {
        Box::new(ArchiveError::Output { path: self.path.clone(), source })
    }
}

impl TouchpointSink for FileSink {
    fn touchpoint(&mut self, key: &str, touchpoint: &Touchpoint<'_>, arrived_at: Timestamp) -> Result<(), BoxError> {
        if key != key_of(touchpoint) {
            let own = key_of(touchpoint);
            let why = format!(
                "the mapping gives the key `{key}` to a touchpoint whose customer_id (or, without one, cycle_id) is `{own}`: a file has no room \
                 for a key of its own. Let `customer_id` be the key in the mapping, or import into a topic"
            );
            return Err(why.into());
        }
        let arrived = Arrived { arrived_at: Some(arrived_at), touchpoint: touchpoint.clone() };
        let written = match &mut self.writer {
            Some(FileSinkWriter::Avro(writer)) => writer.push(&arrived),
            Some(FileSinkWriter::Lines(out)) => {
                self.line.clear();
                write_json_line(&arrived, &mut self.line)?;
                out.write_all(&self.line)
            }
            None => Ok(()),
        };
        written.map_err(|source| self.failed(source))
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        let done = match self.writer.take() {
            Some(FileSinkWriter::Avro(writer)) => writer.finish().map(drop),
            Some(FileSinkWriter::Lines(mut out)) => out.flush(),
            None => Ok(()),
        };
        done.map_err(|source| self.failed(source))
    }
}

impl std::fmt::Debug for FileSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileSink").field("path", &self.path).finish_non_exhaustive()
    }
}
