//! The table of open moments, as the desk holds it. Pure: records in, transitions out.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use motmot_core::moment::{Moment, MomentState};
use motmot_core::time::Timestamp;

use crate::labels::{Cell, Cells};
use crate::recent::Recent;

/// What a record did to a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is open now and was not before.
    Raised,
    /// It was met after all.
    Recovered,
    /// It never was one.
    Retracted,
    /// It ended with nothing having cleared it.
    Expired,
    /// It stands where it stood, with other content.
    Amended,
}

/// A moment as a record tells it, and what that changed.
#[derive(Debug)]
pub struct Transition<'m> {
    /// What changed.
    pub change: Change,
    /// The moment as it stands now.
    pub moment: &'m Moment<'m>,
    /// Whether this was told before the desk began to read the topic.
    pub catching_up: bool,
}

/// What one record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// What it did to the moment.
    pub(crate) change: Change,
    /// Where the moment belongs; none: it is truncated and in no gauge.
    pub(crate) cell: Option<Cell>,
    /// Whether the moment is told for the first time and is none that was retracted at once.
    pub(crate) first: bool,
}

/// The open moments of one cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Level {
    /// How many.
    pub(crate) open: usize,
    /// The earliest instant of an open one.
    pub(crate) oldest: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    cell: Option<Cell>,
    raised_at: Timestamp,
    number: u64,
}

/// The open moments, by the key of their records. What is not open is not held.
///
/// A moment leaves only when a record says so. Once its `expires_at` has passed it is still open here until a worker tells that it
/// has expired: were the desk to decide that by its own clock, a dead worker would look like served customers.
#[derive(Debug)]
pub(crate) struct Table {
    cells: Arc<Cells>,
    open: HashMap<Box<[u8]>, Open>,
    /// For each cell the instants of its open moments, made distinct by a running number.
    instants: Vec<BTreeSet<(Timestamp, u64)>>,
    next_number: u64,
    truncated: usize,
    changed: BTreeSet<Cell>,
}

impl Table {
    pub(crate) fn new(cells: Arc<Cells>) -> Self {
        let count = cells.count();
        Self {
            cells,
            open: HashMap::new(),
            instants: vec![BTreeSet::new(); count],
            next_number: 0,
            truncated: 0,
            changed: (0..count).collect(),
        }
    }

    /// Takes the record of a moment in.
    pub(crate) fn put(&mut self, key: &[u8], moment: &Moment<'_>, known: &mut Recent) -> Step {
        let was_open = self.remove(key);
        let cell = (!moment.truncated).then(|| self.cells.place(&moment.site, &moment.rule, moment.severity));
        if moment.state == MomentState::Raised {
            self.insert(key, cell, moment.raised_at);
        }
        let was_known = was_open || known.contains(key);
        let first = moment.state != MomentState::Retracted && known.insert(key);
        let change = match moment.state {
            MomentState::Raised if was_open => Change::Amended,
            MomentState::Raised => Change::Raised,
            MomentState::Recovered | MomentState::Expired if was_known && !was_open => Change::Amended,
            MomentState::Recovered => Change::Recovered,
            MomentState::Expired => Change::Expired,
            MomentState::Retracted => Change::Retracted,
        };
        Step { change, cell, first: first && !was_open }
    }

    /// Takes the deletion of a row in: erasure, or retention by key.
    pub(crate) fn delete(&mut self, key: &[u8]) {
        self.remove(key);
    }

    fn insert(&mut self, key: &[u8], cell: Option<Cell>, raised_at: Timestamp) {
        let number = self.next_number;
        self.next_number += 1;
        match cell.and_then(|cell| self.instants.get_mut(cell)) {
            Some(instants) => {
                instants.insert((raised_at, number));
                self.changed.extend(cell);
            }
            None => self.truncated += 1,
        }
        self.open.insert(key.into(), Open { cell, raised_at, number });
    }

    fn remove(&mut self, key: &[u8]) -> bool {
        let Some(open) = self.open.remove(key) else { return false };
        match open.cell.and_then(|cell| self.instants.get_mut(cell)) {
            Some(instants) => {
                instants.remove(&(open.raised_at, open.number));
                self.changed.extend(open.cell);
            }
            None => self.truncated -= 1,
        }
        true
    }

    /// Open moments that pages and gauges leave out, because their cycle has more touchpoints or moments than are kept.
    pub(crate) fn truncated(&self) -> usize {
        self.truncated
    }

