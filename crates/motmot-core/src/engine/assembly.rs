//! Cycles that no source identifies: put together per key, by gaps and farewells.
//!
//! The cycles of a key are what a walk over its touchpoints, in their order, cuts them into. A new touchpoint may lengthen a cycle, join
//! two, or split one; only the cycles from the one before it up to the next old cut that is still one can change.

use std::sync::Arc;

use crate::strategy::Strategy;
use crate::time::Timestamp;
use crate::touchpoint::{Stage, Touchpoint};

use super::Engine;
use super::cycle::Cycle;
use super::file::MAX_LIVE;
use super::fold::{Ending, final_at_alone, policy_of};
use super::port::{BoxError, Cold, RowId, Sink, Verdict};
use super::shelf::{Body, Customer, Slot};
use super::touchpoints::{Touchpoints, assembled_id};

impl<C: Cold> Engine<C> {
    /// Folds a touchpoint without a cycle id.
    pub(super) fn apply_assembled(
        &mut self,
        key: &str,
        touchpoint: &Touchpoint<'_>,
        offset: i64,
        sink: &mut impl Sink,
    ) -> Result<Verdict, BoxError> {
        self.settle(key, sink)?;
        let live = self.live_of(key);
        let cycles = || live.iter().filter_map(|slot| self.shelf.cycle(*slot));
        if let Some(verdict) = cycles().find_map(|cycle| cycle.known(touchpoint)) {
            return Ok(verdict);
        }
        let at = touchpoint.occurred_at;
        let before_all = cycles().next().is_none_or(|first| at < first.outline.first);
        if before_all && self.frozen_until(key).is_some_and(|frozen| at <= frozen) {
            return Ok(Verdict::Late);
        }
        // most often the key has one cycle, and the touchpoint is its next
        if let Some(slot) = live.last().copied()
            && let Some(cycle) = self.shelf.cycle_mut(slot)
            && at > cycle.outline.last
        {
            if !cycle.outline.ending().is_followed_by_new(at, touchpoint.stage) {
                return self.lengthen(slot, touchpoint, offset);
            }
            if live.len() >= MAX_LIVE {
                return Ok(self.overflow(slot));
            }
        }
        self.recut(key, &live, touchpoint, offset)
    }

    fn assembly(&self, key: &str) -> Option<&Customer> {
        self.shelf.customer(self.shelf.find(RowId { key, cycle_id: None })?)
    }

    /// When the key's final cycles ended, while that is remembered.
    fn frozen_until(&self, key: &str) -> Option<Timestamp> {
        let frozen = self.assembly(key)?.frozen_until;
        (self.position.stream_time <= frozen.plus(self.strategy.reopen_window_ms)).then_some(frozen)
    }

    pub(super) fn live_of(&self, key: &str) -> Vec<Slot> {
        let find = |id: &str| self.shelf.find(RowId { key, cycle_id: Some(id) });
        self.assembly(key).map(|assembly| assembly.assembled.iter().filter_map(|id| find(id)).collect()).unwrap_or_default()
    }

    fn set_assembly(&mut self, key: &str, frozen_until: Timestamp, assembled: Vec<Box<str>>) -> Result<(), BoxError> {
        let slot = self.customer_slot(key)?;
        if let Some(customer) = self.shelf.customer_mut(slot) {
            (customer.frozen_until, customer.assembled) = (frozen_until, assembled);
        }
        self.shelf.touch(slot);
        self.file_remains(slot);
        Ok(())
    }

    /// Freezes the key's cycles that are final for the record in hand, having told their last rows.
    pub(super) fn tell_and_freeze(&mut self, key: &str, sink: &mut impl Sink) -> Result<(), BoxError> {
        if self.assembly(key).is_none_or(|customer| customer.assembled.is_empty()) {
            return Ok(());
        }
        let stream_time = self.position.stream_time;
        let live = self.live_of(key);
        let first = live.first().and_then(|slot| self.shelf.cycle(*slot));
        if first.is_some_and(|cycle| cycle.outline.base_final_at() > stream_time) {
            return Ok(()); // whatever it knows of others can only make it final later
        }
        self.refresh(key)?;
        for slot in live {
            if !self.shelf.cycle(slot).is_some_and(|cycle| cycle.is_final(&self.strategy, stream_time)) {
                break;
            }
            self.tell(slot, stream_time, sink)?;
        }
        self.freeze(key, stream_time)
    }

