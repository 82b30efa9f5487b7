//! Keeps the touchpoints of a source until all of them are there, and gives them back in order of arrival.
//!
//! A source need not be sorted (a call centre's log is sorted by line, a help desk's by ticket), and an engine's verdicts on what is
//! late depend on the order. So reading threads collect *runs*, each sorted when it is full; runs stay in memory up to a budget
//! and go to temporary files beyond it; reading back merges them. Records are kept by partition, that is by a hash of their
//! key, so that each partition can be merged and folded on a thread of its own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use motmot_core::codec::{self, Damaged, Put, Take};
use motmot_core::{Timestamp, Touchpoint};
use xxhash_rust::xxh3::xxh3_64;

/// A run is sealed at this size, in bytes.
const RUN_BYTES: usize = 4 << 20;
/// What a run in a temporary file is read ahead by, in bytes.
const READ_AHEAD: usize = 128 << 10;

/// A record's place in the order of a source: by arrival, then file, row and slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) arrived_at: Timestamp,
    /// File, row and slot in one number: 16, 40 and 8 bits.
    order: u64,
}

impl Place {
    pub(crate) const MAX_FILES: usize = 1 << 16;
    pub(crate) const MAX_ROWS: u64 = 1 << 40;

    /// `file` and `row` lie below [`Place::MAX_FILES`] and [`Place::MAX_ROWS`]; whoever reads a file sees to it.
    pub(crate) fn new(arrived_at: Timestamp, file: usize, row: u64, slot: u8) -> Self {
        Self { arrived_at, order: (file as u64) << 48 | (row & (Self::MAX_ROWS - 1)) << 8 | u64::from(slot) }
    }

    /// File and row in one number: what an engine is given as evidence.
    pub(crate) fn row(self) -> i64 {
        (self.order >> 8).cast_signed()
    }

    /// The file and the row of such a number.
    pub(crate) fn file_and_row(number: i64) -> (i32, i64) {
        let file = i32::try_from(number >> 40).unwrap_or(i32::MAX);
        (file, number & (Self::MAX_ROWS - 1).cast_signed())
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    place: Place,
    start: u32,
    end: u32,
}

/// Records that one thread collects for one partition.
#[derive(Debug, Default)]
struct Run {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

impl Run {
    fn sort(&mut self) {
        if !self.entries.is_sorted_by_key(|entry| entry.place) {
            self.entries.sort_unstable_by_key(|entry| entry.place);
        }
    }

    fn size(&self) -> u64 {
        (self.bytes.len() + self.entries.len() * size_of::<Entry>()) as u64
    }

    fn record(&self, entry: &Entry) -> &[u8] {
        self.bytes.get(entry.start as usize..entry.end as usize).unwrap_or_default()
    }
}

#[derive(Debug)]
enum Sealed {
    Memory(Run),
    Disk { start: u64, count: u64 },
}

#[derive(Debug, Default)]
struct Partition {
    runs: Vec<Sealed>,
    file: Option<File>,
    end: u64,
}

/// All records of a source.
#[derive(Debug)]
pub(crate) struct Spool {
    partitions: Vec<Mutex<Partition>>,
    budget: u64,
    in_memory: AtomicU64,
}

impl Spool {
    /// For so many partitions, with so many bytes of memory before runs go to temporary files.
    pub(crate) fn new(partitions: usize, budget: u64) -> Self {
        let partitions = (0..partitions.max(1)).map(|_| Mutex::default()).collect();
        Self { partitions, budget, in_memory: AtomicU64::new(0) }
    }

    pub(crate) fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// What a thread writes records through.
    pub(crate) fn collector(&self) -> Collector<'_> {
        let runs = self.partitions.iter().map(|_| Run::default()).collect();
        Collector { spool: self, runs }
    }

    fn seal(&self, partition: usize, run: &mut Run) -> io::Result<()> {
        let mut run = std::mem::take(run);
        if run.entries.is_empty() {
            return Ok(());
        }
        run.sort();
        let Some(partition) = self.partitions.get(partition) else { return Ok(()) };
        let size = run.size();
        let fits = self.in_memory.fetch_add(size, Ordering::Relaxed) + size <= self.budget;
        let mut partition = partition.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if fits {
            partition.runs.push(Sealed::Memory(run));
            return Ok(());
        }
        self.in_memory.fetch_sub(size, Ordering::Relaxed);
        partition.spill(&run)
    }

    /// Takes a partition's records out, in order. It is empty afterwards.
    pub(crate) fn take(&self, partition: usize) -> io::Result<Merge> {
        let Some(partition) = self.partitions.get(partition) else { return Ok(Merge::default()) };
        let partition = std::mem::take(&mut *partition.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        Merge::new(partition)
    }
}

impl Partition {
    fn spill(&mut self, run: &Run) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.end))?;
        let start = self.end;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        for entry in &run.entries {
            let record = run.record(entry);
            out.write_all(&entry.place.arrived_at.as_millis().to_le_bytes())?;
            out.write_all(&entry.place.order.to_le_bytes())?;
            out.write_all(&(entry.end - entry.start).to_le_bytes())?;
            out.write_all(record)?;
            self.end += 20 + record.len() as u64;
        }
        out.flush()?;
        self.runs.push(Sealed::Disk { start, count: run.entries.len() as u64 });
        Ok(())
    }
}

