//! How a partition is started: DESIGN §9's table, as a decision over facts that were read before.

use motmot_core::Timestamp;
use motmot_core::engine::Position;
use motmot_store::Meta;

use crate::metadata::CommitMetadata;

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    /// The store's last checkpoint.
    pub(crate) store: Option<&'a Meta>,
    /// The group's committed offset, with what lies beside it.
    pub(crate) commit: Option<Commit>,
    /// The first offset that the log still has.
    pub(crate) log_start: i64,
    /// The offset after its last record.
    pub(crate) log_end: i64,
    /// The input topic's id; empty where the broker names none.
    pub(crate) topic_id: &'a str,
    /// The input topic's partitions.
    pub(crate) partitions: i32,
    /// The hash of the configured strategy.
    pub(crate) strategy: u64,
}

/// A committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    /// The first record that is not committed.
    pub(crate) offset: i64,
    /// None: empty or foreign.
    pub(crate) metadata: Option<CommitMetadata>,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The first record to read.
    pub(crate) offset: i64,
    /// Where the engine stands there.
    pub(crate) position: Position,
    /// What is to be folded without a word before anything is told; none: nothing.
    pub(crate) refold: Option<Refold>,
    /// Neither store nor commit knows the partition.
    pub(crate) is_first: bool,
    /// The commit says nothing about the clock: somebody else's tool wrote it.
    pub(crate) clock_is_lost: bool,
}

/// How far to fold in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refold {
    /// Up to this offset.
    pub(crate) until: i64,
    /// And to this clock; none: to the stream time found there.
    pub(crate) clock: Option<Timestamp>,
    /// The stream time that must come out.
    pub(crate) stream_time: Option<Timestamp>,
}

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
    /// The strategy file is another one.
    #[error(
        "the {place} is of strategy {found:016x}, the configured one is {configured:016x}. This version cannot change the strategy of \
         running state: put the old strategy file back, or begin anew under the new one with another worker.group, another \
         worker.store folder and new output topics (motmot replay tells beforehand what the new strategy would flag)"
    )]
    OtherStrategy {
        /// "store" or "commit".
        place: &'static str,
        /// Its hash there.
        found: u64,
        /// The configured one's.
        configured: u64,
    },
    /// The store is not a checkpoint of what is committed.
    #[error(
        "the store stands at offset {store}, ahead of the group's commit {commit}: the offsets were reset by hand, or a broker lost \
         commits. Move the partition's store folder away: it is folded again from the log's start ({log_start}), if that is 0"
    )]
    StoreAhead {
        /// The store's offset.
        store: i64,
        /// The committed one.
        commit: i64,
        /// The log's first offset.
        log_start: i64,
    },
    /// Records between store and commit are no longer in the log.
    #[error(
        "the store stands at offset {store}, and the log begins at {log_start}: records that were never folded into it are deleted. \
         Bring back the store's folder from the machine that had the partition last, or begin anew. {REBUILD}"
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

const REBUILD: &str = "To begin anew: stop all workers, move the store folders away, and start with another worker.group; the \
    tables are then told again from what the log has";

/// Decides.
///
/// # Errors
/// When going on could tell something wrong.
pub(crate) fn decide(facts: &Facts<'_>) -> Result<Start, Refusal> {
    check_identity(facts)?;
    let (store_offset, position) = facts.store.map_or((0, Position::START), |meta| (meta.offset, meta.position));
    let Some(commit) = facts.commit else {
        let offset = if facts.store.is_some() { store_offset } else { facts.log_start };
        check_log(facts, offset, "store", offset)?;
        return Ok(Start { offset, position, refold: None, is_first: facts.store.is_none(), clock_is_lost: false });
    };
    if store_offset > commit.offset {
        return Err(Refusal::StoreAhead { store: store_offset, commit: commit.offset, log_start: facts.log_start });
    }
    check_log(facts, store_offset, "commit", commit.offset)?;
    let committed = commit.metadata.map(|metadata| metadata.position);
    let refold = Refold { until: commit.offset, clock: committed.map(|p| p.now), stream_time: committed.map(|p| p.stream_time) };
    Ok(Start { offset: store_offset, position, refold: Some(refold), is_first: false, clock_is_lost: committed.is_none() })
}

fn check_identity(facts: &Facts<'_>) -> Result<(), Refusal> {
    let configured = facts.strategy;
    if let Some(meta) = facts.store {
        if !meta.topic_id.is_empty() && !facts.topic_id.is_empty() && meta.topic_id != facts.topic_id {
            return Err(Refusal::OtherTopic { store: meta.topic_id.clone(), found: facts.topic_id.to_owned() });
        }
        if meta.partitions != facts.partitions {
            return Err(Refusal::OtherPartitions { store: meta.partitions, found: facts.partitions });
        }
        if meta.strategy != configured {
            return Err(Refusal::OtherStrategy { place: "store", found: meta.strategy, configured });
        }
    }
    match facts.commit.and_then(|commit| commit.metadata) {
        Some(metadata) if metadata.strategy != configured => {
            Err(Refusal::OtherStrategy { place: "commit", found: metadata.strategy, configured })
        }
        _ => Ok(()),
    }
}

