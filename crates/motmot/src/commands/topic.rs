//! Reads a stretch of a topic, once, from one offset or instant to another. It joins no group and commits nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use motmot_core::Timestamp;
use motmot_stream::{KafkaConfig, WorkerError};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::failure::Usage;

/// How long a broker may take to answer a question.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing may come while something should.
const SILENCE: Duration = Duration::from_secs(60);

/// Where a stretch begins or ends: in every partition at the same offset, or at the first record from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// An offset.
    Offset(i64),
    /// An instant.
    Instant(Timestamp),
}

impl Bound {
    /// A whole number is an offset, anything else an instant.
    pub(super) fn parse(option: &str, text: &str) -> anyhow::Result<Self> {
        let offset = text.parse().ok().filter(|offset| *offset >= 0).map(Self::Offset);
        match offset.or_else(|| Timestamp::parse(text).ok().map(Self::Instant)) {
            Some(bound) => Ok(bound),
            None => bail!(Usage(format!("{option} is `{text}`; it should be an offset (a whole number) or an instant, such as 2026-03-01T00:00:00Z"))),
        }
    }
}

/// A topic, and which offsets of each partition are meant.
pub(super) struct Stretch {
    consumer: BaseConsumer,
    topic: String,
    /// From the first offset to before the second.
    ranges: BTreeMap<i32, (i64, i64)>,
    brokers: String,
}

impl Stretch {
    /// Asks the brokers what there is.
    pub(super) fn open(kafka: &KafkaConfig, topic: &str, from: Option<Bound>, to: Option<Bound>) -> anyhow::Result<Self> {
        let consumer: BaseConsumer = client(kafka)
            .set("group.id", "motmot-read") // librdkafka wants a name to assign partitions by hand; no group of it comes into being
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true") // the only sign of the end behind a transaction's marker
            .set("auto.offset.reset", "error")
            .create()
            .map_err(WorkerError::ClientConfig)?;
        let unreachable = |error: KafkaError| WorkerError::Unreachable { brokers: kafka.brokers.clone(), detail: error.to_string() };
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).map_err(unreachable)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
        let partitions: Vec<i32> = found.map(|found| found.partitions().iter().map(|partition| partition.id()).collect()).unwrap_or_default();
        if partitions.is_empty() {
            bail!(WorkerError::MissingTopic { topic: topic.to_owned(), brokers: kafka.brokers.clone() });
        }
        let mut stretch = Self { consumer, topic: topic.to_owned(), ranges: BTreeMap::new(), brokers: kafka.brokers.clone() };
        for partition in partitions {
            let (low, high) = stretch.consumer.fetch_watermarks(topic, partition, PATIENCE).map_err(unreachable)?;
            let from = from.map_or(Ok(low), |bound| stretch.offset(partition, bound, high))?;
            let to = to.map_or(Ok(high), |bound| stretch.offset(partition, bound, high))?;
            stretch.ranges.insert(partition, (from.clamp(low, high), to.clamp(low, high)));
        }
        Ok(stretch)
    }

    /// The topic's partitions.
    pub(super) fn partitions(&self) -> usize {
        self.ranges.len()
    }

    /// How many offsets there are to read; markers of transactions count.
    pub(super) fn len(&self) -> u64 {
        self.ranges.values().map(|(from, to)| u64::try_from(to - from).unwrap_or_default()).sum()
    }

    fn offset(&self, partition: i32, bound: Bound, high: i64) -> anyhow::Result<i64> {
        let at = match bound {
            Bound::Offset(offset) => return Ok(offset),
            Bound::Instant(at) => at.as_millis(),
        };
        let mut question = TopicPartitionList::new();
        question.add_partition_offset(&self.topic, partition, Offset::Offset(at))?;
        let answer = self.consumer.offsets_for_times(question, PATIENCE).context("the broker does not say which offset belongs to an instant")?;
        Ok(match answer.find_partition(&self.topic, partition).map(|found| found.offset()) {
            Some(Offset::Offset(offset)) => offset,
            _ => high, // nothing came since
        })
    }

    /// Gives every record of the stretch to `visit`, those of a partition in their order.
    pub(super) fn read(&self, mut visit: impl FnMut(&BorrowedMessage<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut open: BTreeMap<i32, i64> =
            self.ranges.iter().filter(|(_, (from, to))| from < to).map(|(partition, (_, to))| (*partition, *to)).collect();
        let mut assignment = TopicPartitionList::new();
        for partition in open.keys() {
            let from = self.ranges.get(partition).map_or(0, |(from, _)| *from);
            assignment.add_partition_offset(&self.topic, *partition, Offset::Offset(from))?;
        }
        self.consumer.assign(&assignment)?;
        while !open.is_empty() {
            let Some(polled) = self.consumer.poll(SILENCE) else {
                bail!("the brokers at {} have sent nothing for {} s, though there is more to read; is one of them down?", self.brokers, SILENCE.as_secs());
            };
            match polled {
                Ok(message) => {
                    let Some(end) = open.get(&message.partition()).copied() else { continue };
                    if message.offset() < end {
                        visit(&message)?;
                    }
                    if message.offset() + 1 >= end {
                        self.close(&mut open, message.partition())?;
                    }
                }
                // What lies beyond is a transaction that has not ended: it was not told.
                Err(KafkaError::PartitionEOF(partition)) => self.close(&mut open, partition)?,
                Err(KafkaError::MessageConsumption(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown)) => {}
                Err(error) => return Err(error).with_context(|| format!("the topic {} cannot be read on", self.topic)),
            }
        }
        Ok(())
    }

    /// Stops fetching a partition whose end has been reached.
    fn close(&self, open: &mut BTreeMap<i32, i64>, partition: i32) -> anyhow::Result<()> {
        open.remove(&partition);
        let mut rest = TopicPartitionList::new();
        rest.add_partition(&self.topic, partition);
        self.consumer.pause(&rest).context("a partition cannot be paused")
    }
}

/// A client's settings: the user's properties, then the brokers.
pub(super) fn client(kafka: &KafkaConfig) -> ClientConfig {
    let mut client = ClientConfig::new();
    for (name, value) in &kafka.properties {
        client.set(name, value);
    }
    client.set("bootstrap.servers", &kafka.brokers);
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_an_offset_and_a_date_an_instant() {
        assert_eq!(Bound::parse("--from", "17").unwrap(), Bound::Offset(17));
        assert_eq!(Bound::parse("--from", "1970-01-01T00:00:01Z").unwrap(), Bound::Instant(Timestamp::from_millis(1_000)));
        let error = Bound::parse("--to", "yesterday").unwrap_err();
        assert!(error.to_string().contains("--to is `yesterday`") && error.is::<Usage>());
    }
}
