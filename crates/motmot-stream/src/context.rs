//! librdkafka's own words in the worker's log.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
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

impl ConsumerContext for Log {}

/// A client that is only asked questions. The library answers what cannot be asked by "transport failure" or "timed out"; the reason it
/// only logs: it is kept here.
#[derive(Debug)]
pub(crate) struct Asking {
    log: Log,
    reason: Mutex<Option<Reason>>,
}

/// How often and how long the library's queue is served for its reasons: some hundred milliseconds after seconds of asking in vain.
const SERVED: usize = 30;
const SERVE: Duration = Duration::from_millis(10);

/// Why a connection or a login failed.
#[derive(Clone, Debug)]
struct Reason {
    words: String,
    /// What mends it; none: any later reason tells as much.
    mend: Option<&'static str>,
}

impl Asking {
    pub(crate) fn new(client: String) -> Self {
        Self { log: Log { client }, reason: Mutex::default() }
    }

    /// What a question failed of, with its mend: the reason if one was given meanwhile, else the failure itself.
    pub(crate) fn cause(consumer: &BaseConsumer<Self>, failed: &KafkaError) -> String {
        // The library's words lie in a queue until somebody polls.
        for _ in 0..SERVED {
            let _ = consumer.poll(SERVE);
        }
        let known = consumer.context().reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.map_or_else(|| failed.to_string(), |Reason { words, mend }| format!("{words}{}", mend.unwrap_or_default()))
    }
}

/// The reason in a line of the library's log, if it is one.
fn reason(facility: &str, message: &str) -> Option<Reason> {
    // Before it stands the name of a thread.
    let words = message.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: ")).map_or(message, |(_, words)| words);
    let mend = match facility {
        "OIDC" => Some(". Check kafka.oauth_token_url, kafka.oauth_client_id and kafka.oauth_client_secret_file"),
        // The broker's complaint, which depends on its TLS: bad certificate, certificate required, unknown ca.
        "FAIL" if words.contains(" alert ") && (words.contains("certificate") || words.contains("unknown ca")) => {
            Some(". The brokers ask for a certificate of ours that they trust: kafka.ssl_certificate_file and kafka.ssl_key_file")
        }
        "FAIL" if words.contains("SSL handshake failed") => Some(
            ". Check kafka.ssl_ca_file, and that kafka.brokers names the brokers as their certificates do, which must be in date",
        ),
        "FAIL" if words.contains("SASL") => {
            Some(". Check kafka.sasl_mechanism, kafka.sasl_username and kafka.sasl_password_file (OAUTHBEARER: kafka.oauth_…)")
        }
        "FAIL" => None,
        _ => return None,
    };
    Some(Reason { words: words.to_owned(), mend })
}

impl ClientContext for Asking {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.log(level, facility, message);
        let Some(found) = reason(facility, message) else { return };
        let mut known = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_none_or(|known| known.mend.is_none()) {
            *known = Some(found);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }
}

impl ConsumerContext for Asking {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mends_a_failure_is_said_and_stays_said() {
        let check = |lines: &[(&str, &str)], expected: Option<(&str, &str)>| {
            let asking = Asking::new("test".to_owned());
            lines.iter().for_each(|(facility, message)| asking.log(RDKafkaLogLevel::Error, facility, message));
            let known = asking.reason.lock().unwrap().clone();
            let found = known.as_ref().map(|Reason { words, mend }| (words.as_str(), mend.unwrap_or_default()));
            let is_so = match (found, expected) {
                (Some((words, mend)), Some((expected, key))) => words == expected && mend.contains(key),
                (found, expected) => found == expected,
            };
            assert!(is_so, "{found:?}");
        };
        check(&[("REQTMOUT", "[thrd:x]: 1 request timed out")], None);
        check(&[("FAIL", "[thrd:a/bootstrap]: a:1/bootstrap: Connect failed")], Some(("a:1/bootstrap: Connect failed", "")));
        let login = ("FAIL", "[thrd:a]: a:1: SASL authentication error: Invalid username or password");
        let told = Some(("a:1: SASL authentication error: Invalid username or password", "kafka.sasl_password_file"));
        check(&[login], told);
        check(&[login, ("FAIL", "[thrd:a]: a:1: Disconnected")], told);
        for alert in ["SSL routines::sslv3 alert bad certificate", "SSL routines::tlsv13 alert certificate required"] {
            check(&[("FAIL", alert)], Some((alert, "kafka.ssl_certificate_file")));
        }
        check(&[("FAIL", "a:1: SSL handshake failed: x")], Some(("a:1: SSL handshake failed: x", "kafka.ssl_ca_file")));
    }
}
