//! Promise: each concept of the theory is what its script in `tests/concepts` says, by a worker on a real Kafka and by `motmot replay`.
//!
//! All scripts that share a strategy are one log: each scenario has customers of its own, and all touchpoints lie in the order of their
//! arrival, as they would in life. What is compared is how everything ends; how it got there, instant by instant, the engine's own test
//! of the same scripts holds (`crates/motmot-core/tests/engine/scripts.rs`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

#[allow(dead_code, unused_imports, reason = "the engine's tests need more of it")]
mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use motmot_core::cycle::CycleRecord;
use motmot_core::engine::Sink;
use motmot_core::{Moment, Strategy, Text, Timestamp};
use motmot_stream::Worker;
use motmot_tests::kafka::{self, Bench, Out};
use motmot_tests::process::motmot;
use motmot_tests::service;
use motmot_wire::json::write_json_line;
use motmot_wire::{Arrived, Reader, Table, Writer};

use support::script::{self, Action, Arrival, Scenario};
use support::story;
use support::tables::{Row, Tables};

/// A scenario and what tells its customers from all others'.
struct Scene {
    prefix: String,
    scenario: Scenario,
}

/// All scripts that are judged by one strategy.
struct Group {
    strategy: String,
    scenes: Vec<Scene>,
}

fn groups() -> Vec<Group> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("concepts");
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    scripts.sort();
    let mut groups: BTreeMap<String, Vec<Scene>> = BTreeMap::new();
    for path in scripts {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let script = script::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let scenes = script.scenarios.into_iter().enumerate();
        let scenes = scenes.map(|(number, scenario)| Scene { prefix: format!("{name}-{number}~"), scenario });
        groups.entry(script.strategy).or_default().extend(scenes);
    }
    assert!(!groups.is_empty(), "no scripts in {}", folder.display());
    groups.into_iter().map(|(strategy, scenes)| Group { strategy, scenes }).collect()
}

impl Group {
    /// The touchpoints of all scenarios, in the order of their arrival.
    fn log(&self) -> Vec<Arrival> {
        let mut log: Vec<Arrival> = self.scenes.iter().flat_map(Scene::arrivals).collect();
        log.sort_by_key(|arrival| arrival.arrived_at);
        log
    }

    /// Compares how each scenario ends with what its script says.
    fn check(&self, tables: &Tables, who: &str) {
        let mut faults = String::new();
        for Scene { prefix, scenario } in &self.scenes {
            let mut found = story::ends(scenario, &of(tables, prefix));
            let mut expected = scenario.steps.last().unwrap().expected.clone();
            found.sort();
            expected.sort();
            if found != expected {
                _ = writeln!(faults, "{prefix} {}\n  should be {expected:#?}\n  is {found:#?}", scenario.title);
            }
        }
        assert!(faults.is_empty(), "{who}:\n{faults}");
    }
}

impl Scene {
    fn arrivals(&self) -> impl Iterator<Item = Arrival> {
        let arrivals = self.scenario.steps.iter().filter_map(|step| match &step.action {
            Action::Arrival(arrival) => Some(Arrival::clone(arrival)),
            Action::Clock(_) | Action::End(_) => None,
            Action::DeadLetter(_) => panic!("{}: a concept needs no dead letter", self.prefix),
        });
        arrivals.map(|mut arrival| {
            let own = |text: &str| Text::owned(format!("{}{text}", self.prefix));
            let touchpoint = &mut arrival.touchpoint;
            touchpoint.customer_id = touchpoint.customer_id.as_deref().map(own);
            // Who gave no name is keyed by the cycle.
            touchpoint.cycle_id = touchpoint.cycle_id.as_deref().map(own);
            arrival.key = own(&arrival.key).to_string();
            arrival
        })
    }
}

/// The rows of one scenario, named as in its script.
fn of(tables: &Tables, prefix: &str) -> Tables {
    let plain = |text: &str| text.replace(prefix, "");
    let row = |row: &Row| -> Row { row.iter().map(|(name, value)| (*name, plain(value))).collect() };
    let is_own = |row: &Row| row["key"].starts_with(prefix);
    let moments = tables.moments.iter().filter(|(_, moment)| is_own(moment));
    let cycles = tables.cycles.iter().filter(|(_, cycle)| is_own(cycle));
    Tables {
        moments: moments.map(|(id, moment)| (id.clone(), row(moment))).collect(),
        cycles: cycles.map(|((key, id), cycle)| ((plain(key), plain(id)), row(cycle))).collect(),
        ..Tables::default()
    }
}

#[test]
fn by_a_replay() {
    for group in groups() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let mut lines = Vec::new();
        for Arrival { arrived_at, touchpoint, .. } in group.log() {
            write_json_line(&Arrived { arrived_at: Some(Timestamp::from_millis(arrived_at)), touchpoint }, &mut lines).unwrap();
        }
        std::fs::write(file("log.jsonl"), lines).unwrap();
        std::fs::write(file("strategy.yaml"), &group.strategy).unwrap();
        let words = ["replay", "--strategy", "strategy.yaml", "--until", "end", "--out", "out", "log.jsonl"];
        let output = Command::new(motmot()).args(words).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

        let mut tables = Tables::default();
        for line in std::fs::read_to_string(file("out/moments.jsonl")).unwrap().lines() {
            tables.moment(&serde_json::from_str::<Moment<'_>>(line).unwrap(), &[]);
        }
        for line in std::fs::read_to_string(file("out/cycles.jsonl")).unwrap().lines() {
            tables.cycle(&serde_json::from_str::<CycleRecord<'_>>(line).unwrap(), &[]);
        }
        group.check(&tables, "the replay");
    }
}

#[test]
fn by_a_worker_on_kafka() {
    let Some(broker) = kafka::broker("by_a_worker_on_kafka") else { return };
    std::thread::scope(|scope| {
        for group in groups() {
            let broker = &broker;
            scope.spawn(move || play(broker, &group));
        }
    });
}

fn play(broker: &str, group: &Group) {
    let bench = Bench::new(broker, "concepts", 2);
    let log = group.log();
    let writer = &mut Writer::new();
    // All of it lies there before the worker starts: at the head its clock would be the wall's, and all of this is long past.
    let records: Vec<Out> = log.iter().map(|a| service::out(writer, &a.key, &a.touchpoint, a.arrived_at)).collect();
    kafka::produce(broker, &bench.topics.touchpoints, &records);

    let dir = tempfile::tempdir().unwrap();
    let strategy = Arc::new(Strategy::load("strategy.yaml", &group.strategy).unwrap_or_else(|problems| panic!("{problems}")));
    let registry = prometheus::Registry::new();
    let worker = Worker::new(bench.worker(dir.path()), strategy, group.strategy.clone(), &registry).unwrap();
    let ends = group.scenes.iter().filter_map(|scene| scene.scenario.steps.last().map(|step| step.action.at()));
    let end = ends.max().unwrap();
    kafka::while_running(&worker, || bench.wait_until_committed(end));

    let reader = Reader::new();
    let mut tables = Tables::default();
    for ((table, _), value) in &bench.tables().rows {
        match *table == Table::Moments.name() {
            true => tables.moment(&reader.moment(value).unwrap(), &[]),
            false => tables.cycle(&reader.cycle(value).unwrap(), &[]),
        }
    }
    group.check(&tables, "the worker");
}
