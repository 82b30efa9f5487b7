//! What keeps a worker or a desk from starting is told in one paragraph, with its mend, and the process ends.
#![allow(clippy::unwrap_used)] // clippy does not see that helpers are tests too

mod program;

use std::net::TcpListener;

use program::{example, motmot};

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
