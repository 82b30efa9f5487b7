//! Promise: a worker whose disk is full ends and says what to do; with room again it goes on, and its tables are those of the replay.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use motmot_store::StoreError;
use motmot_stream::{Shutdown, Worker, WorkerConfig, WorkerError};
use motmot_tests::kafka::{self, Bench, now_ms};
use motmot_tests::process::skip;
use motmot_tests::service;
use prometheus::Registry;

/// A file system of a few megabytes in memory.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// None: this user may not mount one, which was said.
    fn mount(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "motmot-test"]).arg(folder).status();
        if !mounted.is_ok_and(|status| status.success()) {
            skip("this user may not mount a small file system; root may");
            return None;
        }
        Some(Self { folder: folder.to_owned() })
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut file = std::fs::File::options().create(true).append(true).open(self.filler()).unwrap();
        for size in [1 << 20, 4_096, 1] {
            while file.write_all(&vec![7; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: what a failed test has open must not keep it mounted.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

fn check(ended: Result<(), WorkerError>) {
    let error = ended.unwrap_err();
    assert!(matches!(error, WorkerError::Store(StoreError::DiskFull { .. })), "{error:?}");
    let text = error.to_string();
    for word in ["is full", "Make room", ".set-aside", "start it again", "nothing is lost or told twice"] {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

#[test]
fn while_it_runs_and_when_it_starts() {
    let Some(broker) = kafka::broker("disk_full") else { return };
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&dir.path().join("disk")) else { return };
    let bench = Bench::new(&broker, "disk-full", 1);
    let begin = now_ms() - 7_200_000;
    let records = service::records(41, 300, begin);
    let (first, second) = records.split_at(records.len() / 2);
    let worker = || {
        let config = WorkerConfig { checkpoint_interval: Duration::from_millis(50), ..bench.worker(&disk.folder.join("store")) };
        Worker::new(config, service::strategy(), service::STRATEGY.to_owned(), &Registry::new()).unwrap()
    };
    kafka::produce(&broker, &bench.topics.touchpoints, first);
    let (running, shutdown) = (worker(), Shutdown::new());
    let ended = std::thread::scope(|scope| {
        let ended = scope.spawn(|| running.run(&shutdown));
        bench.wait_until_committed(i64::MIN);
        disk.fill();
        kafka::produce(&broker, &bench.topics.touchpoints, second);
        ended.join().unwrap()
    });
    drop(running);
    check(ended);
    // A supervisor starts it again, in vain: what the end of the process gave back is soon taken.
    disk.fill();
    check(worker().run(&Shutdown::new()));
    disk.make_room();
    kafka::while_running(&worker(), || bench.wait_until_committed(begin + service::ALL_OVER));
    let tables = bench.tables();
    assert!(tables.cycles() > 250 && tables.moments() > 30, "{} cycles, {} moments", tables.cycles(), tables.moments());
    tables.assert_equal(&bench.replay(&service::strategy(), &bench.clocks()), "worker whose disk was full, and replay");
}
