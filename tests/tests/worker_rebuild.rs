//! Promise: `motmot rebuild` says what it will do, does it when told so, and the tables become those of a replay of what the log has.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use motmot_snapshot::SnapshotConfig;
use motmot_stream::{Worker, WorkerConfig};
use motmot_tests::kafka::{self, Bench, now_ms, wait_for};
use motmot_tests::{admin, process, service};
use prometheus::Registry;

fn motmot(bench: &Bench, dir: &Path, arguments: &[&str]) -> Output {
    let topics = &bench.topics;
    let settings = [
        ("kafka.brokers", bench.kafka.brokers.clone()),
        ("topics.touchpoints", topics.touchpoints.clone()),
        ("topics.strategies", topics.strategies.clone()),
        ("worker.group", bench.name.clone()),
        ("worker.store", dir.join("store").display().to_string()),
        ("snapshots.url", format!("file://{}", dir.join("snapshots").display())),
        ("log.level", "error".to_owned()),
    ];
    let sets = settings.into_iter().flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")]);
    Command::new(process::motmot()).args(arguments).args(sets).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn check(output: &Output, code: i32, words: &[&str]) {
    let text = said(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    words.iter().for_each(|word| assert!(text.contains(word), "`{word}` is missing in: {text}"));
}

#[test]
fn from_what_the_log_has_left() {
    let Some(broker) = kafka::broker("from_what_the_log_has_left") else { return };
    let bench = Bench::new(&broker, "rebuild", 1);
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("snapshots")).unwrap();
    let begin = now_ms() - 7_200_000;
    let records = service::records(61, 300, begin);
    kafka::produce(&broker, &bench.topics.touchpoints, &records);
    let worker = || {
        let url = format!("file://{}", dir.path().join("snapshots").display());
        let snapshots = Some(SnapshotConfig { interval_ms: 100, ..SnapshotConfig::new(url) });
        let checkpoint_interval = Duration::from_millis(50);
        let config = WorkerConfig { snapshots, checkpoint_interval, ..bench.worker(&dir.path().join("store")) };
        Worker::new(config, service::strategy(), service::STRATEGY.to_owned(), &Registry::new()).unwrap()
    };
    let running = worker();
    kafka::while_running(&running, || {
        bench.wait_until_committed(begin + service::ALL_OVER);
        wait_for("a snapshot", || {
            said(&motmot(&bench, dir.path(), &["store", "inspect", "--snapshot", "--verify"])).contains(": ok")
        });
        let refused = motmot(&bench, dir.path(), &["rebuild", "--yes"]);
        check(&refused, 1, &["are in the group", "stop its workers first"]);
    });
    drop(running);
    let half = i64::try_from(records.len() / 2).unwrap();
    admin::eat(&bench, 0, half);
    let before = bench.committed();

    let plan = motmot(&bench, dir.path(), &["rebuild"]);
    let words = [
        "is set aside",
        "snapshots are set aside",
        &format!("begins at offset {half}"),
        "is lost to the state",
        "Nothing was done",
    ];
    check(&plan, 1, &words);
    assert_eq!(bench.committed(), before, "it only said so");
    check(&motmot(&bench, dir.path(), &["rebuild", "--partition", "7"]), 2, &["partitions 0 to 0"]);
    check(&motmot(&bench, dir.path(), &["rebuild", "--partition", "0", "--from-offset", "1"]), 1, &["cannot begin at offset 1"]);
    check(&motmot(&bench, dir.path(), &["rebuild", "--yes"]), 0, &[&format!("begins at offset {half} with the next start")]);
    assert!(dir.path().join(format!("store/{}-0.set-aside", bench.topics.touchpoints)).is_dir());

    // A store of the former state turns up on another machine, and is recognised.
    let former = dir.path().join(format!("store/{}-0.set-aside", bench.topics.touchpoints));
    std::fs::rename(former, dir.path().join(format!("store/{}-0", bench.topics.touchpoints))).unwrap();
    let running = worker();
    kafka::while_running(&running, || bench.wait_until_committed(begin + service::ALL_OVER));
    let (tables, replay) = (bench.tables(), bench.replay(&service::strategy(), &bench.clocks()));
    assert!(replay.rows.len() > 100, "{} rows", replay.rows.len());
    for (key, value) in &replay.rows {
        assert_eq!(tables.rows.get(key), Some(value), "{} {}", key.0, String::from_utf8_lossy(&key.1));
    }
}

#[test]
fn from_the_logs_start_when_it_has_everything() {
    let Some(broker) = kafka::broker("from_the_logs_start_when_it_has_everything") else { return };
    let bench = Bench::new(&broker, "rebuild-all", 2);
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("snapshots")).unwrap();
    let begin = now_ms() - 7_200_000;
    kafka::produce(&broker, &bench.topics.touchpoints, &service::records(62, 300, begin));
    let worker = || {
        let config = bench.worker(&dir.path().join("store"));
        Worker::new(config, service::strategy(), service::STRATEGY.to_owned(), &Registry::new()).unwrap()
    };
    kafka::while_running(&worker(), || bench.wait_until_committed(begin + service::ALL_OVER));
    check(
        &motmot(&bench, dir.path(), &["rebuild", "--yes", "--delete"]),
        0,
        &["partition 0 begins at offset 0", "partition 1 begins"],
    );
    assert!(!dir.path().join(format!("store/{}-0", bench.topics.touchpoints)).exists());
    kafka::while_running(&worker(), || bench.wait_until_committed(begin + service::ALL_OVER));
    let tables = bench.tables();
    assert!(tables.cycles() > 250, "{} cycles", tables.cycles());
    tables.assert_equal(&bench.replay(&service::strategy(), &bench.clocks()), "rebuilt worker and replay");

    let store = dir.path().join(format!("store/{}-0", bench.topics.touchpoints));
    let inspected = motmot(&bench, dir.path(), &["store", "inspect", store.to_str().unwrap(), "--rows", "3"]);
    check(&inspected, 0, &["offset       ", "stream time", "test-service", "row          ", "\"touchpoints\""]);
}
