//! Reads a topic to its end, one record after another, by a plain consumer.

#![allow(clippy::unwrap_used, reason = "support of tests: failing is its way to speak")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Headers;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::kafka::{PATIENCE, Row, wait_for};

/// A consumer that commits nothing.
///
/// # Panics
/// When librdkafka refuses it.
pub fn consumer(brokers: &str, isolation: &str, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("isolation.level", isolation)
        .set("enable.partition.eof", "true")
        .set("reconnect.backoff.max.ms", "500")
        .create()
        .unwrap()
}

/// Where each partition ends for a reader of this isolation.
///
/// # Panics
/// When the brokers do not say for long.
pub fn ends(brokers: &str, topic: &str, partitions: i32, isolation: &str) -> BTreeMap<i32, i64> {
    let consumer = consumer(brokers, isolation, "chaos-verifier");
    let mut ends = BTreeMap::new();
    for partition in 0..partitions {
        wait_for(&format!("the end of {topic}-{partition}"), || {
            let asked = consumer.fetch_watermarks(topic, partition, Duration::from_secs(5));
            asked.map(|(_, end)| ends.insert(partition, end)).is_ok()
        });
    }
    ends
}

/// Waits until a reader of committed records sees the log's very end.
///
/// # Panics
/// When a transaction stays open.
pub fn until_no_transaction_is_open(brokers: &str, topic: &str, partitions: i32) {
    wait_for(&format!("the end of every transaction in {topic}"), || {
        ends(brokers, topic, partitions, "read_committed") == ends(brokers, topic, partitions, "read_uncommitted")
    });
}

/// All committed records of a topic, by partition and offset.
///
/// # Panics
/// When they cannot be read.
pub fn topic(brokers: &str, topic: &str, partitions: i32) -> Vec<Row> {
    let consumer = consumer(brokers, "read_committed", "chaos-verifier");
    let mut list = TopicPartitionList::new();
    (0..partitions).for_each(|p| list.add_partition_offset(topic, p, Offset::Beginning).unwrap());
    consumer.assign(&list).unwrap();
    let mut unread: BTreeSet<i32> = (0..partitions).collect();
    let mut rows = Vec::new();
    let mut heard = Instant::now();
    while !unread.is_empty() {
        assert!(heard.elapsed() < PATIENCE, "{topic}: the ends of {unread:?} do not come");
        let message = match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => message,
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unread.remove(&partition);
                continue;
            }
            // A broker that was just restarted is asked again by the client.
            Some(Err(_)) | None => continue,
        };
        heard = Instant::now();
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            headers.iter().map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec())).collect()
        });
        rows.push(Row {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis().unwrap_or(-1),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers,
        });
    }
    rows.sort_by_key(|row| (row.partition, row.offset));
    rows
}
