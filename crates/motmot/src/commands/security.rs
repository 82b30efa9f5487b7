//! Who we are to Kafka and to the schema registry, and how they prove who they are: settings in, the libraries' own out.
//!
//! Decided here: what is missing, and what contradicts. Secrets are read from their files here, and shown nowhere.

use std::collections::BTreeMap;

use motmot_registry::{Credentials, RegistryConfig, Secret};

use crate::config::{Config, ConfigError, Origin};

/// First-class settings of Kafka that librdkafka has as properties of its own. The first three are files.
const PLAIN: [(&str, &str); 6] = [
    ("kafka.ssl_ca_file", "ssl.ca.location"),
    ("kafka.ssl_certificate_file", "ssl.certificate.location"),
    ("kafka.ssl_key_file", "ssl.key.location"),
    ("kafka.sasl_username", "sasl.username"),
    ("kafka.oauth_token_url", "sasl.oauthbearer.token.endpoint.url"),
    ("kafka.oauth_client_id", "sasl.oauthbearer.client.id"),
];
const FILES: usize = 3;

/// Secrets: the setting itself, its file, the property.
const SECRET: [(&str, &str, &str); 3] = [
    ("kafka.sasl_password", "kafka.sasl_password_file", "sasl.password"),
    ("kafka.oauth_client_secret", "kafka.oauth_client_secret_file", "sasl.oauthbearer.client.secret"),
    ("kafka.ssl_key_password", "kafka.ssl_key_password_file", "ssl.key.password"),
];

/// librdkafka's properties: the user's own, and what the first-class settings say.
pub(super) fn properties(config: &Config) -> anyhow::Result<BTreeMap<String, String>> {
    let mut properties = config.kafka_properties();
    // The library has two names for it, and which of them would win is chance.
    if let Some(mechanism) = properties.remove("sasl.mechanisms") {
        properties.insert("sasl.mechanism".to_owned(), mechanism);
    }
    let mut mistakes = Vec::new();
    let mut set = |key: &str, property: &str, value: String| {
        if properties.insert(property.to_owned(), value).is_some() {
            mistakes.push(format!("{key} and kafka.properties.{property} are both set; keep {key}"));
        }
    };
    let protocol = config.text("kafka.security_protocol");
    if config.origin("kafka.security_protocol") != Origin::Default {
        set("kafka.security_protocol", "security.protocol", protocol.to_owned());
    }
    for (position, (key, property)) in PLAIN.into_iter().enumerate() {
        if !config.text(key).is_empty() {
            let value = if position < FILES { config.path(key).display().to_string() } else { config.text(key).to_owned() };
            set(key, property, value);
        }
    }
    let mut unreadable = Vec::new();
    for (key, file, property) in SECRET {
        match secret(config, key, file).map(|found| found.map(|secret| secret.read())) {
            Ok(Some(Ok(value))) => set(key, property, value),
            Ok(None) => {}
            Ok(Some(Err(words))) => unreadable.push(format!("{file}: {words}")),
            Err(words) => unreadable.push(words),
        }
    }
    let mechanism = config.text("kafka.sasl_mechanism");
    let is_sasl = protocol.starts_with("sasl_");
    if is_sasl {
        set("kafka.sasl_mechanism", "sasl.mechanism", mechanism.to_owned());
        if mechanism == "OAUTHBEARER" {
            set("kafka.sasl_mechanism", "sasl.oauthbearer.method", "oidc".to_owned());
        }
        if !config.text("kafka.oauth_scope").is_empty() {
            set("kafka.oauth_scope", "sasl.oauthbearer.scope", config.text("kafka.oauth_scope").to_owned());
        }
    }
    mistakes.extend(unreadable);
    mistakes.extend(missing(config, protocol, mechanism, &properties));
    told(mistakes)?;
    Ok(properties)
}