fn check_log(facts: &Facts<'_>, from: i64, place: &'static str, until: i64) -> Result<(), Refusal> {
    if from < facts.log_start {
        return Err(Refusal::BehindLogStart { store: from, log_start: facts.log_start });
    }
    if until > facts.log_end {
        return Err(Refusal::BeyondEnd { place, offset: until, log_end: facts.log_end });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRATEGY: u64 = 7;

    fn at(now: i64) -> Position {
        Position { now: Timestamp::from_millis(now), stream_time: Timestamp::from_millis(now - 1) }
    }

    fn meta(offset: i64, now: i64) -> Meta {
        Meta { topic_id: "id".to_owned(), partitions: 4, offset, position: at(now), strategy: STRATEGY }
    }

    fn commit(offset: i64, now: i64) -> Commit {
        Commit { offset, metadata: Some(CommitMetadata { position: at(now), strategy: STRATEGY }) }
    }

    fn check(store: Option<&Meta>, commit: Option<Commit>, log: (i64, i64), expected: Result<Start, Refusal>) {
        let (log_start, log_end) = log;
        let facts = Facts { store, commit, log_start, log_end, topic_id: "id", partitions: 4, strategy: STRATEGY };
        assert_eq!(decide(&facts), expected);
    }

    fn speaking(offset: i64, position: Position, is_first: bool) -> Result<Start, Refusal> {
        Ok(Start { offset, position, refold: None, is_first, clock_is_lost: false })
    }

    fn refolding(offset: i64, position: Position, until: i64, to: Option<Position>) -> Result<Start, Refusal> {
        let refold = Some(Refold { until, clock: to.map(|p| p.now), stream_time: to.map(|p| p.stream_time) });
        Ok(Start { offset, position, refold, is_first: false, clock_is_lost: to.is_none() })
    }

    #[test]
    fn nothing_known_begins_at_the_logs_start() {
        check(None, None, (0, 10), speaking(0, Position::START, true));
        check(None, None, (5, 10), speaking(5, Position::START, true));
    }

    #[test]
    fn a_store_behind_the_commit_is_folded_up_in_silence() {
        check(Some(&meta(3, 30)), Some(commit(8, 80)), (0, 10), refolding(3, at(30), 8, Some(at(80))));
        check(Some(&meta(8, 30)), Some(commit(8, 80)), (8, 8), refolding(8, at(30), 8, Some(at(80))));
        check(None, Some(commit(8, 80)), (0, 10), refolding(0, Position::START, 8, Some(at(80))));
    }

    #[test]
    fn without_a_commit_it_goes_on_from_the_store() {
        check(Some(&meta(3, 30)), None, (2, 10), speaking(3, at(30), false));
        check(Some(&meta(3, 30)), None, (4, 10), Err(Refusal::BehindLogStart { store: 3, log_start: 4 }));
        check(Some(&meta(3, 30)), None, (0, 2), Err(Refusal::BeyondEnd { place: "store", offset: 3, log_end: 2 }));
    }

    #[test]
    fn a_commit_without_a_clock_is_said() {
        let foreign = Commit { offset: 8, metadata: None };
        check(Some(&meta(3, 30)), Some(foreign), (0, 10), refolding(3, at(30), 8, None));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        check(Some(&meta(9, 90)), Some(commit(8, 80)), (0, 10), Err(Refusal::StoreAhead { store: 9, commit: 8, log_start: 0 }));
        check(Some(&meta(3, 30)), Some(commit(8, 80)), (4, 10), Err(Refusal::BehindLogStart { store: 3, log_start: 4 }));
        check(None, Some(commit(8, 80)), (1, 10), Err(Refusal::BehindLogStart { store: 0, log_start: 1 }));
        check(
            Some(&meta(3, 30)),
            Some(commit(8, 80)),
            (0, 7),
            Err(Refusal::BeyondEnd { place: "commit", offset: 8, log_end: 7 }),
        );
        let other = Meta { topic_id: "other".to_owned(), ..meta(3, 30) };
        let refusal = Refusal::OtherTopic { store: "other".to_owned(), found: "id".to_owned() };
        check(Some(&other), Some(commit(8, 80)), (0, 10), Err(refusal));
        let grown = Meta { partitions: 2, ..meta(3, 30) };
        check(Some(&grown), None, (0, 10), Err(Refusal::OtherPartitions { store: 2, found: 4 }));
        let older = Meta { strategy: 1, ..meta(3, 30) };
        check(Some(&older), None, (0, 10), Err(Refusal::OtherStrategy { place: "store", found: 1, configured: STRATEGY }));
        let metadata = Some(CommitMetadata { position: at(1), strategy: 2 });
        let refusal = Refusal::OtherStrategy { place: "commit", found: 2, configured: STRATEGY };
        check(None, Some(Commit { offset: 8, metadata }), (0, 10), Err(refusal));
    }

    #[test]
    fn a_topic_id_that_nobody_knows_is_no_difference() {
        let unknown = Meta { topic_id: String::new(), ..meta(3, 30) };
        check(Some(&unknown), None, (0, 10), speaking(3, at(30), false));
    }
}
