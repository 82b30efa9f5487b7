//! librdkafka's own words in the worker's log.

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
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

impl rdkafka::consumer::ConsumerContext for Log {}
