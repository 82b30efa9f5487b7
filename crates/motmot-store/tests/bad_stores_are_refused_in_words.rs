//! Promise: a store that must not be used is refused, and the words say why and what to do.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use motmot_core::Timestamp;
use motmot_core::engine::Position;
use motmot_store::{Checkpoint, Meta, Resources, Store, StoreError, StrategyId, keys};

fn resources() -> Resources {
    Resources::new(8 << 20, 4 << 20)
}

fn check(error: &StoreError, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

#[test]
fn locked() {
    let dir = tempfile::tempdir().unwrap();
    let _owner = Store::open(&resources(), dir.path(), "in", 0).unwrap();
    let error = Store::open(&resources(), dir.path(), "in", 0).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    check(&error, &["in-0", "another process", "instance name", "Stop that one"]);
}

#[test]
fn of_another_format() {
    let dir = tempfile::tempdir().unwrap();
    let db = rocksdb::DB::open_default(dir.path().join("in-0")).unwrap();
    db.put(keys::META, [200_u8, 1, 2, 3]).unwrap();
    drop(db);
    let error = Store::open(&resources(), dir.path(), "in", 0).unwrap_err();
    assert!(matches!(error, StoreError::Format { found: 200, .. }), "{error:?}");
    check(&error, &["in-0", "format 200", "reads format 3", "motmot rebuild"]);
}

#[test]
fn damaged() {
    let dir = tempfile::tempdir().unwrap();
    {
        let mut store = Store::open(&resources(), dir.path(), "in", 0).unwrap();
        let position = Position { now: Timestamp::MIN, stream_time: Timestamp::MIN };
        let meta = Meta {
            topic_id: String::new(),
            partitions: 1,
            origin: motmot_store::Origin::at(0),
            offset: 1,
            position,
            strategy: StrategyId { rules: 1, text: 1 },
            swaps: 0,
        };
        store.write(Checkpoint::new(), meta, "").unwrap();
    }
    std::fs::write(dir.path().join("in-0/CURRENT"), "nonsense").unwrap();
    let error = Store::open(&resources(), dir.path(), "in", 0).unwrap_err();
    check(&error, &["in-0"]);
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

#[test]
fn no_folder() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&resources(), &file, "in", 0).unwrap_err();
    assert!(matches!(error, StoreError::Folder { .. }), "{error:?}");
    check(&error, &["store.dir", "rights"]);
}
