//! Another strategy for a state that is there: every cycle that is not final is folded and judged anew.

use std::sync::Arc;

use crate::strategy::Strategy;
use crate::time::Timestamp;

use super::Engine;
use super::port::{BoxError, Cold, RowId};
use super::shelf::Slot;

impl<C: Cold> Engine<C> {
    /// Puts `strategy` in force. What differs is told by the next calls of [`Engine::advance`].
    ///
    /// # Errors
    /// When a cold row cannot be read; the engine must then be dropped.
    pub fn swap(&mut self, strategy: Arc<Strategy>) -> Result<(), BoxError> {
        let old = std::mem::replace(&mut self.strategy, strategy);
        if old.hash == self.strategy.hash {
            return Ok(());
        }
        let new = std::mem::replace(&mut self.strategy, Arc::clone(&old));
        let mut cold: Vec<(Box<str>, Option<Box<str>>)> = Vec::new();
        self.cold.due(Timestamp::MIN, Timestamp::MAX, &mut |_, row| cold.push((row.key.into(), row.cycle_id.map(Into::into))))?;
        for (key, cycle_id) in &cold {
            self.slot(RowId { key, cycle_id: cycle_id.as_deref() })?;
        }
        self.strategy = Arc::clone(&new);
        for slot in self.shelf.slots().collect::<Vec<Slot>>() {
            let now = self.position.now;
            let Some(cycle) = self.shelf.cycle_mut(slot).filter(|cycle| cycle.final_at(&old) > now) else { continue };
            for told in &mut cycle.told {
                let id = old.rules.get(told.rule).map(|rule| rule.id.clone());
                told.rule = new.rules.iter().position(|rule| Some(&rule.id) == id.as_ref()).unwrap_or(usize::MAX);
            }
            cycle.refold(&new);
            self.shelf.touch(slot);
            self.shelf.pend(slot);
        }
        self.swapping = true;
        Ok(())
    }
}
