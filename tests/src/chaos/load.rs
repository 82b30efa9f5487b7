//! A service that goes on: touchpoints of many customers as they happen, with everything that goes wrong in life, written by an idempotent
//! producer that waits for the brokers as long as it takes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "support of tests: failing is its way to speak")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use motmot_core::touchpoint::{Actor, ActorKind, Initiator, Intent, Outcome, Promise, Stage};
use motmot_core::{Text, Timestamp, Touchpoint};
use motmot_wire::Writer;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use crate::kafka::now_ms;
use crate::service::{Dice, encoded};

/// What is written to, and how much.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The brokers.
    pub brokers: String,
    /// The input topic.
    pub topic: String,
    /// Its partitions.
    pub partitions: i32,
    /// Which service it is.
    pub seed: u64,
    /// Cycles that begin each second; each is about six records.
    pub cycles_a_second: i64,
}

/// Customers who come again and again.
const CUSTOMERS: i64 = 3_000;
/// How often it is looked what is due.
const STEP: Duration = Duration::from_millis(20);
/// How long the last records may take to arrive.
const FLUSHING: Duration = Duration::from_secs(120);

/// A service that writes until it is stopped.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Begins to write.
    pub fn start(plan: Plan) -> Self {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&written));
        let thread = std::thread::spawn(move || Service::new(plan).run(&stopped, &count));
        Self { stop, written, thread: Some(thread) }
    }

    /// How many records it has handed to its producer.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Ends it: what is handed over arrives first.
    ///
    /// # Panics
    /// When it has failed.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A record on its way to the log.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Planned {
    /// When it is to be written, in ms.
    due: i64,
    key: Option<String>,
    value: Vec<u8>,
    /// Where it does not belong.
    partition: Option<i32>,
}

struct Service {
    plan: Plan,
    dice: Dice,
    writer: Writer,
    producer: ThreadedProducer<DefaultProducerContext>,
    planned: BinaryHeap<Reverse<Planned>>,
    /// Ids that were given away.
    last: u64,
}

/// Whose cycle it is.
struct Who {
    key: String,
    customer_id: Option<String>,
    cycle_id: Option<String>,
    channel: &'static str,
    site: &'static str,
    segment: Option<&'static str>,
}

impl Service {
    fn new(plan: Plan) -> Self {
        let (dice, producer) = (Dice::new(plan.seed), producer(&plan.brokers));
        Self { plan, dice, writer: Writer::new(), producer, planned: BinaryHeap::new(), last: 0 }
    }

    fn run(&mut self, stop: &AtomicBool, written: &AtomicU64) {
        let (begun, mut begun_cycles) = (now_ms(), 0);
        while !stop.load(Ordering::Relaxed) {
            let now = now_ms();
            // After an outage the producer's queue is full: what did not happen is not made up for.
            let wanted = (now - begun) * self.plan.cycles_a_second / 1_000;
            for _ in begun_cycles..wanted.min(begun_cycles + self.plan.cycles_a_second) {
                self.live(now);
            }
            begun_cycles = wanted;
            while self.planned.peek().is_some_and(|next| next.0.due <= now) {
                let Some(Reverse(record)) = self.planned.pop() else { break };
                self.write(&record);
                written.fetch_add(1, Ordering::Relaxed);
            }
            std::thread::sleep(STEP);
        }
        self.producer.flush(FLUSHING).unwrap();
    }

