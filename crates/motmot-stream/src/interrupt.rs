//! What stops a shard in its work: an aborted transaction, after which it starts over, or an error that ends it.

use crate::error::WorkerError;

/// Why a shard cannot go on as it is.
#[derive(Debug)]
pub(crate) enum Interrupt {
    /// The transaction must be aborted. Memory is ahead of what is committed: drop it, reload, fold again in silence.
    Aborted(String),
    /// The shard ends, and with it the worker.
    End(WorkerError),
}

impl<E: Into<WorkerError>> From<E> for Interrupt {
    fn from(error: E) -> Self {
        Self::End(error.into())
    }
}
