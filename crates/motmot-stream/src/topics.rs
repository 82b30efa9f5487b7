//! The topics: what a worker demands of them, and making them.

use std::time::{Duration, Instant};

use motmot_wire::Writer;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::client;
use crate::config::{InputTimestamps, KafkaConfig, TopicNames, WorkerConfig};
use crate::context::Asking;
use crate::error::WorkerError;
use crate::native;

/// How long a broker may take to answer the first question.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the producer may send at least in one request.
const MIN_MESSAGE_BYTES: usize = 16 << 20;
/// What an output topic must take whatever the input allows: a cycle's row with its key and its headers.
const ROW_BYTES: usize = Writer::MAX_CYCLE + (16 << 10);
/// What a topic takes if nothing else is said: enough for a row.
const BROKER_DEFAULT: usize = 1_048_588;
const _: () = assert!(ROW_BYTES <= BROKER_DEFAULT);
/// What a dead letter has beyond the record that died: its headers.
const ENVELOPE_BYTES: usize = 64 << 10;
/// How long the tables keep a row that is not told again.
const TABLE_RETENTION_MS: &str = "7776000000"; // 90 d

/// What a worker must know of its input.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) partitions: i32,
    /// Empty where the broker names none.
    pub(crate) topic_id: String,
    pub(crate) max_message_bytes: usize,
    /// How long the topic keeps a record, in ms; none: for ever, or the broker does not say.
    pub(crate) retention_ms: Option<u64>,
}

/// Checks what a worker's correctness rests on.
pub(crate) fn inspect(config: &WorkerConfig) -> Result<Input, WorkerError> {
    let WorkerConfig { kafka, topics: names, input_timestamps: timestamps, .. } = config;
    let timestamps = *timestamps;
    let broker = Broker::connect(kafka)?;
    let partitions = broker.partitions(&names.touchpoints)?.ok_or_else(|| broker.missing(&names.touchpoints))?;
    for output in outputs(names) {
        let found = broker.partitions(output)?.ok_or_else(|| broker.missing(output))?;
        if found != partitions {
            let input = names.touchpoints.clone();
            return Err(WorkerError::PartitionCount { topic: output.to_owned(), found, input, expected: partitions });
        }
    }
    broker.partitions(&names.strategies)?.ok_or_else(|| broker.missing(&names.strategies))?;
    if config.is_mock_cluster {
        return Ok(Input { partitions, topic_id: String::new(), max_message_bytes: MIN_MESSAGE_BYTES, retention_ms: None });
    }
    let settings = match broker.settings(&names.touchpoints) {
        Ok(settings) => Some(settings),
        // Whoever may not ask for the configuration: the user has vouched for the clocks.
        Err(_) if timestamps == InputTimestamps::Producer => None,
        Err(error) => return Err(error),
    };
    let setting = |name: &str| settings.as_ref()?.get(name)?.value.clone();
    if timestamps == InputTimestamps::LogAppend {
        let found = setting(TIMESTAMP_TYPE).unwrap_or_default();
        if found != LOG_APPEND_TIME {
            let topic = names.touchpoints.clone();
            return Err(WorkerError::ProducersClock { topic, found, brokers: kafka.brokers.clone() });
        }
    }
    let input_bytes = setting(MAX_BYTES).and_then(|value| value.parse().ok()).unwrap_or(0_usize);
    for output in outputs(names) {
        let needed = if output == names.dead_letters { input_bytes + ENVELOPE_BYTES } else { ROW_BYTES };
        // Whoever may not ask is told when a record is refused.
        let found = broker.settings(output).ok().and_then(|found| found.get(MAX_BYTES)?.value.as_ref()?.parse().ok());
        if let Some(found) = found.filter(|found| *found < needed) {
            let (topic, brokers) = (output.to_owned(), kafka.brokers.clone());
            return Err(WorkerError::SmallTopic { topic, found, needed, brokers });
        }
    }
    let topic_id = native::topic_id(broker.consumer.client(), &names.touchpoints, PATIENCE).unwrap_or_default();
    let max_message_bytes = MIN_MESSAGE_BYTES.max(input_bytes.saturating_add(ENVELOPE_BYTES));
    let retention_ms = setting(RETENTION).and_then(|value| value.parse().ok()); // −1, for ever, is no such number
    Ok(Input { partitions, topic_id, max_message_bytes, retention_ms })
}

