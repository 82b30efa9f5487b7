//! Every metric of the desk, with its unit and its help. docs/metrics.md says what to alert on.

use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use motmot_wire::DecodeError;
use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::labels::{Cell, Cells};
use crate::table::Level;

const LABELS: [&str; 3] = ["site", "rule", "severity"];

/// Why a record of the moments topic could not be taken in, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(&'static str);

impl Unreadable {
    /// It has no key, so it is no row of a table.
    pub(crate) const NO_KEY: Self = Self("no_key");

    const ALL: [Self; 9] = [
        Self::NO_KEY,
        Self("not_avro"),
        Self("no_registry"),
        Self("unknown_schema"),
        Self("unusable_schema"),
        Self("malformed"),
        Self("unusable_value"),
        Self("trailing_bytes"),
        Self("not_a_moment"),
    ];
}

impl From<&DecodeError> for Unreadable {
    fn from(error: &DecodeError) -> Self {
        match error {
            // The wire's word for it is the input topic's.
            DecodeError::WrongRecord { .. } | DecodeError::Invalid(_) => Self("not_a_moment"),
            _ => Self(error.reason()),
        }
    }
}

/// The metrics of one desk.
pub(crate) struct Metrics {
    open: Vec<IntGauge>,
    flagged: Vec<IntCounter>,
    all_open: IntGaugeVec,
    all_flagged: IntCounterVec,
    /// Series of an earlier strategy that the present one does not have: they go when its levels are known.
    stale: Vec<[String; 3]>,
    /// A cell with nothing open has no series here: no number would be right for it.
    oldest: GaugeVec,
    labels: Vec<[String; 3]>,
    pub(crate) told_late: IntCounter,
    pub(crate) retracted: IntCounter,
    pub(crate) truncated: IntGauge,
    pub(crate) ready: IntGauge,
    pub(crate) partitions: IntGauge,
    pub(crate) lag: IntGauge,
    pub(crate) last_record: Gauge,
    pub(crate) caught_up: Gauge,
    pub(crate) records: IntCounter,
    unreadable: IntCounterVec,
    pub(crate) errors: IntCounter,
    pub(crate) rebuilds: IntCounter,
}

