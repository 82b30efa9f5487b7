//! What can be wrong with a store.

use std::path::PathBuf;

use motmot_core::engine::BoxError;

/// What can be wrong with a store, in words for whoever is woken by it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process (or another shard of this one) has the folder open.
    #[error(
        "the store {path} is locked: another process has it open, most likely a worker with the same instance name that has not \
         ended yet. Stop that one, or give this worker a store folder of its own ({source})"
    )]
    Locked {
        /// The partition's folder.
        path: PathBuf,
        /// What RocksDB said.
        source: BoxError,
    },
    /// Written by a version of motmot that this one cannot read.
    #[error(
        "the store {path} has format {found}, this motmot reads format {known}. Start the motmot that wrote it, or move the folder \
         away: the worker then folds the topic again from its start"
    )]
    Format {
        /// The partition's folder.
        path: PathBuf,
        /// The format found.
        found: u8,
        /// The format that this version reads and writes.
        known: u8,
    },
    /// What is read makes no sense.
    #[error(
        "the store {path} is damaged: {what}. Move the folder away: the worker then folds the topic again from its start, or \
         refuses if the topic no longer reaches back that far"
    )]
    Damaged {
        /// The partition's folder.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The folder cannot be made.
    #[error("the store's folder {path} cannot be made: {source}. Check the setting `store.dir`, its rights and the disk")]
    Folder {
        /// The partition's folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The disk is full, or gives errors.
    #[error("the store {path} cannot be {doing}: {source}. Check the disk's free space, its health and the folder's rights")]
    Disk {
        /// The partition's folder.
        path: PathBuf,
        /// "opened", "read" or "written".
        doing: &'static str,
        /// What RocksDB said.
        source: BoxError,
    },
}
