//! Plays the simulated service: each touchpoint goes to the input topic at the instant at which it occurs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use motmot_core::Timestamp;
use motmot_wire::Writer;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::example::Play;
use super::people::Customer;
use super::story::Event;
use crate::lifecycle::Stop;

/// What makes the touchpoints of the demo's customers.
pub(super) struct Source {
    producer: FutureProducer,
    topic: String,
    writer: Writer,
}

impl Source {
    /// Writes to `topic` as any producer would, with the partitioner that motmot demands.
    pub(super) fn new(brokers: &str, topic: &str) -> anyhow::Result<Self> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "0")
            .create()
            .context("the demo's producer cannot be made")?;
        Ok(Self { producer, topic: topic.to_owned(), writer: Writer::new() })
    }

    /// Plays until the demo is to stop. `meet` hears of the customers before they come.
    pub(super) async fn play(
        mut self,
        play: &Play,
        seed: u64,
        opened_at: Timestamp,
        meet: impl Fn(BTreeMap<String, Customer>),
        stop: Stop,
    ) -> anyhow::Result<()> {
        let stopped = stop.asked();
        tokio::pin!(stopped);
        let mut number = 0;
        // The tail of one stretch lies beside the head of the next.
        let mut pending: Vec<Event> = Vec::new();
        let mut starts_at = opened_at;
        loop {
            let next = play.stretch(seed, number, starts_at);
            meet(next.customers);
            pending.extend(next.events);
            pending.sort_by_key(|event| event.touchpoint.occurred_at);
            starts_at = starts_at.plus(play.stretch_ms);
            number += 1;
            let later = pending.split_off(pending.partition_point(|event| event.touchpoint.occurred_at < starts_at));
            for event in std::mem::replace(&mut pending, later) {
                tokio::select! {
                    () = tokio::time::sleep(play.clock.wait_until(event.touchpoint.occurred_at)) => self.send(&event).await?,
                    () = &mut stopped => return Ok(()),
                }
            }
        }
    }

    async fn send(&mut self, event: &Event) -> anyhow::Result<()> {
        let mut value = Vec::new();
        self.writer.touchpoint(&event.touchpoint, &mut value)?;
        let record = FutureRecord::to(&self.topic).key(&event.key).payload(&value);
        let record = record.timestamp(event.touchpoint.occurred_at.as_millis());
        let sent = self.producer.send(record, Duration::from_secs(5)).await;
        sent.map(drop).map_err(|(error, _)| error).context("the demo's broker did not take a touchpoint")
    }
}
