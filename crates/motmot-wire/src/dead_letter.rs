//! The dead letter's envelope: headers that say why a record could not be used and where it came from.
//!
//! Key, value and the record's own headers stay byte for byte as they were; these come after them. A record that dies again after
//! it was re-submitted must not carry two envelopes: leave out of its headers what [`DeadLetter::is_own_header`] names.

use motmot_core::Timestamp;

const REASON: &str = "motmot.dead.reason";
const DETAIL: &str = "motmot.dead.detail";
const TOPIC: &str = "motmot.dead.topic";
const PARTITION: &str = "motmot.dead.partition";
const OFFSET: &str = "motmot.dead.offset";
const TIMESTAMP: &str = "motmot.dead.timestamp";
const VERSION: &str = "motmot.dead.version";

/// Why a record could not be used, and where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// In one word, the label of the counter: [`crate::DecodeError::reason`], `misrouted`, `too_far_ahead` …
    pub reason: String,
    /// In a sentence: what was found and what to do. Cut at [`DeadLetter::MAX_DETAIL`].
    pub detail: String,
    /// The topic that it came from.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The record's timestamp (its arrived_at), if it had one.
    pub timestamp: Option<Timestamp>,
    /// The version of motmot that gave it up: a later one may be able to use it.
    pub version: String,
}

impl DeadLetter {
    /// The longest detail, in bytes: an error may quote the record.
    pub const MAX_DETAIL: usize = 1_024;

    /// The headers, in a fixed order.
    pub fn headers(&self) -> Vec<(&'static str, Vec<u8>)> {
        let end = self.detail.floor_char_boundary(Self::MAX_DETAIL);
        let detail = self.detail.get(..end).unwrap_or_default();
        let mut headers = vec![
            (REASON, self.reason.clone().into_bytes()),
            (DETAIL, detail.as_bytes().to_vec()),
            (TOPIC, self.topic.clone().into_bytes()),
            (PARTITION, self.partition.to_string().into_bytes()),
            (OFFSET, self.offset.to_string().into_bytes()),
        ];
        if let Some(timestamp) = self.timestamp {
            headers.push((TIMESTAMP, timestamp.as_millis().to_string().into_bytes()));
        }
        headers.push((VERSION, self.version.clone().into_bytes()));
        headers
    }

    /// Whether a header is part of the envelope, and not the record's own.
    pub fn is_own_header(name: &str) -> bool {
        name.starts_with("motmot.dead.")
    }

    /// Reads the envelope from a record's headers; none if it is not complete. Of two headers with one name the last one counts.
    pub fn parse<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Option<Self> {
        let mut found: [Option<&str>; 7] = [None; 7];
        let names = [REASON, DETAIL, TOPIC, PARTITION, OFFSET, TIMESTAMP, VERSION];
        for (name, value) in headers {
            if let Some((_, slot)) = names.iter().zip(&mut found).find(|(known, _)| **known == name) {
                *slot = Some(std::str::from_utf8(value).ok()?);
            }
        }
        let [reason, detail, topic, partition, offset, timestamp, version] = found;
        Some(Self {
            reason: reason?.to_owned(),
            detail: detail?.to_owned(),
            topic: topic?.to_owned(),
            partition: partition?.parse().ok()?,
            offset: offset?.parse().ok()?,
            timestamp: timestamp.map(str::parse).transpose().ok()?.map(Timestamp::from_millis),
            version: version?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> DeadLetter {
        DeadLetter {
            reason: "not_avro".to_owned(),
            detail: "it looks like JSON — ".to_owned(),
            topic: "motmot.touchpoints".to_owned(),
            partition: 7,
            offset: 1 << 40,
            timestamp: Some(Timestamp::from_millis(-5)),
            version: "0.1.0".to_owned(),
        }
    }

    fn read_back(headers: &[(&'static str, Vec<u8>)]) -> Option<DeadLetter> {
        DeadLetter::parse(headers.iter().map(|(name, value)| (*name, value.as_slice())))
    }

    #[test]
    fn the_envelope_is_read_back_among_other_headers() {
        for timestamp in [None, Some(Timestamp::from_millis(-5))] {
            let letter = DeadLetter { timestamp, ..letter() };
            let mut headers = vec![("trace", vec![0xff])];
            headers.extend(letter.headers());
            assert_eq!(read_back(&headers), Some(letter));
            assert!(headers.iter().skip(1).all(|(name, _)| DeadLetter::is_own_header(name)));
        }
    }

    #[test]
    fn a_record_that_dies_twice_shows_its_last_death() {
        let mut headers = letter().headers();
        let second = DeadLetter { reason: "invalid".to_owned(), offset: 3, ..letter() };
        headers.extend(second.headers());
        assert_eq!(read_back(&headers), Some(second));
    }

    #[test]
    fn an_incomplete_or_damaged_envelope_is_none() {
        for missing in letter().headers().iter().map(|(name, _)| *name).filter(|name| *name != TIMESTAMP) {
            let headers: Vec<_> = letter().headers().into_iter().filter(|(name, _)| *name != missing).collect();
            assert_eq!(read_back(&headers), None, "{missing}");
        }
        let mut headers = letter().headers();
        headers.push((OFFSET, b"twelve".to_vec()));
        assert_eq!(read_back(&headers), None);
    }

    #[test]
    fn a_long_detail_is_cut_between_two_characters() {
        let letter = DeadLetter { detail: "ä".repeat(800), ..letter() };
        let detail = read_back(&letter.headers()).map(|read| read.detail);
        assert_eq!(detail, Some("ä".repeat(512)));
    }
}
