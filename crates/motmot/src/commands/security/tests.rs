use super::*;
use crate::config::Sources;

fn config(options: &[&str]) -> Config {
    let options = options.iter().map(|option| (*option).to_owned()).collect();
    Config::load(&Sources { file: None, environment: Vec::new(), options }).unwrap()
}

fn check_mistake(options: &[&str], words: &str) {
    let config = config(options);
    let error = properties(&config).map(drop).and_then(|()| registry(&config).map(drop)).unwrap_err().to_string();
    assert!(error.contains(words), "`{words}` is not in: {error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn what_is_missing_or_contradicts_is_named() {
    let sasl = "kafka.security_protocol=sasl_ssl";
    check_mistake(&[sasl], "kafka.sasl_mechanism is SCRAM-SHA-512, and kafka.sasl_username is not set");
    check_mistake(&[sasl, "kafka.sasl_username=ada"], "kafka.sasl_password_file (or the variable");
    check_mistake(&[sasl, "kafka.sasl_mechanism=OAUTHBEARER"], "kafka.oauth_token_url is not set");
    check_mistake(&["kafka.sasl_password=hunter2"], "set it to sasl_ssl");
    check_mistake(&["kafka.sasl_password_file=Cargo.toml"], "kafka.sasl_password_file is set");
    let raw = "kafka.properties.security.protocol=sasl_ssl";
    check_mistake(&[raw, "kafka.sasl_username=ada"], "kafka.security_protocol is plaintext: set it to sasl_ssl");
    check_mistake(&[sasl, "kafka.properties.sasl.mechanisms=PLAIN"], "kafka.properties.sasl.mechanism are both set");
    check_mistake(&["kafka.ssl_key_file=Cargo.toml", "kafka.security_protocol=ssl"], "belong together");
    check_mistake(
        &["kafka.ssl_ca_file=nowhere.pem", "kafka.security_protocol=ssl"],
        "kafka.ssl_ca_file: nowhere.pem cannot be read",
    );
    check_mistake(&["kafka.ssl_ca_file=Cargo.toml"], "set it to ssl or sasl_ssl");
    check_mistake(
        &[sasl, "kafka.sasl_username=ada", "kafka.sasl_password_file=nowhere"],
        "kafka.sasl_password_file: the file nowhere",
    );
    check_mistake(&["kafka.sasl_password=hunter2", "kafka.sasl_password_file=x"], "are both set; keep kafka.sasl_password_file");
    check_mistake(&["kafka.security_protocol=ssl", "kafka.properties.security.protocol=ssl"], "are both set");
    check_mistake(&["registry.password=hunter2"], "registry.user is not");
    check_mistake(&["registry.user=ada"], "registry.password_file is not");
    check_mistake(&["registry.user=ada", "registry.password=hunter2", "registry.token=hunter2"], "keep one of them");
    check_mistake(&["registry.token_file=nowhere"], "the file nowhere cannot be read");
}

#[test]
fn settings_become_the_librarys_properties() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let (password, ca) = (file("password", "hunter2\n"), file("ca.pem", "x"));
    let options =
        ["security_protocol=sasl_ssl", "sasl_mechanism=PLAIN", "sasl_username=ada", &format!("sasl_password_file={password}")]
            .map(|option| format!("kafka.{option}"));
    let mut options: Vec<&str> = options.iter().map(String::as_str).collect();
    let ca_option = format!("kafka.ssl_ca_file={ca}");
    options.push(&ca_option);
    let found: Vec<(String, String)> = properties(&config(&options)).unwrap().into_iter().collect();
    let expected = [
        ("sasl.mechanism", "PLAIN"),
        ("sasl.password", "hunter2"),
        ("sasl.username", "ada"),
        ("security.protocol", "sasl_ssl"),
        ("ssl.ca.location", &ca),
    ];
    assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(properties(&config(&[])).unwrap().is_empty(), "nothing is set that nobody asked for");
}

#[test]
fn the_registry_is_none_without_a_url_and_has_several_servers_with_commas() {
    assert_eq!(registry(&config(&[])).unwrap(), None);
    let found = registry(&config(&["registry.url=http://a:1, http://b:2", "registry.token=t"])).unwrap().unwrap();
    assert_eq!(found.urls, ["http://a:1", "http://b:2"]);
    assert_eq!(found.credentials, Some(Credentials::Token(Secret::Value("t".to_owned()))));
}
