//! A shard's consumer.

use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::errand::Last;
use super::failure::passing;
use super::list_of;
use super::rebalance::Rebalances;
use crate::client;
use crate::config::WorkerConfig;
use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::native::{self, BatchQueue};
use crate::port::{Failure, Group, Rebalance, Record, RecordError};

/// How long a seek may take: the client does it by itself, no broker has a part in it.
const SEEKING: Duration = Duration::from_secs(5);
/// What the client reports is taken up by so many at a time. While brokers are away it has much to say, and a rebalance must not wait behind
/// that for a turn of the loop each; rdkafka does not say when nothing is left.
const EVENTS: usize = 16;
/// Records a batch.
const BATCH: usize = 2_000;

pub(crate) struct KafkaGroup {
    /// Before the consumer: a queue must not outlive its client.
    queue: BatchQueue<Rebalances>,
    consumer: Arc<BaseConsumer<Rebalances>>,
    member: String,
    topic: String,
    topic_c: CString,
    /// The assignment was lost, and something was read anew since: that clears librdkafka's own mark, before the member has heard of it.
    was_lost: bool,
    /// Dropped last: closing waits for the group, and may wait without end.
    _last: Last<Arc<BaseConsumer<Rebalances>>>,
}

/// What the group's coordinator judges a commit by.
pub(crate) struct KafkaMembership {
    pub(super) metadata: Arc<ConsumerGroupMetadata>,
    /// −1: none.
    generation: i32,
}

impl KafkaGroup {
    pub(super) fn join(config: &WorkerConfig, member: &str) -> Result<Self, WorkerError> {
        let topic = config.topics.touchpoints.clone();
        let consumer: BaseConsumer<Rebalances> =
            client::consumer(config, member).create_with_context(Rebalances::new(member)).map_err(WorkerError::ClientConfig)?;
        let consumer = Arc::new(consumer);
        let failed = |doing, detail: String| WorkerError::Kafka { member: member.to_owned(), doing, detail };
        let topic_c = CString::new(topic.as_str()).map_err(|e| failed("reading the input topic's name", e.to_string()))?;
        let queue =
            BatchQueue::new(Arc::clone(&consumer), BATCH).ok_or_else(|| failed("making a queue", "no memory".to_owned()))?;
        consumer.subscribe(&[&topic]).map_err(|e| failed("subscribing to the input topic", e.to_string()))?;
        let last = Last::new(format!("{member} consumer"), Arc::clone(&consumer));
        Ok(Self { queue, consumer, member: member.to_owned(), topic, topic_c, was_lost: false, _last: last })
    }
}

impl Group for KafkaGroup {
    type Membership = KafkaMembership;

    fn poll(&mut self) -> Result<(), Interrupt> {
        for _ in 0..EVENTS {
            match self.consumer.poll(Duration::ZERO) {
                None => {}
                // Forwarding sends every record to the queue. If one ever came here it would be missing there: read it again.
                Some(Ok(_)) => return Err(Interrupt::Aborted("a record came beside its queue".to_owned())),
                Some(Err(error)) => tracing::warn!(member = self.member, %error, "Kafka's client reports"),
            }
        }
        // Not by its event, which comes once, and perhaps while nobody can act on it.
        let Some((code, detail)) = self.consumer.client().fatal_error() else { return Ok(()) };
        let member = self.member.clone();
        Err(Interrupt::End(match code {
            RDKafkaErrorCode::FencedInstanceId => WorkerError::NameTaken { member },
            _ => WorkerError::Fatal { member, doing: "as a member of the group", detail },
        }))
    }

    fn next_rebalance(&mut self) -> Option<Rebalance> {
        let next = self.consumer.context().next();
        if matches!(next, Some(Rebalance::Assigned(_))) {
            self.was_lost = false; // what was lost has been revoked before
        }
        next
    }

    fn put_back(&mut self, rebalance: Rebalance) {
        self.consumer.context().put_back(rebalance);
    }

    fn is_lost(&self) -> bool {
        self.was_lost || self.consumer.assignment_lost()
    }

    fn assign(&mut self, from: &[(i32, i64)]) -> Result<(), Failure> {
        self.was_lost = self.is_lost();
        let mut offsets = TopicPartitionList::with_capacity(from.len());
        for &(number, offset) in from {
            self.queue.forward(&self.topic, number);
            offsets.add_partition_offset(&self.topic, number, Offset::Offset(offset)).map_err(|e| passing(&e))?;
        }
        self.consumer.incremental_assign(&offsets).map_err(|e| passing(&e))
    }

