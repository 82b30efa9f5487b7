//! A partition's log.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::TransactionId;

/// A record as it lies in a log.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Stored {
    pub(in crate::simulator) timestamp: i64,
    pub(in crate::simulator) key: Option<Rc<[u8]>>,
    pub(in crate::simulator) value: Option<Rc<[u8]>>,
    pub(in crate::simulator) headers: Rc<[(String, Option<Vec<u8>>)]>,
}

#[derive(Clone, Debug)]
enum Entry {
    Record(Stored, Option<TransactionId>),
    Marker,
}

/// What a read_committed reader finds at an offset.
#[derive(Debug)]
pub(in crate::simulator) enum Seen<'l> {
    Record(&'l Stored),
    /// A marker, or a record of an aborted transaction: an offset, and nothing else.
    Nothing,
}

/// All that was ever written, also what retention has taken: replays read it.
#[derive(Clone, Debug, Default)]
pub(in crate::simulator) struct Log {
    entries: Vec<Entry>,
    /// When each came.
    arrivals: Vec<Duration>,
    start: usize,
    /// The first offset of each open transaction.
    open: BTreeMap<TransactionId, usize>,
    aborted: std::collections::BTreeSet<TransactionId>,
}

fn offset(index: usize) -> i64 {
    i64::try_from(index).unwrap()
}

impl Log {
    pub(in crate::simulator) fn start(&self) -> i64 {
        offset(self.start)
    }

    pub(in crate::simulator) fn end(&self) -> i64 {
        offset(self.entries.len())
    }

    pub(in crate::simulator) fn last_stable(&self) -> i64 {
        offset(self.open.values().min().copied().unwrap_or(self.entries.len()))
    }

    pub(in crate::simulator) fn append(&mut self, record: Stored, transaction: Option<TransactionId>, now: Duration) {
        self.arrivals.push(now);
        if let Some(transaction) = transaction {
            self.open.entry(transaction).or_insert(self.entries.len());
        }
        self.entries.push(Entry::Record(record, transaction));
    }

    pub(super) fn mark(&mut self, transaction: TransactionId, is_commit: bool) {
        self.entries.push(Entry::Marker);
        self.arrivals.push(Duration::MAX);
        self.open.remove(&transaction);
        if !is_commit {
            self.aborted.insert(transaction);
        }
    }

    /// When the first record at or behind this offset came; none: there is none.
    pub(in crate::simulator) fn arrived(&self, offset: i64) -> Option<Duration> {
        let behind = self.arrivals.get(usize::try_from(offset).unwrap()..)?;
        behind.iter().copied().find(|arrival| *arrival < Duration::MAX)
    }

    /// Takes away what lies before `start`.
    pub(in crate::simulator) fn retain_from(&mut self, start: i64) {
        self.start = self.start.max(usize::try_from(start.min(self.end())).unwrap());
    }

    /// What a read_committed reader finds; none: nothing is decided there yet.
    pub(in crate::simulator) fn at(&self, offset: i64) -> Option<Seen<'_>> {
        if offset >= self.last_stable() {
            return None;
        }
        Some(match &self.entries[usize::try_from(offset).unwrap()] {
            Entry::Record(_, Some(transaction)) if self.aborted.contains(transaction) => Seen::Nothing,
            Entry::Record(record, _) => Seen::Record(record),
            Entry::Marker => Seen::Nothing,
        })
    }

    /// All records that a read_committed reader is given, retention apart.
    pub(in crate::simulator) fn committed(&self) -> impl Iterator<Item = (i64, &Stored)> {
        (0..self.last_stable()).filter_map(|offset| match self.at(offset) {
            Some(Seen::Record(record)) => Some((offset, record)),
            _ => None,
        })
    }
}
