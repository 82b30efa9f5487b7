//! The fold: `apply(touchpoint, arrived_at)` and `advance(now)`.
//!
//! The engine's outputs are tables. [`Engine::apply`] only files a touchpoint into its cycle; [`Engine::advance`] moves the clock and
//! tells the sink every row whose content is another than the one told last. What is told depends on the set of touchpoints and on an
//! instant alone, so batches, ticks and crashes cannot show. It follows that no timer is needed for correctness: a deadline that passed
//! between two calls is found by arithmetic; the timers only say which cycles to look at.
//!
//! The instant is `now`, up to which every deadline has been told; or the stream time, where a storm of deadlines lets `now` fall behind
//! it: whose touchpoint has just come does not wait for the others' deadlines; or the millisecond after `now`, of whose deadlines only some
//! have been told. A row's instants never go back.
//!
//! One file a concept: [`port`](self) (the world's side), `touchpoints` (a cycle's set), `needs`, `fold` and `kinds` (facts and rules),
//! `flag` (a moment in the making), `level` and `verdict` (the cycle as a whole), `tell` (rows), `file` and `customer` (what a customer's
//! cycles know of each other), `shelf` (what is in memory, and timers), `collection` (what is final leaves), `assembly` (cycles without
//! an id), `row` (state as bytes).

mod assembly;
mod collection;
mod customer;
mod cycle;
pub mod describe;
mod file;
mod flag;
mod fold;
mod kinds;
mod level;
mod needs;
mod port;
mod row;
mod shelf;
mod swap;
mod tell;
mod touchpoints;
mod verdict;

pub use port::{BoxError, Cold, DueVisit, NoCold, Position, RowChange, RowId, Sink, Verdict};

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::cycle::CycleState;
use crate::strategy::Strategy;
use crate::time::Timestamp;
use crate::touchpoint::Touchpoint;

use cycle::Cycle;
use fold::final_at_alone;
use shelf::{Body, Clock, Shelf, Slot};
use touchpoints::Touchpoints;

/// A row that a checkpoint has and that is no more.
#[derive(Clone, Debug)]
struct Gone {
    key: Box<str>,
    cycle_id: Option<Box<str>>,
    saved: Timestamp,
}

impl Gone {
    fn row(&self) -> RowId<'_> {
        RowId { key: &self.key, cycle_id: self.cycle_id.as_deref() }
    }
}

/// A row that is due and not in memory yet.
type Due = (Timestamp, Box<str>, Option<Box<str>>);

/// The state of one input partition.
#[derive(Clone, Debug)]
pub struct Engine<C> {
    strategy: Arc<Strategy>,
    cold: C,
    position: Position,
    /// Since when it is not known what was told, but of these rows; none: all is known.
    doubt: Option<(Timestamp, HashSet<Slot>)>,
    /// The latest instant as of which rows were told.
    told_until: Timestamp,
    shelf: Shelf,
    gone: HashTable<Gone>,
    /// Cold rows up to here were asked for.
    horizon: Timestamp,
    due: BTreeSet<Due>,
    /// Cycles that were folded under another strategy and are still to be told.
    rejudge: Vec<Slot>,
    /// Cycles that were joined with another since the last telling, each with that one's id.
    merged: Vec<(Box<Cycle>, Box<str>)>,
}

impl<C: Cold> Engine<C> {
    /// An engine at `position`: [`Position::START`] for an empty one, or that of the checkpoint that `cold` serves.
    pub fn new(strategy: Arc<Strategy>, cold: C, position: Position) -> Self {
        // from the beginning: what was due at the checkpoint but only waits for collection is found again
        let horizon = Timestamp::MIN;
        Self {
            strategy,
            cold,
            position,
            doubt: None,
            told_until: position.now,
            shelf: Shelf::default(),
            gone: HashTable::new(),
            horizon,
            due: BTreeSet::new(),
            rejudge: Vec::new(),
            merged: Vec::new(),
        }
    }

    /// The clock and the stream time.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The strategy in force.
    pub fn strategy(&self) -> &Arc<Strategy> {
        &self.strategy
    }

    /// Notes the arrival of a record that carries no touchpoint (a dead letter): stream time is a function of the whole log.
    pub fn observe(&mut self, arrived_at: Timestamp) {
        self.position.stream_time = self.position.stream_time.max(arrived_at);
    }

