//! Transactions as the brokers' files have them: the headers of the record batches, and the markers between them.
//!
//! A read_committed reader shows what was committed, not in which transaction. The log does: every batch names its producer, and a
//! marker ends that producer's transaction. Format: Kafka's record batch, version 2 (KIP-98); a batch's records may be compressed, its
//! header never is, and a marker is not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "support of tests: failing is its way to speak")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One committed transaction's part in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The offsets of its records.
    pub offsets: BTreeSet<i64>,
    /// The offset of its marker.
    pub marker: i64,
    /// How often the partition had been taken over: by another producer, by the same one begun anew, or after a transaction was given up.
    pub reign: usize,
}

const HEADER: usize = 61;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// The committed transactions of a partition, in the order of their markers.
///
/// # Panics
/// When the folder is no partition's, or holds a batch that is not in a transaction.
pub fn transactions(folder: &Path) -> Vec<Transaction> {
    let mut segments: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    segments.sort();
    let mut open: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    let mut committed = Vec::new();
    let (mut reign, mut ruler) = (0, None);
    for segment in segments {
        let bytes = std::fs::read(&segment).unwrap();
        let mut rest = bytes.as_slice();
        while let Some((batch, after)) = batch(rest) {
            rest = after;
            let attributes = i16::from_be_bytes(field(batch, 21));
            let base = i64::from_be_bytes(field(batch, 0));
            let producer = i64::from_be_bytes(field(batch, 43));
            assert!(attributes & TRANSACTIONAL != 0, "{}: the batch at {base} is in no transaction", segment.display());
            if attributes & CONTROL == 0 {
                let epoch = i16::from_be_bytes(field(batch, 51));
                reign += usize::from(ruler.replace((producer, epoch)).is_some_and(|before| before != (producer, epoch)));
                let last = base + i64::from(i32::from_be_bytes(field(batch, 23)));
                open.entry(producer).or_default().extend(base..=last);
            } else {
                let offsets = open.remove(&producer).unwrap_or_default();
                // A marker is written to every partition that the transaction was told of, records or not.
                if !is_commit(&batch[HEADER..]) {
                    reign += 1;
                } else if !offsets.is_empty() {
                    committed.push(Transaction { offsets, marker: base, reign });
                }
            }
        }
    }
    committed
}

/// The first batch; none: the file is at its end.
fn batch(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(i32::from_be_bytes(field(bytes.get(..HEADER)?, 8))).unwrap();
    let batch = bytes.split_at_checked(12 + length);
    assert!(batch.is_none_or(|(batch, _)| batch[16] == 2), "a batch of another version");
    batch
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().unwrap()
}

/// Of a marker's only record: its key's second number is its type, 0 an abort, 1 a commit.
fn is_commit(mut record: &[u8]) -> bool {
    varint(&mut record); // length
    record = &record[1..]; // attributes
    varint(&mut record); // timestamp
    varint(&mut record); // offset
    varint(&mut record); // the key's length
    match i16::from_be_bytes(field(record, 2)) {
        0 => false,
        1 => true,
        other => panic!("a marker of type {other}"),
    }
}

/// Skips a number of variable length.
fn varint(bytes: &mut &[u8]) {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    *bytes = &bytes[length..];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(base: i64, count: i32, (producer, epoch): (i64, i16), attributes: i16, record: &[u8]) -> Vec<u8> {
        let mut bytes = base.to_be_bytes().to_vec();
        bytes.extend(i32::try_from(HEADER - 12 + record.len()).unwrap().to_be_bytes());
        bytes.extend([0, 0, 0, 0, 2, 0, 0, 0, 0]);
        bytes.extend(attributes.to_be_bytes());
        bytes.extend((count - 1).to_be_bytes());
        bytes.extend([0; 16]);
        bytes.extend(producer.to_be_bytes());
        bytes.extend(epoch.to_be_bytes());
        bytes.extend([0; 8]);
        bytes.extend(record);
        bytes
    }

    fn marker(base: i64, producer: i64, kind: u8) -> Vec<u8> {
        batch(base, 1, (producer, 0), TRANSACTIONAL | CONTROL, &[0x20, 0, 0, 0, 8, 0, 0, 0, kind, 0x0c, 0, 0, 0, 0, 0, 0, 0])
    }

    #[test]
    fn markers_end_their_own_producers_transactions() {
        let log = [
            batch(0, 2, (7, 0), TRANSACTIONAL, b"records"),
            batch(2, 1, (8, 0), TRANSACTIONAL, b""),
            marker(3, 7, 1),
            batch(4, 3, (7, 0), TRANSACTIONAL, b"more"),
            marker(7, 8, 0),
            marker(8, 7, 1),
            marker(9, 8, 1), // of a transaction that wrote nothing here
            batch(10, 1, (8, 0), TRANSACTIONAL, b"open"),
        ];
        let told = told(&log);
        assert_eq!(told.iter().map(|told| told.marker).collect::<Vec<_>>(), [3, 8]);
        assert_eq!(
            told.iter().map(|told| told.offsets.iter().copied().collect()).collect::<Vec<Vec<_>>>(),
            [vec![0, 1], vec![4, 5, 6]]
        );
    }

    #[test]
    fn another_producer_another_epoch_and_an_abort_begin_a_reign() {
        let mut log = Vec::new();
        for (producer, kind) in [((7, 0), 1), ((7, 0), 1), ((8, 0), 1), ((8, 1), 1), ((8, 1), 0), ((8, 1), 1)] {
            let base = i64::try_from(log.len()).unwrap();
            log.push(batch(base, 1, producer, TRANSACTIONAL, b"record"));
            log.push(marker(base + 1, producer.0, kind));
        }
        assert_eq!(told(&log).iter().map(|told| told.reign).collect::<Vec<_>>(), [0, 0, 1, 2, 3]);
    }

    fn told(log: &[Vec<u8>]) -> Vec<Transaction> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("0.log"), log.concat()).unwrap();
        std::fs::write(folder.path().join("0.index"), b"no batch").unwrap();
        transactions(folder.path())
    }
}
