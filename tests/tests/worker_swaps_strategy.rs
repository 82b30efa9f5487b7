//! Promise: another strategy is put in force while the worker runs, exactly once, whatever kills it: its tables are those of a replay
//! that is told of the same swaps.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;

use motmot_core::touchpoint::Stage;
use motmot_core::{Strategy, Timestamp};
use motmot_store::StrategyId;
use motmot_stream::strategies::Contents;
use motmot_tests::kafka::{self, Bench, Out, now_ms, wait_for};
use motmot_tests::process::{free_port, motmot};
use motmot_tests::{http, service};
use motmot_wire::Writer;
use rdkafka::consumer::BaseConsumer;

const HEAD: &str = "strategy: swapped\ncycles: [{inactivity: 6h, grace: 1m}]\nrules:\n";
const SLOW: &str =
    "  - {id: slow, kind: slow, from: {stage: need_detection}, to: {stage: fulfilment}, dimension: responsiveness, limit: ";
const UNNAMED: &str = "  - {id: unnamed, kind: lacking, where: {stage: greeting}, demands: [named], dimension: empathy}\n";

/// Every cycle of [`live`] is slow.
fn strict() -> String {
    format!("{HEAD}{SLOW}60s}}\n")
}

/// None is slow yet, and in each somebody gave no name.
fn patient() -> String {
    format!("{HEAD}{SLOW}4h}}\n{UNNAMED}")
}

/// Nobody asks how long it takes.
fn other() -> String {
    format!("{HEAD}{UNNAMED}")
}

fn load(text: &str) -> Arc<Strategy> {
    Arc::new(Strategy::load("test", text).unwrap_or_else(|problems| panic!("{problems}")))
}

fn id(text: &str) -> StrategyId {
    StrategyId::of(&load(text), text)
}

/// Cycles that wait for their fulfilment, since ten minutes or more; every tenth customer has left, and that cycle is final.
fn live(numbers: std::ops::Range<i64>, begin: i64) -> Vec<Out> {
    let mut writer = Writer::new();
    let mut records = Vec::new();
    for number in numbers {
        let (key, cycle) = (format!("customer-{}", number / 2), format!("cycle-{number}"));
        let at = begin + number;
        let left = (number % 10 == 0).then_some((Stage::Farewell, at + 20));
        for (stage, at) in [(Stage::Greeting, at), (Stage::NeedDetection, at + 10)].into_iter().chain(left) {
            records.push(service::out(&mut writer, &key, &service::touchpoint(&cycle, stage, at), at));
        }
    }
    records.sort_by_key(|record| record.timestamp);
    records
}

/// `motmot worker` as a process, with its configuration in a folder. Dropped, it is killed.
struct Installation {
    bench: Bench,
    /// Tells the commits, in less time than a swap takes.
    group: BaseConsumer,
    dir: tempfile::TempDir,
    port: u16,
    worker: Option<Child>,
}

impl Installation {
    fn new(broker: &str, name: &str, partitions: i32, source: &str) -> Self {
        let bench = Bench::new(broker, name, partitions);
        let (group, dir) = (bench.group_client(), tempfile::tempdir().unwrap());
        let installation = Self { bench, group, dir, port: free_port(), worker: None };
        installation.configure(source);
        installation
    }

    fn configure(&self, source: &str) {
        let (topics, name) = (&self.bench.topics, &self.bench.name);
        let config = format!(
            "[kafka]\nbrokers = \"{}\"\n[input]\ntimestamps = \"producer\"\n[topics]\ntouchpoints = \"{}\"\nmoments = \"{}\"\n\
             cycles = \"{}\"\ndead_letters = \"{}\"\nstrategies = \"{}\"\n[worker]\ngroup = \"{name}\"\ninstance = \"w1\"\nshards = 1\n\
             commit_interval = \"20ms\"\ncheckpoint_interval = \"300ms\"\n[http]\nlisten = \"127.0.0.1:{}\"\n[strategy]\n{source}\n",
            self.bench.kafka.brokers,
            topics.touchpoints,
            topics.moments,
            topics.cycles,
            topics.dead_letters,
            topics.strategies,
            self.port
        );
        std::fs::write(self.path("motmot.toml"), config).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(motmot());
        command.arg("--config").arg(self.path("motmot.toml")).args(arguments).current_dir(self.dir.path());
        command
    }

