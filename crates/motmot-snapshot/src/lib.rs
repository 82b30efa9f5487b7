//! Snapshots of a partition's store in an object store: a folder, S3, Google's or Azure's, by its address.
//!
//! They are durability, not a convenience: the state is folded from a log that retention eats. What this crate must never do: stand in
//! the way of a commit (it works on threads of its own), give back a file whose content is not the one that was put, or delete what a
//! snapshot that may be used consists of.
//!
//! A crate of its own, so that `motmot-store` and whoever only reads stores stays free of tokio, HTTP and TLS.
//!
//! Below `<url>/<group>/<topic>/<topic id>/<partition>/` lie `files/` and `manifests/`. A file's object is named by its content's hash and
//! is never written twice; a manifest names the files of one snapshot and comes last.
//!
//! Where to start reading: [`manifest`] (what a snapshot is), `upload` (making one), `collect` (what may be deleted, with the argument),
//! `restore` (getting one back), [`Agent`] (the threads).

mod address;
mod agent;
mod collect;
mod error;
mod hash;
pub mod manifest;
mod place;
mod restore;
mod upload;

pub use address::{Address, SnapshotConfig};
pub use agent::{Agent, Event, Observer, Session};
pub use error::SnapshotError;
pub use manifest::{FileEntry, Manifest, Name};
pub use place::{Listed, Owner, Place};
pub use restore::Restored;
