//! What the group gives and takes.
//!
//! librdkafka lets the application answer a rebalance when it is ready. So nothing is done in the callback: the shard answers right
//! after the poll, where its state is its own and errors have somewhere to go.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;

use crate::context::Log;
use crate::port::Rebalance;

/// The context of a shard's consumer.
pub(super) struct Rebalances {
    log: Log,
    /// The shard's thread takes it, and the one that closes the consumer after it.
    pending: Mutex<VecDeque<Rebalance>>,
    is_closing: AtomicBool,
}

impl Rebalances {
    pub(super) fn new(member: &str) -> Self {
        let log = Log { client: format!("{member} consumer") };
        Self { log, pending: Mutex::default(), is_closing: AtomicBool::new(false) }
    }

    pub(super) fn next(&self) -> Option<Rebalance> {
        self.pending.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front()
    }

    /// Leaves a rebalance to [`Rebalances::close`].
    pub(super) fn put_back(&self, rebalance: Rebalance) {
        self.pending.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push_front(rebalance);
    }

    /// From now on rebalances are answered at once: nobody asks for them any more, and an open one keeps the consumer from closing.
    pub(super) fn close(&self, consumer: &BaseConsumer<Self>) {
        self.is_closing.store(true, Ordering::Relaxed);
        while let Some(rebalance) = self.next() {
            give_up(consumer, &rebalance);
        }
    }
}

/// Answers with nothing, which is never refused, whatever the assignment holds by now: partitions that were taken over or let go between
/// the rebalance and its answer would be. A refused answer is none, and librdkafka waits for one before it closes: without a word, and
/// without end.
fn give_up(consumer: &BaseConsumer<Rebalances>, rebalance: &Rebalance) {
    let nothing = TopicPartitionList::new();
    let answered = match rebalance {
        Rebalance::Assigned(_) => consumer.incremental_assign(&nothing),
        Rebalance::Revoked(_) => consumer.incremental_unassign(&nothing),
    };
    if let Err(error) = answered {
        tracing::error!(client = consumer.context().log.client, %error, "a rebalance was not answered: the consumer may not close");
    }
}

impl ClientContext for Rebalances {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.log(level, facility, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }
}

impl ConsumerContext for Rebalances {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let numbers = list.elements().iter().map(|element| element.partition()).collect();
        let rebalance = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assigned(numbers),
            _ => Rebalance::Revoked(numbers),
        };
        if self.is_closing.load(Ordering::Relaxed) {
            give_up(consumer, &rebalance);
        } else {
            self.pending.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push_back(rebalance);
        }
    }
}
