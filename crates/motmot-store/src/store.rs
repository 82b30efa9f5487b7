//! One partition's store: open it, read cold rows, write a checkpoint.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use motmot_core::engine::{BoxError, Cold, DueVisit, RowChange, RowId};
use motmot_core::time::Timestamp;

use crate::error::StoreError;
use crate::folder;
use crate::inspect::Inspection;
use crate::key_value::{Batch, KeyValue};
use crate::keys;
use crate::meta::{FORMAT, Meta, StrategyId};
use crate::resources::Resources;
use crate::rocks::RocksDb;

/// A file in the store's folder that says that a part of it could not be read.
const DAMAGED: &str = "DAMAGED";

/// What reading gave, told apart by what mends it. A damage is noted in the folder: the next start must not trust it again.
fn read_error(path: &Path, source: BoxError) -> StoreError {
    let error = StoreError::of(path.to_owned(), "read", source);
    if let StoreError::Damaged { what, .. } = &error {
        // Best effort: where it cannot be noted it will be found again.
        drop(std::fs::write(path.join(DAMAGED), what));
    }
    error
}

/// The store of one input partition. Whoever holds it is the partition's owner: a second one cannot be opened.
#[derive(Debug)]
pub struct Store<K = RocksDb> {
    entries: Arc<K>,
    path: PathBuf,
    meta: Option<Meta>,
}

impl Store {
    /// Opens the store of a topic's partition, the folder `<dir>/<topic>-<partition>`, and makes it if it is not there.
    ///
    /// # Errors
    /// When it is locked by another owner, has another format, is damaged, or the disk refuses.
    pub fn open(resources: &Resources, dir: &Path, topic: &str, partition: i32) -> Result<Self, StoreError> {
        let path = folder::of(dir, topic, partition);
        std::fs::create_dir_all(&path).map_err(|source| StoreError::Folder { path: path.clone(), source })?;
        // RocksDB finds a damaged block when it reads it, and opens the store again as if nothing had been.
        if let Ok(what) = std::fs::read_to_string(path.join(DAMAGED)) {
            return Err(StoreError::Damaged { path, what });
        }
        let entries = RocksDb::open(resources, &path)?;
        // What a process that was killed left of a snapshot; whoever holds the lock is alone with it.
        folder::remove(&folder::snapshot(&path))?;
        Self::over(entries, path)
    }
}

impl Store<RocksDb> {
    /// What takes a snapshot of the store, on whatever thread: RocksDB flushes for it, which may take seconds when the disk is busy.
    pub fn snapshotter(&self) -> Snapshotter {
        Snapshotter { entries: Arc::clone(&self.entries), path: self.path.clone() }
    }
}

/// Takes a snapshot of a store that goes on being written. Until it is done the store stays locked, whoever drops it.
#[derive(Debug)]
pub struct Snapshotter {
    entries: Arc<RocksDb>,
    path: PathBuf,
}

impl Snapshotter {
    /// Makes a snapshot beside the store: a RocksDB of its own, whose tables are hard links. Returns its folder and what it is a
    /// checkpoint of: some committed state, since no other is ever written, and each in one batch. An earlier one is replaced.
    ///
    /// What was fetched once and never became the store is removed: whoever has a store needs it no more.
    ///
    /// # Errors
    /// When the disk refuses. The store is none the worse for it.
    pub fn take(self) -> Result<(PathBuf, Meta), StoreError> {
        let Self { entries, path } = self;
        let into = folder::snapshot(&path);
        folder::remove(&into)?;
        folder::remove(&folder::restore(&path))?;
        entries.snapshot(&into).map_err(|source| StoreError::of(path.clone(), "snapshotted", source))?;
        drop(entries);
        let meta = Inspection::open(&into)?.meta()?.ok_or(StoreError::NoStore { path })?;
        Ok((into, meta))
    }
}

impl<K: KeyValue> Store<K> {
    /// The store that these entries are; `path` names it in errors.
    ///
    /// # Errors
    /// When they have another format, are damaged, or cannot be read.
    pub fn over(entries: K, path: PathBuf) -> Result<Self, StoreError> {
        let mut store = Self { entries: Arc::new(entries), path, meta: None };
        store.meta = store.read_meta()?;
        Ok(store)
    }

