//! Hears the rows of the output tables and knows, at the end, what each table holds.

use motmot_core::cycle::{CycleRecord, CycleState};
use motmot_core::engine::Sink;
use motmot_core::moment::{Moment, MomentState};
use motmot_wire::{Digest, DigestTable, EncodeError, Table, Writer, cycle_key};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_128;

use crate::error::ArchiveError;
use crate::origin::Numbers;
use crate::rows::Rows;
use crate::summary::{CycleCounts, MomentCounts};

/// What a single-object encoding puts before its datum: marker and fingerprint. The digest leaves it out.
const FRAMING: usize = 10;

/// The tables that one engine tells of. Rows are counted and digested as they come, and kept only if they are wanted as rows.
pub(crate) struct Tables {
    rules: Vec<String>,
    writer: Writer,
    digest: DigestTable,
    /// By a 128-bit hash of key and cycle id.
    cycles: FxHashMap<u128, (CycleState, bool)>,
    /// By a 128-bit hash of the moment id.
    moments: FxHashMap<u128, (usize, MomentState)>,
    rows: Option<Rows>,
    datum: Vec<u8>,
    key: Vec<u8>,
    failed: Option<ArchiveError>,
}

/// What the tables hold at the end.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) cycles: CycleCounts,
    /// By the rule's position.
    pub(crate) moments: Vec<MomentCounts>,
    pub(crate) digest: Digest,
    pub(crate) rows: Option<Rows>,
}

impl Tables {
    /// Empty ones, which count the moments of `rules`; with `rows`, the last row of each key is kept there.
    pub(crate) fn new(rules: Vec<String>, rows: Option<Rows>) -> Self {
        Self {
            rules,
            writer: Writer::new(),
            digest: DigestTable::new(),
            cycles: FxHashMap::default(),
            moments: FxHashMap::default(),
            rows,
            datum: Vec::new(),
            key: Vec::new(),
            failed: None,
        }
    }

    /// Says what the numbers of the evidence are.
    pub(crate) fn set_numbers(&mut self, numbers: Numbers) {
        self.rows.iter_mut().for_each(|rows| rows.numbers = numbers);
    }

    /// Notes where a cycle stands that has no row in the table, or an older one: it is not final yet.
    pub(crate) fn live(&mut self, key: &str, cycle_id: &str, state: CycleState, in_customer_file: bool) {
        cycle_key(key, cycle_id, &mut self.key);
        self.cycles.insert(xxh3_128(&self.key), (state, in_customer_file));
    }

    /// Counts.
    pub(crate) fn finish(self) -> Result<Told, ArchiveError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let mut cycles = CycleCounts::default();
        for (state, in_customer_file) in self.cycles.values() {
            cycles.add(*state, *in_customer_file);
        }
        let mut moments = vec![MomentCounts::default(); self.rules.len()];
        for (rule, state) in self.moments.values() {
            if let Some(counts) = moments.get_mut(*rule) {
                counts.add(*state);
            }
        }
        Ok(Told { cycles, moments, digest: self.digest.digest(), rows: self.rows })
    }

    fn keep<E: Into<ArchiveError>>(&mut self, done: Result<(), E>) {
        if let (Err(e), None) = (done, &self.failed) {
            self.failed = Some(e.into());
        }
    }

    fn observe(&mut self, table: Table, written: Result<(), EncodeError>, counts: bool) {
        self.digest.observe(table, &self.key, self.datum.get(FRAMING..), counts);
        self.keep(written);
    }
}

impl Sink for Tables {
    fn moment(&mut self, moment: &Moment<'_>, evidence: &[i64]) {
        let counts = moment.state != MomentState::Retracted;
        self.datum.clear();
        let written = self.writer.moment(moment, &mut self.datum);
        self.key.clear();
        self.key.extend_from_slice(moment.moment_id.as_bytes());
        self.observe(Table::Moments, written, counts);
        let id = xxh3_128(&self.key);
        let rule = self.rules.iter().position(|rule| *rule == *moment.rule);
        match rule.filter(|_| counts) {
            Some(rule) => self.moments.insert(id, (rule, moment.state)),
            None => self.moments.remove(&id),
        };
        if let Some(rows) = &mut self.rows {
            let kept = rows.moment(moment, evidence, counts);
            self.keep(kept);
        }
    }

    fn cycle(&mut self, cycle: &CycleRecord<'_>, evidence: &[i64]) {
        let counts = cycle.state != CycleState::Merged;
        self.datum.clear();
        let written = self.writer.cycle(cycle, &mut self.datum).map(|_| ());
        cycle_key(&cycle.key, &cycle.cycle_id, &mut self.key);
        self.observe(Table::Cycles, written, counts);
        let id = xxh3_128(&self.key);
        if counts {
            self.cycles.insert(id, (cycle.state, cycle.customer_file));
        } else {
            self.cycles.remove(&id);
        }
        if let Some(rows) = &mut self.rows {
            let kept = rows.cycle(cycle, &self.key, evidence, counts);
            self.keep(kept);
        }
    }

    fn cycle_gone(&mut self, key: &str, cycle_id: &str) {
        cycle_key(key, cycle_id, &mut self.key);
        self.digest.observe(Table::Cycles, &self.key, None, false);
        self.cycles.remove(&xxh3_128(&self.key));
        if let Some(rows) = &mut self.rows {
            rows.cycle_gone(&self.key);
        }
    }
}
