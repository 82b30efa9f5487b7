//! The workers: `motmot worker` as processes, each with its own name and store, started again as deploy/systemd would.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "support of tests: failing is its way to speak")]

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use super::diary::Diary;
use crate::process::{Process, free_port, motmot};

/// `RestartSec` of deploy/systemd/motmot-worker.service.
const RESTART: Duration = Duration::from_secs(2);
/// Its `TimeoutStopSec`: whoever has not stopped by then is killed.
const STOPPING: Duration = Duration::from_secs(60);
const SIGTERM: i32 = 15;

/// The group of all workers.
pub const GROUP: &str = "motmot";
/// The strategy file that they share.
pub const STRATEGY: &str = "strategy.yaml";

/// What a worker is meant to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// Run, from this instant on.
    Run(Instant),
    /// Stand still until it is continued.
    Stand,
    /// Stop in order, and (with true) start again at once; asked at this instant.
    Stop(Instant, bool),
    /// Be away.
    Rest,
}

struct Member {
    name: String,
    process: Option<Process>,
    aim: Aim,
    /// How much of its log is of earlier lives.
    said_before: u64,
}

/// All workers. Dropped, they are killed.
pub struct Fleet {
    dir: PathBuf,
    members: Vec<Member>,
}

impl Fleet {
    /// So many workers of the brokers at `addresses`, all away, with their folders in `dir`.
    ///
    /// # Panics
    /// When their configuration cannot be written.
    pub fn new(dir: &Path, addresses: &str, count: usize, settings: &str) -> Self {
        let members = (1..=count).map(|number| format!("w{number}")).map(|name| {
            let config = format!(
                "[kafka]\nbrokers = \"{addresses}\"\n[topics]\npartitions = {}\n[worker]\ngroup = \"{GROUP}\"\ninstance = \"{name}\"\n\
                 shards = 1\nstore = \"store-{name}\"\n{settings}\n[http]\nlisten = \"127.0.0.1:{}\"\n[strategy]\nfile = \"{STRATEGY}\"\n",
                super::run::PARTITIONS,
                free_port()
            );
            std::fs::write(dir.join(format!("{name}.toml")), config).unwrap();
            Member { name, process: None, aim: Aim::Rest, said_before: 0 }
        });
        Self { dir: dir.to_owned(), members: members.collect() }
    }

