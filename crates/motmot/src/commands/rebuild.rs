//! `motmot rebuild`: gives the state of partitions up, so that the next start folds it anew. It says beforehand what it will do and what
//! will be lost, and does it only when told so.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use motmot_snapshot::{Address, Agent, Listed, Manifest, Owner};
use motmot_store::{Resources, Store, StoreError, folder};
use motmot_stream::rebuild::{Rebuild, Standing};

use super::{clients, snapshots};
use crate::cli::{self, Settings};
use crate::config::Config;
use crate::failure::{AlreadyTold, Usage};
use crate::output;

/// Memory for a look at whether a store is free.
const LITTLE: usize = 4 << 20;

/// What becomes of one partition.
struct Plan {
    standing: Standing,
    owner: Owner,
    store: PathBuf,
    /// Snapshots that are given up.
    retired: Vec<Listed>,
    begin: Begin,
}

enum Begin {
    At(i64),
    From(Listed, Box<Manifest>),
}

pub(super) fn run(settings: &Settings, arguments: &cli::Rebuild) -> anyhow::Result<()> {
    let config = settings.load()?;
    if arguments.partitions.len() != 1 && (arguments.snapshot.is_some() || arguments.from_offset.is_some()) {
        return Err(Usage("--snapshot and --from-offset are of one partition: name it with --partition".to_owned()).into());
    }
    let rebuild = Rebuild::open(&clients::kafka(&config)?, &clients::topics(&config), config.text("worker.group"))?;
    let agent = match clients::snapshots(&config) {
        Some(found) => Some(snapshots::agent(Address::open(&found.url, &found.options)?)?),
        None => None,
    };
    let wanted = |standing: &&Standing| arguments.partitions.is_empty() || arguments.partitions.contains(&standing.number);
    let plans = rebuild.partitions.iter().filter(wanted);
    let plans = plans.map(|standing| plan(&config, &rebuild, agent.as_ref(), *standing, arguments));
    let plans = plans.collect::<anyhow::Result<Vec<Plan>>>()?;
    if plans.len() < arguments.partitions.len() {
        return Err(Usage(format!("the topic has the partitions 0 to {}", rebuild.partitions.len().saturating_sub(1))).into());
    }
    plans.iter().try_for_each(|plan| output::text(&plan.words(&config, arguments.delete)))?;
    if !arguments.yes {
        output::line("Nothing was done. Stop all workers of the group, then say it again with --yes.")?;
        return Err(AlreadyTold.into());
    }
    rebuild.wait_until_nobody_works()?;
    plans.iter().try_for_each(|plan| is_free(&config, plan))?;
    plans.iter().try_for_each(|plan| carry_out(&rebuild, agent.as_ref(), plan, arguments.delete))
}

fn plan(
    config: &Config,
    rebuild: &Rebuild,
    agent: Option<&Agent>,
    standing: Standing,
    arguments: &cli::Rebuild,
) -> anyhow::Result<Plan> {
    let topic = clients::topics(config).touchpoints;
    let Standing { number: partition, log_start, log_end, .. } = standing;
    let owner = Owner { group: config.text("worker.group").to_owned(), topic, topic_id: rebuild.topic_id.clone(), partition };
    let listed = agent.map_or(Ok(Vec::new()), |agent| agent.list(&owner, &mut || ()))?;
    let usable = listed.into_iter().filter(|listed| !listed.is_set_aside);
    let mut retired: Vec<Listed> = usable.collect();
    let begin = match (&arguments.snapshot, arguments.from_offset) {
        (Some(name), _) => {
            let found = retired.iter().find(|listed| listed.name.to_string() == *name).copied();
            let Some((listed, agent)) = found.zip(agent) else {
                bail!("there is no snapshot {name} of partition {partition}; `motmot store inspect --snapshot` lists them");
            };
            // The older ones stay: they are checkpoints of the same state.
            retired.retain(|other| other.name > listed.name);
            Begin::From(listed, Box::new(agent.read(&owner, &listed, &mut || ())?))
        }
        (None, from) => Begin::At(from.unwrap_or(log_start)),
    };
    let plan = Plan { standing, store: folder::of(&config.path("worker.store"), &owner.topic, partition), owner, retired, begin };
    let offset = plan.offset();
    if !(log_start..=log_end).contains(&offset) {
        bail!("partition {partition} cannot begin at offset {offset}: its log goes from {log_start} to {log_end}");
    }
    Ok(plan)
}

