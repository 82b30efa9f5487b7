//! Reads the sources, the weakest first: defaults, the file, the environment, `--set`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::settings::{OPTIONS, OWN_PROPERTIES, PROPERTIES, SETTINGS, Setting, key_of_variable, variable};
use super::{Config, ConfigError, Origin, Value};

/// What the configuration is merged from. It has no `Debug`: passwords are among it.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    /// The file, if one was named.
    pub(crate) file: Option<PathBuf>,
    /// The process's environment, or a test's.
    pub(crate) environment: Vec<(String, String)>,
    /// `KEY=VALUE` of the command line.
    pub(crate) options: Vec<String>,
}

impl Sources {
    /// The process's own: `--config` (clap reads `MOTMOT_CONFIG`), the environment and `--set`.
    pub(crate) fn of_process(file: Option<PathBuf>, options: Vec<String>) -> Self {
        // A variable that is no UTF-8 cannot be one of ours.
        let text =
            |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self { file, environment: std::env::vars_os().filter_map(text).collect(), options }
    }
}

/// Collects values and mistakes; a mistake in one source does not hide those in the next.
#[derive(Default)]
struct Merge {
    values: BTreeMap<String, Value>,
    mistakes: Vec<String>,
}

pub(super) fn merge(sources: &Sources) -> Result<Config, ConfigError> {
    let mut merge = Merge::default();
    for Setting { key, default, .. } in SETTINGS {
        merge.values.insert((*key).to_owned(), Value { text: (*default).to_owned(), origin: Origin::Default });
    }
    if let Some(path) = &sources.file {
        merge.file(path);
    }
    merge.environment(&sources.environment);
    for option in &sources.options {
        match option.split_once('=') {
            Some((key, text)) => merge.set(key.trim(), text.trim(), Origin::Option),
            None => merge.mistakes.push(format!("--set {option}: it should be KEY=VALUE, such as --set worker.shards=2")),
        }
    }
    if merge.mistakes.is_empty() { Ok(Config { values: merge.values }) } else { Err(ConfigError(merge.mistakes)) }
}

impl Merge {
    /// Takes a value over if key and value are good.
    fn set(&mut self, key: &str, text: &str, origin: Origin) {
        let found = match key.strip_prefix(PROPERTIES) {
            Some(property) => check_property(property),
            // The store's own client judges them, and names the one that is wrong.
            None if key.starts_with(OPTIONS) => Ok(()),
            None => match SETTINGS.iter().find(|setting| setting.key == key) {
                // Only values of settings are quoted: none of them is secret, and a property's value is not checked here.
                Some(setting) => setting.form.check(text).map_err(|form| format!("{key} is `{text}`; it should be {form}")),
                None => Err(unknown(key)),
            },
        };
        match found {
            Ok(()) => {
                self.values.insert(key.to_owned(), Value { text: text.to_owned(), origin });
            }
            Err(mistake) => self.mistakes.push(format!("{origin}: {mistake}")),
        }
    }

    fn file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                self.mistakes.push(format!(
                    "{}: the file cannot be read ({error}); is the path of --config or MOTMOT_CONFIG right?",
                    path.display()
                ));
                return;
            }
        };
        let table = match DeTable::parse(&text) {
            Ok(table) => table,
            Err(error) => {
                let line = error.span().map_or(1, |span| line_of(&text, span.start));
                // Not the error's own rendering: it quotes the line, which may hold a password.
                self.mistakes.push(format!("{}:{line}: this is not TOML: {}", path.display(), error.message()));
                return;
            }
        };
        for (section, value) in table.get_ref() {
            let line = line_of(&text, section.span().start);
            match value.get_ref() {
                DeValue::Table(keys) => self.section(path, &text, section.get_ref(), keys),
                _ => self.mistakes.push(format!(
                    "{}:{line}: `{}` stands outside a section; write it below one, such as [kafka]",
                    path.display(),
                    section.get_ref()
                )),
            }
        }
    }

    /// The keys of a section, in the order of the file. `sasl.password = …` and `"sasl.password" = …` both mean librdkafka's property.
    fn section(&mut self, path: &Path, text: &str, prefix: &str, keys: &DeTable<'_>) {
        for (name, value) in keys {
            let key = format!("{prefix}.{}", name.get_ref());
            let origin = Origin::File(path.to_owned(), line_of(text, name.span().start));
            match scalar(value) {
                Some(scalar) => self.set(&key, &scalar, origin),
                None => match value.get_ref() {
                    DeValue::Table(inner) if [PROPERTIES, OPTIONS].iter().any(|free| format!("{key}.").starts_with(free)) => {
                        self.section(path, text, &key, inner)
                    }
                    DeValue::Table(_) => self.mistakes.push(format!("{origin}: {}", unknown(&key))),
                    _ => self.mistakes.push(format!("{origin}: {key} should be a text or a number, in one value")),
                },
            }
        }
    }

    fn environment(&mut self, environment: &[(String, String)]) {
        let mut variables: Vec<_> = environment.iter().filter(|(name, _)| name.starts_with("MOTMOT_")).collect();
        variables.sort();
        for (name, text) in variables {
            let origin = Origin::Variable(name.clone());
            match (name.as_str(), key_of_variable(name)) {
                ("MOTMOT_LOG", _) => self.set("log.level", text, origin),
                (name, _) if name.starts_with("MOTMOT_TEST_") => {}
                (_, Some(key)) => self.set(&key, text, origin),
                // Without `__` it is none of ours (Kubernetes makes MOTMOT_SERVICE_HOST of a service's name), unless it was meant to be.
                (name, None) => {
                    let bare = |name: &str| name.replace("__", "_");
                    if let Some(meant) = SETTINGS.iter().map(|setting| variable(setting.key)).find(|v| bare(v) == bare(name)) {
                        self.mistakes.push(format!("{origin}: section and key are separated by two underscores; write {meant}"));
                    }
                }
            }
        }
    }
}

fn check_property(property: &str) -> Result<(), String> {
    match OWN_PROPERTIES.iter().find(|(own, _)| *own == property) {
        Some((own, why)) => Err(format!("{PROPERTIES}{own} is motmot's own ({why}); delete it")),
        None => Ok(()),
    }
}

fn unknown(key: &str) -> String {
    let section = key.split('.').next().unwrap_or_default();
    match motmot_core::yaml::nearest(key, SETTINGS.iter().map(|setting| setting.key)) {
        Some(near) => format!("there is no key {key}; did you mean {near}?"),
        _ if section == "kafka" => format!("there is no key {key}; librdkafka's own properties go below [kafka.properties]"),
        _ => format!("there is no key {key}; `motmot config` lists them all"),
    }
}

/// The text form of a TOML value, if it is one single value.
fn scalar(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().replace('_', "")),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|b| *b == b'\n').count() + 1
}
