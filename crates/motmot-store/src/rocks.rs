//! RocksDB under a store.

use std::ops::ControlFlow;
use std::path::Path;

use motmot_core::engine::BoxError;
use rocksdb::{DB, ReadOptions, WriteBatch};

use crate::error::StoreError;
use crate::key_value::{Batch, KeyValue};
use crate::resources::Resources;

/// The entries of a RocksDB folder.
#[derive(Debug)]
pub struct RocksDb(DB);

impl RocksDb {
    pub(crate) fn open(resources: &Resources, path: &Path) -> Result<Self, StoreError> {
        DB::open(&resources.options(), path).map(Self).map_err(|source| StoreError::of(path.to_owned(), "opened", source.into()))
    }

    /// What is flushed: tables, which are linked, and what lists them.
    pub(crate) fn snapshot(&self, into: &Path) -> Result<(), BoxError> {
        Ok(rocksdb::checkpoint::Checkpoint::new(&self.0)?.create_checkpoint(into)?)
    }
}

impl KeyValue for RocksDb {
    type Batch = WriteBatch;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BoxError> {
        Ok(self.0.get(key)?)
    }

    fn scan(&self, from: &[u8], until: &[u8], visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<(), BoxError> {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(until);
        let mut iterator = self.0.raw_iterator_opt(options);
        iterator.seek(from);
        while let Some(key) = iterator.key() {
            if visit(key).is_break() {
                break;
            }
            iterator.next();
        }
        Ok(iterator.status()?)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), BoxError> {
        Ok(self.0.write(batch)?)
    }

    /// As RocksDB counts them: files and write buffers.
    fn size_bytes(&self) -> u64 {
        let property = |name| self.0.property_int_value(name).ok().flatten().unwrap_or(0);
        property(rocksdb::properties::TOTAL_SST_FILES_SIZE).saturating_add(property(rocksdb::properties::CUR_SIZE_ALL_MEM_TABLES))
    }
}

impl Batch for WriteBatch {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        Self::put(self, key, value);
    }

    fn delete(&mut self, key: &[u8]) {
        Self::delete(self, key);
    }
}
