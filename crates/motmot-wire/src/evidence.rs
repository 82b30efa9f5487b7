//! The evidence header of a row: which records of the input it rests on.
//!
//! As text: the input's partition, a colon, the offsets with commas between, and `+n` where n more are left out:
//! `3:17,18,42+120`. It is outside the row, so outside the digest: the same log imported twice has other offsets.

use std::fmt::Write;

/// The header's name.
pub const EVIDENCE_HEADER: &str = "motmot.evidence";

/// Coordinates of the touchpoints that a row rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The input's partition.
    pub partition: i32,
    /// Offsets in it.
    pub offsets: Vec<i64>,
    /// How many more there are.
    pub more: usize,
}

impl Evidence {
    /// The most offsets that a header names; with it a header has at most about 1.3 kB.
    pub const MAX_OFFSETS: usize = 64;

    /// Writes the header's value into `out`, replacing what is there. No offsets: nothing is written, leave the header out.
    pub fn write(partition: i32, offsets: &[i64], out: &mut String) {
        out.clear();
        let kept = offsets.get(..Self::MAX_OFFSETS).unwrap_or(offsets);
        for (position, offset) in kept.iter().enumerate() {
            // writing to a string cannot fail
            let _ = if position == 0 { write!(out, "{partition}:{offset}") } else { write!(out, ",{offset}") };
        }
        if kept.len() < offsets.len() {
            let _ = write!(out, "+{}", offsets.len() - kept.len());
        }
    }

    /// Reads a header's value; none if it is not one.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (partition, offsets) = std::str::from_utf8(value).ok()?.split_once(':')?;
        let (offsets, more) = offsets.split_once('+').unwrap_or((offsets, "0"));
        let offsets = offsets.split(',').map(|offset| offset.parse().ok()).collect::<Option<Vec<i64>>>()?;
        Some(Self { partition: partition.parse().ok()?, offsets, more: more.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(offsets: &[i64], text: &str) {
        let mut written = "rest of the last one".to_owned();
        Evidence::write(3, offsets, &mut written);
        assert_eq!(written, text);
        if let Some(evidence) = Evidence::parse(text.as_bytes()) {
            assert_eq!((evidence.partition, evidence.offsets.len() + evidence.more), (3, offsets.len()));
            assert!(offsets.starts_with(&evidence.offsets));
        } else {
            assert!(text.is_empty(), "{text} must be read back");
        }
    }

    #[test]
    fn it_names_offsets_up_to_a_bound() {
        check(&[], "");
        check(&[17], "3:17");
        check(&[17, 18, 42], "3:17,18,42");
        let many: Vec<i64> = (0..70).collect();
        let first = (0..64).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        check(&many, &format!("3:{first}+6"));
    }

    #[test]
    fn what_is_no_evidence_is_none() {
        for value in [&b""[..], b"3", b"3:", b"x:1", b"3:1,", b"3:1+x", b"\xff:1"] {
            assert_eq!(Evidence::parse(value), None, "{}", String::from_utf8_lossy(value));
        }
    }
}
