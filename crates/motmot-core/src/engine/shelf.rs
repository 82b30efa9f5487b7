//! The shelf: every row in memory, found by its name, woken by its time.
#![allow(clippy::indexing_slicing, reason = "slots come from this very list, which never shrinks")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashTable;

use crate::time::Timestamp;

use super::cycle::Cycle;
use super::file::File;
use super::kinds::Carried;
use super::port::RowId;

/// What is left of a final cycle.
#[derive(Clone, Debug)]
pub(super) struct Remains {
    pub(super) key: Box<str>,
    pub(super) id: Box<str>,
    pub(super) instance: i32,
    pub(super) final_at: Timestamp,
    /// What the next instance must know of each `reopened`.
    pub(super) carried: Vec<Carried>,
}

/// What the cycles of a key have in common: the customer's file, and, of those that are assembled, where they end.
#[derive(Clone, Debug)]
pub(super) struct Customer {
    pub(super) key: Box<str>,
    /// The latest `final_at` of the assembled cycles that are final: what occurred up to it can start no cycle any more.
    pub(super) frozen_until: Timestamp,
    /// The assembled cycles that are not final, in the order of their first touchpoints.
    pub(super) assembled: Vec<Box<str>>,
    pub(super) file: File,
    /// After how many evictions all its cycles that can be amended were last seen in memory.
    pub(super) complete_at: Option<u64>,
}

impl Customer {
    pub(super) fn new(key: &str) -> Self {
        Self { key: key.into(), frozen_until: Timestamp::MIN, assembled: Vec::new(), file: File::default(), complete_at: None }
    }
}

/// A row of state.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Cycle(Box<Cycle>),
    Remains(Remains),
    Customer(Box<Customer>),
}

impl Body {
    pub(super) fn row_id(&self) -> RowId<'_> {
        match self {
            Self::Cycle(cycle) => RowId { key: &cycle.key, cycle_id: Some(&cycle.id) },
            Self::Remains(remains) => RowId { key: &remains.key, cycle_id: Some(&remains.id) },
            Self::Customer(customer) => RowId { key: &customer.key, cycle_id: None },
        }
    }
}

/// Position of a row on the shelf.
pub(super) type Slot = u32;

/// A row with its book-keeping.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) body: Body,
    hash: u64,
    /// When it is due next; [`Timestamp::MAX`]: never.
    pub(super) wake_at: Timestamp,
    /// Under which clock and time it lies in a heap; the time may be earlier than `wake_at`, then it is filed anew when it fires.
    filed: (Clock, Timestamp),
    /// Under which time the last checkpoint has it; none: no checkpoint has it.
    pub(super) saved: Option<Timestamp>,
    /// Changed since the last checkpoint.
    pub(super) dirty: bool,
    /// To be told at the next advance.
    pub(super) pending: bool,
    /// Used since the clock hand of `evict` passed.
    pub(super) used: bool,
}

/// Which of the two clocks wakes a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// Deadlines.
    Now,
    /// Collection of what is final.
    Stream,
}

/// So many entries of a heap, beside two for each row, may be of rows that are gone or filed elsewhere.
const STALE_ENTRIES: usize = 1_024;

type Heap = BinaryHeap<Reverse<(Timestamp, Slot)>>;

/// Every row in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    rows: Vec<Option<Row>>,
    free: Vec<Slot>,
    index: HashTable<Slot>,
    by_now: Heap,
    by_stream: Heap,
    /// Rows that changed since the last checkpoint.
    pub(super) dirty: Vec<Slot>,
    /// Rows to be told at the next advance.
    pub(super) pending: Vec<Slot>,
    /// How often rows had to go.
    pub(super) evictions: u64,
    hand: usize,
}

