//! The coordinator of transactions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{TIMEOUT, Topic, TransactionId};

/// Who writes: the id belongs to the name, the epoch to one incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::simulator) struct ProducerId {
    pub(in crate::simulator) id: usize,
    pub(in crate::simulator) epoch: u64,
}

/// Why a call is refused: in all cases for good, for this incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulator) enum Denied {
    /// A younger incarnation of the name, or the coordinator after a time-out, has raised the epoch.
    Fenced,
    /// The transaction was ended otherwise.
    InvalidState,
}

/// Where a marker is to be written.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Log(Topic, i32),
    Offsets(BTreeMap<i32, (i64, String)>),
}

/// A marker to be written.
#[derive(Clone, Debug)]
pub(super) struct Due {
    producer: usize,
    pub(super) transaction: TransactionId,
    pub(super) is_commit: bool,
    pub(super) target: Target,
}

#[derive(Clone, Debug)]
struct Open {
    transaction: TransactionId,
    began: Duration,
    logs: BTreeSet<(Topic, i32)>,
    offsets: BTreeMap<i32, (i64, String)>,
}

#[derive(Clone, Debug, Default)]
struct Producer {
    epoch: u64,
    open: Option<Open>,
    /// How the last one ended: true if committed.
    ended: Option<bool>,
}

#[derive(Clone, Debug, Default)]
pub(in crate::simulator) struct Transactions {
    names: BTreeMap<String, usize>,
    producers: Vec<Producer>,
    due: Vec<Due>,
    next: TransactionId,
}

/// A transaction that is committed from now on, whether its markers are written or not.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Decided {
    pub(in crate::simulator) transaction: TransactionId,
    pub(in crate::simulator) offsets: BTreeMap<i32, (i64, String)>,
}

impl Transactions {
    /// Ends what the predecessor left open and raises the epoch.
    pub(in crate::simulator) fn init(&mut self, name: &str) -> ProducerId {
        let id = match self.names.get(name) {
            Some(id) => *id,
            None => {
                self.producers.push(Producer::default());
                self.names.insert(name.to_owned(), self.producers.len() - 1);
                self.producers.len() - 1
            }
        };
        self.abort_open(id);
        self.producers[id].epoch += 1;
        self.producers[id].ended = None;
        ProducerId { id, epoch: self.producers[id].epoch }
    }

    fn check(&mut self, of: ProducerId) -> Result<&mut Producer, Denied> {
        let producer = &mut self.producers[of.id];
        if producer.epoch == of.epoch { Ok(producer) } else { Err(Denied::Fenced) }
    }

    fn open(&mut self, of: ProducerId, now: Duration) -> Result<&mut Open, Denied> {
        let next = &mut self.next;
        let producer = &mut self.producers[of.id];
        if producer.epoch != of.epoch {
            return Err(Denied::Fenced);
        }
        Ok(producer.open.get_or_insert_with(|| {
            *next += 1;
            Open { transaction: *next, began: now, logs: BTreeSet::new(), offsets: BTreeMap::new() }
        }))
    }

    /// Adds a partition, and says by which number its records are known.
    pub(in crate::simulator) fn add(
        &mut self,
        of: ProducerId,
        topic: Topic,
        partition: i32,
        now: Duration,
    ) -> Result<TransactionId, Denied> {
        let open = self.open(of, now)?;
        open.logs.insert((topic, partition));
        Ok(open.transaction)
    }

    pub(in crate::simulator) fn add_offsets(
        &mut self,
        of: ProducerId,
        offsets: &[(i32, i64, String)],
        now: Duration,
    ) -> Result<(), Denied> {
        let open = self.open(of, now)?;
        open.offsets.extend(offsets.iter().map(|(number, offset, metadata)| (*number, (*offset, metadata.clone()))));
        Ok(())
    }

    /// Decides the open transaction. None: there is none, or it was decided so before.
    pub(in crate::simulator) fn end(&mut self, of: ProducerId, is_commit: bool) -> Result<Option<Decided>, Denied> {
        let producer = self.check(of)?;
        let Some(open) = producer.open.take() else {
            let is_same = producer.ended.is_none_or(|ended| ended == is_commit);
            return if is_same { Ok(None) } else { Err(Denied::InvalidState) };
        };
        producer.ended = Some(is_commit);
        let decided = Decided { transaction: open.transaction, offsets: open.offsets.clone() };
        self.decide(of.id, open, is_commit);
        Ok(Some(decided))
    }

    fn decide(&mut self, producer: usize, open: Open, is_commit: bool) {
        let Open { transaction, logs, offsets, .. } = open;
        let logs = logs.into_iter().map(|(topic, partition)| Target::Log(topic, partition));
        let targets = logs.chain((!offsets.is_empty()).then_some(Target::Offsets(offsets)));
        self.due.extend(targets.map(|target| Due { producer, transaction, is_commit, target }));
    }

    fn abort_open(&mut self, id: usize) {
        if let Some(open) = self.producers[id].open.take() {
            self.producers[id].ended = Some(false);
            self.decide(id, open, false);
        }
    }

    /// Aborts what is too old, and fences whoever began it.
    pub(super) fn expire(&mut self, now: Duration) {
        for id in 0..self.producers.len() {
            if self.producers[id].open.as_ref().is_some_and(|open| now > open.began + TIMEOUT) {
                self.abort_open(id);
                self.producers[id].epoch += 1;
            }
        }
    }

    pub(super) fn take_due(&mut self, of: Option<ProducerId>, choice: usize) -> Option<Due> {
        let places: Vec<usize> =
            (0..self.due.len()).filter(|place| of.is_none_or(|of| self.due[*place].producer == of.id)).collect();
        let place = *places.get(choice % places.len().max(1))?;
        Some(self.due.remove(place))
    }

    /// Whether a transaction that is not over holds offsets of this partition.
    pub(in crate::simulator) fn is_unstable(&self, partition: i32) -> bool {
        let open = self.producers.iter().filter_map(|producer| producer.open.as_ref());
        let held = |offsets: &BTreeMap<i32, (i64, String)>| offsets.contains_key(&partition);
        open.map(|open| &open.offsets).any(held)
            || self.due.iter().any(|due| matches!(&due.target, Target::Offsets(offsets) if held(offsets)))
    }

    /// Whether nothing is open and nothing is due.
    pub(in crate::simulator) fn is_quiet(&self) -> bool {
        self.due.is_empty() && self.producers.iter().all(|producer| producer.open.is_none())
    }
}
