//! How a partition is started: DESIGN §9's table, as a decision over facts that were read before.

use std::collections::VecDeque;

use motmot_core::Timestamp;
use motmot_core::engine::Position;
use motmot_store::{Meta, StrategyId};

use crate::metadata::CommitMetadata;
use crate::strategies::SwapRecord;

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
    /// The recorded swaps of the group's partition, in their order; they may be left out where store and commit have seen the same number.
    pub(crate) swaps: &'a [SwapRecord],
    /// The strategy of a partition that nobody has begun.
    pub(crate) configured: StrategyId,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The first record to read.
    pub(crate) offset: i64,
    /// Where the engine stands there.
    pub(crate) position: Position,
    /// The strategy in force there.
    pub(crate) strategy: StrategyId,
    /// How often it was swapped before.
    pub(crate) swaps: u64,
    /// What is to be folded without a word before anything is told; none: nothing.
    pub(crate) refold: Option<Refold>,
    /// Neither store nor commit knows the partition.
    pub(crate) is_first: bool,
    /// The commit says nothing about the clock: somebody else's tool wrote it.
    pub(crate) clock_is_lost: bool,
}

/// How far to fold in silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refold {
    /// Up to this offset.
    pub(crate) until: i64,
    /// And to this clock; none: to the stream time found there.
    pub(crate) clock: Option<Timestamp>,
    /// The stream time that must come out.
    pub(crate) stream_time: Option<Timestamp>,
    /// The swaps on the way, in their order.
    pub(crate) steps: VecDeque<Step>,
    /// Of the last of them not everything was told: it is the end of the way, and is told again.
    pub(crate) is_swapping: bool,
}

/// A swap that lies on the way of a re-fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Everything before this offset is folded first.
    pub(crate) offset: i64,
    /// Then the clock goes here.
    pub(crate) clock: Timestamp,
    /// Then this strategy is put in force.
    pub(crate) to: StrategyId,
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
    /// Store and commit have seen the same swaps and do not agree on the strategy.
    #[error(
        "the store is of strategy {store}, the commit of {commit}, and no swap lies between them: the store belongs to another \
         installation. Give this worker a worker.store of its own, or move the partition's store folder away"
    )]
    OtherStrategy {
        /// The store's.
        store: StrategyId,
        /// The commit's.
        commit: StrategyId,
    },
    /// A swap on the way from store to commit is not recorded.
    #[error(
        "the strategy was swapped {commit} times up to the commit, {store} times up to the store, and the record of swap {missing} is \
         not in the topic of strategies, or does not fit. Start again first: a transaction that was open for minutes hides it while a \
         broker is away. If it stays: it was deleted, or topics.strategies names another topic. Bring back the store's folder from the \
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

/// Whether [`decide`] needs the recorded swaps of a partition: where store and commit have seen the same number, it does not.
pub(crate) fn needs_swaps(store: Option<&Meta>, commit: Option<Commit>) -> bool {
    let committed = commit.and_then(|commit| commit.metadata).map(|metadata| metadata.swaps);
    committed != Some(store.map_or(0, |meta| meta.swaps))
}

/// Decides.
///
/// # Errors
/// When going on could tell something wrong.
pub(crate) fn decide(facts: &Facts<'_>) -> Result<Start, Refusal> {
    check_identity(facts)?;
    let (store_offset, position) = facts.store.map_or((0, Position::START), |meta| (meta.offset, meta.position));
    let swaps = facts.store.map_or(0, |meta| meta.swaps);
    // Each recorded swap was a commit: the last one that is known stands for a commit that the group has forgotten.
    let Some(commit) = facts.commit.or_else(|| facts.swaps.iter().rfind(|swap| swap.number > swaps).map(commit_of)) else {
        let offset = if facts.store.is_some() { store_offset } else { facts.log_start };
        check_log(facts, offset, "store", offset)?;
        let strategy = facts.store.map_or(facts.configured, |meta| meta.strategy);
        let is_first = facts.store.is_none();
        return Ok(Start { offset, position, strategy, swaps, refold: None, is_first, clock_is_lost: false });
    };
    let steps = steps(facts, commit, swaps)?;
    if store_offset > commit.offset {
        return Err(Refusal::StoreAhead { store: store_offset, commit: commit.offset, log_start: facts.log_start });
    }
    check_log(facts, store_offset, "commit", commit.offset)?;
    let committed = commit.metadata.map(|metadata| metadata.position);
    let first = steps.first().map(|step| step.from);
    let strategy = folded(facts).map(|meta| meta.strategy).or(first).or(commit.metadata.map(|metadata| metadata.strategy));
    let step = |swap: &&SwapRecord| Step { offset: swap.offset, clock: swap.position().now, to: swap.to };
    let refold = Refold {
        until: commit.offset,
        clock: committed.map(|p| p.now),
        stream_time: committed.map(|p| p.stream_time),
        steps: steps.iter().map(step).collect(),
        is_swapping: commit.metadata.is_some_and(|metadata| metadata.is_swapping),
    };
    Ok(Start {
        offset: store_offset,
        position,
        strategy: strategy.unwrap_or(facts.configured),
        swaps,
        refold: Some(refold),
        is_first: false,
        clock_is_lost: committed.is_none(),
    })
}

