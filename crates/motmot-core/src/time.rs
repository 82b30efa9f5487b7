//! Instants and durations: whole milliseconds, since that is what Kafka and Avro carry.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
///
/// In a format for people (JSON) it is written as RFC 3339 in UTC and read as RFC 3339 or as a number of milliseconds;
/// in Avro it is a `timestamp-millis`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Before everything.
    pub const MIN: Self = Self(i64::MIN);
    /// After everything: "never".
    pub const MAX: Self = Self(i64::MAX);
    /// The range that a touchpoint's instants may have: the years 1900 to 2199. What lies outside is a broken clock or a
    /// wrong unit, and within it no sum with a configured duration can overflow.
    pub const PLAUSIBLE: std::ops::Range<Self> = Self(-2_208_988_800_000)..Self(7_258_118_400_000);

    /// From milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// `millis` later; [`Timestamp::MAX`] stays what it is.
    #[must_use]
    pub const fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this instant, negative when it lies before.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Parses RFC 3339 ("2026-03-01T09:30:00Z").
    ///
    /// # Errors
    /// What chrono finds wrong with the text.
    pub fn parse(text: &str) -> Result<Self, chrono::ParseError> {
        Ok(Self(DateTime::parse_from_rfc3339(text)?.timestamp_millis()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp_millis(self.0) {
            Some(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            None => write!(f, "{} ms", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimestampVisitor;
        impl Visitor<'_> for TimestampVisitor {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an instant: RFC 3339 with a time zone, or milliseconds since 1970")
            }
            fn visit_i64<E: Error>(self, millis: i64) -> Result<Timestamp, E> {
                Ok(Timestamp(millis))
            }
            fn visit_u64<E: Error>(self, millis: u64) -> Result<Timestamp, E> {
                i64::try_from(millis).map(Timestamp).map_err(E::custom)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse(text).map_err(|e| E::custom(format_args!("`{text}` is no RFC 3339 instant ({e})")))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(TimestampVisitor)
        } else {
            deserializer.deserialize_i64(TimestampVisitor)
        }
    }
}

/// A duration for people, in the notation of the strategy file: `90s`, `4h`, `1d 2h`.
///
/// At most two units, the larger first: what is read at 3 a.m. need not have the milliseconds of a day.
pub fn words_of_millis(millis: i64) -> String {
    words_in_units(millis, 2)
}

/// A duration to the millisecond, in the notation of the strategy file: for one that is to be written into it.
pub(crate) fn exact_words_of_millis(millis: i64) -> String {
    words_in_units(millis, usize::MAX)
}

/// At most so many units, without a gap; exact ones skip those that are zero.
fn words_in_units(millis: i64, most: usize) -> String {
    const UNITS: [(i64, &str); 5] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let sign = if millis < 0 { "-" } else { "" };
    let mut rest = millis.saturating_abs();
    let mut words = Vec::new();
    for (unit, name) in UNITS {
        let count = rest / unit;
        if count > 0 && words.len() < most {
            words.push(format!("{count}{name}"));
            rest -= count * unit;
        } else if !words.is_empty() && most != usize::MAX {
            break;
        }
    }
    if words.is_empty() { "0s".to_owned() } else { format!("{sign}{}", words.join(" ")) }
}
