//! `motmot report`: the measured programme, from files, from a replay's output or from the topic of cycles.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use motmot_archive::ReplayOptions;
use motmot_archive::report::{Column, Format, LastRows, Measure, Question, each_line, render, row_of};
use motmot_core::cycle::CycleRecord;
use motmot_core::{Strategy, Timestamp};
use motmot_stream::{Bound, TopicReader};

use super::progress::Bar;
use super::{clients, sources, tables};
use crate::cli::{self, Settings};
use crate::config::Config;
use crate::failure::Usage;

pub(super) fn run(settings: &Settings, arguments: &cli::Report) -> anyhow::Result<()> {
    let config = settings.load()?;
    let strategy = tables::strategy(&config, arguments.strategy.as_deref())?.map(Arc::new);
    let format = form(arguments)?;
    let mut measure = Measure::new(question(arguments, strategy.as_deref(), format)?, strategy.as_deref());
    if !arguments.files.is_empty() {
        let Some(strategy) = &strategy else {
            bail!(Usage("touchpoints are judged by a strategy: name it with --strategy".into()))
        };
        fold(arguments, strategy, &mut measure)?;
    } else if let Some(replayed) = &arguments.replayed {
        count_file(&tables::cycles_file(replayed), &mut measure)?;
    } else {
        count_topic(&config, &mut measure)?;
    }
    let programme = measure.finish();
    match &arguments.out {
        None => Ok(render(&programme, format, &mut BufWriter::new(io::stdout()))?),
        Some(path) => {
            let written = File::create(path).and_then(|file| render(&programme, format, &mut BufWriter::new(file)));
            written.with_context(|| format!("{} cannot be written", path.display()))
        }
    }
}

/// As it is said, else as the file to be written is called.
fn form(arguments: &cli::Report) -> anyhow::Result<Format> {
    let ending = arguments.out.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
    let format = match (arguments.format, ending) {
        (Some(cli::ReportFormat::Table), _) => Format::Table,
        (Some(cli::ReportFormat::Csv), _) | (None, Some("csv")) => Format::Csv,
        (Some(cli::ReportFormat::Json), _) | (None, Some("json")) => Format::Json,
        (Some(cli::ReportFormat::Parquet), _) | (None, Some("parquet")) => Format::Parquet,
        (Some(cli::ReportFormat::Html), _) | (None, Some("html" | "htm")) => Format::Html,
        (None, _) => Format::Table,
    };
    if format == Format::Parquet && arguments.out.is_none() {
        bail!(Usage("Parquet is for a file, not for a terminal: name it with --out".into()));
    }
    Ok(format)
}

fn question(arguments: &cli::Report, strategy: Option<&Strategy>, format: Format) -> anyhow::Result<Question> {
    let mut by = Vec::new();
    for word in arguments.by.iter().filter(|word| !word.is_empty()) {
        let column = column(word)?;
        if !by.contains(&column) {
            by.push(column);
        }
    }
    if arguments.by_person && !by.contains(&Column::Person) {
        by.push(Column::Person);
    }
    let mut only: Vec<(Column, String)> = arguments.rules.iter().map(|rule| (Column::Rule, rule.clone())).collect();
    for condition in &arguments.only {
        let Some((word, value)) = condition.split_once('=') else {
            bail!(Usage(format!("--where is `{condition}`; it should be a column and a value, such as segment=vip")));
        };
        only.push((column(word)?, value.to_owned()));
    }
    if only.iter().any(|(column, _)| *column == Column::Person) && !arguments.by_person {
        bail!(Usage("figures about a person are given only with --by-person".into()));
    }
    let known: Vec<&str> = strategy.iter().flat_map(|strategy| &strategy.rules).map(|rule| &*rule.id).collect();
    let unknown = only.iter().find(|(column, id)| *column == Column::Rule && !known.contains(&&**id));
    if let Some((_, id)) = unknown.filter(|_| strategy.is_some()) {
        bail!(Usage(format!("the strategy has no rule `{id}`; it has {}", known.join(", "))));
    }
    let zone = match &arguments.time_zone {
        Some(name) => {
            name.parse().map_err(|_| Usage(format!("--time-zone is `{name}`; it should be a name such as Europe/Berlin")))?
        }
        None => strategy.map(|strategy| strategy.calendar.zone()).unwrap_or_default(),
    };
    Ok(Question {
        by,
        since: arguments.since.as_deref().map(|text| instant("--since", text)).transpose()?,
        until: arguments.until.as_deref().map(|text| instant("--until", text)).transpose()?,
        only,
        zone,
        for_page: format == Format::Html,
        examples: arguments.examples,
    })
}

