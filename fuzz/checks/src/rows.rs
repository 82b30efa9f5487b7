//! What a store holds: the engine's rows and the touchpoints in them, the store's description, wake-ups, strategies.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use motmot_core::codec::{self, Take};
use motmot_core::cycle::CycleRecord;
use motmot_core::engine::{BoxError, Cold, DueVisit, Engine, Position, RowId, Sink, describe::describe};
use motmot_core::touchpoint::{Outcome, Stage};
use motmot_core::{Moment, Strategy, Timestamp, Touchpoint};
use motmot_store::{Batch, Checkpoint, KeyValue, Meta, Store, StrategyId, keys};

use crate::halves;
use crate::memory::Allowance;

static STRATEGY: LazyLock<Arc<Strategy>> = LazyLock::new(|| {
    Arc::new(Strategy::load("bank-telephone", crate::seeds::STRATEGY).unwrap_or_else(|problems| panic!("{problems}")))
});

const NOON: Timestamp = Timestamp::from_millis(1_764_000_000_000);
const CUSTOMER: RowId<'_> = RowId { key: "k", cycle_id: None };
const CYCLE: RowId<'_> = RowId { key: "k", cycle_id: Some("c") };

/// A touchpoint as rows and spools keep it.
pub fn stored_touchpoint(bytes: &[u8]) -> bool {
    // An entry of a list takes a byte at least, and becomes a text.
    const TOUCHPOINT: Allowance = Allowance { a_byte: 128, base: 4_096 };
    let Ok(touchpoint) = TOUCHPOINT.hold(bytes.len(), || codec::decode(&mut Take(bytes))) else { return false };
    assert_eq!(codec::event_id(bytes), Ok(touchpoint.event_id.as_str()));
    // A sentiment that is no number is not equal to itself, so bytes are compared.
    let (mut written, mut again) = (Vec::new(), Vec::new());
    codec::encode(&touchpoint, &mut written);
    let mut rest = Take(&written);
    let Ok(read) = codec::decode(&mut rest) else { panic!("{touchpoint:?}") };
    codec::encode(&read, &mut again);
    assert!(rest.0.is_empty() && written == again, "{touchpoint:?}");
    true
}

/// A customer's row and a cycle's row, and then what may come in a partition's life: touchpoints, deadlines, a checkpoint, a restart.
pub fn store_row(bytes: &[u8]) -> bool {
    const ROWS: Allowance = Allowance { a_byte: 4_096, base: 4 << 20 };
    let (customer, cycle) = halves(bytes);
    let strategy = Arc::clone(&STRATEGY);
    let mut is_read = false;
    for (row, value) in [(CUSTOMER, customer), (CYCLE, cycle)] {
        is_read |= describe(row, value, &strategy, |row| assert_eq!(row.key, "k")).is_ok();
    }
    // Whatever fails, fails as an error: the partition is then given up.
    let _ = ROWS.hold(bytes.len(), || live_on(strategy, customer, cycle));
    is_read
}

struct Deaf;

