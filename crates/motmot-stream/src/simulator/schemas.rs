//! A registry of schemas: away at times, slow at others, and every process has to hear of every schema by itself.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use motmot_wire::{DecodeError, NotYet, ReadError, RecordType, SchemaSource, WriterSchema};

use super::broker::Stored;
use super::random::Random;

/// Half of the runs have a registry. The salt is such that the seeds that were kept before there was one have none: they are what they were.
const SALT: u64 = 0x5c4e_4e93;
/// The numbers up to this one are of touchpoints, the next is of a moment, and behind that there is nothing.
const TOUCHPOINTS: u32 = 3;
/// Bytes of single-object framing.
const FRAMING: usize = 10;

/// The registry, and which records of the run name their schemas by its numbers.
#[derive(Debug)]
pub(super) struct Schemas(Mutex<State>);

#[derive(Debug)]
struct State {
    random: Random,
    /// In a thousand records: those in Confluent's framing.
    framed: usize,
    /// In a thousand answers: those that do not come in time.
    late: usize,
    /// In a thousand turns of the run's loop: times at which it goes away.
    outage: usize,
    now: Duration,
    away_until: Duration,
    is_calm: bool,
}

impl Schemas {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        let mut random = Random::new(seed ^ SALT);
        let framed = if random.per_mille(500) { *random.pick(&[300, 1_000]) } else { 0 };
        let (late, outage) = (*random.pick(&[0, 100, 600, 950]), *random.pick(&[0, 5, 30]));
        let (now, away_until) = (Duration::ZERO, Duration::ZERO);
        Arc::new(Self(Mutex::new(State { random, framed, late, outage, now, away_until, is_calm: false })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn pass(&self, now: Duration) {
        self.state().now = now;
    }

    pub(super) fn calm_down(&self) {
        self.state().is_calm = true;
    }

    /// It may go away.
    pub(super) fn turn(&self) {
        let state = &mut *self.state();
        if state.random.per_mille(state.outage) {
            let pause = *state.random.pick(&[100, 1_000, 20_000, 60_000, 300_000]);
            state.away_until = state.now + Duration::from_millis(pause);
        }
    }

    /// A producer that has a registry writes its records so.
    pub(super) fn framed(&self, record: Stored) -> Stored {
        let state = &mut *self.state();
        let datum = record.value.as_deref().and_then(|value| value.get(FRAMING..));
        let Some(datum) = datum.filter(|_| state.random.per_mille(state.framed)) else { return record };
        let id = if state.random.per_mille(970) { *state.random.pick(&[1, 2, TOUCHPOINTS]) } else { *state.random.pick(&[4, 5]) };
        let value: Rc<[u8]> = [&[0], u32::to_be_bytes(id).as_slice(), datum].concat().into();
        Stored { value: Some(value), ..record }
    }
}

/// What the registry says of a number when it says anything.
fn answer(id: u32) -> Result<Arc<WriterSchema>, ReadError> {
    let record = match id {
        ..=TOUCHPOINTS => RecordType::Touchpoint,
        _ if id == TOUCHPOINTS + 1 => RecordType::Moment,
        _ => return Err(DecodeError::UnknownId { id }.into()),
    };
    Ok(Arc::clone(record.current()))
}

/// What a process has heard of it.
#[derive(Debug)]
pub(super) struct Heard {
    schemas: Arc<Schemas>,
    numbers: Mutex<BTreeSet<u32>>,
}

impl Heard {
    pub(super) fn nothing_yet(schemas: &Arc<Schemas>) -> Arc<Self> {
        Arc::new(Self { schemas: Arc::clone(schemas), numbers: Mutex::default() })
    }
}

impl SchemaSource for Heard {
    fn schema(&self, id: u32) -> Result<Arc<WriterSchema>, ReadError> {
        let mut numbers = self.numbers.lock().unwrap();
        if !numbers.contains(&id) {
            let state = &mut *self.schemas.state();
            if !state.is_calm && (state.now < state.away_until || state.random.per_mille(state.late)) {
                return Err(NotYet { id, detail: "the registry does not answer".to_owned() }.into());
            }
            // that there is none is not remembered for long
            if answer(id).is_ok() {
                numbers.insert(id);
            }
        }
        answer(id)
    }
}

/// One who knows all of them: a replay.
#[derive(Debug)]
pub(super) struct AllKnown;

impl SchemaSource for AllKnown {
    fn schema(&self, id: u32) -> Result<Arc<WriterSchema>, ReadError> {
        answer(id)
    }
}
