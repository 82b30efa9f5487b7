//! The way back after an aborted transaction: memory is dropped, and what is committed is loaded and folded again.
//!
//! The group hears nothing of it. Leaving and joining again would be simpler, but the cooperative protocol moves a partition in two
//! steps, and only the member that gave it up asks for the second. A static member that starts anew between them has nothing to give
//! up: nobody asks, and the partition stays without an owner until the next change in the group.

use rdkafka::Offset;
use rdkafka::consumer::Consumer;

use super::assign::list_of;
use super::partition::Partition;
use super::session::{BATCH, Session, release};
use crate::interrupt::Interrupt;
use crate::native::BatchQueue;

impl Session<'_> {
    /// Starts over with the partitions that it has.
    pub(super) fn reload(&mut self) -> Result<(), Interrupt> {
        self.outbox.abort()?;
        self.has_committed = false;
        let numbers: Vec<i32> = self.partitions.iter().flatten().map(Partition::number).collect();
        for mut partition in self.partitions.iter_mut().filter_map(Option::take) {
            partition.wake(&self.shared.config.topics.touchpoints, &self.consumer);
            release(self.shared, &mut partition);
        }
        if numbers.is_empty() {
            return Ok(());
        }
        let name = &self.shared.config.topics.touchpoints;
        let list = list_of(name, &numbers, Offset::Invalid).map_err(|e| self.kafka("starting over", &e))?;
        self.consumer.incremental_unassign(&list).map_err(|e| self.kafka("starting over", &e))?;
        // What was fetched lies in the old queue, and goes with it.
        let queue = BatchQueue::new(std::sync::Arc::clone(&self.consumer), BATCH);
        self.queue = queue.ok_or_else(|| Interrupt::Aborted("no memory for another queue".to_owned()))?;
        self.take_over(&numbers)
    }
}
