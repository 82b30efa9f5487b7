//! The state that a partition starts from: the store on the disk, a snapshot, or nothing but the log. What fits, [`crate::start`] decides.

use std::time::Duration;

use motmot_core::Timestamp;
use motmot_snapshot::SnapshotError;
use motmot_store::{Meta, Store, StoreError};

use super::assign::{self, Log};
use super::library::Strategies;
use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::port::{Group, Snapshots, World};
use crate::start::{Facts, Local, Refusal, Start, decide, judge, needs_swaps};
use crate::worker::Shared;

/// Looks for the state of one partition.
pub(super) struct Whence<'w, 's, W: World> {
    shared: &'s Shared<W>,
    member: &'w str,
    number: i32,
    log: Log,
    strategies: &'w mut Strategies<'s, W>,
    snapshots: &'w mut W::Snapshots,
    group: &'w mut W::Group,
    /// The clock of a store that was given up.
    not_before: Option<Timestamp>,
}

type State<W> = (Store<<W as World>::Entries>, Start);

/// A snapshot that fits; none: it does not.
type Fetched = Result<Option<(Meta, Start)>, SnapshotError>;

/// What there is if no snapshot is better.
struct Fallback<W: World> {
    /// The store on the disk, if it may be used.
    store: Option<Store<W::Entries>>,
    start: Option<Start>,
}

impl<'w, 's, W: World> Whence<'w, 's, W> {
    pub(super) fn new(
        shared: &'s Shared<W>,
        member: &'w str,
        (number, log): (i32, Log),
        strategies: &'w mut Strategies<'s, W>,
        snapshots: &'w mut W::Snapshots,
        group: &'w mut W::Group,
    ) -> Self {
        Self { shared, member, number, log, strategies, snapshots, group, not_before: None }
    }

