//! What the desk must be told.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

/// The desk's configuration. Every field has a default.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeskConfig {
    /// The brokers to start from: HOST:PORT, separated by commas. Default `localhost:9092`.
    pub brokers: String,
    /// The table of critical moments. Default `motmot.moments`.
    pub topic: String,
    /// Any librdkafka properties (`security.protocol`, `sasl.username` …), except those on which the desk's correctness rests:
    /// they win over what is given here.
    pub properties: BTreeMap<String, String>,
    /// How often the ends of the partitions are asked for, in ms: how fresh lag and "caught up" are. Default 5,000.
    pub probe_interval_ms: u64,
    /// How often new partitions are looked for, in ms. Default 30,000.
    pub partitions_interval_ms: u64,
    /// A moment whose own instant lies further back than this when it is first told is history: it does not count in
    /// `motmot_moments_flagged_total`. In ms; default 900,000 (15 min, the window of the rate alerts).
    pub flagged_within_ms: u64,
}

impl Default for DeskConfig {
    fn default() -> Self {
        Self {
            brokers: "localhost:9092".to_owned(),
            topic: "motmot.moments".to_owned(),
            properties: BTreeMap::new(),
            probe_interval_ms: 5_000,
            partitions_interval_ms: 30_000,
            flagged_within_ms: 900_000,
        }
    }
}

impl DeskConfig {
    pub(crate) fn probe_interval(&self) -> Duration {
        Duration::from_millis(self.probe_interval_ms)
    }

    pub(crate) fn partitions_interval(&self) -> Duration {
        Duration::from_millis(self.partitions_interval_ms)
    }
}

/// Names of properties only: their values may be passwords.
impl fmt::Debug for DeskConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeskConfig")
            .field("brokers", &self.brokers)
            .field("topic", &self.topic)
            .field("properties", &self.properties.keys())
            .field("probe_interval_ms", &self.probe_interval_ms)
            .field("partitions_interval_ms", &self.partitions_interval_ms)
            .field("flagged_within_ms", &self.flagged_within_ms)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        let properties = BTreeMap::from([("sasl.password".to_owned(), "hunter2".to_owned())]);
        let words = format!("{:?}", DeskConfig { properties, ..DeskConfig::default() });
        assert!(words.contains("sasl.password") && !words.contains("hunter2"), "{words}");
    }
}