/// The store, if it has folded anything. One that was only begun binds nobody to the strategy of its day: another worker may have committed
/// first, under another.
fn folded<'f>(facts: &Facts<'f>) -> Option<&'f Meta> {
    facts.store.filter(|meta| meta.position != Position::START)
}

/// The commit that a swap's first transaction made. More may have been told since, and telling it again is harmless.
fn commit_of(swap: &SwapRecord) -> Commit {
    let metadata = CommitMetadata { position: swap.position(), strategy: swap.to, swaps: swap.number, is_swapping: true };
    Commit { offset: swap.offset, metadata: Some(metadata) }
}

/// The swaps between the store, which has seen `seen` of them, and the commit.
fn steps<'f>(facts: &Facts<'f>, commit: Commit, seen: u64) -> Result<Vec<&'f SwapRecord>, Refusal> {
    let Some(metadata) = commit.metadata else {
        // A foreign commit does not say how many: all that were recorded up to there.
        return Ok(facts.swaps.iter().filter(|swap| swap.number > seen && swap.offset <= commit.offset).collect());
    };
    if seen > metadata.swaps {
        let store = facts.store.map_or(0, |meta| meta.offset);
        return Err(Refusal::StoreAhead { store, commit: commit.offset, log_start: facts.log_start });
    }
    let between = facts.swaps.iter().filter(|swap| swap.number > seen && swap.number <= metadata.swaps);
    let steps: Vec<&SwapRecord> = between.collect();
    let mut before = folded(facts).map(|meta| (meta.strategy, meta.offset));
    for number in seen + 1..=metadata.swaps {
        let lost = Refusal::LostSwap { store: seen, commit: metadata.swaps, missing: number };
        let step = steps.iter().find(|step| step.number == number).ok_or_else(|| lost.clone())?;
        if step.offset > commit.offset || before.is_some_and(|(strategy, offset)| strategy != step.from || offset > step.offset) {
            return Err(lost);
        }
        before = Some((step.to, step.offset));
    }
    match before {
        Some((store, _)) if store != metadata.strategy => Err(Refusal::OtherStrategy { store, commit: metadata.strategy }),
        _ => Ok(steps),
    }
}

