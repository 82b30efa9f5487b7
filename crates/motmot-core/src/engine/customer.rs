//! A customer's cycles in the engine: which of them are in the file, and when what they know of each other is made anew.
//!
//! What a cycle knows of the others must not depend on batches. Therefore, before a record changes anything for a key, those of its cycles that
//! are final for that record get their last rows and are closed to change; and entries leave the file only then.

use std::sync::Arc;

use crate::strategy::Strategy;
use crate::time::Timestamp;

use super::Engine;
use super::cycle::Cycle;
use super::file::{End, Entry, File};
use super::port::{BoxError, Cold, RowId, Sink};
use super::shelf::{Body, Customer, Slot};

/// How long an entry stays in the file, in ms after the close and grace of its cycle: those that begin while it is known may be as
/// long in coming as the longest cycle may be silent.
pub(super) fn keep_ms(strategy: &Strategy) -> i64 {
    let longest = strategy.cycles.iter().map(|policy| policy.inactivity_ms.saturating_add(policy.grace_ms)).max();
    strategy.customer_file.keep_ms.saturating_add(longest.unwrap_or(0))
}

impl<C: Cold> Engine<C> {
    /// Brings a key's row, and those of its cycles that can still be amended, into memory.
    pub(super) fn load_customer(&mut self, key: &str) -> Result<Option<Slot>, BoxError> {
        let Some(slot) = self.fetch(RowId { key, cycle_id: None })? else { return Ok(None) };
        let evictions = self.shelf.evictions;
        let Some(customer) = self.shelf.customer_mut(slot).filter(|customer| customer.complete_at != Some(evictions)) else {
            return Ok(Some(slot));
        };
        customer.complete_at = Some(evictions);
        let filed = customer.file.live().map(|entry| Box::from(&*entry.id));
        let ids: Vec<Box<str>> = filed.chain(customer.assembled.iter().cloned()).collect();
        let mut fetched = false;
        for id in ids {
            let row = RowId { key, cycle_id: Some(&id) };
            fetched |= self.shelf.find(row).is_none() && self.fetch(row)?.is_some();
        }
        if let Some(customer) = self.shelf.customer_mut(slot).filter(|_| fetched) {
            customer.file.stale = true;
        }
        Ok(Some(slot))
    }

    /// The key's row, made if there is none.
    pub(super) fn customer_slot(&mut self, key: &str) -> Result<Slot, BoxError> {
        match self.load_customer(key)? {
            Some(slot) => Ok(slot),
            None => Ok(self.shelve(Body::Customer(Box::new(Customer::new(key))))),
        }
    }

    fn file_at(&self, slot: Slot) -> Option<&File> {
        self.shelf.customer(slot).map(|customer| &customer.file)
    }

    /// Lets `change` work on a customer's file with the other rows in view.
    fn with_file<T>(&mut self, slot: Slot, change: impl FnOnce(&mut Self, &mut File) -> T) -> Option<T> {
        let mut file = std::mem::take(&mut self.shelf.customer_mut(slot)?.file);
        let result = change(self, &mut file);
        self.shelf.customer_mut(slot)?.file = file;
        Some(result)
    }

    /// Gives the key's cycles that are final for the record in hand their last rows, and closes them to change.
    pub(super) fn settle(&mut self, key: &str, sink: &mut impl Sink) -> Result<(), BoxError> {
        let Some(customer) = self.load_customer(key)? else { return Ok(()) };
        let stream_time = self.position.stream_time;
        self.tell_and_freeze(key, sink)?;
        let is_over = |entry: &&Entry| entry.facts.base_final_at <= stream_time;
        let live = self.file_at(customer).into_iter().flat_map(File::live);
        let over: Vec<Arc<str>> = live.filter(is_over).map(|entry| Arc::clone(&entry.id)).collect();
        if over.is_empty() {
            return Ok(());
        }
        self.refresh(key)?;
        for id in over {
            let Some(slot) = self.shelf.find(RowId { key, cycle_id: Some(&id) }) else { continue };
            let is_final = |cycle: &&Cycle| !cycle.assembled && cycle.is_final(&self.strategy, stream_time);
            if self.shelf.cycle(slot).filter(is_final).is_some() {
                self.tell(slot, stream_time, sink)?;
                self.bury(slot)?;
            }
        }
        Ok(())
    }

