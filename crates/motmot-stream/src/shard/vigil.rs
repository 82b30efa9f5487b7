//! A consumer that has fallen out of the group and does not come back.
//!
//! librdkafka may lose all brokers and never look for them again: when one that has just come back lists none
//! (confluentinc/librdkafka#5301). It says nothing then, and a shard without partitions misses nothing. So whoever has no place in the group
//! asks another client; if the brokers answer that one all along, it is not they who are away.

use std::time::Duration;

use super::session::Session;
use crate::interrupt::Interrupt;
use crate::port::{Group, World};

/// How often it is looked, and asked.
const LOOK: Duration = Duration::from_secs(10);
/// How long a place is waited for while the brokers answer. A join takes as long as the slowest member needs to let go of its partitions.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the answer may take.
const ANSWER: Duration = Duration::from_secs(1);

/// What is remembered of it.
pub(super) struct Vigil {
    next_look: Duration,
    /// When it was a member, or the brokers did not answer.
    settled: Duration,
}

impl Vigil {
    pub(super) fn new(now: Duration) -> Self {
        Self { next_look: now + LOOK, settled: now }
    }
}

impl<W: World> Session<W> {
    /// Gives the clients up that have no place in the group although the brokers are there.
    pub(super) fn watch_membership(&mut self) -> Result<(), Interrupt> {
        let now = self.shared.world.elapsed();
        if now < self.vigil.next_look {
            return Ok(());
        }
        self.vigil.next_look = now + LOOK;
        if self.group.membership().is_some_and(|membership| W::Group::is_member(&membership)) {
            self.vigil.settled = now;
            return Ok(());
        }
        if let Err(failure) = self.shared.world.log_ends(&[0], ANSWER) {
            self.vigil.settled = now;
            tracing::warn!(member = self.outbox.member(), %failure, "no place in the group, and no answer from the brokers");
            return Ok(());
        }
        let waited = now.saturating_sub(self.vigil.settled);
        if waited < PATIENCE || planted!(NoVigil) {
            return Ok(());
        }
        Err(Interrupt::Stuck(format!("no place in the group for {} s, although the brokers answer", waited.as_secs())))
    }
}
