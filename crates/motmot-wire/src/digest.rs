//! The digest: are two tables equal, whatever came in between.
//!
//! It is the wrapping sum, over the last record of each key, of `xxh3-64(datum, seed = low half of K)` where `K` is
//! `xxh3-128(key, seed = xxh3-64(table's name))` and the datum is the record's value without marker and fingerprint. A sum has no
//! order, so partitions, threads and files can be added up. Left out are the rows that count as absent: retracted moments,
//! merged cycles, and keys whose last record is a tombstone.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed, xxh3_128_with_seed};

/// An output table. Its name in the digest does not follow the topic's configured name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// Moments, keyed by moment id (its 32 hex digits).
    Moments,
    /// Cycles, keyed by [`cycle_key`].
    Cycles,
}

impl Table {
    /// Its name in the digest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Moments => "moments",
            Self::Cycles => "cycles",
        }
    }
}

/// Writes the key of a cycle's row into `out`, replacing what is there: key, a zero byte, cycle id. It is the record's Kafka key too.
pub fn cycle_key(key: &str, cycle_id: &str, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(key.as_bytes());
    out.push(0);
    out.extend_from_slice(cycle_id.as_bytes());
}

/// What two equal tables have in common. Digests of disjoint sets of keys may be added up; it is shown as 16 hex digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Digest(u64);

impl Digest {
    /// The number.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl Add for Digest {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

impl Sum for Digest {
    fn sum<I: Iterator<Item = Self>>(digests: I) -> Self {
        digests.fold(Self::default(), Add::add)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Follows tables record by record and knows their digest at any time.
#[derive(Clone, Debug)]
pub struct DigestTable {
    seeds: [u64; 2],
    /// The share of each key that counts. Keys by their 128-bit hash: two keys that share one would need 2⁶⁴ of them.
    rows: FxHashMap<u128, u64>,
    sum: u64,
}

impl Default for DigestTable {
    fn default() -> Self {
        Self::new()
    }
}

impl DigestTable {
    /// Empty tables, whose digest is zero.
    pub fn new() -> Self {
        let seed = |table: Table| xxh3_64(table.name().as_bytes());
        Self { seeds: [seed(Table::Moments), seed(Table::Cycles)], rows: FxHashMap::default(), sum: 0 }
    }

    /// Takes the next record of a key, in the order of the log: its datum without framing, none for a tombstone. `counts` is false of
    /// a retracted moment and of a merged cycle.
    pub fn observe(&mut self, table: Table, key: &[u8], datum: Option<&[u8]>, counts: bool) {
        let [moments, cycles] = self.seeds;
        let seed = if table == Table::Moments { moments } else { cycles };
        let key = xxh3_128_with_seed(key, seed);
        let before = match datum.filter(|_| counts) {
            Some(datum) => {
                #[allow(clippy::cast_possible_truncation)] // the low half is what is meant
                let share = xxh3_64_with_seed(datum, key as u64);
                self.sum = self.sum.wrapping_add(share);
                self.rows.insert(key, share)
            }
            None => self.rows.remove(&key),
        };
        self.sum = self.sum.wrapping_sub(before.unwrap_or(0));
    }

    /// The digest of the tables as they stand.
    pub const fn digest(&self) -> Digest {
        Digest(self.sum)
    }

    /// How many rows count.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no row counts.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records of moments as (key, datum, counts); no datum is a tombstone.
    fn digest(records: &[(&str, Option<&str>, bool)]) -> Digest {
        let mut table = DigestTable::new();
        for (key, datum, counts) in records {
            table.observe(Table::Moments, key.as_bytes(), datum.map(str::as_bytes), *counts);
        }
        table.digest()
    }

    #[test]
    fn only_the_last_record_of_each_key_counts_and_order_does_not() {
        let once = digest(&[("a", Some("2"), true), ("b", Some("1"), true)]);
        assert_eq!(digest(&[("b", Some("1"), true), ("a", Some("1"), true), ("a", Some("2"), true)]), once);
        assert_ne!(digest(&[("a", Some("1"), true), ("b", Some("2"), true)]), once, "a value belongs to its key");
        assert_ne!(digest(&[("a", Some("2"), true)]), once);
    }

    #[test]
    fn what_counts_as_absent_is_left_out_and_may_come_back() {
        assert_eq!(digest(&[("a", Some("1"), true), ("a", None, true)]), Digest::default());
        assert_eq!(digest(&[("a", Some("1"), true), ("a", Some("gone"), false)]), Digest::default());
        assert_eq!(digest(&[("a", None, true), ("a", Some("1"), true)]), digest(&[("a", Some("1"), true)]));
    }

    #[test]
    fn disjoint_tables_add_up_and_tables_differ_by_name() {
        let both = digest(&[("a", Some("1"), true), ("b", Some("2"), true)]);
        assert_eq!([digest(&[("a", Some("1"), true)]), digest(&[("b", Some("2"), true)])].into_iter().sum::<Digest>(), both);
        let mut cycles = DigestTable::new();
        cycles.observe(Table::Cycles, b"a", Some(b"1"), true);
        assert_ne!(cycles.digest(), digest(&[("a", Some("1"), true)]));
    }

    #[test]
    fn its_definition_is_fixed() {
        // computed by hand from the definition at the head of the module
        #[allow(clippy::cast_possible_truncation)]
        let expected = xxh3_64_with_seed(b"1", xxh3_128_with_seed(b"a", xxh3_64(b"moments")) as u64);
        assert_eq!(digest(&[("a", Some("1"), true)]).value(), expected);
        assert_eq!(digest(&[("a", Some("1"), true)]).to_string(), format!("{expected:016x}"));
    }

    #[test]
    fn a_cycles_key_cannot_be_confused() {
        let (mut one, mut two) = (vec![9], Vec::new());
        cycle_key("ab", "c", &mut one);
        cycle_key("a", "bc", &mut two);
        assert_eq!(one, b"ab\0c");
        assert_ne!(one, two);
    }
}