    /// Enters what a cycle says, after a change, into its customer's file. Of one that would have to be folded from its start only its outline,
    /// where nothing hangs on the rest before somebody asks for it.
    pub(super) fn enter(&mut self, slot: Slot) -> Result<(), BoxError> {
        let Some(cycle) = self.shelf.cycle(slot).filter(|cycle| cycle.is_filed()) else { return Ok(()) };
        let customer = match self.shelf.find(RowId { key: &cycle.key, cycle_id: None }) {
            Some(customer) => customer,
            None => {
                let key = cycle.key.clone();
                self.customer_slot(&key)?
            }
        };
        let strategy = Arc::clone(&self.strategy);
        let forgotten = self.position.stream_time.plus(-keep_ms(&strategy));
        let entered = self.with_file(customer, |engine, file| {
            let cycle = engine.shelf.cycle_mut(slot)?;
            if cycle.is_unfolded() && file.outline(&strategy, &cycle.id, cycle.instance, cycle.outline) {
                cycle.owes_facts = true;
                return Some(Entered::Changed);
            }
            cycle.owes_facts = false;
            let facts = cycle.fold(&strategy).facts(&strategy);
            if file.live().next().is_none() {
                // the row may have been collected, or not: from here on that must not show
                file.trim(&strategy, forgotten);
            }
            let entered = file.enter(&cycle.id, cycle.instance, facts);
            if entered == Entered::Changed {
                file.trim(&strategy, forgotten);
            }
            Some(entered)
        });
        match entered.flatten() {
            Some(Entered::Changed) => {
                self.shelf.touch(customer);
                self.file_remains(customer);
            }
            Some(Entered::Full) => {
                if let Some(cycle) = self.shelf.cycle_mut(slot) {
                    cycle.leave_out();
                }
            }
            Some(Entered::Same) | None => {}
        }
        Ok(())
    }

    /// Enters what a cycle owes the file.
    pub(super) fn pay_facts(&mut self, slot: Slot) {
        let Some(cycle) = self.shelf.cycle_mut(slot).filter(|cycle| cycle.owes_facts) else { return };
        cycle.owes_facts = false;
        let (facts, key) = (cycle.fold(&self.strategy).facts(&self.strategy), cycle.key.clone());
        let (id, instance) = (cycle.id.clone(), cycle.instance);
        let customer = self.shelf.find(RowId { key: &key, cycle_id: None });
        if let Some(customer) = customer.and_then(|customer| self.shelf.customer_mut(customer)) {
            customer.file.pay(&id, instance, facts);
        }
    }

    /// Has what the key's cycles know of each other made anew before it is used again.
    pub(super) fn ask_again(&mut self, key: &str) {
        let slot = self.shelf.find(RowId { key, cycle_id: None });
        if let Some(customer) = slot.and_then(|slot| self.shelf.customer_mut(slot)) {
            customer.file.stale = true;
        }
    }

    /// Takes a cycle out of its customer's file: it is none any more.
    pub(super) fn strike_out(&mut self, key: &str, id: &str, instance: i32) {
        let Some(slot) = self.shelf.find(RowId { key, cycle_id: None }) else { return };
        if let Some(customer) = self.shelf.customer_mut(slot) {
            customer.file.remove(id, instance);
        }
        self.shelf.touch(slot);
    }

