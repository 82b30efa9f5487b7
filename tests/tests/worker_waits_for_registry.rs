//! Promise: a record whose schema nobody can say is waited for: nothing is lost, nothing guessed, and nothing else stands still for it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use motmot_registry::{Registry, Waiting};
use motmot_stream::partitioner::partition_of;
use motmot_stream::{Worker, WorkerConfig};
use motmot_tests::kafka::{self, Bench, Out, now_ms};
use motmot_tests::registry::{Apicurio, changed_schema, numbered};
use motmot_tests::service;
use motmot_wire::{DeadLetter, NotYet, ReadError, Reader, RecordType, SchemaSource, Writer, WriterSchema};
use serde_json::json;

const PARTITIONS: i32 = 2;

/// A registry that may be out: two numbers, of which the second is always there.
#[derive(Debug, Default)]
struct Switch {
    is_there: AtomicBool,
    asked: AtomicU32,
}

impl SchemaSource for Switch {
    fn schema(&self, id: u32) -> Result<Arc<WriterSchema>, ReadError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if id == 2 || self.is_there.load(Ordering::Relaxed) {
            Ok(Arc::clone(RecordType::Touchpoint.current()))
        } else {
            Err(NotYet { id, detail: "it is out".to_owned() }.into())
        }
    }
}

fn partition(out: &Out) -> i32 {
    partition_of(out.key.as_deref().unwrap(), PARTITIONS)
}

fn gauge(registry: &prometheus::Registry, name: &str) -> f64 {
    let families = registry.gather();
    families.iter().find(|family| family.name() == name).unwrap().get_metric()[0].get_gauge().get_value()
}

fn worker(config: WorkerConfig, reader: &Reader, writer: Writer, registry: &prometheus::Registry) -> Worker {
    let worker = Worker::new(config, service::strategy(), service::STRATEGY.to_owned(), registry).unwrap();
    worker.with_reader(reader.clone()).with_writer(writer)
}

/// Waits until one partition has come to what it waits at, and the others are folded to their ends; then its committed offset.
fn stands_at(bench: &Bench, waiting: i32, at_least: i64, records: &[Out]) -> i64 {
    let all = |p: i32| i64::try_from(records.iter().filter(|out| partition(out) == p).count()).unwrap();
    kafka::wait_for("both partitions", || {
        let committed = bench.committed();
        (0..PARTITIONS).all(|p| committed[&p].0 >= if p == waiting { at_least } else { all(p) })
    });
    bench.committed()[&waiting].0
}

