//! A look at a store without owning it: somebody else may have it open, and goes on undisturbed.

use std::path::{Path, PathBuf};

use motmot_core::engine::RowId;
use motmot_core::time::Timestamp;
use rocksdb::{DB, IteratorMode, Options, ReadOptions};

use crate::error::StoreError;
use crate::keys::{self, Prefix};
use crate::meta::{FORMAT, Meta, StrategyId};

/// A store as it stood when it was opened, read only.
pub struct Inspection {
    db: DB,
    path: PathBuf,
}

/// What lies under one prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// The prefix.
    pub prefix: Prefix,
    /// How many entries.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

impl Inspection {
    /// Opens a partition's folder. Nothing is written to it, and no lock is taken; what its owner writes afterwards is not seen.
    ///
    /// # Errors
    /// When there is no store, or it is damaged.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.join("CURRENT").is_file() {
            return Err(StoreError::NoStore { path: path.to_owned() });
        }
        let mut options = Options::default();
        options.set_max_open_files(256);
        let opened = DB::open_for_read_only(&options, path, false);
        let db = opened.map_err(|source| StoreError::of(path.to_owned(), "opened", source.into()))?;
        Ok(Self { db, path: path.to_owned() })
    }

    /// What it is a checkpoint of; none: nothing was ever written.
    ///
    /// # Errors
    /// When it is damaged, or of another format.
    pub fn meta(&self) -> Result<Option<Meta>, StoreError> {
        let Some(value) = self.db.get(keys::META).map_err(|source| self.read(source))? else { return Ok(None) };
        match Meta::decode(&value) {
            Ok(Ok(meta)) => Ok(Some(meta)),
            Ok(Err(found)) => Err(StoreError::Format { path: self.path.clone(), found, known: FORMAT }),
            Err(e) => Err(self.damaged(format!("its description cannot be read ({e})"))),
        }
    }

    /// The text of a strategy that a checkpoint was written under.
    ///
    /// # Errors
    /// When the disk refuses, or the text is damaged.
    pub fn strategy(&self, id: StrategyId) -> Result<Option<String>, StoreError> {
        let value = self.db.get(keys::strategy(id.text)).map_err(|source| self.read(source))?;
        value.map(String::from_utf8).transpose().map_err(|e| self.damaged(format!("strategy {id} is no text ({e})")))
    }

    /// Reads everything, and with it every checksum, and counts by prefix. Entries of prefixes that this version does not know come as none.
    ///
    /// # Errors
    /// When the disk refuses, or an entry is damaged.
    pub fn counts(&self) -> Result<(Vec<Counts>, u64), StoreError> {
        let mut counts: Vec<Counts> = Prefix::ALL.iter().map(|prefix| Counts { prefix: *prefix, entries: 0, bytes: 0 }).collect();
        let mut unknown = 0;
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        for entry in self.db.iterator_opt(IteratorMode::Start, options) {
            let (key, value) = entry.map_err(|source| self.read(source))?;
            match counts.iter_mut().find(|counts| key.first() == Some(&(counts.prefix as u8))) {
                Some(counts) => {
                    counts.entries += 1;
                    counts.bytes += (key.len() + value.len()) as u64;
                }
                None => unknown += 1,
            }
        }
        Ok((counts, unknown))
    }

    /// Visits the earliest wake-ups, at most `limit`.
    ///
    /// # Errors
    /// When the disk refuses, or an entry is damaged.
    pub fn wakes(&self, limit: usize, mut visit: impl FnMut(Timestamp, RowId<'_>)) -> Result<(), StoreError> {
        for entry in self.from(&[Prefix::Wake as u8]).take(limit) {
            let (key, _) = entry.map_err(|source| self.read(source))?;
            let Ok((at, row)) = keys::parse_wake(&key) else { break };
            visit(at, row);
        }
        Ok(())
    }

    /// Visits rows with their values in the order of their keys, those of one key if it is given, until `visit` says stop.
    ///
    /// # Errors
    /// When the disk refuses, or an entry is damaged.
    pub fn rows(&self, of: Option<&str>, mut visit: impl FnMut(RowId<'_>, &[u8]) -> bool) -> Result<(), StoreError> {
        let mut start = vec![Prefix::Row as u8];
        if let Some(key) = of {
            keys::row(&mut start, RowId { key, cycle_id: None });
            start.pop(); // whatever comes behind the key
        }
        for entry in self.from(&start) {
            let (key, value) = entry.map_err(|source| self.read(source))?;
            if !key.starts_with(&start) {
                break;
            }
            let row = keys::parse_row(&key).map_err(|e| self.damaged(format!("the key of a row cannot be read ({e})")))?;
            if !visit(row, &value) {
                break;
            }
        }
        Ok(())
    }

    /// Bytes of its files, by their kinds: tables, logs, all else.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn file_bytes(&self) -> Result<[u64; 3], StoreError> {
        let failed = |source| StoreError::Folder { path: self.path.clone(), source };
        let mut bytes = [0; 3];
        for entry in std::fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // A compaction may have deleted it by now.
            let Ok(size) = entry.metadata().map(|metadata| metadata.len()) else { continue };
            let [tables, logs, others] = &mut bytes;
            match entry.path().extension().and_then(|extension| extension.to_str()) {
                Some("sst") => *tables += size,
                Some("log") => *logs += size,
                _ => *others += size,
            }
        }
        Ok(bytes)
    }

    fn from(&self, start: &[u8]) -> rocksdb::DBIterator<'_> {
        self.db.iterator(IteratorMode::From(start, rocksdb::Direction::Forward))
    }

    fn read(&self, source: rocksdb::Error) -> StoreError {
        StoreError::of(self.path.clone(), "read", source.into())
    }

    fn damaged(&self, what: String) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), what }
    }
}

impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection").field("path", &self.path).finish_non_exhaustive()
    }
}
