//! Getting a snapshot back: files in parallel, into a folder that becomes the store when it is complete. What an earlier attempt brought
//! is kept; what is there in part goes on. Nothing counts before its hash was computed from what lies on the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::{GetOptions, GetRange};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use crate::error::SnapshotError;
use crate::hash;
use crate::manifest::{FileEntry, Manifest};
use crate::place::Place;

/// Files that are fetched at once.
const AT_ONCE: usize = 8;

/// What a restore did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes that had to be fetched.
    pub fetched: u64,
}

/// Fetches a snapshot into `folder`, which then holds its files and nothing else, all of it on the disk. `name` is for messages.
pub(crate) async fn restore(place: &Place, name: &str, manifest: &Manifest, folder: &Path) -> Result<Restored, SnapshotError> {
    fs::create_dir_all(folder).await.map_err(SnapshotError::local(folder))?;
    remove_others(manifest, folder).await?;
    let fetched = Arc::new(AtomicU64::new(0));
    let mut jobs = Vec::new();
    for file in &manifest.files {
        jobs.push(fetch(place, name, file, folder.join(&file.name), &fetched));
    }
    // Not the first failure's words only: what is underway comes to its end and is there next time.
    let done: Vec<Result<(), SnapshotError>> = futures_util::stream::iter(jobs).buffer_unordered(AT_ONCE).collect().await;
    done.into_iter().collect::<Result<(), _>>()?;
    let names = File::open(folder).await.map_err(SnapshotError::local(folder))?;
    names.sync_all().await.map_err(SnapshotError::local(folder))?;
    Ok(Restored { bytes: manifest.bytes(), fetched: fetched.load(Ordering::Relaxed) })
}

/// What an attempt at another snapshot left has no place in this one.
async fn remove_others(manifest: &Manifest, folder: &Path) -> Result<(), SnapshotError> {
    let mut entries = fs::read_dir(folder).await.map_err(SnapshotError::local(folder))?;
    while let Some(entry) = entries.next_entry().await.map_err(SnapshotError::local(folder))? {
        let path = entry.path();
        if manifest.files.iter().any(|file| *file.name == entry.file_name()) && path.is_file() {
            continue;
        }
        let removed = if path.is_dir() { fs::remove_dir_all(&path).await } else { fs::remove_file(&path).await };
        removed.map_err(SnapshotError::local(&path))?;
    }
    Ok(())
}

async fn fetch(place: &Place, name: &str, file: &FileEntry, to: PathBuf, fetched: &AtomicU64) -> Result<(), SnapshotError> {
    // Twice: what is there may be the half of another file of this name.
    for _ in 0..2 {
        let there = fs::metadata(&to).await.map_or(0, |metadata| metadata.len());
        if there > file.size {
            fs::remove_file(&to).await.map_err(SnapshotError::local(&to))?;
        }
        let from = if there > file.size { 0 } else { there };
        if from < file.size || file.size == 0 {
            fetched.fetch_add(download(place, name, file, &to, from).await?, Ordering::Relaxed);
        }
        if is_right(file, &to).await? {
            return Ok(());
        }
        fs::remove_file(&to).await.map_err(SnapshotError::local(&to))?;
    }
    let detail = format!("the object {} of its file {} is not what its name says", file.object, file.name);
    Err(SnapshotError::Damaged { name: name.to_owned(), detail })
}

/// Appends what is missing from byte `from` on; returns how much came.
async fn download(place: &Place, name: &str, file: &FileEntry, to: &Path, from: u64) -> Result<u64, SnapshotError> {
    let local = || SnapshotError::local(to);
    let mut open = OpenOptions::new();
    let mut into = open.create(true).append(true).open(to).await.map_err(local())?;
    let range = (from > 0).then_some(GetRange::Offset(from));
    let asked = place.store().get_opts(&place.file(&file.object), GetOptions { range, ..GetOptions::default() }).await;
    let doing = || SnapshotError::store(format!("cannot give the file {} of the snapshot {name}", file.name));
    let found = match asked {
        Err(object_store::Error::NotFound { .. }) => {
            let detail = format!("the object {} of its file {} is not there", file.object, file.name);
            return Err(SnapshotError::Damaged { name: name.to_owned(), detail });
        }
        asked => asked.map_err(doing())?,
    };
    if found.meta.size != file.size {
        let detail = format!(
            "the object {} of its file {} has {} bytes instead of {}",
            file.object, file.name, found.meta.size, file.size
        );
        return Err(SnapshotError::Damaged { name: name.to_owned(), detail });
    }
    let (mut stream, mut count) = (found.into_stream(), 0);
    while let Some(bytes) = stream.try_next().await.map_err(doing())? {
        into.write_all(&bytes).await.map_err(local())?;
        count += bytes.len() as u64;
    }
    into.sync_all().await.map_err(local())?;
    Ok(count)
}

async fn is_right(file: &FileEntry, path: &Path) -> Result<bool, SnapshotError> {
    let (sha256, size) = hash_of(path).await?;
    Ok(sha256 == file.sha256 && size == file.size)
}

async fn hash_of(path: &Path) -> Result<(String, u64), SnapshotError> {
    let path = path.to_owned();
    let hashed = tokio::task::spawn_blocking(move || hash::of_file(&path).map_err(SnapshotError::local(path)));
    hashed.await.map_err(|e| SnapshotError::Threads(e.into()))?
}

/// Reads every file of a snapshot and compares it with its name, keeping nothing.
pub(crate) async fn verify(place: &Place, name: &str, manifest: &Manifest, scratch: &Path) -> Result<(), SnapshotError> {
    for file in &manifest.files {
        let path = scratch.join(&file.name);
        let fetched = AtomicU64::new(0);
        fetch(place, name, file, path.clone(), &fetched).await?;
        fs::remove_file(&path).await.map_err(SnapshotError::local(&path))?;
    }
    Ok(())
}
