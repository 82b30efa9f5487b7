//! `motmot replay`: any source, any strategy, all cores.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::{fs, thread};

use motmot_core::{Strategy, Timestamp};
use motmot_wire::Digest;

use crate::dead::DeadRows;
use crate::error::ArchiveError;
use crate::fold::{Folded, Folder, Until};
use crate::origin::Origins;
use crate::progress::{Progress, Report};
use crate::rows::Rows;
use crate::source::{self, Read, Source};
use crate::spool::Spool;
use crate::summary::{CycleCounts, InputCounts, MomentCounts, Summary};
use crate::swaps::{Schedule, Swap};

/// How a replay goes about it. None of this changes what it finds, but for `until` and `swaps`.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Where the clock stands at the end.
    pub until: Until,
    /// Swaps of the strategy on the way, in their order; at instants.
    pub swaps: Vec<Swap>,
    /// Where `cycles.jsonl`, `moments.jsonl`, `dead_rows.jsonl` and `sources.json` go, if they are wanted. The folder is made.
    pub out: Option<PathBuf>,
    /// Threads; by default as many as there are cores.
    pub threads: usize,
    /// Bytes of touchpoints in memory before temporary files are used.
    pub memory: u64,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { until: Until::default(), swaps: Vec::new(), out: None, threads, memory: 1 << 30 }
    }
}

/// What a replay found.
#[derive(Debug)]
pub struct Replayed {
    /// The numbers.
    pub summary: Summary,
    /// Rows that gave nothing.
    pub dead: DeadRows,
    /// Where the clock stood at the end; none for a source without records.
    pub now: Option<Timestamp>,
}

/// Partitions for each thread: so many that none waits long for the last one, and that each one's cycles fit the caches better.
const PARTITIONS_A_THREAD: usize = 8;

/// Folds files with a strategy.
///
/// # Errors
/// When a file cannot be read, a temporary file or an output cannot be written.
pub fn replay(
    source: &Source,
    strategy: &Arc<Strategy>,
    options: &ReplayOptions,
    report: Report<'_>,
) -> Result<Replayed, ArchiveError> {
    if let Some(out) = &options.out {
        fs::create_dir_all(out).map_err(|source| ArchiveError::Output { path: out.clone(), source })?;
    }
    let threads = options.threads.max(1);
    let spool = Spool::new(threads * PARTITIONS_A_THREAD, options.memory);
    let read = source::read(source, threads, &spool, report)?;
    let now = read.latest.map(|latest| options.until.now(latest));
    let schedule = Schedule { first: Arc::clone(strategy), swaps: options.swaps.iter().cloned().collect() };
    let folded = fold(&spool, &schedule, options.out.is_some(), now, threads, read.records, report)?;
    let Read { counts, dead, .. } = read;
    let summary = gather(&schedule.rules(), folded, counts, options.out.as_deref())?;
    if let Some(out) = &options.out {
        write_dead(&dead, &out.join("dead_rows.jsonl"))?;
        Origins::of_files(&source.files).write(out)?;
    }
    Ok(Replayed { summary, dead, now })
}

/// Sums up what the folders found, and writes the tables' rows if they were kept. `rules` are those that the folders counted; `read` is
/// what was counted before the fold.
///
/// # Errors
/// When an output cannot be written.
pub fn gather(rules: &[String], folded: Vec<Folded>, read: InputCounts, out: Option<&Path>) -> Result<Summary, ArchiveError> {
    let mut input = read;
    let mut cycles = CycleCounts::default();
    let mut moments: Vec<(String, MomentCounts)> = rules.iter().map(|rule| (rule.clone(), MomentCounts::default())).collect();
    let mut digest = Digest::default();
    let mut rows = Vec::new();
    for Folded { counts, told } in folded {
        input.add(&counts);
        cycles.merge(told.cycles);
        for ((_, sum), counts) in moments.iter_mut().zip(told.moments) {
            sum.merge(counts);
        }
        digest = digest + told.digest;
        rows.extend(told.rows);
    }
    if let Some(out) = out {
        Rows::write(rows, out)?;
    }
    Ok(Summary { input, cycles, moments, digest: digest.to_string() })
}

fn fold(
    spool: &Spool,
    schedule: &Schedule,
    keep_rows: bool,
    now: Option<Timestamp>,
    threads: usize,
    total: u64,
    report: Report<'_>,
) -> Result<Vec<Folded>, ArchiveError> {
    let Some(now) = now else { return Ok(Vec::new()) };
    let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
    let work = || -> Result<Vec<Folded>, ArchiveError> {
        let mut folded = Vec::new();
        loop {
            let partition = next.fetch_add(1, Ordering::Relaxed);
            if partition >= spool.partitions() {
                return Ok(folded);
            }
            folded.push(fold_partition(spool, partition, schedule, keep_rows, now, &done, total, report)?);
        }
    };
    let parts: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let mut all = Vec::new();
    for part in parts {
        all.extend(part?);
    }
    Ok(all)
}

/// Touchpoints between two reports of progress.
const A_REPORT: u64 = 16_384;

#[allow(clippy::too_many_arguments)] // one step of `fold`, taken out of its closure
fn fold_partition(
    spool: &Spool,
    partition: usize,
    schedule: &Schedule,
    keep_rows: bool,
    now: Timestamp,
    done: &AtomicU64,
    total: u64,
    report: Report<'_>,
) -> Result<Folded, ArchiveError> {
    let mut records = spool.take(partition)?;
    let mut folder = Folder::with_swaps(schedule.clone(), schedule.rules(), keep_rows)?;
    let mut count = 0;
    while let Some(folded) =
        records.next(|place, key, touchpoint| folder.fold(key, &touchpoint, place.arrived_at, place.row()))?
    {
        folded?;
        count += 1;
        if count % A_REPORT == 0 {
            report(Progress::Folding { done: done.fetch_add(A_REPORT, Ordering::Relaxed) + A_REPORT, total });
        }
    }
    let rest = count % A_REPORT;
    report(Progress::Folding { done: done.fetch_add(rest, Ordering::Relaxed) + rest, total });
    folder.finish(now)
}

fn write_dead(dead: &DeadRows, path: &Path) -> Result<(), ArchiveError> {
    let mut lines = Vec::new();
    let written = dead.listed().try_for_each(|row| {
        serde_json::to_writer(&mut lines, row)?;
        lines.push(b'\n');
        Ok::<_, std::io::Error>(())
    });
    written.and_then(|()| fs::write(path, lines)).map_err(|source| ArchiveError::Output { path: path.to_owned(), source })
}
