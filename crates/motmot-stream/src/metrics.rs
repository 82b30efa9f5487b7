//! Every metric of the worker: pipeline health, for those who run it. Alerts about customers are the desk's.
//!
//! Label values come from closed sets: outcomes, reasons, the input's partitions; never a customer, a cycle or a person.

use motmot_core::engine::Verdict;
use motmot_snapshot::{Event, SnapshotError};
use motmot_wire::DecodeError;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// What became of a record, as a label. The sum over all is what was consumed.
pub(crate) const OUTCOMES: [&str; 6] = ["folded", "duplicate", "conflicting", "late", "overflow", "dead"];

/// Reasons for a dead letter that are the worker's own; the decoder's are [`DecodeError::REASONS`].
pub(crate) const OWN_REASONS: [&str; 5] = ["no_key", "bad_key", "misrouted", "no_timestamp", "too_far_ahead"];

/// The position of a verdict in [`OUTCOMES`].
pub(crate) const fn outcome(verdict: Verdict) -> usize {
    match verdict {
        Verdict::Folded => 0,
        Verdict::Duplicate => 1,
        Verdict::Conflicting => 2,
        Verdict::Late => 3,
        Verdict::Overflow => 4,
        Verdict::TooFarAhead => 5,
    }
}

/// The position of "dead" in [`OUTCOMES`].
pub(crate) const DEAD: usize = 5;

/// The worker's metrics, shared by its shards.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) records: [IntCounter; OUTCOMES.len()],
    pub(crate) dead_letters: IntCounterVec,
    pub(crate) skipped: IntCounter,
    pub(crate) told_moments: IntCounter,
    pub(crate) told_cycles: IntCounter,
    pub(crate) outside_customer_file: IntCounter,
    pub(crate) truncated: IntCounter,
    pub(crate) commits: IntCounter,
    pub(crate) aborts: IntCounter,
    pub(crate) commit_seconds: Histogram,
    pub(crate) event_to_flag_seconds: Histogram,
    pub(crate) checkpoint_seconds: Histogram,
    pub(crate) checkpoint_rows: IntCounter,
    pub(crate) refold_seconds: Histogram,
    pub(crate) refolding: IntGauge,
    pub(crate) waiting: IntGauge,
    pub(crate) partitions: IntGauge,
    pub(crate) swaps: IntCounter,
    strategy: IntGaugeVec,
    pub(crate) lag: IntGaugeVec,
    pub(crate) stream_time: IntGaugeVec,
    pub(crate) clock: IntGaugeVec,
    pub(crate) store_bytes: IntGaugeVec,
    pub(crate) hot_rows: IntGaugeVec,
    pub(crate) snapshots: SnapshotMetrics,
}

/// Registers as it builds, so that no metric can be forgotten.
struct Builder<'r>(&'r Registry);

type Built<T> = Result<T, prometheus::Error>;

impl Builder<'_> {
    fn add<T: prometheus::core::Collector + Clone + 'static>(&self, metric: T) -> Built<T> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
    fn counter(&self, name: &str, help: &str) -> Built<IntCounter> {
        self.add(IntCounter::new(name, help)?)
    }
    fn gauge(&self, name: &str, help: &str) -> Built<IntGauge> {
        self.add(IntGauge::new(name, help)?)
    }
    fn counters(&self, name: &str, help: &str, label: &str) -> Built<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(name, help), &[label])?)
    }
    fn per_partition(&self, name: &str, help: &str) -> Built<IntGaugeVec> {
        self.add(IntGaugeVec::new(Opts::new(name, help), &["partition"])?)
    }
    fn seconds(&self, name: &str, help: &str, buckets: &[f64]) -> Built<Histogram> {
        self.add(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?)
    }
}

