//! The program as it is installed: a folder with its configuration and its strategy, and workers as processes that serve their metrics.

#![allow(clippy::unwrap_used, reason = "support of tests: failing is its way to speak")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::http;
use crate::kafka::Bench;
use crate::process::{Process, free_port, motmot};

/// Configuration and strategy in a folder.
#[derive(Debug)]
pub struct Installed {
    dir: PathBuf,
}

impl Installed {
    /// Writes them, for the topics of `bench`, whose timestamps are the producers'.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn new(dir: &Path, bench: &Bench, strategy: &str) -> Self {
        let names = &bench.topics;
        let config = format!(
            "[kafka]\nbrokers = \"{}\"\n[input]\ntimestamps = \"producer\"\n\
             [topics]\ntouchpoints = \"{}\"\nmoments = \"{}\"\ncycles = \"{}\"\ndead_letters = \"{}\"\nstrategies = \"{}\"\n\
             [worker]\ngroup = \"{}\"\nshards = 1\n[strategy]\nfile = \"strategy.yaml\"\n",
            bench.kafka.brokers, names.touchpoints, names.moments, names.cycles, names.dead_letters, names.strategies, bench.name
        );
        std::fs::write(dir.join("motmot.toml"), config).unwrap();
        std::fs::write(dir.join("strategy.yaml"), strategy).unwrap();
        Self { dir: dir.to_owned() }
    }

    /// Starts a worker of this name, with a store of its own.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self, name: &str, settings: &[&str]) -> Running {
        let port = free_port();
        let own = [
            format!("worker.instance={name}"),
            format!("worker.store={}", self.dir.join(format!("store-{name}")).display()),
            format!("http.listen=127.0.0.1:{port}"),
        ];
        let set = own.into_iter().chain(settings.iter().map(|setting| (*setting).to_owned()));
        let mut arguments = vec!["--config".to_owned(), "motmot.toml".to_owned()];
        arguments.extend(set.flat_map(|setting| ["--set".to_owned(), setting]));
        arguments.push("worker".to_owned());
        Running { process: Process::start(name, motmot(), &arguments, &[], &self.dir), port }
    }
}

/// A running worker. Dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    process: Process,
    port: u16,
}

impl Running {
    /// Its memory, in bytes; 0 when it has ended.
    pub fn rss(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1_024
    }

    /// The samples of a metric with at most one label, by the label's value; empty when it does not answer.
    pub fn samples(&self, name: &str) -> BTreeMap<String, u64> {
        let page = http::get(self.port, "/metrics").map_or_else(String::new, |(_, page)| page);
        let of = |line: &str| {
            let (labels, value) = line.strip_prefix(name)?.rsplit_once(' ')?;
            Some((labels.split('"').nth(1).unwrap_or_default().to_owned(), value.parse().ok()?))
        };
        page.lines().filter_map(of).collect()
    }

    /// What it has logged since its name was first started.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// Asks it to end in order, and waits until it has.
    ///
    /// # Panics
    /// When it does not.
    pub fn stop(mut self) {
        self.process.signal("TERM");
        self.process.wait(Duration::from_secs(60));
    }

    /// Waits for a condition, and gives up at once when it ends.
    ///
    /// # Panics
    /// When the deadline passes or it ends, with its last words.
    pub fn until<T>(&mut self, what: &str, deadline: Duration, look: impl FnMut() -> Option<T>) -> T {
        self.process.until(what, deadline, look)
    }

    /// Kills it as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}
