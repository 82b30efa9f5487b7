//! Plays every script of `scripts/` (one file for each kind of rule and for each rule of the clock) and of the workspace's
//! `tests/concepts/` (one file for each concept of the theory; `tests/tests/concepts_live.rs` plays those on a real Kafka).
//!
//! A service manager can read and write them; `scripts/README.txt` explains the words.

use std::path::{Path, PathBuf};

use crate::support::{play, script};

const SCRIPTS: &str = "tests/scripts";
const CONCEPTS: &str = "../../tests/concepts";

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt") && name(path) != "README");
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Plays scripts, those whose paths contain `MOTMOT_SCRIPT`; what went wrong, in words.
fn play_all(scripts: Vec<PathBuf>) -> String {
    let wanted = std::env::var("MOTMOT_SCRIPT").unwrap_or_default();
    let mut faults = String::new();
    for path in scripts.into_iter().filter(|path| path.to_string_lossy().contains(&wanted)) {
        let wrong = match script::read(&path) {
            Ok(script) => play::run(&script),
            Err(message) => message,
        };
        if !wrong.is_empty() {
            faults.push_str(&format!("\n{}:\n{wrong}", path.display()));
        }
    }
    faults
}

#[test]
fn every_script_tells_what_it_says() {
    let faults = play_all(files(SCRIPTS));
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn every_concept_is_what_its_script_says() {
    let faults = play_all(files(CONCEPTS));
    assert!(faults.is_empty(), "{faults}");
}

/// The strategies of `examples/` that have a script beside them.
fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut scripts: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("script.txt")).collect();
    scripts.retain(|script| script.is_file());
    scripts.sort();
    scripts
}

#[test]
fn every_example_is_what_its_script_says() {
    let scripts = examples();
    assert!(scripts.len() >= 5, "{scripts:?}");
    let faults = play_all(scripts);
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn every_scenario_of_a_concept_says_how_it_ends() {
    for path in files(CONCEPTS) {
        for scenario in script::read(&path).unwrap().scenarios {
            let ends = matches!(scenario.steps.last().map(|step| &step.action), Some(script::Action::End(_)));
            assert!(ends, "{}: {}: the last line must be `in the end`", name(&path), scenario.title);
        }
    }
}

#[test]
fn every_kind_has_a_script() {
    // The words of `Kind::name`; a kind that is added without a script is missed by the property tests' list as well.
    let kinds = [
        "slow",
        "missing",
        "unmet",
        "unverified",
        "unacknowledged",
        "broken_promise",
        "abandoned",
        "low_rating",
        "handoffs",
        "lacking",
        "out_of_order",
    ];
    let names: Vec<String> = files(SCRIPTS).iter().map(|path| name(path)).collect();
    for kind in kinds {
        assert!(names.contains(&format!("kind_{kind}")), "scripts/kind_{kind}.txt is missing");
    }
}

#[test]
fn a_script_that_expects_the_wrong_thing_fails() {
    let text =
        "cycles: [{inactivity: 30m, grace: 5m}]\nrules:\n  - {id: bad, kind: unmet}\nscenario: s\n09:00 fulfilment unmet\n";
    let wrong = play::run(&script::parse(text).unwrap());
    assert!(wrong.contains("was told:       -> raised bad 09:00"), "{wrong}");
    let wrong = play::run(&script::parse(&format!("{text}  -> raised bad 09:01\n")).unwrap());
    assert!(wrong.contains("should be told: -> raised bad 09:01"), "{wrong}");
    assert_eq!(play::run(&script::parse(&format!("{text}  -> raised bad 09:00\n")).unwrap()), "");
}

#[test]
fn a_word_that_is_not_understood_is_named_with_its_line() {
    let error = script::parse("rules: []\nscenario: s\n  09:00 greeting, hungry\n").err().unwrap();
    assert_eq!(error, "line 3: `hungry` is not understood in: 09:00 greeting, hungry");
}
