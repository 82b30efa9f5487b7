//! Prints the merged configuration as a TOML file that would give it, each value with its origin, secrets hidden.

use std::fmt::Write as _;

use super::settings::{Form, OPTIONS, PROPERTIES, SETTINGS, is_secret, variable};
use super::{Config, Origin};

const HIDDEN: &str = "\"(hidden)\"";

/// The configuration as TOML. With `explain`, each key is preceded by its meaning, its form and its variable.
pub(crate) fn show(config: &Config, explain: bool) -> String {
    let mut out = String::new();
    let mut section = "";
    for setting in SETTINGS {
        let (of, key) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if of != section {
            match section {
                "kafka" => free(config, PROPERTIES, &mut out),
                "snapshots" => free(config, OPTIONS, &mut out),
                _ => {}
            }
            section = of;
            let _ = writeln!(out, "{}[{section}]", if out.is_empty() { "" } else { "\n" });
        }
        if explain {
            let _ = writeln!(out, "# {}\n# {}; ${}", setting.help, setting.form.words(), variable(setting.key));
        }
        let text = config.text(setting.key);
        // An address with a password in it is refused later; until then it must not be shown either.
        let is_hidden = !text.is_empty() && (is_secret(setting.key) || setting.key == "registry.url" && text.contains('@'));
        let text = if is_hidden { HIDDEN.to_owned() } else { value(text, setting.form) };
        line(&mut out, key, &text, &config.origin(setting.key));
    }
    out
}

/// What lies below a key of which motmot does not know the names.
fn free(config: &Config, prefix: &str, out: &mut String) {
    let mut entries = config.entries().filter(|(key, _)| key.starts_with(prefix)).peekable();
    if entries.peek().is_some() {
        let _ = writeln!(out, "\n[{}]", prefix.trim_end_matches('.'));
    }
    for (key, value) in entries {
        let name = key.strip_prefix(prefix).unwrap_or(key);
        let text = if is_secret(key) { HIDDEN.to_owned() } else { quoted(&value.text) };
        line(out, &quoted(name), &text, &value.origin);
    }
}

fn line(out: &mut String, key: &str, value: &str, origin: &Origin) {
    let assignment = format!("{key} = {value}");
    let _ = writeln!(out, "{assignment:<50} # {origin}");
}

fn value(text: &str, form: Form) -> String {
    if matches!(form, Form::Number(..)) { text.to_owned() } else { quoted(text) }
}

/// A TOML string: JSON's escapes are all TOML escapes too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