    /// Folds one touchpoint that arrived at `arrived_at` under `key`; `offset` is its evidence (a Kafka offset or a file's row).
    ///
    /// # Errors
    /// When a cold row cannot be read; the engine must then be dropped.
    pub fn apply(
        &mut self,
        key: &str,
        touchpoint: &Touchpoint<'_>,
        arrived_at: Timestamp,
        offset: i64,
        sink: &mut impl Sink,
    ) -> Result<Verdict, BoxError> {
        self.observe(arrived_at);
        if touchpoint.occurred_at > arrived_at.plus(self.strategy.allowed_skew_ms) {
            return Ok(Verdict::TooFarAhead);
        }
        let Some(id) = touchpoint.cycle_id.as_deref() else {
            return self.apply_assembled(key, touchpoint, offset, sink);
        };
        let row = RowId { key, cycle_id: Some(id) };
        let known = self.slot(row)?;
        let is_filed = known.and_then(|slot| self.shelf.cycle(slot)).is_some_and(Cycle::is_filed);
        if is_filed || touchpoint.customer_id.as_deref() == Some(key) {
            self.settle(key, sink)?;
        }
        let Some(slot) = known else {
            if final_at_alone(&self.strategy, touchpoint) <= self.position.stream_time {
                return Ok(Verdict::Late);
            }
            let slot = self.open(key, id, 1, touchpoint, offset);
            self.enter(slot)?;
            return Ok(Verdict::Folded);
        };
        self.amend(slot, touchpoint, offset, sink)
    }

    /// Folds a touchpoint into a cycle that is known.
    fn amend(&mut self, slot: Slot, touchpoint: &Touchpoint<'_>, offset: i64, sink: &mut impl Sink) -> Result<Verdict, BoxError> {
        let strategy = Arc::clone(&self.strategy);
        let stream_time = self.position.stream_time;
        if let Some(cycle) = self.shelf.cycle_mut(slot) {
            if !cycle.is_final(&strategy, stream_time) {
                if touchpoint.occurred_at <= cycle.frozen_until {
                    return Ok(Verdict::Late);
                }
                let verdict = cycle.add(&strategy, touchpoint, offset);
                if matches!(verdict, Verdict::Folded | Verdict::Overflow) {
                    self.shelf.touch(slot);
                    self.shelf.pend(slot);
                }
                if verdict == Verdict::Folded {
                    self.enter(slot)?;
                }
                return Ok(verdict);
            }
            // its final row must be told before what comes next under its id
            self.tell(slot, stream_time, sink)?;
            self.bury(slot)?;
        }
        self.return_visit(slot, touchpoint, offset)
    }

    /// A touchpoint for a cycle that is final: late, or the next instance.
    fn return_visit(&mut self, slot: Slot, touchpoint: &Touchpoint<'_>, offset: i64) -> Result<Verdict, BoxError> {
        let Some(Body::Remains(remains)) = self.shelf.get(slot).map(|row| row.body.clone()) else { return Ok(Verdict::Late) };
        let stream_time = self.position.stream_time;
        let forgotten = stream_time > remains.final_at.plus(self.strategy.reopen_window_ms);
        if !forgotten && touchpoint.occurred_at <= remains.final_at {
            return Ok(Verdict::Late);
        }
        if final_at_alone(&self.strategy, touchpoint) <= stream_time {
            return Ok(Verdict::Late);
        }
        self.discard(slot);
        let instance = if forgotten { 1 } else { remains.instance.saturating_add(1) };
        let slot = self.open(&remains.key, &remains.id, instance, touchpoint, offset);
        if let Some(cycle) = self.shelf.cycle_mut(slot).filter(|_| !forgotten) {
            cycle.frozen_until = remains.final_at;
            cycle.carried = remains.carried; // nothing has been asked of it yet
        }
        self.enter(slot)?;
        Ok(Verdict::Folded)
    }

    fn open(&mut self, key: &str, id: &str, instance: i32, touchpoint: &Touchpoint<'_>, offset: i64) -> Slot {
        let mut touchpoints = Touchpoints::default();
        touchpoints.insert(touchpoint, offset);
        let cycle = Cycle::new(&self.strategy, key, id, instance, touchpoints);
        self.shelve(Body::Cycle(Box::new(cycle)))
    }

    fn shelve(&mut self, body: Body) -> Slot {
        let slot = self.shelf.insert(body, None);
        self.shelf.touch(slot);
        self.shelf.pend(slot);
        slot
    }

