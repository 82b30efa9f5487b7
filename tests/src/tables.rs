//! Tables of moments and cycles, as a compacted topic or a replay has them, to compare.

#![allow(clippy::unwrap_used, reason = "support of tests: failing is its way to speak")]

use std::collections::BTreeMap;

use motmot_core::Moment;
use motmot_core::engine::Sink;
use motmot_wire::{DigestTable, Reader, Table, Writer};

/// The last record of each key, retracted and merged ones left out.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// By table and key: the value in single-object encoding, however it was framed.
    pub rows: BTreeMap<(&'static str, Vec<u8>), Vec<u8>>,
    digest: DigestTable,
    reader: Reader,
}

impl Tables {
    /// Empty, with values of the schemas that `reader` knows.
    pub(crate) fn read_by(reader: Reader) -> Self {
        Self { reader, ..Self::default() }
    }

    pub(crate) fn tell(&mut self, table: Table, key: Vec<u8>, value: Option<Vec<u8>>) {
        let reader = &self.reader;
        let counts = value.as_deref().is_none_or(|value| match table {
            Table::Moments => reader.moment(value).unwrap().state != motmot_core::moment::MomentState::Retracted,
            Table::Cycles => reader.cycle(value).unwrap().state != motmot_core::cycle::CycleState::Merged,
        });
        let bare = value.as_deref().map(|value| reader.datum(value).unwrap());
        self.digest.observe(table, &key, bare.map(|(_, datum)| datum), counts);
        match bare.filter(|_| counts) {
            Some((record, datum)) => {
                let fingerprint = record.current().fingerprint().to_le_bytes();
                self.rows.insert((table.name(), key), [&[0xC3, 0x01], fingerprint.as_slice(), datum].concat())
            }
            None => self.rows.remove(&(table.name(), key)),
        };
    }

    /// Rows of moments.
    pub fn moments(&self) -> usize {
        self.rows.keys().filter(|(table, _)| *table == Table::Moments.name()).count()
    }

    /// Rows of cycles.
    pub fn cycles(&self) -> usize {
        self.rows.len() - self.moments()
    }

    /// Their digest, as `motmot digest` prints it.
    pub fn digest(&self) -> String {
        self.digest.digest().to_string()
    }

    /// Compares to the byte, and by the digest.
    ///
    /// # Panics
    /// When they differ, naming some of the rows.
    pub fn assert_equal(&self, other: &Self, what: &str) {
        let names = |a: &Self, b: &Self| {
            let missing = a.rows.iter().filter(|(key, value)| b.rows.get(*key) != Some(value));
            missing.take(5).map(|((table, key), _)| format!("{table} {}", String::from_utf8_lossy(key))).collect::<Vec<_>>()
        };
        assert!(
            self.rows == other.rows,
            "{what}: here and not (so) there: {:?}; there and not (so) here: {:?}",
            names(self, other),
            names(other, self)
        );
        assert_eq!(self.digest.digest(), other.digest.digest(), "{what}: digests");
    }
}

/// What an engine says, as tables.
pub(crate) struct Replayed {
    pub(crate) writer: Writer,
    pub(crate) tables: Tables,
}

impl Sink for Replayed {
    fn moment(&mut self, moment: &Moment<'_>, _: &[i64]) {
        let mut value = Vec::new();
        self.writer.moment(moment, &mut value).unwrap();
        self.tables.tell(Table::Moments, moment.moment_id.as_bytes().to_vec(), Some(value));
    }
    fn cycle(&mut self, cycle: &motmot_core::cycle::CycleRecord<'_>, _: &[i64]) {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        motmot_wire::cycle_key(&cycle.key, &cycle.cycle_id, &mut key);
        self.writer.cycle(cycle, &mut value).unwrap();
        self.tables.tell(Table::Cycles, key, Some(value));
    }
    fn cycle_gone(&mut self, key: &str, cycle_id: &str) {
        let mut out = Vec::new();
        motmot_wire::cycle_key(key, cycle_id, &mut out);
        self.tables.tell(Table::Cycles, out, None);
    }
}