impl Plan {
    fn offset(&self) -> i64 {
        match &self.begin {
            Begin::At(offset) => *offset,
            Begin::From(listed, _) => listed.name.offset,
        }
    }

    fn words(&self, config: &Config, is_deleted: bool) -> String {
        let Standing { number, commit, log_start, log_end, swaps } = self.standing;
        let fate = if is_deleted { "deleted" } else { "set aside" };
        let mut out = format!("Partition {number} of {} (log {log_start} to {log_end}):\n", self.owner.topic);
        let mut line = |text: String| {
            out.push_str("  - ");
            out.push_str(&text);
            out.push('\n');
        };
        if self.store.exists() {
            line(format!("the store {} is {fate}", self.store.display()));
        } else {
            line(format!("there is no store {} on this machine", self.store.display()));
        }
        if !self.retired.is_empty() {
            line(format!("{} snapshots are {fate}", self.retired.len()));
        }
        let before = commit.map_or("nothing is committed so far".to_owned(), |commit| format!("so far {commit} is committed"));
        let group = config.text("worker.group");
        match &self.begin {
            Begin::At(offset) => {
                line(format!(
                    "the group {group} begins at offset {offset}, from nothing and under the configured strategy; {before}"
                ));
                if swaps > 0 {
                    line(format!("the records of {swaps} swaps of the strategy are removed: nothing is folded by them any more"));
                }
                if *offset > 0 {
                    line(format!(
                        "what the records before {offset} told is lost to the state: cycles that began before are folded from what is left of \
                         them, and what the tables say of cycles that ended before stays as it was told last"
                    ));
                }
            }
            Begin::From(listed, manifest) => {
                line(format!(
                    "the group {group} goes on from the snapshot {} of offset {}, clock {}, under its strategy; {before}",
                    listed.name,
                    listed.name.offset,
                    motmot_core::Timestamp::from_millis(manifest.clock_ms)
                ));
            }
        }
        line("from there on everything is told again: the tables end as a replay of it, and history pages nobody".to_owned());
        out
    }
}

/// A store that somebody has open must not be moved from under them. One that is damaged nobody has open.
fn is_free(config: &Config, plan: &Plan) -> anyhow::Result<()> {
    if !plan.store.exists() {
        return Ok(());
    }
    let dir = config.path("worker.store");
    match Store::open(&Resources::new(LITTLE, LITTLE), &dir, &plan.owner.topic, plan.standing.number) {
        Err(error @ StoreError::Locked { .. }) => Err(error).context("nothing was done"),
        _ => Ok(()),
    }
}

/// In this order: whatever is cut off, the next start refuses or folds, and this command can be run again.
fn carry_out(rebuild: &Rebuild, agent: Option<&Agent>, plan: &Plan, is_deleted: bool) -> anyhow::Result<()> {
    let number = plan.standing.number;
    for listed in &plan.retired {
        if let Some(agent) = agent {
            agent.retire(&plan.owner, listed, is_deleted)?;
        }
    }
    let place = give_up(&plan.store, is_deleted)?;
    match &plan.begin {
        Begin::At(offset) => rebuild.begin_at(number, *offset)?,
        Begin::From(listed, manifest) => {
            let meta = manifest.meta().with_context(|| format!("the snapshot {} names no strategy", listed.name))?;
            rebuild.go_on_from(number, &meta)?;
        }
    }
    let place = place.map_or_else(String::new, |place| format!("; its store is in {}", place.display()));
    output::line(format!("partition {number} begins at offset {} with the next start{place}", plan.offset()))?;
    Ok(())
}

fn give_up(store: &Path, is_deleted: bool) -> anyhow::Result<Option<PathBuf>> {
    if is_deleted {
        folder::remove(store)?;
        return Ok(None);
    }
    Ok(folder::set_aside(store)?)
}
