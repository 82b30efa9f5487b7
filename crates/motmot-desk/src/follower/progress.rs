//! How far the desk has read, and how far that is from everything. Pure.

use std::collections::BTreeMap;

/// One partition.
#[derive(Clone, Copy, Debug, Default)]
struct Partition {
    /// The next offset to read.
    position: i64,
    /// The end when it was last asked for. Of a read_committed reader: where the first unfinished transaction begins.
    end: i64,
    /// What must be read before the view is whole again.
    target: i64,
    /// The reader has come to the end since the last record. The end may lie beyond `position`: a transaction's marker
    /// takes an offset and is never delivered.
    at_end: bool,
}

impl Partition {
    fn reach_end(&mut self) {
        if self.at_end {
            self.position = self.position.max(self.end);
        }
    }
}

/// All partitions of the topic.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    partitions: BTreeMap<i32, Partition>,
}

impl Progress {
    /// A partition that is read from its beginning.
    pub(super) fn add(&mut self, partition: i32) {
        self.partitions.entry(partition).or_default();
    }

    pub(super) fn partitions(&self) -> impl Iterator<Item = i32> {
        self.partitions.keys().copied()
    }

    pub(super) fn count(&self) -> usize {
        self.partitions.len()
    }

    /// A record was read.
    pub(super) fn read(&mut self, partition: i32, offset: i64) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.position = partition.position.max(offset.saturating_add(1));
            partition.at_end = false;
        }
    }

    /// Whether a record lies before what was aimed for.
    pub(super) fn is_before_aim(&self, partition: i32, offset: i64) -> bool {
        self.partitions.get(&partition).is_some_and(|partition| offset < partition.target)
    }

    /// The reader has come to the end of a partition.
    pub(super) fn ended(&mut self, partition: i32) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.at_end = true;
            partition.reach_end();
        }
    }

    /// The end of a partition, as the broker told it. The reader's "at the end" speaks of this end at the latest; from now on
    /// only a further one counts, so that a reader that is stuck cannot look idle.
    pub(super) fn set_end(&mut self, partition: i32, end: i64) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.end = end;
            partition.reach_end();
            partition.at_end = false;
        }
    }

    /// The brokers were away: where the reader stood then says nothing about the ends of now.
    pub(super) fn lost_contact(&mut self) {
        for partition in self.partitions.values_mut() {
            partition.at_end = false;
        }
    }

    /// All that is there now must be read before the view is whole.
    pub(super) fn aim(&mut self) {
        for partition in self.partitions.values_mut() {
            partition.target = partition.end;
        }
    }

    /// Whether all that was aimed for has been read.
    pub(super) fn has_arrived(&self) -> bool {
        self.partitions.values().all(|partition| partition.position >= partition.target)
    }

    /// Records between the reader and the ends.
    pub(super) fn lag(&self) -> i64 {
        self.partitions.values().map(|partition| partition.end.saturating_sub(partition.position).max(0)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(end: i64) -> Progress {
        let mut progress = Progress::default();
        progress.add(0);
        progress.set_end(0, end);
        progress.aim();
        progress
    }

    #[test]
    fn an_empty_partition_is_whole_at_once() {
        assert!(at(0).has_arrived());
    }

    #[test]
    fn all_that_was_there_at_the_start_must_be_read() {
        let mut progress = at(2);
        progress.read(0, 0);
        assert!(!progress.has_arrived());
        assert_eq!(progress.lag(), 1);
        progress.read(0, 1);
        assert!(progress.has_arrived());
    }

    #[test]
    fn a_marker_at_the_end_is_no_lag() {
        let mut progress = at(3); // two records and the marker of their transaction
        progress.read(0, 0);
        progress.read(0, 1);
        assert!(!progress.has_arrived());
        progress.ended(0);
        assert!(progress.has_arrived());
        assert_eq!(progress.lag(), 0);
    }

    #[test]
    fn a_marker_that_comes_while_nothing_else_does_is_no_lag_either() {
        let mut progress = at(1);
        progress.read(0, 0);
        progress.ended(0);
        progress.ended(0); // beyond the marker of an aborted transaction, whose offset is known only at the next probe
        progress.set_end(0, 2);
        assert_eq!(progress.lag(), 0);
    }

    #[test]
    fn a_reader_that_is_stuck_at_an_old_end_lags() {
        let mut progress = at(1);
        progress.read(0, 0);
        progress.ended(0);
        progress.set_end(0, 1);
        progress.set_end(0, 9);
        assert_eq!(progress.lag(), 8);
    }

    #[test]
    fn an_end_from_before_the_brokers_were_away_is_none() {
        let mut progress = at(1);
        progress.read(0, 0);
        progress.ended(0);
        progress.lost_contact();
        progress.set_end(0, 9);
        progress.aim();
        assert!(!progress.has_arrived());
    }

    #[test]
    fn a_compacted_beginning_needs_no_reading() {
        let mut progress = at(10);
        progress.read(0, 9);
        assert!(progress.has_arrived());
    }
}
