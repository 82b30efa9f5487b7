//! Why an import or a replay stopped.

use std::io;
use std::path::PathBuf;

use motmot_core::engine::BoxError;
use motmot_wire::EncodeError;
use motmot_wire::file::FileError;

use crate::mapping::BadHeader;

/// Why an import or a replay stopped. What is wrong with a single row does not stop it: that is counted and listed.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file cannot be opened.
    #[error("{} cannot be opened: {source}", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be read to its end. Half a file would give numbers that look right.
    #[error("{} cannot be read to its end: {source}. Nothing of it is used; fetch the file again", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is neither JSON lines nor Avro, and there is no mapping.
    #[error("{} holds neither motmot's JSON lines nor an Avro file; if its rows are to be mapped, name the mapping with --mapping", path.display())]
    NeedsMapping {
        /// Which.
        path: PathBuf,
    },
    /// A file does not have the columns that the mapping asks for.
    #[error("{}: {source}", path.display())]
    Header {
        /// Which.
        path: PathBuf,
        /// What is missing.
        source: BadHeader,
    },
    /// An Avro file is damaged.
    #[error("{}: {source}. Nothing of it is used; fetch the file again", path.display())]
    Avro {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: FileError,
    },
    /// More files or rows than can be told apart.
    #[error("{what}: cut the source into several runs")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
    },
    /// A report with more groups than anybody could read, or memory should hold.
    #[error(
        "by {by} there are more than {most} groups: choose fewer columns with --by, or a part of the data with --since, --until or --where"
    )]
    TooManyGroups {
        /// What it was to be grouped by.
        by: String,
        /// The most that there may be.
        most: usize,
    },
    /// A row of a table that is none.
    #[error("{} line {line}: this is no row of the table that was expected: {detail}. Was it written by an older motmot? Then run `motmot replay` again", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What was found.
        detail: String,
    },
    /// The temporary files of a source that does not fit into memory.
    #[error("a temporary file cannot be used: {source}. Free some space in {}, or let TMPDIR name a larger place", std::env::temp_dir().display())]
    Spool {
        /// What the system says.
        #[from]
        source: io::Error,
    },
    /// An output cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Output {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A record cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Whoever takes the records failed.
    #[error("{0}")]
    Sink(BoxError),
    /// The fold failed, or the spool is damaged.
    #[error("the replay failed: {0}; please report this")]
    Fold(BoxError),
}
