//! What a replay makes of a log: the same engine, and nothing of the worker.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use motmot_core::cycle::{CycleRecord, CycleState};
use motmot_core::engine::{NoCold, Position, Sink};
use motmot_core::moment::{Moment, MomentState};
use motmot_core::{Engine, Strategy, Timestamp, Touchpoint};
use motmot_wire::{Reader, Writer, cycle_key};

use super::broker::{Log, Stored, Topic};
use super::ledger::records;
use super::schemas::AllKnown;
use super::workload::PARTITIONS;
use crate::metrics::{self, DEAD};
use crate::partitioner::partition_of;
use crate::strategies::SwapRecord;

/// The rows that a reader of both topics has: retracted moments and merged cycles are absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    rows: BTreeMap<(Topic, Vec<u8>), Vec<u8>>,
    /// What the cycles without a row said before they lost it.
    gone: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Made once: a reader has schemas to resolve.
fn with_reader<T>(read: impl FnOnce(&Reader) -> T) -> T {
    thread_local! {
        static READER: Reader = Reader::new().with_registry(Arc::new(AllKnown));
    }
    READER.with(read)
}

impl Table {
    /// The next record of a topic.
    pub(super) fn take(&mut self, topic: Topic, key: &[u8], value: Option<&[u8]>) {
        let is_there = |value: &&[u8]| {
            with_reader(|reader| match topic {
                Topic::Moments => reader.moment(value).unwrap().state != MomentState::Retracted,
                _ => reader.cycle(value).unwrap().state != CycleState::Merged,
            })
        };
        let place = (topic, key.to_vec());
        let before = match value.filter(is_there) {
            Some(value) => self.rows.insert(place, value.to_vec()),
            None => self.rows.remove(&place),
        };
        if let (Topic::Cycles, None, Some(before)) = (topic, value, before) {
            self.gone.insert(key.to_vec(), before);
        }
    }

    /// Panics where it is not as it should be. `ahead`: what a row may be as well. `may_have_more`: rows that need not be there may be
    /// anything. The row of a cycle whose id was forgotten and used again is lost with its successor's, if that was told before it was no more.
    pub(super) fn check(&self, expected: &Self, ahead: &[Self], may_have_more: bool, place: &str) {
        if self.rows == expected.rows {
            return;
        }
        let mut words = String::new();
        let others = || ahead.iter().flat_map(|table| table.rows.keys()).chain(expected.rows.keys());
        for key in self.rows.keys().chain(others().filter(|key| !self.rows.contains_key(*key))) {
            let [found, should] = [self, expected].map(|table| table.rows.get(key).map(Vec::as_slice));
            let gone = self.gone.get(&key.1).map(Vec::as_slice).filter(|_| key.0 == Topic::Cycles && found.is_none());
            let mut right = ahead.iter().map(|table| table.rows.get(key).map(Vec::as_slice)).chain([should]);
            if !right.any(|right| right == found || may_have_more && right.is_none() || comes_after(right, gone)) {
                _ = writeln!(words, "{:?} {}", key.0, String::from_utf8_lossy(&key.1));
                _ = writeln!(words, "  is     {}\n  should {}", row(key.0, found), row(key.0, should));
            }
        }
        assert!(words.is_empty(), "{place}: the tables are not those of a replay\n{words}");
    }
}

/// Whether these are rows of two cycles that had the same id one after another.
pub(super) fn comes_after(before: Option<&[u8]>, after: Option<&[u8]>) -> bool {
    let Some((before, after)) = before.zip(after) else { return false };
    let ends_before = |reader: &Reader| {
        let (before, after) = (reader.cycle(before).ok()?, reader.cycle(after).ok()?);
        Some(before.is_final && before.final_at < after.opened_at)
    };
    with_reader(ends_before).unwrap_or(false)
}

pub(super) fn row(topic: Topic, value: Option<&[u8]>) -> String {
    let Some(value) = value else { return "absent".to_owned() };
    with_reader(|reader| match topic {
        Topic::Moments => format!("{:?}", reader.moment(value).unwrap()),
        _ => format!("{:?}", reader.cycle(value).unwrap()),
    })
}

pub(super) struct Replay {
    partition: i32,
    engine: Engine<NoCold>,
    pub(super) table: Rows,
    next: i64,
    pub(super) swaps: u64,
}

