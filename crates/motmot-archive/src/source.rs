//! Reads the files of a source into a [`Spool`], on all cores.
//!
//! One thread reads (and decompresses) and cuts motmot's own files into pieces at line ends and Avro blocks; the others decode
//! them. Rows of a mapped file are mapped by the reading thread itself: a value carried over from a cycle's first row needs the
//! rows in their order, and the mapping is fast enough to keep up with the decompression.

mod lines;
mod mapped;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use motmot_core::{Timestamp, Touchpoint};
use motmot_wire::Arrived;
use motmot_wire::file::{Block, Blocks};

use crate::dead::{DeadRow, DeadRows};
use crate::error::ArchiveError;
use crate::input::{self, FileKind};
use crate::mapping::{Mapper, Mapping};
use crate::progress::{Progress, Report};
use crate::spool::{Collector, Place, Spool};
use crate::summary::InputCounts;

/// What is to be read.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Files, in this order: motmot's JSON lines and Avro files, and with a mapping tables of text; plain or gzip; `-` is the standard
    /// input.
    pub files: Vec<PathBuf>,
    /// How the rows of other files become touchpoints.
    pub mapping: Option<Arc<Mapping>>,
}

/// What reading gave, beside the records in the spool.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Rows, and the touchpoints that are dead; what becomes of the others is the fold's to count.
    pub(crate) counts: InputCounts,
    /// Records in the spool.
    pub(crate) records: u64,
    /// The last arrival.
    pub(crate) latest: Option<Timestamp>,
    pub(crate) dead: DeadRows,
}

/// A piece of a file.
enum Piece {
    Lines { file: usize, first_line: u64, bytes: Vec<u8> },
    Block { file: usize, block: Box<Block> },
}

/// The key of a record in a file of motmot's own: the customer, or the cycle where the customer is not known.
pub fn key_of<'t>(touchpoint: &'t Touchpoint<'_>) -> &'t str {
    touchpoint.customer_id.as_deref().or(touchpoint.cycle_id.as_deref()).unwrap_or_default()
}

/// One thread's part of the reading.
pub(crate) struct Reading<'s> {
    collector: Collector<'s>,
    read: Read,
    files: &'s [PathBuf],
}

impl Reading<'_> {
    fn push(&mut self, key: &str, touchpoint: &Touchpoint<'_>, place: Place) -> Result<(), ArchiveError> {
        self.read.records += 1;
        self.read.latest = self.read.latest.max(Some(place.arrived_at));
        Ok(self.collector.push(key, touchpoint, place)?)
    }

    fn arrived(&mut self, file: usize, row: u64, arrived: &Arrived<'_>) -> Result<(), ArchiveError> {
        let key = key_of(&arrived.touchpoint);
        if key.is_empty() {
            self.dead(
                file,
                row,
                "no_key",
                1,
                "it has neither customer_id nor cycle_id, so nothing says what it belongs to".to_owned(),
            );
            return Ok(());
        }
        self.push(key, &arrived.touchpoint, Place::new(arrived.instant(), file, row, 0))
    }

    /// Counts records that are no touchpoints.
    fn dead(&mut self, file: usize, row: u64, reason: &str, count: u64, detail: String) {
        self.read.counts.dead(reason, count);
        self.list(file, row, detail);
    }

    fn list(&mut self, file: usize, line: u64, reason: String) {
        let path = self.files.get(file).map(|path| path.display().to_string()).unwrap_or_default();
        self.read.dead.push(file, DeadRow { file: path, line, reason });
    }

    fn piece(&mut self, piece: Piece) -> Result<(), ArchiveError> {
        match piece {
            Piece::Lines { file, first_line, bytes } => self.lines(file, first_line, &bytes),
            Piece::Block { file, block } => self.block(file, *block),
        }
    }

    fn block(&mut self, file: usize, mut block: Block) -> Result<(), ArchiveError> {
        let first = block.first_record();
        check_rows(first + block.count())?;
        self.read.counts.rows += block.count();
        let path = self.files.get(file).cloned().unwrap_or_default();
        let touchpoints = block.touchpoints().map_err(|source| ArchiveError::Avro { path, source })?;
        for (touchpoint, record) in touchpoints.zip(first + 1..) {
            match touchpoint {
                Ok(arrived) => self.arrived(file, record, &arrived)?,
                Err(e) => self.dead(file, e.record + 1, e.error.reason(), e.lost, e.error.to_string()),
            }
        }
        Ok(())
    }
}