fn check_identity(facts: &Facts<'_>) -> Result<(), Refusal> {
    let Some(meta) = facts.store else { return Ok(()) };
    if !meta.topic_id.is_empty() && !facts.topic_id.is_empty() && meta.topic_id != facts.topic_id {
        return Err(Refusal::OtherTopic { store: meta.topic_id.clone(), found: facts.topic_id.to_owned() });
    }
    if meta.partitions != facts.partitions {
        return Err(Refusal::OtherPartitions { store: meta.partitions, found: facts.partitions });
    }
    Ok(())
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
    use crate::strategies::swap_record::tests::swap;

    /// The strategy number `n`; [`swap`] `n` leads from it to the next.
    fn id(n: u64) -> StrategyId {
        StrategyId { rules: n, text: n }
    }

    const CONFIGURED: u64 = 9;

    fn at(now: i64) -> Position {
        Position { now: Timestamp::from_millis(now), stream_time: Timestamp::from_millis(now - 1) }
    }

    /// A store that has seen so many swaps.
    fn meta(offset: i64, now: i64, swaps: u64) -> Meta {
        Meta { topic_id: "id".to_owned(), partitions: 4, offset, position: at(now), strategy: id(swaps + 1), swaps }
    }

    /// A commit that has seen so many swaps.
    fn commit(offset: i64, now: i64, swaps: u64) -> Commit {
        let metadata = CommitMetadata { position: at(now), strategy: id(swaps + 1), swaps, is_swapping: false };
        Commit { offset, metadata: Some(metadata) }
    }

    fn within(mut commit: Commit) -> Commit {
        commit.metadata.as_mut().unwrap().is_swapping = true;
        commit
    }

    /// `recorded`: the numbers of the swaps in the topic.
    fn decided(store: Option<&Meta>, commit: Option<Commit>, log: (i64, i64), recorded: &[u64]) -> Result<Start, Refusal> {
        let swaps: Vec<SwapRecord> = recorded.iter().map(|number| swap(*number)).collect();
        let (log_start, log_end) = log;
        let configured = id(CONFIGURED);
        decide(&Facts { store, commit, log_start, log_end, topic_id: "id", partitions: 4, swaps: &swaps, configured })
    }

    fn check(store: Option<&Meta>, commit: Option<Commit>, log: (i64, i64), expected: Result<Start, Refusal>) {
        assert_eq!(decided(store, commit, log, &[]), expected);
    }

    fn speaking(offset: i64, position: Position, strategy: u64, is_first: bool) -> Result<Start, Refusal> {
        Ok(Start { offset, position, strategy: id(strategy), swaps: 0, refold: None, is_first, clock_is_lost: false })
    }

    fn refolding(offset: i64, position: Position, until: i64, to: Option<Position>) -> Result<Start, Refusal> {
        let (clock, stream_time) = (to.map(|p| p.now), to.map(|p| p.stream_time));
        let refold = Some(Refold { until, clock, stream_time, steps: VecDeque::new(), is_swapping: false });
        Ok(Start { offset, position, strategy: id(1), swaps: 0, refold, is_first: false, clock_is_lost: to.is_none() })
    }

    #[test]
    fn nothing_known_begins_at_the_logs_start_under_the_configured_strategy() {
        check(None, None, (0, 10), speaking(0, Position::START, CONFIGURED, true));
        check(None, None, (5, 10), speaking(5, Position::START, CONFIGURED, true));
    }

    #[test]
    fn a_store_behind_the_commit_is_folded_up_in_silence() {
        check(Some(&meta(3, 30, 0)), Some(commit(8, 80, 0)), (0, 10), refolding(3, at(30), 8, Some(at(80))));
        check(Some(&meta(8, 30, 0)), Some(commit(8, 80, 0)), (8, 8), refolding(8, at(30), 8, Some(at(80))));
        check(None, Some(commit(8, 80, 0)), (0, 10), refolding(0, Position::START, 8, Some(at(80))));
    }

    #[test]
    fn without_a_commit_it_goes_on_from_the_store_under_the_stores_strategy() {
        check(Some(&meta(3, 30, 0)), None, (2, 10), speaking(3, at(30), 1, false));
        check(Some(&meta(3, 30, 0)), None, (4, 10), Err(Refusal::BehindLogStart { store: 3, log_start: 4 }));
        check(Some(&meta(3, 30, 0)), None, (0, 2), Err(Refusal::BeyondEnd { place: "store", offset: 3, log_end: 2 }));
    }

    #[test]
    fn a_commit_without_a_clock_is_said() {
        let foreign = Commit { offset: 8, metadata: None };
        check(Some(&meta(3, 30, 0)), Some(foreign), (0, 10), refolding(3, at(30), 8, None));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let log_start = 0;
        check(
            Some(&meta(9, 90, 0)),
            Some(commit(8, 80, 0)),
            (0, 10),
            Err(Refusal::StoreAhead { store: 9, commit: 8, log_start }),
        );
        check(Some(&meta(3, 30, 0)), Some(commit(8, 80, 0)), (4, 10), Err(Refusal::BehindLogStart { store: 3, log_start: 4 }));
        check(None, Some(commit(8, 80, 0)), (1, 10), Err(Refusal::BehindLogStart { store: 0, log_start: 1 }));
        let beyond = Refusal::BeyondEnd { place: "commit", offset: 8, log_end: 7 };
        check(Some(&meta(3, 30, 0)), Some(commit(8, 80, 0)), (0, 7), Err(beyond));
        let other = Meta { topic_id: "other".to_owned(), ..meta(3, 30, 0) };
        let refusal = Refusal::OtherTopic { store: "other".to_owned(), found: "id".to_owned() };
        check(Some(&other), Some(commit(8, 80, 0)), (0, 10), Err(refusal));
        let grown = Meta { partitions: 2, ..meta(3, 30, 0) };
        check(Some(&grown), None, (0, 10), Err(Refusal::OtherPartitions { store: 2, found: 4 }));
        let other = Meta { strategy: id(5), ..meta(3, 30, 0) };
        let refusal = Refusal::OtherStrategy { store: id(5), commit: id(1) };
        check(Some(&other), Some(commit(8, 80, 0)), (0, 10), Err(refusal));
    }

    #[test]
    fn a_topic_id_that_nobody_knows_is_no_difference() {
        let unknown = Meta { topic_id: String::new(), ..meta(3, 30, 0) };
        check(Some(&unknown), None, (0, 10), speaking(3, at(30), 1, false));
    }

    /// What was decided: the strategy that it begins with, the offsets of the swaps on the way, and whether the last is told again.
    fn check_way(
        store: Option<&Meta>,
        commit: Option<Commit>,
        recorded: &[u64],
        strategy: u64,
        offsets: &[i64],
        is_told_again: bool,
    ) {
        let start = decided(store, commit, (0, 100), recorded).unwrap();
        let refold = start.refold.unwrap();
        assert_eq!(start.strategy, id(strategy));
        assert_eq!(start.swaps, store.map_or(0, |meta| meta.swaps));
        assert_eq!(refold.steps.iter().map(|step| step.offset).collect::<Vec<_>>(), offsets);
        assert!(refold.steps.iter().all(|step| step.clock.as_millis() == step.offset * 10 && step.to.rules > strategy));
        assert_eq!(refold.is_swapping, is_told_again);
    }

    #[test]
    fn a_refold_swaps_where_the_swaps_were() {
        check_way(Some(&meta(3, 30, 0)), Some(commit(25, 250, 2)), &[1, 2], 1, &[10, 20], false);
        check_way(Some(&meta(12, 120, 1)), Some(commit(25, 250, 2)), &[1, 2], 2, &[20], false);
        check_way(Some(&meta(22, 220, 2)), Some(commit(25, 250, 2)), &[], 3, &[], false);
        // without a store the first swap says what was in force before
        check_way(None, Some(commit(25, 250, 2)), &[1, 2], 1, &[10, 20], false);
        // a later swap was recorded when the commit was read already: it is not on the way
        check_way(Some(&meta(3, 30, 0)), Some(commit(15, 150, 1)), &[1, 2], 1, &[10], false);
    }

    #[test]
    fn a_swap_that_was_not_told_to_its_end_is_told_again() {
        check_way(Some(&meta(3, 30, 0)), Some(within(commit(10, 100, 1))), &[1], 1, &[10], true);
        check_way(None, Some(within(commit(20, 200, 2))), &[1, 2], 1, &[10, 20], true);
    }

    #[test]
    fn a_forgotten_commit_is_found_in_the_last_swap() {
        check_way(Some(&meta(3, 30, 0)), None, &[1, 2], 1, &[10, 20], true);
        check_way(None, None, &[1], 1, &[10], true);
        let start = decided(Some(&meta(12, 120, 1)), None, (0, 100), &[1]).unwrap();
        assert_eq!((start.refold, start.strategy, start.swaps), (None, id(2), 1), "nothing was swapped since the store");
        let foreign = Commit { offset: 15, metadata: None };
        check_way(Some(&meta(3, 30, 0)), Some(foreign), &[1, 2], 1, &[10], false);
    }

    #[test]
    fn a_store_that_was_only_begun_binds_nobody_to_its_strategy() {
        let begun = Meta { offset: 0, position: Position::START, strategy: id(CONFIGURED), ..meta(0, 0, 0) };
        let start = decided(Some(&begun), Some(commit(8, 80, 0)), (0, 10), &[]).unwrap();
        assert_eq!((start.strategy, start.offset), (id(1), 0));
        check_way(Some(&begun), Some(commit(25, 250, 2)), &[1, 2], 1, &[10, 20], false);
    }

    #[test]
    fn a_swap_that_is_not_recorded_is_refused() {
        let lost = |missing| Err(Refusal::LostSwap { store: 0, commit: 2, missing });
        let store = meta(3, 30, 0);
        assert_eq!(decided(Some(&store), Some(commit(25, 250, 2)), (0, 100), &[1]), lost(2));
        assert_eq!(decided(Some(&store), Some(commit(25, 250, 2)), (0, 100), &[2]), lost(1));
        assert_eq!(decided(Some(&store), Some(commit(15, 150, 2)), (0, 100), &[1, 2]), lost(2), "it lies behind the commit");
        assert_eq!(
            decided(Some(&meta(11, 110, 0)), Some(commit(25, 250, 2)), (0, 100), &[1, 2]),
            lost(1),
            "it lies before the store"
        );
        let ahead = Err(Refusal::StoreAhead { store: 12, commit: 12, log_start: 0 });
        assert_eq!(decided(Some(&meta(12, 120, 1)), Some(commit(12, 120, 0)), (0, 100), &[1]), ahead);
    }

    #[test]
    fn the_record_of_swaps_is_read_only_where_it_is_needed() {
        assert!(!needs_swaps(Some(&meta(3, 30, 2)), Some(commit(8, 80, 2))));
        assert!(!needs_swaps(None, Some(commit(8, 80, 0))));
        assert!(needs_swaps(None, Some(commit(8, 80, 1))));
        assert!(needs_swaps(Some(&meta(3, 30, 0)), Some(commit(8, 80, 1))));
        assert!(needs_swaps(Some(&meta(3, 30, 0)), None));
        assert!(needs_swaps(None, Some(Commit { offset: 8, metadata: None })));
    }
}
