//! Making a snapshot: files first, each whose content is not there yet, the manifest last; then what is not needed any more is deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _};
use motmot_store::Meta;
use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;

use crate::collect::{self, Graces};
use crate::error::SnapshotError;
use crate::hash;
use crate::manifest::{FORMAT, FileEntry, Manifest, Name};
use crate::place::{Listed, Object, Owner, Place};

/// Files are sent in parts of so many bytes; a transfer holds one of them in memory.
const PART: usize = 8 << 20;
/// Files of one snapshot that are on their way at once. How many are in the whole process, the semaphore says.
const AT_ONCE: usize = 4;

/// What one owner of a partition knows of its snapshots, from its assignment to its end. RocksDB never gives a number to two tables
/// while a store is open, so a table that was hashed once in that time need not be again.
pub(crate) struct Maker {
    pub(crate) place: Place,
    pub(crate) owner: Owner,
    pub(crate) keep: usize,
    pub(crate) graces: Graces,
    /// Time that passes, by a clock that nobody sets.
    pub(crate) elapsed: Arc<dyn Fn() -> Duration + Send + Sync>,
    pub(crate) transfers: Arc<Semaphore>,
    hashes: BTreeMap<String, (String, u64)>,
    /// What this owner has put, by hash, and when it began to.
    put: BTreeMap<String, (String, Duration)>,
    manifests: BTreeMap<Name, Manifest>,
}

/// A snapshot that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) name: Name,
    /// Bytes of all its files.
    pub(crate) bytes: u64,
    /// Bytes that were sent.
    pub(crate) sent: u64,
    /// Why what is old could not be deleted.
    pub(crate) uncollected: Option<String>,
}

/// What lies there, and when it was looked at.
struct View {
    at: Duration,
    /// The objects that the newest manifest names and that are there, by hash.
    usable: BTreeMap<String, String>,
    objects: BTreeMap<String, Object>,
}

impl Maker {
    pub(crate) fn new(place: Place, owner: Owner, keep: usize, transfers: Arc<Semaphore>) -> Self {
        let begun = Instant::now();
        Self {
            place,
            owner,
            keep: keep.max(1),
            graces: Graces::default(),
            elapsed: Arc::new(move || begun.elapsed()),
            transfers,
            hashes: BTreeMap::new(),
            put: BTreeMap::new(),
            manifests: BTreeMap::new(),
        }
    }

    /// Makes a snapshot of a folder whose description is `meta`.
    pub(crate) async fn make(&mut self, folder: &Path, meta: &Meta, made_at_ms: i64) -> Result<Made, SnapshotError> {
        let mut files = self.local_files(folder).await?;
        let mut view = self.look().await?;
        let first = view.objects.clone();
        let mut sent = 0;
        // Once more when that took so long that what it leans on may be about to go.
        while !files.iter().all(|file| self.holds(file, &view)) {
            if (self.elapsed)() - view.at >= self.graces.superseded / 2 {
                view = self.look().await?;
            }
            sent += self.send(folder, &mut files, &view).await?;
        }
        let name = Name { offset: meta.offset, unique: hash::unique() };
        let manifest = self.manifest(meta, files, made_at_ms);
        self.place.put(name, &manifest).await?;
        let is_late = !manifest.files.iter().all(|file| self.holds(file, &view));
        if is_late {
            self.place.delete(&Listed { name, is_set_aside: false, put_at: chrono::DateTime::UNIX_EPOCH }).await?;
            return Err(SnapshotError::Late);
        }
        let bytes = manifest.bytes();
        self.manifests.insert(name, manifest);
        let uncollected = self.collect(name, &first).await.err().map(|error| error.to_string());
        Ok(Made { name, bytes, sent, uncollected })
    }

    fn manifest(&self, meta: &Meta, files: Vec<FileEntry>, made_at_ms: i64) -> Manifest {
        Manifest {
            format: FORMAT,
            group: self.owner.group.clone(),
            topic: self.owner.topic.clone(),
            topic_id: meta.topic_id.clone(),
            partition: self.owner.partition,
            partitions: meta.partitions,
            origin: meta.origin.to_string(),
            offset: meta.offset,
            clock_ms: meta.position.now.as_millis(),
            stream_time_ms: meta.position.stream_time.as_millis(),
            strategy: meta.strategy.to_string(),
            swaps: meta.swaps,
            made_at_ms,
            motmot: env!("CARGO_PKG_VERSION").to_owned(),
            files,
        }
    }

