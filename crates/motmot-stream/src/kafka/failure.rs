//! What librdkafka's errors ask for.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::port::{Answer, Failure};

/// As librdkafka says it: a transaction's error has no code for what became of one of its records.
const TOO_LARGE: &str = "Message size too large";

/// Reads a transactional error's own word on what to do.
pub(super) fn transactional(error: &KafkaError) -> Failure {
    let mut detail = error.to_string();
    // The same record would be refused again, for ever.
    if detail.contains(TOO_LARGE) {
        detail.push_str(". An output topic takes less than it did when the worker started: raise its max.message.bytes; `motmot topics` names it");
        return Failure { answer: Answer::Give, detail };
    }
    let answer = match error {
        // Not to be aborted and done again: a shard that joins anew would take the place back from its successor.
        KafkaError::Transaction(e) if e.code() == RDKafkaErrorCode::FencedInstanceId => Answer::Cede,
        // Fenced, too: a coordinator that ends an overdue transaction says so in the same words as one that knows another producer of the name.
        // Which it was, the group says.
        KafkaError::Transaction(e) if e.is_fatal() => Answer::Renew,
        KafkaError::Transaction(e) if e.txn_requires_abort() => Answer::Abort,
        KafkaError::Transaction(e) if e.is_retriable() => Answer::Retry,
        KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut) => Answer::Retry,
        // librdkafka refuses to produce once a transaction has failed; which way it failed, the abort will say.
        KafkaError::MessageProduction(_) => Answer::Abort,
        _ => Answer::Give,
    };
    Failure { answer, detail }
}

/// Whether a question may be asked again: a coordinator or a leader moves, or a transaction's offsets are not decided yet.
pub(crate) fn passing(error: &KafkaError) -> Failure {
    use RDKafkaErrorCode as Code;
    let passes = matches!(
        error.rdkafka_error_code(),
        Some(
            Code::NotCoordinator
                | Code::CoordinatorNotAvailable
                | Code::CoordinatorLoadInProgress
                | Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::UnstableOffsetCommit
                | Code::FencedLeaderEpoch
                | Code::UnknownLeaderEpoch
                | Code::OffsetNotAvailable
                | Code::ReplicaNotAvailable
                | Code::OperationTimedOut
                // no connection came up in time to ask by
                | Code::TimedOutQueue
                | Code::RequestTimedOut
                | Code::BrokerTransportFailure
                | Code::BrokerDestroy
                | Code::DestroyBroker
                | Code::AllBrokersDown
                | Code::NetworkException
                | Code::WaitingForCoordinator
                // brokers that have just come back may not know their partitions yet
                | Code::UnknownPartition
                | Code::UnknownTopicOrPartition
        )
    );
    Failure { answer: if passes { Answer::Retry } else { Answer::Give }, detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_no_broker_took_is_asked_again() {
        for (code, answer) in [
            (RDKafkaErrorCode::TimedOutQueue, Answer::Retry),
            (RDKafkaErrorCode::NotCoordinator, Answer::Retry),
            (RDKafkaErrorCode::GroupAuthorizationFailed, Answer::Give),
        ] {
            assert_eq!(passing(&KafkaError::MetadataFetch(code)).answer, answer, "{code}");
        }
    }
}
