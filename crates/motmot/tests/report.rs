//! `motmot report`, `explain` and `customer` over files, as the README has them.
#![allow(clippy::unwrap_used)] // clippy does not see that helpers are tests too

mod program;

use program::{Outcome, example, motmot};
use serde_json::Value;

fn repairs() -> [String; 3] {
    ["strategy.yaml", "mapping.yaml", "repairs.csv"].map(|file| example(&format!("first-csv/{file}")))
}

/// A report of the six repairs, with every deadline run out.
fn report(arguments: &[&str]) -> Outcome {
    let [strategy, mapping, rows] = repairs();
    let fixed = ["report", "--strategy", &strategy, "--mapping", &mapping, &rows, "--clock", "end"];
    motmot(&fixed.into_iter().chain(arguments.iter().copied()).collect::<Vec<_>>())
}

fn json(outcome: &Outcome) -> Value {
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// What a replay of the repairs wrote.
fn replayed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let [strategy, mapping, rows] = repairs();
    let out = folder.path().to_str().unwrap();
    let outcome = motmot(&["replay", "--strategy", &strategy, "--mapping", &mapping, &rows, "--until", "end", "--out", out]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    folder
}

fn at<'p>(folder: &'p tempfile::TempDir, arguments: &[&'p str]) -> Outcome {
    motmot(&[arguments, &["--replayed", folder.path().to_str().unwrap()]].concat())
}

#[test]
fn a_report_has_the_figures_that_one_can_count_by_hand() {
    let found = json(&report(&["--format", "json"]));
    assert_eq!((&found["cycles"]["final"], &found["cycles"]["not_final"]), (&6.into(), &0.into()));
    let slow = found["groups"].as_array().unwrap().iter().find(|group| group["rule"] == "slow-diagnosis").unwrap();
    // Looked at late: J-2 and J-6; never: J-4.
    assert_eq!((&slow["critical"], &slow["recovered"], &slow["observed_unit"]), (&3.into(), &2.into(), &"ms".into()));
    let levels: u64 = found["overall"]["levels"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(levels, 6, "each cycle has one level");
}

#[test]
fn files_and_a_replays_output_give_the_same_report_in_every_form() {
    let folder = replayed();
    let [strategy, ..] = repairs();
    for format in ["table", "csv", "json", "html"] {
        let by = ["--by", "team,week", "--format", format];
        let other = at(&folder, &[&["report", "--strategy", &strategy], &by[..]].concat());
        assert_eq!((other.code, &*other.stderr), (0, ""), "{format}");
        assert_eq!(report(&by).stdout, other.stdout, "{format}");
    }
    let file = folder.path().join("report.parquet");
    let outcome = report(&["--out", file.to_str().unwrap()]);
    assert_eq!((outcome.code, &*outcome.stdout), (0, ""));
    assert!(std::fs::read(file).unwrap().starts_with(b"PAR1"), "the form follows the file's name");
}

#[test]
fn what_is_not_final_is_said_and_persons_only_on_demand() {
    let [strategy, mapping, rows] = repairs();
    let outcome = motmot(&["report", "--strategy", &strategy, "--mapping", &mapping, &rows]);
    assert!(outcome.stdout.contains("not final yet"), "{}", outcome.stdout);
    let persons = report(&["--by-person", "--format", "csv"]).stdout;
    assert!(persons.starts_with("rule,person,"), "{persons}");
    for arguments in [&["--by", "person"][..], &["--where", "person=x"]] {
        let refused = report(arguments);
        assert_eq!(refused.code, 2);
        assert!(refused.stderr.contains("--by-person"), "{}", refused.stderr);
    }
}

#[test]
fn wrong_questions_are_refused_with_their_mend() {
    for (arguments, words) in [
        (&["--by", "weekday"][..], "there is no column `weekday`; there are rule, team, day"),
        (&["--rule", "absent"], "the strategy has no rule `absent`; it has slow-diagnosis"),
        (&["--where", "team"], "it should be a column and a value, such as segment=vip"),
        (&["--since", "yesterday"], "an instant or a day in UTC, such as 2026-03-01T00:00:00Z or 2026-03-01"),
        (&["--time-zone", "Berlin"], "a name such as Europe/Berlin"),
        (&["--format", "parquet"], "name it with --out"),
    ] {
        let refused = report(arguments);
        assert_eq!(refused.code, 2, "{arguments:?}");
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    let [_, mapping, rows] = repairs();
    assert!(motmot(&["report", "--mapping", &mapping, &rows]).stderr.contains("name it with --strategy"));
}

/// The moments of a replay's output, of one rule.
fn moments(folder: &tempfile::TempDir, rule: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.path().join("moments.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).filter(|moment: &Value| moment["rule"] == rule).collect()
}

#[test]
fn a_moment_is_explained_from_its_first_digits() {
    let folder = replayed();
    let [strategy, ..] = repairs();
    let recovered = moments(&folder, "slow-diagnosis").into_iter().find(|moment| moment["state"] == "recovered").unwrap();
    let id = recovered["moment_id"].as_str().unwrap();
    let story = at(&folder, &["explain", &id[..8].to_uppercase(), "--strategy", &strategy]);
    assert_eq!((story.code, &*story.stderr), (0, ""));
    for words in [
        id,
        "The rule slow-diagnosis (slow)",
        "it takes at most",
        "the moment is raised",
        "the moment is recovered",
        "repairs.csv: row",
    ] {
        assert!(story.stdout.contains(words), "`{words}` is not in\n{}", story.stdout);
    }
    let raised = story.stdout.find("the moment is raised").unwrap();
    assert!(raised < story.stdout.find("the moment is recovered").unwrap(), "in the order of time");

    let told = json(&at(&folder, &["explain", id, "--json"]));
    assert_eq!((&told["moment"]["moment_id"], &told["rule"]), (&recovered["moment_id"], &Value::Null));
    assert_eq!(told["deadline"], recovered["raised_at"], "the deadline is the moment's own instant");
    assert_eq!(told["line"].as_array().unwrap().iter().filter(|event| event["is_anchor"] == true).count(), 1);
    assert!(told["moment"]["evidence"][0].as_str().unwrap().contains("repairs.csv: row"));
}

#[test]
fn what_cannot_be_explained_says_why() {
    let folder = replayed();
    for (digits, code, words) in [
        ("abc", 2, "the first 6 at least"),
        ("nothex!", 2, "hex digits"),
        ("0123456789", 1, "has no moment that begins with 0123456789"),
    ] {
        let refused = at(&folder, &["explain", digits]);
        assert_eq!(refused.code, code);
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    // The same row twice, but for the last digit: the first ones are not enough.
    let text = std::fs::read_to_string(folder.path().join("moments.jsonl")).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let id = first["moment_id"].as_str().unwrap();
    let twin = format!("{}{}", &id[..31], if id.ends_with('0') { '1' } else { '0' });
    std::fs::write(folder.path().join("moments.jsonl"), text.clone() + &text.lines().next().unwrap().replace(id, &twin)).unwrap();
    let refused = at(&folder, &["explain", &id[..31]]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains(&format!("2 moments begin with {}", &id[..31])) && refused.stderr.contains(&twin));
    assert_eq!(at(&folder, &["explain", id]).code, 0, "the whole id is enough");
}

#[test]
fn a_customers_file_shows_cycles_levels_and_what_is_open() {
    let folder = replayed();
    let key = moments(&folder, "slow-diagnosis")[0]["key"].as_str().unwrap().to_owned();
    let page = at(&folder, &["customer", &key]);
    assert_eq!((page.code, &*page.stderr), (0, ""));
    assert!(page.stdout.contains(&format!("customer {key}")) && page.stdout.contains("slow-diagnosis"), "{}", page.stdout);
    let file = json(&at(&folder, &["customer", &key, "--json"]));
    assert_eq!((&file["key"], &file["cycles_in_all"]), (&key.into(), &file["cycles"].as_array().unwrap().len().into()));
    let unknown = at(&folder, &["customer", "nobody"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("has no cycle under the key `nobody`"), "{}", unknown.stderr);
}
