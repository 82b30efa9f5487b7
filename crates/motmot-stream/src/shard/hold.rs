//! A partition that stands before a record whose schema the registry has not given.
//!
//! Nobody knows what such a record is: folding on without it would be a guess, and so would be a dead letter. So its partition stops
//! there, and it alone: the shard goes on with the others, commits what was folded before, answers the group. What Kafka's client has
//! fetched beyond is thrown away and fetched again, which keeps memory bounded however long it takes. A re-fold stops in the same way.

use std::time::{Duration, Instant};

use motmot_wire::NotYet;
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::assign::list_of;
use super::partition::Partition;
use super::rebalance::Group;
use super::session::Session;
use crate::client::REQUEST_TIMEOUT;
use crate::interrupt::Interrupt;
use crate::worker::Shared;

/// How often it is looked whether the registry has answered.
const LOOK: Duration = Duration::from_millis(100);

/// Where a partition stands, and why.
pub(super) struct Hold {
    offset: i64,
    not_yet: NotYet,
    begun: Instant,
    look: Instant,
    fetching: Fetching,
}

/// What Kafka's client does meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fetching {
    /// It still fetches what follows the record.
    Beyond,
    /// It is back at the record, and rests.
    Resting,
    /// It fetches from the record on: the schema is there.
    Again,
}

impl Partition {
    /// Stands before the record at `offset` from now on.
    pub(super) fn hold(&mut self, shared: &Shared, offset: i64, not_yet: NotYet) {
        tracing::warn!(partition = self.number, offset, "the partition waits at a record: {not_yet}");
        shared.metrics.waiting.inc();
        let begun = Instant::now();
        self.hold = Some(Hold { offset, not_yet, begun, look: begun, fetching: Fetching::Beyond });
    }

    /// Whether a record that comes now may be folded. The one that was waited for ends the wait.
    ///
    /// # Errors
    /// When a later one comes in its place: it would be lost. Starting over reads it again.
    pub(super) fn admits(&mut self, shared: &Shared, offset: i64) -> Result<bool, Interrupt> {
        let Some(hold) = &self.hold else { return Ok(true) };
        if hold.fetching != Fetching::Again {
            return Ok(false);
        }
        if offset > hold.offset {
            let lost = format!("partition {}: the record at {} was not given again, but {offset} was", self.number, hold.offset);
            return Err(Interrupt::Aborted(lost));
        }
        let seconds = hold.begun.elapsed().as_secs_f64();
        tracing::info!(partition = self.number, offset, seconds, "the partition goes on: the schema that it waited for is known");
        self.end_hold(shared);
        Ok(true)
    }

    /// Waits no longer, because it goes on or because it is given away.
    pub(super) fn end_hold(&mut self, shared: &Shared) {
        if self.hold.take().is_some() {
            shared.metrics.waiting.dec();
        }
    }

    /// Lets Kafka's client fetch again what is about to be unassigned: it remembers that it was to rest, and the next owner in this process
    /// would never hear of the partition.
    pub(super) fn wake(&self, topic: &str, consumer: &BaseConsumer<Group>) {
        if self.hold.as_ref().is_some_and(|hold| hold.fetching == Fetching::Resting)
            && let Err(error) = list_of(topic, &[self.number], Offset::Invalid).and_then(|list| consumer.resume(&list))
        {
            tracing::debug!(partition = self.number, %error, "the partition could not be resumed before it was given back");
        }
    }
}

impl Session<'_> {
    /// Sends the client back to the records that are waited for, and on again when their schemas are known.
    pub(super) fn serve_holds(&mut self) -> Result<(), Interrupt> {
        let Self { shared, consumer, partitions, .. } = self;
        let topic = &shared.config.topics.touchpoints;
        for partition in partitions.iter_mut().flatten() {
            let number = partition.number;
            let Some(hold) = &mut partition.hold else { continue };
            let failed = |doing: &str, error: rdkafka::error::KafkaError| {
                Interrupt::Aborted(format!("partition {number} at {}, {doing}: {error}", hold.offset))
            };
            let list = list_of(topic, &[number], Offset::Invalid).map_err(|error| failed("naming it", error))?;
            match hold.fetching {
                Fetching::Beyond => {
                    // In this order: a pause would note the position behind the last record that was given, unless a seek has
                    // forgotten it. It also keeps `Session::follow_markers` from seeing a position beyond the record.
                    consumer
                        .seek(topic, number, Offset::Offset(hold.offset), REQUEST_TIMEOUT)
                        .map_err(|error| failed("going back to a record", error))?;
                    consumer.pause(&list).map_err(|error| failed("pausing at a record", error))?;
                    hold.fetching = Fetching::Resting;
                }
                Fetching::Resting if hold.look.elapsed() >= LOOK => {
                    hold.look = Instant::now();
                    if shared.reader.is_settled(&hold.not_yet) {
                        consumer.resume(&list).map_err(|error| failed("going on at a record", error))?;
                        hold.fetching = Fetching::Again;
                    }
                }
                Fetching::Resting | Fetching::Again => {}
            }
        }
        Ok(())
    }
}