/// Bounds for what should take milliseconds, in seconds.
const SHORT: &[f64] = &[0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// Bounds for what may take minutes, in seconds.
const LONG: &[f64] = &[0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];

impl Metrics {
    /// Declares all of them; all label values that are known beforehand are there at zero.
    pub(crate) fn register(registry: &Registry) -> Built<Self> {
        let build = Builder(registry);
        let records = build.counters(
            "motmot_worker_records_total",
            "Input records in committed transactions, by what became of them",
            "outcome",
        )?;
        let dead_letters = build.counters(
            "motmot_worker_dead_letters_total",
            "Input records that were no touchpoints, committed, by reason",
            "reason",
        )?;
        for reason in DecodeError::REASONS.into_iter().chain(OWN_REASONS) {
            dead_letters.with_label_values(&[reason]);
        }
        let told =
            build.counters("motmot_worker_rows_total", "Rows told to the output tables in committed transactions", "table")?;
        Ok(Self {
            records: OUTCOMES.map(|outcome| records.with_label_values(&[outcome])),
            dead_letters,
            skipped: build.counter(
                "motmot_worker_skipped_records_total",
                "Records that Kafka's client gave again though they were folded already; a few after a rebalance are no fault",
            )?,
            told_moments: told.with_label_values(&["moments"]),
            told_cycles: told.with_label_values(&["cycles"]),
            outside_customer_file: build.counter(
                "motmot_worker_cycles_outside_customer_file_total",
                "Final rows of cycles that are in no customer's file: their records are not keyed by their customer",
            )?,
            truncated: build.counter(
                "motmot_worker_truncated_cycle_rows_total",
                "Rows of cycles that had to leave touchpoints out to stay below a megabyte",
            )?,
            commits: build.counter("motmot_worker_commits_total", "Transactions committed")?,
            aborts: build.counter("motmot_worker_aborts_total", "Transactions aborted; each is followed by a silent re-fold")?,
            commit_seconds: build.seconds("motmot_worker_commit_seconds", "Time that a shard stands still for a commit", SHORT)?,
            event_to_flag_seconds: build.seconds(
                "motmot_worker_event_to_flag_seconds",
                "From a moment's cause (its deadline, or its record's arrival) to the end of its commit, while at the topic's head",
                SHORT,
            )?,
            checkpoint_seconds: build.seconds("motmot_worker_checkpoint_seconds", "Time to write a partition's checkpoint", SHORT)?,
            checkpoint_rows: build.counter("motmot_worker_checkpoint_rows_total", "Rows written by checkpoints")?,
            refold_seconds: build.seconds(
                "motmot_worker_refold_seconds",
                "From a partition's assignment until its state is that of the last commit",
                LONG,
            )?,
            refolding: build.gauge("motmot_worker_refolding_partitions", "Partitions that are folding in silence up to the last commit")?,
            waiting: build.gauge(
                "motmot_worker_waiting_partitions",
                "Partitions that stand before a record because the schema registry has not given its schema",
            )?,
            partitions: build.gauge("motmot_worker_partitions", "Partitions that this worker has")?,
            swaps: build.counter("motmot_worker_strategy_swaps_total", "Strategies put in force on a partition, all differences told")?,
            strategy: build.add(IntGaugeVec::new(
                Opts::new("motmot_strategy_info", "1: the strategy in force on the partition, by the hash of its rules"),
                &["partition", "strategy_hash"],
            )?)?,
            lag: build.per_partition("motmot_worker_lag_records", "Records in the partition that are not folded yet")?,
            stream_time: build.per_partition(
                "motmot_worker_stream_time_timestamp_seconds",
                "The latest arrival folded, as Unix time in seconds; time() minus it is its age",
            )?,
            clock: build.per_partition(
                "motmot_worker_clock_timestamp_seconds",
                "The partition's clock, as Unix time in seconds: deadlines before it have been judged",
            )?,
            store_bytes: build.per_partition("motmot_worker_store_bytes", "Size of the partition's store, files and write buffers")?,
            hot_rows: build.per_partition("motmot_worker_hot_rows", "Rows of the partition in memory")?,
            snapshots: SnapshotMetrics::register(&build)?,
        })
    }

    /// Says which strategy is in force on a partition, none: it is not this worker's any more.
    pub(crate) fn in_force(&self, partition: i32, before: Option<u64>, after: Option<u64>) {
        let partition = partition.to_string();
        let labels = |hash: u64| [partition.clone(), format!("{hash:016x}")];
        if let Some(hash) = before.filter(|_| before != after) {
            // An error only says that it was never set.
            let _ = self.strategy.remove_label_values(&labels(hash));
        }
        if let Some(hash) = after {
            self.strategy.with_label_values(&labels(hash)).set(1);
        }
    }

    /// Takes back what is said about a partition that another worker has from now on.
    pub(crate) fn forget(&self, partition: i32) {
        let label = partition.to_string();
        let SnapshotMetrics { made_at, offset, bytes, .. } = &self.snapshots;
        for gauge in [made_at, offset, bytes, &self.lag, &self.stream_time, &self.clock, &self.store_bytes, &self.hot_rows] {
            // An error only says that it was never set.
            let _ = gauge.remove_label_values(&[&label]);
        }
    }
}

/// What becomes of snapshots.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotMetrics {
    pub(crate) enabled: IntGauge,
    /// Without a series where the topic keeps everything, or the broker does not say.
    pub(crate) retention: IntGaugeVec,
    made_at: IntGaugeVec,
    offset: IntGaugeVec,
    bytes: IntGaugeVec,
    sent: IntCounter,
    seconds: Histogram,
    failures: IntCounterVec,
    in_progress: IntGauge,
    pub(crate) restored: IntCounter,
    pub(crate) restore_seconds: Histogram,
}

