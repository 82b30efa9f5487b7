//! Nothing twice in a transaction, nothing from outside one, nothing missing from one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Faults, Observed, Output};

/// Checks every transaction of every partition.
pub(super) fn check(observed: &Observed) -> Faults {
    let mut faults = Vec::new();
    for output in Output::ALL {
        for partition in 0..observed.partitions {
            partition_of(observed, output, partition, &mut faults);
        }
    }
    faults
}

fn partition_of(observed: &Observed, output: Output, partition: i32, faults: &mut Faults) {
    let place = format!("{output:?}-{partition}");
    let mut rows: BTreeMap<i64, Option<&[u8]>> = BTreeMap::new();
    for row in observed.rows(output).iter().filter(|row| row.partition == partition) {
        if rows.insert(row.offset, row.key.as_deref()).is_some() {
            faults.push(format!("{place}: offset {} was read twice", row.offset));
        }
    }
    for transaction in observed.transactions.get(&(output, partition)).map_or(&[][..], Vec::as_slice) {
        let mut keys = BTreeSet::new();
        for offset in &transaction.offsets {
            match rows.remove(offset) {
                None => faults.push(format!("{place}: offset {offset} of the transaction that ends at {} was not read", transaction.marker)),
                // A letter's key is its record's: two records of one customer may die in one transaction.
                Some(Some(key)) if output != Output::Dead && !keys.insert(key) => faults.push(format!(
                    "{place}: {} is told twice in the transaction that ends at {}, the second time at offset {offset}",
                    String::from_utf8_lossy(key),
                    transaction.marker
                )),
                Some(_) => {}
            }
        }
    }
    faults.extend(rows.keys().map(|offset| format!("{place}: offset {offset} was read and is in no committed transaction")));
}