#[test]
fn only_the_partition_that_needs_it_and_a_re_fold_likewise() {
    let Some(broker) = kafka::broker("only_the_partition_that_needs_it_and_a_re_fold_likewise") else { return };
    let switch = Arc::new(Switch::default());
    let bench = Bench::new(&broker, "waits", PARTITIONS);
    let bench = Bench { reader: Reader::new().with_registry(switch.clone()), ..bench };
    let begin = now_ms() - 7_200_000;
    let records = service::records(11, 400, begin);
    // Of partition 1, the fifth record and every third behind it have the number that is not known yet.
    let mut seen = 0;
    let framed: Vec<Out> = records
        .iter()
        .map(|out| {
            seen += usize::from(partition(out) == 1);
            let unknown = partition(out) == 1 && seen >= 5 && (seen - 5).is_multiple_of(3);
            numbered(out, if unknown { 1 } else { 2 }, &[])
        })
        .collect();
    kafka::produce(&broker, &bench.topics.touchpoints, &framed);

    let (dir, metrics) = (tempfile::tempdir().unwrap(), prometheus::Registry::new());
    let first = worker(bench.worker(dir.path()), &bench.reader, Writer::new(), &metrics);
    kafka::while_running(&first, || {
        assert_eq!(stands_at(&bench, 1, 4, &framed), 4, "what came before is committed, and nothing else");
        kafka::wait_for("the gauge", || gauge(&metrics, "motmot_worker_waiting_partitions") == 1.0);
        assert!(first.health().obstacle().unwrap().contains("schema registry"));
        // It stands for many turns of the loop, and through deadlines of the other partition.
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(bench.committed()[&1].0, 4);
        switch.is_there.store(true, Ordering::Relaxed);
        bench.wait_until_committed(begin + service::ALL_OVER);
        kafka::wait_for("readiness", || first.health().obstacle().is_none());
    });
    assert_eq!(gauge(&metrics, "motmot_worker_waiting_partitions"), 0.0);
    bench.tables().assert_equal(&bench.replay(&service::strategy(), &bench.clocks()), "after the wait");
    assert!(bench.read(&bench.topics.dead_letters).is_empty());
    let before = bench.read(&bench.topics.moments).len();

    // A lost store, and a reader that knows nothing yet: the re-fold stands where the first fold stood.
    let again = Arc::new(Switch::default());
    let (dir, metrics) = (tempfile::tempdir().unwrap(), prometheus::Registry::new());
    let second = worker(bench.worker(dir.path()), &Reader::new().with_registry(again.clone()), Writer::new(), &metrics);
    kafka::while_running(&second, || {
        let is_one = |name: &str| gauge(&metrics, name) == 1.0;
        kafka::wait_for("one re-fold to wait and the other to end", || {
            is_one("motmot_worker_waiting_partitions") && is_one("motmot_worker_refolding_partitions")
        });
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(gauge(&metrics, "motmot_worker_waiting_partitions"), 1.0, "it stands");
        assert_eq!(gauge(&metrics, "motmot_worker_refolding_partitions"), 1.0, "the other one has ended");
        again.is_there.store(true, Ordering::Relaxed);
        kafka::wait_for("the re-fold", || second.health().obstacle().is_none());
    });
    assert_eq!(bench.read(&bench.topics.moments).len(), before, "a re-fold tells nothing");
    bench.tables().assert_equal(&bench.replay(&service::strategy(), &bench.clocks()), "after the re-fold");
}

#[test]
fn a_partition_that_waits_can_be_stopped_and_taken_over() {
    let Some(broker) = kafka::broker("a_partition_that_waits_can_be_stopped_and_taken_over") else { return };
    let switch = Arc::new(Switch::default());
    let bench = Bench { reader: Reader::new().with_registry(switch.clone()), ..Bench::new(&broker, "handed", PARTITIONS) };
    let begin = now_ms() - 7_200_000;
    let framed: Vec<Out> = service::records(12, 200, begin).iter().map(|out| numbered(out, 1, &[])).collect();
    kafka::produce(&broker, &bench.topics.touchpoints, &framed);
    let waiting = |metrics: &prometheus::Registry| gauge(metrics, "motmot_worker_waiting_partitions");
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let metrics = [prometheus::Registry::new(), prometheus::Registry::new()];
    let first = worker(bench.worker(dirs[0].path()), &bench.reader, Writer::new(), &metrics[0]);
    let second = WorkerConfig { instance: "w2".to_owned(), ..bench.worker(dirs[1].path()) };
    let second = worker(second, &bench.reader, Writer::new(), &metrics[1]);
    kafka::while_running(&first, || {
        kafka::wait_for("both to wait", || waiting(&metrics[0]) == 2.0);
        // Another joins: one of the two goes to it, and waits there.
        kafka::while_running(&second, || {
            kafka::wait_for("the handing over", || waiting(&metrics[0]) == 1.0 && waiting(&metrics[1]) == 1.0);
        });
        // It leaves: static membership brings its partition back when its session has ended.
        kafka::wait_for("the return", || waiting(&metrics[0]) == 2.0 && waiting(&metrics[1]) == 0.0);
        switch.is_there.store(true, Ordering::Relaxed);
        bench.wait_until_committed(begin + service::ALL_OVER);
    });
    bench.tables().assert_equal(&bench.replay(&service::strategy(), &bench.clocks()), "after two hands");
}

