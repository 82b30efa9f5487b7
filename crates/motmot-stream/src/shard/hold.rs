//! A partition that stands before a record whose schema the registry has not given.
//!
//! Nobody knows what such a record is: folding on without it would be a guess, and so would be a dead letter. So its partition stops
//! there, and it alone: the shard goes on with the others, commits what was folded before, answers the group. What was fetched beyond is
//! thrown away and fetched again, which bounds memory however long it takes. A re-fold stops in the same way.

use std::time::Duration;

use motmot_wire::NotYet;

use super::partition::Partition;
use super::session::Session;
use crate::interrupt::Interrupt;
use crate::port::{Failure, Group, World};
use crate::worker::Shared;

/// How often it is looked whether the registry has answered.
const LOOK: Duration = Duration::from_millis(100);

/// Where a partition stands, and why.
pub(super) struct Hold {
    offset: i64,
    not_yet: NotYet,
    begun: Duration,
    looked: Duration,
    fetching: Fetching,
}

/// What the reading of the partition does meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fetching {
    /// It still gives what follows the record.
    Beyond,
    /// It is back at the record, and rests.
    Resting,
    /// It goes on at the record: the schema is there.
    Again,
}

impl<W: World> Partition<W> {
    /// Stands before the record at `offset` from now on.
    pub(super) fn hold(&mut self, shared: &Shared<W>, offset: i64, not_yet: NotYet) {
        tracing::warn!(partition = self.number, offset, "the partition waits at a record: {not_yet}");
        shared.metrics.waiting.inc();
        let begun = shared.world.elapsed();
        self.hold = Some(Hold { offset, not_yet, begun, looked: begun, fetching: Fetching::Beyond });
    }

    /// Whether a record that comes now may be folded. The one that was waited for ends the wait.
    ///
    /// # Errors
    /// When a later one comes in its place: it would be lost. Starting over reads it again.
    pub(super) fn admits(&mut self, shared: &Shared<W>, offset: i64) -> Result<bool, Interrupt> {
        let Some(hold) = &self.hold else { return Ok(true) };
        if hold.fetching != Fetching::Again {
            return Ok(false);
        }
        if offset > hold.offset {
            let lost = format!("partition {}: the record at {} was not given again, but {offset} was", self.number, hold.offset);
            return Err(Interrupt::Aborted(lost));
        }
        let seconds = shared.world.elapsed().saturating_sub(hold.begun).as_secs_f64();
        tracing::info!(partition = self.number, offset, seconds, "the partition goes on: the schema that it waited for is known");
        self.hold = None;
        shared.metrics.waiting.dec();
        Ok(true)
    }

    /// Waits no longer, because the partition is given back. A client remembers that it was to rest: whoever gets the partition next in this
    /// process would never hear of it.
    pub(super) fn end_hold(&mut self, shared: &Shared<W>, group: &mut W::Group) {
        let Some(hold) = self.hold.take() else { return };
        shared.metrics.waiting.dec();
        if hold.fetching == Fetching::Resting
            && !planted!(RestKept)
            && let Err(error) = group.resume(self.number)
        {
            tracing::debug!(partition = self.number, %error, "the partition could not be resumed before it was given back");
        }
    }
}

impl<W: World> Session<W> {
    /// Sends the reading back to the records that are waited for, and on again when their schemas are known.
    pub(super) fn serve_holds(&mut self) -> Result<(), Interrupt> {
        let Self { shared, group, partitions, .. } = self;
        for partition in partitions.iter_mut().flatten() {
            let number = partition.number;
            let Some(hold) = &mut partition.hold else { continue };
            let offset = hold.offset;
            let failed =
                |doing: &str, failure: Failure| Interrupt::Aborted(format!("partition {number} at {offset}, {doing}: {failure}"));
            let now = shared.world.elapsed();
            match hold.fetching {
                Fetching::Beyond => {
                    group.rest(number, offset).map_err(|failure| failed("going back to a record", failure))?;
                    hold.fetching = Fetching::Resting;
                }
                Fetching::Resting if now.saturating_sub(hold.looked) >= LOOK => {
                    hold.looked = now;
                    if shared.reader.is_settled(&hold.not_yet) {
                        group.resume(number).map_err(|failure| failed("going on at a record", failure))?;
                        hold.fetching = Fetching::Again;
                    }
                }
                Fetching::Resting | Fetching::Again => {}
            }
        }
        Ok(())
    }
}