    /// Finds it.
    pub(super) fn state(mut self) -> Result<State<W>, Interrupt> {
        let (store, damage) = match open(&self.shared.world, self.number) {
            Ok(store) => (Some(store), None),
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::error!(partition = self.number, "{error}");
                (None, Some(error))
            }
            Err(error) => return Err(error.into()),
        };
        let meta = store.as_ref().and_then(|store| store.meta().cloned());
        let near = i64::try_from(self.shared.config.checkpoint_records).unwrap_or(i64::MAX);
        let mut judged = self.ask(meta.as_ref(), |facts| judge(facts, near))?;
        if meta.is_some() && matches!(judged, Ok(Local::Useless { .. }) | Err(_)) {
            // What Kafka said may be older than the store: another worker of this machine had it until a moment ago. Nobody else has it now.
            self.log = assign::log_of(self.shared, self.member, self.group, self.number)?;
            judged = self.ask(meta.as_ref(), |facts| judge(facts, near))?;
        }
        let (mut fallback, refusal) = match judged.map_err(|refusal| self.refused(refusal))? {
            Local::Near(start) => return Ok((store.map_or_else(|| self.empty(), Ok)?, start)),
            // A damaged store may have known more than the log has: that is not the same as one that was never begun.
            Local::Far(start) if damage.is_some() && start.is_first && start.offset > 0 => {
                (Fallback { store: None, start: None }, None)
            }
            Local::Far(start) => (Fallback { store, start: Some(start) }, None),
            Local::Useless { refusal, again } => {
                self.not_before = meta.as_ref().map(|meta| meta.position.now);
                tracing::warn!(partition = self.number, "the store on this machine is of no use: {refusal}");
                drop(store); // what is in its place next must be able to lock it
                (Fallback { store: None, start: again }, Some(refusal))
            }
        };
        if let Some((store, start)) = self.newer_snapshot(meta.as_ref(), &mut fallback)? {
            return Ok((store, self.told(start)));
        }
        match (fallback, damage, refusal) {
            (Fallback { store: Some(store), start: Some(start) }, ..) => Ok((store, start)),
            (Fallback { start: Some(start), .. }, ..) => Ok((self.empty()?, self.told(start))),
            (_, Some(damage), _) => Err(damage.into()),
            (_, None, refusal) => {
                let (store, log_start) = (0, self.log.start);
                Err(self.refused(refusal.unwrap_or(Refusal::BehindLogStart { store, log_start })).into())
            }
        }
    }

    /// A store that is given up has told what was due by its clock: offsets that are set back by hand must not make that unsaid.
    fn told(&self, start: Start) -> Start {
        match self.not_before {
            Some(clock) => start.not_before(clock),
            None => start,
        }
    }

    /// The newest snapshot that fits and is newer than the store, if there is one; the store is then closed.
    fn newer_snapshot(&mut self, local: Option<&Meta>, fallback: &mut Fallback<W>) -> Result<Option<State<W>>, Interrupt> {
        let is_needed = fallback.start.is_none();
        let newer_than = local.filter(|_| fallback.store.is_some()).map(|meta| meta.offset);
        let limit = self.log.commit.map_or(i64::MAX, |commit| commit.offset);
        let listed = match self.snapshots.list(&mut || tend(self.member, self.group)) {
            Ok(listed) => listed,
            Err(error) => return Ok(self.pass_over(error, is_needed).map(|()| None)?),
        };
        for (offset, found) in listed.into_iter().filter(|(offset, _)| *offset <= limit || planted!(SnapshotAhead)) {
            if newer_than.is_some_and(|local| offset <= local) {
                break;
            }
            match self.fetch(&found)? {
                Ok(None) => {}
                Ok(Some((meta, start))) => {
                    let misplaced = if planted!(SnapshotMisplaced) { fallback.start.take() } else { None };
                    let start = misplaced.unwrap_or(start);
                    fallback.store = None;
                    self.snapshots.put_in_place()?;
                    return Ok(self.opened(&meta, start).map(Some)?);
                }
                Err(error @ (SnapshotError::Damaged { .. } | SnapshotError::Format { .. })) => self.pass_over(error, false)?,
                Err(error) => return Ok(self.pass_over(error, is_needed).map(|()| None)?),
            }
        }
        Ok(None)
    }

    /// Brings a snapshot to this machine if it fits; says why if it does not.
    fn fetch(&mut self, found: &<W::Snapshots as Snapshots<W::Entries>>::Found) -> Result<Fetched, Interrupt> {
        let meta = match self.snapshots.meta(found, &mut || tend(self.member, self.group)) {
            Ok(meta) => meta,
            Err(error) => return Ok(Err(error)),
        };
        let start = match self.ask(Some(&meta), decide)? {
            Ok(start) => start,
            Err(Refusal::StoreAhead { .. }) if planted!(SnapshotAhead) => Start::at(&meta),
            Err(refusal) => {
                tracing::warn!(partition = self.number, offset = meta.offset, "a snapshot does not fit: {refusal}");
                return Ok(Ok(None));
            }
        };
        let fetched = self.snapshots.fetch(found, &mut || tend(self.member, self.group));
        Ok(fetched.map(|()| Some((meta, start))))
    }

    /// Opens what was a snapshot a moment ago, and compares it with what its manifest said.
    fn opened(&self, meta: &Meta, start: Start) -> Result<State<W>, WorkerError> {
        let store = open(&self.shared.world, self.number)?;
        if store.meta() == Some(meta) {
            return Ok((store, start));
        }
        let what = format!("it came from a snapshot of offset {}, and says of itself {:?}", meta.offset, store.meta());
        Err(StoreError::Damaged { path: store.path().to_owned(), what }.into())
    }

    /// A store that is used no more is set aside; another one begins.
    fn empty(&self) -> Result<Store<W::Entries>, WorkerError> {
        self.shared.world.give_up_store(self.number)?;
        Ok(open(&self.shared.world, self.number)?)
    }

    fn pass_over(&self, error: SnapshotError, is_needed: bool) -> Result<(), WorkerError> {
        self.shared.metrics.snapshots.failed(error.reason());
        if is_needed {
            let topic = self.shared.config.topics.touchpoints.clone();
            return Err(WorkerError::Snapshot { topic, partition: self.number, source: Box::new(error) });
        }
        tracing::warn!(partition = self.number, "going on without this snapshot: {error}");
        Ok(())
    }

    /// Decides over the facts, with this store.
    fn ask<T>(&mut self, store: Option<&Meta>, decide: impl FnOnce(&Facts<'_>) -> T) -> Result<T, Interrupt> {
        let mut swaps = Vec::new();
        if needs_swaps(store, self.log.commit) {
            swaps = self.strategies.swaps(self.number, self.log.commit)?;
            // The end must be younger than all that is held against it: if this shard stood still, another may have swapped behind the old one.
            self.log.end = self.log.end.max(assign::log_end(self.shared, self.member, self.number)?);
        }
        let Log { start: log_start, end: log_end, commit } = self.log;
        let (topic_id, partitions) = (self.shared.topic_id.as_str(), self.shared.partitions);
        let configured = self.strategies.configured();
        Ok(decide(&Facts { store, commit, log_start, log_end, topic_id, partitions, swaps: &swaps, configured }))
    }

    fn refused(&self, refusal: Refusal) -> WorkerError {
        WorkerError::Refused { topic: self.shared.config.topics.touchpoints.clone(), partition: self.number, refusal }
    }
}

/// While a snapshot is fetched the group must not take this member for dead.
fn tend<G: Group>(member: &str, group: &mut G) {
    if let Err(error) = group.poll() {
        tracing::warn!(member, ?error, "the group, while a snapshot is fetched");
    }
}

/// How long a store may stay locked: the group may give a partition to one shard before another one of this process has noticed that it
/// lost it, and a snapshot that is being taken keeps it until it is done.
const UNLOCKING: Duration = Duration::from_secs(15);

fn open<W: World>(world: &W, number: i32) -> Result<Store<W::Entries>, StoreError> {
    let begun = world.elapsed();
    loop {
        match world.open_store(number) {
            Err(StoreError::Locked { .. }) if world.elapsed().saturating_sub(begun) < UNLOCKING => {
                world.sleep(Duration::from_millis(20));
            }
            opened => return opened,
        }
    }
}
