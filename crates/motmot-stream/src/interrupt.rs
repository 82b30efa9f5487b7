//! What stops a shard in its work: an aborted transaction, after which it starts over, or an error that ends it.

use crate::error::WorkerError;

/// Why a shard cannot go on as it is.
#[derive(Debug)]
pub(crate) enum Interrupt {
    /// The transaction must be aborted. Memory is ahead of what is committed: drop it, reload, fold again in silence.
    Aborted(String),
    /// Kafka's clients do not come back, or it cannot be known what became of a transaction: they are given up with all that they hold, and new
    /// ones start from the last commit, as a new process would.
    Stuck(String),
    /// The shard ends, and with it the worker.
    End(WorkerError),
}

impl<E: Into<WorkerError>> From<E> for Interrupt {
    fn from(error: E) -> Self {
        Self::End(error.into())
    }
}
