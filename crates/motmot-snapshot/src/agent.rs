//! The threads on which snapshots are made, and the way to them from threads that must not wait.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use motmot_store::{Meta, StoreError};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::address::{Address, SnapshotConfig};
use crate::error::SnapshotError;
use crate::manifest::Manifest;
use crate::place::{Listed, Owner, Place};
use crate::restore::{self, Restored};
use crate::upload::Maker;

/// Files that are on their way to the store at once, in the whole process.
const TRANSFERS: usize = 4;
/// After failures the next attempt waits longer and longer, up to this.
const MAX_BACK_OFF: Duration = Duration::from_secs(600);
/// How often a waiting thread looks up.
const LOOK: Duration = Duration::from_millis(50);

/// What happens to the snapshots of a partition, for log and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// One is on its way.
    Begun,
    /// One is complete.
    Made {
        /// Its offset.
        offset: i64,
        /// When it was taken, in ms since 1970.
        made_at_ms: i64,
        /// Bytes of all its files.
        bytes: u64,
        /// Bytes that were sent.
        sent: u64,
        /// From taking it to the end.
        took: Duration,
    },
    /// One was given up.
    Failed {
        /// One of [`SnapshotError::REASONS`].
        reason: &'static str,
    },
    /// The owner has gone, with one on its way.
    Stopped,
}

/// Hears what happens to a partition's snapshots; on a thread of the agent's, so it must not wait.
pub type Observer = Arc<dyn Fn(i32, Event) + Send + Sync>;

/// Makes snapshots in the background, and fetches them.
pub struct Agent {
    threads: Option<Runtime>,
    runtime: Handle,
    address: Address,
    interval: Duration,
    keep: usize,
    transfers: Arc<Semaphore>,
    observer: Observer,
}

impl Agent {
    /// Starts the threads; the object store is not asked yet.
    ///
    /// # Errors
    /// When the configuration is wrong, or there are no threads.
    pub fn start(config: &SnapshotConfig, observer: Observer) -> Result<Self, SnapshotError> {
        let address = Address::open(&config.url, &config.options)?;
        Self::with(address, Duration::from_millis(config.interval_ms), config.keep, observer)
    }

    /// The same with a store that is in hand already.
    ///
    /// # Errors
    /// When there are no threads.
    pub fn with(address: Address, interval: Duration, keep: usize, observer: Observer) -> Result<Self, SnapshotError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(4)
            .thread_name("motmot-snapshot")
            .enable_all()
            .build()
            .map_err(SnapshotError::Threads)?;
        let (runtime, threads) = (runtime.handle().clone(), Some(runtime));
        Ok(Self { threads, runtime, address, interval, keep, transfers: Arc::new(Semaphore::new(TRANSFERS)), observer })
    }

    /// What the owner of a partition has, from its assignment to its end.
    pub fn session(&self, owner: Owner) -> Session {
        let partition = owner.partition;
        let maker = Maker::new(Place::new(&self.address, &owner), owner, self.keep, Arc::clone(&self.transfers));
        // The first one is due at once, and those of many partitions must not all be due together afterwards.
        let spread = self.interval.mul_f64(f64::from(partition.rem_euclid(16)) / 16.0);
        let shared = Shared {
            maker: tokio::sync::Mutex::new(maker),
            failures: AtomicU32::new(0),
            next: Mutex::new(Instant::now() + spread.min(Duration::from_secs(5))),
            interval: self.interval,
            observer: Arc::clone(&self.observer),
            partition,
        };
        Session { shared: Arc::new(shared), runtime: self.runtime.clone(), running: None }
    }

    /// Everybody who has snapshots at this address.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn owners(&self) -> Result<Vec<Owner>, SnapshotError> {
        self.runtime.block_on(crate::place::owners(&self.address))
    }

    /// The manifests of a partition, the newest first. Waits, and calls `meanwhile` now and then.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn list(&self, owner: &Owner, meanwhile: &mut dyn FnMut()) -> Result<Vec<Listed>, SnapshotError> {
        let place = Place::new(&self.address, owner);
        self.wait(async move { place.list().await }, meanwhile)
    }

    /// One manifest.
    ///
    /// # Errors
    /// When it cannot be read, is damaged or of another format.
    pub fn read(&self, owner: &Owner, listed: &Listed, meanwhile: &mut dyn FnMut()) -> Result<Manifest, SnapshotError> {
        let (place, listed) = (Place::new(&self.address, owner), *listed);
        self.wait(async move { place.read(&listed).await }, meanwhile)
    }

    /// Fetches a snapshot into a folder, which then holds its files and nothing else. What an earlier attempt left there is made use of.
    ///
    /// # Errors
    /// When the store does not answer, a file is not what it should be, or the disk refuses.
    pub fn restore(
        &self,
        owner: &Owner,
        listed: &Listed,
        manifest: &Manifest,
        folder: &Path,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<Restored, SnapshotError> {
        let (place, name, manifest, folder) =
            (Place::new(&self.address, owner), listed.name.to_string(), manifest.clone(), folder.to_owned());
        self.wait(async move { restore::restore(&place, &name, &manifest, &folder).await }, meanwhile)
    }

    /// Reads every file of a snapshot and compares it with its hash. `scratch` is a folder for one file at a time.
    ///
    /// # Errors
    /// When the store does not answer, or a file is not what it should be.
    pub fn verify(&self, owner: &Owner, listed: &Listed, manifest: &Manifest, scratch: &Path) -> Result<(), SnapshotError> {
        let place = Place::new(&self.address, owner);
        self.runtime.block_on(restore::verify(&place, &listed.name.to_string(), manifest, scratch))
    }

    /// Takes a snapshot out of use without deleting it, or deletes it.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn retire(&self, owner: &Owner, listed: &Listed, is_deleted: bool) -> Result<(), SnapshotError> {
        let place = Place::new(&self.address, owner);
        self.runtime.block_on(async { if is_deleted { place.delete(listed).await } else { place.set_aside(listed).await } })
    }

    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, SnapshotError>> + Send + 'static,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<T, SnapshotError> {
        let mut task = self.runtime.spawn(work);
        loop {
            match self.runtime.block_on(async { tokio::time::timeout(LOOK, &mut task).await }) {
                Ok(done) => return done.map_err(|e| SnapshotError::Threads(e.into()))?,
                Err(_) => meanwhile(),
            }
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Whoever holds it last may be a task of another runtime, which must not wait for the end of this one.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent").field("address", &self.address).field("interval", &self.interval).finish_non_exhaustive()
    }
}