impl Metrics {
    /// Registers all of them, each combination of labels at zero.
    pub(crate) fn new(cells: &Cells, registry: &Registry) -> prometheus::Result<Self> {
        let open = gauges("motmot_moments_open", "Moments that are open now: raised, and neither recovered nor expired.")?;
        let flagged = IntCounterVec::new(
            Opts::new(
                "motmot_moments_flagged_total",
                "Moments told for the first time since this desk started, none that happened long before they were told.",
            ),
            &LABELS,
        )?;
        let oldest = GaugeVec::new(
            Opts::new(
                "motmot_moments_oldest_open_timestamp_seconds",
                "When the oldest open moment came about, in seconds since 1970. No series: none is open.",
            ),
            &LABELS,
        )?;
        let unreadable = IntCounterVec::new(
            Opts::new("motmot_desk_unreadable_records_total", "Records that could not be taken in; what they tell is missing."),
            &["reason"],
        )?;
        let metrics = Self {
            open: cells.all().map(|labels| open.with_label_values(&labels)).collect(),
            flagged: cells.all().map(|labels| flagged.with_label_values(&labels)).collect(),
            labels: cells.all().map(|labels| labels.map(str::to_owned)).collect(),
            oldest: oldest.clone(),
            all_open: open.clone(),
            all_flagged: flagged.clone(),
            stale: Vec::new(),
            told_late: counter(
                "motmot_moments_told_late_total",
                "Moments that had happened too long before to count as flagged now.",
            )?,
            retracted: counter("motmot_moments_retracted_total", "Moments that late touchpoints showed to be none.")?,
            truncated: gauge(
                "motmot_moments_open_truncated",
                "Open moments of overfull cycles: in no other gauge, they page nobody.",
            )?,
            ready: gauge("motmot_desk_ready", "1: the desk has read everything that was told before it started. 0: not yet.")?,
            partitions: gauge("motmot_desk_partitions", "Partitions of the moments topic that the desk reads.")?,
            lag: gauge("motmot_desk_lag_records", "Records that the desk has still to read, over all partitions.")?,
            last_record: Gauge::new(
                "motmot_desk_last_record_timestamp_seconds",
                "The time of the latest record read, in seconds since 1970.",
            )?,
            caught_up: Gauge::new(
                "motmot_desk_caught_up_timestamp_seconds",
                "The desk knows everything that was told until then, in seconds since 1970. 0: never yet.",
            )?,
            records: counter("motmot_desk_records_total", "Records of the moments topic that were read.")?,
            unreadable: unreadable.clone(),
            errors: counter("motmot_desk_kafka_errors_total", "Errors that Kafka or the way to it gave.")?,
            rebuilds: counter(
                "motmot_desk_rebuilds_total",
                "How often the table was read again from the beginning of the topic.",
            )?,
        };
        for reason in Unreadable::ALL {
            unreadable.with_label_values(&[reason.0]);
        }
        registry.register(Box::new(open))?;
        registry.register(Box::new(flagged))?;
        registry.register(Box::new(oldest))?;
        registry.register(Box::new(unreadable))?;
        for counter in [&metrics.told_late, &metrics.retracted, &metrics.records, &metrics.errors, &metrics.rebuilds] {
            registry.register(Box::new(counter.clone()))?;
        }
        for gauge in [&metrics.truncated, &metrics.ready, &metrics.partitions, &metrics.lag] {
            registry.register(Box::new(gauge.clone()))?;
        }
        for gauge in [&metrics.last_record, &metrics.caught_up] {
            registry.register(Box::new(gauge.clone()))?;
        }
        Ok(metrics)
    }

    /// Gives each of these cells its series. What an earlier strategy has in common with this one goes on; the rest stands as it was until
    /// [`Metrics::forget_stale`].
    pub(crate) fn relabel(&mut self, cells: &Cells) {
        let labels: Vec<[String; 3]> = cells.all().map(|labels| labels.map(str::to_owned)).collect();
        self.open = cells.all().map(|labels| self.all_open.with_label_values(&labels)).collect();
        self.flagged = cells.all().map(|labels| self.all_flagged.with_label_values(&labels)).collect();
        let before = std::mem::replace(&mut self.labels, labels);
        let now: HashSet<&[String; 3]> = self.labels.iter().collect();
        self.stale.extend(before);
        self.stale.retain(|labels| !now.contains(labels));
    }

    /// Takes the series of an earlier strategy away: the levels of the present one are known.
    pub(crate) fn forget_stale(&mut self) {
        for labels in self.stale.drain(..) {
            let labels = labels.each_ref().map(String::as_str);
            // Some may be absent already: that is what is wanted.
            drop(self.all_open.remove_label_values(&labels));
            drop(self.all_flagged.remove_label_values(&labels));
            drop(self.oldest.remove_label_values(&labels));
        }
    }

    /// Shows what is open in a cell.
    pub(crate) fn show(&self, cell: Cell, level: Level) {
        let (Some(open), Some(labels)) = (self.open.get(cell), self.labels.get(cell)) else { return };
        let labels = labels.each_ref().map(String::as_str);
        open.set(i64::try_from(level.open).unwrap_or(i64::MAX));
        match level.oldest {
            Some(at) => self.oldest.with_label_values(&labels).set(seconds_of_millis(at.as_millis())),
            // It may be absent already: that is what is wanted.
            None => drop(self.oldest.remove_label_values(&labels)),
        }
    }

    /// Counts a moment that is told for the first time.
    pub(crate) fn count_flagged(&self, cell: Cell) {
        if let Some(flagged) = self.flagged.get(cell) {
            flagged.inc();
        }
    }

