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

/// A rebalance that is not answered yet.
pub(super) enum Rebalance {
    Assigned(TopicPartitionList),
    Revoked(TopicPartitionList),
}

/// The context of a shard's consumer.
pub(crate) struct Group {
    log: Log,
    /// A mutex because librdkafka's context is shared by type; only the shard's thread ever takes it.
    pending: Mutex<VecDeque<Rebalance>>,
    is_closing: AtomicBool,
}

impl Group {
    pub(super) fn new(member: &str) -> Self {
        let log = Log { client: format!("{member} consumer") };
        Self { log, pending: Mutex::default(), is_closing: AtomicBool::new(false) }
    }

    pub(super) fn next(&self) -> Option<Rebalance> {
        self.pending.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front()
    }

    /// Leaves a rebalance to [`Group::close`].
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

fn give_up(consumer: &BaseConsumer<Group>, rebalance: &Rebalance) {
    let answered = match rebalance {
        Rebalance::Assigned(list) => consumer.incremental_assign(list).and_then(|()| consumer.incremental_unassign(list)),
        Rebalance::Revoked(list) => consumer.incremental_unassign(list),
    };
    if let Err(error) = answered {
        tracing::debug!(%error, "a rebalance was not answered while closing");
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.log(level, facility, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }
}

impl ConsumerContext for Group {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let rebalance = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assigned(list.clone()),
            _ => Rebalance::Revoked(list.clone()),
        };
        if self.is_closing.load(Ordering::Relaxed) {
            give_up(consumer, &rebalance);
        } else {
            self.pending.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push_back(rebalance);
        }
    }
}