/// The partitions of a topic, and its id.
pub(crate) fn identity(kafka: &KafkaConfig, topic: &str) -> Result<(i32, String), WorkerError> {
    let broker = Broker::connect(kafka)?;
    let partitions = broker.partitions(topic)?.ok_or_else(|| broker.missing(topic))?;
    Ok((partitions, native::topic_id(broker.consumer.client(), topic, PATIENCE).unwrap_or_default()))
}

const TIMESTAMP_TYPE: &str = "message.timestamp.type";
const LOG_APPEND_TIME: &str = "LogAppendTime";
const MAX_BYTES: &str = "max.message.bytes";
const CLEANUP: &str = "cleanup.policy";
const RETENTION: &str = "retention.ms";

fn outputs(names: &TopicNames) -> [&str; 3] {
    [&names.moments, &names.cycles, &names.dead_letters]
}

/// How topics that are missing are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creation {
    /// Partitions of each; the input's own number, if the input is there already.
    pub partitions: i32,
    /// Copies of each partition.
    pub replication: i32,
}

/// What was made, and what is not as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicReport {
    /// Topics made now.
    pub created: Vec<String>,
    /// Topics that are not there.
    pub missing: Vec<String>,
    /// What differs from what is recommended or demanded, in words with the mend; nothing was changed.
    pub differences: Vec<String>,
}

/// Compares the topics with what a worker wants, and makes the missing ones if `creation` says how. Existing ones are left alone.
///
/// # Errors
/// When no broker answers, or it refuses.
pub fn create_and_check(
    kafka: &KafkaConfig,
    names: &TopicNames,
    timestamps: InputTimestamps,
    creation: Option<Creation>,
) -> Result<TopicReport, WorkerError> {
    let broker = Broker::connect(kafka)?;
    let mut report = TopicReport::default();
    let input_partitions = broker.partitions(&names.touchpoints)?;
    let mut input_bytes = None;
    for topic in std::iter::once(names.touchpoints.as_str()).chain(outputs(names)).chain([names.strategies.as_str()]) {
        let found = if topic == names.touchpoints { input_partitions } else { broker.partitions(topic)? };
        let wanted = Wanted::of(topic, names, timestamps, input_bytes);
        match (found, creation) {
            (Some(partitions), _) => {
                let settings = broker.settings(topic)?;
                report.differences.extend(wanted.differences(kafka, topic, &settings));
                let expected = if topic == names.strategies { None } else { input_partitions };
                if let Some(expected) = expected.filter(|expected| *expected != partitions) {
                    let error = WorkerError::PartitionCount {
                        topic: topic.to_owned(),
                        found: partitions,
                        input: names.touchpoints.clone(),
                        expected,
                    };
                    report.differences.push(error.to_string());
                }
                if topic == names.touchpoints {
                    input_bytes = settings.get(MAX_BYTES).and_then(|entry| entry.value.as_ref()?.parse().ok());
                }
            }
            (None, Some(creation)) => {
                // The strategies are few, and their order among themselves counts.
                let is_one = topic == names.strategies;
                let partitions = if is_one { 1 } else { input_partitions.unwrap_or(creation.partitions) };
                if broker.create(topic, partitions, creation.replication, &wanted)? {
                    report.created.push(topic.to_owned());
                }
                broker.await_topic(topic)?;
            }
            (None, None) => report.missing.push(topic.to_owned()),
        }
    }
    Ok(report)
}

/// Settings that a topic is made with and compared to.
struct Wanted {
    settings: Vec<(&'static str, String)>,
    /// A larger value of this one is as good.
    at_least: &'static str,
}

impl Wanted {
    fn of(topic: &str, names: &TopicNames, timestamps: InputTimestamps, input_bytes: Option<usize>) -> Self {
        let mut settings = Vec::new();
        if topic == names.touchpoints {
            if timestamps == InputTimestamps::LogAppend {
                settings.push((TIMESTAMP_TYPE, LOG_APPEND_TIME.to_owned()));
            }
        } else if topic == names.dead_letters {
            settings.push((MAX_BYTES, (input_bytes.unwrap_or(BROKER_DEFAULT) + ENVELOPE_BYTES).to_string()));
        } else if topic == names.strategies {
            settings.push((CLEANUP, "compact".to_owned()));
        } else {
            settings.push((CLEANUP, "compact,delete".to_owned()));
            settings.push((RETENTION, TABLE_RETENTION_MS.to_owned()));
            settings.push((MAX_BYTES, BROKER_DEFAULT.to_string()));
        }
        Self { settings, at_least: MAX_BYTES }
    }