    fn read_meta(&self) -> Result<Option<Meta>, StoreError> {
        let Some(value) = self.read(&keys::META)? else { return Ok(None) };
        match Meta::decode(&value) {
            Ok(Ok(meta)) => Ok(Some(meta)),
            Ok(Err(found)) => Err(StoreError::Format { path: self.path.clone(), found, known: FORMAT }),
            Err(e) => Err(StoreError::Damaged { path: self.path.clone(), what: format!("its description cannot be read ({e})") }),
        }
    }

    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.entries.get(key).map_err(|source| read_error(&self.path, source))
    }

    /// What the last checkpoint is one of; none: the store is empty.
    pub fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }

    /// The partition's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text of a strategy that a checkpoint was written under.
    ///
    /// # Errors
    /// When the disk refuses, or the text is damaged.
    pub fn strategy(&self, id: StrategyId) -> Result<Option<String>, StoreError> {
        let text = self.read(&keys::strategy(id.text))?.map(String::from_utf8).transpose();
        text.map_err(|e| StoreError::Damaged { path: self.path.clone(), what: format!("strategy {id} is no text ({e})") })
    }

    /// What the engine reads its cold rows from.
    pub fn reader(&self) -> Reader<K> {
        Reader { entries: Arc::clone(&self.entries), path: self.path.clone(), key: Vec::new() }
    }

    /// Writes a checkpoint: all of it or nothing. `strategy` is the text of the strategy that `meta` names.
    ///
    /// It goes through RocksDB's log without waiting for the disk: a killed process loses nothing, a crashed machine has an older
    /// checkpoint. Call it right after a commit, with what was committed.
    ///
    /// # Errors
    /// When the disk refuses. The partition must then be given up: what is in memory and what is on disk have parted.
    pub fn write(&mut self, checkpoint: Checkpoint<K::Batch>, meta: Meta, strategy: &str) -> Result<(), StoreError> {
        let Checkpoint { mut batch, .. } = checkpoint;
        if self.meta.as_ref().map(|old| old.strategy) != Some(meta.strategy) {
            batch.put(&keys::strategy(meta.strategy.text), strategy.as_bytes());
        }
        batch.put(&keys::META, &meta.encode());
        self.entries.write(batch).map_err(|source| StoreError::of(self.path.clone(), "written", source))?;
        self.meta = Some(meta);
        Ok(())
    }

    /// Bytes in files and in write buffers, about.
    pub fn size_bytes(&self) -> u64 {
        self.entries.size_bytes()
    }
}

/// The changed rows of a checkpoint, collected from the engine: `engine.checkpoint(&mut |change| checkpoint.add(&change))`.
#[derive(Default)]
pub struct Checkpoint<B = <RocksDb as KeyValue>::Batch> {
    batch: B,
    key: Vec<u8>,
    rows: usize,
}

impl<B: Batch> Checkpoint<B> {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a changed row and moves its wake-up.
    pub fn add(&mut self, change: &RowChange<'_>) {
        keys::row(&mut self.key, change.row);
        match change.value {
            Some(value) => self.batch.put(&self.key, value),
            None => self.batch.delete(&self.key),
        }
        let wake_at = change.wake_at.filter(|_| change.value.is_some());
        if wake_at != change.previous_wake_at {
            if let Some(previous) = change.previous_wake_at {
                keys::wake(&mut self.key, previous, change.row);
                self.batch.delete(&self.key);
            }
            if let Some(at) = wake_at {
                keys::wake(&mut self.key, at, change.row);
                self.batch.put(&self.key, b"");
            }
        }
        self.rows += 1;
    }

    /// How many rows it holds.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// Serves the rows of the last checkpoint.
#[derive(Debug)]
pub struct Reader<K = RocksDb> {
    entries: Arc<K>,
    path: PathBuf,
    key: Vec<u8>,
}

impl<K> Reader<K> {
    fn disk(&self, source: BoxError) -> StoreError {
        read_error(&self.path, source)
    }
}

impl<K: KeyValue> Cold for Reader<K> {
    fn load(&mut self, row: RowId<'_>) -> Result<Option<Vec<u8>>, BoxError> {
        keys::row(&mut self.key, row);
        Ok(self.entries.get(&self.key).map_err(|source| self.disk(source))?)
    }

    fn due(&mut self, after: Timestamp, until: Timestamp, visit: &mut DueVisit<'_>) -> Result<(), BoxError> {
        if until <= after {
            return Ok(());
        }
        let mut end = keys::WAKE_END.to_vec();
        if until < Timestamp::MAX {
            keys::wake_bound(&mut end, until.plus(1));
        }
        keys::wake_bound(&mut self.key, after.plus(1));
        let mut damaged = None;
        let scanned = self.entries.scan(&self.key, &end, &mut |key| match keys::parse_wake(key) {
            Ok((at, row)) => visit(at, row),
            Err(e) => {
                damaged = Some(format!("the wake-up {key:02x?} cannot be read ({e})"));
                ControlFlow::Break(())
            }
        });
        scanned.map_err(|source| self.disk(source))?;
        match damaged {
            Some(what) => Err(StoreError::Damaged { path: self.path.clone(), what }.into()),
            None => Ok(()),
        }
    }
}
