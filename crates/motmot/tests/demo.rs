//! The demo runs the real worker and desk on a broker in its own process, and ends in order.
#![allow(clippy::unwrap_used)] // clippy does not see that helpers are tests too

mod program;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use program::{command, motmot};

#[test]
fn a_few_seconds_of_it_raise_a_moment_and_end_with_a_summary() {
    let outcome = motmot(&["demo", "--seconds", "8", "--set", "http.listen=127.0.0.1:0"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    for words in ["/metrics", "Whoever receives a customer gives no name: ", "would save it: ", "It was open for ", " moments, "]
    {
        assert!(outcome.stdout.contains(words), "`{words}` is not in {}", outcome.stdout);
    }
    assert!(!outcome.stdout.contains('\x1b'), "no colours in a pipe");
}

#[test]
fn a_check_that_has_not_seen_enough_fails() {
    let outcome = motmot(&["demo", "--check", "--seconds", "1", "--set", "http.listen=127.0.0.1:0"]);
    assert_eq!(outcome.code, 1, "{}", outcome.stdout);
    assert!(outcome.stdout.contains("The check failed: 8 kinds and 3 recoveries were wanted."), "{}", outcome.stdout);
}

#[test]
fn ctrl_c_closes_the_bank_in_order() {
    let mut demo =
        command(&["demo", "--set", "http.listen=127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(demo.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("gives no name") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended early");
    }
    let killed = std::process::Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("It was open for "), "{rest}");
    assert_eq!(demo.wait().unwrap().code(), Some(0));
}
