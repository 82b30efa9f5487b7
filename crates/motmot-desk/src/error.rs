//! What can go wrong, in words for whoever reads them at night.

use rdkafka::error::KafkaError;

/// What the library says of a property that it refuses, without the property's value: it may be a password.
pub(crate) fn refused(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, description, property, _) => format!("{description} ({property})"),
        other => other.to_string(),
    }
}

/// The desk could not be started. None of these mends itself.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// A librdkafka property was refused.
    #[error("the desk's Kafka consumer cannot be made: {0}; look at the section [kafka] of the configuration")]
    Consumer(String),
    /// A metric's name is taken, or a label value cannot be one.
    #[error("the desk's metrics cannot be registered: {0}; is there another desk in this process?")]
    Metrics(#[from] prometheus::Error),
    /// The operating system gave no thread.
    #[error("the desk's thread cannot be started: {0}; is the limit on processes (ulimit -u) reached?")]
    Thread(#[source] std::io::Error),
}

/// What keeps a running desk from its work now. It goes on trying; each of these ends by itself once its cause has been mended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The brokers cannot be reached, or refuse.
    #[error("the desk cannot read topic {topic} from {brokers}: {detail}; what is shown is as of the last contact")]
    NoContact {
        /// The topic.
        topic: String,
        /// The brokers as configured.
        brokers: String,
        /// What the client says.
        detail: String,
    },
    /// The topic does not exist.
    #[error(
        "topic {topic} does not exist: create it with `motmot topics --create`, or name another in the configuration (topics.moments)"
    )]
    NoTopic {
        /// The topic.
        topic: String,
    },
    /// What the desk was about to read is not in the log: the topic was made anew or its start has moved past the desk.
    #[error("topic {topic} does not hold what comes next ({detail}): reading all of it again")]
    LogMoved {
        /// The topic.
        topic: String,
        /// What was found.
        detail: String,
    },
    /// The schema registry has not given the schema of the next record.
    #[error("the desk waits at {topic}-{partition}@{offset}: {detail}; what is shown is as of the records before it")]
    NoSchema {
        /// The topic.
        topic: String,
        /// The record's partition.
        partition: i32,
        /// The record's offset.
        offset: i64,
        /// What keeps the registry from answering.
        detail: String,
    },
    /// The desk's thread has ended; the process must be restarted.
    #[error("the desk has stopped by a fault of its own: restart the process, and report what it said last")]
    Ended,
}
