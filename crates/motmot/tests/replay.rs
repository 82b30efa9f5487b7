//! `motmot replay` and `motmot import` over files, as the README has them.
#![allow(clippy::unwrap_used)] // clippy does not see that helpers are tests too

mod program;

use program::{command, example, motmot};

fn replay(arguments: &[&str]) -> serde_json::Value {
    let (strategy, mapping, rows) =
        (example("first-csv/strategy.yaml"), example("first-csv/mapping.yaml"), example("first-csv/repairs.csv"));
    let fixed = ["replay", "--strategy", &strategy, "--mapping", &mapping, &rows, "--summary", "json"];
    let outcome = motmot(&fixed.into_iter().chain(arguments.iter().copied()).collect::<Vec<_>>());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(outcome.stdout.lines().count(), 1, "one object, and no progress bar in a pipe: {}", outcome.stdout);
    assert_eq!(outcome.stderr, "");
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn a_csv_gives_the_moments_that_one_can_count_by_hand() {
    let summary = replay(&["--until", "end"]);
    assert_eq!(summary["input"]["rows"], 6);
    assert_eq!(summary["input"]["folded"], 25);
    // J-4 was never collected.
    let cycles = serde_json::json!({"total": 6, "open": 0, "farewell": 5, "abandoned": 1, "outside_customer_file": 0});
    assert_eq!(summary["cycles"], cycles);
    let counts =
        |open: u64, recovered: u64, expired: u64| serde_json::json!({"open": open, "recovered": recovered, "expired": expired});
    // Looked at late: J-2 and J-6; never: J-4.
    assert_eq!(summary["moments"]["slow-diagnosis"], counts(0, 2, 1));
    // Promised for noon, ready at 16:20: J-2.
    assert_eq!(summary["moments"]["not-ready"], counts(0, 1, 0));
    assert_eq!(summary["moments"]["not-checked"], counts(0, 0, 1));
    assert_eq!(summary["moments"]["unhappy"], counts(0, 0, 1));
    assert_eq!(summary["moments"]["never-collected"], counts(0, 0, 1));
}

#[test]
fn the_readme_shows_what_the_program_says() {
    let readme = std::fs::read_to_string(example("../README.md")).unwrap();
    let console = readme.split("```").find_map(|block| block.strip_prefix("console\n")).unwrap();
    let out = tempfile::tempdir().unwrap();
    let mut said = Vec::new().into_iter();
    for line in console.lines() {
        if let Some(arguments) = line.strip_prefix("$ motmot ") {
            let arguments = arguments.replace("--out result", &format!("--out {}", out.path().display()));
            let run = command(&arguments.split(' ').collect::<Vec<_>>()).current_dir(example("first-csv")).output().unwrap();
            let lines = String::from_utf8(run.stdout).unwrap().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
            said = lines.into_iter();
        } else if line.trim() != "…" {
            assert!(said.any(|said| said == line), "the program does not say `{line}` there");
        }
    }
}

#[test]
fn what_is_still_open_is_open_until_the_clock_moves_on() {
    assert_eq!(replay(&[])["cycles"]["open"], 1);
    assert_eq!(replay(&["--until", "2026-03-20T00:00:00Z"])["cycles"]["abandoned"], 1);
}

#[test]
fn out_holds_a_line_for_each_cycle_and_moment() {
    let folder = tempfile::tempdir().unwrap();
    replay(&["--until", "end", "--out", folder.path().to_str().unwrap()]);
    let lines = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap().lines().count();
    assert_eq!((lines("cycles.jsonl"), lines("moments.jsonl")), (6, 7));
}

#[test]
fn the_imported_touchpoints_give_the_same_digest_as_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["touchpoints.jsonl", "touchpoints.jsonl.gz", "touchpoints.avro"] {
        let file = folder.path().join(name);
        let file = file.to_str().unwrap();
        let imported =
            motmot(&["import", "--mapping", &example("first-csv/mapping.yaml"), &example("first-csv/repairs.csv"), "--to", file]);
        assert_eq!(imported.code, 0, "{}", imported.stderr);
        assert!(imported.stderr.contains("25 touchpoints of 6 rows went to "), "{}", imported.stderr);
        let again =
            motmot(&["replay", "--strategy", &example("first-csv/strategy.yaml"), file, "--summary", "json", "--until", "end"]);
        let again: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
        assert_eq!(again["digest"], replay(&["--until", "end"])["digest"], "{name}");
    }
}

#[test]
fn mistakes_are_told_in_words() {
    let strategy = example("first-csv/strategy.yaml");
    let check = |arguments: &[&str], code: i32, words: &str| {
        let outcome = motmot(arguments);
        assert_eq!(outcome.code, code, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(words), "`{words}` is not in {}", outcome.stderr);
        assert_eq!(outcome.stdout, "");
    };
    check(&["replay", "--strategy", &strategy, "absent.jsonl"], 1, "absent.jsonl cannot be opened");
    check(&["replay", "--strategy", &strategy, &example("first-csv/repairs.csv")], 1, "name the mapping with --mapping");
    check(
        &["replay", "--strategy", &strategy, "x.jsonl", "--until", "soon"],
        2,
        "--until is `soon`; it should be last, end or an instant",
    );
    check(
        &["replay", "--strategy", &strategy, "--topic", "t", "--from", "monday"],
        2,
        "--from is `monday`; it should be an offset",
    );
    check(&["replay", "--strategy", &strategy], 2, "FILE");
    check(&["import", "x.csv", "--mapping", "absent.yaml", "--to", "-"], 2, "the mapping absent.yaml cannot be read");
}
