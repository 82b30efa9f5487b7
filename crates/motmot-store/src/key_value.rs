//! What lies under a store: ordered entries, and batches that are written whole or not at all.
//!
//! [`RocksDb`](crate::RocksDb) in a worker. A simulation of the worker keeps the entries in memory, where it can lose them, fill the disk and
//! bring an older checkpoint back: everything above this line is the same code in both.

use std::ops::ControlFlow;

use motmot_core::engine::BoxError;

/// Entries in the order of their keys.
pub trait KeyValue {
    /// Collects changes.
    type Batch: Batch;

    /// A key's value.
    ///
    /// # Errors
    /// When the disk refuses.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BoxError>;

    /// Hands each key from `from` on and before `until` to `visit`, in their order, until it has enough.
    ///
    /// # Errors
    /// When the disk refuses.
    fn scan(&self, from: &[u8], until: &[u8], visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<(), BoxError>;

    /// Makes all changes of a batch, or none.
    ///
    /// # Errors
    /// When the disk refuses.
    fn write(&self, batch: Self::Batch) -> Result<(), BoxError>;

    /// Bytes that it takes up, about.
    fn size_bytes(&self) -> u64;
}

/// Changes that belong together.
pub trait Batch: Default {
    /// Sets a key's value.
    fn put(&mut self, key: &[u8], value: &[u8]);

    /// Takes a key away.
    fn delete(&mut self, key: &[u8]);
}
