//! What travels with a committed offset: the clock, the stream time and the strategy's hash.
//!
//! Kafka keeps a short text beside each committed offset and commits it atomically with the outputs. So (offset, clock, strategy),
//! which is all that state is a function of, is in one place that no crash can tear apart.

use motmot_core::Timestamp;
use motmot_core::engine::Position;

/// The text beside a committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommitMetadata {
    /// The clock and the stream time at the commit.
    pub(crate) position: Position,
    /// The hash of the strategy in force.
    pub(crate) strategy: u64,
}

const VERSION: &str = "motmot1";

impl CommitMetadata {
    /// ASCII, at most 70 bytes.
    pub(crate) fn encode(self) -> String {
        let Position { now, stream_time } = self.position;
        format!("{VERSION};{};{};{:016x}", now.as_millis(), stream_time.as_millis(), self.strategy)
    }

    /// None: empty, or written by something else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';');
        if parts.next() != Some(VERSION) {
            return None;
        }
        let mut millis = || parts.next()?.parse().ok().map(Timestamp::from_millis);
        let (now, stream_time) = (millis()?, millis()?);
        let strategy = u64::from_str_radix(parts.next()?, 16).ok()?;
        parts.next().is_none().then_some(Self { position: Position { now, stream_time }, strategy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_in_few_ascii_bytes() {
        for position in [
            Position::START,
            Position { now: Timestamp::MAX, stream_time: Timestamp::MAX },
            Position { now: Timestamp::from_millis(1_764_000_000_000), stream_time: Timestamp::from_millis(-1) },
        ] {
            let metadata = CommitMetadata { position, strategy: 0xff };
            let text = metadata.encode();
            assert!(text.is_ascii() && text.len() < 200, "{text}");
            assert_eq!(CommitMetadata::parse(&text), Some(metadata));
        }
    }

    #[test]
    fn what_others_wrote_is_foreign() {
        for text in ["", "motmot1", "motmot1;1;2", "motmot1;1;2;00ff;more", "motmot2;1;2;00ff", "AgEA", "motmot1;x;2;00ff"] {
            assert_eq!(CommitMetadata::parse(text), None, "{text}");
        }
    }
}
