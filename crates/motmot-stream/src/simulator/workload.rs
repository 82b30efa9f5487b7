//! What customers do: few of them, on a coarse grid of time, and full of what goes wrong.

use std::rc::Rc;

use motmot_core::touchpoint::{Actor, ActorKind, Initiator, Intent, Outcome, Promise, Stage};
use motmot_core::{Text, Timestamp, Touchpoint};
use motmot_wire::Writer;

use super::broker::Stored;
use super::random::Random;
use crate::partitioner::partition_of;

/// The input's partitions.
pub(super) const PARTITIONS: i32 = 3;
/// Instants are multiples of this before their arrival: many meet.
const GRID_MS: i64 = 10_000;
/// A copy of a record may come after so many others.
const MEMORY: usize = 12;

/// Makes records.
pub(super) struct Workload {
    random: Random,
    writer: Writer,
    /// By partition: the customers.
    keys: Vec<Vec<String>>,
    next: usize,
    sent: Vec<(i32, Touchpoint<'static>, String)>,
}

impl Workload {
    pub(super) fn new(seed: u64) -> Self {
        let mut keys = vec![Vec::new(); usize::try_from(PARTITIONS).unwrap()];
        for number in 0.. {
            let key = format!("c{number}");
            let place = &mut keys[usize::try_from(partition_of(key.as_bytes(), PARTITIONS)).unwrap()];
            if place.len() < 2 {
                place.push(key);
            }
            if keys.iter().all(|keys| keys.len() == 2) {
                break;
            }
        }
        Self { random: Random::new(seed ^ 0x5eed), writer: Writer::new(), keys, next: 0, sent: Vec::new() }
    }

    /// The next record, and its partition; it is stamped with `now`.
    pub(super) fn record(&mut self, now: i64) -> (i32, Stored) {
        if self.random.per_mille(60) {
            return self.garbage(now);
        }
        let (partition, touchpoint, key) = match self.again() {
            Some(again) => again,
            None => self.fresh(now),
        };
        let stored = self.stored(now, &key, &touchpoint);
        self.sent.push((partition, touchpoint, key));
        if self.sent.len() > MEMORY {
            self.sent.remove(0);
        }
        (partition, stored)
    }

    fn stored(&self, now: i64, key: &str, touchpoint: &Touchpoint<'_>) -> Stored {
        let mut value = Vec::new();
        self.writer.touchpoint(touchpoint, &mut value).unwrap();
        Stored { timestamp: now, key: Some(Rc::from(key.as_bytes())), value: Some(value.into()), headers: Rc::default() }
    }

    /// One that was sent before: as it was, numbered anew, or changed.
    fn again(&mut self) -> Option<(i32, Touchpoint<'static>, String)> {
        if self.sent.is_empty() || !self.random.per_mille(120) {
            return None;
        }
        let (partition, mut touchpoint, key) = self.random.pick(&self.sent).clone();
        match self.random.below(3) {
            0 => touchpoint.seq = touchpoint.seq.map(|seq| seq + 10),
            1 => touchpoint.outcome = Outcome::Unmet,
            _ => {}
        }
        Some((partition, touchpoint, key))
    }

    /// What is no touchpoint.
    fn garbage(&mut self, now: i64) -> (i32, Stored) {
        let (partition, touchpoint, key) = self.fresh(now);
        let mut stored = self.stored(now, &key, &touchpoint);
        let header = [("trace".to_owned(), Some(vec![1, 2])), ("empty".to_owned(), None)];
        stored.headers = header.into();
        match self.random.below(5) {
            0 => stored.value = Some(Rc::from(&b"{}"[..])),
            1 => stored.value = None,
            2 => stored.key = None,
            3 => return ((partition + 1) % PARTITIONS, stored),
            _ => {
                let ahead = Touchpoint { occurred_at: Timestamp::from_millis(now + 600_000), ..touchpoint };
                stored = self.stored(now, &key, &ahead);
            }
        }
        (partition, stored)
    }

    fn fresh(&mut self, now: i64) -> (i32, Touchpoint<'static>, String) {
        let random = &mut self.random;
        let place = random.below(self.keys.len());
        let key = random.pick(&self.keys[place]).clone();
        self.next += 1;
        let number = self.next;
        let delay = match random.below(16) {
            0..10 => 0,
            10..13 => random.between(1, 6),
            13..15 => random.between(6, 60),
            _ => random.between(-5, 0),
        };
        let occurred_at = now - delay * GRID_MS;
        let stages = [
            Stage::Greeting,
            Stage::Greeting,
            Stage::NeedDetection,
            Stage::NeedDetection,
            Stage::Fulfilment,
            Stage::Fulfilment,
            Stage::Fulfilment,
            Stage::Verification,
            Stage::Farewell,
        ];
        let outcomes =
            [Outcome::Met, Outcome::Met, Outcome::Met, Outcome::Pending, Outcome::None, Outcome::PartlyMet, Outcome::Unmet];
        let (stage, outcome) = (*random.pick(&stages), *random.pick(&outcomes));
        let at = Timestamp::from_millis(occurred_at);
        let channel = if random.per_mille(150) { "email" } else { "phone" };
        let mut touchpoint = Touchpoint::new(format!("e{number}"), at, stage, outcome, channel, "north");
        self.words(&mut touchpoint, &key, number);
        (i32::try_from(place).unwrap(), touchpoint, key)
    }

    fn words(&mut self, touchpoint: &mut Touchpoint<'static>, key: &str, number: usize) {
        let random = &mut self.random;
        let text = Text::borrowed;
        touchpoint.cycle_id = random.maybe(2, &["one", "one", "two"]).map(text);
        touchpoint.need = random.maybe(1, &["loan", "card"]).map(text);
        touchpoint.seq = random.maybe(4, &[1, 2]);
        touchpoint.segment = random.maybe(8, &["vip", "regular", "platinum"]).map(text);
        touchpoint.customer_id = random.per_mille(700).then(|| Text::owned(key.to_owned()));
        touchpoint.intent = random.maybe(8, &[Intent::Complaint, Intent::Question, Intent::FollowUp]);
        let actors = [("anna", true), ("bert", false), ("cleo", false)];
        let person = |(id, named): (&'static str, bool)| Actor { kind: ActorKind::Person, id: Some(text(id)), named };
        touchpoint.actor = random.maybe(2, &actors).map(person);
        touchpoint.waited_ms = random.maybe(12, &[0, 20_000, 70_000]);
        touchpoint.announced_wait_ms = random.maybe(12, &[0, 20_000, 100_000]);
        touchpoint.rating = random.maybe(8, &[1, 2, 3, 5]);
        touchpoint.door_open = random.maybe(1, &[true]);
        if random.per_mille(250) {
            touchpoint.initiated_by = Initiator::Company;
        }
        if random.per_mille(250) {
            let steps = random.between(-2, 30);
            let kind = text(if steps > 1 { "call_back" } else { "delivery" });
            let due_at = touchpoint.occurred_at.plus(steps * GRID_MS);
            touchpoint.promises.push(Promise { promise_id: format!("p{}", number % 8).into(), kind, due_at });
        }
        if random.per_mille(150) {
            touchpoint.kept_promises.push(Text::owned(format!("p{}", random.below(8))));
        }
    }
}
