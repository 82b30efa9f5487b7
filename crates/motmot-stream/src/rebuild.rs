//! Giving a partition's state up, on purpose: where it stands, and where it is to begin anew.
//!
//! What is written is one committed offset with what lies beside it, and the removal of the swaps that come behind it. From then on no
//! store and no snapshot of the former state fits it (`start::decide`), on whatever machine it may lie.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use motmot_store::{Meta, Origin};

use crate::client::{self, FAILOVER, REQUEST_TIMEOUT};
use crate::clock::Clock;
use crate::config::{KafkaConfig, TopicNames};
use crate::error::WorkerError;
use crate::metadata::CommitMetadata;
use crate::native;
use crate::strategies::{self, Contents, SwapRecord};
use crate::topics;

/// A group's partitions as they are before a rebuild.
pub struct Rebuild {
    kafka: KafkaConfig,
    topics: TopicNames,
    group: String,
    consumer: BaseConsumer,
    swaps: Vec<SwapRecord>,
    /// The input topic's id; empty where the broker names none.
    pub topic_id: String,
    /// Each of the input's partitions.
    pub partitions: Vec<Standing>,
}

/// Where a partition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its number.
    pub number: i32,
    /// What the group has committed.
    pub commit: Option<i64>,
    /// The first offset that the log still has.
    pub log_start: i64,
    /// The offset after its last record.
    pub log_end: i64,
    /// Swaps of the strategy that are recorded.
    pub swaps: usize,
}

impl Rebuild {
    /// Reads where a group's partitions stand.
    ///
    /// # Errors
    /// When no broker answers, or a topic is missing.
    pub fn open(kafka: &KafkaConfig, topics: &TopicNames, group: &str) -> Result<Self, WorkerError> {
        let (count, topic_id) = topics::identity(kafka, &topics.touchpoints)?;
        let mut config = client::base(kafka, "motmot-rebuild");
        config.set("group.id", group).set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create().map_err(WorkerError::ClientConfig)?;
        let swaps = Contents::read(kafka, &topics.strategies)?.all_swaps(group, &topics.touchpoints);
        let mut rebuild = Self {
            kafka: kafka.clone(),
            topics: topics.clone(),
            group: group.to_owned(),
            consumer,
            swaps,
            topic_id,
            partitions: Vec::new(),
        };
        rebuild.partitions = rebuild.standings(count)?;
        Ok(rebuild)
    }

    fn failed(&self, doing: &'static str) -> impl Fn(KafkaError) -> WorkerError {
        let member = self.group.clone();
        move |error| WorkerError::Kafka { member: member.clone(), doing, detail: error.to_string() }
    }

    fn standings(&self, count: i32) -> Result<Vec<Standing>, WorkerError> {
        let topic = &self.topics.touchpoints;
        let mut list = TopicPartitionList::new();
        for number in 0..count {
            list.add_partition(topic, number);
        }
        let asked = self.consumer.committed_offsets(list, REQUEST_TIMEOUT);
        let committed = asked.map_err(self.failed("asking for the committed offsets"))?;
        let mut standings = Vec::new();
        for element in committed.elements() {
            let number = element.partition();
            let ends = self.consumer.fetch_watermarks(topic, number, REQUEST_TIMEOUT);
            let (log_start, log_end) = ends.map_err(self.failed("asking for the log's offsets"))?;
            let commit = if let Offset::Offset(offset) = element.offset() { Some(offset) } else { None };
            let swaps = self.swaps.iter().filter(|swap| swap.partition == number).count();
            standings.push(Standing { number, commit, log_start, log_end, swaps });
        }
        Ok(standings)
    }

    /// Waits until nobody is in the group any more: a worker that was stopped keeps its place for a while.
    ///
    /// # Errors
    /// When somebody still is.
    pub fn wait_until_nobody_works(&self) -> Result<(), WorkerError> {
        let begun = Instant::now();
        loop {
            let asked = self.consumer.fetch_group_list(Some(&self.group), REQUEST_TIMEOUT);
            let list = asked.map_err(self.failed("asking who is in the group"))?;
            let members: usize = list.groups().iter().map(|group| group.members().len()).sum();
            if members == 0 {
                return Ok(());
            }
            if begun.elapsed() > FAILOVER + Duration::from_secs(5) {
                return Err(WorkerError::StillWorking { group: self.group.clone(), members });
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// Lets a partition begin at `offset`, from nothing.
    ///
    /// # Errors
    /// When the brokers do not take it.
    pub fn begin_at(&self, number: i32, offset: i64) -> Result<(), WorkerError> {
        let rebuilt_ms = Clock::default().now().as_millis();
        self.set(number, offset, CommitMetadata::anew(Origin { offset, rebuilt_ms }))
    }

    /// Lets a partition go on from a snapshot whose description is `meta`.
    ///
    /// # Errors
    /// When the brokers do not take it.
    pub fn go_on_from(&self, number: i32, meta: &Meta) -> Result<(), WorkerError> {
        let Meta { position, strategy, swaps, origin, .. } = *meta;
        self.set(number, meta.offset, CommitMetadata { position, strategy, swaps, origin, is_swapping: false, is_split: false })
    }

    fn set(&self, number: i32, offset: i64, metadata: CommitMetadata) -> Result<(), WorkerError> {
        // Before the commit: swaps without it are refused by whoever starts in between, a commit without their removal is not.
        let gone = self.swaps.iter().filter(|swap| swap.partition == number && swap.number > metadata.swaps);
        let records: Vec<(String, Option<&str>)> = gone.map(|swap| (swap.key(), None)).collect();
        strategies::publish(&self.kafka, &self.topics.strategies, &records)?;
        let mut list = TopicPartitionList::new();
        let mut entry = list.add_partition(&self.topics.touchpoints, number);
        entry.set_offset(Offset::Offset(offset)).map_err(self.failed("setting the offset"))?;
        entry.set_metadata(metadata.encode());
        self.consumer.commit(&list, CommitMode::Sync).map_err(self.failed("setting the offset"))?;
        // What a client took for done is read again: everything rests on it.
        let asked = self.consumer.committed_offsets(list, REQUEST_TIMEOUT);
        let committed = asked.map_err(self.failed("reading the offset again"))?;
        let written = native::metadata(&committed, 0).as_deref().and_then(CommitMetadata::parse);
        if written == Some(metadata) {
            return Ok(());
        }
        let detail = format!("partition {number} has another commit than was set; somebody else is at it. Run it again");
        Err(WorkerError::Kafka { member: self.group.clone(), doing: "setting the offset", detail })
    }
}

impl std::fmt::Debug for Rebuild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rebuild").field("group", &self.group).field("partitions", &self.partitions).finish_non_exhaustive()
    }
}
