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

/// One partition, a worker of it that makes snapshots, and the words of `motmot store inspect --snapshot`.
struct Scene {
    bench: Bench,
    dir: tempfile::TempDir,
    begin: i64,
    records: Vec<kafka::Out>,
}

impl Scene {
    fn new(broker: &str, name: &str, seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("snapshots")).unwrap();
        let begin = now_ms() - 7_200_000;
        Self { bench: Bench::new(broker, name, 1), dir, begin, records: service::records(seed, 300, begin) }
    }

    fn feed(&self, records: &[kafka::Out]) {
        kafka::produce(&self.bench.kafka.brokers, &self.bench.topics.touchpoints, records);
    }

    fn work<T>(&self, registry: &Registry, meanwhile: impl FnOnce() -> T) -> T {
        let url = format!("file://{}", self.dir.path().join("snapshots").display());
        let snapshots = Some(SnapshotConfig { interval_ms: 100, ..SnapshotConfig::new(url) });
        let checkpoint_interval = Duration::from_millis(50);
        let config = WorkerConfig { snapshots, checkpoint_interval, ..self.bench.worker(&self.dir.path().join("store")) };
        let worker = Worker::new(config, service::strategy(), service::STRATEGY.to_owned(), registry).unwrap();
        kafka::while_running(&worker, meanwhile)
    }

    fn motmot(&self, arguments: &[&str]) -> Output {
        motmot(&self.bench, self.dir.path(), arguments)
    }

    /// The name of the newest snapshot that is of this offset and not set aside.
    fn snapshot_of(&self, offset: usize) -> Option<String> {
        let output = self.motmot(&["store", "inspect", "--snapshot", "--json"]);
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let mut all = found["snapshots"].as_array().into_iter().flatten();
        let one = all.find(|one| one["offset"] == offset && one["is_set_aside"] == false)?;
        one["name"].as_str().map(str::to_owned)
    }

    /// Rows that were ever told.
    fn told(&self) -> usize {
        self.bench.read(&self.bench.topics.moments).len() + self.bench.read(&self.bench.topics.cycles).len()
    }
}

#[test]
fn from_an_offset_that_is_named() {
    let Some(broker) = kafka::broker("from_an_offset_that_is_named") else { return };
    let scene = Scene::new(&broker, "rebuild-offset", 63);
    scene.feed(&scene.records);
    scene.work(&Registry::new(), || scene.bench.wait_until_committed(scene.begin + service::ALL_OVER));
    let offset = scene.records.len() / 3;
    let asked = scene.motmot(&["rebuild", "--partition", "0", "--from-offset", &offset.to_string(), "--yes"]);
    check(&asked, 0, &["is lost to the state", &format!("partition 0 begins at offset {offset} with the next start")]);
    assert_eq!(scene.bench.committed()[&0].0, i64::try_from(offset).unwrap());
    let before = scene.told();
    scene.work(&Registry::new(), || scene.bench.wait_until_committed(scene.begin + service::ALL_OVER));
    let (_, metadata) = &scene.bench.committed()[&0];
    assert!(metadata.contains(&format!(";{offset}@")), "the state is that of the log from {offset} on: {metadata}");
    assert!(scene.told() > before + 50, "everything from there is told again");
    // The replay reads what the log has: now as much as the worker has folded.
    admin::eat(&scene.bench, 0, i64::try_from(offset).unwrap());
    let (tables, replay) = (scene.bench.tables(), scene.bench.replay(&service::strategy(), &scene.bench.clocks()));
    assert!(replay.rows.len() > 100, "{} rows", replay.rows.len());
    for (key, value) in &replay.rows {
        assert_eq!(tables.rows.get(key), Some(value), "{} {}", key.0, String::from_utf8_lossy(&key.1));
    }
}

#[test]
fn from_a_snapshot_that_is_named() {
    let Some(broker) = kafka::broker("from_a_snapshot_that_is_named") else { return };
    let scene = Scene::new(&broker, "rebuild-snapshot", 64);
    let half = scene.records.len() / 2;
    let (first, second) = scene.records.split_at(half);
    scene.feed(first);
    let name = scene.work(&Registry::new(), || {
        scene.bench.wait_until_committed(i64::MIN);
        let mut name = None;
        wait_for("a snapshot of the first half", || {
            name = scene.snapshot_of(half);
            name.is_some()
        });
        name.unwrap()
    });
    scene.feed(second);
    scene.work(&Registry::new(), || {
        scene.bench.wait_until_committed(scene.begin + service::ALL_OVER);
        wait_for("a newer snapshot", || scene.snapshot_of(scene.records.len()).is_some());
    });
    check(&scene.motmot(&["rebuild", "--snapshot", &name]), 2, &["name it with --partition"]);
    check(&scene.motmot(&["rebuild", "--partition", "0", "--snapshot", "x"]), 1, &["there is no snapshot x"]);
    let asked = scene.motmot(&["rebuild", "--partition", "0", "--snapshot", &name, "--yes"]);
    check(&asked, 0, &["goes on from the snapshot", &format!("partition 0 begins at offset {half} with the next start")]);
    assert_eq!(scene.bench.committed()[&0].0, i64::try_from(half).unwrap());
    assert_eq!(scene.snapshot_of(scene.records.len()), None, "the newer ones are set aside");
    // Nothing but the snapshot leads on.
    admin::eat(&scene.bench, 0, i64::try_from(half).unwrap());
    let (before, registry) = (scene.told(), Registry::new());
    scene.work(&registry, || scene.bench.wait_until_committed(scene.begin + service::ALL_OVER));
    let restored = registry.gather().into_iter().find(|family| family.name() == "motmot_snapshot_restores_total").unwrap();
    assert_eq!(restored.get_metric()[0].get_counter().get_value(), 1.0);
    assert!(scene.told() > before + 50, "everything behind it is told again");
    let (tables, kept) = (scene.bench.tables(), Bench::new(&broker, "rebuild-snapshot-kept", 1));
    kafka::produce(&broker, &kept.topics.touchpoints, &scene.records);
    tables.assert_equal(&kept.replay(&service::strategy(), &scene.bench.clocks()), "worker from a named snapshot, and replay");
}
