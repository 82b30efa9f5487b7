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
    /// Some of what is due in the millisecond after the clock is told.
    pub(crate) is_split: bool,
}

const VERSION: &str = "motmot3";
const SWAPPING: &str = "swapping";
const SPLIT: &str = "split";

/// The strategy of a partition that is to be begun: none was in force yet.
const NONE: StrategyId = StrategyId { rules: 0, text: 0 };

impl CommitMetadata {
    /// What `motmot rebuild` writes beside the offset where the partition is to begin, from nothing.
    pub(crate) const fn anew(origin: Origin) -> Self {
        Self { position: Position::START, strategy: NONE, swaps: 0, origin, is_swapping: false, is_split: false }
    }

    /// Nobody has begun since `motmot rebuild`.
    pub(crate) fn is_anew(&self) -> bool {
        self.strategy == NONE
    }

    /// The latest instant as of which rows may have been told, where that is ahead of the clock: a storm of deadlines is being worked off.
    pub(crate) fn ahead(&self) -> Option<Timestamp> {
        let Position { now, stream_time } = self.position;
        Some(stream_time.max(now.plus(i64::from(self.is_split)))).filter(|ahead| *ahead > now)
    }

    /// ASCII, at most 160 bytes.
    pub(crate) fn encode(self) -> String {
        let Position { now, stream_time } = self.position;
        let mark = match (self.is_swapping, self.is_split) {
            (true, _) => SWAPPING, // a swap waits until nothing is due
            (_, true) => SPLIT,
            _ => "",
        };
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
        let mark = parts.next().filter(|mark| ["", SWAPPING, SPLIT].contains(mark))?;
        let (is_swapping, is_split) = (mark == SWAPPING, mark == SPLIT);
        let position = Position { now, stream_time };
        parts.next().is_none().then_some(Self { position, strategy, swaps, origin, is_swapping, is_split })
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
        for (position, swaps, is_swapping, is_split) in [
            (Position::START, 0, false, false),
            (Position { now: Timestamp::MAX, stream_time: Timestamp::MAX }, u64::MAX, true, false),
            (
                Position { now: Timestamp::from_millis(1_764_000_000_000), stream_time: Timestamp::from_millis(-1) },
                7,
                false,
                true,
            ),
        ] {
            let strategy = StrategyId { rules: 0xff, text: 3 };
            let origin = Origin { offset: i64::MAX, rebuilt_ms: i64::MAX };
            let metadata = CommitMetadata { position, strategy, swaps, origin, is_swapping, is_split };
            assert!(!metadata.is_anew());
            let text = metadata.encode();
            assert!(text.is_ascii() && text.len() < 200, "{text}");
            assert_eq!(CommitMetadata::parse(&text), Some(metadata));
        }
    }

    #[test]
    fn rows_are_ahead_up_to_the_stream_time_or_by_a_millisecond() {
        let ahead = |now, stream_time, is_split| {
            let [now, stream_time] = [now, stream_time].map(Timestamp::from_millis);
            let position = Position { now, stream_time };
            CommitMetadata { position, is_split, ..CommitMetadata::anew(Origin::at(0)) }.ahead().map(Timestamp::as_millis)
        };
        assert_eq!(ahead(5, 5, false), None);
        assert_eq!(ahead(9, 5, false), None, "a clock from the wall");
        assert_eq!(ahead(5, 9, false), Some(9));
        assert_eq!(ahead(5, 5, true), Some(6));
        assert_eq!(ahead(5, 9, true), Some(9));
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
