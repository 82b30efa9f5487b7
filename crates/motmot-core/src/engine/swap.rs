//! The swap of the strategy: what can still be amended is judged anew, what is final keeps its verdict.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::strategy::Strategy;
use crate::time::Timestamp;

use super::Engine;
use super::assembly::cut;
use super::customer::keep_ms;
use super::port::{BoxError, Cold, Position, RowId, Sink};
use super::shelf::{Body, Slot};
use super::touchpoints::Touchpoints;

impl<C: Cold> Engine<C> {
    /// Puts another strategy in force from here on. Cycles that are final at `now` keep their verdicts and their strategy's hash; all others are
    /// folded again. The next calls of [`Engine::advance`] tell what differs, in portions: call it, and apply nothing, until it returns
    /// `true`. `sink` hears at once the retraction of moments whose rule is no more, in the words of the old rule.
    ///
    /// Call it when the last `advance` has returned `true`. It brings every row into memory: [`Engine::evict`] lets them go again.
    ///
    /// # Errors
    /// When a cold row cannot be read; the engine must then be dropped.
    pub fn swap(&mut self, strategy: Arc<Strategy>, sink: &mut impl Sink) -> Result<(), BoxError> {
        if strategy.hash == self.strategy.hash {
            self.strategy = strategy; // other titles, the same rules: nothing is judged anew
            return Ok(());
        }
        self.load_all()?;
        self.close_the_old()?;
        let old = std::mem::replace(&mut self.strategy, Arc::clone(&strategy));
        let live: Vec<Slot> = self.shelf.slots().filter(|slot| self.shelf.cycle(*slot).is_some()).collect();
        for slot in &live {
            let Some(cycle) = self.shelf.cycle_mut(*slot) else { continue };
            cycle.adopt(&old, &strategy, sink);
            self.shelf.touch(*slot);
        }
        let keys: Vec<Box<str>> = self.shelf.customers().filter(|c| !c.assembled.is_empty()).map(|c| c.key.clone()).collect();
        for key in keys {
            self.cut_anew(&key)?;
        }
        let rest: Vec<Slot> = self.shelf.slots().collect();
        for slot in rest {
            match self.shelf.get(slot).map(|row| &row.body) {
                Some(Body::Cycle(_)) => {
                    self.enter(slot)?;
                    self.rejudge.push(slot);
                }
                Some(_) => {
                    if let Some(customer) = self.shelf.customer_mut(slot) {
                        customer.file.stale = true;
                    }
                    let due = self.shelf.wake_at(slot);
                    self.file_remains(slot);
                    if self.shelf.wake_at(slot) != due {
                        self.shelf.touch(slot);
                    }
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Brings every row into memory.
    fn load_all(&mut self) -> Result<(), BoxError> {
        let mut names: Vec<(Box<str>, Option<Box<str>>)> = Vec::new();
        self.cold.due(Timestamp::MIN, Timestamp::MAX, &mut |_, row| {
            names.push((row.key.into(), row.cycle_id.map(Into::into)));
            ControlFlow::Continue(())
        })?;
        for (key, cycle_id) in names {
            let slot = self.slot(RowId { key: &key, cycle_id: cycle_id.as_deref() })?;
            if slot.and_then(|slot| self.shelf.cycle(slot)).is_some_and(|cycle| cycle.assembled) {
                self.load_customer(&key)?; // it says which cycles are cut anew together
            }
        }
        Ok(())
    }

    /// Closes to change what is final at `now`, and lets go of what is forgotten, under the strategy that is about to go: when it was
    /// collected must not show under the next.
    fn close_the_old(&mut self) -> Result<(), BoxError> {
        let Position { now, stream_time } = self.position;
        let forgotten = stream_time.plus(-keep_ms(&self.strategy));
        let strategy = Arc::clone(&self.strategy);
        let stale: Vec<Box<str>> = self.shelf.customers().filter(|c| c.file.stale).map(|c| c.key.clone()).collect();
        stale.iter().try_for_each(|key| self.refresh(key))?;
        for slot in self.shelf.slots().collect::<Vec<_>>() {
            match self.shelf.get(slot).map(|row| &row.body) {
                Some(Body::Cycle(cycle)) if cycle.assembled => {
                    let key = cycle.key.clone();
                    self.freeze(&key, now)?;
                }
                Some(Body::Cycle(cycle)) if cycle.is_final(&strategy, now) => self.bury(slot)?,
                _ => {}
            }
        }
        for slot in self.shelf.slots().collect::<Vec<_>>() {
            if let Some(customer) = self.shelf.customer_mut(slot) {
                customer.file.trim(&strategy, forgotten);
                self.shelf.touch(slot);
            }
            let is_over = match self.shelf.get(slot).map(|row| &row.body) {
                Some(Body::Remains(remains)) => stream_time > remains.final_at.plus(strategy.reopen_window_ms),
                Some(Body::Customer(customer)) => self.collect_customer_at(customer) <= stream_time,
                _ => false,
            };
            if is_over {
                self.discard(slot);
            }
        }
        Ok(())
    }

    /// Cuts a key's assembled cycles by the gaps of the new strategy.
    fn cut_anew(&mut self, key: &str) -> Result<(), BoxError> {
        let live = self.live_of(key);
        let mut pool = Touchpoints::default();
        live.iter().filter_map(|slot| self.shelf.cycle(*slot)).for_each(|cycle| pool.append(&cycle.touchpoints));
        let pieces = cut(&self.strategy, &pool);
        self.exchange(key, &live, pieces)
    }
}
