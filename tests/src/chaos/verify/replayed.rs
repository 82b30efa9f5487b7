//! One fold of the input, in one go, with the swaps where they were recorded: what should have been told.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "support of tests: failing is its way to speak")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use motmot_core::cycle::{CycleRecord, CycleState};
use motmot_core::engine::{NoCold, Position, Sink};
use motmot_core::moment::MomentState;
use motmot_core::{Engine, Moment, Strategy, Timestamp};
use motmot_store::StrategyId;
use motmot_stream::strategies::Contents;
use motmot_wire::{Reader, Writer, cycle_key};

use super::{Held, Output, clock, input};
use crate::chaos::strategy;
use crate::kafka::{Bench, Row};

struct Fold {
    engine: Engine<NoCold>,
    swaps: VecDeque<(i64, Timestamp, Arc<Strategy>)>,
    offset: i64,
    clock: Timestamp,
}

/// The rows that hold after a fold up to what each partition has committed: offset and clock.
pub(super) fn fold(rows: &[Row], contents: &Contents, bench: &Bench, committed: &BTreeMap<i32, (i64, String)>) -> Held {
    let strategies = strategy::all();
    let reader = Reader::new();
    let mut told = Told { writer: Writer::new(), held: Held::new() };
    let begin = |(partition, (offset, metadata)): (&i32, &(i64, String))| {
        let swaps = contents.swaps(&bench.name, &bench.topics.touchpoints, *partition);
        let in_force: StrategyId = metadata.split(';').nth(3).unwrap().parse().unwrap();
        let first = swaps.first().map_or(in_force, |swap| swap.from);
        let swaps =
            swaps.iter().map(|swap| (swap.offset, Timestamp::from_millis(swap.clock_ms), Arc::clone(&strategies[&swap.to])));
        let engine = Engine::new(Arc::clone(&strategies[&first]), NoCold, Position::START);
        let clock = Timestamp::from_millis(clock(metadata));
        (*partition, Fold { engine, swaps: swaps.collect(), offset: *offset, clock })
    };
    let mut folds: BTreeMap<i32, Fold> = committed.iter().map(begin).collect();
    for row in rows {
        let Some(fold) = folds.get_mut(&row.partition).filter(|fold| row.offset < fold.offset) else { continue };
        fold.swap_before(row.offset, &mut told);
        fold.fold(row, bench.partitions, &reader, &mut told);
    }
    for fold in folds.values_mut() {
        fold.swap_before(fold.offset, &mut told);
        fold.advance(fold.clock, &mut told);
    }
    told.held
}

impl Fold {
    fn swap_before(&mut self, offset: i64, told: &mut Told) {
        while let Some((_, clock, strategy)) = self.swaps.pop_front_if(|(at, ..)| *at <= offset) {
            self.advance(clock, told);
            self.engine.swap(strategy, told).unwrap();
            self.advance(clock, told);
        }
    }

    fn fold(&mut self, row: &Row, partitions: i32, reader: &Reader, told: &mut Told) {
        let arrived_at = Timestamp::from_millis(row.timestamp);
        let touchpoint = reader.touchpoint(row.value.as_deref().unwrap_or_default());
        match (touchpoint, input::key(row, partitions)) {
            (Ok(touchpoint), Some(key)) => {
                self.engine.advance(arrived_at, usize::MAX, told).unwrap();
                self.engine.apply(key, &touchpoint, arrived_at, row.offset, told).unwrap();
            }
            _ => self.engine.observe(arrived_at),
        }
    }

    fn advance(&mut self, clock: Timestamp, told: &mut Told) {
        while !self.engine.advance(clock, usize::MAX, told).unwrap() {}
    }
}

/// Hears all, and keeps the last row of each key.
struct Told {
    writer: Writer,
    held: Held,
}

impl Told {
    fn keep(&mut self, output: Output, key: Vec<u8>, value: Option<Vec<u8>>) {
        match value {
            Some(value) => self.held.insert((output, key), value),
            None => self.held.remove(&(output, key)),
        };
    }
}

impl Sink for Told {
    fn moment(&mut self, moment: &Moment<'_>, _: &[i64]) {
        let mut value = Vec::new();
        self.writer.moment(moment, &mut value).unwrap();
        let value = (moment.state != MomentState::Retracted).then_some(value);
        self.keep(Output::Moments, moment.moment_id.as_bytes().to_vec(), value);
    }

    fn cycle(&mut self, cycle: &CycleRecord<'_>, _: &[i64]) {
        let mut value = Vec::new();
        self.writer.cycle(cycle, &mut value).unwrap();
        let value = (cycle.state != CycleState::Merged).then_some(value);
        self.cycle_row(&cycle.key, &cycle.cycle_id, value);
    }

    fn cycle_gone(&mut self, key: &str, cycle_id: &str) {
        self.cycle_row(key, cycle_id, None);
    }
}

impl Told {
    fn cycle_row(&mut self, key: &str, cycle_id: &str, value: Option<Vec<u8>>) {
        let mut row = Vec::new();
        cycle_key(key, cycle_id, &mut row);
        self.keep(Output::Cycles, row, value);
    }
}
