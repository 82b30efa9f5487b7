//! The machines' disks: a store's entries in memory, as they may be lost.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::path::PathBuf;
use std::rc::Rc;

use motmot_core::engine::BoxError;
use motmot_store::{Batch, KeyValue, Meta, Store, StoreError};

use super::simulation::Simulation;
use super::world::Process;

pub(super) type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// One partition's folder on one machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    /// What was written, the newest last. What the disk has for sure is the first of them: a killed process loses nothing, a crashed machine
    /// whatever came after some of them.
    versions: Vec<Rc<Entries>>,
    /// The process that has it open.
    owner: Option<u64>,
    identity: Identity,
}

/// Which folder it is: another may come in its place while a process still has it open.
#[derive(Clone, Debug, Default)]
pub(super) struct Identity(Rc<()>);

impl Folder {
    /// One with these entries, that lie on the disk for sure.
    pub(super) fn of(entries: Rc<Entries>) -> Self {
        Self { versions: vec![entries], ..Self::default() }
    }

    pub(super) fn identity(&self) -> Identity {
        self.identity.clone()
    }

    pub(super) fn is(&self, identity: &Identity) -> bool {
        Rc::ptr_eq(&self.identity.0, &identity.0)
    }

    pub(super) fn latest(&self) -> Rc<Entries> {
        self.versions.last().cloned().unwrap_or_default()
    }

    /// Everything written so far survives a crash of the machine.
    pub(super) fn sync(&mut self) {
        self.versions.drain(..self.versions.len().saturating_sub(1));
    }

    /// The machine crashes: the newest `lost` versions are gone, but for the one that is on the disk.
    pub(super) fn lose(&mut self, lost: usize) {
        let kept = self.versions.len().saturating_sub(lost).max(1);
        self.versions.truncate(kept);
        self.owner = None;
    }

    /// What its last checkpoint is one of.
    pub(super) fn meta(&self) -> Option<Meta> {
        meta(&self.latest())
    }
}

/// What entries are a checkpoint of, as the store itself reads it.
pub(super) fn meta(entries: &Rc<Entries>) -> Option<Meta> {
    Store::over(View(Rc::clone(entries)), PathBuf::new()).unwrap().meta().cloned()
}

struct View(Rc<Entries>);

impl KeyValue for View {
    type Batch = Changes;
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BoxError> {
        Ok(self.0.get(key).cloned())
    }
    fn scan(&self, _: &[u8], _: &[u8], _: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<(), BoxError> {
        Ok(())
    }
    fn write(&self, _: Changes) -> Result<(), BoxError> {
        Err("a view is not written to".into())
    }
    fn size_bytes(&self) -> u64 {
        0
    }
}

/// An open folder.
pub(super) struct Disk {
    simulation: Rc<Simulation>,
    process: Process,
    partition: i32,
    identity: Identity,
}

impl Disk {
    pub(super) fn open(simulation: &Rc<Simulation>, process: Process, partition: i32) -> Result<Store<Self>, StoreError> {
        let path = PathBuf::from(format!("machine-{}/{partition}", process.machine));
        if simulation.is_disk_failing() {
            return Err(StoreError::Disk { path, doing: "opened", source: "a fault of the simulation's".into() });
        }
        let identity = {
            let mut disks = simulation.disks.borrow_mut();
            let folder = disks.entry((process.machine, partition)).or_default();
            if folder.owner.is_some() {
                return Err(StoreError::Locked { path, source: "lock hold by another process".into() });
            }
            folder.owner = Some(process.id);
            if folder.versions.is_empty() {
                folder.versions.push(Rc::default());
            }
            folder.identity()
        };
        simulation.say(|| {
            let meta = simulation.disks.borrow()[&(process.machine, partition)].meta();
            format!("{process:?} opens the store of partition {partition}: {meta:?}")
        });
        Store::over(Self { simulation: Rc::clone(simulation), process, partition, identity }, path)
    }

    fn latest(&self) -> Result<Rc<Entries>, BoxError> {
        let disks = self.simulation.disks.borrow();
        let folder = disks.get(&(self.process.machine, self.partition)).filter(|folder| folder.is(&self.identity));
        Ok(folder.ok_or("No such file or directory: another process has moved the folder away")?.latest())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(folder) = self.simulation.disks.borrow_mut().get_mut(&(self.process.machine, self.partition)) {
            folder.owner.take_if(|owner| *owner == self.process.id);
        }
    }
}

/// Changes in their order; no value: deleted.
#[derive(Default)]
pub(super) struct Changes(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Batch for Changes {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.0.push((key.to_vec(), Some(value.to_vec())));
    }

    fn delete(&mut self, key: &[u8]) {
        self.0.push((key.to_vec(), None));
    }
}

impl KeyValue for Disk {
    type Batch = Changes;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BoxError> {
        if self.simulation.is_disk_failing() {
            return Err("a read fails: a fault of the simulation's".into());
        }
        Ok(self.latest()?.get(key).cloned())
    }

    fn scan(&self, from: &[u8], until: &[u8], visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<(), BoxError> {
        let latest = self.latest()?;
        let range = (Bound::Included(from.to_vec()), Bound::Excluded(until.to_vec()));
        _ = latest.range(range).try_for_each(|(key, _)| visit(key));
        Ok(())
    }

    fn write(&self, batch: Changes) -> Result<(), BoxError> {
        self.simulation.disturb(self.process);
        if self.simulation.is_disk_failing() {
            return Err("No space left on device: a fault of the simulation's".into());
        }
        let mut entries = Entries::clone(&*self.latest()?);
        for (key, value) in batch.0 {
            match value {
                Some(value) => _ = entries.insert(key, value),
                None => _ = entries.remove(&key),
            }
        }
        let entries = Rc::new(entries);
        self.simulation.check_checkpoint(self.process, self.partition, &entries);
        if let Some(folder) = self.simulation.disks.borrow_mut().get_mut(&(self.process.machine, self.partition)) {
            folder.versions.push(entries);
        }
        self.simulation.disturb(self.process);
        Ok(())
    }

    fn size_bytes(&self) -> u64 {
        0
    }
}
