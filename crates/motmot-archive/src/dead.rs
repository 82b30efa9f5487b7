//! Rows that gave nothing, each with its reason.

use serde::Serialize;

/// The most that are listed; all are counted. A million dead rows are a wrong mapping, and nobody reads the second thousand.
const MOST_LISTED: usize = 1_000_000;

/// A row that gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DeadRow {
    /// The file.
    pub file: String,
    /// The line on which it begins, from 1; of an Avro file the record.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// The dead rows of a source, in the order of files and lines.
#[derive(Clone, Debug, Default)]
pub struct DeadRows {
    listed: Vec<(usize, DeadRow)>,
    count: u64,
}

impl DeadRows {
    pub(crate) fn push(&mut self, file: usize, row: DeadRow) {
        self.count += 1;
        if self.listed.len() < MOST_LISTED {
            self.listed.push((file, row));
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.listed.extend(other.listed);
        self.listed.sort_by(|(a, one), (b, other)| (a, one.line).cmp(&(b, other.line)));
        self.listed.truncate(MOST_LISTED);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Those that are listed: the first million at most.
    pub fn listed(&self) -> impl ExactSizeIterator<Item = &DeadRow> {
        self.listed.iter().map(|(_, row)| row)
    }
}
