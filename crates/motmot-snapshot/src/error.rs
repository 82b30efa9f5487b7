//! What can go wrong with a snapshot.

use std::path::PathBuf;

/// What can go wrong with a snapshot, in words for whoever is woken by it.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The address or an option is wrong.
    #[error(
        "snapshots.url is `{url}`: {detail}. It should be file:///FOLDER, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"
    )]
    Address {
        /// The configured address.
        url: String,
        /// What is wrong with it.
        detail: String,
    },
    /// An option is not one of this kind of store.
    #[error("snapshots.options.{option}: {detail}")]
    Option {
        /// Its name.
        option: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The object store does not do what it is asked.
    #[error("the store of snapshots {doing}: {source}. {}", mend(source))]
    Store {
        /// What was being done.
        doing: String,
        /// What it said.
        source: object_store::Error,
    },
    /// A file of this machine cannot be read or written.
    #[error("the file {path} of a snapshot: {source}. Check the disk's free space, its health and the folder's rights")]
    Local {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What lies in the object store is not what was put there.
    #[error("the snapshot {name} is damaged: {detail}")]
    Damaged {
        /// The manifest's name.
        name: String,
        /// What was found.
        detail: String,
    },
    /// Written by a version of motmot that this one cannot read.
    #[error("the snapshot {name} has format {found}, this motmot reads format {known}: a newer one wrote it")]
    Format {
        /// The manifest's name.
        name: String,
        /// The format found.
        found: u32,
        /// The format that this version reads and writes.
        known: u32,
    },
    /// The process stood still so long that what the snapshot leans on may have been collected.
    #[error(
        "a snapshot took so long that it was given up: the process stood still, or the store of snapshots is too slow; the next one follows"
    )]
    Late,
    /// The background threads cannot be started, or have ended.
    #[error("the threads for snapshots cannot be started: {0}")]
    Threads(std::io::Error),
}

fn mend(source: &object_store::Error) -> &'static str {
    use object_store::Error;
    match source {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            "Check the credentials and what they may do there: list, read, write and delete"
        }
        Error::NotFound { .. } => "Does the bucket exist, and is snapshots.url right?",
        _ => "Check snapshots.url, snapshots.options and the network",
    }
}

impl SnapshotError {
    /// Values of the label `reason`.
    pub const REASONS: [&'static str; 6] = ["unreachable", "denied", "missing", "damaged", "local", "late"];

    /// One of [`Self::REASONS`].
    pub fn reason(&self) -> &'static str {
        use object_store::Error;
        match self {
            Self::Store { source: Error::PermissionDenied { .. } | Error::Unauthenticated { .. }, .. } => "denied",
            Self::Store { source: Error::NotFound { .. }, .. } => "missing",
            Self::Damaged { .. } | Self::Format { .. } => "damaged",
            Self::Local { .. } | Self::Threads(_) => "local",
            Self::Late => "late",
            Self::Store { .. } | Self::Address { .. } | Self::Option { .. } => "unreachable",
        }
    }

    pub(crate) fn store(doing: impl Into<String>) -> impl FnOnce(object_store::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Store { doing, source }
    }

    pub(crate) fn local(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Local { path, source }
    }
}
