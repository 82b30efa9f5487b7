//! Promise: report, explain and customer say of a worker's topics what they say of a replay of the same records, to the last offset.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says by a panic what broke")]

use std::path::Path;
use std::process::Command;

use motmot_core::Timestamp;
use motmot_stream::Worker;
use motmot_tests::kafka::{self, Bench, now_ms, wait_for};
use motmot_tests::process::motmot;
use motmot_tests::service;

/// What the program prints.
fn say(bench: &Bench, folder: &Path, arguments: &[&str]) -> String {
    let sets = [
        format!("kafka.brokers={}", bench.kafka.brokers),
        format!("topics.touchpoints={}", bench.topics.touchpoints),
        format!("topics.moments={}", bench.topics.moments),
        format!("topics.cycles={}", bench.topics.cycles),
        format!("strategy.file={}", folder.join("strategy.yaml").display()),
    ];
    let mut program = Command::new(motmot());
    program.args(arguments).args(sets.iter().flat_map(|set| ["--set", set]));
    let outcome = program.output().unwrap();
    assert!(outcome.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&outcome.stderr));
    String::from_utf8(outcome.stdout).unwrap()
}

#[test]
fn topics_and_replay_tell_the_same() {
    let Some(broker) = kafka::broker("topics_and_replay_tell_the_same") else { return };
    let bench = Bench::new(&broker, "report", 3);
    let begin = now_ms() - 7_200_000;
    kafka::produce(&broker, &bench.topics.touchpoints, &service::records(7, 300, begin));
    let folder = tempfile::tempdir().unwrap();
    let worker = Worker::new(
        bench.worker(&folder.path().join("store")),
        service::strategy(),
        service::STRATEGY.to_owned(),
        &prometheus::Registry::new(),
    )
    .unwrap();
    kafka::while_running(&worker, || {
        bench.wait_until_committed(begin + service::ALL_OVER);
        wait_for("readiness", || worker.health().obstacle().is_none());
    });

    std::fs::write(folder.path().join("strategy.yaml"), service::STRATEGY).unwrap();
    let (strategy, out) = (folder.path().join("strategy.yaml"), folder.path().join("replayed"));
    let (strategy, replayed) = (strategy.to_str().unwrap(), out.to_str().unwrap());
    let topic = &bench.topics.touchpoints;
    // Later than the worker's clock, and before the first open moment expires, a day after it was raised: no deadline lies between.
    let until = Timestamp::from_millis(now_ms()).to_string();
    say(&bench, folder.path(), &["replay", "--strategy", strategy, "--topic", topic, "--until", &until, "--out", replayed]);

    let both = |arguments: &[&str]| {
        let of_topics = say(&bench, folder.path(), arguments);
        assert_eq!(of_topics, say(&bench, folder.path(), &[arguments, &["--replayed", replayed]].concat()), "{arguments:?}");
        of_topics
    };
    let report: serde_json::Value = serde_json::from_str(&both(&["report", "--by", "rule,stage", "--format", "json"])).unwrap();
    let [done, open] = ["final", "not_final"].map(|state| report["cycles"][state].as_u64().unwrap());
    assert_eq!(done + open, 300);
    assert!(done > 200 && open > 20, "a moment that is still open keeps its cycle from being final: {done}, {open}");
    assert!(report["overall"]["critical"].as_u64().unwrap() > 30, "{}", report["overall"]);

    let moments = std::fs::read_to_string(out.join("moments.jsonl")).unwrap();
    let slow = moments.lines().find(|line| line.contains("\"rule\":\"slow\"")).unwrap();
    let slow: serde_json::Value = serde_json::from_str(slow).unwrap();
    let (id, key) = (slow["moment_id"].as_str().unwrap(), slow["key"].as_str().unwrap());
    let story = both(&["explain", &id[..12]]);
    assert!(story.contains("it takes at most 1m") && story.contains(&format!("the moment rests on {topic}-")), "{story}");
    both(&["explain", id, "--json"]);
    assert!(both(&["customer", key]).contains("outside the customer file"));
    both(&["customer", key, "--json"]);
}
