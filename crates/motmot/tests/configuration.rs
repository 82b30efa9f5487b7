//! `motmot config`: every value with its origin, and never a secret.
#![allow(clippy::unwrap_used)] // clippy does not see that helpers are tests too

mod program;

use program::motmot_with;

const FILE: &str = "[kafka]\nbrokers = \"broker-1:9093\"\n[kafka.properties]\n\"security.protocol\" = \"SASL_SSL\"\n\"sasl.password\" = \"hunter2\"\n";

fn config(environment: &[(&str, &str)], arguments: &[&str]) -> program::Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("motmot.toml");
    std::fs::write(&path, FILE).unwrap();
    let arguments: Vec<_> = ["config", "--config", path.to_str().unwrap()].into_iter().chain(arguments.iter().copied()).collect();
    motmot_with(&arguments, environment)
}

#[test]
fn every_value_names_its_origin() {
    let outcome = config(&[("MOTMOT_WORKER__GROUP", "bank")], &["--set", "log.format=json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    for (value, origin) in [
        ("brokers = \"broker-1:9093\"", "motmot.toml:2"),
        ("group = \"bank\"", "$MOTMOT_WORKER__GROUP"),
        ("format = \"json\"", "--set"),
        ("shards = 0", "default"),
    ] {
        let line = outcome.stdout.lines().find(|line| line.starts_with(value));
        assert!(line.is_some_and(|line| line.ends_with(origin)), "{value}: {line:?}");
    }
}

#[test]
fn no_secret_is_printed_from_any_source() {
    let secret = ("MOTMOT_KAFKA__PROPERTIES__SSL_KEY_PASSWORD", "hunter2");
    let outcome = config(&[secret], &["--explain", "--set", "kafka.properties.sasl.oauthbearer.client.secret=hunter2"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(!outcome.stdout.contains("hunter2") && !outcome.stderr.contains("hunter2"));
    assert_eq!(outcome.stdout.matches("(hidden)").count(), 3, "{}", outcome.stdout);
}

#[test]
fn a_wrong_key_is_told_with_the_right_one_and_exit_code_2() {
    let outcome = config(&[("MOTMOT_WORKER__SHARD", "2")], &[]);
    assert_eq!(outcome.code, 2);
    let expected = "$MOTMOT_WORKER__SHARD: there is no key worker.shard; did you mean worker.shards?";
    assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn the_output_is_a_configuration_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("printed.toml");
    std::fs::write(&path, config(&[], &["--explain"]).stdout.replace("(hidden)", "x")).unwrap();
    let outcome = motmot_with(&["config", "--config", path.to_str().unwrap()], &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("\"security.protocol\" = \"SASL_SSL\""), "{}", outcome.stdout);
}

#[test]
fn settings_before_and_after_the_command_both_count() {
    let outcome = motmot_with(&["--set", "worker.shards=3", "config", "--set", "log.format=json"], &[]);
    assert!(outcome.stdout.contains("shards = 3") && outcome.stdout.contains("format = \"json\""), "{}", outcome.stdout);
}
