//! `motmot strategy`: checks and compares strategy files, prints their schema, and loads one for every other command.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use motmot_core::Strategy;
use motmot_core::strategy::diff::Change;
use motmot_stream::strategies::{self, Loaded};

use super::clients;
use crate::cli::{self, Settings};
use crate::config::Config;
use crate::failure::{AlreadyTold, Usage};
use crate::output;

/// Loads a strategy for a command that needs one.
pub(crate) fn load(path: &Path) -> anyhow::Result<(Strategy, String)> {
    let text = read(path)?;
    match Strategy::load(&path.display().to_string(), &text) {
        Ok(strategy) => Ok((strategy, text)),
        Err(problems) => Err(Usage(format!("the strategy cannot be used:\n{problems}")).into()),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Usage(format!("the strategy {} cannot be read: {error}; is the path right?", path.display())).into())
}

pub(super) fn run(settings: &Settings, command: &cli::Strategy) -> anyhow::Result<()> {
    match command {
        cli::Strategy::Schema => output::text(motmot_core::strategy::SCHEMA).context("the schema cannot be written"),
        cli::Strategy::Publish { file } => publish(&settings.load()?, file),
        cli::Strategy::Check { files, explain } => {
            let good = files.iter().map(|file| check(file, *explain)).collect::<anyhow::Result<Vec<_>>>()?;
            if good.into_iter().all(|good| good) { Ok(()) } else { Err(AlreadyTold.into()) }
        }
        cli::Strategy::Diff { old, new, json } => diff(old, new, *json),
    }
}

/// Writes a good file where workers and desks with `strategy.source = "topic"` find it.
fn publish(config: &Config, path: &Path) -> anyhow::Result<()> {
    let (strategy, text) = load(path)?;
    let topic = clients::topics(config).strategies;
    let (name, hash) = (strategy.name.clone(), strategy.hash);
    let loaded = Loaded::new(Arc::new(strategy), text);
    let text = Some(loaded.text.as_str());
    let records = [(strategies::text_key(loaded.id), text), (strategies::current_key(&name), text)];
    strategies::publish(&clients::kafka(config)?, &topic, &records)?;
    output::line(format!("strategy {name}, version {hash:016x}, is published in {topic}"))?;
    Ok(())
}

/// Tells what a file holds, or what is wrong with it; whether it is good.
fn check(path: &Path, explain: bool) -> anyhow::Result<bool> {
    let text = read(path)?;
    match Strategy::load(&path.display().to_string(), &text) {
        Ok(strategy) => {
            let Strategy { name, rules, hash, segments, .. } = &strategy;
            output::line(format!("{}: good: strategy {name}, {} rules, version {hash:016x}", path.display(), rules.len()))?;
            for rule in rules.iter().filter(|_| explain) {
                output::line(format!("  {} ({}): {}", rule.id, rule.kind.name(), rule.words(segments)))?;
            }
            Ok(true)
        }
        Err(problems) => {
            output::line(problems)?;
            Ok(false)
        }
    }
}

/// What distinguishes two files, part by part; what no cycle's judgement depends on comes last.
fn diff(old_path: &Path, new_path: &Path, json: bool) -> anyhow::Result<()> {
    let ((old, _), (new, _)) = (load(old_path)?, load(new_path)?);
    let changes = old.diff(&new);
    let (before, after) = (format!("{:016x}", old.hash), format!("{:016x}", new.hash));
    if json {
        let told = serde_json::json!({
            "old": {"file": old_path.display().to_string(), "strategy": old.name, "version": before},
            "new": {"file": new_path.display().to_string(), "strategy": new.name, "version": after},
            "changes": changes,
        });
        return output::line(told).context("the differences cannot be written");
    }
    let (judging, others): (Vec<&Change>, Vec<&Change>) = changes.iter().partition(|change| change.in_version);
    for change in judging.iter().chain(&others) {
        output::line(format!("{}: {}", change.part, change.words))?;
    }
    let (old_path, new_path) = (old_path.display(), new_path.display());
    output::line(match (old.hash == new.hash, changes.is_empty()) {
        (true, true) => format!("{old_path} and {new_path} say the same: version {after}"),
        (true, false) => format!("The version stays {after}: every cycle is judged as before."),
        (false, _) => format!("The version changes from {before} to {after}: cycles that are not final yet are judged anew."),
    })?;
    Ok(())
}
