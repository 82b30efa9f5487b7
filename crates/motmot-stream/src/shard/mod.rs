//! A shard: one thread with one consumer, one transactional producer, and the partitions that the group gave it.
//!
//! One owner, one loop: answer rebalances, swap a strategy, take a batch, fold it, move the clocks, tell, commit, checkpoint; in that
//! order, on one thread. What must never happen: a store ahead of the commit, an offset committed without its outputs, a word told twice with
//! another content. A [`Shard`] starts over after an aborted transaction as after a crash: from the store and the commit, and nothing else.

mod assign;
mod hold;
mod library;
mod partition;
mod refold;
mod reload;
mod session;
mod swap;
mod whence;

use std::sync::Arc;
use std::time::Duration;

use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::outbox::Outbox;
use crate::port::World;
use crate::worker::Shared;

use session::Session;
#[cfg(test)]
pub(crate) use session::Standing;

/// Aborts in a row after which a shard ends: something is wrong that starting over does not mend.
const MAX_ABORTS: u32 = 8;
/// Of these, so many without another membership.
const MAX_ABORTS_ON_THE_SPOT: u32 = 4;

/// Runs a shard until it is asked to stop, or cannot go on.
pub(crate) fn run<W: World>(shared: &Arc<Shared<W>>, index: usize) -> Result<(), WorkerError> {
    let mut shard = Shard::start(shared, index)?;
    while !shared.stop.is_requested() {
        shard.step()?;
    }
    shard.stop()
}

/// A shard at work.
pub(crate) struct Shard<W: World> {
    /// None: it has ended.
    session: Option<Session<W>>,
    aborts: u32,
}

impl<W: World> Shard<W> {
    /// Shuts out a predecessor of the same name and joins the group.
    pub(crate) fn start(shared: &Arc<Shared<W>>, index: usize) -> Result<Self, WorkerError> {
        let outbox = Outbox::open(Arc::clone(shared), shared.config.member(index))?;
        let session = Session::join(Arc::clone(shared), outbox)?;
        Ok(Self { session: Some(session), aborts: 0 })
    }

    /// Does one turn of its loop. After an error it has ended.
    pub(crate) fn step(&mut self) -> Result<(), WorkerError> {
        let Some(mut session) = self.session.take() else { return Ok(()) };
        let turned = session.step();
        self.session = Some(self.go_on(session, turned)?);
        Ok(())
    }

    /// Commits and saves what there is, and leaves. What cannot be committed now is read again by whoever has the partitions next.
    pub(crate) fn stop(mut self) -> Result<(), WorkerError> {
        let Some(mut session) = self.session.take() else { return Ok(()) };
        let finished = session.finish();
        let outbox = session.leave();
        match finished {
            Ok(()) => Ok(()),
            Err(Interrupt::Aborted(detail) | Interrupt::Stuck(detail)) => {
                tracing::warn!(
                    member = outbox.member(),
                    detail,
                    "the last transaction was not committed: the next start reads it again"
                );
                let_go(outbox);
                Ok(())
            }
            Err(Interrupt::End(error)) => {
                let_go(outbox);
                Err(error)
            }
        }
    }

    /// Where its partitions stand.
    #[cfg(test)]
    pub(crate) fn standings(&self) -> Vec<Standing> {
        self.session.iter().flat_map(Session::standings).collect()
    }

    /// Starts over until there is nothing in the way. What is aborted now and then is done again on the spot; what is aborted again and
    /// again may need another membership.
    fn go_on(&mut self, mut session: Session<W>, mut turned: Result<(), Interrupt>) -> Result<Session<W>, WorkerError> {
        loop {
            let (detail, is_stuck) = match turned {
                Ok(()) => return Ok(session),
                Err(Interrupt::Aborted(detail)) => (detail, false),
                Err(Interrupt::Stuck(detail)) => (detail, true),
                Err(Interrupt::End(error)) => {
                    // Before it leaves: whatever leaving waits for, the reason is known.
                    tracing::warn!(member = session.outbox.member(), %error, "the shard leaves the group and ends");
                    let_go(session.leave());
                    return Err(error);
                }
            };
            let is_on_the_spot = !is_stuck && (self.aborts < MAX_ABORTS_ON_THE_SPOT || session.has_committed);
            self.aborts = if session.has_committed { 1 } else { self.aborts + 1 };
            let shared = Arc::clone(&session.shared);
            note_abort(&shared, session.outbox.member(), &detail, self.aborts, is_stuck);
            if is_on_the_spot {
                shared.world.sleep(Duration::from_millis(50) * self.aborts);
                turned = session.reload();
                continue;
            }
            let mut outbox = session.leave();
            let member = outbox.member().to_owned();
            if self.aborts >= MAX_ABORTS {
                let_go(outbox);
                return Err(WorkerError::AbortedTooOften { member, count: self.aborts, detail });
            }
            if is_stuck && shared.stop.is_requested() {
                return Err(WorkerError::Unanswered { member, detail });
            }
            // A producer that does not come back is not asked for an abort: the next one of its name ends what it left open.
            if is_stuck || outbox.abort().is_err() {
                drop(outbox);
                outbox = Outbox::open(Arc::clone(&shared), member)?;
            }
            shared.world.sleep(Duration::from_millis(100) * self.aborts);
            session = Session::join(shared, outbox)?;
            turned = Ok(());
        }
    }
}

/// Best effort: a dead producer cannot abort; its transaction ends by itself.
fn let_go<W: World>(mut outbox: Outbox<W>) {
    if let Err(abort) = outbox.abort() {
        tracing::debug!(?abort, "the open transaction was left to its time-out");
    }
}

fn note_abort<W: World>(shared: &Shared<W>, member: &str, detail: &str, aborts: u32, is_stuck: bool) {
    shared.metrics.aborts.inc();
    if is_stuck {
        tracing::warn!(
            member,
            detail,
            aborts,
            "Kafka's clients give no answer: new ones take their place, from the last commit on"
        );
    } else {
        tracing::warn!(member, detail, aborts, "the transaction was aborted: loading the last checkpoint and folding again");
    }
}
