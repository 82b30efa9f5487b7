//! Arguments of what looks at the state, or gives it up.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Says what a store or a snapshot is of, what it holds, and whether it is sound. A worker may have it open
    #[command(after_help = "Examples:\n  motmot store inspect motmot-store/motmot.touchpoints-3\n  \
        motmot store inspect motmot-store/motmot.touchpoints-3 --key 12345678\n  \
        motmot store inspect --snapshot --verify --config motmot.toml\n  \
        motmot store inspect --snapshot s3://bucket/motmot --json")]
    Inspect(Inspect),
}

#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// A partition's folder: TOPIC-PARTITION below worker.store
    #[arg(value_name = "FOLDER", required_unless_present = "snapshot", conflicts_with = "snapshot")]
    pub(crate) folder: Option<PathBuf>,
    /// Shows the rows of this key in full
    #[arg(long, conflicts_with = "snapshot")]
    pub(crate) key: Option<String>,
    /// Lists rows in full, at most so many
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "20", conflicts_with = "snapshot")]
    pub(crate) rows: Option<usize>,
    /// Lists the snapshots at this address; without one, at the configuration's snapshots.url
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    pub(crate) snapshot: Option<String>,
    /// Fetches every file of every snapshot and compares it with its hash
    #[arg(long, requires = "snapshot")]
    pub(crate) verify: bool,
    /// As one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Rebuild {
    /// Only this partition; may be given several times
    #[arg(long = "partition", value_name = "N")]
    pub(crate) partitions: Vec<i32>,
    /// Begins from this snapshot (its name in `motmot store inspect --snapshot`) instead of the log
    #[arg(long, value_name = "NAME", conflicts_with = "from_offset")]
    pub(crate) snapshot: Option<String>,
    /// Begins at this offset instead of the log's start
    #[arg(long, value_name = "N")]
    pub(crate) from_offset: Option<i64>,
    /// Deletes store and snapshots that are given up instead of setting them aside
    #[arg(long)]
    pub(crate) delete: bool,
    /// Do it; without it, only say what would be done
    #[arg(long)]
    pub(crate) yes: bool,
}
