//! Promise: what a restore gives back is what was put, to the byte, whatever an earlier attempt left; or it is refused by its name.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use motmot_core::Timestamp;
use motmot_core::engine::Position;
use motmot_snapshot::{Address, Agent, Event, Listed, Manifest, Owner, SnapshotError};
use motmot_store::{Meta, StrategyId};

struct Bench {
    dir: tempfile::TempDir,
    agent: Agent,
    events: Arc<Mutex<Vec<Event>>>,
}

fn owner() -> Owner {
    Owner { group: "a group".to_owned(), topic: "in".to_owned(), topic_id: String::new(), partition: 3 }
}

fn meta(offset: i64) -> Meta {
    let position = Position { now: Timestamp::from_millis(7), stream_time: Timestamp::from_millis(6) };
    let strategy = StrategyId { rules: 1, text: 2 };
    Meta { topic_id: String::new(), partitions: 8, origin: motmot_store::Origin::at(0), offset, position, strategy, swaps: 0 }
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("file://{}", dir.path().join("store").display());
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let into = Arc::clone(&events);
        let address = Address::open(&url, &std::collections::BTreeMap::new()).unwrap();
        std::fs::create_dir(dir.path().join("store")).unwrap();
        let observer = Arc::new(move |_, event| into.lock().unwrap().push(event));
        let agent = Agent::with(address, Duration::from_millis(1), 3, observer).unwrap();
        Self { dir, agent, events }
    }

    /// Makes a snapshot of these files.
    fn make(&self, offset: i64, files: &[(&str, Vec<u8>)]) -> (Listed, Manifest) {
        let mut session = self.agent.session(Owner { partition: 0, ..owner() });
        drop(std::mem::replace(&mut session, self.agent.session(owner())));
        let folder = self.dir.path().join("snapshot");
        std::fs::create_dir(&folder).unwrap();
        for (name, content) in files {
            std::fs::write(folder.join(name), content).unwrap();
        }
        let taken = (folder.clone(), meta(offset));
        session.send(move || Ok(taken), 5);
        let begun = Instant::now();
        while !self
            .events
            .lock()
            .unwrap()
            .iter()
            .any(|event| matches!(event, Event::Made { offset: made, .. } if *made == offset))
        {
            assert!(begun.elapsed() < Duration::from_secs(90), "{:?}", self.events.lock().unwrap());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!folder.exists(), "what was sent is not left lying about");
        let listed = self.agent.list(&owner(), &mut || ()).unwrap().into_iter().find(|l| l.name.offset == offset).unwrap();
        (listed, self.agent.read(&owner(), &listed, &mut || ()).unwrap())
    }

    fn restore(&self, of: &(Listed, Manifest), folder: &Path) -> Result<(u64, u64), SnapshotError> {
        let (listed, manifest) = of;
        self.agent.restore(&owner(), listed, manifest, folder, &mut || ()).map(|restored| (restored.bytes, restored.fetched))
    }

    /// The file of the store's folder that has a file's content.
    fn object(&self, manifest: &Manifest, name: &str) -> PathBuf {
        let object = &manifest.files.iter().find(|file| file.name == name).unwrap().object;
        self.dir.path().join("store/a group/in/unnamed/3/files").join(object)
    }
}

/// More than a part of an upload, and not a whole number of them.
fn large() -> Vec<u8> {
    (0..20_000_003_u32).map(|byte| u8::try_from(byte.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect()
}

fn check(folder: &Path, files: &[(&str, Vec<u8>)]) {
    for (name, content) in files {
        assert!(std::fs::read(folder.join(name)).unwrap() == *content, "{name} is another");
    }
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), files.len(), "nothing else is there");
}

