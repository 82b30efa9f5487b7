//! Runs the built program, with nothing of the caller's environment that could be configuration.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses its part; a run that does not come about fails its test

use std::process::{Command, Stdio};

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The exit code; -1 when a signal ended it.
    pub(crate) code: i32,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it complained about.
    pub(crate) stderr: String,
}

/// Runs it.
pub(crate) fn motmot(arguments: &[&str]) -> Outcome {
    motmot_with(arguments, &[])
}

/// Runs it with an environment.
pub(crate) fn motmot_with(arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
    let output = command(arguments).envs(environment.iter().copied()).stdin(Stdio::null()).output().unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The program, ready to run.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_motmot"));
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MOTMOT_") {
            command.env_remove(name);
        }
    }
    command
}

/// The path of a file in `examples/`.
pub(crate) fn example(path: &str) -> String {
    format!("{}/../../examples/{path}", env!("CARGO_MANIFEST_DIR"))
}
