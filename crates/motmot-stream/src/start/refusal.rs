//! Why a partition is not started, in words that say what mends it.

use motmot_core::Timestamp;
use motmot_store::{Origin, StrategyId};

/// Why a partition is not started, with the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The topic was deleted and made again.
    #[error(
        "the store was folded from a topic of this name with the id {store}; the topic now has the id {found}: it was deleted and made \
         again. {REBUILD}"
    )]
    OtherTopic {
        /// The id in the store.
        store: String,
        /// The topic's id.
        found: String,
    },
    /// The topic has got more partitions, so keys have moved.
    #[error(
        "the store was folded from a topic of {store} partitions; it now has {found}, and keys have moved between them. {REBUILD}"
    )]
    OtherPartitions {
        /// The number in the store.
        store: i32,
        /// The topic's.
        found: i32,
    },
    /// Store and commit have seen the same swaps and do not agree on the strategy.
    #[error(
        "the store is of strategy {store}, the commit of {commit}, and no swap lies between them: the store belongs to another \
         installation. Give this worker a worker.store of its own. If the store is of this installation after all, begin anew. {REBUILD}"
    )]
    OtherStrategy {
        /// The store's.
        store: StrategyId,
        /// The commit's.
        commit: StrategyId,
    },
    /// Somebody has begun anew since.
    #[error(
        "the store is of the state that began at {store}, and what is committed is of the one that began at {commit} (an offset, and the \
         instant of the rebuild in ms): motmot rebuild was run since the store was written. Neither a snapshot of the new state is there, \
         nor does the log reach back to where it began. {REBUILD}"
    )]
    OtherOrigin {
        /// Where the store's state began.
        store: Origin,
        /// Where the committed one did.
        commit: Origin,
    },
    /// A swap on the way from store to commit is not recorded.
    #[error(
        "the strategy was swapped {commit} times up to the commit, {store} times up to the store, and the record of swap {missing} is \
         not in the topic of strategies, or does not fit: it was deleted, or topics.strategies names another topic. Bring back the store's folder from the \
         machine that had the partition last, or begin anew. {REBUILD}"
    )]
    LostSwap {
        /// The number of swaps at the store.
        store: u64,
        /// At the commit.
        commit: u64,
        /// The first that is missing.
        missing: u64,
    },
    /// Nobody has the text of a strategy that was in force.
    #[error(
        "strategy {id} was in force there, and {detail}. Publish the file that it was (motmot strategy publish), start the motmot \
         that ran it, or begin anew. {REBUILD}"
    )]
    UnknownStrategy {
        /// Which.
        id: StrategyId,
        /// What was found instead.
        detail: String,
    },
    /// The store is not a checkpoint of what is committed, there is no snapshot that is, and the log does not reach back.
    #[error(
        "the store stands at offset {store}, ahead of the group's commit {commit}: the offsets were reset by hand, or a broker lost \
         commits. No snapshot at or behind the commit is there, and the log begins at {log_start} only. Set the group's offset to {store} or \
         more again, or begin anew. {REBUILD}"
    )]
    StoreAhead {
        /// The store's offset.
        store: i64,
        /// The committed one.
        commit: i64,
        /// The log's first offset.
        log_start: i64,
    },
    /// The store has told by a later clock than is committed, there is no snapshot that has not, and the log does not reach back.
    #[error(
        "the store's clock stands at {store}, ahead of the group's commit, whose clock stands at {commit}: the offsets expired or were reset, and a \
         worker elsewhere went on from an older state. What it did not tell this store would take for told. No snapshot at or behind the commit is \
         there, and the log begins at {log_start} only. {REBUILD}"
    )]
    ClockAhead {
        /// The store's clock.
        store: Timestamp,
        /// The committed one.
        commit: Timestamp,
        /// The log's first offset.
        log_start: i64,
    },
    /// Records between store and commit are no longer in the log, and no snapshot has them.
    #[error(
        "the store stands at offset {store}, and the log begins at {log_start}: records that were never folded into it are deleted, and no \
         snapshot is there that was made later. Bring back the store's folder from the machine that had the partition last, point \
         snapshots.url to where its snapshots are, or begin anew. {REBUILD}"
    )]
    BehindLogStart {
        /// The store's offset; 0 for an empty one.
        store: i64,
        /// The log's first offset.
        log_start: i64,
    },
    /// The log is shorter than what was read of it.
    #[error(
        "the {place} stands at offset {offset}, and the log ends at {log_end}: the topic lost records, or is another one. {REBUILD}"
    )]
    BeyondEnd {
        /// "store" or "commit".
        place: &'static str,
        /// Its offset.
        offset: i64,
        /// The log's end.
        log_end: i64,
    },
}

const REBUILD: &str = "To begin anew: stop the workers and run motmot rebuild, which says beforehand what is lost; the tables are then told \
    again from what the log has";
