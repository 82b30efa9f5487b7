//! Promise: whatever lies in the topic, every record is folded or becomes a dead letter, byte for byte, and the partition goes on.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::collections::BTreeMap;

use motmot_core::touchpoint::Stage;
use motmot_stream::Worker;
use motmot_stream::partitioner::partition_of;
use motmot_tests::kafka::{self, Bench, Out, Row, now_ms};
use motmot_tests::service;
use motmot_wire::{DeadLetter, Writer};

const PARTITIONS: i32 = 2;

fn header<'r>(row: &'r Row, name: &str) -> Option<&'r [u8]> {
    row.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_slice())
}

/// A bad record and the reason that it must die of.
fn bad(begin: i64) -> Vec<(&'static str, Out)> {
    let mut writer = Writer::new();
    let good =
        |writer: &mut Writer, at: i64| service::out(writer, "anna", &service::touchpoint("bad", Stage::Greeting, at), begin);
    let value = good(&mut writer, begin).value.unwrap();
    let with = |value: Option<Vec<u8>>| Out { key: Some(b"anna".to_vec()), value, timestamp: begin, ..Out::default() };
    let home = partition_of(b"anna", PARTITIONS);
    let mut other_schema = value.clone();
    other_schema[3] ^= 0xff;
    let mut longer = value.clone();
    longer.push(0);
    let mut zeros = value[..10].to_vec();
    zeros.resize(10_000_000, 0);
    vec![
        ("not_avro", with(Some(b"garbage".to_vec()))),
        ("not_avro", with(Some(b"{\"event_id\": 1}".to_vec()))),
        ("not_avro", with(None)),
        ("not_avro", with(Some(vec![b'x'; 10_000_000]))),
        ("unknown_schema", with(Some(other_schema))),
        ("malformed", with(Some(value[..value.len() - 3].to_vec()))),
        ("trailing_bytes", with(Some(longer))),
        ("trailing_bytes", with(Some(zeros))),
        ("too_far_ahead", good(&mut writer, begin + 86_400_000)),
        ("misrouted", Out { partition: Some(1 - home), ..good(&mut writer, begin) }),
        ("no_key", Out { key: None, partition: Some(0), ..good(&mut writer, begin) }),
        ("no_key", Out { key: Some(Vec::new()), ..good(&mut writer, begin) }),
        ("bad_key", Out { key: Some(vec![0xff, 0xfe]), ..good(&mut writer, begin) }),
        ("bad_key", Out { key: Some(vec![b'k'; 5_000]), ..good(&mut writer, begin) }),
    ]
}

#[test]
fn dies_whole_with_its_reason_and_nothing_else_suffers() {
    let Some(broker) = kafka::broker("dies_whole_with_its_reason_and_nothing_else_suffers") else { return };
    let bench = Bench::new(&broker, "bad", PARTITIONS);
    let begin = now_ms() - 7_200_000;
    let bad = bad(begin);
    let good = service::records(4, 100, begin);
    let mut records = Vec::new();
    for (position, record) in good.iter().enumerate() {
        records.push(record.clone());
        if let Some((_, bad)) = bad.get(position) {
            records.push(Out { headers: vec![("trace", "t-1"), ("motmot.dead.reason", "an older death")], ..bad.clone() });
        }
    }
    kafka::produce(&broker, &bench.topics.touchpoints, &records);

    let dir = tempfile::tempdir().unwrap();
    let registry = prometheus::Registry::new();
    let worker = Worker::new(bench.worker(dir.path()), service::strategy(), service::STRATEGY.to_owned(), &registry).unwrap();
    kafka::while_running(&worker, || bench.wait_until_committed(begin + service::ALL_OVER));

    let input: BTreeMap<(i32, i64), Row> =
        bench.read(&bench.topics.touchpoints).into_iter().map(|row| ((row.partition, row.offset), row)).collect();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for dead in bench.read(&bench.topics.dead_letters) {
        let letter = DeadLetter::parse(dead.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))).unwrap();
        let came = &input[&(letter.partition, letter.offset)];
        assert_eq!((&dead.key, &dead.value), (&came.key, &came.value), "{}", letter.reason);
        assert_eq!(
            (letter.topic.as_str(), letter.timestamp.unwrap().as_millis()),
            (bench.topics.touchpoints.as_str(), came.timestamp)
        );
        assert_eq!(header(&dead, "trace"), Some(b"t-1".as_slice()), "the record's own headers stay");
        assert_eq!(dead.headers.iter().filter(|(name, _)| name == "motmot.dead.reason").count(), 1, "one envelope, the last");
        assert!(letter.detail.len() > 20, "`{}` says what to do", letter.detail);
        *reasons.entry(letter.reason).or_default() += 1;
    }
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    for (reason, _) in &bad {
        *expected.entry((*reason).to_owned()).or_default() += 1;
    }
    assert_eq!(reasons, expected);
    assert_eq!(counted(&registry, "motmot_worker_dead_letters_total"), bad.len() as u64);
    assert_eq!(counted(&registry, "motmot_worker_records_total"), records.len() as u64, "nothing is lost without a count");
    assert!(bench.tables().cycles() >= 95, "the good ones are told: {}", bench.tables().cycles());
}

fn counted(registry: &prometheus::Registry, name: &str) -> u64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name).unwrap();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counts are whole numbers
    family.get_metric().iter().map(|metric| metric.get_counter().get_value() as u64).sum()
}