impl Replay {
    pub(super) fn new(partition: i32, strategy: Arc<Strategy>, from: i64) -> Self {
        let engine = Engine::new(strategy, NoCold, Position::START);
        Self { partition, engine, table: Rows::default(), next: from, swaps: 0 }
    }

    pub(super) fn position(&self) -> Position {
        self.engine.position()
    }

    /// Folds what lies before `until`, and counts the verdicts.
    pub(super) fn fold(&mut self, log: &Log, until: i64, counts: &mut [u64]) {
        for (offset, record) in records(log, self.next, until) {
            let arrived_at = Timestamp::from_millis(record.timestamp);
            let outcome = match key(record, self.partition).zip(touchpoint(record)) {
                Some((key, touchpoint)) => {
                    let verdict = self.engine.apply(key, &touchpoint, arrived_at, offset, &mut self.table).unwrap();
                    metrics::outcome(verdict)
                }
                None => {
                    self.engine.observe(arrived_at);
                    DEAD
                }
            };
            counts[outcome] += 1;
        }
        self.next = self.next.max(until);
    }

    pub(super) fn advance(&mut self, now: Timestamp) {
        while !self.engine.advance(now, usize::MAX, &mut self.table).unwrap() {}
    }

    /// The tables as of the millisecond after the clock, each arrival from there to `ahead`, and that: a row may have been told then.
    pub(super) fn ahead(&self, log: &Log, ahead: Timestamp) -> Vec<Table> {
        let Position { now, .. } = self.position();
        let arrivals = records(log, log.start(), self.next).map(|(_, record)| Timestamp::from_millis(record.timestamp));
        let instants: BTreeSet<Timestamp> = arrivals.filter(|at| *at > now && *at < ahead).chain([now.plus(1), ahead]).collect();
        let (mut engine, mut rows) = (self.engine.clone(), Rows { rows: self.table.rows.clone(), ..Rows::default() });
        let table_at = |at: Timestamp| {
            while !engine.advance(at, usize::MAX, &mut rows).unwrap() {}
            rows.rows.clone()
        };
        instants.into_iter().map(table_at).collect()
    }

    /// Swaps where it was swapped.
    pub(super) fn swap(&mut self, log: &Log, swap: &SwapRecord, to: &Arc<Strategy>, counts: &mut [u64]) {
        self.fold(log, swap.offset, counts);
        self.advance(swap.position().now);
        self.engine.swap(Arc::clone(to), &mut self.table).unwrap();
        self.advance(swap.position().now);
        self.swaps = swap.number;
    }
}

fn touchpoint(record: &Stored) -> Option<Touchpoint<'_>> {
    with_reader(|reader| reader.touchpoint(record.value.as_deref().unwrap_or_default()).ok())
}

/// The record's key, if it is one and lies where it belongs.
fn key(record: &Stored, partition: i32) -> Option<&str> {
    let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok())?;
    (!key.is_empty() && partition_of(key.as_bytes(), PARTITIONS) == partition).then_some(key)
}

/// Takes rows as a topic would have them.
#[derive(Default)]
pub(super) struct Rows {
    writer: Writer,
    rows: Table,
}

impl std::ops::Deref for Rows {
    type Target = Table;
    fn deref(&self) -> &Table {
        &self.rows
    }
}

impl Sink for Rows {
    fn moment(&mut self, moment: &Moment<'_>, _: &[i64]) {
        let mut value = Vec::new();
        self.writer.moment(moment, &mut value).unwrap();
        self.rows.take(Topic::Moments, moment.moment_id.as_bytes(), Some(&value));
    }

    fn cycle(&mut self, cycle: &CycleRecord<'_>, _: &[i64]) {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        self.writer.cycle(cycle, &mut value).unwrap();
        cycle_key(&cycle.key, &cycle.cycle_id, &mut key);
        self.rows.take(Topic::Cycles, &key, Some(&value));
    }

    fn cycle_gone(&mut self, key: &str, cycle_id: &str) {
        let mut row_key = Vec::new();
        cycle_key(key, cycle_id, &mut row_key);
        self.rows.take(Topic::Cycles, &row_key, None);
    }
}
