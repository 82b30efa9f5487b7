//! Proof that the verifier sees: what was observed, with one thing changed.

#![allow(clippy::unwrap_used, reason = "support of tests: failing is its way to speak")]

use motmot_wire::Reader;

use super::{Observed, Output, tables};
use crate::kafka::Row;
use crate::service::Dice;

/// What is done to one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is not there.
    Remove,
    /// It is there once more, as the partition's last.
    Double,
    /// One of its bytes is another one.
    Alter,
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Remove, Self::Double, Self::Alter];
}

/// Changes one record of an output; says which. Of a moment any row that it ever had, of a cycle the one that holds: which touchpoints a
/// cycle's earlier rows list is a matter of where batches ended.
///
/// # Panics
/// When nothing was told there.
pub fn tampered(observed: &Observed, output: Output, change: Change, dice: &mut Dice) -> (Observed, String) {
    let mut other = observed.clone();
    let held = tables::held(observed).0;
    let reader = Reader::new();
    let is_checked = |row: &Row| match output {
        Output::Dead => true,
        Output::Moments => !tables::is_retracted(row, &reader),
        Output::Cycles => held.get(&(output, row.key.clone().unwrap_or_default())) == row.value.as_ref(),
    };
    let rows = other.told.get_mut(&output).unwrap();
    let places: Vec<usize> =
        rows.iter().enumerate().filter(|(_, row)| row.value.is_some() && is_checked(row)).map(|(at, _)| at).collect();
    let picked = usize::try_from(dice.below(i64::try_from(places.len()).unwrap())).unwrap();
    let at = *places.get(picked).unwrap();
    let row = rows.get(at).cloned().unwrap();
    let place = format!("{output:?} {}:{}", row.partition, row.offset);
    match change {
        Change::Remove => drop(rows.remove(at)),
        Change::Double => {
            let next = rows.iter().filter(|other| other.partition == row.partition).map(|other| other.offset).max().unwrap() + 1;
            rows.push(Row { offset: next, ..row });
        }
        Change::Alter => {
            let value = rows.get_mut(at).and_then(|row| row.value.as_mut()).unwrap();
            let byte = usize::try_from(dice.below(i64::try_from(value.len()).unwrap())).unwrap();
            *value.get_mut(byte).unwrap() ^= 1;
        }
    }
    (other, format!("{change:?} of {place}"))
}
