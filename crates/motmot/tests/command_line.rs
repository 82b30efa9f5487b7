//! The program as its users meet it: what it prints, where, and with which exit code.
#![allow(clippy::unwrap_used)] // clippy does not see that helpers are tests too

mod program;

use program::{Outcome, motmot};

#[test]
fn without_a_command_it_says_what_there_is() {
    let outcome = motmot(&[]);
    assert_eq!(outcome.code, 2);
    for command in
        ["worker", "desk", "run", "topics", "strategy", "import", "replay", "digest", "dead-letters", "alerts", "config", "demo"]
    {
        assert!(outcome.stderr.contains(&format!("\n  {command} ")), "{command} is not in {}", outcome.stderr);
    }
}

#[test]
fn every_command_has_a_help_with_its_purpose() {
    for command in ["worker", "desk", "run", "topics", "import", "replay", "digest", "config", "demo"] {
        let outcome = motmot(&[command, "--help"]);
        assert_eq!(outcome.code, 0);
        assert!(outcome.stdout.contains("Usage: motmot "), "{}", outcome.stdout);
    }
}

#[test]
fn a_misspelt_command_is_told_with_the_right_one() {
    let outcome = motmot(&["repaly"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("replay"), "{}", outcome.stderr);
}

#[test]
fn a_good_strategy_is_named_with_its_version() {
    let Outcome { code, stdout, .. } = motmot(&["strategy", "check", &program::example("demo/strategy.yaml")]);
    assert_eq!(code, 0);
    assert!(stdout.contains("good: strategy bank-morning, 12 rules, version "), "{stdout}");
}

#[test]
fn a_bad_strategy_is_told_with_every_line_and_mend() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.yaml");
    let text = "strategy: shop\ncycles: [{inactivity: 2h, grace: 5m}]\nrules:\n  - {id: a, kind: slwo, dimension: reliability}\n  \
                - {id: a, kind: abandoned, dimension: reliability, limit: 90}\n";
    std::fs::write(&path, text).unwrap();
    let outcome = motmot(&["strategy", "check", path.to_str().unwrap()]);
    assert_eq!(outcome.code, 1);
    for words in ["s.yaml:4:", "did you mean `slow`?", "s.yaml:5:", "mend: "] {
        assert!(outcome.stdout.contains(words), "`{words}` is not in {}", outcome.stdout);
    }
}

#[test]
fn two_strategies_are_compared_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let old = "strategy: shop\ncycles: [{inactivity: 2h, grace: 5m}]\nrules:\n  \
               - {id: wait, kind: unacknowledged, limit: 60s, dimension: empathy}\n";
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (old, owner, limit) = (
        file("old.yaml", old),
        file("owner.yaml", &old.replace("limit: 60s", "limit: 60s, owner: floor")),
        file("limit.yaml", &old.replace("60s", "90s")),
    );
    let diff = |old: &str, new: &str| motmot(&["strategy", "diff", old, new]);

    let Outcome { code, stdout, .. } = diff(&old, &limit);
    assert_eq!(code, 0);
    assert!(stdout.starts_with("rule wait: the limit was 1m and is now 1m 30s\nThe version changes from "), "{stdout}");
    let Outcome { code, stdout, .. } = diff(&old, &owner);
    assert_eq!(code, 0);
    assert!(stdout.starts_with("rule wait: the owner was `operations` and is now `floor`\nThe version stays "), "{stdout}");
    let Outcome { code, stdout, .. } = diff(&old, &old);
    assert_eq!(code, 0);
    assert!(stdout.contains(" say the same: version "), "{stdout}");

    let told = motmot(&["strategy", "diff", "--json", &old, &limit]).stdout;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["changes"][0]["words"], "the limit was 1m and is now 1m 30s");
    assert_ne!(told["old"]["version"], told["new"]["version"]);

    let bad = file("bad.yaml", "strategy: shop\n");
    let outcome = diff(&old, &bad);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("bad.yaml:1:1: the strategy has no `cycles`"), "{}", outcome.stderr);
}

#[test]
fn a_strategy_that_is_not_there_is_a_wrong_usage() {
    let outcome = motmot(&["strategy", "check", "no-such.yaml"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("the strategy no-such.yaml cannot be read"), "{}", outcome.stderr);
}

#[test]
fn the_schema_is_json() {
    let outcome = motmot(&["strategy", "schema"]);
    assert_eq!(outcome.code, 0);
    assert!(serde_json::from_str::<serde_json::Value>(&outcome.stdout).is_ok());
}

#[test]
fn alert_rules_are_rendered_for_every_paging_rule() {
    let outcome = motmot(&["alerts", "render", "--strategy", &program::example("demo/strategy.yaml")]);
    assert_eq!(outcome.code, 0);
    assert!(outcome.stdout.contains("slow-answer") && outcome.stdout.contains("groups:"), "{}", outcome.stdout);
}