    /// Counts a record that could not be taken in.
    pub(crate) fn count_unreadable(&self, reason: Unreadable) {
        self.unreadable.with_label_values(&[reason.0]).inc();
    }
}

fn gauges(name: &str, help: &str) -> prometheus::Result<IntGaugeVec> {
    IntGaugeVec::new(Opts::new(name, help), &LABELS)
}

fn gauge(name: &str, help: &str) -> prometheus::Result<IntGauge> {
    IntGauge::new(name, help)
}

fn counter(name: &str, help: &str) -> prometheus::Result<IntCounter> {
    IntCounter::new(name, help)
}

/// Milliseconds as the seconds that Prometheus wants.
#[allow(clippy::cast_precision_loss)] // an f64 holds milliseconds exactly for 285,000 years
pub(crate) fn seconds_of_millis(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}

/// Seconds since 1970 of an instant of the system's clock.
pub(crate) fn seconds_of(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use motmot_core::time::Timestamp;
    use prometheus::TextEncoder;

    use super::*;
    use crate::testing::strategy;

    #[test]
    fn all_levels_are_zero_before_the_first_event_and_none_is_the_oldest() {
        let (cells, registry) = (Cells::new(&strategy()), Registry::new());
        let metrics = Metrics::new(&cells, &registry).unwrap();
        let lines = |start: &str| {
            let page = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
            page.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(lines("motmot_moments_open{").len(), cells.count());
        assert!(lines("motmot_moments_open{").iter().all(|line| line.ends_with(" 0")));
        assert_eq!(lines("motmot_moments_flagged_total{").len(), cells.count());
        assert!(lines("motmot_moments_oldest").is_empty());

        metrics.show(0, Level { open: 2, oldest: Some(Timestamp::from_millis(1_500)) });
        assert_eq!(lines("motmot_moments_oldest").len(), 1);
        assert!(lines("motmot_moments_oldest").iter().all(|line| line.ends_with(" 1.5")));
        metrics.show(0, Level::default());
        assert!(lines("motmot_moments_oldest").is_empty());
    }

    #[test]
    fn another_strategy_has_its_own_series_and_keeps_those_in_common() {
        let (mut other, registry) = (strategy(), Registry::new());
        let mut metrics = Metrics::new(&Cells::new(&strategy()), &registry).unwrap();
        let lines = || {
            let page = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
            page.lines().filter(|line| line.starts_with("motmot_moments_open{")).map(str::to_owned).collect::<Vec<_>>()
        };
        (0..21).for_each(|cell| metrics.show(cell, Level { open: 3, oldest: None }));
        other.labels.site = vec!["haifa".to_owned(), "jaffa".to_owned()];
        let cells = Cells::new(&other);
        metrics.relabel(&cells);
        let of = |site: &str, level: &str| lines().iter().filter(|line| line.contains(site) && line.ends_with(level)).count();
        assert_eq!((of("haifa", " 3"), of("eilat", " 3"), of("jaffa", " 0")), (7, 7, 7));
        metrics.forget_stale();
        assert_eq!((of("haifa", " 3"), of("eilat", " 3"), of("jaffa", " 0"), lines().len()), (7, 0, 7, cells.count()));
    }

    #[test]
    fn two_desks_in_one_registry_are_refused() {
        let (cells, registry) = (Cells::new(&strategy()), Registry::new());
        let _first = Metrics::new(&cells, &registry).unwrap();
        assert!(Metrics::new(&cells, &registry).is_err());
    }

    #[test]
    fn every_reason_of_the_wire_has_a_series_from_the_start() {
        for reason in DecodeError::REASONS.into_iter().filter(|r| !["not_a_touchpoint", "invalid"].contains(r)) {
            assert!(Unreadable::ALL.contains(&Unreadable(reason)), "{reason}");
        }
    }
}