    fn write(&mut self, planned: &Planned) {
        loop {
            let mut record = BaseRecord::<[u8], [u8]>::to(&self.plan.topic).payload(&planned.value);
            record.key = planned.key.as_ref().map(String::as_bytes);
            record.partition = planned.partition;
            match self.producer.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => std::thread::sleep(STEP),
                // An idempotent producer that lost its thread gives up rather than repeat: another one goes on.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::Fatal), _)) => self.producer = producer(&self.plan.brokers),
                Err((error, _)) => panic!("writing touchpoints: {error}"),
            }
        }
    }

    fn chance(&mut self, in_thousand: i64) -> bool {
        self.dice.below(1_000) < in_thousand
    }

    fn id(&mut self, what: &str) -> String {
        self.last += 1;
        format!("{what}{}", self.last)
    }

    /// Plans all that happens to one customer in one cycle from `now` on.
    fn live(&mut self, now: i64) {
        let who = self.who();
        let mut at = now + self.dice.below(200);
        let stages = self.stages();
        let persons = 1 + self.dice.below(4);
        let announced = self.chance(100).then(|| 500 + self.dice.below(3_000));
        let mut promise: Option<(String, i64)> = None;
        for (stage, outcome) in stages {
            at += 20 + self.dice.below(if outcome == Outcome::Met { 4_000 } else { 900 });
            let mut touchpoint = self.touchpoint(&who, stage, outcome, at);
            touchpoint.actor = Some(Actor {
                kind: ActorKind::Person,
                id: Some(format!("p{}", self.dice.below(persons)).into()),
                named: self.chance(900),
            });
            if outcome == Outcome::Pending {
                touchpoint.announced_wait_ms = announced;
            }
            if stage == Stage::NeedDetection && self.chance(150) {
                touchpoint.intent = Some(Intent::Complaint);
                touchpoint.actor = None;
            }
            if stage == Stage::Fulfilment && self.chance(120) {
                let (id, due_at) = (self.id("promise-"), at + 1_000 + self.dice.below(4_000));
                let promised =
                    Promise { promise_id: id.clone().into(), kind: "call_back".into(), due_at: Timestamp::from_millis(due_at) };
                touchpoint.promises = vec![promised];
                promise = Some((id, due_at));
            }
            if stage == Stage::Farewell {
                touchpoint.rating = self.chance(300).then(|| 1 + i32::try_from(self.dice.below(5)).unwrap_or(0));
                touchpoint.door_open = Some(self.chance(800));
            }
            self.plan_arrival(&who.key, &touchpoint, at);
        }
        if let Some((id, due_at)) = promise
            && self.chance(700)
        {
            let at = due_at - 1_500 + self.dice.below(4_000);
            let mut kept = self.touchpoint(&who, Stage::Verification, Outcome::Met, at);
            kept.initiated_by = Initiator::Company;
            kept.kept_promises = vec![id.into()];
            self.plan_arrival(&who.key, &kept, at);
        }
        if self.chance(60) {
            let at = at + 14_000 + self.dice.below(20_000);
            let back = self.touchpoint(&who, Stage::Greeting, Outcome::None, at);
            self.plan_arrival(&who.key, &back, at);
        }
        if self.chance(15) {
            self.plan_nonsense(&who, at);
        }
    }

    fn who(&mut self) -> Who {
        let customer = format!("customer-{}", self.dice.below(CUSTOMERS));
        let (key, customer_id, cycle_id) = match self.dice.below(100) {
            0..60 => (customer.clone(), Some(customer), Some(self.id("cycle-"))),
            60..85 => (customer.clone(), Some(customer), None),
            _ => {
                let cycle = self.id("anonymous-");
                (cycle.clone(), None, Some(cycle))
            }
        };
        let channel = if self.chance(200) { "chat" } else { "phone" };
        let site = ["north", "south", "harbour"][usize::try_from(self.dice.below(3)).unwrap_or(0)];
        let segment = self.chance(100).then_some("vip");
        Who { key, customer_id, cycle_id, channel, site, segment }
    }

    /// What happens, in its order: some skip the check, some leave without a farewell, some are not served.
    fn stages(&mut self) -> Vec<(Stage, Outcome)> {
        let served = if self.chance(80) { Outcome::Unmet } else { Outcome::Met };
        let mut stages = vec![
            (Stage::Greeting, Outcome::None),
            (Stage::NeedDetection, Outcome::None),
            (Stage::Fulfilment, Outcome::Pending),
            (Stage::Fulfilment, served),
        ];
        if self.chance(850) {
            stages.push((Stage::Verification, Outcome::Met));
        }
        if self.chance(850) {
            stages.push((Stage::Farewell, Outcome::Met));
        } else {
            stages.truncate(1 + usize::try_from(self.dice.below(4)).unwrap_or(0));
        }
        stages
    }

    fn touchpoint(&mut self, who: &Who, stage: Stage, outcome: Outcome, at: i64) -> Touchpoint<'static> {
        Touchpoint {
            customer_id: who.customer_id.clone().map(Text::owned),
            cycle_id: who.cycle_id.clone().map(Text::owned),
            segment: who.segment.map(Text::from),
            ..Touchpoint::new(self.id("e"), Timestamp::from_millis(at), stage, outcome, who.channel, who.site)
        }
    }

    /// When it is written: mostly at once, sometimes seconds later, now and then after its cycle is over; some of it twice, or twice with
    /// another content.
    fn plan_arrival(&mut self, key: &str, touchpoint: &Touchpoint<'_>, at: i64) {
        let delay = match self.dice.below(1_000) {
            0..15 => 20_000 + self.dice.below(20_000),
            15..80 => self.dice.below(6_000),
            _ => self.dice.below(40),
        };
        self.push(key, touchpoint, at + delay);
        if self.chance(30) {
            let again = self.dice.below(9_000);
            self.push(key, touchpoint, at + delay + again);
        }
        if self.chance(4) {
            let other = Touchpoint { team: Some("another".into()), ..touchpoint.clone() };
            self.push(key, &other, at + delay + 500);
        }
    }

    fn push(&mut self, key: &str, touchpoint: &Touchpoint<'_>, due: i64) {
        let value = encoded(&self.writer, touchpoint);
        self.planned.push(Reverse(Planned { due, key: Some(key.to_owned()), value, partition: None }));
    }

    /// What must become a dead letter: no Avro, no key, the wrong partition, an instant far ahead.
    fn plan_nonsense(&mut self, who: &Who, at: i64) {
        let ahead = self.touchpoint(who, Stage::Greeting, Outcome::None, at + 3_600_000);
        let good = self.touchpoint(who, Stage::Greeting, Outcome::None, at);
        let (key, value, partition) = match self.dice.below(4) {
            0 => (Some(who.key.clone()), b"{\"event_id\": \"json\"}".to_vec(), None),
            1 => (None, encoded(&self.writer, &good), Some(0)),
            2 => (Some(who.key.clone()), encoded(&self.writer, &good), Some(self.elsewhere(&who.key))),
            _ => (Some(who.key.clone()), encoded(&self.writer, &ahead), None),
        };
        self.planned.push(Reverse(Planned { due: at, key, value, partition }));
    }

    fn elsewhere(&self, key: &str) -> i32 {
        (motmot_stream::partitioner::partition_of(key.as_bytes(), self.plan.partitions) + 1) % self.plan.partitions
    }
}

fn producer(brokers: &str) -> ThreadedProducer<DefaultProducerContext> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("message.timeout.ms", "0") // as long as it takes
        .set("reconnect.backoff.max.ms", "500")
        .set("linger.ms", "5")
        .set("compression.type", "lz4")
        .create()
        .unwrap()
}
