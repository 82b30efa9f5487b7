//! How far an import or a replay has come.

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Files are read.
    Reading {
        /// Bytes of the files so far, compressed where they are.
        done: u64,
        /// All bytes; 0 when that is not known (standard input).
        total: u64,
    },
    /// Touchpoints are folded, or written.
    Folding {
        /// Touchpoints so far.
        done: u64,
        /// All touchpoints.
        total: u64,
    },
}

/// Hears of progress, from any thread, some hundred times a second at most a thread.
pub type Report<'r> = &'r (dyn Fn(Progress) + Sync);
