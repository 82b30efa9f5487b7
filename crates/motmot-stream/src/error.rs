//! What can end a worker, in words for whoever is woken by it.

use motmot_core::engine::BoxError;
use motmot_snapshot::SnapshotError;
use motmot_store::StoreError;
use rdkafka::error::KafkaError;

/// What the library says of a configuration that it refuses, and what mends it; without a property's value: it may be a password.
fn refused(error: &KafkaError) -> String {
    let words = match error {
        KafkaError::ClientConfig(_, description, property, _) => format!("{description} ({property})"),
        other => other.to_string(),
    };
    let is_about = |what: &str| words.contains(what);
    let mend = if is_about("ssl.key.location") || is_about("private key") {
        "Check kafka.ssl_key_file, its password in kafka.ssl_key_password_file, and that kafka.ssl_certificate_file belongs to it"
    } else if is_about("ssl.certificate.location") {
        "Check kafka.ssl_certificate_file: it should be a certificate (PEM)"
    } else if is_about("ssl.ca.location") {
        "Check kafka.ssl_ca_file: it should hold certificates (PEM)"
    } else {
        "Check `kafka.properties`"
    };
    format!("{words}. {mend}")
}

/// Why a worker does not start, or ends.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// librdkafka refuses the configuration.
    #[error("Kafka's client does not accept the configuration: {}", refused(.0))]
    ClientConfig(KafkaError),
    /// No broker answers.
    #[error("no broker answers at {brokers}: {detail}. Check `kafka.brokers`, the network, and whether the broker runs")]
    Unreachable {
        /// The configured brokers.
        brokers: String,
        /// What librdkafka said.
        detail: String,
    },
    /// A topic is not there.
    #[error("the topic {topic} does not exist at {brokers}. Create it: motmot topics --create")]
    MissingTopic {
        /// Its name.
        topic: String,
        /// The configured brokers.
        brokers: String,
    },
    /// The input's timestamps are the producers'.
    #[error(
        "the topic {topic} carries its producers' clocks (message.timestamp.type is {found}), and what is late is decided by the \
         broker's. Either let the broker stamp the records: kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type topics \
         --entity-name {topic} --add-config message.timestamp.type=LogAppendTime (records written before keep their stamps), or, if you \
         vouch for the producers' clocks, set input.timestamps = \"producer\""
    )]
    ProducersClock {
        /// The input topic.
        topic: String,
        /// What `message.timestamp.type` is.
        found: String,
        /// The configured brokers.
        brokers: String,
    },
    /// An output topic has another number of partitions than the input.
    #[error(
        "the topic {topic} has {found} partitions, the input {input} has {expected}: a cycle's outputs go to its own partition's \
         number, so they must be equal. Make {topic} anew with {expected} partitions, or name another one in the configuration"
    )]
    PartitionCount {
        /// The output topic.
        topic: String,
        /// Its partitions.
        found: i32,
        /// The input topic.
        input: String,
        /// Its partitions.
        expected: i32,
    },
    /// An output topic takes smaller records than the worker may have to write.
    #[error(
        "the topic {topic} takes records of up to {found} bytes (max.message.bytes), and the worker may have to write {needed}: \
         a record that is refused would hold its partition up for good. Allow them: kafka-configs.sh --bootstrap-server {brokers} --alter \
         --entity-type topics --entity-name {topic} --add-config max.message.bytes={needed}"
    )]
    SmallTopic {
        /// The output topic.
        topic: String,
        /// Its limit.
        found: usize,
        /// The limit that it must have at least.
        needed: usize,
        /// The configured brokers.
        brokers: String,
    },
    /// What the store, the group and the topic say does not fit together.
    #[error("partition {topic}-{partition} cannot be started: {refusal}")]
    Refused {
        /// The input topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// What was found, and the mend.
        refusal: crate::start::Refusal,
    },
    /// Somebody is in the group whose state is to be given up.
    #[error("{members} shards are in the group {group}: stop its workers first, all of them, and run this again")]
    StillWorking {
        /// The group.
        group: String,
        /// How many.
        members: usize,
    },
    /// Snapshots.
    #[error("partition {topic}-{partition}: {source}")]
    Snapshot {
        /// The input topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// What went wrong.
        source: Box<SnapshotError>,
    },
    /// The store of snapshots cannot be used.
    #[error(transparent)]
    Snapshots(Box<SnapshotError>),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row of the store cannot be used.
    #[error("partition {topic}-{partition} at offset {offset}: the state cannot be read: {source}")]
    State {
        /// The input topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The next offset to fold.
        offset: i64,
        /// What the engine or the store said.
        source: BoxError,
    },
    /// An output could not be encoded: a fault of motmot's.
    #[error("partition {partition}: {source}")]
    Encode {
        /// The partition.
        partition: i32,
        /// What the encoder said.
        source: motmot_wire::EncodeError,
    },
    /// Another worker has its name in the group.
    #[error(
        "shard {member}: the group knows another member by this name, and has let this one go. Two workers must not have one name: give each \
         its own `worker.instance`. If the other is its successor, started while this process stood still, all is well; if there is none, a \
         broker that coordinated the group was lost before it had noted this member: start it again. Nothing is lost, it goes on from the \
         last commit"
    )]
    NameTaken {
        /// The shard's name in the group.
        member: String,
    },
    /// Kafka's client cannot go on, and another one could not either.
    #[error(
        "shard {member}, {doing}: {detail}. Nothing is lost: mend what it says and start it again, it goes on from the last commit"
    )]
    Fatal {
        /// The shard's name in the group.
        member: String,
        /// What was being done.
        doing: &'static str,
        /// What librdkafka said.
        detail: String,
    },
    /// The brokers, or Kafka's client, gave no answer for as long as it was waited for.
    #[error(
        "shard {member} waited in vain: {detail}. Nothing is lost: start it again, it goes on from the last commit. Look whether the \
         brokers run and can be reached, and whether the partitions of __transaction_state and __consumer_offsets have leaders"
    )]
    Unanswered {
        /// The shard's name in the group.
        member: String,
        /// What was being done, and what was heard last.
        detail: String,
    },
    /// Kafka refuses something that no repetition mends.
    #[error("shard {member}, {doing}: {detail}")]
    Kafka {
        /// The shard's name in the group.
        member: String,
        /// What was being done.
        doing: &'static str,
        /// What librdkafka said.
        detail: String,
    },
    /// The same partition's transaction was aborted again and again.
    #[error(
        "shard {member}: {count} transactions in a row were aborted, the last one because: {detail}. Look at the broker's log"
    )]
    AbortedTooOften {
        /// The shard's name in the group.
        member: String,
        /// How many.
        count: u32,
        /// What librdkafka said of the last one.
        detail: String,
    },
    /// A metric could not be registered: twice in one registry.
    #[error("the worker's metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A thread could not be started, or ended by a panic.
    #[error("shard {member} {what}")]
    Thread {
        /// The shard's name in the group.
        member: String,
        /// What happened.
        what: String,
    },
}
