//! The way back after an aborted transaction: memory is dropped, and what is committed is loaded and folded again.
//!
//! The group hears nothing of it. Leaving and joining again would be simpler, but the cooperative protocol moves a partition in two
//! steps, and only the member that gave it up asks for the second. A static member that starts anew between them has nothing to give
//! up: nobody asks, and the partition stays without an owner until the next change in the group.

use std::sync::Arc;

use super::partition::Partition;
use super::session::Session;
use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::outbox::Outbox;
use crate::port::{Group, World};

impl<W: World> Session<W> {
    /// Another producer of the same name, which ends what the one before left open.
    pub(super) fn renew_outbox(&mut self) -> Result<(), WorkerError> {
        let member = self.outbox.member().to_owned();
        self.outbox = Outbox::open(Arc::clone(&self.shared), member)?;
        Ok(())
    }

    /// Starts over with the partitions that it has.
    pub(super) fn reload(&mut self) -> Result<(), Interrupt> {
        self.outbox.abort()?;
        self.has_committed = false;
        if planted!(NoReload) {
            return Ok(());
        }
        // While they are still in their places: were it to fail afterwards, nobody would know of them.
        let numbers: Vec<i32> = self.partitions.iter().flatten().map(Partition::number).collect();
        self.wake_coordinator(&numbers)?;
        self.release_all();
        if numbers.is_empty() {
            return Ok(());
        }
        self.group.unassign(&numbers).map_err(|e| self.kafka("starting over", e))?;
        self.group.discard_fetched()?;
        self.take_over(&numbers)?;
        self.reach_commits()
    }
}