    /// Notes in the file what came of a cycle that is closed to change.
    pub(super) fn note_end(&mut self, slot: Slot) -> Result<(), BoxError> {
        self.pay_facts(slot);
        let Some(cycle) = self.shelf.cycle(slot).filter(|cycle| cycle.is_filed()) else { return Ok(()) };
        let key = cycle.key.clone();
        self.refresh(&key)?;
        let Some(customer) = self.load_customer(&key)? else { return Ok(()) };
        let strategy = Arc::clone(&self.strategy);
        self.with_file(customer, |engine, file| {
            if let Some(cycle) = engine.shelf.cycle(slot) {
                file.settle(&cycle.id, cycle.instance, cycle.end(&strategy));
            }
        });
        self.shelf.touch(customer);
        self.file_remains(customer);
        Ok(())
    }

    /// Whether what a cycle knows of its customer's others may be out of date; it is, where the customer's row is not in memory.
    pub(super) fn is_stale(&self, cycle: &Cycle) -> bool {
        let customer = || self.shelf.customer(self.shelf.find(RowId { key: &cycle.key, cycle_id: None })?);
        cycle.is_filed() && customer().is_none_or(|customer| customer.file.stale)
    }

    /// Makes anew what the customer's cycles know of each other, where it may have changed; those that know something else are told again.
    pub(super) fn refresh(&mut self, key: &str) -> Result<(), BoxError> {
        let Some(customer) = self.load_customer(key)? else { return Ok(()) };
        if self.file_at(customer).is_none_or(|file| !file.stale) {
            return Ok(());
        }
        let find = |entry: &Entry| self.shelf.find(RowId { key, cycle_id: Some(&entry.id) });
        let entries = self.file_at(customer).into_iter().flat_map(|file| &file.entries);
        let live: Vec<Option<Slot>> = entries.map(|entry| if entry.end.is_none() { find(entry) } else { None }).collect();
        live.iter().flatten().for_each(|slot| self.pay_facts(*slot));
        let changed = self.with_file(customer, |engine, file| {
            file.stale = false;
            engine.ask_others(file, &live)
        });
        changed.unwrap_or_default().into_iter().for_each(|slot| self.shelf.pend(slot));
        Ok(())
    }

    /// First what follows from touchpoints alone, then what follows from that; returns the cycles for which it is something else now.
    /// `live` has a place for each entry of the file: the cycle, if it can still be amended.
    fn ask_others(&mut self, file: &File, live: &[Option<Slot>]) -> Vec<Slot> {
        let strategy = Arc::clone(&self.strategy);
        let mut before = Vec::with_capacity(live.len());
        for slot in live.iter().flatten() {
            let Some(cycle) = self.shelf.cycle_mut(*slot) else { continue };
            let known = file.known_to(&strategy, &cycle.id, cycle.instance);
            before.push((*slot, std::mem::replace(cycle.known_mut(), known)));
        }
        let ends: Vec<Option<End>> = match before.as_slice() {
            [_] => Vec::new(), // nobody asks for its end
            _ => live.iter().map(|slot| Some(self.shelf.cycle((*slot)?)?.end(&strategy))).collect(),
        };
        let mut changed = Vec::new();
        for (slot, before) in before {
            let Some(cycle) = self.shelf.cycle(slot) else { continue };
            let settled = file.settled_to(&strategy, (&cycle.id, cycle.instance), &ends);
            let Some(cycle) = self.shelf.cycle_mut(slot) else { continue };
            cycle.known_mut().settled = settled;
            if *cycle.known_mut() != before {
                changed.push(slot);
            }
        }
        changed
    }

    /// When a key's row is to be collected; [`Timestamp::MAX`]: not as long as one of its cycles can be amended.
    pub(super) fn collect_customer_at(&self, customer: &Customer) -> Timestamp {
        if !customer.assembled.is_empty() {
            return Timestamp::MAX;
        }
        let assembly = customer.frozen_until.plus(self.strategy.reopen_window_ms).plus(1);
        customer.file.forgotten_at(keep_ms(&self.strategy)).max(assembly)
    }
}

/// What became of a cycle's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// It says what it said.
    Same,
    /// It is new, or says something else.
    Changed,
    /// There is no room for it.
    Full,
}
