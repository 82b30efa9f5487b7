//! What is final leaves the state, by stream time. It has no visible effect: what is told has been told.

use super::port::{BoxError, Cold};
use super::shelf::{Body, Clock, Remains, Slot};
use super::{Engine, Gone};
use crate::time::Timestamp;

impl<C: Cold> Engine<C> {
    /// Files what is left of a cycle, or a key's row, for its collection.
    pub(super) fn file_remains(&mut self, slot: Slot) {
        let at = match self.shelf.get(slot).map(|row| &row.body) {
            Some(Body::Remains(remains)) => remains.final_at.plus(self.strategy.reopen_window_ms).plus(1),
            Some(Body::Customer(customer)) => self.collect_customer_at(customer),
            _ => Timestamp::MAX,
        };
        self.shelf.wake(slot, Clock::Stream, at);
    }

    /// Collects, by stream time, what is final: it has no visible effect.
    pub(super) fn collect(&mut self) -> Result<(), BoxError> {
        let stream_time = self.position.stream_time;
        while self.shelf.next(Clock::Stream).is_some_and(|at| at <= stream_time) {
            let Some(slot) = self.shelf.fire(Clock::Stream) else { continue };
            let Some(row) = self.shelf.get(slot) else { continue };
            match &row.body {
                Body::Cycle(_) if row.pending => {}
                Body::Cycle(cycle) if cycle.is_final(&self.strategy, stream_time) => self.bury(slot)?,
                Body::Cycle(_) => self.shelf.pend(slot),
                Body::Remains(_) | Body::Customer(_) if row.wake_at <= stream_time => _ = self.discard(slot),
                Body::Remains(_) | Body::Customer(_) => self.file_remains(slot),
            }
        }
        Ok(())
    }

    /// Keeps of a final cycle what its late touchpoints, its return and the customer's other cycles need.
    pub(super) fn bury(&mut self, slot: Slot) -> Result<(), BoxError> {
        let Some(cycle) = self.shelf.cycle(slot) else { return Ok(()) };
        if cycle.assembled {
            let key = cycle.key.clone();
            // one that lies before it may be cold, and open; for what it knows of the others, perhaps
            self.load_customer(&key)?;
            self.refresh(&key)?;
            return self.freeze(&key, self.position.now.min(self.position.stream_time));
        }
        self.note_end(slot)?;
        let Some(cycle) = self.shelf.cycle(slot) else { return Ok(()) };
        let (final_at, carried) = (cycle.final_at(&self.strategy), cycle.carry(&self.strategy));
        let remains = Remains { key: cycle.key.clone(), id: cycle.id.clone(), instance: cycle.instance, final_at, carried };
        self.shelf.replace(slot, Body::Remains(remains));
        self.file_remains(slot);
        Ok(())
    }

    /// Takes a row out of the state.
    pub(super) fn discard(&mut self, slot: Slot) -> Option<Body> {
        let row = self.shelf.remove(slot)?;
        if let Some(saved) = row.saved {
            let id = row.body.row_id();
            let gone = Gone { key: id.key.into(), cycle_id: id.cycle_id.map(Into::into), saved };
            self.gone.insert_unique(id.hash(), gone, |gone| gone.row().hash());
        }
        Some(row.body)
    }
}
