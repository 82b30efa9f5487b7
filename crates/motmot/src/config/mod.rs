//! The configuration: one TOML file, the environment and `--set`, merged key by key, each value with its origin.
//!
//! [`settings`] is the list of all keys; what is not in it is an error. [`layers`] reads the sources, [`mod@show`] prints the result.
//! Nothing here prints or logs a value whose key is secret.

mod layers;
mod settings;
mod show;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use layers::Sources;
pub(crate) use settings::SETTINGS;
pub(crate) use show::show;

/// Everything that was found wrong with the configuration, one mistake a line.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {}:\n{}", count(.0.len()), .0.iter().map(|m| format!("  - {m}")).collect::<Vec<_>>().join("\n"))]
pub(crate) struct ConfigError(pub(crate) Vec<String>);

fn count(mistakes: usize) -> String {
    if mistakes == 1 { "a mistake".to_owned() } else { format!("{mistakes} mistakes") }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the configuration file.
    File(PathBuf, usize),
    /// An environment variable.
    Variable(String),
    /// The command line.
    Option,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "${name}"),
            Self::Option => f.write_str("--set"),
        }
    }
}

/// A checked value in its text form, and where it comes from.
#[derive(Clone)]
pub(crate) struct Value {
    pub(crate) text: String,
    pub(crate) origin: Origin,
}

/// The merged configuration. Every key of [`SETTINGS`] has a valid value. It has no `Debug`: some values are passwords.
#[derive(Clone)]
pub(crate) struct Config {
    values: BTreeMap<String, Value>,
}

impl Config {
    /// Merges the sources and checks every value.
    pub(crate) fn load(sources: &Sources) -> Result<Self, ConfigError> {
        layers::merge(sources)
    }

    /// The value of a key of [`SETTINGS`].
    pub(crate) fn text(&self, key: &str) -> &str {
        debug_assert!(SETTINGS.iter().any(|setting| setting.key == key), "{key} is no setting");
        self.values.get(key).map_or("", |value| value.text.as_str())
    }

    /// Where a key's value comes from.
    pub(crate) fn origin(&self, key: &str) -> Origin {
        self.values.get(key).map_or(Origin::Default, |value| value.origin.clone())
    }

    /// A path; a relative one is meant from where the configuration file lies if it was set there, else from the current folder.
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.where_it_was_set(key, self.text(key))
    }

    /// Paths separated by commas, each as [`Config::path`] has it.
    pub(crate) fn paths(&self, key: &str) -> Vec<PathBuf> {
        let paths = self.text(key).split(',').map(str::trim).filter(|path| !path.is_empty());
        paths.map(|path| self.where_it_was_set(key, path)).collect()
    }

    fn where_it_was_set(&self, key: &str, path: &str) -> PathBuf {
        match self.values.get(key).map(|value| &value.origin) {
            Some(Origin::File(file, _)) => file.parent().unwrap_or(Path::new("")).join(path),
            _ => PathBuf::from(path),
        }
    }

    /// A whole number; the settings' own check makes sure that it is one.
    pub(crate) fn number(&self, key: &str) -> u64 {
        self.text(key).parse().unwrap_or_default()
    }

    /// A duration; the settings' own check makes sure that it is one.
    pub(crate) fn duration(&self, key: &str) -> Duration {
        settings::parse_duration(self.text(key)).unwrap_or_default()
    }

    /// A number of bytes; the settings' own check makes sure that it is one.
    pub(crate) fn bytes(&self, key: &str) -> usize {
        settings::parse_bytes(self.text(key)).unwrap_or_default()
    }

    /// librdkafka's own properties, as the user set them, without the brokers.
    pub(crate) fn kafka_properties(&self) -> BTreeMap<String, String> {
        self.below(settings::PROPERTIES)
    }

    /// The options of the store of snapshots, as the user set them.
    pub(crate) fn snapshot_options(&self) -> BTreeMap<String, String> {
        self.below(settings::OPTIONS)
    }

    fn below(&self, prefix: &str) -> BTreeMap<String, String> {
        let named = self.values.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value)));
        named.map(|(name, value)| (name.to_owned(), value.text.clone())).collect()
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value))
    }
}

#[cfg(test)]
mod tests;
