//! The configuration in the form in which the libraries want it.

use std::sync::Arc;

use motmot_desk::DeskConfig;
use motmot_registry::{Registry, Waiting};
use motmot_snapshot::SnapshotConfig;
use motmot_stream::{Clock, InputTimestamps, KafkaConfig, TopicNames, WorkerConfig};
use motmot_wire::{Reader, RecordType, Writer};

use super::security;
use crate::config::Config;
use crate::failure::Usage;

/// How to reach Kafka.
pub(crate) fn kafka(config: &Config) -> anyhow::Result<KafkaConfig> {
    Ok(KafkaConfig { brokers: config.text("kafka.brokers").to_owned(), properties: security::properties(config)? })
}

/// The topics' names.
pub(crate) fn topics(config: &Config) -> TopicNames {
    TopicNames {
        touchpoints: config.text("topics.touchpoints").to_owned(),
        moments: config.text("topics.moments").to_owned(),
        cycles: config.text("topics.cycles").to_owned(),
        dead_letters: config.text("topics.dead_letters").to_owned(),
        strategies: config.text("topics.strategies").to_owned(),
    }
}

/// Whose clock the input's timestamps show.
pub(crate) fn timestamps(config: &Config) -> InputTimestamps {
    if config.text("input.timestamps") == "producer" { InputTimestamps::Producer } else { InputTimestamps::LogAppend }
}

/// The worker's part.
pub(crate) fn worker(config: &Config) -> anyhow::Result<WorkerConfig> {
    let count = |key| usize::try_from(config.number(key)).unwrap_or(usize::MAX);
    Ok(WorkerConfig {
        kafka: kafka(config)?,
        topics: topics(config),
        input_timestamps: timestamps(config),
        group: config.text("worker.group").to_owned(),
        instance: instance(config),
        shards: count("worker.shards"),
        store: config.path("worker.store"),
        commit_interval: config.duration("worker.commit_interval"),
        checkpoint_interval: config.duration("worker.checkpoint_interval"),
        checkpoint_records: config.number("worker.checkpoint_records"),
        tick_interval: config.duration("worker.tick_interval"),
        max_hot_cycles: count("worker.max_hot_cycles"),
        block_cache_bytes: config.bytes("worker.block_cache"),
        write_buffer_bytes: config.bytes("worker.write_buffers"),
        snapshots: snapshots(config),
        is_mock_cluster: false,
        clock: Clock::default(),
    })
}

/// Where snapshots go; none: nowhere.
pub(crate) fn snapshots(config: &Config) -> Option<SnapshotConfig> {
    let url = config.text("snapshots.url").trim();
    let interval_ms = u64::try_from(config.duration("snapshots.interval").as_millis()).unwrap_or(u64::MAX);
    let keep = usize::try_from(config.number("snapshots.keep")).unwrap_or(usize::MAX);
    (!url.is_empty()).then(|| SnapshotConfig { url: url.to_owned(), interval_ms, keep, options: config.snapshot_options() })
}

/// The desk's part.
pub(crate) fn desk(config: &Config) -> anyhow::Result<DeskConfig> {
    let KafkaConfig { brokers, properties } = kafka(config)?;
    Ok(DeskConfig { brokers, topic: config.text("topics.moments").to_owned(), properties, ..DeskConfig::default() })
}

/// The worker's name: as configured, else the host's, which stays the same after a restart.
fn instance(config: &Config) -> String {
    let configured = config.text("worker.instance").trim();
    if !configured.is_empty() {
        return configured.to_owned();
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if host.trim().is_empty() { "worker".to_owned() } else { host.trim().to_owned() }
}

/// The client of the schema registry, if one is configured.
pub(crate) fn registry(
    config: &Config,
    waiting: Waiting,
    metrics: Option<&prometheus::Registry>,
) -> anyhow::Result<Option<Registry>> {
    Ok(match security::registry(config)? {
        Some(registry) => Some(Registry::new(&registry, waiting, metrics)?),
        None => None,
    })
}

/// A reader that also knows the schemas of `input.schemas`, and the registry; whatever it needs of that it waits for.
pub(crate) fn reader(config: &Config) -> anyhow::Result<Reader> {
    reader_with(config, registry(config, Waiting::Forever, None)?)
}

/// A reader that also knows the schemas of `input.schemas`, and a registry.
pub(crate) fn reader_with(config: &Config, registry: Option<Registry>) -> anyhow::Result<Reader> {
    let mut reader = Reader::new();
    for path in config.paths("input.schemas") {
        let wrong = |error: &dyn std::fmt::Display| {
            Usage(format!("input.schemas: the schema {} cannot be used: {error}", path.display()))
        };
        let schema = std::fs::read_to_string(&path).map_err(|error| wrong(&error))?;
        reader = reader.with_writer_schema(&schema).map_err(|error| wrong(&error))?;
    }
    Ok(match registry {
        Some(registry) => reader.with_registry(Arc::new(registry)),
        None => reader,
    })
}

/// A writer of records into topics: in Confluent's framing if there is a registry, else in single-object encoding.
pub(crate) fn writer(registry: Option<&Registry>, records: &[(RecordType, &str)]) -> anyhow::Result<Writer> {
    Ok(registry.map_or_else(|| Ok(Writer::new()), |registry| registry.writer(records))?)
}
