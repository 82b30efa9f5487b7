//! What travels with a committed offset: the clock, the stream time, the strategy in force, and how often it was swapped.
//!
//! Kafka keeps a short text beside each committed offset and commits it atomically with the outputs. So (offset, clock, strategy),
//! which is all that state is a function of, is in one place that no crash can tear apart. The number of swaps says how many records
//! of the swaps' topic belong to it: one that is not readable yet cannot be overlooked.

use motmot_core::Timestamp;
use motmot_core::engine::Position;
use motmot_store::{Origin, StrategyId};

/// The text beside a committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommitMetadata {
    /// The clock and the stream time at the commit.
    pub(crate) position: Position,
    /// The strategy in force.
    pub(crate) strategy: StrategyId,
    /// How often it was swapped before.
    pub(crate) swaps: u64,
    /// Where the state began.
    pub(crate) origin: Origin,
    /// The last swap's differences are not all told yet: nothing was folded since it.
    pub(crate) is_swapping: bool,
}

const VERSION: &str = "motmot3";
const SWAPPING: &str = "swapping";

/// The strategy of a partition that is to be begun: none was in force yet.
const NONE: StrategyId = StrategyId { rules: 0, text: 0 };

impl CommitMetadata {
    /// What `motmot rebuild` writes beside the offset where the partition is to begin, from nothing.
    pub(crate) const fn anew(origin: Origin) -> Self {
        Self { position: Position::START, strategy: NONE, swaps: 0, origin, is_swapping: false }
    }

    /// Nobody has begun since `motmot rebuild`.
    pub(crate) fn is_anew(&self) -> bool {
        self.strategy == NONE
    }

    /// ASCII, at most 160 bytes.
    pub(crate) fn encode(self) -> String {
        let Position { now, stream_time } = self.position;
        let mark = if self.is_swapping { SWAPPING } else { "" };
        let Self { strategy, swaps, origin, .. } = self;
        format!("{VERSION};{};{};{strategy};{swaps};{origin};{mark}", now.as_millis(), stream_time.as_millis())
    }

    /// None: empty, or written by something else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';');
        if parts.next() != Some(VERSION) {
            return None;
        }
        let mut millis = || parts.next()?.parse().ok().map(Timestamp::from_millis);
        let (now, stream_time) = (millis()?, millis()?);
        let strategy = parts.next()?.parse().ok()?;
        let swaps = parts.next()?.parse().ok()?;
        let origin = parts.next()?.parse().ok()?;
        let is_swapping = match parts.next()? {
            "" => false,
            SWAPPING => true,
            _ => return None,
        };
        parts.next().is_none().then_some(Self { position: Position { now, stream_time }, strategy, swaps, origin, is_swapping })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_in_few_ascii_bytes() {
        let anew = CommitMetadata::anew(Origin { offset: 42, rebuilt_ms: 7 });
        assert!(anew.is_anew());
        assert_eq!(CommitMetadata::parse(&anew.encode()), Some(anew));
        for (position, swaps, is_swapping) in [
            (Position::START, 0, false),
            (Position { now: Timestamp::MAX, stream_time: Timestamp::MAX }, u64::MAX, true),
            (Position { now: Timestamp::from_millis(1_764_000_000_000), stream_time: Timestamp::from_millis(-1) }, 7, true),
        ] {
            let strategy = StrategyId { rules: 0xff, text: 3 };
            let origin = Origin { offset: i64::MAX, rebuilt_ms: i64::MAX };
            let metadata = CommitMetadata { position, strategy, swaps, origin, is_swapping };
            assert!(!metadata.is_anew());
            let text = metadata.encode();
            assert!(text.is_ascii() && text.len() < 200, "{text}");
            assert_eq!(CommitMetadata::parse(&text), Some(metadata));
        }
    }

    #[test]
    fn what_others_write_is_nothing() {
        for text in [
            "",
            "motmot2;1;2;3-4;0;",
            "motmot3;1;2;3-4;0;7@0",
            "motmot3;1;2;3-4;0;7@0;half",
            "motmot3;1;2;3-4;0;7@0;;",
            "motmot3;1;2;3-4;0;7;",
            "motmot3;a;2;3-4;0;7@0;",
        ] {
            assert_eq!(CommitMetadata::parse(text), None, "{text}");
        }
    }
}