/// Collects one thread's records.
#[derive(Debug)]
pub(crate) struct Collector<'s> {
    spool: &'s Spool,
    runs: Vec<Run>,
}

impl Collector<'_> {
    /// Adds a record.
    pub(crate) fn push(&mut self, key: &str, touchpoint: &Touchpoint<'_>, place: Place) -> io::Result<()> {
        let count = self.runs.len() as u64;
        // the remainder is below the number of runs
        let partition = usize::try_from(xxh3_64(key.as_bytes()) % count.max(1)).unwrap_or(0);
        let Some(run) = self.runs.get_mut(partition) else { return Ok(()) };
        let start = run.bytes.len();
        run.bytes.put_text(key);
        codec::encode(touchpoint, &mut run.bytes);
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(run.bytes.len())) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a record has over 4 GB"));
        };
        run.entries.push(Entry { place, start, end });
        if run.bytes.len() >= RUN_BYTES {
            self.spool.seal(partition, run)?;
        }
        Ok(())
    }

    /// Hands over what is left.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        for (partition, run) in self.runs.iter_mut().enumerate() {
            self.spool.seal(partition, run)?;
        }
        Ok(())
    }
}

/// A run that is being read back.
#[derive(Debug)]
enum Source {
    Memory { run: Run, next: usize },
    Disk { input: BufReader<FileAt>, left: u64, place: Place, record: Vec<u8> },
}

impl Source {
    /// Goes to the next record; gives its place.
    fn advance(&mut self) -> io::Result<Option<Place>> {
        match self {
            Self::Memory { run, next } => {
                *next += 1;
                Ok(run.entries.get(*next - 1).map(|entry| entry.place))
            }
            Self::Disk { left: 0, .. } => Ok(None),
            Self::Disk { input, left, place, record } => {
                *left -= 1;
                let (mut number, mut length) = ([0; 8], [0; 4]);
                input.read_exact(&mut number)?;
                place.arrived_at = Timestamp::from_millis(i64::from_le_bytes(number));
                input.read_exact(&mut number)?;
                place.order = u64::from_le_bytes(number);
                input.read_exact(&mut length)?;
                record.resize(u32::from_le_bytes(length) as usize, 0);
                input.read_exact(record)?;
                Ok(Some(*place))
            }
        }
    }

    fn record(&self) -> &[u8] {
        match self {
            Self::Memory { run, next } => run.entries.get(next.wrapping_sub(1)).map_or(&[], |entry| run.record(entry)),
            Self::Disk { record, .. } => record,
        }
    }
}

/// Reads a part of a file that others read too.
#[derive(Debug)]
struct FileAt {
    file: std::sync::Arc<File>,
    position: u64,
}

impl Read for FileAt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

/// Gives a partition's records in order.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    sources: Vec<Source>,
    heap: BinaryHeap<Reverse<(Place, usize)>>,
}

impl Merge {
    fn new(partition: Partition) -> io::Result<Self> {
        let file = partition.file.map(std::sync::Arc::new);
        let mut sources = Vec::new();
        for run in partition.runs {
            match (run, &file) {
                (Sealed::Memory(run), _) => sources.push(Source::Memory { run, next: 0 }),
                (Sealed::Disk { start, count }, Some(file)) => {
                    let input = FileAt { file: std::sync::Arc::clone(file), position: start };
                    let place = Place { arrived_at: Timestamp::MIN, order: 0 };
                    sources.push(Source::Disk {
                        input: BufReader::with_capacity(READ_AHEAD, input),
                        left: count,
                        place,
                        record: Vec::new(),
                    });
                }
                (Sealed::Disk { .. }, None) => {}
            }
        }
        let mut merge = Self { sources, heap: BinaryHeap::new() };
        for at in 0..merge.sources.len() {
            merge.push(at)?;
        }
        Ok(merge)
    }

    fn push(&mut self, at: usize) -> io::Result<()> {
        if let Some(place) = self.sources.get_mut(at).map_or(Ok(None), Source::advance)? {
            self.heap.push(Reverse((place, at)));
        }
        Ok(())
    }

    /// Gives the next record to `visit`; `false` at the end.
    pub(crate) fn next<T>(&mut self, visit: impl FnOnce(Place, &str, Touchpoint<'_>) -> T) -> io::Result<Option<T>> {
        let Some(Reverse((place, at))) = self.heap.pop() else { return Ok(None) };
        let Some(source) = self.sources.get(at) else { return Ok(None) };
        let mut bytes = Take(source.record());
        let damaged = |Damaged| io::Error::new(io::ErrorKind::InvalidData, "a record in the spool is damaged");
        let key = bytes.text().map_err(damaged)?;
        let seen = visit(place, key, codec::decode(&mut bytes).map_err(damaged)?);
        self.push(at)?;
        Ok(Some(seen))
    }
}
