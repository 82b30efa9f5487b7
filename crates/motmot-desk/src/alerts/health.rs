//! Alerts about motmot itself, to the SRE: whatever would make silence look like satisfied customers.

use super::LAST_ANSWER_HOLDS;
use super::rule::{Alert, PrometheusRule};

pub(super) fn rules() -> Vec<PrometheusRule> {
    [desk().as_slice(), worker().as_slice(), snapshots().as_slice(), both().as_slice()]
        .concat()
        .into_iter()
        .map(PrometheusRule::Alert)
        .collect()
}

fn desk() -> [Alert; 5] {
    [
        Alert {
            wait: "1m",
            ..alert(
                "MotmotNoReadyDesk",
                "absent(motmot_desk_ready == 1)",
                "page",
                "No desk is ready: pages about customers do not change",
                format!(
                    "Prometheus sees no desk that knows which moments are open. Open pages hold for {LAST_ANSWER_HOLDS} more, new ones do \
                     not come. What to do: see whether the desks run, can be scraped, and what their log and /readyz say."
                ),
            )
        },
        Alert {
            wait: "1m",
            ..alert(
                "MotmotDesksBlind",
                "time() - max(motmot_desk_caught_up_timestamp_seconds and on (job, instance) (motmot_desk_ready == 1)) > 60",
                "page",
                "No desk has been up to date for {{ $value | humanizeDuration }}: pages about customers do not change",
                "The desks run, but cannot read the moments to their end. What to do: see whether Kafka is there, and whether a hanging \
                 transaction holds the topic's end (a worker that was stopped in the middle of one).",
            )
        },
        Alert {
            wait: "2m",
            ..alert(
                "MotmotDeskBehind",
                "time() - (motmot_desk_caught_up_timestamp_seconds and on (job, instance) (motmot_desk_ready == 1)) > 60",
                "warning",
                "Desk {{ $labels.instance }} has not been up to date for {{ $value | humanizeDuration }}",
                "What it shows as open may have been cured: pages may clear late. What to do: see its log, and restart it if the others \
                 are well.",
            )
        },
        Alert {
            wait: "10m",
            ..alert(
                "MotmotDeskNotReady",
                "motmot_desk_ready == 0",
                "warning",
                "Desk {{ $labels.instance }} has not become ready",
                "The others page without it. What to do: see what its /readyz says.",
            )
        },
        Alert {
            keep: "15m",
            ..alert(
                "MotmotUnreadableMoments",
                "max by (job, reason) (increase(motmot_desk_unreadable_records_total[5m])) > 0",
                "critical",
                "Records of the moments topic cannot be read ({{ $labels.reason }})",
                "A page may be missing, or stand too long. What to do: the desk's log names partition and offset; a desk older than the \
                 worker must be upgraded.",
            )
        },
    ]
}

fn worker() -> [Alert; 3] {
    [
        Alert {
            wait: "1m",
            ..alert(
                "MotmotNoWorker",
                "absent(motmot_worker_partitions > 0)",
                "page",
                "No worker has a partition: no new moment is seen, and none recovers",
                "Pages that are open stay open. What to do: start a worker; its log says why the last one ended.",
            )
        },
        Alert {
            wait: "2m",
            ..alert(
                "MotmotWorkerBehind",
                "max by (job, partition) (time() - motmot_worker_clock_timestamp_seconds) > 60",
                "critical",
                "Partition {{ $labels.partition }} is {{ $value | humanizeDuration }} behind: pages come late",
                "What to do: see whether the worker that has it is well; if all are busy, start another.",
            )
        },
        Alert {
            keep: "15m",
            ..alert(
                "MotmotDeadLetters",
                "sum by (job, reason) (increase(motmot_worker_dead_letters_total[5m])) > 0",
                "warning",
                "{{ printf `%.0f` $value }} records became dead letters in 5 minutes ({{ $labels.reason }})",
                "These contacts are missing from their cycles. What to do: the dead-letter topic has them with reason and place; mend the \
                 source, then re-submit them.",
            )
        },
    ]
}

fn snapshots() -> [Alert; 3] {
    [
        Alert {
            wait: "1m",
            ..alert(
                "MotmotSnapshotOld",
                "max by (job, partition) (time() - motmot_snapshot_timestamp_seconds) > on (job) group_left () \
                 (min by (job) (motmot_input_retention_seconds) / 2)",
                "critical",
                "The last snapshot of partition {{ $labels.partition }} is {{ $value | humanizeDuration }} old",
                "The topic deletes records after twice that time. Should the worker's disk be lost after that, the state cannot be folded again. \
                 What to do: see why no snapshots are made (the worker's log, motmot_snapshot_failures_total); if that takes long, raise the \
                 retention of the touchpoints' topic.",
            )
        },
        Alert {
            wait: "15m",
            ..alert(
                "MotmotSnapshotsFailing",
                "sum by (job, reason) (increase(motmot_snapshot_failures_total[15m])) > 0",
                "warning",
                "Snapshots have been failing for 15 minutes ({{ $labels.reason }})",
                "The workers go on, on their disks alone. What to do: the worker's log says what the store of snapshots answers; \
                 `motmot store inspect --snapshot` asks it from your terminal.",
            )
        },
        Alert {
            wait: "10m",
            ..alert(
                "MotmotSnapshotsOff",
                "min by (job, instance) (motmot_snapshots_enabled) == 0",
                "warning",
                "Worker {{ $labels.instance }} makes no snapshots",
                "If its disk is lost after the topic's retention has taken records, the state is lost. What to do: set snapshots.url.",
            )
        },
    ]
}

fn both() -> [Alert; 3] {
    [
        Alert {
            wait: "2m",
            ..alert(
                "MotmotTargetDown",
                "up{job=\"motmot\"} == 0",
                "warning",
                "{{ $labels.instance }} cannot be scraped",
                "What to do: see whether the process runs and its http.listen address can be reached from Prometheus.",
            )
        },
        Alert {
            wait: "10m",
            ..alert(
                "MotmotStrategiesDiffer",
                "count by (job) (count by (job, strategy_hash) (motmot_info)) > 1",
                "warning",
                "{{ $value }} different strategies are in force",
                "Where the worker's rules are not the desk's, pages go to the wrong people. What to do: give all processes the same \
                 strategy file, restart the older ones, and render and load the alert rules again.",
            )
        },
        dead_mans_switch(),
    ]
}

/// It always fires. Who no longer hears it knows that Prometheus, Alertmanager or the way out of them is broken.
fn dead_mans_switch() -> Alert {
    alert(
        "MotmotDeadMansSwitch",
        "vector(1)",
        "none",
        "The alert path works",
        "Send this to something outside that raises the alarm when it stops coming.",
    )
}

fn alert(
    name: &'static str,
    expr: &str,
    severity: &'static str,
    summary: impl Into<String>,
    description: impl Into<String>,
) -> Alert {
    Alert {
        name,
        expr: expr.to_owned(),
        labels: vec![("severity", severity.to_owned()), ("owner", "sre".to_owned())],
        annotations: vec![("summary", summary.into()), ("description", description.into())],
        ..Alert::default()
    }
}
