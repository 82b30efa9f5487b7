//! Promise: a worker on a new machine goes on from the newest snapshot that fits, also when the log no longer reaches back, and its
//! tables are those of the replay.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use motmot_snapshot::{Address, Agent, Listed, Owner, SnapshotConfig};
use motmot_stream::{Refusal, Shutdown, Worker, WorkerConfig, WorkerError};
use motmot_tests::kafka::{self, Bench, Out, now_ms, wait_for};
use motmot_tests::s3::S3;
use motmot_tests::{admin, service};
use prometheus::Registry;

/// A service on one partition, with a second bench that keeps what the first one's retention eats.
struct Scene {
    bench: Bench,
    kept: Bench,
    begin: i64,
    records: Vec<Out>,
    fed: usize,
}

impl Scene {
    fn new(broker: &str, name: &str) -> Self {
        let begin = now_ms() - 7_200_000;
        let (bench, kept) = (Bench::new(broker, name, 1), Bench::new(broker, name, 1));
        Self { bench, kept, begin, records: service::records(21, 300, begin), fed: 0 }
    }

    /// Feeds the next part of so many.
    fn feed(&mut self, parts: usize) {
        let until = (self.fed + self.records.len().div_ceil(parts)).min(self.records.len());
        let part = &self.records[self.fed..until];
        for bench in [&self.bench, &self.kept] {
            kafka::produce(&bench.kafka.brokers, &bench.topics.touchpoints, part);
        }
        self.fed = until;
    }

    fn worker(&self, store: &Path, snapshots: &SnapshotConfig, registry: &Registry) -> Worker {
        let snapshots = Some(SnapshotConfig { interval_ms: 100, ..snapshots.clone() });
        let config = WorkerConfig { snapshots, checkpoint_interval: Duration::from_millis(50), ..self.bench.worker(store) };
        // A store that is a record behind is far behind: the newest state is the one that is asked for.
        let config = WorkerConfig { checkpoint_records: 1, ..config };
        Worker::new(config, service::strategy(), service::STRATEGY.to_owned(), registry).unwrap()
    }

    /// Runs a worker until all that was fed is committed, and, if it makes snapshots, one of it is made. Gives the offset.
    fn work(&self, store: &Path, snapshots: &SnapshotConfig) -> i64 {
        let worker = self.worker(store, snapshots, &Registry::new());
        let end = i64::try_from(self.fed).unwrap();
        kafka::while_running(&worker, || {
            self.bench.wait_until_committed(i64::MIN);
            wait_for("a snapshot of all that was fed", || self.newest(snapshots).is_some_and(|l| l.name.offset == end));
        });
        end
    }

    fn owner(&self, snapshots: &SnapshotConfig) -> (Agent, Owner) {
        let address = Address::open(&snapshots.url, &snapshots.options).unwrap();
        let agent = Agent::with(address, Duration::from_secs(60), 1, Arc::new(|_, _| ())).unwrap();
        let owner = agent.owners().unwrap().into_iter().find(|owner| owner.group == self.bench.name);
        let nobody = Owner { group: self.bench.name.clone(), topic: String::new(), topic_id: String::new(), partition: 0 };
        (agent, owner.unwrap_or(nobody))
    }

    fn listed(&self, snapshots: &SnapshotConfig) -> Vec<Listed> {
        let (agent, owner) = self.owner(snapshots);
        agent.list(&owner, &mut || ()).unwrap()
    }

    fn newest(&self, snapshots: &SnapshotConfig) -> Option<Listed> {
        self.listed(snapshots).first().copied()
    }

    /// Feeds the rest, lets a worker fold it, and compares its tables with the replay of all that ever was in the log.
    fn finish(mut self, store: &Path, snapshots: &SnapshotConfig) -> Registry {
        self.feed(1);
        let registry = Registry::new();
        let worker = self.worker(store, snapshots, &registry);
        kafka::while_running(&worker, || self.bench.wait_until_committed(self.begin + service::ALL_OVER));
        let tables = self.bench.tables();
        assert!(tables.cycles() > 250 && tables.moments() > 30, "{} cycles, {} moments", tables.cycles(), tables.moments());
        tables.assert_equal(&self.kept.replay(&service::strategy(), &self.bench.clocks()), "worker from a snapshot, and replay");
        registry
    }
}

fn folder(dir: &Path) -> SnapshotConfig {
    let folder = dir.join("snapshots");
    std::fs::create_dir_all(&folder).unwrap();
    SnapshotConfig::new(format!("file://{}", folder.display()))
}

fn value(registry: &Registry, name: &str) -> f64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name).unwrap();
    family.get_metric().iter().map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value()).sum()
}

fn check_new_machine(broker: &str, name: &str, dir: &Path, snapshots: &SnapshotConfig) {
    let mut scene = Scene::new(broker, name);
    scene.feed(3);
    let offset = scene.work(&dir.join("first"), snapshots);
    scene.feed(3);
    admin::eat(&scene.bench, 0, offset);
    let registry = scene.finish(&dir.join("second"), snapshots);
    assert_eq!(value(&registry, "motmot_snapshot_restores_total"), 1.0);
    assert_eq!(value(&registry, "motmot_snapshots_enabled"), 1.0);
    assert_eq!(value(&registry, "motmot_snapshot_failures_total"), 0.0);
}