    fn unassign(&mut self, numbers: &[i32]) -> Result<(), Failure> {
        self.was_lost = self.is_lost();
        let list = list_of(&self.topic, numbers, Offset::Invalid).map_err(|e| passing(&e))?;
        self.consumer.incremental_unassign(&list).map_err(|e| passing(&e))
    }

    fn rest(&mut self, number: i32, offset: i64) -> Result<(), Failure> {
        let list = list_of(&self.topic, &[number], Offset::Invalid).map_err(|e| passing(&e))?;
        // In this order: a pause notes the position behind the last record that was given, unless a seek has made the client forget it.
        self.consumer.seek(&self.topic, number, Offset::Offset(offset), SEEKING).map_err(|e| passing(&e))?;
        self.consumer.pause(&list).map_err(|e| passing(&e))
    }

    fn resume(&mut self, number: i32) -> Result<(), Failure> {
        let list = list_of(&self.topic, &[number], Offset::Invalid).map_err(|e| passing(&e))?;
        self.consumer.resume(&list).map_err(|e| passing(&e))
    }

    fn discard_fetched(&mut self) -> Result<(), Interrupt> {
        // What was fetched lies in the old queue, and goes with it.
        let queue = BatchQueue::new(Arc::clone(&self.consumer), BATCH);
        self.queue = queue.ok_or_else(|| Interrupt::Stuck("no memory for another queue".to_owned()))?;
        Ok(())
    }

    fn take(&mut self, wait: Duration, mut visit: impl FnMut(Result<Record<'_>, RecordError>)) -> bool {
        self.queue.take(wait, |record| visit(record.map_err(|error| judge(error.partition, error.code)))) < BATCH
    }

    /// librdkafka knows when markers, which take offsets and are never given, have been passed.
    fn positions(&self) -> Option<Vec<(i32, i64)>> {
        let positions = self.consumer.position().ok()?;
        let known = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
        Some(positions.elements().iter().filter_map(|e| Some((e.partition(), known(e.offset())?))).collect())
    }

    fn high_watermark(&self, number: i32) -> Option<i64> {
        native::high_watermark(self.consumer.client(), &self.topic_c, number)
    }

    fn committed(&self, numbers: &[i32], patience: Duration) -> Result<Vec<(i32, i64, Option<String>)>, Failure> {
        let list = list_of(&self.topic, numbers, Offset::Invalid).map_err(|e| passing(&e))?;
        let committed = self.consumer.committed_offsets(list, patience).map_err(|e| passing(&e))?;
        let mut offsets = Vec::with_capacity(numbers.len());
        for (entry, element) in committed.elements().iter().enumerate() {
            element.error().map_err(|e| passing(&e))?;
            if let Offset::Offset(offset) = element.offset() {
                offsets.push((element.partition(), offset, native::metadata(&committed, entry)));
            }
        }
        Ok(offsets)
    }

    fn membership(&self) -> Option<KafkaMembership> {
        // What rdkafka gives cannot be read. A member that was expelled needs more than a moment to join again: if it is one before and
        // afterwards, it is one in between.
        let before = native::generation(self.consumer.client());
        let metadata = self.consumer.group_metadata()?;
        let generation = native::generation(self.consumer.client()).min(before);
        Some(KafkaMembership { metadata: Arc::new(metadata), generation })
    }

    fn is_member(membership: &KafkaMembership) -> bool {
        membership.generation >= 0
    }

    fn close(self) {
        self.consumer.context().close(&self.consumer);
    }
}

/// Whether a partition's error is one that passes.
fn judge(partition: i32, code: RDKafkaErrorCode) -> RecordError {
    use RDKafkaErrorCode as Code;
    let detail = match code {
        Code::AutoOffsetReset | Code::OffsetOutOfRange => {
            "the log no longer has the next offset: retention deleted records that were never folded"
        }
        Code::UnknownTopicOrPartition | Code::UnknownPartition | Code::UnknownTopic => "it is gone: the topic was deleted",
        Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed => "this user may not read it",
        _ => return RecordError::Passing { partition, detail: code.to_string() },
    };
    RecordError::Lasting { partition, detail: format!("{detail} ({code})") }
}
