//! How long a shard waits, and what it says meanwhile.
//!
//! Every wait of a shard for Kafka ends: with the answer, at its bound, or, once the worker is asked to stop, soon. And whoever reads the
//! log learns what is waited for once it takes longer than [`USUAL`], and every [`NOTICE`] from then on. A wait that is silent, or that nobody can
//! end, is a fault.

use std::fmt::Display;
use std::time::Duration;

use crate::port::World;
use crate::worker::Shared;

/// What a busy broker may take for an answer, and nobody needs to hear of.
const USUAL: Duration = Duration::from_secs(2);
/// How often a wait is told of.
pub(crate) const NOTICE: Duration = Duration::from_secs(10);
/// A worker that is asked to stop waits for nothing longer than so.
pub(crate) const STOPPING: Duration = Duration::from_secs(5);

/// One wait.
pub(crate) struct Patience<'s, W: World> {
    shared: &'s Shared<W>,
    member: &'s str,
    doing: &'static str,
    bound: Duration,
    begun: Duration,
    next_notice: Duration,
}

impl<'s, W: World> Patience<'s, W> {
    /// Begins to wait for `doing`, for at most `bound`.
    pub(crate) fn new(shared: &'s Shared<W>, member: &'s str, doing: &'static str, bound: Duration) -> Self {
        Self { shared, member, doing, bound, begun: shared.world.elapsed(), next_notice: USUAL }
    }

    /// Whether to go on waiting, although `why`: asked after each refusal.
    pub(crate) fn lasts(&mut self, why: &dyn Display) -> bool {
        let waited = self.waited();
        let bound = if self.shared.stop.is_requested() { self.bound.min(STOPPING) } else { self.bound };
        if waited >= bound {
            return false;
        }
        if waited >= self.next_notice {
            self.next_notice = waited + NOTICE;
            tracing::warn!(member = self.member, seconds = waited.as_secs(), %why, "{}: waiting", self.doing);
        }
        true
    }

    /// Since when.
    pub(crate) fn waited(&self) -> Duration {
        self.shared.world.elapsed().saturating_sub(self.begun)
    }
}