    /// Moves `now` towards `target` (and never back) and tells `sink` all rows that differ from what was told last.
    ///
    /// At most `budget` deadlines are worked off; `false` means that `now` stands before `target` because of it: commit, and call
    /// again. All that was applied is always told, as it stands at `now`, or, where that is behind it, at the stream time (but not after
    /// `target`). So rows may be ahead of `now`, also by the millisecond of which only a part was due ([`Engine::is_split`]):
    /// [`Engine::resume`] is for a start from there.
    ///
    /// # Errors
    /// When a cold row cannot be read; the engine must then be dropped.
    pub fn advance(&mut self, target: Timestamp, budget: usize, sink: &mut impl Sink) -> Result<bool, BoxError> {
        let target = target.max(self.position.now);
        let portion = self.rejudge.split_off(self.rejudge.len().saturating_sub(budget.max(1)));
        portion.into_iter().for_each(|slot| self.shelf.pend(slot));
        let mut split = None;
        if self.rejudge.is_empty() {
            let reached = self.collect_due(target, budget.max(1))?.max(self.position.now);
            (self.position.now, split) = self.fire_until(reached, budget)?;
        }
        for (cycle, into) in self.merged.drain(..) {
            cycle.tell_merged(&self.strategy, &into, sink);
        }
        let Position { now, stream_time } = self.position;
        let instant = now.max(stream_time.min(target)).max(split.unwrap_or(now));
        self.told_until = self.told_until.max(instant);
        // to tell one cycle may show that another of its customer's has something to say
        while !self.shelf.pending.is_empty() {
            for slot in std::mem::take(&mut self.shelf.pending) {
                if let Some(row) = self.shelf.get_mut(slot) {
                    row.pending = false;
                    self.tell(slot, instant, sink)?;
                }
            }
        }
        self.collect()?;
        Ok(now == target && self.horizon >= target && self.rejudge.is_empty())
    }

    /// As [`Engine::advance`], for a start from where rows may have been told ahead of `now`, as of some instant up to `target`, and nobody
    /// knows which: of each row that is due it tells whatever the row was in between, as it is at `target`, or that it is no more. Apply
    /// nothing until it has returned `true`.
    ///
    /// # Errors
    /// When a cold row cannot be read; the engine must then be dropped.
    pub fn resume(&mut self, target: Timestamp, budget: usize, sink: &mut impl Sink) -> Result<bool, BoxError> {
        self.doubt = Some((self.position.now, HashSet::new()));
        self.told_until = self.told_until.max(target);
        let is_done = self.advance(target, budget, sink);
        self.doubt = None;
        is_done
    }

    /// Whether some of what is due in the millisecond after `now` has been told already, and that is ahead of the stream time too.
    pub fn is_split(&self) -> bool {
        self.told_until > self.position.now.max(self.position.stream_time)
    }

    /// Asks for the cold rows that are due up to `target`, until about `most` wait: after an outage it may be all that there are. Returns
    /// the instant up to which none was left out.
    fn collect_due(&mut self, target: Timestamp, most: usize) -> Result<Timestamp, BoxError> {
        if target > self.horizon && self.due.len() < most {
            let (due, shelf, mut last, mut reached) = (&mut self.due, &self.shelf, self.horizon, target);
            self.cold.due(self.horizon, target, &mut |at, row| {
                // all of one instant belong together
                if due.len() >= most && at > last {
                    reached = at.plus(-1);
                    return ControlFlow::Break(());
                }
                last = at;
                if shelf.find(row).is_none() {
                    due.insert((at, row.key.into(), row.cycle_id.map(Into::into)));
                }
                ControlFlow::Continue(())
            })?;
            self.horizon = reached;
        }
        Ok(target.min(self.horizon))
    }

    /// Marks what is due, the earliest first, until the budget is used up. Returns the instant up to which nothing was left out, and the
    /// one after it if some of that was taken in.
    fn fire_until(&mut self, target: Timestamp, budget: usize) -> Result<(Timestamp, Option<Timestamp>), BoxError> {
        let mut last = self.position.now;
        let mut fired = 0_usize;
        loop {
            let hot = self.shelf.next(Clock::Now).unwrap_or(Timestamp::MAX);
            let cold = self.due.first().map_or(Timestamp::MAX, |(at, ..)| *at);
            let next = hot.min(cold);
            if next > target || next == Timestamp::MAX {
                return Ok((target, None));
            }
            if fired >= budget.max(1) {
                let now = next.plus(-1).max(self.position.now);
                return Ok((now, Some(next).filter(|next| *next == last && *next > now)));
            }
            last = next;
            fired += 1;
            let slot = if hot <= cold {
                self.shelf.fire(Clock::Now)
            } else {
                let (_, key, cycle_id) = self.due.pop_first().unwrap_or_default();
                self.slot(RowId { key: &key, cycle_id: cycle_id.as_deref() })?
            };
            if let Some(slot) = slot {
                self.shelf.pend(slot);
            }
        }
    }

