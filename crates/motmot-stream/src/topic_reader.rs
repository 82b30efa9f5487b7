//! Reads a stretch of a topic, once, from there to there: for a replay, a digest, a list of dead letters.
//!
//! What is committed when it opens is the most that it reads; within a partition the records come in the log's order, partitions
//! come interleaved. It belongs to no group and commits nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use motmot_core::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::client::{self, REQUEST_TIMEOUT};
use crate::config::KafkaConfig;
use crate::context::Asking;
use crate::error::WorkerError;
use crate::kafka::passing;
use crate::native::{BatchQueue, RecordError};
use crate::port::{Answer, Failure, Headers, Record};

/// Where a stretch begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The log's first record, or (as an end) the last one that was committed when the reader opened.
    Edge,
    /// This offset, of each partition.
    Offset(i64),
    /// The first record that arrived at or after this instant, of each partition.
    Instant(Timestamp),
}

/// A record of a topic, in the client's memory.
#[derive(Clone, Copy)]
pub struct TopicRecord<'m> {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// When it arrived, or was made: what the topic's timestamps say; none if it has none.
    pub timestamp: Option<Timestamp>,
    /// Its key.
    pub key: Option<&'m [u8]>,
    /// Its value; none: a tombstone.
    pub value: Option<&'m [u8]>,
    headers: &'m dyn Headers,
}

impl<'m> TopicRecord<'m> {
    fn new(record: Record<'m>) -> Self {
        Self {
            partition: record.partition,
            offset: record.offset,
            timestamp: (record.timestamp >= 0).then(|| Timestamp::from_millis(record.timestamp)),
            key: record.key,
            value: record.value,
            headers: record.headers,
        }
    }

    /// Hands each header to `visit`: its name and its value, which may be null.
    pub fn headers(&self, visit: &mut dyn FnMut(&str, Option<&'m [u8]>)) {
        self.headers.each(visit);
    }
}

/// A stretch of a topic that is being read.
pub struct TopicReader {
    topic: String,
    brokers: String,
    queue: BatchQueue<Asking>,
    consumer: Arc<BaseConsumer<Asking>>,
    /// By partition: the next offset, and the first one that is not read.
    open: BTreeMap<i32, (i64, i64)>,
    partitions: i32,
    total: u64,
    /// How often in a row nothing came.
    empty: u32,
}

/// Records a call.
const BATCH: usize = 2_000;
/// How long a call waits for the first.
const WAIT: Duration = Duration::from_millis(100);
/// After so many calls in a row that gave nothing (15 s) it is said that no broker answers.
const MAX_EMPTY: u32 = 150;

impl TopicReader {
    /// Finds out where the stretch lies in each partition, and begins to fetch.
    ///
    /// # Errors
    /// When no broker answers, or there is no such topic.
    pub fn open(kafka: &KafkaConfig, topic: &str, from: Bound, to: Bound) -> Result<Self, WorkerError> {
        let mut config = client::reader(kafka);
        config.set("group.id", "motmot-reader"); // librdkafka assigns only to members; it joins none
        let consumer: BaseConsumer<Asking> =
            config.create_with_context(Asking::new(format!("reader of {topic}"))).map_err(WorkerError::ClientConfig)?;
        let consumer = Arc::new(consumer);
        let unreachable =
            |e: KafkaError| WorkerError::Unreachable { brokers: kafka.brokers.clone(), detail: Asking::cause(&consumer, &e) };
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).map_err(unreachable)?;
        let missing = || WorkerError::MissingTopic { topic: topic.to_owned(), brokers: kafka.brokers.clone() };
        let found = metadata.topics().iter().find(|t| t.name() == topic && t.error().is_none()).ok_or_else(missing)?;
        let numbers: Vec<i32> = found.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect();
        if numbers.is_empty() {
            return Err(missing());
        }
        let kafka_error = |e: KafkaError| match passing(&e) {
            Failure { answer: Answer::Retry, detail } => WorkerError::Unreachable { brokers: kafka.brokers.clone(), detail },
            Failure { detail, .. } => WorkerError::Kafka { member: topic.to_owned(), doing: "asking for its offsets", detail },
        };
        let first = edge(&consumer, topic, &numbers, Offset::Beginning).map_err(kafka_error)?;
        let last = edge(&consumer, topic, &numbers, Offset::End).map_err(kafka_error)?;
        let from = resolve(&consumer, topic, &numbers, from, &first, &last).map_err(kafka_error)?;
        let to = resolve(&consumer, topic, &numbers, to, &last, &last).map_err(kafka_error)?;
        let open: BTreeMap<i32, (i64, i64)> = numbers
            .iter()
            .filter_map(|number| {
                let (first, last) = (*first.get(number)?, *last.get(number)?);
                Some((*number, (*from.get(number)?.max(&first), *to.get(number)?.min(&last))))
            })
            .filter(|(_, (next, end))| next < end)
            .collect();
        let total = open.values().map(|(next, end)| end.abs_diff(*next)).sum();
        let queue = BatchQueue::new(Arc::clone(&consumer), BATCH).ok_or_else(|| WorkerError::Kafka {
            member: topic.to_owned(),
            doing: "making a queue",
            detail: "no memory".to_owned(),
        })?;
        let mut list = TopicPartitionList::with_capacity(open.len());
        for (number, (next, _)) in &open {
            queue.forward(topic, *number);
            list.add_partition_offset(topic, *number, Offset::Offset(*next)).map_err(kafka_error)?;
        }
        consumer.assign(&list).map_err(kafka_error)?;
        let partitions = i32::try_from(numbers.len()).unwrap_or(i32::MAX);
        Ok(Self { topic: topic.to_owned(), brokers: kafka.brokers.clone(), queue, consumer, open, partitions, total, empty: 0 })
    }

