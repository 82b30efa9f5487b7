//! What is in memory must not show: cases that random logs meet too seldom.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use motmot_core::engine::{BoxError, Cold, DueVisit, Position, RowId};
use motmot_core::strategy::Strategy;
use motmot_core::touchpoint::{Outcome, Stage, Touchpoint};
use motmot_core::{Engine, Timestamp, Verdict};

use crate::support::script::blank;
use crate::support::store::Store;
use crate::support::tables::Tables;

const START: i64 = 1_772_000_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(START + seconds * 1000)
}

fn touchpoint(id: &str, seconds: i64, stage: Stage, channel: &'static str) -> Touchpoint<'static> {
    let blank = blank(id.to_owned(), at(seconds).as_millis(), stage, Outcome::Met, None);
    Touchpoint { channel: channel.into(), ..blank }
}

/// Two assembled cycles of a key, of which the first can be amended for much longer than the second; some rows are let go of before the
/// second is collected; how many rows of strangers lie around decides which. Returns what becomes of a touchpoint for the first one, and the tables.
fn blocked(strangers: usize, max_hot: usize, evictions: usize) -> (Verdict, Tables) {
    let text = "strategy: blocked\ncycles:\n  - {where: {channel: email}, inactivity: 600s, grace: 10000s}\n  \
                - {inactivity: 30s, grace: 10s}\nrules:\n  - {id: unmet, kind: unmet, dimension: reliability}\n";
    let strategy = Arc::new(Strategy::load("blocked.yaml", text).unwrap());
    let (store, mut tables) = (Store::default(), Tables::default());
    let mut engine = Engine::new(strategy, store.clone(), Position::START);
    let mut fold = |engine: &mut Engine<Store>, touchpoint: &Touchpoint<'_>, arrived: i64| {
        let verdict = engine.apply("k", touchpoint, at(arrived), 0, &mut tables).unwrap();
        engine.advance(at(arrived), usize::MAX, &mut tables).unwrap();
        verdict
    };
    (0..strangers).for_each(|n| {
        _ = engine.apply(
            &format!("stranger-{n}"),
            &touchpoint("s", 0, Stage::Greeting, "email"),
            at(0),
            0,
            &mut Tables::default(),
        )
    });
    fold(&mut engine, &touchpoint("a", 0, Stage::Greeting, "email"), 0);
    fold(&mut engine, &touchpoint("b", 1, Stage::Farewell, "email"), 1);
    fold(&mut engine, &touchpoint("c", 2, Stage::Greeting, "phone"), 2);
    engine.checkpoint(&mut |change| store.take(&change));
    (0..evictions).for_each(|_| engine.evict(max_hot));
    // another key's record moves the stream time past the second cycle's end
    let other = Touchpoint { cycle_id: Some("x".into()), ..touchpoint("d", 100, Stage::Greeting, "phone") };
    engine.apply("other", &other, at(100), 0, &mut tables).unwrap();
    engine.advance(at(100), usize::MAX, &mut tables).unwrap();
    let verdict = engine.apply("k", &touchpoint("e", 0, Stage::Fulfilment, "email"), at(200), 0, &mut tables).unwrap();
    engine.advance(at(20_000), usize::MAX, &mut tables).unwrap();
    (verdict, tables)
}

#[test]
fn a_cycle_is_not_collected_in_the_place_of_a_cold_one_before_it() {
    for strangers in 0..4 {
        let (verdict, expected) = blocked(strangers, usize::MAX, 0);
        assert_eq!(verdict, Verdict::Folded);
        for (max_hot, evictions) in (0..12).flat_map(|max_hot| (1..4).map(move |evictions| (max_hot, evictions))) {
            let (verdict, tables) = blocked(strangers, max_hot, evictions);
            let case = format!("{strangers} strangers, {max_hot} rows in memory after {evictions} evictions");
            assert_eq!(verdict, Verdict::Folded, "{case}");
            assert_eq!(tables.cycles, expected.cycles, "{case}");
        }
    }
}

/// Serves a store's rows, and counts those that are named as due.
struct Counted(Store, Rc<Cell<usize>>);

impl Cold for Counted {
    fn load(&mut self, row: RowId<'_>) -> Result<Option<Vec<u8>>, BoxError> {
        self.0.load(row)
    }
    fn due(&mut self, after: Timestamp, until: Timestamp, visit: &mut DueVisit<'_>) -> Result<(), BoxError> {
        self.0.due(after, until, &mut |at, row| {
            self.1.set(self.1.get() + 1);
            visit(at, row)
        })
    }
}

#[test]
fn what_fell_due_in_an_outage_is_taken_in_by_portions() {
    const CYCLES: i64 = 1_000;
    let text = "strategy: outage\ncycles: [{inactivity: 600s, grace: 10s}]\nrules:\n  - {id: gone, kind: abandoned, dimension: empathy}\n";
    let strategy = Arc::new(Strategy::load("outage.yaml", text).unwrap());
    let (store, mut before) = (Store::default(), Tables::default());
    let mut engine = Engine::new(Arc::clone(&strategy), store.clone(), Position::START);
    for n in 0..CYCLES {
        let touchpoint = Touchpoint { cycle_id: Some("c".into()), ..touchpoint("e", n, Stage::Greeting, "phone") };
        engine.apply(&n.to_string(), &touchpoint, at(n), n, &mut before).unwrap();
    }
    engine.advance(at(CYCLES - 1), usize::MAX, &mut before).unwrap();
    engine.checkpoint(&mut |change| store.take(&change));
    let run = |budget: usize| {
        let (named, mut tables) = (Rc::new(Cell::new(0)), before.clone());
        let cold = Counted(store.snapshot(), Rc::clone(&named));
        let mut engine = Engine::new(Arc::clone(&strategy), cold, engine.position());
        let mut most = 0;
        loop {
            let already = named.get();
            let is_done = engine.advance(at(100_000), budget, &mut tables).unwrap();
            most = most.max(named.get() - already);
            if is_done {
                return (most, tables);
            }
        }
    };
    let ((all, expected), (few, found)) = (run(usize::MAX), run(10));
    assert!(i64::try_from(all).unwrap() >= CYCLES, "{all}");
    assert!(few <= 11, "{few} rows were named to one call");
    assert_eq!((found.moments, found.cycles), (expected.moments, expected.cycles));
}
