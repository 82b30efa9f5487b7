//! What stops a shard in its work: an aborted transaction, after which it starts over, or an error that ends it.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

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

/// What an error of the transactional producer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Do the same once more.
    Retry,
    /// Abort the transaction.
    Abort,
    /// The producer is dead.
    Give,
}

/// Reads an error's own word on what to do.
pub(crate) fn answer(error: &KafkaError) -> Answer {
    match error {
        KafkaError::Transaction(e) if e.is_fatal() => Answer::Give,
        KafkaError::Transaction(e) if e.txn_requires_abort() => Answer::Abort,
        KafkaError::Transaction(e) if e.is_retriable() => Answer::Retry,
        KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut) => Answer::Retry,
        // librdkafka refuses to produce once a transaction has failed; which way it failed, the abort will say.
        KafkaError::MessageProduction(code) if *code != RDKafkaErrorCode::Fatal => Answer::Abort,
        _ => Answer::Give,
    }
}
