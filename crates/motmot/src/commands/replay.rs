//! `motmot replay`: folds files, or a stretch of a topic, with any strategy.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use motmot_archive::summary::InputCounts;
use motmot_archive::{Folder, Origins, ReplayOptions, Schedule, Summary, Swap, Until};
use motmot_core::{Strategy, Timestamp, Touchpoint};
use motmot_stream::partitioner::partition_of;
use motmot_stream::{TopicReader, TopicRecord};
use motmot_wire::{ReadError, Reader};

use super::progress::Bar;
use super::swaps::Schedules;
use super::topic::bound;
use super::{clients, sources, strategy};
use crate::cli::{self, Settings};
use crate::config::Config;
use crate::failure::Usage;
use crate::output;

pub(super) fn run(settings: &Settings, arguments: &cli::Replay) -> anyhow::Result<()> {
    let config = settings.load()?;
    let (strategy, _) = strategy::load(&arguments.strategy)?;
    let strategy = Arc::new(strategy);
    let until = until("--until", &arguments.until)?;
    let schedules = Schedules::new(&config, arguments, Arc::clone(&strategy))?;
    let summary = match &arguments.topic {
        Some(topic) => replay_topic(&config, topic, arguments, &schedules, until)?,
        None => replay_files(arguments, &strategy, schedules.swaps().to_vec(), until)?,
    };
    match arguments.summary {
        cli::Summary::Json => output::line(serde_json::to_string(&summary)?)?,
        cli::Summary::Table => output::text(&summary.table())?,
    }
    Ok(())
}

/// Where the clock stands at the end, as an option says it.
pub(super) fn until(option: &str, text: &str) -> anyhow::Result<Until> {
    match text {
        "last" => Ok(Until::LastArrival),
        "end" => Ok(Until::End),
        instant => match Timestamp::parse(instant) {
            Ok(at) => Ok(Until::Instant(at)),
            Err(_) => {
                Err(Usage(format!("{option} is `{instant}`; it should be last, end or an instant, such as 2026-03-01T00:00:00Z"))
                    .into())
            }
        },
    }
}

fn replay_files(arguments: &cli::Replay, strategy: &Arc<Strategy>, swaps: Vec<Swap>, until: Until) -> anyhow::Result<Summary> {
    let source = sources::source(&arguments.files, arguments.mapping.as_deref())?;
    let mut options = ReplayOptions { until, swaps, out: arguments.out.clone(), ..ReplayOptions::default() };
    if arguments.threads > 0 {
        options.threads = arguments.threads;
    }
    let bar = Bar::new();
    let replayed = motmot_archive::replay(&source, strategy, &options, &|progress| bar.show(progress))?;
    drop(bar);
    sources::tell_dead(&replayed.dead);
    Ok(replayed.summary)
}

/// As the worker folds it: an engine for each partition, records in the order of their offsets.
fn replay_topic(
    config: &Config,
    topic: &str,
    arguments: &cli::Replay,
    schedules: &Schedules,
    until: Until,
) -> anyhow::Result<Summary> {
    let (from, to) = (bound("--from", arguments.from.as_deref())?, bound("--to", arguments.to.as_deref())?);
    let mut records = TopicReader::open(&clients::kafka(config)?, topic, from, to)?;
    let (partitions, total) = (records.partitions(), records.total());
    let out = arguments.out.as_deref();
    if let Some(out) = out {
        std::fs::create_dir_all(out).with_context(|| format!("the folder {} cannot be made", out.display()))?;
    }
    if let Some(out) = out {
        Origins::Topic(topic.to_owned()).write(out)?;
    }
    let reader = clients::reader(config)?;
    let mut stretches = BTreeMap::new();
    for (partition, stretch) in records.stretches() {
        stretches.insert(partition, schedules.of(partition, stretch.start, stretch.end)?);
    }
    let rules = rules(stretches.values(), schedules);
    let mut folders: BTreeMap<i32, Folder> = BTreeMap::new();
    for (partition, schedule) in stretches {
        folders.insert(partition, Folder::with_swaps(schedule, rules.clone(), out.is_some())?.of_partition(partition));
    }
    let mut rows = 0;
    let bar = Bar::new();
    while records.read(|record| {
        rows += 1;
        match folders.get_mut(&record.partition) {
            Some(folder) => fold(folder, &reader, record, partitions),
            None => Err(anyhow::anyhow!("a record of partition {}, which was not asked for", record.partition)),
        }
    })? {
        bar.set("folding", total - records.left(), total);
    }
    drop(bar);
    let latest = folders.values().filter_map(Folder::latest).max();
    let folded = match latest.map(|latest| until.now(latest)) {
        Some(now) => folders.into_values().map(|folder| folder.finish(now)).collect::<Result<Vec<_>, _>>()?,
        None => Vec::new(),
    };
    let counts = InputCounts { rows, ..InputCounts::default() };
    Ok(motmot_archive::gather(&rules, folded, counts, out)?)
}

/// Every rule of any partition's strategies.
fn rules<'s>(of: impl Iterator<Item = &'s Schedule>, schedules: &Schedules) -> Vec<String> {
    let mut rules = schedules.rules();
    for rule in of.flat_map(Schedule::rules) {
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    rules
}

fn fold(folder: &mut Folder, reader: &Reader, record: TopicRecord<'_>, partitions: i32) -> anyhow::Result<()> {
    let Some(arrived_at) = record.timestamp else {
        folder.dead("no_timestamp", Timestamp::MIN, record.offset)?;
        return Ok(());
    };
    let key = match key(record, partitions) {
        Ok(key) => key,
        Err(reason) => return Ok(folder.dead(reason, arrived_at, record.offset)?),
    };
    match reader.touchpoint(record.value.unwrap_or_default()) {
        Ok(touchpoint) => drop(folder.fold(key, &touchpoint, arrived_at, record.offset)?),
        Err(ReadError::Dead(dead)) => folder.dead(dead.reason(), arrived_at, record.offset)?,
        Err(ReadError::NotYet(not_yet)) => return Err(not_yet.into()), // without it the result would be a guess
    }
    Ok(())
}

/// The record's key, or, in the worker's words, why it has none.
fn key(record: TopicRecord<'_>, partitions: i32) -> Result<&str, &'static str> {
    let key = record.key.filter(|key| !key.is_empty()).ok_or("no_key")?;
    let text = std::str::from_utf8(key).ok().filter(|text| text.len() <= Touchpoint::MAX_TEXT).ok_or("bad_key")?;
    if partition_of(key, partitions) == record.partition { Ok(text) } else { Err("misrouted") }
}
