//! Nothing twice in a transaction, nothing from outside one, nothing missing from one.

use std::collections::BTreeMap;

use motmot_wire::Reader;

use super::{Faults, Observed, Output, tables};
use crate::kafka::Row;

/// Checks every transaction of every partition.
pub(super) fn check(observed: &Observed, reader: &Reader) -> Faults {
    let mut faults = Vec::new();
    for output in Output::ALL {
        for partition in 0..observed.partitions {
            check_partition(observed, output, partition, reader, &mut faults);
        }
    }
    faults
}

fn check_partition(observed: &Observed, output: Output, partition: i32, reader: &Reader, faults: &mut Faults) {
    let place = format!("{output:?}-{partition}");
    let mut rows: BTreeMap<i64, &Row> = BTreeMap::new();
    for row in observed.rows(output).iter().filter(|row| row.partition == partition) {
        if rows.insert(row.offset, row).is_some() {
            faults.push(format!("{place}: offset {} was read twice", row.offset));
        }
    }
    for transaction in observed.transactions.get(&(output, partition)).map_or(&[][..], Vec::as_slice) {
        let mut told: BTreeMap<(&[u8], i32), &Row> = BTreeMap::new();
        for offset in &transaction.offsets {
            let Some(row) = rows.remove(offset) else {
                faults.push(format!(
                    "{place}: offset {offset} of the transaction that ends at {} was not read",
                    transaction.marker
                ));
                continue;
            };
            // A letter's key is its record's: two records of one customer may die in one transaction.
            let key = row.key.as_deref().filter(|_| output != Output::Dead);
            if let Some(before) = key.and_then(|key| told.insert((key, tables::instance(output, row, reader)), row)) {
                faults.push(format!(
                    "{place}: told twice in the transaction that ends at {}: at {}\n    {}\n  and at {offset}\n    {}",
                    transaction.marker,
                    before.offset,
                    tables::words(output, before, reader),
                    tables::words(output, row, reader)
                ));
            }
        }
    }
    faults.extend(rows.keys().map(|offset| format!("{place}: offset {offset} was read and is in no committed transaction")));
}