    /// The files of a folder, hashed; they have no objects yet.
    async fn local_files(&mut self, folder: &Path) -> Result<Vec<FileEntry>, SnapshotError> {
        let (folder, mut known) = (folder.to_owned(), std::mem::take(&mut self.hashes));
        let hashed = tokio::task::spawn_blocking(move || {
            let mut files = Vec::new();
            for path in files_of(&folder)? {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let (sha256, size) = match known.get(&name) {
                    Some(known) => known.clone(),
                    None => hash::of_file(&path).map_err(SnapshotError::local(&path))?,
                };
                files.push(FileEntry { name, size, sha256, object: String::new() });
            }
            let is_table = |file: &&FileEntry| file.name.ends_with(".sst");
            known = files.iter().filter(is_table).map(|f| (f.name.clone(), (f.sha256.clone(), f.size))).collect();
            Ok::<_, SnapshotError>((files, known))
        });
        let (files, known) = hashed.await.map_err(|e| SnapshotError::Threads(e.into()))??;
        self.hashes = known;
        Ok(files)
    }

    /// Manifests first, then files: what the newest manifest names and is there may be leant on.
    async fn look(&mut self) -> Result<View, SnapshotError> {
        let at = (self.elapsed)();
        let listed = self.place.list().await?;
        let mut usable = BTreeMap::new();
        // Only the newest: whatever others are told to keep, they keep that one. If it cannot be read it is nothing to lean on.
        let newest = listed.iter().find(|manifest| !manifest.is_set_aside);
        if let Some(newest) = newest
            && let Ok(manifest) = self.read(newest).await
        {
            usable.extend(manifest.files.iter().map(|file| (file.sha256.clone(), file.object.clone())));
        }
        let objects = self.place.objects().await?;
        usable.retain(|_, object| objects.contains_key(object));
        Ok(View { at, usable, objects })
    }

    async fn read(&mut self, listed: &Listed) -> Result<&Manifest, SnapshotError> {
        if !self.manifests.contains_key(&listed.name) {
            let manifest = self.place.read(listed).await?;
            self.manifests.insert(listed.name, manifest);
        }
        self.manifests.get(&listed.name).ok_or(SnapshotError::Late)
    }

    /// Whether a file's object may be named now.
    fn holds(&self, file: &FileEntry, view: &View) -> bool {
        let now = (self.elapsed)();
        let is_own = |(object, since): &(String, Duration)| *object == file.object && now - *since < self.graces.unreferenced / 2;
        if self.put.get(&file.sha256).is_some_and(is_own) {
            return true;
        }
        now - view.at < self.graces.superseded / 2
            && view.usable.get(&file.sha256) == Some(&file.object)
            && view.objects.get(&file.object).is_some_and(|object| object.size == file.size)
    }

