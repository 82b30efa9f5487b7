//! The list of all configuration keys: name, default, form and meaning. docs/operations.md is checked against it.

use std::time::Duration;

/// What librdkafka understands goes below this key.
pub(super) const PROPERTIES: &str = "kafka.properties.";
/// What the object store's client understands goes below this key.
pub(super) const OPTIONS: &str = "snapshots.options.";

/// One key.
#[derive(Debug)]
pub(crate) struct Setting {
    /// `section.key`.
    pub(crate) key: &'static str,
    /// Its value when nobody sets it, in its text form.
    pub(crate) default: &'static str,
    /// What a value must look like.
    pub(crate) form: Form,
    /// What it is for, in one line.
    pub(crate) help: &'static str,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// Any text that is not empty.
    Text,
    /// A text, or nothing.
    MaybeText,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number in this range.
    Number(u64, u64),
    /// A number with a unit: ms, s, m, h or d.
    Duration,
    /// A number of bytes with a unit: KiB, MiB or GiB.
    Bytes,
    /// `ADDRESS:PORT`.
    Address,
    /// A tracing filter: a level, or levels by module.
    Filter,
}

const fn setting(key: &'static str, default: &'static str, form: Form, help: &'static str) -> Setting {
    Setting { key, default, form, help }
}

/// All keys, in the order in which people should read them.
pub(crate) const SETTINGS: &[Setting] = &[
    setting("kafka.brokers", "localhost:9092", Form::Text, "the brokers to start from, HOST:PORT, separated by commas"),
    setting(
        "kafka.security_protocol",
        "plaintext",
        Form::Word(&["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]),
        "TLS (ssl), a name and a password (sasl), both, or neither",
    ),
    setting("kafka.ssl_ca_file", "", Form::MaybeText, "certificates (PEM) that sign the brokers'; empty: the system's"),
    setting("kafka.ssl_certificate_file", "", Form::MaybeText, "this client's certificate (PEM), where the brokers ask for one"),
    setting("kafka.ssl_key_file", "", Form::MaybeText, "the key of that certificate (PEM)"),
    setting("kafka.ssl_key_password_file", "", Form::MaybeText, "a file with the password of that key"),
    setting("kafka.ssl_key_password", "", Form::MaybeText, "the password itself, for its variable"),
    setting(
        "kafka.sasl_mechanism",
        "SCRAM-SHA-512",
        Form::Word(&["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]),
        "how name and password are proved, with sasl_ssl or sasl_plaintext",
    ),
    setting("kafka.sasl_username", "", Form::MaybeText, "the name"),
    setting("kafka.sasl_password_file", "", Form::MaybeText, "a file with the password"),
    setting("kafka.sasl_password", "", Form::MaybeText, "the password itself, for its variable"),
    setting("kafka.oauth_token_url", "", Form::MaybeText, "OAUTHBEARER: where tokens are had (OIDC, client credentials)"),
    setting("kafka.oauth_client_id", "", Form::MaybeText, "OAUTHBEARER: the client's name"),
    setting("kafka.oauth_client_secret_file", "", Form::MaybeText, "OAUTHBEARER: a file with the client's secret"),
    setting("kafka.oauth_client_secret", "", Form::MaybeText, "OAUTHBEARER: the secret itself, for its variable"),
    setting("kafka.oauth_scope", "", Form::MaybeText, "OAUTHBEARER: the scope to ask for"),
    setting(
        "registry.url",
        "",
        Form::MaybeText,
        "the schema registry's servers, separated by commas; empty: none, and records are in single-object encoding",
    ),
    setting(
        "registry.auto_register",
        "true",
        Form::Word(&["true", "false"]),
        "register the schemas that are written; false: they must be there",
    ),
    setting("registry.user", "", Form::MaybeText, "the user, for basic authentication"),
    setting("registry.password_file", "", Form::MaybeText, "a file with the password"),
    setting("registry.password", "", Form::MaybeText, "the password itself, for its variable"),
    setting("registry.token_file", "", Form::MaybeText, "a file with a bearer token, read at each request"),
    setting("registry.token", "", Form::MaybeText, "the token itself, for its variable"),
    setting("registry.ca_file", "", Form::MaybeText, "certificates (PEM) that sign the registry's; empty: the system's"),
    setting("registry.timeout", "5s", Form::Duration, "how long one question to one server may take"),
    setting("topics.touchpoints", "motmot.touchpoints", Form::Text, "input: touchpoints, keyed by customer"),
    setting("topics.moments", "motmot.moments", Form::Text, "output: the table of critical moments"),
    setting("topics.cycles", "motmot.cycles", Form::Text, "output: the table of service cycles"),
    setting("topics.dead_letters", "motmot.dead-letters", Form::Text, "output: records that are no touchpoints"),
    setting(
        "topics.strategies",
        "motmot.strategies",
        Form::Text,
        "strategies by name and hash, and where each partition went over to which",
    ),
    setting("topics.partitions", "8", Form::Number(1, 10_000), "partitions of the topics that `motmot topics --create` makes"),
    setting(
        "topics.replication",
        "3",
        Form::Number(1, 32_767),
        "copies of each partition that `motmot topics --create` asks for",
    ),
    setting(
        "input.timestamps",
        "log_append",
        Form::Word(&["log_append", "producer"]),
        "log_append: the input topic must carry the broker's clock; producer: you vouch for the producers' clocks",
    ),
    setting("input.schemas", "", Form::MaybeText, "files of newer writers' Avro schemas, separated by commas"),
    setting(
        "strategy.source",
        "file",
        Form::Word(&["file", "topic"]),
        "file: strategy.file, looked at every second and on SIGHUP; topic: what was published under strategy.name",
    ),
    setting("strategy.file", "strategy.yaml", Form::Text, "the service strategy"),
    setting("strategy.name", "", Form::MaybeText, "with strategy.source = topic: the name of the strategy to follow"),
    setting("worker.group", "motmot", Form::Text, "the consumer group of all workers of one installation"),
    setting(
        "worker.instance",
        "",
        Form::MaybeText,
        "this worker's name in the group, the same after a restart; empty: the host's name",
    ),
    setting("worker.shards", "0", Form::Number(0, 1_024), "threads, each with a consumer and a producer; 0: one a core"),
    setting("worker.store", "motmot-store", Form::Text, "the folder of the state (RocksDB); may be lost, never shared"),
    setting("worker.commit_interval", "200ms", Form::Duration, "how long outputs wait for their transaction at most"),
    setting(
        "worker.checkpoint_interval",
        "10s",
        Form::Duration,
        "how often the state goes to the store: what a crash costs to read again",
    ),
    setting(
        "worker.checkpoint_records",
        "500000",
        Form::Number(1_000, 1_000_000_000),
        "a checkpoint also comes after so many records of a partition",
    ),
    setting("worker.tick_interval", "200ms", Form::Duration, "how often deadlines are looked at when no record comes"),
    setting(
        "worker.max_hot_cycles",
        "200000",
        Form::Number(1_000, 1_000_000_000),
        "cycles kept in memory, per shard; the others wait in the store",
    ),
    setting("worker.block_cache", "256MiB", Form::Bytes, "RocksDB's cache, for the whole process"),
    setting("worker.write_buffers", "128MiB", Form::Bytes, "RocksDB's write buffers, for the whole process"),
    setting(
        "snapshots.url",
        "",
        Form::MaybeText,
        "where snapshots of the state go: s3://BUCKET/PREFIX, gs://…, az://… or file:///FOLDER; empty: nowhere, for a trial only",
    ),
    setting("snapshots.interval", "60s", Form::Duration, "how often each partition makes a snapshot"),
    setting("snapshots.keep", "3", Form::Number(1, 1_000), "how many snapshots of each partition are kept"),
    setting("http.listen", "127.0.0.1:9464", Form::Address, "where /metrics, /livez and /readyz are served"),
    setting("log.level", "info", Form::Filter, "error, warn, info, debug or trace; also by module: info,motmot_stream=debug"),
    setting("log.format", "text", Form::Word(&["text", "json"]), "one line for people, or one JSON object, per event on stderr"),
];

/// librdkafka properties that motmot sets itself, because its guarantees rest on them.
pub(super) const OWN_PROPERTIES: &[(&str, &str)] = &[
    ("bootstrap.servers", "set kafka.brokers instead"),
    ("metadata.broker.list", "set kafka.brokers instead"),
    ("group.id", "set worker.group instead"),
    ("group.instance.id", "set worker.instance instead"),
    ("transactional.id", "it follows from worker.instance"),
    ("enable.auto.commit", "offsets are committed with the outputs, in one transaction"),
    ("enable.auto.offset.store", "offsets are committed with the outputs, in one transaction"),
    ("isolation.level", "outputs of broken transactions must not be read"),
    ("enable.idempotence", "transactions need it"),
    ("partitioner", "keys must go where Java producers put them (murmur2)"),
    ("partition.assignment.strategy", "the worker's rebalance is written for one protocol"),
    ("group.protocol", "the worker's rebalance is written for one protocol"),
    ("auto.offset.reset", "a lost offset must be noticed, not skipped"),
];

/// Whether the value of a key must never be shown: passwords, keys and tokens, also among librdkafka's properties and the object
/// store's options.
pub(crate) fn is_secret(key: &str) -> bool {
    const SECRETS: [&str; 5] =
        ["kafka.ssl_key_password", "kafka.sasl_password", "kafka.oauth_client_secret", "registry.password", "registry.token"];
    const MARKS: [&str; 8] = ["password", "passphrase", "secret", "token", "key.pem", "jaas", "credential", "oauthbearer.config"];
    const OPTION_MARKS: [&str; 6] = ["password", "secret", "token", "key", "credential", "sas"];
    let has = |name: &str, marks: &[&str]| marks.iter().any(|mark| name.contains(mark));
    SECRETS.contains(&key)
        || key.strip_prefix(PROPERTIES).is_some_and(|name| has(name, &MARKS))
        || key.strip_prefix(OPTIONS).is_some_and(|name| has(&name.to_lowercase(), &OPTION_MARKS))
}

/// The environment variable of a key: `worker.commit_interval` is `MOTMOT_WORKER__COMMIT_INTERVAL`.
pub(crate) fn variable(key: &str) -> String {
    let (section, rest) = key.split_once('.').unwrap_or(("", key));
    let rest = rest.replacen("properties.", "properties__", 1).replacen("options.", "options__", 1).replace('.', "_");
    format!("MOTMOT_{section}__{rest}").to_uppercase()
}

/// The key of an environment variable, if it has the form of one.
pub(super) fn key_of_variable(name: &str) -> Option<String> {
    let (section, rest) = name.strip_prefix("MOTMOT_")?.split_once("__")?;
    let (section, rest) = (section.to_lowercase(), rest.to_lowercase());
    Some(match rest.strip_prefix("properties__") {
        Some(property) if section == "kafka" => format!("{PROPERTIES}{}", property.replace('_', ".")),
        _ => match rest.strip_prefix("options__") {
            Some(option) if section == "snapshots" => format!("{OPTIONS}{option}"),
            _ => format!("{section}.{rest}"),
        },
    })
}

/// `256MiB`: a whole number and one unit; at most a thousand GiB.
pub(super) fn parse_bytes(text: &str) -> Option<usize> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at_checked(split)?;
    let shift = match unit.trim() {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    let bytes = digits.parse::<u64>().ok()?.checked_mul(1 << shift).filter(|bytes| (1..=1_000 << 30).contains(bytes))?;
    usize::try_from(bytes).ok()
}

/// The duration that a value says, if it is one of at least a millisecond and at most a year.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    const YEAR_MS: u64 = 366 * 86_400_000;
    let millis = motmot_core::yaml::parse_duration(text).ok().and_then(|millis| u64::try_from(millis).ok());
    millis.filter(|millis| (1..=YEAR_MS).contains(millis)).map(Duration::from_millis)
}

impl Form {
    /// What a value should have been; none: it is good.
    pub(super) fn check(self, text: &str) -> Result<(), String> {
        let good = match self {
            Self::MaybeText => true,
            Self::Text => !text.trim().is_empty(),
            Self::Word(words) => words.contains(&text),
            Self::Number(low, high) => text.parse().is_ok_and(|number: u64| (low..=high).contains(&number)),
            Self::Duration => parse_duration(text).is_some(),
            Self::Bytes => parse_bytes(text).is_some(),
            Self::Address => text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()),
            Self::Filter => crate::logging::filter(text).is_ok(),
        };
        if good { Ok(()) } else { Err(self.words()) }
    }

    /// The form in words.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::MaybeText => "a text, or nothing".to_owned(),
            Self::Word(words) => words.join(" or "),
            Self::Number(low, high) => format!("a whole number from {low} to {high}"),
            Self::Duration => "a whole number with a unit (ms, s, m, h, d), such as 10s".to_owned(),
            Self::Bytes => "a whole number with a unit (KiB, MiB, GiB), such as 256MiB".to_owned(),
            Self::Address => "ADDRESS:PORT, such as 127.0.0.1:9464".to_owned(),
            Self::Filter => {
                "a level (error, warn, info, debug, trace), or levels by module (info,motmot_stream=debug)".to_owned()
            }
        }
    }
}
