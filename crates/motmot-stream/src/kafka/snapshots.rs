//! A partition's snapshots in the object store; none where none is configured.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use motmot_core::Timestamp;
use motmot_snapshot::{Agent, Listed, Manifest, Owner, Session, SnapshotError};
use motmot_store::{Meta, RocksDb, Store, StoreError, folder};

use crate::metrics::SnapshotMetrics;
use crate::port::Snapshots;

pub(crate) struct ObjectSnapshots {
    /// None: there are to be no snapshots.
    agent: Option<(Arc<Agent>, Session)>,
    owner: Owner,
    /// The store's folder.
    store: PathBuf,
    metrics: SnapshotMetrics,
}

/// A manifest that was listed, and what it says once it was read.
pub(crate) struct Found {
    listed: Listed,
    manifest: std::cell::OnceCell<Manifest>,
}

impl ObjectSnapshots {
    pub(super) fn new(agent: Option<Arc<Agent>>, owner: Owner, store: PathBuf, metrics: SnapshotMetrics) -> Self {
        let agent = agent.map(|agent| {
            let session = agent.session(owner.clone());
            (agent, session)
        });
        Self { agent, owner, store, metrics }
    }

    fn agent(&self) -> Result<&Agent, SnapshotError> {
        // What is listed was listed by it.
        self.agent.as_ref().map(|(agent, _)| agent.as_ref()).ok_or(SnapshotError::Late)
    }

    fn read<'f>(&self, found: &'f Found, meanwhile: &mut dyn FnMut()) -> Result<&'f Manifest, SnapshotError> {
        if let Some(manifest) = found.manifest.get() {
            return Ok(manifest);
        }
        let manifest = self.agent()?.read(&self.owner, &found.listed, meanwhile)?;
        Ok(found.manifest.get_or_init(|| manifest))
    }
}

impl Snapshots<RocksDb> for ObjectSnapshots {
    type Found = Found;

    fn list(&mut self, meanwhile: &mut dyn FnMut()) -> Result<Vec<(i64, Found)>, SnapshotError> {
        let Some((agent, _)) = &self.agent else { return Ok(Vec::new()) };
        let listed = agent.list(&self.owner, meanwhile)?.into_iter().filter(|listed| !listed.is_set_aside);
        Ok(listed.map(|listed| (listed.name.offset, Found { listed, manifest: std::cell::OnceCell::new() })).collect())
    }

    fn meta(&mut self, found: &Found, meanwhile: &mut dyn FnMut()) -> Result<Meta, SnapshotError> {
        let manifest = self.read(found, meanwhile)?;
        let damaged =
            || SnapshotError::Damaged { name: found.listed.name.to_string(), detail: "it names no strategy".to_owned() };
        manifest.meta().ok_or_else(damaged)
    }

    fn fetch(&mut self, found: &Found, meanwhile: &mut dyn FnMut()) -> Result<(), SnapshotError> {
        let begun = Instant::now();
        let manifest = self.read(found, meanwhile)?;
        let into = folder::restore(&self.store);
        let restored = self.agent()?.restore(&self.owner, &found.listed, manifest, &into, meanwhile)?;
        let seconds = begun.elapsed().as_secs_f64();
        self.metrics.restore_seconds.observe(seconds);
        tracing::info!(
            partition = self.owner.partition,
            name = %found.listed.name,
            bytes = restored.bytes,
            fetched = restored.fetched,
            seconds,
            "fetched a snapshot"
        );
        Ok(())
    }

    fn put_in_place(&mut self) -> Result<(), StoreError> {
        if let Some(place) = folder::replace_set_aside(&self.store)? {
            tracing::warn!(partition = self.owner.partition, place = %place.display(), "the store gives way to the snapshot, and is set aside");
        }
        folder::put_in_place(&folder::restore(&self.store), &self.store)?;
        self.metrics.restored.inc();
        Ok(())
    }

    fn is_due(&self) -> bool {
        self.agent.as_ref().is_some_and(|(_, session)| session.is_due())
    }

    fn take(&mut self, store: &Store, now: Timestamp) {
        if let (Some((_, session)), Some(_)) = (&mut self.agent, store.meta()) {
            let snapshotter = store.snapshotter();
            session.send(move || snapshotter.take(), now.as_millis());
        }
    }
}
