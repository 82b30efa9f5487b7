//! A shard's transactional producer.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use super::errand::{Errand, Last};
use super::failure::transactional;
use super::group::KafkaMembership;
use crate::client::{self, FAILOVER, REQUEST_TIMEOUT};
use crate::config::WorkerConfig;
use crate::context::Log;
use crate::error::WorkerError;
use crate::native;
use crate::port::{Answer, Failure, Message, Producer};

/// How long a call may take before the shard hears that it is still under way.
const SLICE: Duration = Duration::from_millis(500);

/// By its name.
type Call = (&'static str, Errand<KafkaResult<()>>);

pub(crate) struct KafkaProducer {
    member: String,
    topic: String,
    producer: ThreadedProducer<Log>,
    /// The transactional call that has not come back.
    under_way: RefCell<Option<Call>>,
    /// Dropped after `producer`.
    _last: Last<ThreadedProducer<Log>>,
}

impl KafkaProducer {
    pub(super) fn new(config: &WorkerConfig, member: &str, max_message_bytes: usize) -> Result<Self, WorkerError> {
        let mut client = client::producer(config, member);
        client.set("message.max.bytes", max_message_bytes.to_string());
        let log = Log { client: format!("{member} producer") };
        let producer: ThreadedProducer<Log> = client.create_with_context(log).map_err(WorkerError::ClientConfig)?;
        let last = Last::new(format!("{member} producer"), producer.clone());
        let topic = config.topics.touchpoints.clone();
        Ok(Self { member: member.to_owned(), topic, producer, under_way: RefCell::default(), _last: last })
    }

    /// Makes a transactional call, or goes on waiting for the one that is under way, which is the same.
    fn call(
        &self,
        name: &'static str,
        call: impl FnOnce(&ThreadedProducer<Log>) -> KafkaResult<()> + Send + 'static,
    ) -> Result<(), Failure> {
        let give = |detail: String| Failure { answer: Answer::Give, detail };
        let errand = match self.under_way.take() {
            Some((before, errand)) if before == name => errand,
            Some((before, _)) => return Err(give(format!("{before} has not come back, so there can be no {name}"))),
            None => {
                let producer = self.producer.clone();
                let begun = Errand::begin(format!("{} {name}", self.member), move || call(&producer));
                begun.map_err(|e| give(format!("{name} needs a thread: {e}")))?
            }
        };
        if let Some(answer) = errand.wait(SLICE) {
            return answer.map_err(|e| transactional(&e));
        }
        self.under_way.replace(Some((name, errand)));
        Err(Failure { answer: Answer::Retry, detail: "Kafka's client has not answered yet".to_owned() })
    }
}

impl Producer for KafkaProducer {
    type Membership = KafkaMembership;

    fn init(&self) -> Result<(), Failure> {
        self.call("init", |producer| producer.init_transactions(REQUEST_TIMEOUT))
    }

    fn begin(&self) -> Result<(), Failure> {
        self.producer.begin_transaction().map_err(|e| transactional(&e))
    }

    fn send(&self, message: Message<'_>) -> Result<(), Failure> {
        let mut record = BaseRecord::<[u8], [u8]>::to(message.topic).partition(message.partition);
        record.key = message.key;
        record.payload = message.value;
        if !message.headers.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(message.headers.len());
            let add = |headers: OwnedHeaders, (key, value): &(&str, Option<&[u8]>)| headers.insert(Header { key, value: *value });
            record = record.headers(message.headers.iter().fold(headers, add));
        }
        let begun = Instant::now();
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) if begun.elapsed() > FAILOVER => {
                    let detail = "its queue is full, and the brokers have taken nothing for as long as a transaction may last";
                    return Err(Failure { answer: Answer::Abort, detail: detail.to_owned() });
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    // The producer's own thread empties it.
                    record = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(transactional(&error)),
            }
        }
    }

    fn flush(&self, wait: Duration) -> Result<(), Failure> {
        native::flush(self.producer.client(), wait).map_err(|e| transactional(&e))
    }

    fn send_offsets(&self, offsets: &[(i32, i64, String)], membership: &KafkaMembership) -> Result<(), Failure> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (number, offset, metadata) in offsets {
            let mut entry = list.add_partition(&self.topic, *number);
            entry.set_offset(Offset::Offset(*offset)).map_err(|e| transactional(&e))?;
            entry.set_metadata(metadata);
        }
        let group = Arc::clone(&membership.metadata);
        self.call("send_offsets", move |producer| producer.send_offsets_to_transaction(&list, &group, REQUEST_TIMEOUT))
    }

    fn commit(&self) -> Result<(), Failure> {
        self.call("commit", |producer| producer.commit_transaction(REQUEST_TIMEOUT))
    }

    fn abort(&self) -> Result<(), Failure> {
        self.call("abort", |producer| producer.abort_transaction(REQUEST_TIMEOUT))
    }
}
