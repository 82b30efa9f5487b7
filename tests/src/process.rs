//! Programs that a test starts: found, waited for, and ended with the test, whatever becomes of it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "support of tests: it says by a panic what broke, and in words what it skips"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::kafka::now_ms;
use crate::service::Dice;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until `look` finds something.
///
/// # Panics
/// When it has found nothing before the deadline; `what` says in words what was waited for.
pub fn eventually<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "after {deadline:?} still waiting for {what}");
        thread::sleep(LOOK);
    }
}

/// Says that a test is skipped and why.
///
/// # Panics
/// In CI, where nothing may be missing.
pub fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "in CI nothing may be missing: {why}");
    println!("SKIPPED: {why}");
}

/// Where a program of the PATH is.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Whether all `programs` are on the PATH; if not, it was said that the test is skipped.
pub fn has_programs(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().filter(|name| program(name).is_none()).copied().collect();
    if !missing.is_empty() {
        skip(&format!("not on the PATH: {}. `deploy/local/setup test` brings them, `make test` finds them", missing.join(", ")));
    }
    missing.is_empty()
}

/// The motmot program, as the tree has it now. `cargo test --workspace` has built it before the tests run; a test that is run by
/// itself after a change builds it.
///
/// # Panics
/// When it does not build.
pub fn motmot() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // deps/test-0123 → the folder of the programs, whatever the target folder is called; a tool lies in it.
        let here = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        let programs = if here.ends_with("deps") { here.parent().unwrap().to_owned() } else { here };
        let program = programs.join("motmot");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
        let is_current = std::fs::metadata(&program).is_ok_and(|built| built.modified().unwrap() > last_change(&sources));
        if !is_current {
            let profile = if programs.ends_with("release") { "release" } else { "dev" };
            let arguments = ["build", "--quiet", "--workspace", "--bin", "motmot", "--profile", profile];
            // Of what cargo tells a test of itself, build scripts would make out that something has changed, and all would be built again.
            let own = |name: &String| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
            let mut build = Command::new(env!("CARGO"));
            std::env::vars().map(|(name, _)| name).filter(own).for_each(|name| _ = build.env_remove(name));
            let built = build.args(arguments).status().unwrap();
            assert!(built.success() && program.is_file(), "`cargo build --bin motmot` did not give {}", program.display());
        }
        program
    })
}

/// When a file below `folder` was changed last.
fn last_change(folder: &Path) -> SystemTime {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let changes = entries.map(|entry| match entry.file_type().unwrap().is_dir() {
        true => last_change(&entry.path()),
        false => entry.metadata().unwrap().modified().unwrap(),
    });
    changes.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A port of 127.0.0.1 that was free a moment ago, and in this process another one each time. Below 32768, where the kernel starts to hand out
/// ports to outgoing connections: a server that comes back must get its own again.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut dice = Dice::new(now_ms().unsigned_abs() ^ u64::from(std::process::id()) << 32);
    loop {
        let port = u16::try_from(20_000 + dice.below(12_000)).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && given.insert(port) {
            return port;
        }
    }
}

/// A running program. Dropped, it is killed; should the test process itself be killed, the kernel does it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` in `folder`; what it says goes to `NAME.log` there.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(name: &str, program: &Path, arguments: &[String], environment: &[(String, String)], folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let said = File::options().create(true).append(true).open(&log).unwrap();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .envs(environment.iter().cloned())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn()
            .unwrap_or_else(|e| panic!("{name}: {} cannot be started: {e}", program.display()));
        Self { name: name.to_owned(), child, log }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits for a condition, and gives up at once when the program ends.
    ///
    /// # Panics
    /// When the deadline passes or the program ends, with its last words.
    pub fn until<T>(&mut self, what: &str, deadline: Duration, mut look: impl FnMut() -> Option<T>) -> T {
        let end = Instant::now() + deadline;
        loop {
            if let Some(found) = look() {
                return found;
            }
            let ended = self.ended();
            let late = Instant::now() >= end;
            assert!(ended.is_none() && !late, "{}: waiting for {what}; ended: {ended:?}; it says:\n{}", self.name, self.said());
            thread::sleep(LOOK);
        }
    }

    /// How it ended, once it has.
    ///
    /// # Panics
    /// When it cannot be asked.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends it a signal by name: `TERM`, `STOP`, `CONT`, `HUP`. One that has ended hears nothing.
    ///
    /// # Panics
    /// When there is no `kill`.
    pub fn signal(&self, name: &str) {
        // Not waited for yet, so its number is still its own.
        let pid = self.child.id().to_string();
        Command::new("kill").args([&format!("-{name}"), &pid]).stderr(Stdio::null()).status().unwrap();
    }

    /// What each of its threads is at, as gdb has it; empty without a gdb.
    pub fn stacks(&self) -> String {
        let pid = self.child.id().to_string();
        let asked = Command::new("gdb").args(["-p", &pid, "-batch", "-ex", "thread apply all bt"]).stdin(Stdio::null()).output();
        asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it has not by the deadline, with its last words.
    pub fn wait(&mut self, deadline: Duration) {
        let end = Instant::now() + deadline;
        while self.ended().is_none() {
            assert!(Instant::now() < end, "{} does not end; it says:\n{}", self.name, self.said());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Kills it as a crash would: it gets no chance to end in order.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn kill(&mut self) {
        self.child.kill().ok(); // it may have ended already
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        const COUNT: usize = 1_000;
        assert_eq!((0..COUNT).map(|_| free_port()).collect::<BTreeSet<_>>().len(), COUNT);
    }
}
