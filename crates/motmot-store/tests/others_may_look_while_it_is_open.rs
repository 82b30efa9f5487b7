//! Promise: a store that is open can be looked into and be taken a snapshot of, and is none the worse for it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use motmot_core::Timestamp;
use motmot_core::engine::{Cold as _, Position, RowChange, RowId};
use motmot_store::{Checkpoint, Inspection, Meta, Resources, Store, StoreError, StrategyId, folder, keys::Prefix};

fn meta(offset: i64) -> Meta {
    let position = Position { now: Timestamp::from_millis(offset), stream_time: Timestamp::from_millis(offset - 1) };
    let strategy = StrategyId { rules: 1, text: 2 };
    Meta { topic_id: "id".to_owned(), partitions: 3, origin: motmot_store::Origin::at(0), offset, position, strategy, swaps: 0 }
}

fn write(store: &mut Store, offset: i64, keys: &[&str]) {
    let mut checkpoint = Checkpoint::new();
    for key in keys {
        let row = RowId { key, cycle_id: Some("c") };
        let wake_at = Some(Timestamp::from_millis(offset + 1_000));
        checkpoint.add(&RowChange { row, value: Some(key.as_bytes()), wake_at, previous_wake_at: None });
    }
    store.write(checkpoint, meta(offset), "strategy: x").unwrap();
}

fn keys(inspection: &Inspection, of: Option<&str>) -> Vec<String> {
    let mut keys = Vec::new();
    inspection
        .rows(of, |row, value| {
            assert_eq!(row.key.as_bytes(), value);
            keys.push(row.key.to_owned());
            true
        })
        .unwrap();
    keys
}

#[test]
fn what_is_there_is_counted_and_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&Resources::new(8 << 20, 4 << 20), dir.path(), "in", 0).unwrap();
    write(&mut store, 7, &["ann", "anna", "bob"]);
    let inspection = Inspection::open(store.path()).unwrap();
    write(&mut store, 9, &["carl"]);
    assert_eq!(inspection.meta().unwrap(), Some(meta(7)), "as it stood when it was opened");
    let (counts, unknown) = inspection.counts().unwrap();
    let entries = |prefix| counts.iter().find(|counts| counts.prefix == prefix).unwrap().entries;
    assert_eq!([Prefix::Meta, Prefix::Strategy, Prefix::Row, Prefix::Wake].map(entries), [1, 1, 3, 3]);
    assert_eq!(unknown, 0);
    assert_eq!(keys(&inspection, None), ["ann", "bob", "anna"], "rows lie in the order of their keys' lengths");
    assert_eq!(keys(&inspection, Some("ann")), ["ann"]);
    assert_eq!(keys(&inspection, Some("nobody")), [""; 0]);
    assert_eq!(inspection.strategy(StrategyId { rules: 1, text: 2 }).unwrap().as_deref(), Some("strategy: x"));
    let mut wakes = Vec::new();
    inspection.wakes(2, |at, row| wakes.push((at.as_millis(), row.key.to_owned()))).unwrap();
    assert_eq!(wakes.len(), 2);
    assert!(matches!(Inspection::open(dir.path()), Err(StoreError::NoStore { .. })));
    assert!(!dir.path().join("CURRENT").exists(), "looking makes nothing");
}

#[test]
fn a_snapshot_is_the_last_checkpoint_and_the_store_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let resources = Resources::new(8 << 20, 4 << 20);
    let mut store = Store::open(&resources, dir.path(), "in", 0).unwrap();
    write(&mut store, 7, &["ann"]);
    let (snapshot, of) = store.snapshotter().take().unwrap();
    assert_eq!((&snapshot, of), (&folder::snapshot(store.path()), meta(7)));
    write(&mut store, 9, &["bob"]);
    let inspection = Inspection::open(&snapshot).unwrap();
    assert_eq!((inspection.meta().unwrap(), keys(&inspection, None)), (Some(meta(7)), vec!["ann".to_owned()]));
    let files: Vec<String> =
        std::fs::read_dir(&snapshot).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(files.iter().any(|name| name.ends_with(".sst")) && !files.iter().any(|name| name == "LOCK"), "{files:?}");
    let left = folder::restore(store.path());
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("1.sst"), "fetched by halves").unwrap();
    assert_eq!(store.snapshotter().take().unwrap(), (snapshot.clone(), meta(9)), "a newer one takes its place");
    assert!(!left.exists(), "what was fetched and not needed any more is removed");
    assert_eq!(Inspection::open(&snapshot).unwrap().meta().unwrap(), Some(meta(9)));
    drop(store);
    // put in another place it is a store
    folder::put_in_place(&snapshot, &folder::of(dir.path(), "in", 1)).unwrap();
    let mut reader = Store::open(&resources, dir.path(), "in", 1).unwrap().reader();
    assert_eq!(reader.load(RowId { key: "bob", cycle_id: Some("c") }).unwrap().as_deref(), Some(b"bob".as_slice()));
}

#[test]
fn what_a_killed_process_left_of_a_snapshot_goes_with_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let resources = Resources::new(8 << 20, 4 << 20);
    let mut store = Store::open(&resources, dir.path(), "in", 0).unwrap();
    write(&mut store, 7, &["ann"]);
    let (snapshot, _) = store.snapshotter().take().unwrap();
    drop(store);
    drop(Store::open(&resources, dir.path(), "in", 0).unwrap());
    assert!(!snapshot.exists());
}

#[test]
fn a_damage_that_was_found_once_is_not_trusted_again() {
    let dir = tempfile::tempdir().unwrap();
    let resources = Resources::new(8 << 20, 4 << 20);
    let mut store = Store::open(&resources, dir.path(), "in", 0).unwrap();
    let names: Vec<String> = (0..2_000).map(|number| format!("customer-{number}")).collect();
    write(&mut store, 7, &names.iter().map(String::as_str).collect::<Vec<_>>());
    store.snapshotter().take().unwrap(); // which flushes
    drop(store);
    let table = std::fs::read_dir(dir.path().join("in-0")).unwrap().map(|entry| entry.unwrap().path());
    let table = table.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "sst")).unwrap();
    let mut bytes = std::fs::read(&table).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle..middle + 64].iter_mut().for_each(|byte| *byte ^= 0xff);
    std::fs::write(&table, bytes).unwrap();
    // It opens: what is damaged was not read yet.
    let store = Store::open(&resources, dir.path(), "in", 0).unwrap();
    let mut reader = store.reader();
    let read = names.iter().map(|name| reader.load(RowId { key: name, cycle_id: Some("c") }));
    let damaged = read.filter_map(Result::err).filter(|error| matches!(error.downcast_ref(), Some(StoreError::Damaged { .. })));
    assert!(damaged.count() > 0, "wrong bytes are noticed where they are read");
    drop((store, reader));
    let error = Store::open(&resources, dir.path(), "in", 0).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }) && error.to_string().contains("motmot rebuild"), "{error:?}");
}
