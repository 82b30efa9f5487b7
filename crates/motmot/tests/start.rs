//! What keeps a worker or a desk from starting is told in one paragraph, with its mend, and the process ends.
#![allow(clippy::unwrap_used)] // clippy does not see that helpers are tests too

mod program;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use program::{command, example, motmot};

#[test]
fn brokers_that_do_not_answer_are_named_with_the_key_to_set() {
    let strategy = format!("strategy.file={}", example("demo/strategy.yaml"));
    // Port 1 is nobody's.
    let outcome =
        motmot(&["worker", "--set", &strategy, "--set", "kafka.brokers=127.0.0.1:1", "--set", "http.listen=127.0.0.1:0"]);
    assert_eq!(outcome.code, 1);
    let told: Vec<_> = outcome.stderr.lines().filter(|line| line.starts_with("motmot: ")).collect();
    assert!(
        matches!(told[..], [line] if line.contains("no broker answers at 127.0.0.1:1") && line.contains("kafka.brokers")),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_hangup_while_it_looks_for_its_brokers_does_not_end_it() {
    let strategy = format!("strategy.file={}", example("demo/strategy.yaml"));
    let arguments = ["worker", "--set", &strategy, "--set", "kafka.brokers=127.0.0.1:1", "--set", "http.listen=127.0.0.1:0"];
    let mut worker = command(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(worker.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.any(|line| line.contains("the worker starts")));
    assert!(Command::new("kill").args(["-HUP", &worker.id().to_string()]).status().unwrap().success());
    assert!(told.any(|line| line.contains("no broker answers")), "it goes on looking until it gives up in words");
    assert_eq!(worker.wait().unwrap().code(), Some(1));
}

#[test]
fn a_busy_address_is_told_before_anything_else() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let strategy = format!("strategy.file={}", example("demo/strategy.yaml"));
    let listen = format!("http.listen={}", taken.local_addr().unwrap());
    let outcome = motmot(&["desk", "--set", &strategy, "--set", &listen]);
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.stderr.contains("is taken by another process") && outcome.stderr.contains("MOTMOT_HTTP__LISTEN"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_strategy_with_mistakes_keeps_the_worker_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.yaml");
    std::fs::write(&path, "strategy: x\nrules: []\n").unwrap();
    let outcome = motmot(&["worker", "--set", &format!("strategy.file={}", path.display())]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("the strategy cannot be used") && outcome.stderr.contains("mend: "), "{}", outcome.stderr);
}
