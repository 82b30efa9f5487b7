//! Taking a partition over: read the facts, decide by the table of starts, load, assign.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use motmot_store::{Store, StoreError};

use super::library::Strategies;
use super::partition::Partition;
use super::rebalance::Group;
use super::refold::Known;
use crate::client::REQUEST_TIMEOUT;
use crate::error::WorkerError;
use crate::metadata::CommitMetadata;
use crate::native;
use crate::start::{Commit, Facts, decide, needs_swaps};
use crate::worker::Shared;

/// What Kafka says about a partition.
#[derive(Clone, Copy, Debug, Default)]
struct Log {
    start: i64,
    end: i64,
    commit: Option<Commit>,
}

/// Loads the partitions of `numbers`, as the table of starts says.
pub(super) fn load(
    shared: &Shared,
    member: &str,
    consumer: &BaseConsumer<Group>,
    numbers: &[i32],
) -> Result<Vec<Partition>, WorkerError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let logs = persist(|| read_logs(shared, consumer, numbers)).map_err(|(doing, error)| WorkerError::Kafka {
        member: member.to_owned(),
        doing,
        detail: error.to_string(),
    })?;
    let mut strategies = Strategies::new(shared);
    let log = |number: i32| logs.get(&number).copied().unwrap_or_default();
    numbers.iter().map(|&number| start(shared, number, log(number), &mut strategies)).collect()
}

fn start(shared: &Shared, number: i32, log: Log, strategies: &mut Strategies<'_>) -> Result<Partition, WorkerError> {
    let topic = &shared.config.topics.touchpoints;
    let store = open(shared, topic, number)?;
    let swaps = if needs_swaps(store.meta(), log.commit) { strategies.swaps(number, log.commit)? } else { Vec::new() };
    let facts = Facts {
        store: store.meta(),
        commit: log.commit,
        log_start: log.start,
        log_end: log.end,
        topic_id: &shared.topic_id,
        partitions: shared.partitions,
        swaps: &swaps,
        configured: strategies.configured(),
    };
    let refused = |refusal| WorkerError::Refused { topic: topic.clone(), partition: number, refusal };
    let start = decide(&facts).map_err(refused)?;
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
    let mut partition = Partition::new(number, store, start, strategy, known);
    shared.metrics.partitions.inc();
    shared.metrics.in_force(number, None, Some(partition.strategy.id.rules));
    if is_first {
        // Before the first commit: a store that is lost must never look like one that has not begun.
        partition.checkpoint(shared).map_err(|interrupt| match interrupt {
            crate::interrupt::Interrupt::End(error) => error,
            crate::interrupt::Interrupt::Aborted(what) => WorkerError::Thread { member: String::new(), what },
        })?;
    }
    if is_refolding {
        shared.metrics.refolding.inc();
    }
    Ok(partition)
}

/// How long a store may stay locked: the group may give a partition to one shard before another one of this process has noticed that it
/// lost it.
const UNLOCKING: Duration = Duration::from_secs(3);

fn open(shared: &Shared, topic: &str, number: i32) -> Result<Store, StoreError> {
    let begun = Instant::now();
    loop {
        match Store::open(&shared.resources, &shared.config.store, topic, number) {
            Err(StoreError::Locked { .. }) if begun.elapsed() < UNLOCKING => std::thread::sleep(Duration::from_millis(20)),
            opened => return opened,
        }
    }
}

/// How long Kafka is asked again while a coordinator or a leader moves.
const PERSISTENCE: Duration = Duration::from_secs(60);

fn persist<T>(mut ask: impl FnMut() -> Asked<T>) -> Asked<T> {
    use RDKafkaErrorCode as Code;
    let begun = Instant::now();
    loop {
        let (doing, error) = match ask() {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        let passes = matches!(
            error.rdkafka_error_code(),
            Some(
                Code::NotCoordinator
                    | Code::CoordinatorNotAvailable
                    | Code::CoordinatorLoadInProgress
                    | Code::NotLeaderForPartition
                    | Code::LeaderNotAvailable
                    | Code::UnstableOffsetCommit
                    | Code::FencedLeaderEpoch
                    | Code::UnknownLeaderEpoch
                    | Code::OffsetNotAvailable
                    | Code::ReplicaNotAvailable
                    | Code::OperationTimedOut
                    | Code::RequestTimedOut
                    | Code::BrokerTransportFailure
                    | Code::AllBrokersDown
                    | Code::NetworkException
                    | Code::WaitingForCoordinator
            )
        );
        if !passes || begun.elapsed() > PERSISTENCE {
            return Err((doing, error));
        }
        tracing::warn!(%error, "{doing}: trying again");
        std::thread::sleep(Duration::from_millis(100));
    }
}

type Asked<T> = Result<T, (&'static str, KafkaError)>;

fn read_logs(shared: &Shared, consumer: &BaseConsumer<Group>, numbers: &[i32]) -> Asked<BTreeMap<i32, Log>> {
    let topic = &shared.config.topics.touchpoints;
    let mut logs: BTreeMap<i32, Log> = BTreeMap::new();
    let list = list_of(topic, numbers, Offset::Invalid).map_err(|e| ("listing its partitions", e))?;
    let committed = consumer.committed_offsets(list, REQUEST_TIMEOUT).map_err(|e| ("asking for the committed offsets", e))?;
    for (entry, element) in committed.elements().iter().enumerate() {
        element.error().map_err(|e| ("asking for the committed offsets", e))?;
        if let Offset::Offset(offset) = element.offset() {
            let metadata = native::metadata(&committed, entry).as_deref().and_then(CommitMetadata::parse);
            logs.entry(element.partition()).or_default().commit = Some(Commit { offset, metadata });
        }
    }
    for (number, offset) in ask_offsets(shared, numbers, Offset::Beginning, REQUEST_TIMEOUT)? {
        logs.entry(number).or_default().start = offset;
    }
    for (number, offset) in ask_offsets(shared, numbers, Offset::End, REQUEST_TIMEOUT)? {
        logs.entry(number).or_default().end = offset;
    }
    Ok(logs)
}

/// Asks the brokers for the first or the last offset of partitions, all in one request a broker.
pub(super) fn ask_offsets(shared: &Shared, numbers: &[i32], which: Offset, timeout: Duration) -> Asked<Vec<(i32, i64)>> {
    const DOING: &str = "asking for the log's offsets";
    let list = list_of(&shared.config.topics.touchpoints, numbers, which).map_err(|e| (DOING, e))?;
    let found = shared.asker.offsets_for_times(list, timeout).map_err(|e| (DOING, e))?;
    let mut offsets = Vec::with_capacity(numbers.len());
    for element in found.elements() {
        element.error().map_err(|e| (DOING, e))?;
        if let Offset::Offset(offset) = element.offset() {
            offsets.push((element.partition(), offset));
        }
    }
    Ok(offsets)
}

pub(super) fn list_of(topic: &str, numbers: &[i32], offset: Offset) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(numbers.len());
    for &number in numbers {
        list.add_partition_offset(topic, number, offset)?;
    }
    Ok(list)
}
