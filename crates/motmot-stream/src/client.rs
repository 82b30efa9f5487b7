//! How the Kafka clients are set up: in one place, since the guarantees rest on these settings.

use std::time::Duration;

use rdkafka::ClientConfig;

use crate::config::{KafkaConfig, WorkerConfig};

/// Session and transaction time-outs. An unfinished transaction blocks every read_committed reader until its end: failover is never
/// quicker than this, so it is short.
pub(crate) const FAILOVER: Duration = Duration::from_secs(10);
/// How long a question to the broker may take.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// What all clients have in common.
pub(crate) fn base(kafka: &KafkaConfig, client_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", client_id);
    for (name, value) in &kafka.properties {
        config.set(name, value);
    }
    config.set("bootstrap.servers", &kafka.brokers);
    config
}

/// A reader of a stretch of a topic.
pub(crate) fn reader(kafka: &KafkaConfig) -> ClientConfig {
    let mut client = defaults(kafka, "motmot-reader", FETCHING);
    client
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", WITHOUT_ENDS);
    client
}

/// The end of a partition must not come as a message: librdkafka's batch call takes it for a record and sets the position behind the
/// record that comes next. Whoever trusts that position (we, past a transaction's marker; librdkafka, when a rebalance pauses and
/// resumes a partition) loses that record. Without it the position is right, markers included.
const WITHOUT_ENDS: &str = "false";

/// How records are fetched, unless the user's properties say otherwise.
const FETCHING: &[(&str, &str)] = &[
    // A consumer that is slower than the fetcher stalls with librdkafka's default of a second: measured, a factor of six.
    ("fetch.queue.backoff.ms", "5"),
    ("queued.min.messages", "100000"),
    ("queued.max.messages.kbytes", "65536"),
    ("fetch.message.max.bytes", "1048576"),
    ("heartbeat.interval.ms", "2000"),
    ("topic.metadata.refresh.interval.ms", "60000"),
];

/// A shard's consumer.
pub(crate) fn consumer(config: &WorkerConfig, member: &str) -> ClientConfig {
    let mut client = defaults(&config.kafka, member, FETCHING);
    client
        .set("group.id", &config.group)
        .set("group.instance.id", member)
        // In librdkafka 2.12 a static member of the new protocol cannot restart at once.
        .set("group.protocol", "classic")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", FAILOVER.as_millis().to_string())
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", WITHOUT_ENDS);
    client
}

/// A shard's producer.
pub(crate) fn producer(config: &WorkerConfig, member: &str) -> ClientConfig {
    let mut client = defaults(
        &config.kafka,
        member,
        &[
            ("compression.type", "lz4"),
            ("linger.ms", "20"),
            ("batch.size", "262144"),
            ("queue.buffering.max.messages", "500000"),
            // A dead letter is as large as the input's largest record and its headers.
            ("message.max.bytes", "20971520"),
        ],
    );
    client
        .set("transactional.id", format!("{}-{member}", config.group))
        .set("transaction.timeout.ms", FAILOVER.as_millis().to_string());
    client
}

/// The user's properties win over these.
fn defaults(kafka: &KafkaConfig, client_id: &str, defaults: &[(&str, &str)]) -> ClientConfig {
    let mut client = base(kafka, client_id);
    for (name, value) in defaults {
        if !kafka.properties.contains_key(*name) {
            client.set(*name, *value);
        }
    }
    client
}