fn column(word: &str) -> anyhow::Result<Column> {
    match Column::parse(word) {
        Some(Column::Person) => bail!(Usage("figures about persons are given only with --by-person".into())),
        Some(column) => Ok(column),
        None => {
            let all: Vec<&str> =
                Column::ALL.iter().filter(|column| **column != Column::Person).map(|column| column.name()).collect();
            bail!(Usage(format!("there is no column `{word}`; there are {}", all.join(", "))))
        }
    }
}

fn instant(option: &str, text: &str) -> anyhow::Result<Timestamp> {
    let day = || Timestamp::parse(&format!("{text}T00:00:00Z"));
    Timestamp::parse(text).or_else(|_| day()).map_err(|_| {
        Usage(format!(
            "{option} is `{text}`; it should be an instant or a day in UTC, such as 2026-03-01T00:00:00Z or 2026-03-01"
        ))
        .into()
    })
}

/// Folds touchpoints, and counts what the fold told.
fn fold(arguments: &cli::Report, strategy: &Arc<Strategy>, measure: &mut Measure) -> anyhow::Result<()> {
    let source = sources::source(&arguments.files, arguments.mapping.as_deref())?;
    let folder = tempfile::tempdir().context("no temporary folder can be made; let TMPDIR name a place that can be written")?;
    let until = super::replay::until("--clock", &arguments.clock)?;
    let options = ReplayOptions { until, out: Some(folder.path().to_owned()), ..ReplayOptions::default() };
    let bar = Bar::new();
    let replayed = motmot_archive::replay(&source, strategy, &options, &|progress| bar.show(progress))?;
    drop(bar);
    sources::tell_dead(&replayed.dead);
    count_file(&tables::cycles_file(folder.path()), measure)
}

fn count_file(path: &Path, measure: &mut Measure) -> anyhow::Result<()> {
    each_line(path, |line, number| measure.cycle(&row_of::<CycleRecord<'_>>(path, line, number)?))?;
    Ok(())
}

/// Reads the topic twice: once to learn which records are the last of their keys, once to count these.
fn count_topic(config: &Config, measure: &mut Measure) -> anyhow::Result<()> {
    let (kafka, topic, reader) = (clients::kafka(config)?, clients::topics(config).cycles, clients::reader(config)?);
    let mut last = LastRows::default();
    let bar = Bar::new();
    let mut records = TopicReader::open(&kafka, &topic, Bound::Edge, Bound::Edge)?;
    let total = records.total() * 2;
    while records.read::<anyhow::Error>(|record| {
        last.observe(record.key.unwrap_or_default(), record.partition, record.offset);
        Ok(())
    })? {
        bar.set("reading", total / 2 - records.left(), total);
    }
    let mut records = TopicReader::open(&kafka, &topic, Bound::Edge, Bound::Edge)?;
    while records.read::<anyhow::Error>(|record| {
        let is_last = last.is_last(record.key.unwrap_or_default(), record.partition, record.offset);
        if let Some(value) = record.value.filter(|_| is_last) {
            measure.cycle(&reader.cycle(value)?)?;
        }
        Ok(())
    })? {
        bar.set("reading", total.saturating_sub(records.left()), total);
    }
    Ok(())
}
