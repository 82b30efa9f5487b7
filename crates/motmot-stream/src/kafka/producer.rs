//! A shard's transactional producer.

use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use super::failure::transactional;
use crate::client::{self, REQUEST_TIMEOUT};
use crate::config::WorkerConfig;
use crate::context::Log;
use crate::error::WorkerError;
use crate::port::{Answer, Failure, Message, Producer};

pub(crate) struct KafkaProducer {
    producer: ThreadedProducer<Log>,
    topic: String,
}

impl KafkaProducer {
    pub(super) fn new(config: &WorkerConfig, member: &str, max_message_bytes: usize) -> Result<Self, WorkerError> {
        let mut client = client::producer(config, member);
        client.set("message.max.bytes", max_message_bytes.to_string());
        let log = Log { client: format!("{member} producer") };
        let producer = client.create_with_context(log).map_err(WorkerError::ClientConfig)?;
        Ok(Self { producer, topic: config.topics.touchpoints.clone() })
    }
}

impl Producer for KafkaProducer {
    type Membership = ConsumerGroupMetadata;

    fn init(&self) -> Result<(), Failure> {
        self.producer.init_transactions(REQUEST_TIMEOUT).map_err(|e| transactional(&e))
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
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    // The producer's own thread empties it; a broker that is gone ends this by the transaction's time-out.
                    record = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(transactional(&error)),
            }
        }
    }

    fn flush(&self, patience: Duration) -> Result<(), Failure> {
        // rdkafka's own flush polls in steps of 100 ms for an event that the producer's thread takes: own steps of 1 ms instead.
        let begun = Instant::now();
        loop {
            let Err(error) = self.producer.flush(Duration::from_millis(1)) else { return Ok(()) };
            let failure = transactional(&error);
            if failure.answer != Answer::Retry || begun.elapsed() > patience {
                return Err(failure);
            }
        }
    }

    fn send_offsets(&self, offsets: &[(i32, i64, String)], membership: &ConsumerGroupMetadata) -> Result<(), Failure> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (number, offset, metadata) in offsets {
            let mut entry = list.add_partition(&self.topic, *number);
            entry.set_offset(Offset::Offset(*offset)).map_err(|e| transactional(&e))?;
            entry.set_metadata(metadata);
        }
        self.producer.send_offsets_to_transaction(&list, membership, REQUEST_TIMEOUT).map_err(|e| transactional(&e))
    }

    fn commit(&self) -> Result<(), Failure> {
        self.producer.commit_transaction(REQUEST_TIMEOUT).map_err(|e| transactional(&e))
    }

    fn abort(&self) -> Result<(), Failure> {
        self.producer.abort_transaction(REQUEST_TIMEOUT).map_err(|e| transactional(&e))
    }
}
