use super::settings::Setting;
use super::*;

fn sources(file: &str, environment: &[(&str, &str)], options: &[&str]) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("motmot.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    (folder, Sources { file: Some(path), environment, options: options.iter().map(|o| (*o).to_owned()).collect() })
}

fn check(file: &str, environment: &[(&str, &str)], options: &[&str], key: &str, text: &str, origin: &str) {
    let (_folder, sources) = sources(file, environment, options);
    let config = Config::load(&sources).unwrap();
    let found = config.values.get(key).unwrap();
    assert_eq!((found.text.as_str(), found.origin.to_string().rsplit('/').next().unwrap()), (text, origin), "{key}");
}

fn check_mistakes(file: &str, environment: &[(&str, &str)], options: &[&str], words: &[&str]) {
    let (_folder, sources) = sources(file, environment, options);
    let message = Config::load(&sources).map(drop).unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

#[test]
fn a_stronger_source_wins_and_names_itself() {
    let file = "\n[worker]\nshards = 3\n";
    check("", &[], &[], "worker.shards", "0", "default");
    check(file, &[], &[], "worker.shards", "3", "motmot.toml:3");
    check(file, &[("MOTMOT_WORKER__SHARDS", "4")], &[], "worker.shards", "4", "$MOTMOT_WORKER__SHARDS");
    check(file, &[("MOTMOT_WORKER__SHARDS", "4")], &["worker.shards=5"], "worker.shards", "5", "--set");
    check(file, &[("MOTMOT_LOG", "debug")], &[], "log.level", "debug", "$MOTMOT_LOG");
}

#[test]
fn librdkafka_properties_are_written_with_dots_quotes_or_underscores() {
    for file in ["[kafka.properties]\n\"sasl.username\" = \"me\"", "[kafka.properties]\nsasl.username = \"me\""] {
        check(file, &[], &[], "kafka.properties.sasl.username", "me", "motmot.toml:2");
    }
    let variable = "MOTMOT_KAFKA__PROPERTIES__SASL_USERNAME";
    check("", &[(variable, "me")], &[], "kafka.properties.sasl.username", "me", &format!("${variable}"));
}

#[test]
fn every_key_has_a_variable_that_leads_back_to_it_and_a_good_default() {
    for setting in SETTINGS {
        assert_eq!(settings::key_of_variable(&settings::variable(setting.key)).unwrap(), setting.key);
        assert_eq!(setting.form.check(setting.default), Ok(()), "{}", setting.key);
    }
}

#[test]
fn all_mistakes_are_told_at_once_with_line_and_mend() {
    check_mistakes(
        "[kafka]\nbroker = \"b\"\n[worker]\ncommit_interval = \"fast\"\nshards = -1\n[wroker]\nx = 1\n",
        &[("MOTMOT_HTTP__LISTEN", "9464"), ("MOTMOT_KAFKA_BROKERS", "b:9092")],
        &["log.format"],
        &[
            "7 mistakes",
            "motmot.toml:2: there is no key kafka.broker; did you mean kafka.brokers?",
            "motmot.toml:4: worker.commit_interval is `fast`; it should be a whole number with a unit",
            "motmot.toml:5: worker.shards is `-1`; it should be a whole number from 0",
            "motmot.toml:7: there is no key wroker.x",
            "$MOTMOT_HTTP__LISTEN: http.listen is `9464`; it should be ADDRESS:PORT",
            "$MOTMOT_KAFKA_BROKERS: section and key are separated by two underscores; write MOTMOT_KAFKA__BROKERS",
            "--set log.format: it should be KEY=VALUE",
        ],
    );
    check_mistakes("shards = 2", &[], &[], &["motmot.toml:1: `shards` stands outside a section"]);
    check_mistakes("[worker\n", &[], &[], &["motmot.toml:1: this is not TOML"]);
}

#[test]
fn what_motmot_guarantees_cannot_be_configured_away() {
    check_mistakes(
        "[kafka.properties]\n\"isolation.level\" = \"read_uncommitted\"",
        &[],
        &[],
        &["isolation.level is motmot's own"],
    );
}

#[test]
fn variables_that_are_not_configuration_are_left_alone() {
    let environment =
        [("MOTMOT_TEST_KAFKA", "x"), ("MOTMOT_DATA", "y"), ("MOTMOT_CACHE", "z"), ("MOTMOT_SERVICE_HOST", "10.0.0.1")];
    check("", &environment, &[], "worker.shards", "0", "default");
}

#[test]
fn a_secret_is_never_shown() {
    let file = "[kafka.properties]\n\"sasl.password\" = \"pa55\"\n\"ssl.key.pem\" = \"pa55\"\n\"sasl.username\" = \"ada\"\n";
    let (_folder, sources) = sources(file, &[("MOTMOT_KAFKA__PROPERTIES__SASL_OAUTHBEARER_CLIENT_SECRET", "pa55")], &[]);
    let config = Config::load(&sources).unwrap();
    let shown = show(&config, true);
    assert!(!shown.contains("pa55"), "{shown}");
    assert!(shown.contains("\"sasl.password\" = \"(hidden)\"") && shown.contains("\"sasl.username\" = \"ada\""), "{shown}");
    assert_eq!(config.kafka_properties().get("sasl.password").map(String::as_str), Some("pa55"));
}

#[test]
fn options_of_the_store_of_snapshots_are_its_own_and_its_keys_are_secret() {
    let file = "[snapshots.options]\naws_region = \"eu\"\naws_secret_access_key = \"pa55\"\n";
    let (_folder, sources) = sources(file, &[("MOTMOT_SNAPSHOTS__OPTIONS__AWS_ENDPOINT", "http://127.0.0.1:9")], &[]);
    let config = Config::load(&sources).unwrap();
    let expected = [("aws_endpoint", "http://127.0.0.1:9"), ("aws_region", "eu"), ("aws_secret_access_key", "pa55")];
    assert_eq!(config.snapshot_options(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let shown = show(&config, true);
    assert!(
        shown.contains("[snapshots.options]") && shown.contains("\"aws_region\" = \"eu\"") && !shown.contains("pa55"),
        "{shown}"
    );
}

#[test]
fn a_broken_file_does_not_show_its_line() {
    let (_folder, sources) = sources("[kafka.properties]\n\"sasl.password\" = pa55\n", &[], &[]);
    assert!(!Config::load(&sources).map(drop).unwrap_err().to_string().contains("pa55"));
}

#[test]
fn a_relative_path_in_the_file_is_meant_from_there() {
    let (folder, sources) = sources("[strategy]\nfile = \"rules/s.yaml\"\n", &[], &[]);
    assert_eq!(Config::load(&sources).unwrap().path("strategy.file"), folder.path().join("rules/s.yaml"));
}

#[test]
fn the_reference_in_the_docs_names_every_key_with_its_default() {
    let docs = include_str!("../../../../docs/operations.md");
    for Setting { key, default, .. } in SETTINGS {
        let row = if default.is_empty() { format!("| `{key}` | |") } else { format!("| `{key}` | `{default}` |") };
        assert!(docs.contains(&row), "docs/operations.md has no row `{row}`");
    }
}
