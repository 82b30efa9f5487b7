//! History: import by mapping, replay, and report.
//!
//! [`import()`] turns files that were not made for motmot into touchpoints; [`replay()`] folds any source with any strategy and says what
//! it found. Both read on all cores, hold what they must in temporary files, and are told how far they are to go by option structs: they
//! never touch a terminal, a network or the wall clock.
//!
//! Where to start reading: [`mapping`] (rows become touchpoints), `source` (files are read), `spool` (put in order of arrival), [`fold`]
//! (one engine), `tables` (what it told), [`summary`] (what was found). [`report`] counts what a replay or a worker told.

mod dead;
mod error;
pub mod fold;
pub mod import;
mod input;
pub mod mapping;
mod origin;
mod progress;
pub mod replay;
pub mod report;
mod rows;
mod source;
mod spool;
pub mod summary;
mod swaps;
mod table;
mod tables;

pub use dead::{DeadRow, DeadRows};
pub use error::ArchiveError;
pub use fold::{Folded, Folder, Until};
pub use import::{FileFormat, FileSink, Imported, TouchpointSink, import};
pub use mapping::Mapping;
pub use origin::Origins;
pub use progress::{Progress, Report};
pub use replay::{ReplayOptions, Replayed, gather, replay};
pub use source::{Source, key_of};
pub use summary::Summary;
pub use swaps::{Schedule, Swap, SwapPoint};