/// Reads everything into `spool`.
pub(crate) fn read(source: &Source, threads: usize, spool: &Spool, report: Report<'_>) -> Result<Read, ArchiveError> {
    if source.files.len() > Place::MAX_FILES {
        return Err(ArchiveError::TooMuch { what: "there are more than 65,536 files" });
    }
    let total: u64 = source.files.iter().map(|path| input::size(path)).sum();
    let reading = || Reading { collector: spool.collector(), read: Read::default(), files: &source.files };
    let (send, receive) = bounded::<Piece>(threads * 2);
    let first_error = Mutex::new(None);
    let note = |error: ArchiveError| {
        first_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
    };
    let parts = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let receive = receive.clone();
                let mut reading = reading();
                scope.spawn(|| -> Result<Read, ArchiveError> {
                    work(&mut reading, receive)?;
                    finish(reading)
                })
            })
            .collect();
        // a worker that fails hangs up, and the reader then finds nobody listening
        drop(receive);
        let mut own = reading();
        let mut parts = vec![read_files(source, &mut own, send, total, report).and_then(|()| finish(own))];
        parts.extend(workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))));
        parts
    });
    let mut all = Read::default();
    for part in parts {
        match part {
            Ok(part) => all.add(part),
            Err(error) => note(error),
        }
    }
    match first_error.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(all),
    }
}

fn work(reading: &mut Reading<'_>, receive: Receiver<Piece>) -> Result<(), ArchiveError> {
    receive.into_iter().try_for_each(|piece| reading.piece(piece))
}

fn finish(reading: Reading<'_>) -> Result<Read, ArchiveError> {
    reading.collector.finish()?;
    Ok(reading.read)
}

fn read_files(
    source: &Source,
    own: &mut Reading<'_>,
    send: Sender<Piece>,
    total: u64,
    report: Report<'_>,
) -> Result<(), ArchiveError> {
    let done = Arc::new(AtomicU64::new(0));
    let tell = || report(Progress::Reading { done: done.load(Ordering::Relaxed), total });
    let mut mapper = source.mapping.as_ref().map(|mapping| Mapper::new(Arc::clone(mapping)));
    for (file, path) in source.files.iter().enumerate() {
        let input = input::open(path, mapper.is_some(), &done)?;
        let open = match (input.kind, &mut mapper) {
            (FileKind::Avro, _) => cut_avro(path, file, input.bytes, &send, &tell)?,
            (FileKind::Mapped, Some(mapper)) => {
                own.map_file(file, input, mapper, source.mapping.as_deref(), &tell)?;
                true
            }
            _ => lines::cut(&input.path, file, input.bytes, &send, &tell)?,
        };
        tell();
        if !open {
            break;
        }
    }
    Ok(())
}

/// Hands on the blocks of an Avro file; `false` when nobody listens any more.
fn cut_avro(
    path: &Path,
    file: usize,
    bytes: impl std::io::BufRead,
    send: &Sender<Piece>,
    tell: &dyn Fn(),
) -> Result<bool, ArchiveError> {
    let failed = |source| ArchiveError::Avro { path: path.to_owned(), source };
    for block in Blocks::open(bytes).map_err(failed)? {
        let block = Box::new(block.map_err(failed)?);
        if send.send(Piece::Block { file, block }).is_err() {
            return Ok(false);
        }
        tell();
    }
    Ok(true)
}

/// A row's number must fit into a record's place.
fn check_rows(rows: u64) -> Result<(), ArchiveError> {
    if rows < Place::MAX_ROWS { Ok(()) } else { Err(ArchiveError::TooMuch { what: "a file has more than 2^40 rows" }) }
}

impl Read {
    fn add(&mut self, other: Self) {
        self.counts.add(&other.counts);
        self.records += other.records;
        self.latest = self.latest.max(other.latest);
        self.dead.add(other.dead);
    }
}