    /// Collects the key's cycles that are final at `until`, and have been told as final; front to back, for one before which another is
    /// open can still be joined.
    pub(super) fn freeze(&mut self, key: &str, until: Timestamp) -> Result<(), BoxError> {
        let Some(assembly) = self.assembly(key) else { return Ok(()) };
        let (mut frozen_until, mut frozen, assembled) = (assembly.frozen_until, 0, assembly.assembled.clone());
        for slot in self.live_of(key) {
            let Some(cycle) = self.shelf.cycle(slot).filter(|cycle| cycle.is_final(&self.strategy, until)) else { break };
            frozen_until = frozen_until.max(cycle.final_at(&self.strategy));
            frozen += 1;
            self.note_end(slot)?;
            self.discard(slot);
        }
        if frozen > 0 {
            self.set_assembly(key, frozen_until, assembled.into_iter().skip(frozen).collect())?;
        }
        Ok(())
    }

    /// What a cycle could not take is only counted.
    fn overflow(&mut self, slot: Slot) -> Verdict {
        if let Some(cycle) = self.shelf.cycle_mut(slot) {
            cycle.truncated = true;
        }
        self.mark(slot);
        Verdict::Overflow
    }

    fn mark(&mut self, slot: Slot) {
        self.shelf.touch(slot);
        self.shelf.pend(slot);
    }

    /// Inserts a touchpoint that may move the cuts, and cuts anew as far as they move.
    fn recut(&mut self, key: &str, live: &[Slot], touchpoint: &Touchpoint<'_>, offset: i64) -> Result<Verdict, BoxError> {
        let strategy = Arc::clone(&self.strategy);
        let cycle_at = |position: usize| live.get(position).and_then(|slot| self.shelf.cycle(*slot));
        // nothing before the last cycle that begins before the touchpoint can change
        let at = touchpoint.occurred_at;
        let from = (0..live.len()).rposition(|i| cycle_at(i).is_some_and(|cycle| cycle.outline.first < at)).unwrap_or(0);
        let mut upto = from;
        let mut pool = Touchpoints::default();
        while let Some(cycle) = cycle_at(upto).filter(|cycle| upto == from || cycle.outline.first <= at) {
            pool.append(&cycle.touchpoints);
            upto += 1;
        }
        let index = pool.insert(touchpoint, offset);
        let starts = loop {
            let (starts, end) = cuts(&strategy, &pool);
            match (cycle_at(upto).map(|next| (next, next.touchpoints.entries())), end) {
                (Some((next, [first, ..])), Some(end)) if !end.is_followed_by_new(first.at, first.stage) => {
                    pool.append(&next.touchpoints);
                }
                _ => break starts,
            }
            upto += 1;
        };
        let piece = starts.partition_point(|start| *start <= index);
        let start = piece.checked_sub(1).and_then(|piece| starts.get(piece)).copied().unwrap_or(0);
        let length = starts.get(piece).copied().unwrap_or(pool.len()) - start;
        if length == 1 && final_at_alone(&strategy, touchpoint) <= self.position.stream_time {
            return Ok(Verdict::Late);
        }
        let replaced = live.get(from..upto).unwrap_or_default();
        // each record of a key looks at all its live cycles: a bot that begins one after the other must not stop the partition
        let is_one_too_many = starts.len() > replaced.len() && live.len() + starts.len() - replaced.len() > MAX_LIVE;
        match replaced {
            [first, ..] if length > strategy.max_touchpoints || is_one_too_many => Ok(self.overflow(*first)),
            // it keeps its name, and all cuts are where they were
            [only] if starts.len() == 1 && index > 0 => self.lengthen(*only, touchpoint, offset),
            _ => {
                self.exchange(key, replaced, pool.split(&starts))?;
                Ok(Verdict::Folded)
            }
        }
    }

    /// Folds a touchpoint into a cycle that remains what it is.
    fn lengthen(&mut self, slot: Slot, touchpoint: &Touchpoint<'_>, offset: i64) -> Result<Verdict, BoxError> {
        let strategy = Arc::clone(&self.strategy);
        let verdict = self.shelf.cycle_mut(slot).map_or(Verdict::Overflow, |cycle| cycle.add(&strategy, touchpoint, offset));
        self.mark(slot);
        if verdict == Verdict::Folded {
            self.enter(slot)?;
        }
        Ok(verdict)
    }

