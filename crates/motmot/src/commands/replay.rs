//! `motmot replay`: folds files, or a stretch of a topic, with any strategy.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use motmot_archive::summary::InputCounts;
use motmot_archive::{Folder, ReplayOptions, Summary, Until};
use motmot_core::{Strategy, Timestamp, Touchpoint};
use motmot_stream::partitioner::partition_of;
use motmot_wire::Reader;
use rdkafka::message::{BorrowedMessage, Message as _};

use super::progress::Bar;
use super::topic::{Bound, Stretch};
use super::{clients, sources, strategy};
use crate::cli::{self, Settings};
use crate::config::Config;
use crate::failure::Usage;
use crate::output;

/// Records between two looks of the progress bar.
const A_LOOK: u64 = 4_096;

pub(super) fn run(settings: &Settings, arguments: &cli::Replay) -> anyhow::Result<()> {
    let config = settings.load()?;
    let (strategy, _) = strategy::load(&arguments.strategy)?;
    let strategy = Arc::new(strategy);
    let until = until(&arguments.until)?;
    let summary = match &arguments.topic {
        Some(topic) => replay_topic(&config, topic, arguments, &strategy, until)?,
        None => replay_files(arguments, &strategy, until)?,
    };
    match arguments.summary {
        cli::Summary::Json => output::line(serde_json::to_string(&summary)?)?,
        cli::Summary::Table => output::text(&summary.table())?,
    }
    Ok(())
}

fn until(text: &str) -> anyhow::Result<Until> {
    match text {
        "last" => Ok(Until::LastArrival),
        "end" => Ok(Until::End),
        instant => match Timestamp::parse(instant) {
            Ok(at) => Ok(Until::Instant(at)),
            Err(_) => Err(Usage(format!("--until is `{instant}`; it should be last, end or an instant, such as 2026-03-01T00:00:00Z")).into()),
        },
    }
}

fn replay_files(arguments: &cli::Replay, strategy: &Arc<Strategy>, until: Until) -> anyhow::Result<Summary> {
    let source = sources::source(&arguments.files, arguments.mapping.as_deref())?;
    let mut options = ReplayOptions { until, out: arguments.out.clone(), ..ReplayOptions::default() };
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
fn replay_topic(config: &Config, topic: &str, arguments: &cli::Replay, strategy: &Arc<Strategy>, until: Until) -> anyhow::Result<Summary> {
    let bound = |option: &str, text: &Option<String>| text.as_deref().map(|text| Bound::parse(option, text)).transpose();
    let (from, to) = (bound("--from", &arguments.from)?, bound("--to", &arguments.to)?);
    let stretch = Stretch::open(&clients::kafka(config), topic, from, to)?;
    let out = arguments.out.as_deref();
    if let Some(out) = out {
        std::fs::create_dir_all(out).with_context(|| format!("the folder {} cannot be made", out.display()))?;
    }
    let partitions = i32::try_from(stretch.partitions()).unwrap_or(i32::MAX);
    let reader = clients::reader(config)?;
    let mut folders: BTreeMap<i32, Folder> = BTreeMap::new();
    let mut rows = 0;
    let bar = Bar::new();
    stretch.read(|message| {
        let folder = match folders.entry(message.partition()) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(Folder::new(Arc::clone(strategy), out.is_some())?),
        };
        fold(folder, &reader, message, partitions)?;
        rows += 1;
        if rows % A_LOOK == 0 {
            bar.set("folding", rows, stretch.len());
        }
        Ok(())
    })?;
    drop(bar);
    let latest = folders.values().filter_map(Folder::latest).max();
    let folded = match latest.map(|latest| until.now(latest)) {
        Some(now) => folders.into_values().map(|folder| folder.finish(now)).collect::<Result<Vec<_>, _>>()?,
        None => Vec::new(),
    };
    let counts = InputCounts { rows, ..InputCounts::default() };
    Ok(motmot_archive::gather(strategy, folded, counts, out)?)
}

fn fold(folder: &mut Folder, reader: &Reader, message: &BorrowedMessage<'_>, partitions: i32) -> anyhow::Result<()> {
    let Some(arrived_at) = message.timestamp().to_millis().filter(|millis| *millis >= 0).map(Timestamp::from_millis) else {
        folder.dead("no_timestamp", Timestamp::MIN);
        return Ok(());
    };
    let read = key(message, partitions).and_then(|key| {
        let touchpoint = reader.touchpoint(message.payload().unwrap_or_default()).map_err(|error| error.reason())?;
        Ok((key, touchpoint))
    });
    match read {
        Ok((key, touchpoint)) => drop(folder.fold(key, &touchpoint, arrived_at, message.offset())?),
        Err(reason) => folder.dead(reason, arrived_at),
    }
    Ok(())
}

/// The record's key, or, in the worker's words, why it has none.
fn key<'m>(message: &'m BorrowedMessage<'_>, partitions: i32) -> Result<&'m str, &'static str> {
    let key = message.key().filter(|key| !key.is_empty()).ok_or("no_key")?;
    let text = std::str::from_utf8(key).ok().filter(|text| text.len() <= Touchpoint::MAX_TEXT).ok_or("bad_key")?;
    if partition_of(key, partitions) == message.partition() { Ok(text) } else { Err("misrouted") }
}
