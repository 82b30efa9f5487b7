//! The rendered rules do what they promise, by promtool's own tests (`tests/alerts/*.test.yml`).

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test says by a panic what broke, and says in words what it skips

use std::path::{Path, PathBuf};
use std::process::Command;

use motmot_core::Strategy;

/// Runs one of Prometheus's tools; none when it is not there, which is said (and is a failure in CI).
fn tool(program: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    let output = match Command::new(program).args(arguments).current_dir(folder).output() {
        Ok(output) => output,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            assert!(std::env::var_os("CI").is_none(), "{program} is not on the PATH: run deploy/local/setup test");
            println!("SKIPPED: {program} is not on the PATH. `deploy/local/setup test` brings it, `make test` finds it.");
            return None;
        }
        Err(e) => panic!("{program}: {e}"),
    };
    let [words, complaints] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{program} {arguments:?} says:\n{words}{complaints}");
    Some(words)
}

fn folder_of_tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/alerts")
}

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path)
}

fn load(file: &Path) -> Strategy {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    Strategy::load(&file.display().to_string(), &text).unwrap_or_else(|e| panic!("{e}"))
}

fn check_promtool_test(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yml"), motmot_desk::alerts::render(&load(&folder_of_tests().join("strategy.yaml"))))
        .unwrap();
    std::fs::copy(folder_of_tests().join(name), folder.path().join(name)).unwrap();
    tool("promtool", &["check", "rules", "rules.yml"], folder.path());
    tool("promtool", &["test", "rules", name], folder.path());
}

#[test]
fn pages_follow_the_open_moments_and_nothing_else() {
    check_promtool_test("pages.test.yml");
}

#[test]
fn rates_page_when_many_leave_at_once_and_never_because_a_desk_started() {
    check_promtool_test("rates.test.yml");
}

#[test]
fn whatever_could_look_like_served_customers_tells_the_sre() {
    check_promtool_test("health.test.yml");
}

#[test]
fn no_text_of_a_strategy_can_break_the_rules() {
    let file = folder_of_tests().join("strategy.yaml");
    let mut strategy = load(&file);
    let nasty = "a: \"b\" 'c' {{ .d }} }} \\ \n# e\t$labels \u{7f}\u{85}\u{2028} %d `f`";
    strategy.name = nasty.to_owned();
    for rule in &mut strategy.rules {
        rule.title = nasty.to_owned();
        rule.owner = nasty.to_owned();
        rule.runbook = Some(nasty.to_owned());
        rule.recovers_words = nasty.to_owned();
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yml"), motmot_desk::alerts::render(&strategy)).unwrap();
    if let Some(words) = tool("promtool", &["check", "rules", "rules.yml"], folder.path()) {
        assert!(words.contains("19 rules found"), "{words}");
    }
}

#[test]
fn the_rules_of_every_example_are_accepted() {
    let examples = std::fs::read_dir(deploy("../examples")).unwrap().map(|entry| entry.unwrap().path().join("strategy.yaml"));
    let folder = tempfile::tempdir().unwrap();
    for example in examples.filter(|file| file.is_file()) {
        std::fs::write(folder.path().join("rules.yml"), motmot_desk::alerts::render(&load(&example))).unwrap();
        if let Some(words) = tool("promtool", &["check", "rules", "rules.yml"], folder.path()) {
            assert!(words.contains("SUCCESS"), "{}: {words}", example.display());
        }
    }
}

#[test]
fn the_reference_has_every_alert() {
    let docs = std::fs::read_to_string(deploy("../docs/metrics.md")).unwrap();
    let rules = motmot_desk::alerts::render(&load(&folder_of_tests().join("strategy.yaml")));
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(docs.contains(&format!("`{alert}`")), "{alert} is not in docs/metrics.md");
    }
}

#[test]
fn the_rules_in_deploy_are_those_of_the_demo() {
    let rules = motmot_desk::alerts::render(&load(&deploy("../examples/demo/strategy.yaml")));
    let mend = "motmot alerts render --strategy examples/demo/strategy.yaml > deploy/prometheus/rules/motmot.yml";
    let there = std::fs::read_to_string(deploy("prometheus/rules/motmot.yml")).unwrap_or_default();
    assert!(there == rules, "render them again: {mend}");
}

#[test]
fn the_configurations_in_deploy_are_valid() {
    tool("promtool", &["check", "config", "prometheus.yml"], &deploy("prometheus"));
    tool("amtool", &["check-config", "alertmanager.yml"], &deploy("alertmanager"));
}

/// Who is told of an alert with these labels, as `deploy/alertmanager/alertmanager.yml` has it.
fn check_route(labels: &[&str], receiver: &str) {
    let arguments = [&["config", "routes", "test", "--config.file=alertmanager.yml"], labels].concat();
    if let Some(words) = tool("amtool", &arguments, &deploy("alertmanager")) {
        assert_eq!(words.trim(), receiver, "{labels:?}");
    }
}

#[test]
fn owner_and_severity_decide_who_is_told() {
    check_route(&["alertname=MotmotMomentsOpen", "severity=page", "owner=floor-supervisor"], "floor-supervisor");
    check_route(&["alertname=MotmotMomentsOpen", "severity=page", "owner=somebody"], "operations-pager");
    check_route(&["alertname=MotmotMomentsRate", "severity=critical", "owner=floor-supervisor"], "operations-inbox");
    check_route(&["alertname=MotmotNoReadyDesk", "severity=page", "owner=sre"], "sre-pager");
    check_route(&["alertname=MotmotDeadLetters", "severity=warning", "owner=sre"], "sre-inbox");
    check_route(&["alertname=MotmotDeadMansSwitch", "severity=none", "owner=sre"], "dead-mans-switch");
}