/// What the protocol needs and has not, and what it has and does not use.
fn missing(config: &Config, protocol: &str, mechanism: &str, properties: &BTreeMap<String, String>) -> Vec<String> {
    let mut mistakes = Vec::new();
    let has = |property: &str| properties.contains_key(property);
    let mut needs = |property: &str, what: &str| {
        if !has(property) {
            mistakes.push(format!("kafka.sasl_mechanism is {mechanism}, and {what} is not set"));
        }
    };
    match (protocol.starts_with("sasl_"), mechanism) {
        (false, _) => {}
        (true, "OAUTHBEARER") => {
            needs("sasl.oauthbearer.token.endpoint.url", "kafka.oauth_token_url");
            needs("sasl.oauthbearer.client.id", "kafka.oauth_client_id");
            needs("sasl.oauthbearer.client.secret", "kafka.oauth_client_secret_file");
        }
        (true, _) => {
            needs("sasl.username", "kafka.sasl_username");
            needs("sasl.password", "kafka.sasl_password_file (or the variable MOTMOT_KAFKA__SASL_PASSWORD)");
        }
    }
    for (key, _) in PLAIN.into_iter().take(FILES).filter(|(key, _)| !config.text(key).is_empty()) {
        if let Err(error) = std::fs::File::open(config.path(key)) {
            mistakes.push(format!("{key}: {} cannot be read: {error}", config.path(key).display()));
        }
    }
    if has("ssl.certificate.location") != has("ssl.key.location") {
        mistakes.push("kafka.ssl_certificate_file and kafka.ssl_key_file belong together, and one of them is not set".to_owned());
    }
    // Whoever sets a password or a certificate means to use it: in the clear, or to nobody, it must not go silently.
    let keys = SECRET.iter().flat_map(|(key, file, _)| [*key, *file]).chain(PLAIN.iter().map(|(key, _)| *key));
    let unused = |part: &str| keys.clone().find(|key| key.contains(part) && !config.text(key).is_empty());
    if let Some(key) = unused(".sasl_").or_else(|| unused(".oauth_")).filter(|_| !protocol.starts_with("sasl_")) {
        mistakes.push(format!("{key} is set, and kafka.security_protocol is {protocol}: set it to sasl_ssl (or sasl_plaintext)"));
    }
    if let Some(key) = unused(".ssl_").filter(|_| !protocol.ends_with("ssl")) {
        mistakes.push(format!("{key} is set, and kafka.security_protocol is {protocol}: set it to ssl or sasl_ssl"));
    }
    mistakes
}

/// How to reach the registry; none: none is configured.
pub(super) fn registry(config: &Config) -> anyhow::Result<Option<RegistryConfig>> {
    let urls: Vec<String> =
        config.text("registry.url").split(',').map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned).collect();
    let mut mistakes = Vec::new();
    let mut found = |key, file| {
        secret(config, key, file).unwrap_or_else(|words| {
            mistakes.push(words);
            None
        })
    };
    let (password, token) =
        (found("registry.password", "registry.password_file"), found("registry.token", "registry.token_file"));
    let user = config.text("registry.user");
    let credentials = match (user.is_empty(), password, token) {
        (true, None, None) => None,
        (true, None, Some(token)) => Some(Credentials::Token(token)),
        (false, Some(password), None) => Some(Credentials::Basic { user: user.to_owned(), password }),
        (_, _, Some(_)) => {
            mistakes.push("registry.token and registry.user or registry.password are both set; keep one of them".to_owned());
            None
        }
        (true, Some(_), None) => {
            mistakes.push("registry.password is set, and registry.user is not".to_owned());
            None
        }
        (false, None, None) => {
            mistakes.push("registry.user is set, and registry.password_file is not".to_owned());
            None
        }
    };
    // Read when they are used; a file that is not there should be told at the start.
    let secrets = credentials.iter().map(|credentials| match credentials {
        Credentials::Basic { password, .. } => password.read(),
        Credentials::Token(token) => token.read(),
    });
    mistakes.extend(secrets.filter_map(Result::err));
    let ca_file = (!config.text("registry.ca_file").is_empty()).then(|| config.path("registry.ca_file"));
    told(mistakes)?;
    Ok((!urls.is_empty()).then(|| RegistryConfig {
        urls,
        credentials,
        ca_file,
        timeout: config.duration("registry.timeout"),
        auto_register: config.text("registry.auto_register") == "true",
    }))
}

/// A secret by its setting or its file.
fn secret(config: &Config, key: &str, file: &str) -> Result<Option<Secret>, String> {
    match (config.text(key), config.text(file)) {
        ("", "") => Ok(None),
        (value, "") => Ok(Some(Secret::Value(value.to_owned()))),
        ("", _) => Ok(Some(Secret::File(config.path(file)))),
        _ => Err(format!("{key} and {file} are both set; keep {file}")),
    }
}

fn told(mistakes: Vec<String>) -> Result<(), ConfigError> {
    if mistakes.is_empty() { Ok(()) } else { Err(ConfigError(mistakes)) }
}

#[cfg(test)]
mod tests;