impl Shelf {
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn find(&self, row: RowId<'_>) -> Option<Slot> {
        self.index.find(row.hash(), |slot| self.get(*slot).is_some_and(|found| found.body.row_id() == row)).copied()
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Row> {
        self.rows.get(slot as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Row> {
        self.rows.get_mut(slot as usize)?.as_mut()
    }

    /// The cycle at a slot, if it is one.
    pub(super) fn cycle(&self, slot: Slot) -> Option<&Cycle> {
        match &self.get(slot)?.body {
            Body::Cycle(cycle) => Some(cycle),
            _ => None,
        }
    }

    /// As [`Shelf::cycle`].
    pub(super) fn cycle_mut(&mut self, slot: Slot) -> Option<&mut Cycle> {
        match &mut self.get_mut(slot)?.body {
            Body::Cycle(cycle) => Some(cycle),
            _ => None,
        }
    }

    /// The customer at a slot, if it is one.
    pub(super) fn customer(&self, slot: Slot) -> Option<&Customer> {
        match &self.get(slot)?.body {
            Body::Customer(customer) => Some(customer),
            _ => None,
        }
    }

    /// As [`Shelf::customer`].
    pub(super) fn customer_mut(&mut self, slot: Slot) -> Option<&mut Customer> {
        match &mut self.get_mut(slot)?.body {
            Body::Customer(customer) => Some(customer),
            _ => None,
        }
    }

    pub(super) fn wake_at(&self, slot: Slot) -> Option<Timestamp> {
        self.get(slot).map(|row| row.wake_at)
    }

    /// Where there is a row.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        let slots = self.rows.iter().enumerate().filter(|(_, row)| row.is_some());
        slots.filter_map(|(slot, _)| Slot::try_from(slot).ok())
    }

    pub(super) fn customers(&self) -> impl Iterator<Item = &Customer> {
        self.rows().filter_map(|row| match &row.body {
            Body::Customer(customer) => Some(&**customer),
            _ => None,
        })
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().flatten()
    }

    /// Adds a row that is not there. `saved`: under which wake-up time the last checkpoint has it.
    pub(super) fn insert(&mut self, body: Body, saved: Option<Timestamp>) -> Slot {
        let hash = body.row_id().hash();
        let never = Timestamp::MAX;
        let row = Row { body, hash, wake_at: never, filed: (Clock::Now, never), saved, dirty: false, pending: false, used: true };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.rows.push(None);
            Slot::try_from(self.rows.len() - 1).expect("fewer than 2^32 rows fit into memory")
        });
        self.rows[slot as usize] = Some(row); // a slot from `free`, or the one just pushed
        let rows = &self.rows;
        self.index.insert_unique(hash, slot, |other| rows[*other as usize].as_ref().map_or(0, |row| row.hash));
        slot
    }

