//! Keeps the last row of every key for `--out`, in a temporary file, and writes the tables at the end in the order of their keys.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use motmot_core::cycle::CycleRecord;
use motmot_core::moment::Moment;
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::error::ArchiveError;
use crate::origin::Numbers;

/// The rows that one engine told.
#[derive(Debug)]
pub(crate) struct Rows {
    moments: Log,
    cycles: Log,
    /// What the numbers of the evidence are.
    pub(crate) numbers: Numbers,
}

/// Rows as JSON lines, one after the other, and where the last one of each key stands.
#[derive(Debug)]
struct Log {
    file: BufWriter<File>,
    end: u64,
    last: FxHashMap<Box<[u8]>, At>,
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct At {
    start: u64,
    length: usize,
}

impl Rows {
    pub(crate) fn new() -> Result<Self, ArchiveError> {
        Ok(Self { moments: Log::new()?, cycles: Log::new()?, numbers: Numbers::default() })
    }

    pub(crate) fn moment(&mut self, moment: &Moment<'_>, evidence: &[i64], counts: bool) -> io::Result<()> {
        let evidence = self.numbers.texts(evidence);
        self.moments.put(moment.moment_id.as_bytes(), counts.then_some(moment), &evidence)
    }

    pub(crate) fn cycle(&mut self, cycle: &CycleRecord<'_>, key: &[u8], evidence: &[i64], counts: bool) -> io::Result<()> {
        let evidence = self.numbers.texts(evidence);
        self.cycles.put(key, counts.then_some(cycle), &evidence)
    }

    pub(crate) fn cycle_gone(&mut self, key: &[u8]) {
        self.cycles.last.remove(key);
    }

    /// Writes `cycles.jsonl` and `moments.jsonl`: of all engines, the last row of every key.
    pub(crate) fn write(all: Vec<Self>, folder: &Path) -> Result<(), ArchiveError> {
        let (moments, cycles) = all.into_iter().map(|rows| (rows.moments, rows.cycles)).unzip();
        write_table(cycles, &folder.join("cycles.jsonl"))?;
        write_table(moments, &folder.join("moments.jsonl"))
    }
}

impl Log {
    fn new() -> io::Result<Self> {
        let file = BufWriter::with_capacity(256 << 10, tempfile::tempfile()?);
        Ok(Self { file, end: 0, last: FxHashMap::default(), line: Vec::new() })
    }

    fn put(&mut self, key: &[u8], row: Option<&impl Serialize>, evidence: &[String]) -> io::Result<()> {
        let Some(row) = row else {
            self.last.remove(key);
            return Ok(());
        };
        self.line.clear();
        serde_json::to_writer(&mut self.line, row)?;
        // One field more than the record has: in a topic it travels in a header.
        self.line.pop();
        self.line.extend_from_slice(b",\"evidence\":");
        serde_json::to_writer(&mut self.line, evidence)?;
        self.line.extend_from_slice(b"}\n");
        self.file.write_all(&self.line)?;
        let at = At { start: self.end, length: self.line.len() };
        self.end += self.line.len() as u64;
        match self.last.get_mut(key) {
            Some(last) => *last = at,
            None => {
                self.last.insert(key.into(), at);
            }
        }
        Ok(())
    }
}

fn write_table(logs: Vec<Log>, path: &Path) -> Result<(), ArchiveError> {
    let mut files = Vec::with_capacity(logs.len());
    let mut index = Vec::new();
    for log in logs {
        let file = log.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        index.extend(log.last.into_iter().map(|(key, at)| (key, files.len(), at)));
        files.push(file);
    }
    index.sort_unstable_by(|(a, ..), (b, ..)| a.cmp(b));
    let failed = |source| ArchiveError::Output { path: path.to_owned(), source };
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).map_err(failed)?);
    let mut line = Vec::new();
    for (_, file, at) in index {
        line.resize(at.length, 0);
        if let Some(file) = files.get(file) {
            file.read_exact_at(&mut line, at.start)?;
        }
        out.write_all(&line).map_err(failed)?;
    }
    out.flush().map_err(failed)
}
