//! The store of snapshots: absent, slow, failing or out of reach, with damaged things in it; and a partition's view of it.
//!
//! It has chance of its own: a run without snapshots is what it was before there were any.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use motmot_core::Timestamp;
use motmot_snapshot::SnapshotError;
use motmot_store::{Meta, Origin, Store, StoreError};

use super::disk::{self, Disk, Entries, Folder, Identity};
use super::random::Random;
use super::simulation::Simulation;
use super::world::Process;
use crate::metadata::CommitMetadata;
use crate::port::Snapshots;

/// Snapshots that are kept, besides those that are ahead.
const KEPT: usize = 2;

/// A whole one, that can be listed.
#[derive(Clone)]
pub(super) struct Kept {
    meta: Meta,
    entries: Rc<Entries>,
    is_damaged: bool,
}

/// One on its way.
struct Underway {
    process: Process,
    partition: i32,
    /// Of the store's folder.
    identity: Identity,
    /// None: it is to be taken yet, of whatever the store then holds.
    taken: Option<Rc<Entries>>,
    /// Its owner has gone; what was sent already arrives nevertheless.
    is_orphan: bool,
}

/// How often what goes wrong, in a thousand.
#[derive(Clone, Copy)]
struct Rates {
    due: usize,
    step: usize,
    fails: usize,
    damaged: usize,
    lost_disk: usize,
    rebuild: usize,
}

pub(super) struct Depot {
    random: Random,
    /// None: there are to be no snapshots.
    rates: Option<Rates>,
    kept: BTreeMap<i32, Vec<Kept>>,
    underway: Vec<Underway>,
    /// By process and partition: what it was given last when it asked for all there are.
    listed: BTreeMap<(u64, i32), Vec<Kept>>,
    /// By process and partition: the committed offset that it was told last, and where the state began.
    told: BTreeMap<(u64, i32), (i64, Option<Origin>)>,
    pub(super) restored: u64,
}

impl Depot {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x0005_4a95_407f);
        let is_on = random.below(2) == 0;
        let rates = is_on.then(|| Rates {
            due: *random.pick(&[50, 300, 1_000]),
            step: *random.pick(&[20, 200, 800]),
            fails: *random.pick(&[0, 0, 50, 300]),
            damaged: *random.pick(&[0, 0, 100, 500]),
            lost_disk: *random.pick(&[0, 2, 10]),
            rebuild: *random.pick(&[0, 0, 1, 4]),
        });
        let (kept, listed, told) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { random, rates, kept, underway: Vec::new(), listed, told, restored: 0 }
    }

    fn happens(&mut self, rate: impl Fn(Rates) -> usize) -> bool {
        self.rates.is_some_and(|rates| self.random.per_mille(rate(rates)))
    }

    /// Whether a machine is given a new disk now.
    pub(super) fn loses_disk(&mut self) -> bool {
        self.happens(|rates| rates.lost_disk)
    }

    /// Whether anything ever fails here.
    pub(super) fn may_fail(&self) -> bool {
        self.rates.is_some_and(|rates| rates.fails > 0 || rates.damaged > 0)
    }

    /// Whether somebody gives a partition's state up now.
    pub(super) fn is_given_up(&mut self) -> bool {
        self.happens(|rates| rates.rebuild)
    }

    /// Its snapshots are set aside, if whoever gives it up knows where they are.
    pub(super) fn set_aside(&mut self, partition: i32) {
        if self.random.below(2) == 0 {
            self.kept.remove(&partition);
        }
    }

    /// What a process was told of the commit; none: that the group knows of none (any more).
    pub(super) fn told(&mut self, process: Process, partition: i32, commit: Option<&(i64, String)>) {
        let key = (process.id, partition);
        let Some((offset, metadata)) = commit else {
            self.told.remove(&key);
            return;
        };
        let origin = CommitMetadata::parse(metadata).map(|metadata| metadata.origin);
        self.told.insert(key, (*offset, origin));
    }

    /// Where the state began, as a process was told last.
    pub(super) fn origin_told(&self, process: Process, partition: i32) -> Option<Origin> {
        self.told.get(&(process.id, partition))?.1
    }

    /// Whether a process was given a snapshot that leads on, and has refused nevertheless.
    pub(super) fn has_overlooked(&self, process: Process, partition: i32, log_start: i64) -> bool {
        let (limit, origin) = self.told.get(&(process.id, partition)).copied().unwrap_or((i64::MAX, None));
        let is_of_it = |kept: &Kept| origin.is_none_or(|origin| kept.meta.origin == origin);
        let leads_on = |kept: &Kept| !kept.is_damaged && is_of_it(kept) && (log_start..=limit).contains(&kept.meta.offset);
        self.listed.get(&(process.id, partition)).is_some_and(|listed| listed.iter().any(leads_on))
    }

    /// Time passes: what is on its way goes on, but for those whose process stands still.
    pub(super) fn pass(&mut self, disks: &BTreeMap<(usize, i32), Folder>, works: impl Fn(u64) -> bool) {
        let mut place = 0;
        while place < self.underway.len() {
            let Underway { process, partition, is_orphan, .. } = self.underway[place];
            if !(is_orphan || works(process.id)) || !self.happens(|rates| rates.step) {
                place += 1;
            } else if self.happens(|rates| rates.fails) {
                self.underway.swap_remove(place);
            } else if self.underway[place].taken.is_none() {
                let underway = &mut self.underway[place];
                let folder = disks.get(&(process.machine, partition)).filter(|folder| folder.is(&underway.identity));
                underway.taken = folder.map(Folder::latest);
                if underway.taken.is_none() {
                    self.underway.swap_remove(place);
                }
            } else {
                let Underway { partition, taken, .. } = self.underway.swap_remove(place);
                taken.into_iter().for_each(|entries| self.keep(partition, entries));
            }
        }
    }

    /// One is complete. The next older ones stay, and those that are ahead of it, which are not its maker's to delete.
    fn keep(&mut self, partition: i32, entries: Rc<Entries>) {
        let Some(meta) = disk::meta(&entries) else { return };
        let (offset, is_damaged) = (meta.offset, self.happens(|rates| rates.damaged));
        let kept = self.kept.entry(partition).or_default();
        kept.push(Kept { meta, entries, is_damaged });
        kept.sort_by_key(|kept| std::cmp::Reverse(kept.meta.offset));
        let ahead = kept.iter().take_while(|kept| kept.meta.offset > offset).count();
        kept.truncate(ahead + KEPT);
    }
}