impl SnapshotMetrics {
    fn register(build: &Builder<'_>) -> Built<Self> {
        let failures = build.counters(
            "motmot_snapshot_failures_total",
            "Snapshots that were not made, or not usable, by reason",
            "reason",
        )?;
        for reason in SnapshotError::REASONS {
            failures.with_label_values(&[reason]);
        }
        Ok(Self {
            enabled: build
                .gauge("motmot_snapshots_enabled", "1: snapshots.url is set; 0: the state is on this machine's disk only")?,
            retention: build.add(IntGaugeVec::new(
                Opts::new("motmot_input_retention_seconds", "How long the input topic keeps a record (retention.ms)"),
                &[],
            )?)?,
            made_at: build.per_partition(
                "motmot_snapshot_timestamp_seconds",
                "When the partition's last snapshot was taken, as Unix time",
            )?,
            offset: build.per_partition("motmot_snapshot_offset", "The offset of the partition's last snapshot")?,
            bytes: build.per_partition("motmot_snapshot_bytes", "Size of the partition's last snapshot")?,
            sent: build.counter("motmot_snapshot_sent_bytes_total", "Bytes of snapshots that had to be sent")?,
            seconds: build.seconds("motmot_snapshot_seconds", "From taking a snapshot until it is complete", LONG)?,
            failures,
            in_progress: build.gauge("motmot_snapshots_in_progress", "Snapshots that are being sent")?,
            restored: build.counter("motmot_snapshot_restores_total", "Partitions started from a snapshot")?,
            restore_seconds: build.seconds("motmot_snapshot_restore_seconds", "Time to fetch a snapshot", LONG)?,
        })
    }

    /// Counts what the agent says.
    pub(crate) fn hear(&self, partition: i32, event: Event) {
        match event {
            Event::Begun => self.in_progress.inc(),
            Event::Stopped => self.in_progress.dec(),
            Event::Failed { reason } => {
                self.failed(reason);
                self.in_progress.dec();
            }
            Event::Made { offset, made_at_ms, bytes, sent, took } => {
                self.in_progress.dec();
                let label = partition.to_string();
                self.made_at.with_label_values(&[&label]).set(made_at_ms.div_euclid(1_000));
                self.offset.with_label_values(&[&label]).set(offset);
                self.bytes.with_label_values(&[&label]).set(i64::try_from(bytes).unwrap_or(i64::MAX));
                self.sent.inc_by(sent);
                self.seconds.observe(took.as_secs_f64());
            }
        }
    }

    /// Counts what could not be used.
    pub(crate) fn failed(&self, reason: &str) {
        self.failures.with_label_values(&[reason]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_and_reason_is_there_at_zero() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        metrics.forget(3);
        let families = registry.gather();
        let series = |name: &str| families.iter().find(|f| f.name() == name).map_or(0, |f| f.get_metric().len());
        assert_eq!(series("motmot_worker_records_total"), OUTCOMES.len());
        assert_eq!(series("motmot_worker_dead_letters_total"), DecodeError::REASONS.len() + OWN_REASONS.len());
        assert!(Metrics::register(&registry).is_err(), "twice in one registry");
    }
}
