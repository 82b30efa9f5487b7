//! Taking a partition over: read the facts, decide by the table of starts, load.

use std::collections::BTreeMap;
use std::time::Duration;

use super::library::Strategies;
use super::partition::Partition;
use super::refold::Known;
use super::whence::Whence;
use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::metadata::CommitMetadata;
use crate::patience::Patience;
use crate::port::{Answer, Failure, Group, World};
use crate::start::Commit;
use crate::worker::Shared;

/// What Kafka says about a partition.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Log {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) commit: Option<Commit>,
}

/// Loads the partitions of `numbers`, as the table of starts says.
pub(super) fn load<W: World>(
    shared: &Shared<W>,
    member: &str,
    group: &mut W::Group,
    numbers: &[i32],
) -> Result<Vec<Partition<W>>, Interrupt> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    tracing::debug!(member, ?numbers, "the group assigns");
    let logs = persist(shared, member, || read_logs(&shared.world, &*group, numbers))?;
    let mut strategies = Strategies::new(shared, member);
    let log = |number: i32| logs.get(&number).copied().unwrap_or_default();
    numbers.iter().map(|&number| start(shared, member, (number, log(number)), &mut strategies, group)).collect()
}

fn start<'s, W: World>(
    shared: &'s Shared<W>,
    member: &str,
    (number, log): (i32, Log),
    strategies: &mut Strategies<'s, W>,
    group: &mut W::Group,
) -> Result<Partition<W>, Interrupt> {
    let mut snapshots = shared.world.snapshots(number);
    let (store, start) = Whence::new(shared, member, (number, log), strategies, &mut snapshots, group).state()?;
    let strategy = strategies.load(start.strategy, &store, number)?;
    let mut known = Known::new();
    for step in start.refold.iter().flat_map(|refold| &refold.steps) {
        known.insert(step.to, strategies.load(step.to, &store, number)?);
    }
    if start.clock_is_lost {
        tracing::warn!(
            partition = number,
            "the committed offset carries no clock of motmot's: another tool set it. The clock goes on from the store's and the stream time"
        );
    }
    tracing::info!(
        partition = number,
        offset = start.offset,
        silent_until = start.refold.as_ref().map(|refold| refold.until),
        strategy = %start.strategy,
        swaps = start.refold.as_ref().map(|refold| refold.steps.len()),
        log_end = log.end,
        "partition assigned"
    );
    let (is_first, is_refolding) = (start.is_first, start.refold.is_some());
    let mut partition = Partition::new(number, (store, snapshots), start, (strategy, known), shared.world.elapsed());
    shared.metrics.partitions.inc();
    shared.metrics.in_force(number, None, Some(partition.strategy.id.rules));
    if is_first {
        // Before the first commit: a store that is lost must never look like one that has not begun.
        partition.checkpoint(shared)?;
    }
    if is_refolding {
        shared.metrics.refolding.inc();
    }
    Ok(partition)
}

/// How long Kafka is asked again while a coordinator or a leader moves.
const PERSISTENCE: Duration = Duration::from_secs(60);
/// How long it may take for one answer.
const ANSWER: Duration = Duration::from_secs(5);

const ASKING: &str = "asking for the log's offsets";

type Asked<T> = Result<T, (&'static str, Failure)>;

/// Where the log of a partition ends now.
pub(super) fn log_end<W: World>(shared: &Shared<W>, member: &str, number: i32) -> Result<i64, Interrupt> {
    let ends = persist(shared, member, || shared.world.log_ends(&[number], ANSWER).map_err(|e| (ASKING, e)))?;
    Ok(ends.iter().map(|(_, end)| *end).fold(0, i64::max))
}

/// What Kafka says about a partition now.
pub(super) fn log_of<W: World>(shared: &Shared<W>, member: &str, group: &W::Group, number: i32) -> Result<Log, Interrupt> {
    let logs = persist(shared, member, || read_logs(&shared.world, group, &[number]))?;
    Ok(logs.get(&number).copied().unwrap_or_default())
}

fn persist<W: World, T>(shared: &Shared<W>, member: &str, mut ask: impl FnMut() -> Asked<T>) -> Result<T, Interrupt> {
    let mut patience = Patience::new(shared, member, "asking where partitions stand", PERSISTENCE);
    loop {
        let (doing, failure) = match ask() {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        if failure.answer != Answer::Retry {
            return Err(WorkerError::Kafka { member: member.to_owned(), doing, detail: failure.detail }.into());
        }
        if !patience.lasts(&failure) {
            return Err(Interrupt::Stuck(format!("{doing}: {failure}")));
        }
        shared.world.sleep(Duration::from_millis(100));
    }
}

fn read_logs<W: World>(world: &W, group: &W::Group, numbers: &[i32]) -> Asked<BTreeMap<i32, Log>> {
    let mut logs: BTreeMap<i32, Log> = BTreeMap::new();
    let committed = group.committed(numbers, ANSWER).map_err(|e| ("asking for the committed offsets", e))?;
    for (number, offset, metadata) in committed {
        let metadata = metadata.as_deref().and_then(CommitMetadata::parse);
        logs.entry(number).or_default().commit = Some(Commit { offset, metadata });
    }
    for (number, offset) in world.log_starts(numbers, ANSWER).map_err(|e| (ASKING, e))? {
        logs.entry(number).or_default().start = offset;
    }
    for (number, offset) in world.log_ends(numbers, ANSWER).map_err(|e| (ASKING, e))? {
        logs.entry(number).or_default().end = offset;
    }
    Ok(logs)
}
