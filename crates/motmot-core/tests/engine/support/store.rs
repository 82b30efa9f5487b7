//! A store in memory: what a checkpoint left, served back as the engine asks for it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use motmot_core::Timestamp;
use motmot_core::engine::{BoxError, Cold, DueVisit, RowChange, RowId};

type Name = (String, Option<String>);

/// The rows of the last checkpoint. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store(Rc<RefCell<Content>>);

#[derive(Clone, Debug, Default)]
struct Content {
    rows: BTreeMap<Name, Vec<u8>>,
    wake: BTreeMap<(Timestamp, Name), ()>,
}

impl Store {
    /// Takes one changed row.
    pub(crate) fn take(&self, change: &RowChange<'_>) {
        let content = &mut *self.0.borrow_mut();
        let name = (change.row.key.to_owned(), change.row.cycle_id.map(str::to_owned));
        if let Some(at) = change.previous_wake_at {
            content.wake.remove(&(at, name.clone())).expect("the engine knows its own entries of the index");
        }
        if let Some(at) = change.wake_at {
            content.wake.insert((at, name.clone()), ());
        }
        match change.value {
            Some(value) => _ = content.rows.insert(name, value.to_vec()),
            None => _ = content.rows.remove(&name),
        }
        let indexed = content.wake.keys().all(|(_, name)| content.rows.contains_key(name));
        assert!(indexed, "the index names a row that is not there");
    }

    /// A copy that later checkpoints do not touch: what is on the disk when the process is killed.
    pub(crate) fn snapshot(&self) -> Self {
        Self(Rc::new(RefCell::new(self.0.borrow().clone())))
    }
}

impl Cold for Store {
    fn load(&mut self, row: RowId<'_>) -> Result<Option<Vec<u8>>, BoxError> {
        Ok(self.0.borrow().rows.get(&(row.key.to_owned(), row.cycle_id.map(str::to_owned))).cloned())
    }

    fn due(&mut self, after: Timestamp, until: Timestamp, visit: &mut DueVisit<'_>) -> Result<(), BoxError> {
        let content = self.0.borrow();
        let mut due = content.wake.keys().filter(|(at, _)| *at > after && *at <= until);
        _ = due.try_for_each(|(at, (key, cycle_id))| visit(*at, RowId { key, cycle_id: cycle_id.as_deref() }));
        Ok(())
    }
}
