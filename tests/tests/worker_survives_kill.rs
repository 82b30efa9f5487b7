//! Promise: a worker that is killed at any instant, and started again, tells the same tables as if nothing had been.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use motmot_tests::kafka::{self, Bench, now_ms, wait_for};
use motmot_tests::{admin, service};

/// A worker as a process. Dropped, it is killed.
struct Process {
    child: Child,
    dir: PathBuf,
}

impl Process {
    fn start(bench: &Bench, dir: &Path, extra: &[(&str, serde_json::Value)]) -> Self {
        let mut config = serde_json::json!({
            "kafka": {"brokers": bench.kafka.brokers},
            "topics": {
                "touchpoints": bench.topics.touchpoints, "moments": bench.topics.moments,
                "cycles": bench.topics.cycles, "dead_letters": bench.topics.dead_letters,
                "strategies": bench.topics.strategies,
            },
            "input_timestamps": "producer",
            "group": bench.name,
            "instance": "killed",
            "shards": 2,
            "store": dir.join("store"),
            "commit_interval": 20,
            "checkpoint_interval": 150,
        });
        for (name, value) in extra {
            config[*name] = value.clone();
        }
        std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
        std::fs::write(dir.join("strategy.yaml"), service::STRATEGY).unwrap();
        Self { child: spawn(dir), dir: dir.to_owned() }
    }

    /// Starts it again if it has ended by itself, as any supervisor does: on a busy machine a transaction outlives its time-out.
    fn keep(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            eprintln!("started again after it ended with {status}");
            self.child = spawn(&self.dir);
        }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.signal() == Some(9) || !status.success(), "it must not have ended in order: {status}");
    }

    /// Ends its input and waits; the worker must end well.
    fn stop(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success(), "the worker must end in order");
    }
}

fn spawn(dir: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_test-worker"));
    command.arg(dir.join("config.json")).arg(dir.join("strategy.yaml")).stdin(Stdio::piped()).spawn().unwrap()
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn committed(bench: &Bench) -> i64 {
    bench.committed().values().map(|(offset, _)| *offset).sum()
}

#[test]
fn twice_in_the_middle_and_once_in_order() {
    let Some(broker) = kafka::broker("twice_in_the_middle_and_once_in_order") else { return };
    let bench = Bench::new(&broker, "killed", 3);
    let dir = tempfile::tempdir().unwrap();
    let begin = now_ms() - 7_200_000;
    let records = service::records(2, 3_000, begin);
    let (parts, mut fed) = (4, 0_i64);
    for (round, part) in records.chunks(records.len().div_ceil(parts)).enumerate() {
        let mut worker = Process::start(&bench, dir.path(), &[]);
        kafka::produce(&broker, &bench.topics.touchpoints, part);
        let before = fed;
        fed += i64::try_from(part.len()).unwrap();
        if round + 1 == parts {
            bench.wait_until(begin + service::ALL_OVER, || worker.keep());
            worker.stop();
        } else {
            // In the middle of a part: some of it is committed, more is in memory, and a transaction is open.
            wait_for("a commit in the middle", || {
                worker.keep();
                committed(&bench) > before
            });
            worker.kill();
        }
    }
    let tables = bench.tables();
    assert!(tables.cycles() > 2_900 && tables.moments() > 300, "{} cycles, {} moments", tables.cycles(), tables.moments());
    tables.assert_equal(&bench.replay(&service::strategy(), &bench.clocks()), "killed worker and replay");
}

#[test]
fn without_its_store_when_the_log_reaches_back_to_its_start() {
    let Some(broker) = kafka::broker("without_its_store") else { return };
    let bench = Bench::new(&broker, "storeless", 2);
    let dir = tempfile::tempdir().unwrap();
    let begin = now_ms() - 7_200_000;
    let records = service::records(3, 400, begin);
    let (first, second) = records.split_at(records.len() / 2);
    let mut worker = Process::start(&bench, dir.path(), &[("checkpoint_records", 100.into())]);
    kafka::produce(&broker, &bench.topics.touchpoints, first);
    wait_for("a commit", || {
        worker.keep();
        committed(&bench) > 0
    });
    worker.kill();
    std::fs::remove_dir_all(dir.path().join("store")).unwrap();
    kafka::produce(&broker, &bench.topics.touchpoints, second);
    let mut worker = Process::start(&bench, dir.path(), &[("checkpoint_records", 100.into())]);
    bench.wait_until(begin + service::ALL_OVER, || worker.keep());
    worker.stop();
    bench.tables().assert_equal(&bench.replay(&service::strategy(), &bench.clocks()), "worker without its store, and replay");
}

/// The offset of the newest snapshot below a folder; a manifest's name begins with it.
fn newest_snapshot(folder: &Path) -> Option<i64> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |path: PathBuf| {
        let is_manifest = path.parent().is_some_and(|parent| parent.ends_with("manifests"));
        let digits = is_manifest.then(|| path.file_name()?.to_str()?.get(..20)?.parse().ok()).flatten();
        digits.or_else(|| newest_snapshot(&path))
    };
    entries.filter_map(|entry| of(entry.path())).max()
}

#[test]
fn on_an_empty_disk_from_a_snapshot_when_retention_has_eaten_the_log() {
    let Some(broker) = kafka::broker("on_an_empty_disk_from_a_snapshot") else { return };
    let (bench, kept) = (Bench::new(&broker, "diskless", 1), Bench::new(&broker, "diskless-kept", 1));
    let dir = tempfile::tempdir().unwrap();
    let snapshots = dir.path().join("snapshots");
    std::fs::create_dir(&snapshots).unwrap();
    let begin = now_ms() - 7_200_000;
    let records = service::records(8, 2_000, begin);
    let feed = |part| {
        for bench in [&bench, &kept] {
            kafka::produce(&broker, &bench.topics.touchpoints, part);
        }
    };
    let (first, second) = records.split_at(records.len() / 2);
    let extra = [("snapshots", serde_json::json!({"url": format!("file://{}", snapshots.display()), "interval_ms": 50}))];
    let mut worker = Process::start(&bench, dir.path(), &extra);
    feed(first);
    wait_for("a snapshot", || {
        worker.keep();
        newest_snapshot(&snapshots).is_some_and(|offset| offset > 0)
    });
    let before = committed(&bench);
    feed(second);
    wait_for("a commit behind it", || {
        worker.keep();
        committed(&bench) > before
    });
    worker.kill();
    std::fs::remove_dir_all(dir.path().join("store")).unwrap();
    let offset = newest_snapshot(&snapshots).unwrap();
    assert!(offset <= committed(&bench), "no snapshot is ever ahead of the commit");
    admin::eat(&bench, 0, offset);
    let mut worker = Process::start(&bench, dir.path(), &extra);
    bench.wait_until(begin + service::ALL_OVER, || worker.keep());
    worker.stop();
    let tables = bench.tables();
    assert!(tables.cycles() > 1_900, "{} cycles", tables.cycles());
    tables.assert_equal(&kept.replay(&service::strategy(), &bench.clocks()), "worker with an empty disk, and replay");
}
