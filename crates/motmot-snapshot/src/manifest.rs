//! A snapshot's manifest: what it is a snapshot of, and the files that it consists of. It is written last: what has no manifest is no
//! snapshot.

use motmot_core::Timestamp;
use motmot_core::engine::Position;
use motmot_store::{Meta, Origin, StrategyId};
use serde::{Deserialize, Serialize};

use crate::error::SnapshotError;

/// The format that this version reads and writes.
pub const FORMAT: u32 = 1;
/// A manifest of more bytes is none: it is read into memory whole.
pub const MAX_BYTES: u64 = 32 << 20;
/// Files that one may name.
const MAX_FILES: usize = 100_000;

/// The name of a manifest: the offset first, so that names sort as snapshots do, then what tells two of the same offset apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The offset of the first record that is not folded into it.
    pub offset: i64,
    /// Drawn at random.
    pub unique: u64,
}

/// What ends the name of a manifest that is not to be used any more, but not deleted either.
const SET_ASIDE: &str = ".set-aside";

impl Name {
    /// The name, and whether it is one that was set aside; none: it is no manifest.
    pub fn parse(text: &str) -> Option<(Self, bool)> {
        let (text, is_set_aside) = text.strip_suffix(SET_ASIDE).map_or((text, false), |text| (text, true));
        let (offset, unique) = text.strip_suffix(".json")?.split_once('-')?;
        let is_form = offset.len() == 20 && unique.len() == 16 && offset.bytes().all(|digit| digit.is_ascii_digit());
        let name = Self { offset: offset.parse().ok()?, unique: u64::from_str_radix(unique, 16).ok()? };
        (is_form && text == name.to_string()).then_some((name, is_set_aside))
    }

    /// The name of one that is set aside.
    pub(crate) fn set_aside(self) -> String {
        format!("{self}{SET_ASIDE}")
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:020}-{:016x}.json", self.offset, self.unique)
    }
}

/// One file of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name in the store's folder.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// Its content's SHA-256, in hex.
    pub sha256: String,
    /// The object that has its content: the hash, and what tells two uploads of the same content apart.
    pub object: String,
}

/// What a snapshot is a snapshot of, and its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The consumer group whose state it is.
    pub group: String,
    /// The input topic.
    pub topic: String,
    /// Its id; empty where the broker names none.
    pub topic_id: String,
    /// The partition.
    pub partition: i32,
    /// How many partitions the topic had.
    pub partitions: i32,
    /// Where the state began: an offset, `@`, and the instant of the rebuild in ms, or 0.
    pub origin: String,
    /// The offset of the first record that is not folded.
    pub offset: i64,
    /// The clock, in ms since 1970.
    pub clock_ms: i64,
    /// The stream time, in ms since 1970.
    pub stream_time_ms: i64,
    /// The strategy in force.
    pub strategy: String,
    /// How often it was swapped before.
    pub swaps: u64,
    /// When it was made, in ms since 1970 by the maker's clock.
    pub made_at_ms: i64,
    /// The version of motmot that made it.
    pub motmot: String,
    /// Its files.
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// Reads one, and refuses what could lead out of a folder, or to more than one meaning.
    ///
    /// # Errors
    /// When it is damaged or of another format.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Self, SnapshotError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let damaged = |detail: String| SnapshotError::Damaged { name: name.to_owned(), detail };
        let parsed = serde_json::from_slice::<Format>(bytes);
        let Format { format } = parsed.map_err(|e| damaged(format!("its manifest is none ({e})")))?;
        if format != FORMAT {
            return Err(SnapshotError::Format { name: name.to_owned(), found: format, known: FORMAT });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| damaged(format!("its manifest cannot be read ({e})")))?;
        manifest.fault().map_or(Ok(()), |fault| Err(damaged(fault)))?;
        Ok(manifest)
    }

    fn fault(&self) -> Option<String> {
        if self.strategy.parse::<StrategyId>().is_err() {
            return Some(format!("`{}` names no strategy", self.strategy));
        }
        if self.origin.parse::<Origin>().is_err() {
            return Some(format!("`{}` names no origin", self.origin));
        }
        if self.offset < 0 || self.files.is_empty() || self.files.len() > MAX_FILES {
            return Some(format!("offset {} and {} files make no snapshot", self.offset, self.files.len()));
        }
        let mut names: Vec<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Some("it names a file twice".to_owned());
        }
        self.files
            .iter()
            .find(|file| !file.is_sound())
            .map(|file| format!("it names the file {:?} as {:?}", file.name, file.object))
    }

    /// What the store of this snapshot must say of itself; none where strategy or origin is none.
    pub fn meta(&self) -> Option<Meta> {
        let now = Timestamp::from_millis(self.clock_ms);
        let stream_time = Timestamp::from_millis(self.stream_time_ms);
        Some(Meta {
            topic_id: self.topic_id.clone(),
            partitions: self.partitions,
            origin: self.origin.parse().ok()?,
            offset: self.offset,
            position: Position { now, stream_time },
            strategy: self.strategy.parse().ok()?,
            swaps: self.swaps,
        })
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |bytes, file| bytes.saturating_add(file.size))
    }
}