    /// What a command of the program says.
    fn say(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "motmot {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn start(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.path("worker.log")).unwrap();
        self.worker = Some(self.command(&["worker"]).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    }

    /// Starts it again if it has ended by itself, as any supervisor does: on a busy machine a transaction outlives its time-out.
    fn keep(&mut self) {
        if let Some(status) = self.worker.as_mut().and_then(|worker| worker.try_wait().unwrap()) {
            eprintln!("started again after it ended with {status}");
            self.start();
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.worker.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    fn kill(&mut self) {
        let mut worker = self.worker.take().unwrap();
        worker.kill().unwrap();
        worker.wait().unwrap();
    }

    fn stop(&mut self) {
        self.signal("TERM");
        assert!(self.worker.take().unwrap().wait().unwrap().success(), "the worker must end in order: {}", self.said());
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.path("worker.log")).unwrap_or_default()
    }

    fn metric(&self, series: &str) -> Option<f64> {
        let (_, page) = http::get(self.port, "/metrics")?;
        page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// Puts another text in the file's place, as editors do.
    fn rename_over(&self, text: &str) {
        std::fs::write(self.path("new.yaml"), text).unwrap();
        std::fs::rename(self.path("new.yaml"), self.path("strategy.yaml")).unwrap();
    }

    fn is_swapping(&self, strategy: StrategyId) -> bool {
        let committed = self.bench.committed_as_told_by(&self.group);
        committed.values().any(|(_, metadata)| metadata.contains(&strategy.to_string()) && metadata.ends_with("swapping"))
    }

    fn is_in_force(&self, strategy: StrategyId) -> bool {
        let committed = self.bench.committed_as_told_by(&self.group);
        let is_told = |metadata: &String| metadata.contains(&strategy.to_string()) && !metadata.ends_with("swapping");
        committed.values().all(|(_, metadata)| is_told(metadata))
    }

    fn until_in_force(&mut self, text: &str) {
        let strategy = id(text);
        wait_for(&format!("strategy {strategy}"), || {
            self.keep();
            self.is_in_force(strategy)
        });
    }

    fn feed(&mut self, records: &[Out]) {
        kafka::produce(&self.bench.kafka.brokers, &self.bench.topics.touchpoints, records);
        let bench = self.bench.clone();
        bench.wait_until(i64::MIN, || self.keep());
    }

    /// The worker's tables are those of a replay that swaps where it did; of the program's own replay as well.
    fn assert_equals_replay(&self, first: &str, texts: &[String]) {
        let bench = &self.bench;
        let strategies: BTreeMap<_, _> = texts.iter().map(|text| (id(text), load(text))).collect();
        let contents = Contents::read(&bench.kafka, &bench.topics.strategies).unwrap();
        let swaps = |partition| {
            let swaps = contents.swaps(&bench.name, &bench.topics.touchpoints, partition);
            assert!(swaps.iter().enumerate().all(|(i, swap)| swap.number == i as u64 + 1), "{swaps:?}");
            swaps.iter().map(|swap| (swap.offset, swap.clock_ms, Arc::clone(&strategies[&swap.to]))).collect()
        };
        let tables = bench.tables();
        tables.assert_equal(&bench.replay_swapping(&load(first), &bench.clocks(), swaps), "worker and replay");

        std::fs::write(self.path("last.yaml"), texts.last().unwrap()).unwrap();
        let until = Timestamp::from_millis(now_ms()).to_string();
        let replay = |extra: &[&str]| {
            let topic = &bench.topics.touchpoints;
            let arguments = ["replay", "--strategy", "last.yaml", "--topic", topic, "--until", &until, "--summary", "json"];
            let summary: serde_json::Value = serde_json::from_str(&self.say(&[&arguments, extra].concat())).unwrap();
            summary["digest"].as_str().unwrap().to_owned()
        };
        let digest = self.say(&["digest"]);
        assert!(digest.contains(&replay(&["--with-swaps"])), "motmot digest says {digest}");
        assert!(!digest.contains(&replay(&[])), "were the swaps left out, it would show: what was final keeps its strategy");
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if let Some(worker) = &mut self.worker {
            let _ = worker.kill();
            let _ = worker.wait();
        }
        if std::thread::panicking() {
            eprintln!("the worker said:\n{}", self.said());
        }
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[test]
fn by_sighup_and_by_a_change_of_the_file_and_not_by_a_bad_one() {
    let Some(broker) = kafka::broker("by_sighup_and_by_a_change_of_the_file") else { return };
    let begin = now_ms() - 900_000;
    let mut motmot = Installation::new(&broker, "hangup", 2, "file = \"strategy.yaml\"");
    let file = motmot.path("strategy.yaml");
    write(&file, &strict());
    motmot.start();
    motmot.feed(&live(0..150, begin));

    write(&file, &patient());
    motmot.signal("HUP");
    motmot.until_in_force(&patient());
    motmot.feed(&live(150..300, begin));

    write(&file, "strategy: [\n");
    motmot.signal("HUP");
    wait_for("the rejection", || motmot.metric("motmot_strategy_rejected_total").is_some_and(|count| count >= 1.0));
    assert!(motmot.said().contains("is rejected, the one in force stays"), "{}", motmot.said());
    motmot.feed(&live(300..310, begin));
    assert!(motmot.is_in_force(id(&patient())), "{:?}", motmot.bench.committed());

    motmot.rename_over(&other());
    motmot.until_in_force(&other());
    motmot.feed(&live(310..450, begin));
    let series = format!("motmot_strategy_info{{partition=\"0\",strategy_hash=\"{:016x}\"}}", load(&other()).hash);
    assert_eq!(motmot.metric(&series), Some(1.0));
    let series = format!("motmot_strategy_info{{partition=\"0\",strategy_hash=\"{:016x}\"}}", load(&patient()).hash);
    assert_eq!(motmot.metric(&series), None);

    // the same rules under another title: taken over, and nothing is told anew
    let rows = motmot.bench.read(&motmot.bench.topics.moments).len();
    let titled = other().replace("kind: lacking", "title: No name, kind: lacking");
    assert_eq!(load(&titled).hash, load(&other()).hash);
    motmot.rename_over(&titled);
    motmot.until_in_force(&titled);
    assert_eq!(motmot.bench.read(&motmot.bench.topics.moments).len(), rows);
    motmot.feed(&live(450..460, begin));
    motmot.stop();
    motmot.assert_equals_replay(&strict(), &[strict(), patient(), other(), titled]);
}

#[test]
fn by_the_topic_and_by_another_file_at_the_start() {
    let Some(broker) = kafka::broker("by_the_topic_and_by_another_file_at_the_start") else { return };
    let begin = now_ms() - 900_000;
    let mut motmot = Installation::new(&broker, "published", 2, "source = \"topic\"\nname = \"swapped\"");
    let refused = motmot.command(&["worker"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("motmot strategy publish FILE"));

    write(&motmot.path("a.yaml"), &strict());
    write(&motmot.path("b.yaml"), &patient());
    write(&motmot.path("c.yaml"), &other());
    motmot.say(&["strategy", "publish", "a.yaml"]);
    motmot.start();
    motmot.feed(&live(0..100, begin));
    motmot.say(&["strategy", "publish", "b.yaml"]);
    motmot.until_in_force(&patient());
    motmot.feed(&live(100..200, begin));
    motmot.stop();

    motmot.configure("file = \"c.yaml\"");
    motmot.start();
    motmot.until_in_force(&other());
    motmot.feed(&live(200..300, begin));
    motmot.stop();
    motmot.assert_equals_replay(&strict(), &[strict(), patient(), other()]);
}

#[test]
fn killed_in_its_middle_and_without_its_store() {
    const CYCLES: i64 = 24_000;
    let Some(broker) = kafka::broker("killed_in_its_middle_and_without_its_store") else { return };
    let begin = now_ms() - 900_000;
    let mut motmot = Installation::new(&broker, "halfway", 2, "file = \"strategy.yaml\"");
    write(&motmot.path("strategy.yaml"), &strict());
    motmot.start();
    motmot.feed(&live(0..CYCLES, begin));
    let texts = [strict(), patient(), other()];
    let (mut hits, mut fed) = (0, CYCLES);
    for round in 1..=12 {
        let text = &texts[round % texts.len()];
        write(&motmot.path("strategy.yaml"), text);
        motmot.signal("HUP");
        let strategy = id(text);
        wait_for("the swap to begin", || {
            motmot.keep();
            motmot.is_swapping(strategy) || motmot.is_in_force(strategy)
        });
        motmot.kill();
        hits += usize::from(motmot.is_swapping(strategy));
        if hits == 2 {
            std::fs::remove_dir_all(motmot.path("motmot-store")).unwrap();
        }
        motmot.start();
        motmot.until_in_force(text);
        motmot.feed(&live(fed..fed + 100, begin));
        fed += 100;
        if hits >= 2 {
            break;
        }
    }
    assert!(hits >= 2, "the worker was never killed in the middle of a swap: tell more cycles");
    motmot.stop();
    let tables = motmot.bench.tables();
    assert!(tables.moments() > 20_000, "{} moments", tables.moments());
    motmot.assert_equals_replay(&strict(), &texts);
}
