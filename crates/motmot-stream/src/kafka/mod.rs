//! The port to the real world: librdkafka, RocksDB and the system's clocks.

mod errand;
mod failure;
mod group;
mod producer;
mod rebalance;
mod snapshots;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use motmot_core::Timestamp;
use motmot_snapshot::{Agent, Owner};
use motmot_store::{Resources, RocksDb, Store, StoreError, folder};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};

use crate::client;
use crate::config::WorkerConfig;
use crate::error::WorkerError;
use crate::metrics::SnapshotMetrics;
use crate::port::{Failure, World};
use crate::strategies::Contents;
use crate::topics::Input;

use errand::Last;
pub(crate) use failure::passing;
use snapshots::ObjectSnapshots;

/// What the shards of a worker share of the real world.
pub(crate) struct Kafka {
    config: WorkerConfig,
    resources: Resources,
    /// Asks for the log's ends. A broker answers a connection's requests one after another, and behind a consumer's waiting fetch a
    /// question takes half a second: this client never fetches. It sees the log's own end, open transactions of producers included.
    asker: Mutex<Asker>,
    /// The largest record that the producer must be able to send on.
    max_message_bytes: usize,
    topic_id: String,
    /// None: there are to be no snapshots.
    snapshots: Option<Arc<Agent>>,
    snapshot_metrics: SnapshotMetrics,
    begun: Instant,
}

impl Kafka {
    pub(crate) fn new(config: &WorkerConfig, input: &Input, metrics: &SnapshotMetrics) -> Result<Self, WorkerError> {
        Ok(Self {
            config: config.clone(),
            resources: Resources::new(config.block_cache_bytes, config.write_buffer_bytes),
            asker: Mutex::new(Asker { client: asker(config).map_err(WorkerError::ClientConfig)?, unheard_since: None }),
            max_message_bytes: input.max_message_bytes,
            topic_id: input.topic_id.clone(),
            snapshots: agent(config, input, metrics)?,
            snapshot_metrics: metrics.clone(),
            begun: Instant::now(),
        })
    }

    fn store(&self, number: i32) -> PathBuf {
        folder::of(&self.config.store, &self.config.topics.touchpoints, number)
    }

    /// Asks the brokers for the first or the last offset of partitions, all in one request a broker.
    fn ask(&self, numbers: &[i32], which: Offset, patience: Duration) -> Result<Vec<(i32, i64)>, Failure> {
        let list = list_of(&self.config.topics.touchpoints, numbers, which).map_err(|e| passing(&e))?;
        let asker = Arc::clone(&self.asker().client);
        let found = asker.offsets_for_times(list, patience).inspect_err(|_| self.replace_asker());
        let found = found.map_err(|e| passing(&e))?;
        self.asker().unheard_since = None;
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

/// The client that asks, which all shards share.
struct Asker {
    client: Arc<BaseConsumer>,
    /// Nothing that was asked since was answered.
    unheard_since: Option<Instant>,
}

/// librdkafka may lose all brokers and never look for them again: when one that has just come back lists none
/// (confluentinc/librdkafka#5301). A client that hears nothing for so long is replaced.
const UNHEARD: Duration = Duration::from_secs(10);

fn asker(config: &WorkerConfig) -> KafkaResult<Arc<BaseConsumer>> {
    client::base(&config.kafka, "motmot-worker").set("isolation.level", "read_uncommitted").create().map(Arc::new)
}

impl Kafka {
    fn asker(&self) -> MutexGuard<'_, Asker> {
        self.asker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the asker if it has heard nothing for long.
    fn replace_asker(&self) {
        let mut current = self.asker();
        if current.unheard_since.get_or_insert_with(Instant::now).elapsed() < UNHEARD {
            return;
        }
        match asker(&self.config) {
            Ok(client) => {
                tracing::warn!(
                    seconds = UNHEARD.as_secs(),
                    "the brokers do not say where the logs end: another client asks them"
                );
                let before = std::mem::replace(&mut *current, Asker { client, unheard_since: None });
                drop(current);
                drop(Last::new("asker".to_owned(), before.client));
            }
            Err(error) => tracing::warn!(%error, "another client that asks the brokers cannot be made"),
        }
    }
}

impl World for Kafka {
    type Group = group::KafkaGroup;
    type Producer = producer::KafkaProducer;
    type Membership = group::KafkaMembership;
    type Entries = RocksDb;
    type Snapshots = ObjectSnapshots;

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

    fn give_up_store(&self, number: i32) -> Result<(), StoreError> {
        if let Some(place) = folder::replace_set_aside(&self.store(number))? {
            tracing::warn!(partition = number, place = %place.display(), "the store is given up, and set aside");
        }
        Ok(())
    }

    fn snapshots(&self, number: i32) -> ObjectSnapshots {
        let WorkerConfig { group, topics, .. } = &self.config;
        let (group, topic, topic_id) = (group.clone(), topics.touchpoints.clone(), self.topic_id.clone());
        let owner = Owner { group, topic, topic_id, partition: number };
        ObjectSnapshots::new(self.snapshots.clone(), owner, self.store(number), self.snapshot_metrics.clone())
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

/// What makes snapshots, if they are to be made; if not, it is said.
fn agent(config: &WorkerConfig, input: &Input, metrics: &SnapshotMetrics) -> Result<Option<Arc<Agent>>, WorkerError> {
    if let Some(retention) = input.retention_ms {
        metrics.retention.with_label_values::<&str>(&[]).set(i64::try_from(retention / 1_000).unwrap_or(i64::MAX));
    }
    let Some(snapshots) = &config.snapshots else {
        metrics.enabled.set(0);
        tracing::warn!(
            "snapshots.url is not set: the state is on this machine's disk only. Once the topic's retention has deleted records, a lost disk \
             is lost state"
        );
        return Ok(None);
    };
    metrics.enabled.set(1);
    let heard = metrics.clone();
    let agent = Agent::start(snapshots, Arc::new(move |partition, event| heard.hear(partition, event)));
    agent.map(Arc::new).map(Some).map_err(|error| WorkerError::Snapshots(Box::new(error)))
}

fn list_of(topic: &str, numbers: &[i32], offset: Offset) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(numbers.len());
    for &number in numbers {
        list.add_partition_offset(topic, number, offset)?;
    }
    Ok(list)
}