    /// Puts new cycles in the place of old ones; what was told moves with the touchpoints that it hangs on.
    pub(super) fn exchange(&mut self, key: &str, replaced: &[Slot], pieces: Vec<Touchpoints>) -> Result<(), BoxError> {
        let strategy = Arc::clone(&self.strategy);
        let ids: Vec<Box<str>> = pieces.iter().map(|piece| assembled_id(key, &piece.get(0).event_id).into()).collect();
        let mut told = Vec::new();
        let mut survivors: Vec<(Box<str>, u64)> = Vec::new();
        // the first touchpoints of cycles that could not take all: that does not hang on what was told
        let mut truncated: Vec<u64> = Vec::new();
        let old_ids: Vec<Box<str>> =
            replaced.iter().filter_map(|slot| self.shelf.cycle(*slot)).map(|cycle| cycle.id.clone()).collect();
        for slot in replaced {
            let Some(Body::Cycle(mut cycle)) = self.discard(*slot) else { continue };
            told.append(&mut cycle.told);
            let first = cycle.touchpoints.entries().first().map(|entry| entry.id_hash);
            truncated.extend(first.filter(|_| cycle.truncated));
            if ids.contains(&cycle.id) {
                survivors.push((cycle.id, cycle.told_row));
            } else if cycle.told_row != 0 {
                let into = pieces.iter().zip(&ids).find(|(piece, _)| first.is_some_and(|id| piece.find(id).is_some()));
                self.merged.extend(into.map(|(_, into)| (cycle, into.clone())));
            }
        }
        // what has come apart again before it was said to be joined never was
        for (cycle, _) in self.merged.extract_if(.., |(cycle, _)| *cycle.key == *key && ids.contains(&cycle.id)) {
            survivors.push((cycle.id, cycle.told_row));
        }
        // one that survives may have lost the touchpoint that names the customer
        old_ids.iter().for_each(|id| self.strike_out(key, id, 1));
        let mut new = Vec::with_capacity(ids.len());
        for (piece, id) in pieces.into_iter().zip(&ids) {
            let mut cycle = Cycle::new(&strategy, key, id, 1, piece);
            cycle.assembled = true;
            (cycle.told, told) = told.into_iter().partition(|told| cycle.touchpoints.find(told.anchor).is_some());
            cycle.truncated = truncated.iter().any(|first| cycle.touchpoints.find(*first).is_some());
            if let Some((_, told_row)) = survivors.iter().find(|(survivor, _)| survivor == id) {
                cycle.told_row = *told_row;
            }
            new.push(self.shelve(Body::Cycle(Box::new(cycle))));
        }
        let assembly = self.assembly(key);
        let frozen_until = assembly.map_or(Timestamp::MIN, |assembly| assembly.frozen_until);
        let mut all: Vec<Box<str>> = assembly.map(|assembly| assembly.assembled.clone()).unwrap_or_default();
        let place = old_ids.first().and_then(|id| all.iter().position(|other| other == id));
        all.retain(|id| !old_ids.contains(id));
        let place = place.unwrap_or_else(|| self.place_of(key, &all, &ids)).min(all.len());
        all.splice(place..place, ids);
        self.set_assembly(key, frozen_until, all)?;
        // cycles that were put together anew know nothing yet
        self.ask_again(key);
        new.into_iter().try_for_each(|slot| self.enter(slot))
    }

    /// Where cycles that replace none belong among the others.
    fn place_of(&self, key: &str, all: &[Box<str>], ids: &[Box<str>]) -> usize {
        let first = |id: &str| {
            let slot = self.shelf.find(RowId { key, cycle_id: Some(id) })?;
            self.shelf.cycle(slot).map(|cycle| cycle.outline.first)
        };
        let new = ids.first().and_then(|id| first(id));
        all.iter().position(|id| first(id) > new).unwrap_or(all.len())
    }
}

/// Cuts a key's touchpoints into cycles.
pub(super) fn cut(strategy: &Strategy, touchpoints: &Touchpoints) -> Vec<Touchpoints> {
    touchpoints.split(&cuts(strategy, touchpoints).0)
}

/// Where the cycles of a key's touchpoints begin, and how the last one ends.
fn cuts(strategy: &Strategy, touchpoints: &Touchpoints) -> (Vec<usize>, Option<Ending>) {
    let (mut starts, mut end) = (Vec::new(), None);
    for (index, entry) in touchpoints.entries().iter().enumerate() {
        let goes_on = end.filter(|end: &Ending| !end.is_followed_by_new(entry.at, entry.stage));
        let inactivity_ms = goes_on.map(|end| end.inactivity_ms).unwrap_or_else(|| {
            starts.push(index);
            policy_of(strategy, &touchpoints.get(index)).inactivity_ms
        });
        let has_farewell = entry.stage == Stage::Farewell || goes_on.is_some_and(|end| end.has_farewell);
        end = Some(Ending { last: entry.at, inactivity_ms, has_farewell });
    }
    (starts, end)
}