impl FileEntry {
    fn is_sound(&self) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_name =
            !self.name.is_empty() && self.name.len() < 256 && !self.name.starts_with('.') && self.name.bytes().all(is_plain);
        let is_hash = self.sha256.len() == 64 && self.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let unique = self.object.strip_prefix(&self.sha256).and_then(|rest| rest.strip_prefix('-'));
        is_name && is_hash && unique.is_some_and(|unique| unique.len() == 16 && unique.bytes().all(|b| b.is_ascii_hexdigit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let sha256 = "0f".repeat(32);
        Manifest {
            format: FORMAT,
            group: "motmot".to_owned(),
            topic: "in".to_owned(),
            topic_id: "id".to_owned(),
            partition: 3,
            partitions: 8,
            origin: "0@0".to_owned(),
            offset: 42,
            clock_ms: 5,
            stream_time_ms: 4,
            strategy: format!("{:016x}-{:016x}", 1, 2),
            swaps: 1,
            made_at_ms: 7,
            motmot: "0.1.0".to_owned(),
            files: vec![FileEntry { name: "000007.sst".to_owned(), size: 9, object: format!("{sha256}-{:016x}", 1), sha256 }],
        }
    }

    fn check(change: impl FnOnce(&mut Manifest), expected: &str) {
        let mut changed = manifest();
        change(&mut changed);
        let error = Manifest::decode("m", &serde_json::to_vec(&changed).unwrap()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn round_trip() {
        let bytes = serde_json::to_vec(&manifest()).unwrap();
        assert_eq!(Manifest::decode("m", &bytes).unwrap(), manifest());
        assert_eq!(manifest().meta().unwrap().offset, 42);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        check(|m| m.format = 2, "the snapshot m has format 2, this motmot reads format 1");
        check(|m| m.files[0].name = "../x".to_owned(), "the snapshot m is damaged: it names the file \"../x\"");
        check(|m| m.files[0].name = ".x".to_owned(), "damaged");
        check(|m| m.files[0].object = "../../x".to_owned(), "../../x");
        check(|m| m.files[0].sha256 = "0f".to_owned(), "damaged");
        check(|m| m.files.push(m.files[0].clone()), "names a file twice");
        check(|m| m.files.clear(), "0 files");
        check(|m| m.offset = -1, "offset -1");
        check(|m| m.strategy = "x".to_owned(), "`x` names no strategy");
        let whole = serde_json::to_vec(&manifest()).unwrap();
        for length in 0..whole.len() {
            assert!(Manifest::decode("m", &whole[..length]).is_err(), "cut off after {length} bytes");
        }
    }

    #[test]
    fn names_sort_as_offsets_and_only_names_are_names() {
        let name = |offset, unique| Name { offset, unique };
        let mut names = [name(9, 9), name(10, 1), name(i64::MAX, 0), name(0, u64::MAX)];
        names.sort_unstable();
        let mut texts = names.map(|name| name.to_string());
        texts.sort_unstable();
        assert_eq!(texts, names.map(|name| name.to_string()), "as texts they sort alike");
        for name in names {
            assert_eq!(Name::parse(&name.to_string()), Some((name, false)));
            assert_eq!(Name::parse(&name.set_aside()), Some((name, true)));
        }
        for text in
            ["", "x.json", "1-2.json", "0000000000000000000-0000000000000000.json", "00000000000000000001-000000000000000G.json"]
        {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }
}