    /// Gives each file an object that may be named, and sends those that have none. Returns the bytes sent.
    async fn send(&mut self, folder: &Path, files: &mut [FileEntry], view: &View) -> Result<u64, SnapshotError> {
        let mut jobs = Vec::new();
        for file in files {
            let own = self.put.get(&file.sha256).map(|(object, _)| object);
            for object in [own, view.usable.get(&file.sha256)].into_iter().flatten() {
                file.object.clone_from(object);
                if self.holds(file, view) {
                    break;
                }
            }
            if file.object.is_empty() || !self.holds(file, view) {
                file.object = format!("{}-{:016x}", file.sha256, hash::unique());
                jobs.push(self.send_file(folder.join(&file.name), file.clone()));
            }
        }
        let mut sent = 0;
        let mut put = Vec::new();
        let mut jobs = futures_util::stream::iter(jobs).buffer_unordered(AT_ONCE);
        let mut failed = None;
        while let Some(done) = jobs.next().await {
            match done {
                Ok((file, begun)) => {
                    sent += file.size;
                    put.push((file.sha256, (file.object, begun)));
                }
                // What the others have sent is not sent again.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        drop(jobs);
        self.put.extend(put);
        failed.map_or(Ok(sent), Err)
    }

    /// Sends a file when it is its turn; says when it began to.
    async fn send_file(&self, path: PathBuf, file: FileEntry) -> Result<(FileEntry, Duration), SnapshotError> {
        // The semaphore is never closed.
        let _turn = self.transfers.acquire().await;
        let begun = (self.elapsed)();
        send_file(&self.place, &path, &file).await?;
        Ok((file, begun))
    }

    /// Deletes what nobody needs. `objects` was listed before.
    async fn collect(&mut self, own: Name, objects: &BTreeMap<String, Object>) -> Result<(), SnapshotError> {
        let listed = self.place.list().await?;
        let Some(now) = listed.iter().find(|manifest| manifest.name == own).map(|manifest| manifest.put_at) else {
            return Ok(());
        };
        // One that cannot be read may name anything: then nothing is deleted, and it is said.
        for manifest in &listed {
            self.read(manifest).await?;
        }
        let names: BTreeSet<Name> = listed.iter().map(|manifest| manifest.name).collect();
        self.manifests.retain(|name, _| names.contains(name));
        let going = collect::superseded(&listed, own, self.keep, self.graces);
        for manifest in &going {
            self.place.delete(manifest).await?;
        }
        let goes = |name: &Name| going.iter().any(|manifest| manifest.name == *name);
        let named = |is_going: bool| -> BTreeSet<&str> {
            let manifests = self.manifests.iter().filter(|(name, _)| goes(name) == is_going);
            manifests.flat_map(|(_, manifest)| &manifest.files).map(|file| file.object.as_str()).collect()
        };
        let gone: Vec<&str> = collect::unreferenced(objects, &named(false), &named(true), now, self.graces);
        let mut deletes = Vec::new();
        for object in gone {
            deletes.push(self.place.delete_object(object));
        }
        futures_util::stream::iter(deletes).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        let now = (self.elapsed)();
        let grace = self.graces.unreferenced;
        self.put.retain(|_, (_, since)| now - *since < grace);
        Ok(())
    }
}

/// A folder's files; one without any is no snapshot.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, SnapshotError> {
    let entries = std::fs::read_dir(folder).map_err(SnapshotError::local(folder))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(SnapshotError::local(folder))?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

async fn send_file(place: &Place, path: &Path, file: &FileEntry) -> Result<(), SnapshotError> {
    let local = || SnapshotError::local(path);
    let failed = || SnapshotError::store(format!("does not take the file {}", file.name));
    let mut from = tokio::fs::File::open(path).await.map_err(local())?;
    let to = place.file(&file.object);
    let first = read_part(&mut from).await.map_err(local())?;
    if first.len() < PART {
        return place.store().put(&to, PutPayload::from(first)).await.map(drop).map_err(failed());
    }
    let mut upload = place.store().put_multipart(&to).await.map_err(failed())?;
    let sent = send_parts(&mut *upload, &mut from, first).await;
    let sent = match sent {
        Ok(()) => upload.complete().await.map(drop).map_err(failed()),
        Err(Trouble::Local(e)) => Err(local()(e)),
        Err(Trouble::Store(e)) => Err(failed()(e)),
    };
    if sent.is_err() {
        // Best effort: stores forget unfinished uploads by a rule of theirs.
        drop(upload.abort().await);
    }
    sent
}

enum Trouble {
    Local(std::io::Error),
    Store(object_store::Error),
}

/// One part after the other: what is in memory is one of them, and what is at once is other files.
async fn send_parts(upload: &mut dyn MultipartUpload, from: &mut tokio::fs::File, first: Vec<u8>) -> Result<(), Trouble> {
    let mut part = first;
    while !part.is_empty() {
        upload.put_part(part.into()).await.map_err(Trouble::Store)?;
        part = read_part(from).await.map_err(Trouble::Local)?;
    }
    Ok(())
}

async fn read_part(from: &mut tokio::fs::File) -> std::io::Result<Vec<u8>> {
    let mut part = Vec::new();
    from.take(PART as u64).read_to_end(&mut part).await?;
    Ok(part)
}

#[cfg(test)]
mod tests;
