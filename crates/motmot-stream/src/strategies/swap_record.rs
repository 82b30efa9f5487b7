//! Where a partition went over to another strategy, as the topic of strategies has it.

use motmot_core::Timestamp;
use motmot_core::engine::Position;
use motmot_store::{Origin, StrategyId};
use serde::{Deserialize, Serialize};

const PREFIX: &str = "swap/";

/// A swap of one partition: with everything before `offset` folded and the clock at `clock_ms`, `from` was put out of force and `to` in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapRecord {
    /// The consumer group whose worker it was.
    pub group: String,
    /// The input topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// The partition's how many-eth swap it is, from 1.
    pub number: u64,
    /// The first offset that was not folded.
    pub offset: i64,
    /// The clock, in ms since 1970.
    pub clock_ms: i64,
    /// The stream time, in ms since 1970.
    pub stream_time_ms: i64,
    /// Where the partition's state began.
    #[serde(default, with = "text")]
    pub origin: Origin,
    /// The strategy before.
    #[serde(with = "text")]
    pub from: StrategyId,
    /// The strategy after.
    #[serde(with = "text")]
    pub to: StrategyId,
}

impl SwapRecord {
    /// The clock and the stream time.
    pub fn position(&self) -> Position {
        Position { now: Timestamp::from_millis(self.clock_ms), stream_time: Timestamp::from_millis(self.stream_time_ms) }
    }

    pub(crate) fn is_key(key: &str) -> bool {
        key.starts_with(PREFIX)
    }

    pub(crate) fn key(&self) -> String {
        let Self { group, topic, partition, number, .. } = self;
        format!("{PREFIX}{group}/{topic}/{partition}/{number}")
    }

    pub(crate) fn value(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // of texts and numbers: it cannot fail
    }

    /// None: somebody else wrote it.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        serde_json::from_str(value).ok()
    }
}

/// What has a text of its own, as that.
mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// From strategy `number` to the next, at offset 10 × `number` and clock 100 × `number`.
    pub(crate) fn swap(number: u64) -> SwapRecord {
        let times = i64::try_from(number).unwrap();
        SwapRecord {
            group: "motmot".to_owned(),
            topic: "in".to_owned(),
            partition: 3,
            number,
            offset: 10 * times,
            clock_ms: 100 * times,
            stream_time_ms: 100 * times - 1,
            origin: Origin::at(0),
            from: StrategyId { rules: number, text: number },
            to: StrategyId { rules: number + 1, text: number + 1 },
        }
    }

    #[test]
    fn round_trip() {
        let swap = swap(4);
        assert_eq!(swap.key(), "swap/motmot/in/3/4");
        assert!(swap.value().contains(r#""to":"0000000000000005-0000000000000005""#), "{}", swap.value());
        assert_eq!(SwapRecord::parse(&swap.value()), Some(swap));
        assert_eq!(SwapRecord::parse("{}"), None);
    }
}
