//! librdkafka's mock cluster: a Kafka broker in this process, as much of one as the demo needs.
//!
//! It speaks the real protocol over TCP: groups, transactions, timestamps. It has no LogAppendTime and no topic configuration, and it
//! keeps about 5 MB of each partition.

use anyhow::Context as _;
use motmot_stream::TopicNames;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

/// Two, so that the work is shared as it is in life.
const PARTITIONS: i32 = 2;

/// A running broker with motmot's topics. It ends when this is dropped.
pub(super) struct Broker(MockCluster<'static, DefaultProducerContext>);

impl Broker {
    /// Starts it on a free port of 127.0.0.1.
    pub(super) fn start(topics: &TopicNames) -> anyhow::Result<Self> {
        let cluster = MockCluster::new(1).context("the demo's broker does not start; may this user open ports on 127.0.0.1?")?;
        for topic in [&topics.touchpoints, &topics.moments, &topics.cycles, &topics.dead_letters, &topics.strategies] {
            cluster
                .create_topic(topic, PARTITIONS, 1)
                .with_context(|| format!("the demo's broker cannot make the topic {topic}"))?;
        }
        Ok(Self(cluster))
    }

    /// `HOST:PORT`.
    pub(super) fn address(&self) -> String {
        self.0.bootstrap_servers()
    }
}
