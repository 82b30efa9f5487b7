//! What the commands that read or write a topic have in common.

use anyhow::bail;
use motmot_core::Timestamp;
use motmot_stream::{Bound, KafkaConfig};
use rdkafka::config::ClientConfig;

use crate::failure::Usage;

/// Where a stretch of a topic begins or ends: a whole number is an offset, anything else an instant, nothing the edge.
pub(super) fn bound(option: &str, text: Option<&str>) -> anyhow::Result<Bound> {
    let Some(text) = text else { return Ok(Bound::Edge) };
    let offset = text.parse().ok().filter(|offset| *offset >= 0).map(Bound::Offset);
    match offset.or_else(|| Timestamp::parse(text).ok().map(Bound::Instant)) {
        Some(bound) => Ok(bound),
        None => bail!(Usage(format!(
            "{option} is `{text}`; it should be an offset (a whole number) or an instant, such as 2026-03-01T00:00:00Z"
        ))),
    }
}

/// A producer's settings: the user's properties, then what motmot's topics demand.
pub(super) fn producer(kafka: &KafkaConfig) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("compression.type", "lz4").set("linger.ms", "50");
    for (name, value) in &kafka.properties {
        client.set(name, value);
    }
    client
        .set("bootstrap.servers", &kafka.brokers)
        // A key's partition must be the one where Java producers put it: the worker refuses all others.
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .set("message.max.bytes", "20971520");
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_an_offset_and_a_date_an_instant() {
        assert_eq!(bound("--from", None).unwrap(), Bound::Edge);
        assert_eq!(bound("--from", Some("17")).unwrap(), Bound::Offset(17));
        assert_eq!(bound("--from", Some("1970-01-01T00:00:01Z")).unwrap(), Bound::Instant(Timestamp::from_millis(1_000)));
        let error = bound("--to", Some("yesterday")).unwrap_err();
        assert!(error.to_string().contains("--to is `yesterday`") && error.is::<Usage>());
    }
}
