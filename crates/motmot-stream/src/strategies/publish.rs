//! Writes to the topic of strategies, outside any transaction: what it writes is content under its own name, or a wish.

use std::sync::Mutex;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::PARTITION;
use crate::client::{self, REQUEST_TIMEOUT};
use crate::config::KafkaConfig;
use crate::context::Log;
use crate::error::WorkerError;

/// Keeps the first failed delivery.
struct Deliveries {
    log: Log,
    failed: Mutex<Option<KafkaError>>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.log(level, facility, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error.clone());
        }
    }
}

/// Writes records of key and value (none: the key is removed), and waits until the brokers have them.
///
/// # Errors
/// When they do not take them.
pub fn publish(kafka: &KafkaConfig, topic: &str, records: &[(String, Option<&str>)]) -> Result<(), WorkerError> {
    let failed = |error: KafkaError| WorkerError::Kafka {
        member: topic.to_owned(),
        doing: "writing a strategy",
        detail: format!("{error}. Does the topic exist (motmot topics --create), and may this user write to it?"),
    };
    let context = Deliveries { log: Log { client: format!("writer of {topic}") }, failed: Mutex::default() };
    let mut config = client::base(kafka, "motmot-strategies");
    config.set("enable.idempotence", "true").set("message.timeout.ms", REQUEST_TIMEOUT.as_millis().to_string());
    let producer: BaseProducer<Deliveries> = config.create_with_context(context).map_err(WorkerError::ClientConfig)?;
    for (key, value) in records {
        let mut record = BaseRecord::<str, str>::to(topic).partition(PARTITION).key(key);
        record.payload = *value;
        producer.send(record).map_err(|(error, _)| failed(error))?;
    }
    producer.flush(REQUEST_TIMEOUT).map_err(failed)?;
    let first = producer.context().failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    first.map_or(Ok(()), |error| Err(failed(error)))
}
