//! Whatever a store's row holds, the engine answers with a value or with an error: a disk that lies must not end the process by a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use motmot_core::engine::{BoxError, Cold, DueVisit, Position, RowId};
use motmot_core::strategy::Strategy;
use motmot_core::touchpoint::{Outcome, Promise, Stage, Touchpoint};
use motmot_core::{Engine, Timestamp};

use crate::support::script::blank;
use crate::support::store::Store;
use crate::support::tables::Tables;

const START: i64 = 1_772_000_000_000;
const STRATEGY: &str = "strategy: damaged
cycles: [{inactivity: 60s, grace: 10s}]
rules:
  - {id: again, kind: repeat_contact, within: 300s, need: any, dimension: reliability}
  - {id: back, kind: reopened, dimension: reliability}
  - {id: call, kind: broken_promise, dimension: reliability}
  - {id: unmet, kind: unmet, dimension: tangibles}
  - {id: step, kind: missing, expects: {stage: verification}, dimension: assurance}
  - {id: circle, kind: vicious_circle, failed: 1, of: 1, dimension: empathy}
";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(START + seconds * 1000)
}

/// A contact of the customer `k`: of an assembled cycle, or of the cycle `id`.
fn contact(id: Option<&'static str>, event: &str, seconds: i64, stage: Stage, outcome: Outcome) -> Touchpoint<'static> {
    let promise = Promise { promise_id: "p".into(), kind: "call_back".into(), due_at: at(500) };
    Touchpoint {
        cycle_id: id.map(Into::into),
        customer_id: Some("k".into()),
        need: Some("card".into()),
        promises: vec![promise],
        ..blank(event.to_owned(), at(seconds).as_millis(), stage, outcome, None)
    }
}

/// One row is another one than was written.
struct Lying {
    store: Store,
    name: (String, Option<String>),
    value: Vec<u8>,
}

impl Cold for Lying {
    fn load(&mut self, row: RowId<'_>) -> Result<Option<Vec<u8>>, BoxError> {
        if (row.key, row.cycle_id) == (self.name.0.as_str(), self.name.1.as_deref()) {
            return Ok(Some(self.value.clone()));
        }
        self.store.load(row)
    }
    fn due(&mut self, after: Timestamp, until: Timestamp, visit: &mut DueVisit<'_>) -> Result<(), BoxError> {
        self.store.due(after, until, visit)
    }
}

/// Goes on from the store as a worker does; an error ends it.
fn go_on(strategy: &Arc<Strategy>, cold: Lying, position: Position) -> Result<(), BoxError> {
    let mut tables = Tables::default();
    let mut engine = Engine::new(Arc::clone(strategy), cold, position);
    engine.apply("k", &contact(None, "y", 110, Stage::Fulfilment, Outcome::Unmet), at(110), 20, &mut tables)?;
    engine.apply("k", &contact(Some("c"), "z", 111, Stage::Greeting, Outcome::Met), at(111), 21, &mut tables)?;
    engine.advance(at(200), 5, &mut tables)?;
    while !engine.advance(at(100_000), 5, &mut tables)? {}
    let other = STRATEGY.replace("inactivity: 60s", "inactivity: 20s");
    engine.swap(Arc::new(Strategy::load("other.yaml", &other).unwrap()), &mut tables)?;
    while !engine.advance(at(100_000), 5, &mut tables)? {}
    Ok(())
}

#[test]
fn whatever_a_row_holds_the_answer_is_a_value_or_an_error() {
    let strategy = Arc::new(Strategy::load("damaged.yaml", STRATEGY).unwrap());
    let (store, mut tables) = (Store::default(), Tables::default());
    let mut engine = Engine::new(Arc::clone(&strategy), store.clone(), Position::START);
    let contacts = [
        contact(Some("d"), "a", 0, Stage::Greeting, Outcome::Met),
        contact(Some("d"), "b", 1, Stage::Farewell, Outcome::Met),
        contact(None, "e", 20, Stage::Greeting, Outcome::Unmet),
        contact(Some("c"), "f", 90, Stage::Greeting, Outcome::Met),
        contact(Some("c"), "g", 91, Stage::Fulfilment, Outcome::Unmet),
        contact(None, "h", 100, Stage::Greeting, Outcome::Met),
        contact(None, "i", 101, Stage::NeedDetection, Outcome::None),
    ];
    for (offset, contact) in (0..).zip(&contacts) {
        engine.apply("k", contact, contact.occurred_at, offset, &mut tables).unwrap();
        engine.advance(contact.occurred_at, usize::MAX, &mut tables).unwrap();
    }
    let mut rows = Vec::new();
    engine.checkpoint(&mut |change| {
        store.take(&change);
        let name = (change.row.key.to_owned(), change.row.cycle_id.map(str::to_owned));
        rows.extend(change.value.map(|value| (name, value.to_vec())));
    });
    assert!(rows.len() >= 5, "a row of each form: {rows:?}");

    let (mut refused, mut taken) = (0, 0);
    for (name, value) in rows {
        let mut check = |what: String, changed: Vec<u8>| {
            let cold = Lying { store: store.snapshot(), name: name.clone(), value: changed };
            let ended = catch_unwind(AssertUnwindSafe(|| go_on(&strategy, cold, engine.position())));
            match ended.unwrap_or_else(|_| panic!("a panic over row {name:?}, {what}; its words are above")) {
                Ok(()) => taken += 1,
                Err(_) => refused += 1,
            }
        };
        for position in 0..value.len() {
            check(format!("cut off at {position}"), value[..position].to_vec());
            check(format!("nothing from {position} on"), [&value[..position], &[0]].concat()); // an empty list at the end
            for byte in [0, 1, 2, 0x7f, 0x80, 0xff] {
                let mut changed = value.clone();
                changed[position] = byte;
                check(format!("byte {position} = {byte}"), changed);
            }
        }
        check("with a byte too many".to_owned(), [value.as_slice(), &[0]].concat());
    }
    assert!(refused > 1_000 && taken > 100, "{refused} refused, {taken} taken");
}
