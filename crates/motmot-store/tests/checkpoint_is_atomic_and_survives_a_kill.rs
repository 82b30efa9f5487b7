//! Promise: a store holds the last checkpoint written, whole, whatever happened to the process since.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use std::ops::ControlFlow;

use motmot_core::Timestamp;
use motmot_core::engine::{Cold, Position, RowChange, RowId};
use motmot_store::{Checkpoint, Meta, Reader, Resources, Store, StrategyId};

const STRATEGY: StrategyId = StrategyId { rules: 0xfeed, text: 0xbeef };

fn resources() -> Resources {
    Resources::new(8 << 20, 4 << 20)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn row<'a>(key: &'a str, cycle_id: &'a str) -> RowId<'a> {
    RowId { key, cycle_id: (!cycle_id.is_empty()).then_some(cycle_id) }
}

fn meta(offset: i64) -> Meta {
    let position = Position { now: at(offset * 10), stream_time: at(offset * 10 - 1) };
    Meta {
        topic_id: "topic".to_owned(),
        partitions: 3,
        origin: motmot_store::Origin::at(0),
        offset,
        position,
        strategy: STRATEGY,
        swaps: 1,
    }
}

fn put<'a>(row: RowId<'a>, value: &'a [u8], wake_at: Option<i64>, previous: Option<i64>) -> RowChange<'a> {
    RowChange { row, value: Some(value), wake_at: wake_at.map(at), previous_wake_at: previous.map(at) }
}

fn due(reader: &mut Reader, after: Timestamp, until: Timestamp) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    let mut visit = |at: Timestamp, row: RowId<'_>| {
        found.push((at.as_millis(), row.key.to_owned()));
        ControlFlow::Continue(())
    };
    reader.due(after, until, &mut visit).unwrap();
    found
}

#[test]
fn what_was_written_is_read_back_after_a_drop_without_close() {
    let dir = tempfile::tempdir().unwrap();
    {
        let mut store = Store::open(&resources(), dir.path(), "in", 2).unwrap();
        assert_eq!(store.meta(), None);
        let mut checkpoint = Checkpoint::new();
        checkpoint.add(&put(row("k", "c1"), b"one", Some(50), None));
        checkpoint.add(&put(row("k", ""), b"assembly", None, None));
        store.write(checkpoint, meta(7), "strategy: x").unwrap();
    }
    let store = Store::open(&resources(), dir.path(), "in", 2).unwrap();
    let mut reader = store.reader();
    assert_eq!(store.meta(), Some(&meta(7)));
    assert_eq!(store.strategy(STRATEGY).unwrap().as_deref(), Some("strategy: x"));
    assert_eq!(reader.load(row("k", "c1")).unwrap().as_deref(), Some(b"one".as_slice()));
    assert_eq!(reader.load(row("k", "")).unwrap().as_deref(), Some(b"assembly".as_slice()));
    assert_eq!(reader.load(row("k", "c2")).unwrap(), None);
    assert!(dir.path().join("in-2").is_dir(), "a partition is a folder");
}

#[test]
fn a_checkpoint_that_was_never_written_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    {
        let mut store = Store::open(&resources(), dir.path(), "in", 0).unwrap();
        let mut checkpoint = Checkpoint::new();
        checkpoint.add(&put(row("k", "c"), b"old", Some(50), None));
        store.write(checkpoint, meta(1), "").unwrap();
        let mut crashed = Checkpoint::<rocksdb::WriteBatch>::new();
        crashed.add(&put(row("k", "c"), b"new", Some(60), Some(50)));
        assert_eq!(crashed.rows(), 1);
    }
    let store = Store::open(&resources(), dir.path(), "in", 0).unwrap();
    let mut reader = store.reader();
    assert_eq!(store.meta(), Some(&meta(1)));
    assert_eq!(reader.load(row("k", "c")).unwrap().as_deref(), Some(b"old".as_slice()));
    assert_eq!(due(&mut reader, Timestamp::MIN, Timestamp::MAX), [(50, "k".to_owned())]);
}

#[test]
fn wake_ups_come_in_order_move_and_go_with_their_row() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&resources(), dir.path(), "in", 0).unwrap();
    let mut checkpoint = Checkpoint::new();
    for (key, wake_at) in [("late", 900), ("early", -5), ("middle", 300), ("gone", 400)] {
        checkpoint.add(&put(row(key, "c"), b"v", Some(wake_at), None));
    }
    store.write(checkpoint, meta(1), "").unwrap();
    let mut checkpoint = Checkpoint::new();
    checkpoint.add(&put(row("late", "c"), b"v", Some(100), Some(900)));
    checkpoint.add(&RowChange { row: row("gone", "c"), value: None, wake_at: None, previous_wake_at: Some(at(400)) });
    store.write(checkpoint, meta(2), "").unwrap();

    let mut reader = store.reader();
    let names = |found: Vec<(i64, String)>| found.into_iter().map(|(_, key)| key).collect::<Vec<_>>();
    assert_eq!(names(due(&mut reader, Timestamp::MIN, Timestamp::MAX)), ["early", "late", "middle"]);
    assert_eq!(names(due(&mut reader, at(-5), at(100))), ["late"], "after is excluded, until is included");
    assert_eq!(names(due(&mut reader, at(100), at(299))), [""; 0]);
    assert_eq!(reader.load(row("gone", "c")).unwrap(), None);
}
