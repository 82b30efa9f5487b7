//! Promise: whatever has become of store, commit and topic, a worker goes on right or says in words what mends it; never a wrong table.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use motmot_store::StoreError;
use motmot_stream::{Refusal, Shutdown, Worker, WorkerConfig, WorkerError};
use motmot_tests::kafka::{self, Bench, Out, now_ms};
use motmot_tests::{admin, service};
use prometheus::Registry;

/// A worker that has folded a half, and what is left to be fed.
struct Half {
    bench: Bench,
    dir: tempfile::TempDir,
    begin: i64,
    rest: Vec<Out>,
}

impl Half {
    fn new(broker: &str, name: &str) -> Self {
        let bench = Bench::new(broker, name, 1);
        let begin = now_ms() - 7_200_000;
        let mut records = service::records(31, 300, begin);
        let rest = records.split_off(records.len() / 2);
        kafka::produce(broker, &bench.topics.touchpoints, &records);
        let half = Self { bench, dir: tempfile::tempdir().unwrap(), begin, rest };
        kafka::while_running(&half.worker(), || half.bench.wait_until_committed(i64::MIN));
        half
    }

    fn config(&self) -> WorkerConfig {
        WorkerConfig { checkpoint_interval: Duration::from_millis(50), ..self.bench.worker(self.dir.path()) }
    }

    fn worker(&self) -> Worker {
        Worker::new(self.config(), service::strategy(), service::STRATEGY.to_owned(), &Registry::new()).unwrap()
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join(format!("{}-0", self.bench.topics.touchpoints))
    }

    fn set_aside(&self) -> PathBuf {
        self.dir.path().join(format!("{}-0.set-aside", self.bench.topics.touchpoints))
    }

    fn files(&self, ending: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.store()).unwrap().map(|entry| entry.unwrap().path());
        entries
            .filter(|path| {
                path.to_string_lossy().ends_with(ending) || path.file_name().unwrap().to_string_lossy().starts_with(ending)
            })
            .collect()
    }

    fn refusal(&self, words: &[&str]) -> WorkerError {
        let error = self.worker().run(&Shutdown::new()).unwrap_err();
        let text = error.to_string();
        words.iter().for_each(|word| assert!(text.contains(word), "`{word}` is missing in: {text}"));
        error
    }

    /// Feeds the rest; the tables are those of the replay in the end.
    fn finish(&self) {
        kafka::produce(&self.bench.kafka.brokers, &self.bench.topics.touchpoints, &self.rest);
        kafka::while_running(&self.worker(), || self.bench.wait_until_committed(self.begin + service::ALL_OVER));
        self.check();
    }

    fn check(&self) {
        let tables = self.bench.tables();
        assert!(tables.cycles() > 250 && tables.moments() > 30, "{} cycles, {} moments", tables.cycles(), tables.moments());
        tables.assert_equal(&self.bench.replay(&service::strategy(), &self.bench.clocks()), "worker and replay");
    }
}

/// Something happens to the store; the worker folds it again from the log and is right.
fn check_goes_on(name: &str, is_given_up: bool, harm: impl FnOnce(&Half)) {
    let Some(broker) = kafka::broker(name) else { return };
    let half = Half::new(&broker, name);
    harm(&half);
    half.finish();
    assert_eq!(half.set_aside().is_dir(), is_given_up, "whether the store was given up, and set aside");
}

fn cut(file: &Path) {
    let length = std::fs::metadata(file).unwrap().len();
    std::fs::File::options().write(true).open(file).unwrap().set_len(length / 2).unwrap();
}

#[test]
fn offsets_set_back_by_hand() {
    let Some(broker) = kafka::broker("offsets_set_back_by_hand") else { return };
    let half = Half::new(&broker, "starts-ahead");
    half.finish();
    half.bench.reset(0, 3);
    kafka::while_running(&half.worker(), || half.bench.wait_until_committed(half.begin + service::ALL_OVER));
    half.check();
    assert!(half.set_aside().is_dir(), "the store that was ahead is set aside");
}

#[test]
fn a_truncated_list_of_tables() {
    check_goes_on("starts-manifest", true, |half| half.files("MANIFEST").iter().for_each(|file| cut(file)));
}

#[test]
fn a_list_that_is_none() {
    check_goes_on("starts-current", true, |half| std::fs::write(half.store().join("CURRENT"), "nonsense\n").unwrap());
}

