//! Faults that are planted in the real code to see that the simulator finds them. A release has none of this.

use std::cell::Cell;

/// One deviation each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    /// A checkpoint is written of what is told and not committed.
    StoreAhead,
    /// The clock follows the wall whether or not everything before it is folded.
    WallInBacklog,
    /// The group's generation does not matter to a commit.
    ZombieCommit,
    /// Records are counted in a silent re-fold.
    CountInRefold,
    /// A row's wake-up is not written.
    TimerLost,
    /// A start forgets the committed clock.
    ClockForgotten,
    /// After an abort memory is kept.
    NoReload,
    /// A re-fold speaks.
    LoudRefold,
    /// A re-fold passes over the swaps on its way.
    SwapNotRefolded,
    /// A checkpoint is written while a swap is being told.
    CheckpointInSwap,
    /// Folding goes on while a swap is told again.
    FoldInSwap,
    /// A start within a storm of deadlines takes it for worked off.
    StormForgotten,
    /// Markers at the log's end are never passed.
    MarkersNotPassed,
    /// A record that is given twice is folded twice.
    FoldedTwice,
    /// The wall clock is read after the log's end was asked for.
    TickAfterEnd,
    /// A swap is told and not recorded.
    SwapUnrecorded,
    /// An expelled member commits.
    CommitOfExpelled,
    /// A checkpoint has the clock of the memory, which went on since the commit.
    ClockBeyondCommit,
    /// The record that a partition waits at is passed over.
    AwaitedSkipped,
    /// A record whose schema nobody knows yet is a dead letter.
    UnknownBuried,
    /// A partition that waits follows the reading, which is beyond the record already.
    MarkersBeyondHold,
    /// A partition that waits is given back resting: whoever gets it next in this process never hears of it.
    RestKept,
    /// A snapshot that is ahead of the commit is used.
    SnapshotAhead,
    /// A snapshot is read on from where the store that gave way to it stood.
    SnapshotMisplaced,
    /// A coordinator that has not caught up is believed.
    StaleCommitTaken,
    /// A state of before a rebuild is used.
    FormerStateUsed,
    /// What was told stays in the open transaction, and more is folded.
    TransactionLeftOpen,
    /// A start within a storm of deadlines folds on before what was told ahead of the clock is known again.
    FoldAhead,
    /// A start within a storm of deadlines passes over what may have been raised and superseded in it.
    ResumedAtOnce,
    /// Who has lost all brokers is waited for.
    NoVigil,
}

impl Planted {
    /// All of them, each with the first seed that finds it.
    pub(super) const ALL: [(Self, u64); 30] = [
        (Self::StoreAhead, 1),
        (Self::WallInBacklog, 1),
        (Self::ZombieCommit, 21),
        (Self::CountInRefold, 2),
        (Self::TimerLost, 1),
        (Self::ClockForgotten, 2),
        (Self::NoReload, 4),
        (Self::LoudRefold, 3),
        (Self::SwapNotRefolded, 2),
        (Self::CheckpointInSwap, 553),
        (Self::FoldInSwap, 19),
        (Self::StormForgotten, 2),
        (Self::MarkersNotPassed, 1),
        (Self::FoldedTwice, 3),
        (Self::TickAfterEnd, 21),
        (Self::SwapUnrecorded, 2),
        (Self::CommitOfExpelled, 175),
        (Self::ClockBeyondCommit, 2),
        (Self::AwaitedSkipped, 4),
        (Self::UnknownBuried, 4),
        (Self::MarkersBeyondHold, 4),
        (Self::RestKept, 22),
        (Self::SnapshotAhead, 944),
        (Self::SnapshotMisplaced, 19),
        (Self::StaleCommitTaken, 98),
        (Self::FormerStateUsed, 10),
        (Self::TransactionLeftOpen, 1),
        (Self::FoldAhead, 2),
        (Self::ResumedAtOnce, 3),
        (Self::NoVigil, 103),
    ];
}

thread_local! {
    static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
}

pub(super) fn plant(fault: Option<Planted>) {
    PLANTED.set(fault);
}

/// Whether this fault is to be committed.
pub(crate) fn is(fault: Planted) -> bool {
    PLANTED.get() == Some(fault)
}
