//! Everybody else: customers who come one after the other, each not happy with one contact, and how long it takes until the flag of each is in the
//! topic, committed. For tests that do something to a worker meanwhile.

#![allow(clippy::unwrap_used, reason = "support of tests: failing is its way to speak")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use motmot_core::moment::MomentState;
use motmot_core::touchpoint::Stage;
use motmot_core::{Text, Touchpoint};
use motmot_stream::partitioner::partition_of;
use motmot_wire::{Reader, Writer};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::kafka::{Bench, PATIENCE, now_ms};
use crate::service::{self, encoded};

/// The rule that flags them; a strategy needs it.
pub const RULE: &str = "  - {id: unhappy, kind: low_rating, rating_below: 3, dimension: empathy, severity: page}\n";

/// One of them whose flag was seen.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Its partition.
    pub partition: i32,
    /// When its record was handed to the producer.
    pub sent: Instant,
    /// When its flag was read.
    pub seen: Instant,
}

/// Those who have come, and those whose flag was seen.
#[derive(Debug, Default)]
pub struct Others {
    is_over: AtomicBool,
    are_done: AtomicBool,
    waiting: Mutex<BTreeMap<usize, Instant>>,
    flags: Mutex<Vec<Flag>>,
}

/// Ends everything when it is dropped, also by a panic.
#[derive(Debug)]
pub struct Stop<'o>(&'o Others);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

impl Others {
    /// Lets one come at each `pace`, on threads of `scope`, until what it returns is dropped.
    pub fn start<'s>(&'s self, scope: &'s std::thread::Scope<'s, '_>, bench: &'s Bench, pace: Duration) -> Stop<'s> {
        scope.spawn(move || self.come(bench, pace));
        scope.spawn(move || self.watch(bench));
        Stop(self)
    }

    /// No more of them come.
    pub fn end(&self) {
        self.are_done.store(true, Ordering::Relaxed);
    }

    /// Whether nothing goes on any more.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Whether the flag of each who came after `since` was seen.
    pub fn are_seen(&self, since: Instant) -> bool {
        !self.waiting.lock().unwrap().values().any(|sent| *sent >= since)
    }

    /// The flags of those who came after `since`.
    pub fn flags(&self, since: Instant) -> Vec<Flag> {
        self.flags.lock().unwrap().iter().filter(|flag| flag.sent >= since).copied().collect()
    }

    fn come(&self, bench: &Bench, pace: Duration) {
        let (producer, writer) = (producer(bench), Writer::new());
        for number in 0.. {
            if self.is_over() || self.are_done.load(Ordering::Relaxed) {
                break;
            }
            let (id, now) = (format!("other-{number}"), now_ms());
            let touchpoint = Touchpoint { rating: Some(1), ..touchpoint(&id, Some(&id), Stage::Farewell, now) };
            self.waiting.lock().unwrap().insert(number, Instant::now());
            send(&producer, bench, &id, &encoded(&writer, &touchpoint), now);
            std::thread::sleep(pace);
        }
        producer.flush(PATIENCE).unwrap();
    }

    fn watch(&self, bench: &Bench) {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &bench.kafka.brokers)
            .set("group.id", format!("{}-others", bench.name))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "5")
            .set("fetch.queue.backoff.ms", "5")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        for partition in 0..bench.partitions {
            list.add_partition_offset(&bench.topics.moments, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let reader = Reader::new();
        while !self.is_over() {
            let Some(Ok(record)) = consumer.poll(Duration::from_millis(50)) else { continue };
            let moment = reader.moment(record.payload().unwrap()).unwrap();
            let number = moment.cycle_id.strip_prefix("other-").and_then(|number| number.parse().ok());
            let Some(number) = number.filter(|_| moment.state == MomentState::Raised) else { continue };
            let Some(sent) = self.waiting.lock().unwrap().remove(&number) else { continue };
            self.flags.lock().unwrap().push(Flag { partition: record.partition(), sent, seen: Instant::now() });
        }
    }
}

/// A touchpoint of a customer; its event id is the key and the stage.
pub fn touchpoint(key: &str, cycle: Option<&str>, stage: Stage, at: i64) -> Touchpoint<'static> {
    let owned = |text: &str| Text::owned(text.to_owned());
    Touchpoint { customer_id: Some(owned(key)), cycle_id: cycle.map(owned), ..service::touchpoint(key, stage, at) }
}

/// What writes touchpoints; it holds few of them at a time.
pub fn producer(bench: &Bench) -> ThreadedProducer<DefaultProducerContext> {
    ClientConfig::new()
        .set("bootstrap.servers", &bench.kafka.brokers)
        .set("enable.idempotence", "true")
        .set("queue.buffering.max.messages", "50000")
        .set("linger.ms", "2")
        .set("compression.type", "lz4")
        .create()
        .unwrap()
}

/// Writes a touchpoint that arrives at `at`, in ms, and waits where the producer has too many.
pub fn send(producer: &ThreadedProducer<DefaultProducerContext>, bench: &Bench, key: &str, value: &[u8], at: i64) {
    let partition = partition_of(key.as_bytes(), bench.partitions);
    loop {
        let record = BaseRecord::<[u8], [u8]>::to(&bench.topics.touchpoints).partition(partition);
        match producer.send(record.key(key.as_bytes()).payload(value).timestamp(at)) {
            Ok(()) => return,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => std::thread::sleep(Duration::from_millis(1)),
            Err((error, _)) => panic!("writing touchpoints: {error}"),
        }
    }
}
