//! The store of one input partition: a RocksDB folder that holds the fold as it stood at a commit.
//!
//! It is a checkpoint and no more: Kafka is the write-ahead log. What it must never do is run ahead of the commit, so there is one
//! way to write, [`Store::write`], and it writes everything in one batch: the changed rows, their wake-ups, offset, clock and
//! strategy. A reader sees either the old checkpoint or the new one.
//!
//! Where to start reading: [`keys`] (what lies under which key), [`Store`] (opening and writing), [`Reader`] (what the engine reads),
//! [`KeyValue`] (what lies under it), [`folder`] (where stores lie, and where they go), [`Inspection`] (a look at a store that somebody
//! else may have open).

mod error;
pub mod folder;
mod inspect;
mod key_value;
pub mod keys;
mod meta;
mod resources;
mod rocks;
mod store;

pub use error::StoreError;
pub use inspect::{Counts, Inspection};
pub use key_value::{Batch, KeyValue};
pub use meta::{Meta, Origin, StrategyId};
pub use resources::Resources;
pub use rocks::RocksDb;
pub use store::{Checkpoint, Reader, Snapshotter, Store};
