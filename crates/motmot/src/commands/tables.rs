//! The tables of moments and cycles, wherever they are: in the folder that a replay wrote, or in the topics.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use motmot_archive::Origins;
use motmot_archive::report::{each_line, row_of};
use motmot_core::Strategy;
use motmot_core::cycle::{CycleRecord, CycleState};
use motmot_core::moment::Moment;
use motmot_stream::{Bound, TopicReader, TopicRecord};
use motmot_wire::Reader;
use motmot_wire::evidence::EVIDENCE_HEADER;
use serde::Deserialize;

use super::progress::Bar;
use super::{clients, strategy};
use crate::config::{Config, Origin};

/// The strategy that is named, else the configuration's if it names one, else none.
pub(super) fn strategy(config: &Config, named: Option<&Path>) -> anyhow::Result<Option<Strategy>> {
    let configured = (config.origin("strategy.file") != Origin::Default).then(|| config.path("strategy.file"));
    let loaded = named.map(Path::to_owned).or(configured).map(|path| strategy::load(&path)).transpose()?;
    Ok(loaded.map(|(strategy, _)| strategy))
}

/// The cycles of a replay's output: the folder's file, or the file that is named itself.
pub(super) fn cycles_file(replayed: &Path) -> PathBuf {
    if replayed.is_dir() { replayed.join("cycles.jsonl") } else { replayed.to_owned() }
}

/// A row as JSON, and the places of the touchpoints that it rests on, in words.
#[derive(Clone, Debug)]
pub(super) struct Found {
    json: Vec<u8>,
    pub(super) evidence: Vec<String>,
}

impl Found {
    /// The row.
    pub(super) fn row<'f, R: Deserialize<'f>>(&'f self) -> anyhow::Result<R> {
        serde_json::from_slice(&self.json).context("a row of the table cannot be read")
    }

    /// The row as a JSON value, with its evidence.
    pub(super) fn value(&self) -> anyhow::Result<serde_json::Value> {
        let mut fields: serde_json::Map<String, serde_json::Value> = self.row()?;
        fields.insert("evidence".to_owned(), self.evidence.clone().into());
        Ok(fields.into())
    }
}

/// Where the tables are.
pub(super) enum Tables<'c> {
    Folder(&'c Path),
    Topics(&'c Config),
}

impl<'c> Tables<'c> {
    /// A replay's folder if one is named, else the topics.
    pub(super) fn of(config: &'c Config, replayed: Option<&'c Path>) -> Self {
        replayed.map_or(Self::Topics(config), Self::Folder)
    }

    /// In a person's words.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Topics(config) => {
                format!("the topics {} and {}", clients::topics(config).moments, clients::topics(config).cycles)
            }
        }
    }

    /// The moments that `is_wanted`, in the order of their ids. Their rows contain `text`.
    pub(super) fn moments(&self, text: &str, is_wanted: impl Fn(&Moment<'_>) -> bool) -> anyhow::Result<Vec<Found>> {
        match self {
            Self::Folder(folder) => in_file(folder, &folder.join("moments.jsonl"), text, |path, line, number| {
                Ok(Some(row_of::<Moment<'_>>(path, line, number)?).filter(|moment| is_wanted(moment)).is_some())
            }),
            Self::Topics(config) => in_topic(config, &clients::topics(config).moments, |reader, value| {
                let moment = reader.moment(value)?;
                Ok(if is_wanted(&moment) { Some(serde_json::to_vec(&moment)?) } else { None })
            }),
        }
    }

    /// The cycles of a key, of one id if that is given, in the order in which they began.
    pub(super) fn cycles(&self, key: &str, cycle_id: Option<&str>) -> anyhow::Result<Vec<Found>> {
        let is_wanted = |cycle: &CycleRecord<'_>| {
            cycle.key == key.into() && cycle_id.is_none_or(|id| *cycle.cycle_id == *id) && cycle.state != CycleState::Merged
        };
        let mut cycles = match self {
            Self::Folder(folder) => in_file(folder, &cycles_file(folder), key, |path, line, number| {
                Ok(Some(row_of::<CycleRecord<'_>>(path, line, number)?).filter(|cycle| is_wanted(cycle)).is_some())
            }),
            Self::Topics(config) => in_topic(config, &clients::topics(config).cycles, |reader, value| {
                let cycle = reader.cycle(value)?;
                Ok(if is_wanted(&cycle) { Some(serde_json::to_vec(&cycle)?) } else { None })
            }),
        }?;
        cycles.sort_by_cached_key(|found| found.row::<CycleRecord<'_>>().map(|cycle| cycle.opened_at).ok());
        Ok(cycles)
    }
}

/// The lines of a replay's file that contain a text and are wanted.
fn in_file(
    folder: &Path,
    path: &Path,
    text: &str,
    is_wanted: impl Fn(&Path, &[u8], u64) -> anyhow::Result<bool>,
) -> anyhow::Result<Vec<Found>> {
    #[derive(Deserialize)]
    struct WithEvidence {
        #[serde(default)]
        evidence: Vec<String>,
    }
    // As JSON has it, without the quotes: most lines need not be parsed.
    let quoted = serde_json::to_string(text)?;
    let needle = quoted.trim_matches('"');
    let origins = Origins::read(folder);
    let mut found = Vec::new();
    each_line(path, |line, number| {
        let may_be = std::str::from_utf8(line).is_ok_and(|line| line.contains(needle));
        if may_be && is_wanted(path, line, number)? {
            let evidence = row_of::<WithEvidence>(path, line, number)?.evidence;
            let words = |text: &String| origins.as_ref().map_or_else(|| text.clone(), |origins| origins.words(text));
            found.push(Found { json: line.to_vec(), evidence: evidence.iter().map(words).collect() });
        }
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(found)
}

/// The last rows of a topic's keys that are wanted; `row` gives a wanted one as JSON.
fn in_topic(
    config: &Config,
    topic: &str,
    row: impl Fn(&Reader, &[u8]) -> anyhow::Result<Option<Vec<u8>>>,
) -> anyhow::Result<Vec<Found>> {
    let reader = clients::reader(config)?;
    let origins = Origins::Topic(clients::topics(config).touchpoints);
    let mut records = TopicReader::open(&clients::kafka(config)?, topic, Bound::Edge, Bound::Edge)?;
    let total = records.total();
    let mut found: BTreeMap<Vec<u8>, Found> = BTreeMap::new();
    let bar = Bar::new();
    while records.read::<anyhow::Error>(|record| {
        let key = record.key.unwrap_or_default();
        match record.value.map(|value| row(&reader, value)).transpose()?.flatten() {
            Some(json) => drop(found.insert(key.to_vec(), Found { json, evidence: evidence(&record, &origins) })),
            None => drop(found.remove(key)),
        }
        Ok(())
    })? {
        bar.set("reading", total - records.left(), total);
    }
    Ok(found.into_values().collect())
}

fn evidence(record: &TopicRecord<'_>, origins: &Origins) -> Vec<String> {
    let mut evidence = Vec::new();
    record.headers(&mut |name, value| {
        if let Some(text) = value.filter(|_| name == EVIDENCE_HEADER).and_then(|value| std::str::from_utf8(value).ok()) {
            evidence.push(origins.words(text));
        }
    });
    evidence
}