#[test]
fn whole_or_in_part_it_goes_on_where_it_was() {
    let bench = Bench::new();
    let files = [("CURRENT", b"MANIFEST-1\n".to_vec()), ("1.sst", large()), ("2.sst", b"two".to_vec()), ("empty", Vec::new())];
    let made = bench.make(42, &files);
    assert_eq!(made.1.meta(), Some(meta(42)));
    assert_eq!(bench.agent.owners().unwrap(), [owner()], "whose it is can be read from where it lies");
    let folder = bench.dir.path().join("restored");
    let all = 11 + 20_000_003 + 3;
    assert_eq!(bench.restore(&made, &folder).unwrap(), (all, all));
    check(&folder, &files);
    assert_eq!(bench.restore(&made, &folder).unwrap(), (all, 0), "what is there is not fetched again");

    // cut off, too long, of another content, of another snapshot
    let cut = std::fs::File::options().write(true).open(folder.join("1.sst")).unwrap();
    cut.set_len(15_000_000).unwrap();
    std::fs::write(folder.join("2.sst"), "owt").unwrap();
    std::fs::write(folder.join("CURRENT"), "MANIFEST-1\nand more").unwrap();
    std::fs::write(folder.join("9.sst"), "nine").unwrap();
    std::fs::create_dir(folder.join("odd")).unwrap();
    assert_eq!(bench.restore(&made, &folder).unwrap(), (all, 5_000_003 + 3 + 11));
    check(&folder, &files);
}

#[test]
fn what_is_damaged_in_the_store_is_refused_by_its_name() {
    let bench = Bench::new();
    let files = [("CURRENT", b"1".to_vec()), ("1.sst", b"one one one".to_vec())];
    let made = bench.make(42, &files);
    let object = bench.object(&made.1, "1.sst");
    for (content, words) in [("one one onE", "is not what its name says"), ("one", "has 3 bytes instead of 11")] {
        std::fs::write(&object, content).unwrap();
        let error = bench.restore(&made, &bench.dir.path().join("restored")).unwrap_err();
        assert!(matches!(error, SnapshotError::Damaged { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(&made.0.name.to_string()) && text.contains(words) && text.contains("1.sst"), "{text}");
        let error = bench.agent.verify(&owner(), &made.0, &made.1, bench.dir.path()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    std::fs::remove_file(&object).unwrap();
    let error = bench.restore(&made, &bench.dir.path().join("restored")).unwrap_err();
    assert!(matches!(&error, SnapshotError::Damaged { detail, .. } if detail.contains("is not there")), "{error:?}");
    std::fs::write(&object, "one one one").unwrap();
    bench.agent.verify(&owner(), &made.0, &made.1, bench.dir.path()).unwrap();
    bench.restore(&made, &bench.dir.path().join("restored")).unwrap();
    check(&bench.dir.path().join("restored"), &files);
}

#[test]
fn one_that_is_set_aside_is_listed_as_such_and_keeps_its_files() {
    let bench = Bench::new();
    let made = bench.make(42, &[("1.sst", b"one".to_vec())]);
    bench.agent.retire(&owner(), &made.0, false).unwrap();
    let listed = bench.agent.list(&owner(), &mut || ()).unwrap();
    assert!(matches!(listed.as_slice(), [one] if one.is_set_aside && one.name == made.0.name), "{listed:?}");
    assert_eq!(bench.agent.read(&owner(), &listed[0], &mut || ()).unwrap(), made.1);
    assert!(bench.object(&made.1, "1.sst").exists());
    bench.agent.retire(&owner(), &listed[0], true).unwrap();
    assert!(bench.agent.list(&owner(), &mut || ()).unwrap().is_empty());
}

#[test]
fn a_store_that_cannot_be_written_is_a_failure_and_the_next_one_waits() {
    let bench = Bench::new();
    std::fs::remove_dir(bench.dir.path().join("store")).unwrap();
    std::fs::write(bench.dir.path().join("store"), "in the way").unwrap();
    let folder = bench.dir.path().join("snapshot");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("1.sst"), "one").unwrap();
    let mut session = bench.agent.session(owner());
    session.send(move || Ok((folder, meta(1))), 5);
    let begun = Instant::now();
    while bench.events.lock().unwrap().len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(90));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(*bench.events.lock().unwrap(), [Event::Begun, Event::Failed { reason: "unreachable" }]);
}
