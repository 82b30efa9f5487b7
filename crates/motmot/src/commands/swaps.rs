//! The swaps of the strategy that a replay is told of: on the command line, or by the workers' own record.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use motmot_archive::{Schedule, Swap, SwapPoint};
use motmot_core::{Strategy, Timestamp};
use motmot_store::StrategyId;
use motmot_stream::strategies::{Contents, Loaded, SwapRecord};

use super::{clients, strategy};
use crate::cli;
use crate::config::Config;
use crate::failure::Usage;

/// What each partition is folded with.
pub(super) struct Schedules {
    first: Arc<Strategy>,
    swaps: Vec<Swap>,
    recorded: Option<Recorded>,
}

/// The record of the workers' swaps.
struct Recorded {
    contents: Contents,
    group: String,
    topic: String,
    loaded: BTreeMap<StrategyId, Arc<Strategy>>,
}

impl Schedules {
    /// As the command line says.
    pub(super) fn new(config: &Config, arguments: &cli::Replay, first: Arc<Strategy>) -> anyhow::Result<Self> {
        let swaps = parse(&arguments.swaps)?;
        let recorded = match &arguments.topic {
            Some(topic) if arguments.with_swaps => Some(Recorded::read(config, topic)?),
            _ => None,
        };
        Ok(Self { first, swaps, recorded })
    }

    /// The swaps that are the same for all partitions.
    pub(super) fn swaps(&self) -> &[Swap] {
        &self.swaps
    }

    /// The rules of a partition that was never swapped.
    pub(super) fn rules(&self) -> Vec<String> {
        Schedule { first: Arc::clone(&self.first), swaps: self.swaps.iter().cloned().collect() }.rules()
    }

    /// What a partition of the topic is folded with from `from` to before `until`.
    pub(super) fn of(&self, partition: i32, from: i64, until: i64) -> anyhow::Result<Schedule> {
        let mut schedule = Schedule { first: Arc::clone(&self.first), swaps: self.swaps.iter().cloned().collect() };
        let Some(recorded) = &self.recorded else { return Ok(schedule) };
        let swaps = recorded.contents.swaps(&recorded.group, &recorded.topic, partition);
        if let Some(first) = swaps.first() {
            schedule.first = recorded.strategy(first.from)?;
        }
        for swap in swaps.iter().filter(|swap| swap.offset <= until) {
            let strategy = recorded.strategy(swap.to)?;
            if swap.offset < from {
                schedule.first = strategy;
            } else {
                let at = SwapPoint::Offset(swap.offset, swap.position().now);
                schedule.swaps.push_back(Swap { at, strategy });
            }
        }
        Ok(schedule)
    }
}

impl Recorded {
    fn read(config: &Config, topic: &str) -> anyhow::Result<Self> {
        let contents = Contents::read(&clients::kafka(config)?, &clients::topics(config).strategies)?;
        let mut recorded =
            Self { contents, group: config.text("worker.group").to_owned(), topic: topic.to_owned(), loaded: BTreeMap::new() };
        let swaps = recorded.contents.all_swaps(&recorded.group, topic);
        for id in swaps.iter().flat_map(|swap: &SwapRecord| [swap.from, swap.to]) {
            let text = recorded.contents.texts.get(&id).cloned();
            let text =
                text.with_context(|| format!("strategy {id} was in force, and its text is not in the topic of strategies"))?;
            let loaded = Loaded::again(id, text)
                .map_err(|detail| anyhow::anyhow!("strategy {id} was in force, and this version cannot use it: {detail}"))?;
            recorded.loaded.insert(id, loaded.strategy);
        }
        Ok(recorded)
    }

    fn strategy(&self, id: StrategyId) -> anyhow::Result<Arc<Strategy>> {
        self.loaded.get(&id).cloned().with_context(|| format!("strategy {id} was not loaded"))
    }
}

/// `INSTANT=FILE`, in the order of the instants.
fn parse(texts: &[String]) -> anyhow::Result<Vec<Swap>> {
    let mut swaps = Vec::with_capacity(texts.len());
    for text in texts {
        let wrong = || Usage(format!("--swap is `{text}`; it should be INSTANT=FILE, such as 2026-03-01T00:00:00Z=new.yaml"));
        let (instant, file) = text.split_once('=').ok_or_else(wrong)?;
        let at = Timestamp::parse(instant).map_err(|_| wrong())?;
        let (strategy, _) = strategy::load(Path::new(file))?;
        swaps.push(Swap { at: SwapPoint::Instant(at), strategy: Arc::new(strategy) });
    }
    swaps.sort_by_key(|swap| swap.at.clock());
    Ok(swaps)
}
