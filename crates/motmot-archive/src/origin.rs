//! Where the touchpoints of a replay came from, so that its rows can name them: `sources.json` beside its tables.
//!
//! A row's `evidence` is a list of texts of the form of the Kafka header: `3:17,18,42`. Of a topic the number before the colon is the
//! partition and the others are offsets; of files it is the file's position in `sources.json`, from 0, and the others are rows.

use std::fs;
use std::path::{Path, PathBuf};

use motmot_wire::Evidence;
use serde::{Deserialize, Serialize};

use crate::error::ArchiveError;
use crate::spool::Place;

/// What a replay has read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origins {
    /// Files, in their order.
    Files(Vec<String>),
    /// A topic.
    Topic(String),
}

impl Origins {
    const FILE: &'static str = "sources.json";

    /// The files of a source.
    pub fn of_files(files: &[PathBuf]) -> Self {
        Self::Files(files.iter().map(|path| path.display().to_string()).collect())
    }

    /// Writes `sources.json` into a replay's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), ArchiveError> {
        let path = folder.join(Self::FILE);
        let written = serde_json::to_vec_pretty(self).map_err(std::io::Error::from).and_then(|text| fs::write(&path, text));
        written.map_err(|source| ArchiveError::Output { path, source })
    }

    /// What a replay's folder says; none if it says nothing.
    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(Self::FILE)).ok()?).ok()
    }

    /// A text of evidence as people name such places: `calls.csv: rows 17, 18`, `motmot.touchpoints-3@17, 18`.
    pub fn words(&self, evidence: &str) -> String {
        let Some(Evidence { partition, offsets, more }) = Evidence::parse(evidence.as_bytes()) else {
            return evidence.to_owned();
        };
        let numbers = offsets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        match self {
            Self::Topic(topic) => format!("{topic}-{partition}@{numbers}{more}"),
            Self::Files(files) => {
                let file = usize::try_from(partition).ok().and_then(|position| files.get(position));
                let file = file.cloned().unwrap_or_else(|| format!("file {partition}"));
                format!("{file}: {} {numbers}{more}", if offsets.len() + more.len() == 1 { "row" } else { "rows" })
            }
        }
    }
}

/// What the numbers that an engine gives as evidence are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Numbers {
    /// File and row in one, as [`Place::row`] has them.
    #[default]
    Rows,
    /// Offsets in this partition.
    Offsets(i32),
}

impl Numbers {
    /// The texts of a row's evidence.
    pub(crate) fn texts(self, evidence: &[i64]) -> Vec<String> {
        let mut text = String::new();
        let mut write = |part: i32, numbers: &[i64]| {
            Evidence::write(part, numbers, &mut text);
            text.clone()
        };
        match self {
            Self::Offsets(partition) if !evidence.is_empty() => vec![write(partition, evidence)],
            Self::Offsets(_) => Vec::new(),
            Self::Rows => {
                let parts: Vec<(i32, i64)> = evidence.iter().map(|number| Place::file_and_row(*number)).collect();
                let of_one_file = parts.chunk_by(|(a, _), (b, _)| a == b);
                of_one_file
                    .filter_map(|part| {
                        let mut rows: Vec<i64> = part.iter().map(|(_, row)| *row).collect();
                        rows.dedup(); // of a mapped file one row gives several touchpoints
                        part.first().map(|(file, _)| write(*file, &rows))
                    })
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use motmot_core::Timestamp;

    #[test]
    fn evidence_names_file_and_row_or_partition_and_offset() {
        let at = |file, row| Place::new(Timestamp::MIN, file, row, 3).row();
        let texts = Numbers::Rows.texts(&[at(0, 17), at(0, 17), at(0, 18), at(65_535, (1 << 40) - 1)]);
        assert_eq!(texts, ["0:17,18", "65535:1099511627775"]);
        let files = Origins::Files(vec!["january.csv".to_owned(), "february.csv".to_owned()]);
        assert_eq!(files.words(&texts[0]), "january.csv: rows 17, 18");
        assert_eq!(files.words("1:4"), "february.csv: row 4");
        assert_eq!(Numbers::Offsets(3).texts(&[17, 42]), ["3:17,42"]);
        assert_eq!(Origins::Topic("t".to_owned()).words("3:17,42+9"), "t-3@17, 42 and 9 more");
        assert_eq!(Numbers::Offsets(3).texts(&[]), Vec::<String>::new());
    }
}