impl Sink for Deaf {
    fn moment(&mut self, _: &Moment<'_>, _: &[i64]) {}
    fn cycle(&mut self, _: &CycleRecord<'_>, _: &[i64]) {}
    fn cycle_gone(&mut self, _: &str, _: &str) {}
}

/// Rows by key and cycle.
#[derive(Default)]
struct Rows(BTreeMap<(String, Option<String>), Vec<u8>>);

impl Rows {
    fn set(&mut self, row: RowId<'_>, value: &[u8]) {
        self.0.insert((row.key.to_owned(), row.cycle_id.map(str::to_owned)), value.to_vec());
    }
}

impl Cold for Rows {
    fn load(&mut self, row: RowId<'_>) -> Result<Option<Vec<u8>>, BoxError> {
        Ok(self.0.get(&(row.key.to_owned(), row.cycle_id.map(str::to_owned))).cloned())
    }

    fn due(&mut self, after: Timestamp, until: Timestamp, visit: &mut DueVisit<'_>) -> Result<(), BoxError> {
        if (after < NOON) && (NOON <= until) {
            let mut rows = self.0.keys();
            let _ = rows.try_for_each(|(key, cycle_id)| visit(NOON, RowId { key, cycle_id: cycle_id.as_deref() }));
        }
        Ok(())
    }
}

fn touchpoint(event_id: &'static str, cycle_id: Option<&'static str>, stage: Stage, seconds: i64) -> Touchpoint<'static> {
    Touchpoint {
        customer_id: Some("k".into()),
        cycle_id: cycle_id.map(Into::into),
        ..Touchpoint::new(event_id, NOON.plus(seconds * 1_000), stage, Outcome::Met, "phone", "north")
    }
}

fn live_on(strategy: Arc<Strategy>, customer: &[u8], cycle: &[u8]) -> Result<(), BoxError> {
    let mut rows = Rows::default();
    for (row, value) in [(CUSTOMER, customer), (CYCLE, cycle)] {
        if !value.is_empty() {
            rows.set(row, value);
        }
    }
    let position = Position { now: NOON, stream_time: NOON };
    let mut engine = Engine::new(Arc::clone(&strategy), rows, position);
    let steps = [("a", Some("c"), Stage::Fulfilment), ("b", None, Stage::Greeting), ("d", Some("c"), Stage::Farewell)];
    for ((event_id, id, stage), seconds) in steps.into_iter().zip(0..) {
        engine.apply("k", &touchpoint(event_id, id, stage, seconds), NOON.plus(10_000), seconds, &mut Deaf)?;
        engine.advance(NOON.plus(10_000 + seconds), 100, &mut Deaf)?;
    }
    let mut saved = Rows::default();
    engine.checkpoint(&mut |change| {
        if let Some(value) = change.value {
            saved.set(change.row, value);
        }
    });
    // Deadlines may be as far as they like: the end of time is reached in few steps.
    let mut steps = 0;
    while !engine.advance(Timestamp::MAX, 1_000, &mut Deaf)? {
        steps += 1;
        assert!(steps < 100, "{:?}", engine.position());
    }
    restart(&strategy, engine.position(), saved)
}

/// What an engine wrote can be read again, whatever it was made of.
fn restart(strategy: &Arc<Strategy>, position: Position, saved: Rows) -> Result<(), BoxError> {
    for ((key, cycle_id), value) in &saved.0 {
        let row = RowId { key, cycle_id: cycle_id.as_deref() };
        assert!(describe(row, value, strategy, |_| ()).is_ok(), "{row:?}: {value:02x?}");
    }
    let mut engine = Engine::new(Arc::clone(strategy), saved, position);
    let read_again = engine.advance(position.now, usize::MAX, &mut Deaf);
    assert!(read_again.is_ok(), "{read_again:?}");
    engine.apply("k", &touchpoint("z", Some("c"), Stage::Greeting, -1), NOON, 9, &mut Deaf).map(drop)
}

/// Entries in memory; a clone has the same ones.
#[derive(Clone, Default)]
pub(crate) struct Entries(pub(crate) Rc<RefCell<BTreeMap<Vec<u8>, Vec<u8>>>>);

#[derive(Default)]
pub(crate) struct Changes(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Batch for Changes {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.0.push((key.to_vec(), Some(value.to_vec())));
    }
    fn delete(&mut self, key: &[u8]) {
        self.0.push((key.to_vec(), None));
    }
}

impl KeyValue for Entries {
    type Batch = Changes;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BoxError> {
        Ok(self.0.borrow().get(key).cloned())
    }

    fn scan(&self, from: &[u8], until: &[u8], visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<(), BoxError> {
        let _ = self.0.borrow().range(from.to_vec()..until.to_vec()).try_for_each(|(key, _)| visit(key));
        Ok(())
    }

    fn write(&self, batch: Changes) -> Result<(), BoxError> {
        let mut entries = self.0.borrow_mut();
        for (key, value) in batch.0 {
            match value {
                Some(value) => drop(entries.insert(key, value)),
                None => drop(entries.remove(&key)),
            }
        }
        Ok(())
    }

    fn size_bytes(&self) -> u64 {
        0
    }
}

/// A store's description, and the key of one more entry: a wake-up, a row, a strategy.
pub fn store_entries(bytes: &[u8]) -> bool {
    const ENTRIES: Allowance = Allowance { a_byte: 64, base: 16 << 10 };
    let (meta, key) = halves(bytes);
    let is_key = is_key(key);
    let entries = Entries::default();
    if !key.is_empty() {
        entries.0.borrow_mut().insert(key.to_vec(), meta.to_vec());
    }
    entries.0.borrow_mut().insert(keys::META.to_vec(), meta.to_vec());
    let mut store = match ENTRIES.hold(bytes.len(), || Store::over(entries.clone(), PathBuf::from("/fuzzed"))) {
        Ok(store) => store,
        Err(refused) => {
            assert!(refused.to_string().contains("/fuzzed"), "{refused}");
            return is_key;
        }
    };
    let Some(read) = store.meta().cloned() else { return is_key };
    let _ = store.strategy(read.strategy).is_ok();
    if let Err(refused) = store.reader().due(Timestamp::MIN, Timestamp::MAX, &mut |_, _| ControlFlow::Continue(())) {
        assert!(refused.to_string().contains("/fuzzed"), "{refused}");
    }
    let other = Meta { strategy: StrategyId { rules: !read.strategy.rules, text: 2 }, ..read.clone() };
    for meta in [other, read] {
        assert!(store.write(Checkpoint::new(), meta.clone(), "text").is_ok());
        assert!(store.strategy(meta.strategy).is_ok_and(|text| text.as_deref() == Some("text")));
        let Ok(again) = Store::over(entries.clone(), PathBuf::from("/again")) else { panic!("{meta:?} was written") };
        assert_eq!(again.meta(), Some(&meta));
    }
    true
}

/// Whether it is the key of a wake-up or of a row, which then is written as it was read.
fn is_key(key: &[u8]) -> bool {
    let mut written = Vec::new();
    if let Ok((at, row)) = keys::parse_wake(key) {
        keys::wake(&mut written, at, row);
        assert_eq!(keys::parse_wake(&written), Ok((at, row)));
    } else if let Ok(row) = keys::parse_row(key) {
        keys::row(&mut written, row);
        assert_eq!(keys::parse_row(&written), Ok(row));
    }
    !written.is_empty()
}