/// A partition's snapshots, from its assignment to its end.
pub(super) struct SimSnapshots {
    simulation: Rc<Simulation>,
    process: Process,
    partition: i32,
    fetched: RefCell<Option<Kept>>,
}

impl SimSnapshots {
    pub(super) fn new(simulation: &Rc<Simulation>, process: Process, partition: i32) -> Self {
        Self { simulation: Rc::clone(simulation), process, partition, fetched: RefCell::default() }
    }

    /// A request, during which the process may be killed, or stand still.
    fn ask(&self, meanwhile: &mut dyn FnMut()) -> Result<(), SnapshotError> {
        self.simulation.disturb(self.process);
        meanwhile();
        if !self.simulation.is_calm.get() && self.simulation.depot.borrow_mut().happens(|rates| rates.fails) {
            return Err(SnapshotError::Late);
        }
        Ok(())
    }
}

impl Snapshots<Disk> for SimSnapshots {
    type Found = Kept;

    fn list(&mut self, meanwhile: &mut dyn FnMut()) -> Result<Vec<(i64, Kept)>, SnapshotError> {
        self.simulation.depot.borrow_mut().listed.remove(&(self.process.id, self.partition));
        self.ask(meanwhile)?;
        let mut depot = self.simulation.depot.borrow_mut();
        let kept = depot.kept.get(&self.partition).cloned().unwrap_or_default();
        depot.listed.insert((self.process.id, self.partition), kept.clone());
        Ok(kept.into_iter().map(|kept| (kept.meta.offset, kept)).collect())
    }

    fn meta(&mut self, found: &Kept, meanwhile: &mut dyn FnMut()) -> Result<Meta, SnapshotError> {
        self.ask(meanwhile)?;
        Ok(found.meta.clone())
    }

    fn fetch(&mut self, found: &Kept, meanwhile: &mut dyn FnMut()) -> Result<(), SnapshotError> {
        for _ in 0..=self.simulation.below(3) {
            self.ask(meanwhile)?;
        }
        if found.is_damaged {
            let name = format!("{}", found.meta.offset);
            return Err(SnapshotError::Damaged { name, detail: "a fault of the simulation's".to_owned() });
        }
        self.fetched.replace(Some(found.clone()));
        Ok(())
    }

    fn put_in_place(&mut self) -> Result<(), StoreError> {
        self.simulation.disturb(self.process);
        let Kept { meta, entries, .. } = self.fetched.take().expect("something was fetched");
        let (process, partition) = (self.process, self.partition);
        self.simulation.say(|| format!("{process:?} puts a snapshot in the place of partition {partition}'s store: {meta:?}"));
        {
            let mut depot = self.simulation.depot.borrow_mut();
            depot.restored += 1;
            let told = depot.told.get(&(process.id, partition)).copied();
            assert!(
                told.is_none_or(|(commit, _)| meta.offset <= commit),
                "partition {partition}: a snapshot of offset {} is used, ahead of the commit at {told:?}",
                meta.offset
            );
        }
        self.simulation.disks.borrow_mut().insert((process.machine, partition), Folder::of(entries));
        self.simulation.disturb(process);
        Ok(())
    }

    fn is_due(&self) -> bool {
        let mut depot = self.simulation.depot.borrow_mut();
        let is_mine = |one: &Underway| !one.is_orphan && (one.process, one.partition) == (self.process, self.partition);
        !depot.underway.iter().any(is_mine) && depot.happens(|rates| rates.due)
    }

    fn take(&mut self, store: &Store<Disk>, _: Timestamp) {
        if store.meta().is_none() {
            return;
        }
        let (process, partition) = (self.process, self.partition);
        let identity = self.simulation.disks.borrow()[&(process.machine, partition)].identity();
        let underway = Underway { process, partition, identity, taken: None, is_orphan: false };
        self.simulation.depot.borrow_mut().underway.push(underway);
    }
}

impl Drop for SimSnapshots {
    /// What is not sent yet is not sent any more.
    fn drop(&mut self) {
        let mut depot = self.simulation.depot.borrow_mut();
        let Depot { underway, random, .. } = &mut *depot;
        underway.retain_mut(|one| {
            if (one.process, one.partition) != (self.process, self.partition) {
                return true;
            }
            one.is_orphan = true;
            one.taken.is_some() && random.below(2) == 0
        });
    }
}
