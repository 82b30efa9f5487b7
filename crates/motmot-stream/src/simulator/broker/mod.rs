//! A model of Kafka: what its rules are, and where they stand.
//!
//! | rule | source |
//! | --- | --- |
//! | a transaction is open, then decided, then its markers are written, one partition after another; markers take offsets | KIP-98, "Data flow" 5.1–5.3 |
//! | a read_committed reader stops before the first record of an open transaction (the last stable offset), and is never given markers or records of aborted ones | KIP-98, "Consumer"; `LastStableOffset` |
//! | `InitProducerId` ends a predecessor's transaction and raises the epoch: the predecessor is fenced in all it does | KIP-98, "Zombie fencing" |
//! | a transaction that outlives `transaction.timeout.ms` is aborted by its coordinator, which raises the epoch; the coordinator looks now and then | KIP-98; `abort.timed.out.transaction.cleanup.interval.ms` |
//! | to commit once more what was committed is no error; to commit what was aborted is | `TransactionMetadata` transitions; `EndTxn` |
//! | librdkafka takes a fenced or outdated epoch for fatal | `rd_kafka_txn_handle_EndTxn`, 2.12 |
//! | `TxnOffsetCommit` is judged by member id, instance id (another member has it: `FENCED_INSTANCE_ID`) and generation; a generation of −1 passes if the group is empty | KIP-447; `ClassicGroup.validateOffsetCommit` |
//! | librdkafka takes a refused `TxnOffsetCommit` for abortable | `rd_kafka_txn_handle_TxnOffsetCommit`, 2.12 |
//! | offsets of an open transaction are hidden: whoever asks for stable ones must wait | KIP-447, `UNSTABLE_OFFSET_COMMIT` |
//! | a coordinator that has loaded its log may answer from an earlier state of it until something is appended: a marker, a member that joins | `CoordinatorRuntime` 4.1: its listener for the high watermark is registered after the log was read |
//! | a static member that comes back within its session gets its partitions at once, without a rebalance, and fences its predecessor | KIP-345 |
//! | a partition moves in two rebalances: it is taken from one member in the first, and given to another in the second | KIP-429 |
//! | retention moves the log's start; the broker stamps records (`LogAppendTime`), with its own wall clock | topic configuration |
//!
//! It is no Kafka: replication, leaders, fetch sessions and the wire are not in it. A broker that cannot be reached is a call that answers
//! [`Answer::Retry`](crate::port::Answer).

mod group;
mod log;
mod transactions;

use std::collections::BTreeMap;
use std::time::Duration;

pub(super) use group::{Coordinator, Membership, Phase};
pub(super) use log::{Log, Seen, Stored};
pub(super) use transactions::{Decided, Denied, ProducerId, Transactions};

/// Transaction and session time-outs, as the worker sets them.
pub(super) const TIMEOUT: Duration = crate::client::FAILOVER;

/// The topics, by what they are to motmot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    Touchpoints,
    Moments,
    Cycles,
    DeadLetters,
    Strategies,
}

/// A transaction's number: it is never used again.
pub(super) type TransactionId = usize;

/// The whole cluster.
pub(super) struct Broker {
    pub(super) logs: BTreeMap<(Topic, i32), Log>,
    pub(super) transactions: Transactions,
    pub(super) group: Coordinator,
    /// Committed and stable: the offset, and what lies beside it.
    pub(super) offsets: BTreeMap<i32, (i64, String)>,
    /// The same before the last of them.
    former: BTreeMap<i32, (i64, String)>,
}

impl Broker {
    pub(super) fn new(partitions: i32) -> Self {
        let topics = [Topic::Touchpoints, Topic::Moments, Topic::Cycles, Topic::DeadLetters];
        let mut logs: BTreeMap<(Topic, i32), Log> =
            topics.into_iter().flat_map(|topic| (0..partitions).map(move |number| ((topic, number), Log::default()))).collect();
        logs.insert((Topic::Strategies, 0), Log::default());
        Self {
            logs,
            transactions: Transactions::default(),
            group: Coordinator::new(partitions),
            offsets: BTreeMap::new(),
            former: BTreeMap::new(),
        }
    }

    /// What the coordinator says is committed.
    pub(super) fn committed(&self, partition: i32) -> Option<&(i64, String)> {
        if self.group.is_behind { self.former.get(&partition) } else { self.offsets.get(&partition) }
    }

    pub(super) fn log(&self, topic: Topic, partition: i32) -> &Log {
        &self.logs[&(topic, partition)]
    }

    pub(super) fn log_mut(&mut self, topic: Topic, partition: i32) -> &mut Log {
        self.logs.get_mut(&(topic, partition)).unwrap()
    }

    /// Writes one of the markers that are due, of this producer or of any; false: there is none.
    pub(super) fn write_marker(&mut self, of: Option<ProducerId>, choice: usize) -> bool {
        let Some(due) = self.transactions.take_due(of, choice) else { return false };
        match due.target {
            transactions::Target::Log(topic, partition) => self.log_mut(topic, partition).mark(due.transaction, due.is_commit),
            transactions::Target::Offsets(offsets) => {
                self.group.is_behind = false;
                if due.is_commit {
                    self.former.clone_from(&self.offsets);
                    self.offsets.extend(offsets);
                }
            }
        }
        true
    }

    /// What time brings: sessions end, and if the coordinator looks, transactions that are too old.
    pub(super) fn pass(&mut self, now: Duration, looks: bool) {
        self.group.expire(now);
        if looks {
            self.transactions.expire(now);
        }
    }
}
