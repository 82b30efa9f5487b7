//! How a partition is started: DESIGN §9's table, as a decision over facts that were read before.

use std::collections::VecDeque;

use motmot_core::Timestamp;
use motmot_core::engine::Position;
use motmot_store::{Meta, Origin, StrategyId};

use crate::metadata::CommitMetadata;
use crate::strategies::SwapRecord;

mod refusal;

pub use refusal::Refusal;

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
    /// Where the state began, or will.
    pub(crate) origin: Origin,
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
    /// Rows may have been told ahead of the clock, as of instants up to this one.
    pub(crate) ahead: Option<Timestamp>,
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

/// Whether [`decide`] needs the recorded swaps of a partition: where store and commit have seen the same number of the same state's, it
/// does not.
pub(crate) fn needs_swaps(store: Option<&Meta>, commit: Option<Commit>) -> bool {
    let Some(committed) = commit.and_then(|commit| commit.metadata) else { return true };
    let is_former = store.is_some_and(|meta| meta.origin != committed.origin);
    is_former || committed.swaps != store.map_or(0, |meta| meta.swaps)
}

/// What the store on this machine's disk is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Local {
    /// It is the way: no snapshot can be much newer.
    Near(Start),
    /// It is a way; a newer snapshot would be a better one.
    Far(Start),
    /// It must not be used.
    Useless {
        /// What is said when nothing else helps either.
        refusal: Refusal,
        /// Without a store and without a snapshot it can be folded again from where the fold began.
        again: Option<Start>,
    },
}

/// Judges the store that is there, or that none is. One that lies at most `near` records behind the commit is as good as new: to fold them
/// takes no longer than to ask for snapshots.
///
/// # Errors
/// When no snapshot helps either: who finds that must decide.
pub(crate) fn judge(facts: &Facts<'_>, near: i64) -> Result<Local, Refusal> {
    let without = Facts { store: None, ..facts.clone() };
    match decide(facts) {
        Ok(start) => {
            let behind = facts.commit.map(|commit| commit.offset - start.offset);
            let is_near = facts.store.is_some() && behind.is_some_and(|behind| behind <= near);
            Ok(if is_near { Local::Near(start) } else { Local::Far(start) })
        }
        Err(refusal @ (Refusal::StoreAhead { .. } | Refusal::ClockAhead { .. } | Refusal::OtherOrigin { .. })) => {
            Ok(Local::Useless { refusal, again: decide(&without).ok() })
        }
        Err(refusal @ (Refusal::BehindLogStart { .. } | Refusal::LostSwap { .. })) => Ok(Local::Useless { refusal, again: None }),
        Err(refusal) => Err(refusal),
    }
}

/// Decides how to start from a store, be it the one on the disk or a snapshot's, or from none.
///
/// # Errors
/// When going on could tell something wrong.
pub(crate) fn decide(facts: &Facts<'_>) -> Result<Start, Refusal> {
    check_identity(facts)?;
    let swaps = facts.store.map_or(0, |meta| meta.swaps);
    // Each recorded swap was a commit: the last one that is known stands for a commit that the group has forgotten.
    let Some(commit) = facts.commit.or_else(|| facts.swaps.iter().rfind(|swap| swap.number > swaps).map(commit_of)) else {
        let offset = facts.store.map_or(facts.log_start, |meta| meta.offset);
        check_log(facts, offset, "store", offset)?;
        return Ok(facts.store.map_or_else(|| Start::first(Origin::at(offset), facts.configured), Start::at));
    };
    check_origin(facts, commit)?;
    if let Some(anew) = commit.metadata.filter(CommitMetadata::is_anew) {
        if let Some(Meta { offset: store, .. }) = folded(facts) {
            return Err(Refusal::StoreAhead { store: *store, commit: commit.offset, log_start: facts.log_start });
        }
        check_log(facts, commit.offset, "commit", commit.offset)?;
        return Ok(Start::first(anew.origin, facts.configured));
    }
    let steps = steps(facts, commit, swaps)?;
    let origin = facts.store.map(|meta| meta.origin).or(commit.metadata.map(|metadata| metadata.origin)).unwrap_or_default();
    let (offset, position) = facts.store.map_or((origin.offset, Position::START), |meta| (meta.offset, meta.position));
    if offset > commit.offset {
        return Err(Refusal::StoreAhead { store: offset, commit: commit.offset, log_start: facts.log_start });
    }
    let committed = commit.metadata.map(|metadata| metadata.position);
    if let Some(committed) = committed.filter(|committed| position.now > committed.now) {
        return Err(Refusal::ClockAhead { store: position.now, commit: committed.now, log_start: facts.log_start });
    }
    check_log(facts, offset, "commit", commit.offset)?;
    let first = steps.first().map(|step| step.from);
    let strategy = folded(facts).map(|meta| meta.strategy).or(first).or(commit.metadata.map(|metadata| metadata.strategy));
    let step = |swap: &&SwapRecord| Step { offset: swap.offset, clock: swap.position().now, to: swap.to };
    let refold = Refold {
        until: commit.offset,
        clock: committed.map(|p| p.now),
        stream_time: committed.map(|p| p.stream_time),
        steps: steps.iter().map(step).collect(),
        is_swapping: commit.metadata.is_some_and(|metadata| metadata.is_swapping),
        ahead: commit.metadata.and_then(|metadata| metadata.ahead()),
    };
    Ok(Start {
        origin,
        offset,
        position,
        strategy: strategy.unwrap_or(facts.configured),
        swaps,
        refold: Some(refold),
        is_first: false,
        clock_is_lost: committed.is_none(),
    })
}

impl Start {
    /// Where the commit does not say how far the clock was, it was at least here: what was told by then must not be forgotten.
    pub(crate) fn not_before(mut self, clock: Timestamp) -> Self {
        if let Some(refold) = &mut self.refold {
            refold.clock = refold.clock.or(Some(clock));
        }
        self
    }

    /// Of a partition that nobody has begun.
    fn first(origin: Origin, strategy: StrategyId) -> Self {
        let (offset, position) = (origin.offset, Position::START);
        Self { origin, offset, position, strategy, swaps: 0, refold: None, is_first: true, clock_is_lost: false }
    }

    /// Right where a store stands.
    pub(crate) fn at(meta: &Meta) -> Self {
        let Meta { origin, offset, position, strategy, swaps, .. } = *meta;
        Self { origin, offset, position, strategy, swaps, refold: None, is_first: false, clock_is_lost: false }
    }
}

/// The store, if it has folded anything. One that was only begun binds nobody to the strategy of its day: another worker may have committed
/// first, under another.
fn folded<'f>(facts: &Facts<'f>) -> Option<&'f Meta> {
    facts.store.filter(|meta| meta.position != Position::START)
}

/// The commit that a swap's first transaction made. More may have been told since, and telling it again is harmless.
fn commit_of(swap: &SwapRecord) -> Commit {
    let metadata = CommitMetadata {
        position: swap.position(),
        strategy: swap.to,
        swaps: swap.number,
        origin: swap.origin,
        is_swapping: true,
        is_split: false,
    };
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

/// A store whose fold began elsewhere is another state.
fn check_origin(facts: &Facts<'_>, commit: Commit) -> Result<(), Refusal> {
    match (facts.store, commit.metadata) {
        (Some(meta), Some(metadata)) if meta.origin != metadata.origin && !planted!(FormerStateUsed) => {
            Err(Refusal::OtherOrigin { store: meta.origin, commit: metadata.origin })
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
mod tests;
