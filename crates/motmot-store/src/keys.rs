//! The registry of keys: every kind of entry that a store can hold, and how its key is written.
//!
//! One column family holds them all, told apart by the first byte. Numbers whose order matters are big-endian. A prefix that is
//! given up stays in [`Prefix::RETIRED`]: an old store may still have such entries.

use motmot_core::codec::{Damaged, Put, Take};
use motmot_core::engine::RowId;
use motmot_core::time::Timestamp;

/// The first byte of every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Prefix {
    /// The one entry that says what the checkpoint is a checkpoint of: [`crate::Meta`].
    Meta = 0x01,
    /// A strategy's text, by the hash of that text.
    Strategy = 0x02,
    /// A row of the engine, by its name.
    Row = 0x10,
    /// When the engine wants a row back: the instant, then the row's name.
    Wake = 0x11,
}

impl Prefix {
    /// All prefixes in use.
    pub const ALL: &'static [Self] = &[Self::Meta, Self::Strategy, Self::Row, Self::Wake];
    /// Prefixes that were in use once and must not be given another meaning.
    pub const RETIRED: &'static [u8] = &[];
}

/// The key of the store's description.
pub const META: [u8; 1] = [Prefix::Meta as u8];

/// The key of a strategy's text.
pub fn strategy(text: u64) -> [u8; 9] {
    let mut key = [Prefix::Strategy as u8; 9];
    if let Some(tail) = key.last_chunk_mut::<8>() {
        *tail = text.to_be_bytes();
    }
    key
}

/// Writes the key of a row into `key`, replacing what was there.
pub fn row(key: &mut Vec<u8>, row: RowId<'_>) {
    key.clear();
    key.push(Prefix::Row as u8);
    put_row_id(key, row);
}

/// Writes the key of a wake-up into `key`, replacing what was there.
pub fn wake(key: &mut Vec<u8>, at: Timestamp, row: RowId<'_>) {
    wake_bound(key, at);
    put_row_id(key, row);
}

/// Writes the key before all wake-ups at or after `at` and behind all earlier ones.
pub fn wake_bound(key: &mut Vec<u8>, at: Timestamp) {
    key.clear();
    key.push(Prefix::Wake as u8);
    key.extend_from_slice(&ordered(at.as_millis()).to_be_bytes());
}

/// The key behind all wake-ups.
pub const WAKE_END: [u8; 1] = [Prefix::Wake as u8 + 1];

/// Reads the key of a wake-up.
///
/// # Errors
/// When it is none.
pub fn parse_wake(key: &[u8]) -> Result<(Timestamp, RowId<'_>), Damaged> {
    let mut from = Take(key);
    if from.u8()? != Prefix::Wake as u8 {
        return Err(Damaged);
    }
    let at = from.bytes(8)?.try_into().map_err(|_| Damaged)?;
    let at = Timestamp::from_millis(from_ordered(u64::from_be_bytes(at)));
    Ok((at, take_row_id(from)?))
}

/// Reads the key of a row.
///
/// # Errors
/// When it is none.
pub fn parse_row(key: &[u8]) -> Result<RowId<'_>, Damaged> {
    let mut from = Take(key);
    if from.u8()? != Prefix::Row as u8 {
        return Err(Damaged);
    }
    take_row_id(from)
}

/// Signed numbers in the order of unsigned ones.
const fn ordered(value: i64) -> u64 {
    value.cast_unsigned() ^ (1 << 63)
}

const fn from_ordered(value: u64) -> i64 {
    (value ^ (1 << 63)).cast_signed()
}

const NO_CYCLE_ID: u8 = 0;
const CYCLE_ID: u8 = 1;

fn put_row_id(out: &mut Vec<u8>, row: RowId<'_>) {
    out.put_text(row.key);
    match row.cycle_id {
        None => out.push(NO_CYCLE_ID),
        Some(cycle_id) => {
            out.push(CYCLE_ID);
            out.extend_from_slice(cycle_id.as_bytes());
        }
    }
}

fn take_row_id(mut from: Take<'_>) -> Result<RowId<'_>, Damaged> {
    let key = from.text()?;
    let cycle_id = match (from.u8()?, from.0) {
        (NO_CYCLE_ID, []) => None,
        (CYCLE_ID, rest) => Some(std::str::from_utf8(rest).map_err(|_| Damaged)?),
        _ => return Err(Damaged),
    };
    Ok(RowId { key, cycle_id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_row() -> impl Strategy<Value = (String, Option<String>)> {
        (".{0,20}", proptest::option::of(".{0,20}"))
    }

    fn row_id((key, cycle_id): &(String, Option<String>)) -> RowId<'_> {
        RowId { key, cycle_id: cycle_id.as_deref() }
    }

    proptest! {
        #[test]
        fn row_keys_round_trip_and_differ(a in any_row(), b in any_row()) {
            let (mut key_a, mut key_b) = (Vec::new(), Vec::new());
            row(&mut key_a, row_id(&a));
            row(&mut key_b, row_id(&b));
            prop_assert_eq!(parse_row(&key_a), Ok(row_id(&a)));
            prop_assert_eq!(key_a == key_b, a == b);
        }

        #[test]
        fn wake_keys_round_trip_and_sort_by_instant(a in any::<i64>(), b in any::<i64>(), of_a in any_row(), of_b in any_row()) {
            let (mut key_a, mut key_b, mut bound) = (Vec::new(), Vec::new(), Vec::new());
            wake(&mut key_a, Timestamp::from_millis(a), row_id(&of_a));
            wake(&mut key_b, Timestamp::from_millis(b), row_id(&of_b));
            wake_bound(&mut bound, Timestamp::from_millis(b));
            prop_assert_eq!(parse_wake(&key_a), Ok((Timestamp::from_millis(a), row_id(&of_a))));
            if a != b {
                prop_assert_eq!(key_a.cmp(&key_b), a.cmp(&b));
            }
            prop_assert_eq!(key_a < bound, a < b);
            prop_assert!(key_a.as_slice() < WAKE_END.as_slice());
        }
    }

    #[test]
    fn no_two_kinds_share_a_prefix_and_no_retired_one_is_used() {
        for (position, prefix) in Prefix::ALL.iter().enumerate() {
            assert!(Prefix::ALL[position + 1..].iter().all(|other| other > prefix), "{prefix:?} is not in order");
            assert!(!Prefix::RETIRED.contains(&(*prefix as u8)), "{prefix:?} is retired");
        }
    }

    #[test]
    fn foreign_keys_are_refused() {
        assert_eq!(parse_row(b""), Err(Damaged));
        assert_eq!(parse_row(&strategy(7)), Err(Damaged));
        assert_eq!(parse_wake(&[Prefix::Wake as u8, 1, 2]), Err(Damaged));
        assert_eq!(parse_row(&[Prefix::Row as u8, 1, b'k', 0, b'x']), Err(Damaged), "an assembly row with a rest");
    }
}