#[test]
fn a_log_that_is_gone() {
    // RocksDB opens what its tables have, which is an older checkpoint, or an empty store.
    check_goes_on("starts-wal", false, |half| {
        let logs = half.files(".log");
        assert!(!logs.is_empty());
        logs.iter().for_each(|file| std::fs::remove_file(file).unwrap());
    });
}

/// Puts what the store holds into tables, as a larger one would have it.
fn flush(half: &Half) {
    let resources = motmot_store::Resources::new(8 << 20, 4 << 20);
    let store = motmot_store::Store::open(&resources, half.dir.path(), &half.bench.topics.touchpoints, 0).unwrap();
    store.snapshotter().take().unwrap(); // which flushes
}

#[test]
fn a_table_that_is_gone() {
    check_goes_on("starts-sst-gone", true, |half| {
        flush(half);
        let tables = half.files(".sst");
        assert!(!tables.is_empty());
        tables.iter().for_each(|file| std::fs::remove_file(file).unwrap());
    });
}

#[test]
fn a_table_with_wrong_bytes_ends_the_worker_that_reads_it_and_the_next_start_does_without() {
    let Some(broker) = kafka::broker("a_table_with_wrong_bytes") else { return };
    let half = Half::new(&broker, "starts-sst");
    flush(&half);
    for file in half.files(".sst") {
        let mut bytes = std::fs::read(&file).unwrap();
        let data = bytes.len() / 2;
        bytes[..data].iter_mut().step_by(97).for_each(|byte| *byte ^= 0xff);
        std::fs::write(&file, bytes).unwrap();
    }
    let resources = motmot_store::Resources::new(8 << 20, 4 << 20);
    match motmot_store::Store::open(&resources, half.dir.path(), &half.bench.topics.touchpoints, 0) {
        // The description lies in a damaged block: noticed at once.
        Err(StoreError::Damaged { .. }) => {}
        other => panic!("it must be damaged: {other:?}"),
    }
    half.finish();
    assert!(half.set_aside().join("DAMAGED").is_file(), "what was found is noted with it");
}

#[test]
fn a_group_that_was_forgotten() {
    check_goes_on("starts-forgotten", false, |half| admin::forget_group(&half.bench));
}

#[test]
fn a_log_that_begins_behind_the_store() {
    let Some(broker) = kafka::broker("a_log_that_begins_behind_the_store") else { return };
    let half = Half::new(&broker, "starts-behind");
    std::fs::remove_dir_all(half.store()).unwrap();
    admin::eat(&half.bench, 0, 10);
    let error = half.refusal(&["log begins at 10", "snapshots.url", "motmot rebuild"]);
    assert!(matches!(error, WorkerError::Refused { refusal: Refusal::BehindLogStart { .. }, .. }), "{error:?}");
}

#[test]
fn a_store_ahead_of_a_commit_that_the_log_cannot_lead_to() {
    let Some(broker) = kafka::broker("a_store_ahead_of_a_commit") else { return };
    let half = Half::new(&broker, "starts-ahead-eaten");
    half.bench.reset(0, 30);
    admin::eat(&half.bench, 0, 20);
    let error = half.refusal(&["ahead of the group's commit 30", "begins at 20", "motmot rebuild"]);
    assert!(matches!(error, WorkerError::Refused { refusal: Refusal::StoreAhead { .. }, .. }), "{error:?}");
    assert!(half.store().is_dir(), "what is refused is left as it is");
}

#[test]
fn a_topic_that_was_made_anew() {
    let Some(broker) = kafka::broker("a_topic_that_was_made_anew") else { return };
    let half = Half::new(&broker, "starts-anew");
    admin::make_anew(&half.bench, &half.bench.topics.touchpoints);
    let error = half.refusal(&["deleted and made again", "motmot rebuild"]);
    assert!(matches!(error, WorkerError::Refused { refusal: Refusal::OtherTopic { .. }, .. }), "{error:?}");
}

#[test]
fn partitions_that_were_added() {
    let Some(broker) = kafka::broker("partitions_that_were_added") else { return };
    let half = Half::new(&broker, "starts-partitions");
    let topics = &half.bench.topics;
    admin::add_partitions(&half.bench, &[&topics.touchpoints, &topics.moments, &topics.cycles, &topics.dead_letters], 3);
    let error = half.refusal(&["of 1 partitions; it now has 3", "motmot rebuild"]);
    assert!(matches!(error, WorkerError::Refused { refusal: Refusal::OtherPartitions { .. }, .. }), "{error:?}");
}
