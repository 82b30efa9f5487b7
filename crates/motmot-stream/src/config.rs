//! What a worker must be told. The command line fills this from its file, its environment and its arguments.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use motmot_snapshot::SnapshotConfig;
use serde::Deserialize;

use crate::clock::Clock;

/// How to reach Kafka.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// The brokers to start from: `HOST:PORT`, separated by commas.
    pub brokers: String,
    /// librdkafka's own properties, for security above all. Those on which the guarantees rest are set afterwards and win.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

/// Names of properties only: their values may be passwords.
impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig").field("brokers", &self.brokers).field("properties", &self.properties.keys()).finish()
    }
}

/// The topics' names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopicNames {
    /// Input; default `motmot.touchpoints`.
    pub touchpoints: String,
    /// The table of moments; default `motmot.moments`.
    pub moments: String,
    /// The table of cycles; default `motmot.cycles`.
    pub cycles: String,
    /// What is no touchpoint; default `motmot.dead-letters`.
    pub dead_letters: String,
    /// Strategies and where they were swapped; default `motmot.strategies`.
    pub strategies: String,
}

impl Default for TopicNames {
    fn default() -> Self {
        Self {
            touchpoints: "motmot.touchpoints".to_owned(),
            moments: "motmot.moments".to_owned(),
            cycles: "motmot.cycles".to_owned(),
            dead_letters: "motmot.dead-letters".to_owned(),
            strategies: "motmot.strategies".to_owned(),
        }
    }
}

/// Whose clock the input's timestamps show. They decide what is late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputTimestamps {
    /// The broker's (`LogAppendTime`); the topic is checked for it.
    #[default]
    LogAppend,
    /// The producers', for whose clocks the user vouches.
    Producer,
}

/// One worker: `shards` threads of one consumer group, each with its own part of the input's partitions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerConfig {
    /// How to reach Kafka.
    pub kafka: KafkaConfig,
    /// The topics.
    #[serde(default)]
    pub topics: TopicNames,
    /// Whose clock the input's timestamps show.
    #[serde(default)]
    pub input_timestamps: InputTimestamps,
    /// The consumer group that all workers of one installation share; default `motmot`.
    #[serde(default = "default_group")]
    pub group: String,
    /// This worker's name in the group: unique, and the same after a restart. It names the transactions as well.
    pub instance: String,
    /// Threads; 0 (the default): one a core.
    #[serde(default)]
    pub shards: usize,
    /// The folder of the stores, one folder in it for each partition; default `motmot-store`. Never shared between running workers.
    #[serde(default = "default_store")]
    pub store: PathBuf,
    /// How long outputs wait for their transaction; default 200 ms.
    #[serde(default = "default_commit_interval", with = "millis")]
    pub commit_interval: Duration,
    /// How often committed state goes to the store, which is what a crash costs to fold again; default 10 s.
    #[serde(default = "default_checkpoint_interval", with = "millis")]
    pub checkpoint_interval: Duration,
    /// A checkpoint also comes after so many records of a partition; default 500,000. It bounds the batch that is written.
    #[serde(default = "default_checkpoint_records")]
    pub checkpoint_records: u64,
    /// How often the clock is moved when no record comes; default 200 ms.
    #[serde(default = "default_tick_interval", with = "millis")]
    pub tick_interval: Duration,
    /// Rows that a shard keeps in memory; default 200,000. The others are read from the store when they are touched.
    #[serde(default = "default_max_hot_cycles")]
    pub max_hot_cycles: usize,
    /// RocksDB's block cache, for the whole process, write buffers included; default 256 MiB.
    #[serde(default = "default_block_cache")]
    pub block_cache_bytes: usize,
    /// RocksDB's write buffers, for the whole process; default 128 MiB.
    #[serde(default = "default_write_buffers")]
    pub write_buffer_bytes: usize,
    /// Where snapshots of the state go; none: nowhere, and a lost disk is folded again from what the log has.
    #[serde(default)]
    pub snapshots: Option<SnapshotConfig>,
    /// The broker is librdkafka's mock cluster. It never answers questions about a topic's settings and id: do not wait for that.
    #[serde(skip)]
    pub is_mock_cluster: bool,
    /// The clock that deadlines run by when all that has arrived is folded: the wall's, if this is no simulation.
    #[serde(skip)]
    pub clock: Clock,
}

impl WorkerConfig {
    /// A worker with all defaults.
    pub fn new(brokers: impl Into<String>, instance: impl Into<String>) -> Self {
        Self {
            kafka: KafkaConfig { brokers: brokers.into(), properties: BTreeMap::new() },
            topics: TopicNames::default(),
            input_timestamps: InputTimestamps::default(),
            group: default_group(),
            instance: instance.into(),
            shards: 0,
            store: default_store(),
            commit_interval: default_commit_interval(),
            checkpoint_interval: default_checkpoint_interval(),
            checkpoint_records: default_checkpoint_records(),
            tick_interval: default_tick_interval(),
            max_hot_cycles: default_max_hot_cycles(),
            block_cache_bytes: default_block_cache(),
            write_buffer_bytes: default_write_buffers(),
            snapshots: None,
            is_mock_cluster: false,
            clock: Clock::default(),
        }
    }

    /// Threads that will run.
    pub fn shard_count(&self) -> usize {
        match self.shards {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            given => given,
        }
    }

    /// The name of a shard in the group and of its transactions: the same after a restart.
    pub fn member(&self, shard: usize) -> String {
        format!("{}-{shard}", self.instance)
    }
}

fn default_group() -> String {
    "motmot".to_owned()
}
fn default_store() -> PathBuf {
    PathBuf::from("motmot-store")
}
const fn default_commit_interval() -> Duration {
    Duration::from_millis(200)
}
const fn default_checkpoint_interval() -> Duration {
    Duration::from_secs(10)
}
const fn default_checkpoint_records() -> u64 {
    500_000
}
const fn default_tick_interval() -> Duration {
    Duration::from_millis(200)
}
const fn default_max_hot_cycles() -> usize {
    200_000
}
const fn default_block_cache() -> usize {
    256 << 20
}
const fn default_write_buffers() -> usize {
    128 << 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        let mut config = WorkerConfig::new("b:9092", "w");
        config.kafka.properties.insert("sasl.password".to_owned(), "hunter2".to_owned());
        let words = format!("{config:?}");
        assert!(words.contains("sasl.password") && !words.contains("hunter2"), "{words}");
    }
}

/// Durations as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
