//! One fold of the input with the swaps where they were recorded: what should have been told. Its clock goes in steps that are shorter than
//! any deadline, so that it tells whatever any schedule of ticks may tell of a moment.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "support of tests: failing is its way to speak")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
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

/// Whether a moment goes from an end of its life back to its beginning.
pub(super) fn is_raised_again(before: Option<MomentState>, after: MomentState) -> bool {
    after == MomentState::Raised && before.is_some_and(|before| before != MomentState::Raised)
}

struct Fold {
    engine: Engine<NoCold>,
    swaps: VecDeque<(i64, Timestamp, Arc<Strategy>)>,
    offset: i64,
    clock: Timestamp,
    /// When the last record arrived: before the first one there is nothing that a step could tell.
    now: Option<Timestamp>,
}

/// Of a clock's step. All limits of the strategies are longer.
const STEP_MS: i64 = 50;

/// What one fold tells.
#[derive(Clone, Debug, Default)]
pub struct Replayed {
    /// The rows that hold at its end.
    pub held: Held,
    /// Every row that a moment ever had, by its id; retractions left out.
    pub moments: BTreeSet<(Vec<u8>, Vec<u8>)>,
    /// How often a moment that had ended was raised again.
    pub raised_again: BTreeMap<Vec<u8>, usize>,
}

/// Folds up to what each partition has committed: offset and clock.
pub(super) fn fold(rows: &[Row], contents: &Contents, bench: &Bench, committed: &BTreeMap<i32, (i64, String)>) -> Replayed {
    let strategies = strategy::all();
    let reader = Reader::new();
    let mut told = Told::default();
    let begin = |(partition, (offset, metadata)): (&i32, &(i64, String))| {
        let swaps = contents.swaps(&bench.name, &bench.topics.touchpoints, *partition);
        let in_force: StrategyId = metadata.split(';').nth(3).unwrap().parse().unwrap();
        let first = swaps.first().map_or(in_force, |swap| swap.from);
        let swaps =
            swaps.iter().map(|swap| (swap.offset, Timestamp::from_millis(swap.clock_ms), Arc::clone(&strategies[&swap.to])));
        let engine = Engine::new(Arc::clone(&strategies[&first]), NoCold, Position::START);
        let clock = Timestamp::from_millis(clock(metadata));
        (*partition, Fold { engine, swaps: swaps.collect(), offset: *offset, clock, now: None })
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
    told.replayed
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
                self.advance(arrived_at, told);
                self.now = Some(arrived_at);
                self.engine.apply(key, &touchpoint, arrived_at, row.offset, told).unwrap();
                // a worker may tell of it at once, before a deadline within the next step
                self.advance(arrived_at, told);
            }
            _ => self.engine.observe(arrived_at),
        }
    }

    fn advance(&mut self, clock: Timestamp, told: &mut Told) {
        let mut now = self.now.unwrap_or(clock);
        loop {
            now = clock.min(Timestamp::from_millis(now.as_millis() + STEP_MS)).max(now);
            while !self.engine.advance(now, usize::MAX, told).unwrap() {}
            if now >= clock {
                break;
            }
        }
    }
}

/// Hears all, and keeps the last row of each key.
#[derive(Default)]
struct Told {
    writer: Writer,
    replayed: Replayed,
    states: BTreeMap<Vec<u8>, MomentState>,
}

impl Told {
    fn keep(&mut self, output: Output, key: Vec<u8>, value: Option<Vec<u8>>) {
        match value {
            Some(value) => self.replayed.held.insert((output, key), value),
            None => self.replayed.held.remove(&(output, key)),
        };
    }
}

impl Sink for Told {
    fn moment(&mut self, moment: &Moment<'_>, _: &[i64]) {
        let mut value = Vec::new();
        self.writer.moment(moment, &mut value).unwrap();
        let id = moment.moment_id.as_bytes().to_vec();
        let before = self.states.insert(id.clone(), moment.state);
        if is_raised_again(before, moment.state) {
            *self.replayed.raised_again.entry(id.clone()).or_default() += 1;
        }
        let value = (moment.state != MomentState::Retracted).then_some(value);
        self.replayed.moments.extend(value.clone().map(|value| (id.clone(), value)));
        self.keep(Output::Moments, id, value);
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

#[cfg(test)]
mod tests {
    use motmot_core::Touchpoint;
    use motmot_core::touchpoint::{Actor, ActorKind, Outcome, Stage};
    use motmot_stream::partitioner::partition_of;

    use super::*;
    use crate::service::encoded;

    const PARTITIONS: i32 = 6;

    fn contact(key: &str, person: i64, at: i64) -> Row {
        let id = format!("e{person}");
        let mut touchpoint = Touchpoint::new(id, Timestamp::from_millis(at), Stage::Fulfilment, Outcome::Met, "phone", "harbour");
        touchpoint.cycle_id = Some(key.into());
        touchpoint.actor = Some(Actor { kind: ActorKind::Person, id: Some(format!("p{person}").into()), named: true });
        Row {
            partition: partition_of(key.as_bytes(), PARTITIONS),
            offset: person,
            timestamp: at,
            key: Some(key.as_bytes().to_vec()),
            value: Some(encoded(&Writer::new(), &touchpoint)),
            headers: Vec::new(),
        }
    }

    /// A worker that commits at once tells a moment as the last record has it, also when it expires before a step is over.
    #[test]
    fn what_a_record_changes_is_told_before_the_next_deadline() {
        let strategy = Arc::new(Strategy::load("chaos", &strategy::text(0)).unwrap());
        let engine = Engine::new(strategy, NoCold, Position::START);
        let clock = Timestamp::from_millis(20_000);
        let mut fold = Fold { engine, swaps: VecDeque::new(), offset: 4, clock, now: None };
        let mut told = Told::default();
        // Raised with the third, at 1,200 ms, and open for six seconds.
        for (person, at) in [(0, 1_000), (1, 1_100), (2, 1_200), (3, 7_200 - STEP_MS / 2)] {
            fold.fold(&contact("cycle", person, at), PARTITIONS, &Reader::new(), &mut told);
        }
        fold.advance(clock, &mut told);
        let reader = Reader::new();
        let moments = told.replayed.moments.iter().map(|(_, value)| reader.moment(value).unwrap());
        let told: BTreeSet<_> = moments
            .filter(|moment| &*moment.rule == "handed-around")
            .map(|moment| (format!("{:?}", moment.state), moment.observed))
            .collect();
        let expected = [("Raised", 3), ("Raised", 4), ("Expired", 4)];
        assert_eq!(told, expected.map(|(state, observed)| (state.to_owned(), Some(observed))).into());
    }
}
