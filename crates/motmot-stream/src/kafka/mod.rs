//! The port to the real world: librdkafka, RocksDB and the system's clocks.

mod errand;
mod failure;
mod group;
mod producer;
mod rebalance;

use std::time::{Duration, Instant};

use motmot_core::Timestamp;
use motmot_store::{Resources, RocksDb, Store, StoreError};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::client;
use crate::config::WorkerConfig;
use crate::error::WorkerError;
use crate::port::{Failure, World};
use crate::strategies::Contents;

pub(crate) use failure::passing;

/// What the shards of a worker share of the real world.
pub(crate) struct Kafka {
    config: WorkerConfig,
    resources: Resources,
    /// Asks for the log's ends. A broker answers a connection's requests one after another, and behind a consumer's waiting fetch a
    /// question takes half a second: this client never fetches. It sees the log's own end, open transactions of producers included.
    asker: BaseConsumer,
    /// The largest record that the producer must be able to send on.
    max_message_bytes: usize,
    begun: Instant,
}

impl Kafka {
    pub(crate) fn new(config: &WorkerConfig, max_message_bytes: usize) -> Result<Self, WorkerError> {
        let asker = client::base(&config.kafka, "motmot-worker").set("isolation.level", "read_uncommitted").create();
        Ok(Self {
            config: config.clone(),
            resources: Resources::new(config.block_cache_bytes, config.write_buffer_bytes),
            asker: asker.map_err(WorkerError::ClientConfig)?,
            max_message_bytes,
            begun: Instant::now(),
        })
    }

    /// Asks the brokers for the first or the last offset of partitions, all in one request a broker.
    fn ask(&self, numbers: &[i32], which: Offset, patience: Duration) -> Result<Vec<(i32, i64)>, Failure> {
        let list = list_of(&self.config.topics.touchpoints, numbers, which).map_err(|e| passing(&e))?;
        let found = self.asker.offsets_for_times(list, patience).map_err(|e| passing(&e))?;
        let mut offsets = Vec::with_capacity(numbers.len());
        for element in found.elements() {
            element.error().map_err(|e| passing(&e))?;
            if let Offset::Offset(offset) = element.offset() {
                offsets.push((element.partition(), offset));
            }
        }
        Ok(offsets)
    }
}

impl World for Kafka {
    type Group = group::KafkaGroup;
    type Producer = producer::KafkaProducer;
    type Membership = group::KafkaMembership;
    type Entries = RocksDb;

    fn join(&self, member: &str) -> Result<Self::Group, WorkerError> {
        group::KafkaGroup::join(&self.config, member)
    }

    fn producer(&self, member: &str) -> Result<Self::Producer, WorkerError> {
        producer::KafkaProducer::new(&self.config, member, self.max_message_bytes)
    }

    fn log_starts(&self, numbers: &[i32], patience: Duration) -> Result<Vec<(i32, i64)>, Failure> {
        self.ask(numbers, Offset::Beginning, patience)
    }

    fn log_ends(&self, numbers: &[i32], patience: Duration) -> Result<Vec<(i32, i64)>, Failure> {
        self.ask(numbers, Offset::End, patience)
    }

    fn open_store(&self, number: i32) -> Result<Store, StoreError> {
        Store::open(&self.resources, &self.config.store, &self.config.topics.touchpoints, number)
    }

    fn strategies(&self) -> Result<Contents, WorkerError> {
        Contents::read(&self.config.kafka, &self.config.topics.strategies)
    }

    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn now(&self) -> Timestamp {
        self.config.clock.now()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

fn list_of(topic: &str, numbers: &[i32], offset: Offset) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(numbers.len());
    for &number in numbers {
        list.add_partition_offset(topic, number, offset)?;
    }
    Ok(list)
}