#[test]
fn in_a_folder_when_retention_has_eaten_the_log_up_to_it() {
    let Some(broker) = kafka::broker("in_a_folder_when_retention_has_eaten_the_log_up_to_it") else { return };
    let dir = tempfile::tempdir().unwrap();
    check_new_machine(&broker, "snap-folder", dir.path(), &folder(dir.path()));
}

#[test]
fn on_s3_when_retention_has_eaten_the_log_up_to_it() {
    let Some(broker) = kafka::broker("on_s3_when_retention_has_eaten_the_log_up_to_it") else { return };
    let dir = tempfile::tempdir().unwrap();
    let Some(s3) = S3::start(dir.path()) else { return };
    check_new_machine(&broker, "snap-s3", dir.path(), &s3.snapshots());
}

/// The tables of the newest snapshot that none up to `offset` has.
fn newer_tables(scene: &Scene, snapshots: &SnapshotConfig, dir: &Path, offset: i64) -> Vec<PathBuf> {
    let (agent, owner) = scene.owner(snapshots);
    let listed = agent.list(&owner, &mut || ()).unwrap();
    let objects = |listed: &Listed| -> Vec<String> {
        let manifest = agent.read(&owner, listed, &mut || ()).unwrap();
        manifest.files.into_iter().filter(|file| file.name.ends_with(".sst")).map(|file| file.object).collect()
    };
    let older: Vec<String> = listed.iter().filter(|listed| listed.name.offset <= offset).flat_map(objects).collect();
    let topic_id = owner.topic_id.replace('/', "%2F"); // one in three has one
    let files = dir.join(format!("snapshots/{}/{}/{topic_id}/0/files", owner.group, owner.topic));
    objects(&listed[0]).into_iter().filter(|object| !older.contains(object)).map(|object| files.join(object)).collect()
}

fn spoil(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_damaged_one_is_passed_over_for_the_next_older_and_none_left_is_refused() {
    let Some(broker) = kafka::broker("a_damaged_one_is_passed_over") else { return };
    let dir = tempfile::tempdir().unwrap();
    let snapshots = folder(dir.path());
    let mut scene = Scene::new(&broker, "snap-damaged");
    scene.feed(4);
    let older = scene.work(&dir.path().join("first"), &snapshots);
    scene.feed(4);
    scene.work(&dir.path().join("first"), &snapshots);
    admin::eat(&scene.bench, 0, older);
    let newest = scene.newest(&snapshots).unwrap().name.to_string();
    let newer = newer_tables(&scene, &snapshots, dir.path(), older);
    assert!(!newer.is_empty(), "the newest snapshot has a table that the older ones have not");
    newer.iter().for_each(|file| spoil(file));

    // All of them damaged: refused in words, before anything is told.
    let hidden = dir.path().join("hidden");
    let kept = dir.path().join("snapshots");
    std::fs::rename(&kept, &hidden).unwrap();
    std::fs::create_dir(&kept).unwrap();
    let worker = scene.worker(&dir.path().join("nowhere"), &snapshots, &Registry::new());
    let error = worker.run(&Shutdown::new()).unwrap_err();
    assert!(matches!(error, WorkerError::Refused { refusal: Refusal::BehindLogStart { .. }, .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("motmot rebuild") && text.contains("no snapshot"), "{text}");
    std::fs::remove_dir_all(&kept).unwrap();
    std::fs::rename(&hidden, &kept).unwrap();

    let registry = scene.finish(&dir.path().join("second"), &snapshots);
    assert!(value(&registry, "motmot_snapshot_failures_total") >= 1.0, "{newest} was passed over and counted");
    assert_eq!(value(&registry, "motmot_snapshot_restores_total"), 1.0);
}

#[test]
fn a_store_that_another_machine_has_overtaken_gives_way_to_the_snapshot() {
    let Some(broker) = kafka::broker("a_store_that_another_machine_has_overtaken") else { return };
    let dir = tempfile::tempdir().unwrap();
    let snapshots = folder(dir.path());
    let mut scene = Scene::new(&broker, "snap-newer");
    scene.feed(4);
    scene.work(&dir.path().join("first"), &snapshots);
    scene.feed(4);
    let offset = scene.work(&dir.path().join("second"), &snapshots);
    // the first machine's records are gone: only the snapshot can lead on
    admin::eat(&scene.bench, 0, offset);
    let topic = scene.bench.topics.touchpoints.clone();
    let registry = scene.finish(&dir.path().join("first"), &snapshots);
    assert_eq!(value(&registry, "motmot_snapshot_restores_total"), 1.0);
    assert!(dir.path().join(format!("first/{topic}-0.set-aside")).is_dir(), "what gave way is set aside");
}

#[test]
fn a_store_of_snapshots_that_is_away_stops_nobody() {
    let Some(broker) = kafka::broker("a_store_of_snapshots_that_is_away_stops_nobody") else { return };
    let dir = tempfile::tempdir().unwrap();
    // Nothing listens on port 1.
    let options = [("aws_endpoint", "http://127.0.0.1:1"), ("aws_allow_http", "true"), ("aws_region", "x")];
    let options = options.into_iter().chain([("aws_access_key_id", "x"), ("aws_secret_access_key", "x")]);
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let snapshots = SnapshotConfig { options, ..SnapshotConfig::new("s3://bucket/x") };
    let mut scene = Scene::new(&broker, "snap-away");
    scene.feed(2);
    let registry = scene.finish(&dir.path().join("store"), &snapshots);
    assert!(value(&registry, "motmot_snapshot_failures_total") >= 1.0);
}