#[test]
fn a_real_registry_killed_in_the_middle() {
    let Some(broker) = kafka::broker("a_real_registry_killed_in_the_middle") else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(mut apicurio) = Apicurio::start(folder.path()) else { return };
    let bench = Bench::new(&broker, "registry", PARTITIONS);
    let bench = Bench { reader: Reader::new().with_registry(Arc::new(apicurio.client())), ..bench };
    let subject = motmot_registry::subject(&bench.topics.touchpoints, RecordType::Touchpoint);
    let extra = |name: &str| json!({"name": name, "type": ["null", "string"], "default": null});
    let older = changed_schema(|fields| assert_eq!(fields.pop().unwrap()["name"], "attributes"));
    let newer = changed_schema(|fields| fields.push(extra("language")));
    let newest = changed_schema(|fields| fields.extend([extra("language"), extra("mood")]));
    let ids = [&older, RecordType::Touchpoint.json(), &newer, &newest].map(|schema| apicurio.register(&subject, schema));
    let begin = now_ms() - 7_200_000;
    let records = service::records(13, 300, begin);
    // All four writers at once, single-object encoding in between; the newest comes in the second half only.
    let half = records.len() / 2;
    let framed: Vec<Out> = records
        .iter()
        .enumerate()
        .map(|(position, out)| match position % 4 {
            0 => {
                let mut old = numbered(out, ids[0], &[]);
                assert_eq!(old.value.as_mut().unwrap().pop(), Some(0), "no attributes");
                old
            }
            1 => out.clone(),
            2 => numbered(out, ids[2], b"\x02\x04he"),
            _ if position > half => numbered(out, ids[3], b"\0\x02\x08calm"),
            _ => numbered(out, ids[1], &[]),
        })
        .collect();
    let (first, second) = framed.split_at(half);

    let (dir, metrics) = (tempfile::tempdir().unwrap(), prometheus::Registry::new());
    let client = Registry::new(&apicurio.config(), Waiting::AtMost(Duration::from_millis(250)), Some(&metrics)).unwrap();
    let rows = [(RecordType::Moment, bench.topics.moments.as_str()), (RecordType::Cycle, bench.topics.cycles.as_str())];
    let writer = client.writer(&rows).unwrap();
    let worker = worker(bench.worker(dir.path()), &Reader::new().with_registry(Arc::new(client)), writer, &metrics);
    kafka::while_running(&worker, || {
        kafka::produce(&broker, &bench.topics.touchpoints, first);
        bench.wait_until_committed(i64::MIN);
        apicurio.kill();
        kafka::produce(&broker, &bench.topics.touchpoints, second);
        kafka::wait_for("both partitions to wait", || gauge(&metrics, "motmot_worker_waiting_partitions") == 2.0);
        assert_eq!(gauge(&metrics, "motmot_registry_up"), 0.0);
        apicurio.run();
        bench.wait_until_committed(begin + service::ALL_OVER);
        kafka::produce(&broker, &bench.topics.touchpoints, &[numbered(&records[0], 999_999, &[])]);
        kafka::wait_for("the dead letter", || bench.read(&bench.topics.dead_letters).len() == 1);
    });
    assert_eq!(gauge(&metrics, "motmot_registry_up"), 1.0);
    for topic in [&bench.topics.moments, &bench.topics.cycles] {
        let rows = bench.read(topic);
        assert!(!rows.is_empty() && rows.iter().all(|row| row.value.as_ref().is_none_or(|value| value[0] == 0)), "{topic}");
    }
    let dead = bench.read(&bench.topics.dead_letters);
    let letter = DeadLetter::parse(dead[0].headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))).unwrap();
    assert_eq!(letter.reason, "unknown_schema");
    assert!(letter.detail.contains("999999"), "{}", letter.detail);
    bench.tables().assert_equal(&bench.replay(&service::strategy(), &bench.clocks()), "whatever the framing");
}
