//! What can be wrong with a store.

use std::path::PathBuf;

use motmot_core::engine::BoxError;
use rocksdb::ErrorKind;

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
        "the store {path} has format {found}, this motmot reads format {known}. Start the motmot that wrote it. To give the \
         state up instead, run motmot rebuild: it moves the folder away, and the worker folds the topic again"
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
        "the store {path} is damaged: {what}. Without a snapshot, run motmot rebuild: it moves the folder away, and the worker folds \
         the topic again"
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
    /// There is nothing to look at.
    #[error(
        "there is no store in {path}. A store is the folder TOPIC-PARTITION below the worker's store folder (`worker.store`)"
    )]
    NoStore {
        /// The folder.
        path: PathBuf,
    },
    /// No space is left.
    #[error(
        "the disk of the store {path} is full: it cannot be {doing} ({source}). Make room (folders that end in .set-aside are stores \
         that were given up, and may go), or give the worker another disk; then start it again: it goes on from its last checkpoint, \
         nothing is lost or told twice"
    )]
    DiskFull {
        /// The partition's folder.
        path: PathBuf,
        /// "opened", "read", "written" or "snapshotted".
        doing: &'static str,
        /// What RocksDB said.
        source: BoxError,
    },
    /// A folder cannot be moved or removed.
    #[error("the folder {path} cannot be {doing}: {source}. Check its rights and the disk")]
    Move {
        /// The folder.
        path: PathBuf,
        /// "moved" or "removed".
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The disk gives errors.
    #[error("the store {path} cannot be {doing}: {source}. Check the disk's health and the folder's rights")]
    Disk {
        /// The partition's folder.
        path: PathBuf,
        /// "opened", "read", "written" or "snapshotted".
        doing: &'static str,
        /// What RocksDB said.
        source: BoxError,
    },
}

impl StoreError {
    /// What the disk, or RocksDB on it, says about a folder, told apart by what mends it.
    pub(crate) fn of(path: PathBuf, doing: &'static str, source: BoxError) -> Self {
        let Some(said) = source.downcast_ref::<rocksdb::Error>() else { return Self::Disk { path, doing, source } };
        let text = said.as_ref();
        match said.kind() {
            // RocksDB has no kind for a held lock; it says "lock hold by current process" or "While lock file" …
            ErrorKind::IOError if text.contains("lock file") || text.contains("lock hold") => Self::Locked { path, source },
            // … nor for a full disk; it hands on what the system says. A quota is a disk of its own size.
            ErrorKind::IOError if text.contains("No space left") || text.contains("quota exceeded") => {
                Self::DiskFull { path, doing, source }
            }
            // A table or a log that the store's own list names is not there: as bad as one with wrong bytes.
            ErrorKind::IOError if text.contains("No such file or directory") => Self::Damaged { path, what: text.to_owned() },
            ErrorKind::Corruption => Self::Damaged { path, what: text.to_owned() },
            _ => Self::Disk { path, doing, source },
        }
    }
}
