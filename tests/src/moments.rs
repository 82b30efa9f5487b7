//! The table of moments on a real broker, written by the test in the worker's stead.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says by a panic what broke")]

use motmot_core::moment::{Moment, MomentState};
use motmot_core::strategy::{Dimension, Paging, Severity, Side};
use motmot_core::time::Timestamp;
use motmot_core::touchpoint::{Audience, Stage};
use motmot_wire::Writer;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::kafka::{PATIENCE, now_ms, unique};

fn now() -> Timestamp {
    Timestamp::from_millis(now_ms())
}

/// Runs one request of the admin client.
fn admin<T>(brokers: &str, request: impl AsyncFnOnce(AdminClient<DefaultClientContext>, AdminOptions) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    runtime.block_on(request(client, AdminOptions::new().operation_timeout(Some(PATIENCE))))
}

/// Gives a topic more partitions.
pub fn grow_topic(brokers: &str, topic: &str, partitions: usize) {
    let new = NewPartitions::new(topic, partitions);
    let results = admin(brokers, async |client, options| client.create_partitions([&new], &options).await);
    results.unwrap().into_iter().for_each(|result| drop(result.unwrap()));
}

/// Deletes a topic.
pub fn delete_topic(brokers: &str, topic: &str) {
    let results = admin(brokers, async |client, options| client.delete_topics(&[topic], &options).await);
    results.unwrap().into_iter().for_each(|result| drop(result.unwrap()));
}

/// An open VIP moment of rule `slow-answer` at haifa, as of now.
pub fn vip_waits(id: &str) -> Moment<'_> {
    Moment {
        moment_id: id.into(),
        state: MomentState::Raised,
        rule: "slow-answer".into(),
        kind: "slow".into(),
        title: "A customer waits for an agent".into(),
        key: "customer-1".into(),
        cycle_id: "cycle-1".into(),
        instance: 1,
        customer_id: None,
        segment: "vip".into(),
        need: None,
        promise_id: None,
        stage: Stage::Fulfilment,
        channel: "phone".into(),
        site: "haifa".into(),
        team: None,
        audience: Audience::External,
        anchor_event_id: "event-1".into(),
        anchor_at: now(),
        raised_at: now(),
        recovered_at: None,
        expires_at: now().plus(86_400_000),
        observed: None,
        limit: Some(60_000),
        recovers_by: "a fulfilment with outcome met".into(),
        severity: Severity::Page,
        dimension: Dimension::Responsiveness,
        side: Side::Systems,
        page: Paging::Open,
        owner: "floor-supervisor".into(),
        runbook: None,
        truncated: false,
        strategy: "0123456789abcdef".into(),
    }
}

/// That moment, in another state.
pub fn in_state(moment: &Moment<'static>, state: MomentState) -> Moment<'static> {
    let recovered_at = (state == MomentState::Recovered).then(now);
    Moment { state, recovered_at, ..moment.clone() }
}

/// Writes rows in transactions, as the worker does.
pub struct Teller {
    producer: BaseProducer,
    topic: String,
}

impl Teller {
    /// For a topic that exists.
    pub fn new(brokers: &str, topic: &str) -> Self {
        let producer: BaseProducer =
            ClientConfig::new().set("bootstrap.servers", brokers).set("transactional.id", unique("teller")).create().unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        Self { producer, topic: topic.to_owned() }
    }

    /// Tells rows and commits.
    pub fn tell(&self, partition: i32, moments: &[&Moment<'_>]) {
        self.begin(partition, moments);
        self.commit();
    }

    /// Tells rows and takes it back: nobody may ever see them.
    pub fn tell_and_abort(&self, partition: i32, moments: &[&Moment<'_>]) {
        self.begin(partition, moments);
        self.producer.flush(PATIENCE).unwrap(); // they are on the broker, and worth nothing
        self.producer.abort_transaction(PATIENCE).unwrap();
    }

    /// Tells rows in a transaction that is still open.
    pub fn begin(&self, partition: i32, moments: &[&Moment<'_>]) {
        self.producer.begin_transaction().unwrap();
        for moment in moments {
            let mut value = Vec::new();
            Writer::new().moment(moment, &mut value).unwrap();
            self.send(partition, Some(moment.moment_id.as_bytes()), Some(&value));
        }
    }

    /// Ends an open transaction.
    pub fn commit(&self) {
        self.producer.commit_transaction(PATIENCE).unwrap();
    }

    /// Writes any record.
    pub fn tell_bytes(&self, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.producer.begin_transaction().unwrap();
        self.send(partition, key, value);
        self.commit();
    }

    /// Writes any record in the transaction that is open.
    pub fn send(&self, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) {
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&self.topic).partition(partition);
        record.key = key;
        record.payload = value;
        self.producer.send(record).map_err(|(e, _)| e).unwrap();
    }
}