struct Shared {
    /// One at a time.
    maker: tokio::sync::Mutex<Maker>,
    failures: AtomicU32,
    next: Mutex<Instant>,
    interval: Duration,
    observer: Observer,
    partition: i32,
}

/// A partition's snapshots as its owner sees them. Dropped, it stops the one that is on its way: whoever has lost the partition has
/// nothing to say about it any more.
pub struct Session {
    shared: Arc<Shared>,
    runtime: Handle,
    running: Option<JoinHandle<()>>,
}

impl Session {
    /// Whether it is time for one, and none is on its way.
    pub fn is_due(&self) -> bool {
        self.running.as_ref().is_none_or(JoinHandle::is_finished) && Instant::now() >= *lock(&self.shared.next)
    }

    /// Lets a snapshot be taken to a folder, sends it on its way, and removes the folder afterwards. Returns at once.
    pub fn send(&mut self, take: impl FnOnce() -> Result<(PathBuf, Meta), StoreError> + Send + 'static, made_at_ms: i64) {
        *lock(&self.shared.next) = Instant::now() + self.shared.interval;
        let shared = Arc::clone(&self.shared);
        (shared.observer)(shared.partition, Event::Begun);
        self.running = Some(self.runtime.spawn(async move {
            let begun = Instant::now();
            let (folder, meta) = match tokio::task::spawn_blocking(take).await {
                Ok(Ok(taken)) => taken,
                Ok(Err(error)) => return shared.not_taken(&error),
                Err(error) => return shared.not_taken(&error),
            };
            let made = shared.maker.lock().await.make(&folder, &meta, made_at_ms).await;
            if let Err(error) = tokio::fs::remove_dir_all(&folder).await {
                tracing::debug!(%error, folder = %folder.display(), "the snapshot's folder was left to the next start");
            }
            match made {
                Ok(made) => shared.made(&made, made_at_ms, begun.elapsed()),
                Err(error) => {
                    tracing::warn!(partition = shared.partition, offset = meta.offset, "no snapshot was made: {error}");
                    shared.failed(error.reason());
                }
            }
        }));
    }
}

impl Shared {
    fn made(&self, made: &crate::upload::Made, made_at_ms: i64, took: Duration) {
        self.failures.store(0, Ordering::Relaxed);
        let (partition, offset) = (self.partition, made.name.offset);
        tracing::info!(partition, offset, bytes = made.bytes, sent = made.sent, seconds = took.as_secs_f64(), "snapshot");
        if let Some(error) = &made.uncollected {
            tracing::warn!(partition, "old snapshots were not deleted: {error}");
        }
        (self.observer)(partition, Event::Made { offset, made_at_ms, bytes: made.bytes, sent: made.sent, took });
    }

    fn not_taken(&self, error: &dyn std::error::Error) {
        tracing::warn!(partition = self.partition, "no snapshot was taken: {error}");
        self.failed("local");
    }

    fn failed(&self, reason: &'static str) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        *lock(&self.next) = Instant::now() + back_off(self.interval, failures);
        (self.observer)(self.partition, Event::Failed { reason });
    }
}

/// How long to wait after so many failures in a row before this one.
fn back_off(interval: Duration, failures: u32) -> Duration {
    interval.saturating_mul(1 << failures.min(10)).clamp(interval, MAX_BACK_OFF.max(interval))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(running) = self.running.take().filter(|running| !running.is_finished()) {
            running.abort();
            (self.shared.observer)(self.shared.partition, Event::Stopped);
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("partition", &self.shared.partition).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_wait_longer_and_longer_up_to_a_limit() {
        let seconds = Duration::from_secs;
        assert_eq!(
            [0, 1, 2, 3, 4, 60].map(|failures| back_off(seconds(60), failures)),
            [60, 120, 240, 480, 600, 600].map(seconds)
        );
        assert_eq!(back_off(seconds(3_600), 5), seconds(3_600), "never sooner than it would be without failures");
    }
}
