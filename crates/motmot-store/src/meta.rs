//! The store's own row: where in the log the state stands, and under which strategy.

use motmot_core::codec::{Damaged, Put, Take};
use motmot_core::engine::Position;
use motmot_core::time::Timestamp;

/// What a checkpoint is a checkpoint of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The input topic's id, as the broker names it; empty when the broker names none.
    pub topic_id: String,
    /// How many partitions the input topic had.
    pub partitions: i32,
    /// The offset of the first record that is not folded.
    pub offset: i64,
    /// The clock and the stream time.
    pub position: Position,
    /// The hash of the strategy that it was folded under.
    pub strategy: u64,
}

/// The format of this version. It is the first byte of the entry, so that every later version can read that much.
pub(crate) const FORMAT: u8 = 1;

impl Meta {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        out.put_text(&self.topic_id);
        out.put_i64(i64::from(self.partitions));
        out.put_i64(self.offset);
        out.put_i64(self.position.now.as_millis());
        out.put_i64(self.position.stream_time.as_millis());
        out.put_u64(self.strategy);
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
        let offset = from.i64()?;
        let now = Timestamp::from_millis(from.i64()?);
        let stream_time = Timestamp::from_millis(from.i64()?);
        let strategy = from.u64()?;
        Ok(Ok(Self { topic_id, partitions, offset, position: Position { now, stream_time }, strategy }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let position = Position { now: Timestamp::MIN, stream_time: Timestamp::from_millis(1_700_000_000_000) };
        let meta = Meta { topic_id: "abc".to_owned(), partitions: 8, offset: 42, position, strategy: u64::MAX };
        assert_eq!(Meta::decode(&meta.encode()), Ok(Ok(meta)));
    }

    #[test]
    fn another_format_is_named_whatever_follows() {
        assert_eq!(Meta::decode(&[9, 0xff]), Ok(Err(9)));
        assert_eq!(Meta::decode(&[]), Err(Damaged));
        assert_eq!(Meta::decode(&[FORMAT, 3, b'a']), Err(Damaged));
    }
}
