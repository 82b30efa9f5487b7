//! The store's own row: where in the log the state stands, and under which strategy.

use motmot_core::Strategy;
use motmot_core::codec::{Damaged, Put, Take};
use motmot_core::engine::Position;
use motmot_core::time::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

/// Which strategy. Two texts with the same rules judge alike, but their titles and runbooks stand in the rows that are told: so a
/// strategy is known by both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StrategyId {
    /// The strategy's own hash, over its rules: [`Strategy::hash`].
    pub rules: u64,
    /// A hash of the whole text.
    pub text: u64,
}

impl StrategyId {
    /// The id of the strategy that was loaded from `text`.
    pub fn of(strategy: &Strategy, text: &str) -> Self {
        Self { rules: strategy.hash, text: xxh3_64(text.as_bytes()) }
    }
}

/// The hash of the rules and the hash of the text, 16 hex digits each.
impl std::fmt::Display for StrategyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}-{:016x}", self.rules, self.text)
    }
}

impl std::str::FromStr for StrategyId {
    type Err = Damaged;

    fn from_str(text: &str) -> Result<Self, Damaged> {
        let (rules, text) = text.split_once('-').ok_or(Damaged)?;
        let number = |digits: &str| u64::from_str_radix(digits, 16).map_err(|_| Damaged);
        Ok(Self { rules: number(rules)?, text: number(text)? })
    }
}

/// Where a state began: whatever follows was folded from nothing, from here on. Two states of one log that began at one offset are not the
/// same if one of them was begun anew since: other strategies were in force, and other things are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The offset of the first record that was folded.
    pub offset: i64,
    /// When `motmot rebuild` was run, in ms since 1970; 0: it never was.
    pub rebuilt_ms: i64,
}

impl Origin {
    /// Of a state that nobody has begun anew.
    pub const fn at(offset: i64) -> Self {
        Self { offset, rebuilt_ms: 0 }
    }
}

/// `OFFSET@MILLISECONDS`.
impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.offset, self.rebuilt_ms)
    }
}

impl std::str::FromStr for Origin {
    type Err = Damaged;

    fn from_str(text: &str) -> Result<Self, Damaged> {
        let (offset, rebuilt_ms) = text.split_once('@').ok_or(Damaged)?;
        let number = |digits: &str| digits.parse().map_err(|_| Damaged);
        Ok(Self { offset: number(offset)?, rebuilt_ms: number(rebuilt_ms)? })
    }
}

/// What a checkpoint is a checkpoint of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The input topic's id, as the broker names it; empty when the broker names none.
    pub topic_id: String,
    /// How many partitions the input topic had.
    pub partitions: i32,
    /// Where the state began.
    pub origin: Origin,
    /// The offset of the first record that is not folded.
    pub offset: i64,
    /// The clock and the stream time.
    pub position: Position,
    /// The strategy in force there.
    pub strategy: StrategyId,
    /// How often the strategy was swapped before.
    pub swaps: u64,
}

/// The format of this version. It is the first byte of the entry, so that every later version can read that much.
pub(crate) const FORMAT: u8 = 3;

impl Meta {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        out.put_text(&self.topic_id);
        out.put_i64(i64::from(self.partitions));
        out.put_i64(self.origin.offset);
        out.put_i64(self.origin.rebuilt_ms);
        out.put_i64(self.offset);
        out.put_i64(self.position.now.as_millis());
        out.put_i64(self.position.stream_time.as_millis());
        out.put_u64(self.strategy.rules);
        out.put_u64(self.strategy.text);
        out.put_u64(self.swaps);
        out
    }

    /// The inner error is another format's number.
    pub(crate) fn decode(value: &[u8]) -> Result<Result<Self, u8>, Damaged> {
        let mut from = Take(value);
        let format = from.u8()?;
        if format != FORMAT {
            return Ok(Err(format));
        }
        let topic_id = from.text()?.to_owned();
        let partitions = i32::try_from(from.i64()?).map_err(|_| Damaged)?;
        let origin = Origin { offset: from.i64()?, rebuilt_ms: from.i64()? };
        let offset = from.i64()?;
        let now = Timestamp::from_millis(from.i64()?);
        let stream_time = Timestamp::from_millis(from.i64()?);
        let strategy = StrategyId { rules: from.u64()?, text: from.u64()? };
        let swaps = from.u64()?;
        Ok(Ok(Self { topic_id, partitions, origin, offset, position: Position { now, stream_time }, strategy, swaps }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let position = Position { now: Timestamp::MIN, stream_time: Timestamp::from_millis(1_700_000_000_000) };
        let strategy = StrategyId { rules: u64::MAX, text: 7 };
        let origin = Origin { offset: 5, rebuilt_ms: 6 };
        let meta = Meta { topic_id: "abc".to_owned(), partitions: 8, origin, offset: 42, position, strategy, swaps: 3 };
        assert_eq!(Meta::decode(&meta.encode()), Ok(Ok(meta)));
    }

    #[test]
    fn a_strategy_is_named_by_its_rules_and_its_text() {
        let id = StrategyId { rules: 0xff, text: u64::MAX };
        assert_eq!(id.to_string(), "00000000000000ff-ffffffffffffffff");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("00ff".parse::<StrategyId>(), Err(Damaged));
    }

    #[test]
    fn an_origin_is_an_offset_and_a_rebuild() {
        for origin in [Origin::at(7), Origin { offset: i64::MAX, rebuilt_ms: 1_764_000_000_000 }] {
            assert_eq!(origin.to_string().parse(), Ok(origin));
        }
        assert_eq!(Origin::at(7).to_string(), "7@0");
        assert_eq!("7".parse::<Origin>(), Err(Damaged));
        assert_eq!("7@x".parse::<Origin>(), Err(Damaged));
    }

    #[test]
    fn another_format_is_named_whatever_follows() {
        assert_eq!(Meta::decode(&[9, 0xff]), Ok(Err(9)));
        assert_eq!(Meta::decode(&[]), Err(Damaged));
        assert_eq!(Meta::decode(&[FORMAT, 3, b'a']), Err(Damaged));
    }
}