    fn differences(&self, kafka: &KafkaConfig, topic: &str, found: &ConfigResource) -> Vec<String> {
        let number = |text: &str| text.parse::<u64>().ok();
        let mut differences = Vec::new();
        for (name, wanted) in &self.settings {
            let value = found.get(name).and_then(|entry| entry.value.as_deref()).unwrap_or_default();
            let is_enough = *name == self.at_least && number(value) >= number(wanted);
            // A list has no order.
            let is_equal =
                value.len() == wanted.len() && wanted.split(',').all(|word| value.split(',').any(|v| v.trim() == word));
            if !is_enough && !is_equal {
                differences.push(format!(
                    "{topic}: {name} is {value}, it should be {wanted}: kafka-configs.sh --bootstrap-server {} --alter --entity-type topics \
                     --entity-name {topic} --add-config {name}=[{wanted}]",
                    kafka.brokers
                ));
            }
        }
        differences
    }
}

/// A connection for questions.
struct Broker<'k> {
    kafka: &'k KafkaConfig,
    /// For metadata: a consumer's question does not make a topic that is missing.
    consumer: BaseConsumer<Asking>,
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

impl<'k> Broker<'k> {
    fn connect(kafka: &'k KafkaConfig) -> Result<Self, WorkerError> {
        let config = client::base(kafka, "motmot-topics");
        let asking = Asking::new("motmot-topics".to_owned());
        let consumer = config.create_with_context(asking).map_err(WorkerError::ClientConfig)?;
        let admin = config.create().map_err(WorkerError::ClientConfig)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|e| WorkerError::Thread { member: "topics".to_owned(), what: format!("could not be started: {e}") })?;
        Ok(Self { kafka, consumer, admin, runtime })
    }

    fn unreachable(&self, error: &KafkaError) -> WorkerError {
        WorkerError::Unreachable { brokers: self.kafka.brokers.clone(), detail: Asking::cause(&self.consumer, error) }
    }

    fn missing(&self, topic: &str) -> WorkerError {
        WorkerError::MissingTopic { topic: topic.to_owned(), brokers: self.kafka.brokers.clone() }
    }

    fn refused(doing: &'static str, topic: &str, code: RDKafkaErrorCode) -> WorkerError {
        WorkerError::Kafka { member: topic.to_owned(), doing, detail: code.to_string() }
    }

    /// None: there is no such topic.
    fn partitions(&self, topic: &str) -> Result<Option<i32>, WorkerError> {
        let metadata = self.consumer.fetch_metadata(Some(topic), PATIENCE).map_err(|e| self.unreachable(&e))?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
        match found.error().map(RDKafkaErrorCode::from) {
            None => Ok(Some(i32::try_from(found.partitions().len()).unwrap_or(i32::MAX)).filter(|count| *count > 0)),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(None),
            Some(code) => Err(Self::refused("asking for its partitions", topic, code)),
        }
    }

    fn settings(&self, topic: &str) -> Result<ConfigResource, WorkerError> {
        const DOING: &str = "asking for its configuration";
        let resource = [ResourceSpecifier::Topic(topic)];
        let options = AdminOptions::new().request_timeout(Some(PATIENCE));
        let asked = self.runtime.block_on(self.admin.describe_configs(&resource, &options));
        let first = asked.map_err(|e| self.unreachable(&e))?.into_iter().next();
        first.unwrap_or(Err(RDKafkaErrorCode::UnknownTopic)).map_err(|code| Self::refused(DOING, topic, code))
    }

    /// Waits until the brokers know of a topic that the controller has made: whoever starts a worker next must find it.
    fn await_topic(&self, topic: &str) -> Result<(), WorkerError> {
        let begun = Instant::now();
        while self.partitions(topic)?.is_none() {
            if begun.elapsed() > PATIENCE {
                return Err(self.missing(topic));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// False: somebody else has just made it.
    fn create(&self, topic: &str, partitions: i32, replication: i32, wanted: &Wanted) -> Result<bool, WorkerError> {
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(replication));
        for (name, value) in &wanted.settings {
            new = new.set(name, value);
        }
        let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
        let asked = self.runtime.block_on(self.admin.create_topics([&new], &options));
        match asked.map_err(|e| self.unreachable(&e))?.into_iter().next() {
            Some(Ok(_)) => Ok(true),
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(false),
            Some(Err((_, code))) => Err(Self::refused("making it", topic, code)),
            None => Err(Self::refused("making it", topic, RDKafkaErrorCode::Unknown)),
        }
    }
}