    /// Tells a row's cycle as it stands at an instant, and files its next wake-up.
    fn tell(&mut self, slot: Slot, instant: Timestamp, sink: &mut impl Sink) -> Result<(), BoxError> {
        let strategy = Arc::clone(&self.strategy);
        self.pay_facts(slot);
        if let Some(key) = self.shelf.cycle(slot).filter(|cycle| self.is_stale(cycle)).map(|cycle| cycle.key.clone()) {
            self.refresh(&key)?;
        }
        let Some(cycle) = self.shelf.cycle_mut(slot) else {
            self.file_remains(slot);
            return Ok(());
        };
        if let Some((since, known)) = &mut self.doubt
            && known.insert(slot)
        {
            cycle.doubt(&strategy, *since, instant);
        }
        let before = (cycle.told_row, cycle.told.len());
        let hashes = |cycle: &Cycle| cycle.told.iter().fold(0_u64, |sum, told| sum.wrapping_add(told.said));
        let said = hashes(cycle);
        let standing = cycle.tell(&strategy, instant, sink);
        let changed = before != (cycle.told_row, cycle.told.len()) || said != hashes(cycle);
        let (clock, at) = match standing.final_at {
            _ if !standing.is_final => (Clock::Now, standing.wake_at),
            // told ahead of `now`: what is final is collected once all that ends by then has been told
            at if at > self.position.now => (Clock::Now, at.plus(1)),
            at => (Clock::Stream, at),
        };
        let moved = self.shelf.get(slot).is_some_and(|row| row.wake_at != at);
        self.shelf.wake(slot, clock, at);
        if changed || moved {
            self.shelf.touch(slot);
        }
        Ok(())
    }

    /// Finds a row, in memory or in the cold, and of a customer's cycle what it must know.
    fn slot(&mut self, row: RowId<'_>) -> Result<Option<Slot>, BoxError> {
        if let Some(slot) = self.shelf.find(row) {
            return Ok(Some(slot));
        }
        let slot = self.fetch(row)?;
        if slot.and_then(|slot| self.shelf.cycle(slot)).is_some_and(Cycle::is_filed) {
            self.load_customer(row.key)?;
            self.ask_again(row.key);
        }
        Ok(slot)
    }

    /// Finds a row, in memory or in the cold.
    fn fetch(&mut self, row: RowId<'_>) -> Result<Option<Slot>, BoxError> {
        if let Some(slot) = self.shelf.find(row) {
            return Ok(Some(slot));
        }
        if self.gone.find(row.hash(), |gone| gone.row() == row).is_some() {
            return Ok(None);
        }
        let Some(value) = self.cold.load(row)? else { return Ok(None) };
        let (body, wake_at) = row::read(row.key, row.cycle_id, &value, &self.strategy)
            .map_err(|damaged| format!("row {} / {}: {damaged}", row.key, row.cycle_id.unwrap_or("(customer)")))?;
        let slot = self.shelf.insert(body, Some(wake_at));
        // of a cycle that only waits for its collection, `now` finds nothing new to tell and files it there
        let clock = if self.shelf.cycle(slot).is_some() { Clock::Now } else { Clock::Stream };
        self.shelf.wake(slot, clock, wake_at);
        Ok(Some(slot))
    }

    /// Hands every row changed since the last call to `visit`, for a checkpoint. Call it right after a commit, with nothing applied since.
    pub fn checkpoint(&mut self, visit: &mut dyn FnMut(RowChange<'_>)) {
        for gone in self.gone.drain() {
            visit(RowChange { row: gone.row(), value: None, wake_at: None, previous_wake_at: index_entry(gone.saved) });
        }
        let mut value = Vec::new();
        for slot in std::mem::take(&mut self.shelf.dirty) {
            let Some(row) = self.shelf.get_mut(slot).filter(|row| row.dirty) else { continue };
            value.clear();
            row::write(&row.body, row.wake_at, &self.strategy, &mut value);
            visit(RowChange {
                row: row.body.row_id(),
                value: Some(&value),
                wake_at: index_entry(row.wake_at),
                previous_wake_at: row.saved.and_then(index_entry),
            });
            row.saved = Some(row.wake_at);
            row.dirty = false;
        }
    }

    /// Forgets clean rows that were not touched lately until at most `max_hot` are in memory; `cold` serves them from then on.
    pub fn evict(&mut self, max_hot: usize) {
        self.shelf.evict(max_hot, self.horizon);
    }

    /// Rows that the next checkpoint writes: until then they must stay in memory.
    pub fn dirty(&self) -> usize {
        self.shelf.dirty.len()
    }

    /// Rows in memory.
    pub fn hot(&self) -> usize {
        self.shelf.len()
    }

    /// Visits (key, cycle id, state, whether it is in its customer's file) of every cycle in memory that is not final yet, in no
    /// particular order.
    pub fn live(&self, visit: &mut dyn FnMut(&str, &str, CycleState, bool)) {
        let now = self.position.now;
        for row in self.shelf.rows() {
            if let Body::Cycle(cycle) = &row.body
                && cycle.final_at(&self.strategy) > now
            {
                visit(&cycle.key, &cycle.id, cycle.state(now), cycle.is_filed());
            }
        }
    }

    /// What serves the cold rows.
    pub fn cold_mut(&mut self) -> &mut C {
        &mut self.cold
    }
}

fn index_entry(wake_at: Timestamp) -> Option<Timestamp> {
    (wake_at != Timestamp::MAX).then_some(wake_at)
}