    /// The topic's partitions, read or not.
    pub fn partitions(&self) -> i32 {
        self.partitions
    }

    /// Where in each partition it will read, as long as it has not begun; partitions without anything to read are left out.
    pub fn stretches(&self) -> impl Iterator<Item = (i32, std::ops::Range<i64>)> {
        self.open.iter().map(|(partition, (next, end))| (*partition, *next..*end))
    }

    /// Offsets in the stretch when it was opened: at least as many as records.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Offsets that are not read yet.
    pub fn left(&self) -> u64 {
        self.open.values().map(|(next, end)| end.abs_diff(*next)).sum()
    }

    /// Waits for records and hands them to `visit`. False: the stretch is read.
    ///
    /// # Errors
    /// When the topic can no longer be read. What `visit` returns as an error ends the call, and the rest of its batch is lost.
    pub fn read<E: From<WorkerError>>(&mut self, mut visit: impl FnMut(TopicRecord<'_>) -> Result<(), E>) -> Result<bool, E> {
        if self.open.is_empty() {
            return Ok(false);
        }
        if let Some(Err(error)) = self.consumer.poll(Duration::ZERO) {
            tracing::warn!(topic = self.topic, %error, "Kafka's client reports");
        }
        let left = self.left();
        let Self { topic, brokers, queue, open, .. } = self;
        let mut result = Ok(());
        let count = queue.take(WAIT, |record| {
            if result.is_err() {
                return;
            }
            match record {
                Ok(record) => {
                    let Some((next, end)) = open.get_mut(&record.partition) else { return };
                    *next = (*next).max(record.offset + 1);
                    if record.offset < *end {
                        result = visit(TopicRecord::new(record));
                    }
                }
                Err(RecordError { partition, code }) => {
                    if let Some(error) = lasting(topic, brokers, partition, code) {
                        result = Err(error.into());
                    }
                }
            }
        });
        result?;
        if count < BATCH {
            self.follow_markers();
        }
        self.empty = if self.left() < left { 0 } else { self.empty + 1 };
        if self.empty >= MAX_EMPTY {
            let detail = format!("nothing more came of the topic {}, {left} offsets are left", self.topic);
            return Err(WorkerError::Unreachable { brokers: self.brokers.clone(), detail }.into());
        }
        self.open.retain(|_, (next, end)| next < end);
        Ok(!self.open.is_empty())
    }

    /// Transaction markers and aborted records take offsets and are never given.
    fn follow_markers(&mut self) {
        let Ok(positions) = self.consumer.position() else { return };
        for element in positions.elements() {
            if let (Offset::Offset(offset), Some((next, _))) = (element.offset(), self.open.get_mut(&element.partition())) {
                *next = (*next).max(offset);
            }
        }
    }
}

/// The error if it does not pass by itself.
fn lasting(topic: &str, brokers: &str, partition: i32, code: RDKafkaErrorCode) -> Option<WorkerError> {
    match code {
        RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownPartition => {
            Some(WorkerError::MissingTopic { topic: topic.to_owned(), brokers: brokers.to_owned() })
        }
        RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::TopicAuthorizationFailed => {
            let member = format!("{topic}-{partition}");
            Some(WorkerError::Kafka { member, doing: "reading the topic", detail: code.to_string() })
        }
        _ => {
            tracing::warn!(topic, partition, %code, "reading failed; Kafka's client tries again");
            None
        }
    }
}

type Offsets = BTreeMap<i32, i64>;

fn ask(consumer: &BaseConsumer<Asking>, topic: &str, numbers: &[i32], which: Offset) -> Result<Vec<(i32, Offset)>, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(numbers.len());
    for &number in numbers {
        list.add_partition_offset(topic, number, which)?;
    }
    let found = consumer.offsets_for_times(list, REQUEST_TIMEOUT)?;
    found.elements().iter().map(|element| element.error().map(|()| (element.partition(), element.offset()))).collect()
}

fn edge(consumer: &BaseConsumer<Asking>, topic: &str, numbers: &[i32], which: Offset) -> Result<Offsets, KafkaError> {
    let found = ask(consumer, topic, numbers, which)?;
    Ok(found
        .into_iter()
        .filter_map(|(number, offset)| if let Offset::Offset(offset) = offset { Some((number, offset)) } else { None })
        .collect())
}

fn resolve(
    consumer: &BaseConsumer<Asking>,
    topic: &str,
    numbers: &[i32],
    bound: Bound,
    edge: &Offsets,
    last: &Offsets,
) -> Result<Offsets, KafkaError> {
    match bound {
        Bound::Edge => Ok(edge.clone()),
        Bound::Offset(offset) => Ok(numbers.iter().map(|number| (*number, offset)).collect()),
        Bound::Instant(at) => {
            // The broker answers "end" where nothing is that late.
            let found = ask(consumer, topic, numbers, Offset::Offset(at.as_millis().max(0)))?;
            let of = |(number, offset)| match offset {
                Offset::Offset(offset) => Some((number, offset)),
                _ => Some((number, *last.get(&number)?)),
            };
            Ok(found.into_iter().filter_map(of).collect())
        }
    }
}