    /// The cells whose level may have changed since the last call. The first call gives all of them.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<Cell> {
        std::mem::take(&mut self.changed)
    }

    /// What is open in a cell.
    pub(crate) fn level(&self, cell: Cell) -> Level {
        let Some(instants) = self.instants.get(cell) else { return Level::default() };
        Level { open: instants.len(), oldest: instants.first().map(|(at, _)| *at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{moment, strategy};

    struct Fixture {
        table: Table,
        known: Recent,
    }

    fn fixture() -> Fixture {
        let mut table = Table::new(Arc::new(Cells::new(&strategy())));
        table.take_changed();
        Fixture { table, known: Recent::new(100) }
    }

    impl Fixture {
        fn put(&mut self, key: &str, state: MomentState, raised_at: i64) -> Step {
            self.table.put(key.as_bytes(), &moment(state, raised_at), &mut self.known)
        }

        /// How many are open at haifa by rule `slow`, and since when the oldest.
        fn check(&self, open: usize, oldest: Option<i64>) {
            let cell = self.table.cells.place("haifa", "slow", motmot_core::strategy::Severity::Page);
            assert_eq!(self.table.level(cell), Level { open, oldest: oldest.map(Timestamp::from_millis) });
        }
    }

    #[test]
    fn a_moment_is_open_from_raised_to_recovered() {
        let mut desk = fixture();
        assert_eq!(desk.put("a", MomentState::Raised, 5).change, Change::Raised);
        assert_eq!(desk.put("b", MomentState::Raised, 3).change, Change::Raised);
        desk.check(2, Some(3));
        assert_eq!(desk.put("b", MomentState::Recovered, 3).change, Change::Recovered);
        desk.check(1, Some(5));
        assert_eq!(desk.put("a", MomentState::Expired, 5).change, Change::Expired);
        desk.check(0, None);
        assert_eq!(desk.table.take_changed().len(), 1);
    }

    #[test]
    fn a_record_that_comes_twice_counts_once() {
        let mut desk = fixture();
        assert!(desk.put("a", MomentState::Raised, 5).first);
        let again = desk.put("a", MomentState::Raised, 5);
        assert_eq!((again.change, again.first), (Change::Amended, false));
        desk.check(1, Some(5));
        assert_eq!(desk.put("a", MomentState::Recovered, 5).change, Change::Recovered);
        assert_eq!(desk.put("a", MomentState::Recovered, 5).change, Change::Amended);
        desk.check(0, None);
    }

    #[test]
    fn moments_of_one_instant_are_several() {
        let mut desk = fixture();
        desk.put("a", MomentState::Raised, 5);
        desk.put("b", MomentState::Raised, 5);
        desk.put("a", MomentState::Retracted, 5);
        desk.check(1, Some(5));
    }

    #[test]
    fn a_moment_that_was_over_when_it_was_told_is_flagged_all_the_same() {
        let mut desk = fixture();
        let step = desk.put("a", MomentState::Recovered, 5);
        assert_eq!((step.change, step.first), (Change::Recovered, true));
        desk.check(0, None);
        assert!(!desk.put("r", MomentState::Retracted, 5).first, "what never was a moment is not flagged");
    }

    #[test]
    fn a_deleted_row_is_gone() {
        let mut desk = fixture();
        desk.put("a", MomentState::Raised, 5);
        desk.table.delete(b"a");
        desk.table.delete(b"never seen");
        desk.check(0, None);
    }

    #[test]
    fn a_truncated_cycle_pages_nobody_and_is_counted() {
        let mut desk = fixture();
        let truncated = Moment { truncated: true, ..moment(MomentState::Raised, 5) };
        assert_eq!(desk.table.put(b"a", &truncated, &mut desk.known).cell, None);
        desk.check(0, None);
        assert_eq!(desk.table.truncated(), 1);
        desk.put("a", MomentState::Recovered, 5);
        assert_eq!(desk.table.truncated(), 0);
    }

    #[test]
    fn a_moment_that_becomes_truncated_leaves_the_gauge() {
        let mut desk = fixture();
        desk.put("a", MomentState::Raised, 5);
        let truncated = Moment { truncated: true, ..moment(MomentState::Raised, 5) };
        desk.table.put(b"a", &truncated, &mut desk.known);
        desk.check(0, None);
        assert_eq!(desk.table.truncated(), 1);
    }

    #[test]
    fn all_gauges_are_shown_once_at_the_start() {
        let cells = Arc::new(Cells::new(&strategy()));
        assert_eq!(Table::new(Arc::clone(&cells)).take_changed().len(), cells.count());
    }
}
