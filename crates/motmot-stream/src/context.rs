//! librdkafka's own words in the worker's log.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};

/// A client's name in the log.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) client: String,
}

impl ClientContext for Log {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let client = self.client.as_str();
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::error!(client, facility, "{message}");
            }
            RDKafkaLogLevel::Warning => tracing::warn!(client, facility, "{message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::info!(client, facility, "{message}"),
            RDKafkaLogLevel::Debug => tracing::debug!(client, facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(client = self.client.as_str(), %error, "{reason}");
    }
}

impl ProducerContext for Log {
    type DeliveryOpaque = ();
    // A record that could not be delivered makes its transaction abort, which the commit reports.
    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

impl ConsumerContext for Log {}

/// A client that is only asked questions. The library answers one that cannot be asked with "timed out"; why, it says elsewhere: here.
#[derive(Debug)]
pub(crate) struct Asking {
    log: Log,
    worst: Mutex<Option<(u8, String)>>,
}

impl Asking {
    pub(crate) fn new(client: String) -> Self {
        Self { log: Log { client }, worst: Mutex::default() }
    }

    /// What a question failed of: the cause that the library named meanwhile, with its mend, else the failure itself.
    pub(crate) fn cause(consumer: &BaseConsumer<Self>, failed: &KafkaError) -> String {
        // Its words lie in the queue until somebody polls.
        for _ in 0..100 {
            if consumer.poll(Duration::ZERO).is_none() {
                break;
            }
        }
        let worst = consumer.context().worst.lock().unwrap_or_else(PoisonError::into_inner).clone();
        worst.map_or_else(|| failed.to_string(), |(_, words)| words)
    }
}

impl ClientContext for Asking {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let (weight, mend) = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => (
                3,
                "; check kafka.sasl_mechanism, kafka.sasl_username and kafka.sasl_password_file (with OAUTHBEARER: kafka.oauth_…)",
            ),
            Some(RDKafkaErrorCode::SSL) => (
                3,
                "; check kafka.ssl_ca_file, and that kafka.brokers names the brokers as their certificates do, which must be in date",
            ),
            Some(RDKafkaErrorCode::AllBrokersDown) => (1, ""),
            _ => (2, ""),
        };
        let mut worst = self.worst.lock().unwrap_or_else(PoisonError::into_inner);
        if worst.as_ref().is_none_or(|(known, _)| *known < weight) {
            *worst = Some((weight, format!("{reason}{mend}")));
        }
    }
}

impl ConsumerContext for Asking {}