    /// What a command of the program says, with the first worker's configuration.
    ///
    /// # Panics
    /// When it fails.
    pub fn say(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(motmot());
        let output = command.args(["--config", "w1.toml"]).args(arguments).current_dir(&self.dir).output().unwrap();
        assert!(output.status.success(), "motmot {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A worker's transactional id.
    pub fn transactional_id(&self, worker: usize) -> String {
        format!("{GROUP}-{}-0", self.name(worker))
    }

    /// A worker's name.
    pub fn name(&self, worker: usize) -> &str {
        &self.members[worker].name
    }

    /// Those that run, and are not asked to do anything else.
    pub fn running(&self) -> Vec<usize> {
        let runs = |member: &Member| matches!(member.aim, Aim::Run(_)) && member.process.is_some();
        (0..self.members.len()).filter(|worker| runs(&self.members[*worker])).collect()
    }

    /// Whether a worker is meant to be away.
    pub fn is_away(&self, worker: usize) -> bool {
        self.members[worker].aim == Aim::Rest
    }

    /// Starts a worker.
    pub fn start(&mut self, worker: usize) {
        self.start_after(worker, Duration::ZERO);
    }

    fn start_after(&mut self, worker: usize, pause: Duration) {
        self.members[worker].aim = Aim::Run(Instant::now() + pause);
    }

    /// Kills a worker; it is started again after `pause`.
    pub fn kill(&mut self, worker: usize, pause: Duration) {
        if let Some(mut process) = self.members[worker].process.take() {
            process.kill();
        }
        self.start_after(worker, pause);
    }

    /// Kills a worker, which stays away.
    pub fn kill_for_good(&mut self, worker: usize) {
        self.kill(worker, Duration::ZERO);
        self.members[worker].aim = Aim::Rest;
    }

    /// Asks a worker to stop in order; `again`: it is started at once when it has.
    pub fn stop(&mut self, worker: usize, again: bool) {
        if let Some(process) = &self.members[worker].process {
            process.signal("TERM");
        }
        self.members[worker].aim = Aim::Stop(Instant::now(), again);
    }

    /// Stops a worker's process as if the machine stood still.
    pub fn freeze(&mut self, worker: usize) {
        self.signal(worker, "STOP");
        self.members[worker].aim = Aim::Stand;
    }

    /// Lets a process go on that stands still; it may have been asked to stop meanwhile.
    pub fn thaw(&mut self, worker: usize) {
        self.signal(worker, "CONT");
        if self.members[worker].aim == Aim::Stand {
            self.start(worker);
        }
    }

    /// Lets all go on that stand still.
    pub fn thaw_all(&mut self) {
        (0..self.members.len()).for_each(|worker| self.thaw(worker));
    }

    /// Sends a signal to a worker.
    pub fn signal(&self, worker: usize, name: &str) {
        self.members[worker].process.iter().for_each(|process| process.signal(name));
    }

    /// Puts a strategy's text in the file's place, as editors do, and tells all who run.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn put_strategy(&self, text: &str) {
        std::fs::write(self.dir.join("new.yaml"), text).unwrap();
        std::fs::rename(self.dir.join("new.yaml"), self.dir.join(STRATEGY)).unwrap();
        self.running().into_iter().for_each(|worker| self.signal(worker, "HUP"));
    }

    /// Starts what is to run and does not, as a supervisor does. What ended by itself is written down with its reason.
    pub fn supervise(&mut self, diary: &Diary) {
        for worker in 0..self.members.len() {
            let member = &mut self.members[worker];
            if let Some(status) = member.process.as_mut().and_then(Process::ended) {
                let reason = reason(&self.dir, member, status);
                member.process = None;
                let name = member.name.clone();
                match member.aim {
                    Aim::Stop(_, again) => {
                        // Before it has begun to work, SIGTERM ends it as it ends any program.
                        if !status.success() && status.signal() != Some(SIGTERM) {
                            diary.count(
                                &format!("did not stop in order: {}", class(&reason)),
                                &format!("{name} did not stop in order: {reason}"),
                            );
                        }
                        member.aim = if again { Aim::Run(Instant::now()) } else { Aim::Rest };
                    }
                    _ => {
                        diary
                            .count(&format!("ended by itself: {}", class(&reason)), &format!("{name} ended by itself: {reason}"));
                        member.aim = Aim::Run(Instant::now() + RESTART);
                    }
                }
            }
            self.tend(worker, diary);
        }
    }

    fn tend(&mut self, worker: usize, diary: &Diary) {
        let dir = self.dir.clone();
        let member = &mut self.members[worker];
        match (member.aim, &mut member.process) {
            (Aim::Run(due), None) if Instant::now() >= due => {
                member.said_before = std::fs::metadata(log(&dir, member)).map_or(0, |log| log.len());
                let arguments = ["--config".to_owned(), format!("{}.toml", member.name), "worker".to_owned()];
                let environment = [("MOTMOT_LOG".to_owned(), "info".to_owned())];
                member.process = Some(Process::start(&member.name, motmot(), &arguments, &environment, &dir));
            }
            (Aim::Stop(asked, again), Some(process)) if asked.elapsed() > STOPPING => {
                diary.count(
                    "did not stop in time",
                    &format!("{} did not stop within {STOPPING:?} and is killed; what it was at is in {0}.stacks", member.name),
                );
                std::fs::write(dir.join(format!("{}.stacks", member.name)), process.stacks()).unwrap();
                process.kill();
                member.process = None;
                member.aim = if again { Aim::Run(Instant::now()) } else { Aim::Rest };
            }
            (Aim::Stop(_, again), None) => member.aim = if again { Aim::Run(Instant::now()) } else { Aim::Rest },
            _ => {}
        }
    }

    /// Whether no process is left.
    pub fn is_at_rest(&self) -> bool {
        self.members.iter().all(|member| member.process.is_none() && member.aim == Aim::Rest)
    }

    /// Stops all, in order.
    pub fn stop_all(&mut self) {
        self.thaw_all();
        (0..self.members.len()).filter(|worker| !self.is_away(*worker)).collect::<Vec<_>>().into_iter().for_each(|worker| {
            self.stop(worker, false);
        });
    }
}

fn log(dir: &Path, member: &Member) -> PathBuf {
    dir.join(format!("{}.log", member.name))
}

/// The last words of a life, or the signal that ended it.
fn reason(dir: &Path, member: &Member, status: ExitStatus) -> String {
    if let Some(signal) = status.signal() {
        return format!("by signal {signal}");
    }
    let said = std::fs::read(log(dir, member)).unwrap_or_default();
    let said =
        String::from_utf8_lossy(said.get(usize::try_from(member.said_before).unwrap_or(0)..).unwrap_or_default()).into_owned();
    let is_last_word = |line: &&str| line.starts_with("motmot: ") || line.contains("panicked");
    said.lines().rev().find(is_last_word).or_else(|| said.lines().last()).unwrap_or("without a word").to_owned()
}

/// A reason without what differs from case to case, so that it can be counted.
fn class(reason: &str) -> String {
    let words = reason.split("motmot: ").last().unwrap_or(reason);
    words.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).take(160).collect()
}
