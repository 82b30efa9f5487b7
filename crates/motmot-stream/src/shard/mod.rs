//! A shard: one thread with one consumer, one transactional producer, and the partitions that the group gave it.
//!
//! One owner, one loop: answer rebalances, swap a strategy, take a batch, fold it, move the clocks, tell, commit, checkpoint; in that
//! order, on one thread. What must never happen: a store ahead of the commit, an offset committed without its outputs, a word told twice with
//! another content. [`run`] starts over after an aborted transaction as after a crash: from the store and the commit, and nothing else.

mod assign;
mod hold;
mod library;
mod partition;
mod rebalance;
mod refold;
mod reload;
mod session;
mod swap;

use std::time::Duration;

use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::outbox::Outbox;
use crate::worker::{Shared, Shutdown};

use session::Session;

/// Aborts in a row after which a shard ends: something is wrong that starting over does not mend.
const MAX_ABORTS: u32 = 8;
/// Of these, so many without another membership.
const MAX_ABORTS_ON_THE_SPOT: u32 = 4;

/// Runs a shard until it is asked to stop, or cannot go on.
pub(crate) fn run(shared: &Shared, index: usize, shutdown: &Shutdown) -> Result<(), WorkerError> {
    let member = shared.config.member(index);
    let mut outbox = Outbox::open(&shared.config, &member, shared.max_message_bytes, shared.writer.clone())?;
    let mut aborts = 0;
    loop {
        let mut session = Session::join(shared, &member, &mut outbox)?;
        let mut ended = session.run(shutdown);
        // What is aborted now and then is done again on the spot; what is aborted again and again may need another membership.
        while let Err(Interrupt::Aborted(detail)) = &ended
            && (aborts < MAX_ABORTS_ON_THE_SPOT || session.has_committed)
        {
            aborts = if session.has_committed { 1 } else { aborts + 1 };
            note_abort(shared, &member, detail, aborts);
            std::thread::sleep(Duration::from_millis(50) * aborts);
            ended = session.reload().and_then(|()| session.run(shutdown));
        }
        let has_committed = session.has_committed;
        session.close();
        match ended {
            Ok(()) => return Ok(()),
            Err(Interrupt::End(error)) => {
                // Best effort: a dead producer cannot abort; its transaction ends by itself.
                if let Err(abort) = outbox.abort() {
                    tracing::debug!(member, error = %abort, "the open transaction was left to its time-out");
                }
                return Err(error);
            }
            Err(Interrupt::Aborted(detail)) => {
                aborts = if has_committed { 1 } else { aborts + 1 };
                note_abort(shared, &member, &detail, aborts);
                outbox.abort()?;
                if aborts >= MAX_ABORTS {
                    return Err(WorkerError::AbortedTooOften { member, count: aborts, detail });
                }
                std::thread::sleep(Duration::from_millis(100) * aborts);
            }
        }
    }
}

fn note_abort(shared: &Shared, member: &str, detail: &str, aborts: u32) {
    shared.metrics.aborts.inc();
    tracing::warn!(member, detail, aborts, "the transaction was aborted: loading the last checkpoint and folding again");
}