    /// Takes a row away.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<Row> {
        let row = self.rows.get_mut(slot as usize)?.take()?;
        if let Ok(entry) = self.index.find_entry(row.hash, |other| *other == slot) {
            entry.remove();
        }
        self.free.push(slot);
        Some(row)
    }

    /// Puts another body in a row's place, under the same name.
    pub(super) fn replace(&mut self, slot: Slot, body: Body) {
        if let Some(row) = self.get_mut(slot) {
            row.body = body;
            row.wake_at = Timestamp::MAX;
            row.filed.1 = Timestamp::MAX; // entries that still lie in a heap are stale from now on
        }
        self.touch(slot);
    }

    /// Marks a row as changed since the last checkpoint.
    pub(super) fn touch(&mut self, slot: Slot) {
        if let Some(row) = self.get_mut(slot) {
            row.used = true;
            if !std::mem::replace(&mut row.dirty, true) {
                self.dirty.push(slot);
            }
        }
    }

    /// Marks a row to be told at the next advance.
    pub(super) fn pend(&mut self, slot: Slot) {
        if let Some(row) = self.get_mut(slot)
            && !std::mem::replace(&mut row.pending, true)
        {
            self.pending.push(slot);
        }
    }

    /// Sets when a row is due next. At most one entry a row is live; one that fires too early is filed anew.
    pub(super) fn wake(&mut self, slot: Slot, clock: Clock, at: Timestamp) {
        let Some(row) = self.get_mut(slot) else { return };
        row.wake_at = at;
        // what waited for its collection and was amended goes back to the other clock
        if at != Timestamp::MAX && (at < row.filed.1 || clock != row.filed.0) {
            row.filed = (clock, at);
            let most = self.index.len().saturating_mul(2) + STALE_ENTRIES;
            let heap = if clock == Clock::Now { &mut self.by_now } else { &mut self.by_stream };
            heap.push(Reverse((at, slot)));
            if heap.len() > most {
                self.sweep(clock);
            }
        }
    }

    /// Rids a heap of entries whose rows are gone or filed elsewhere. They would go when their time comes, but that may be in months, and a
    /// row that leaves memory and comes back leaves one each time.
    fn sweep(&mut self, clock: Clock) {
        let live = |(slot, row): (usize, &Option<Row>)| {
            let row = row.as_ref().filter(|row| row.filed.0 == clock && row.filed.1 != Timestamp::MAX)?;
            Some(Reverse((row.filed.1, Slot::try_from(slot).ok()?)))
        };
        let heap: Heap = self.rows.iter().enumerate().filter_map(live).collect();
        *(if clock == Clock::Now { &mut self.by_now } else { &mut self.by_stream }) = heap;
    }

    /// The time of the next entry.
    pub(super) fn next(&self, clock: Clock) -> Option<Timestamp> {
        let heap = if clock == Clock::Now { &self.by_now } else { &self.by_stream };
        heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the next entry; none if it was of a row that is gone or filed elsewhere meanwhile.
    pub(super) fn fire(&mut self, clock: Clock) -> Option<Slot> {
        let heap = if clock == Clock::Now { &mut self.by_now } else { &mut self.by_stream };
        let Reverse((at, slot)) = heap.pop()?;
        let row = self.get_mut(slot).filter(|row| row.filed == (clock, at))?;
        row.filed.1 = Timestamp::MAX;
        Some(slot)
    }

    /// Drops rows that are clean, not pending, and due only after `horizon`, the longest unused first (second chance), until at most
    /// `max` are left or none can go.
    pub(super) fn evict(&mut self, max: usize, horizon: Timestamp) {
        let mut visits = self.rows.len().saturating_mul(2);
        while self.index.len() > max && visits > 0 {
            visits -= 1;
            self.hand = if self.hand + 1 < self.rows.len() { self.hand + 1 } else { 0 };
            let Some(row) = self.rows.get_mut(self.hand).and_then(Option::as_mut) else { continue };
            let may_go = !row.dirty && !row.pending && row.saved.is_some() && row.wake_at > horizon;
            if may_go && !std::mem::replace(&mut row.used, false) {
                self.remove(Slot::try_from(self.hand).unwrap_or(Slot::MAX));
                self.evictions += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_come_and_go_leave_nothing_in_the_heaps() {
        let mut shelf = Shelf::default();
        let customer = |n: i64| Body::Customer(Box::new(Customer::new(&n.to_string())));
        let never = Timestamp::MIN;
        let stays = shelf.insert(customer(-1), None);
        shelf.wake(stays, Clock::Now, Timestamp::from_millis(7));
        for round in 0..20_000 {
            let at = Timestamp::from_millis(1_000_000 + round);
            let slot = shelf.insert(customer(round % 10), Some(at));
            shelf.wake(slot, Clock::Now, at);
            shelf.wake(slot, Clock::Stream, at);
            shelf.evict(0, never);
            shelf.evict(0, never);
            assert_eq!(shelf.len(), 1, "only what no checkpoint has stays");
        }
        let entries = (shelf.by_now.len(), shelf.by_stream.len());
        assert!(entries.0 <= STALE_ENTRIES + 4 && entries.1 <= STALE_ENTRIES + 4, "{entries:?}");
        assert_eq!(shelf.next(Clock::Now), Some(Timestamp::from_millis(7)));
        assert_eq!(shelf.fire(Clock::Now), Some(stays), "what is live is not swept away");
    }
}
