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
}

impl Planted {
    pub(super) const ALL: [Self; 17] = [
        Self::StoreAhead,
        Self::WallInBacklog,
        Self::ZombieCommit,
        Self::CountInRefold,
        Self::TimerLost,
        Self::ClockForgotten,
        Self::NoReload,
        Self::LoudRefold,
        Self::SwapNotRefolded,
        Self::CheckpointInSwap,
        Self::FoldInSwap,
        Self::MarkersNotPassed,
        Self::FoldedTwice,
        Self::TickAfterEnd,
        Self::SwapUnrecorded,
        Self::CommitOfExpelled,
        Self::ClockBeyondCommit,
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
