//! `motmot store inspect --snapshot`: the snapshots at an address, their ages, and whether they are what was put there.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use motmot_snapshot::{Address, Agent, Listed, Manifest, Owner};
use serde_json::{Value, json};

use super::clients;
use crate::cli::{Inspect, Settings};
use crate::failure::{AlreadyTold, Usage};
use crate::output::{self, thousands};

pub(super) fn run(settings: &Settings, arguments: &Inspect, url: &str) -> anyhow::Result<()> {
    let config = settings.load()?;
    let url = if url.is_empty() { config.text("snapshots.url") } else { url };
    if url.is_empty() {
        return Err(Usage("no address: write one behind --snapshot, or set snapshots.url".to_owned()).into());
    }
    let agent = agent(Address::open(url, &config.snapshot_options())?)?;
    let configured = clients::topics(&config).touchpoints;
    let mut snapshots = Vec::new();
    for owner in agent.owners()? {
        for listed in agent.list(&owner, &mut || ())? {
            snapshots.push(inspect(&agent, &owner, &listed, arguments.verify));
        }
    }
    let faulty = snapshots.iter().filter(|snapshot| !snapshot["fault"].is_null()).count();
    if arguments.json {
        output::line(serde_json::to_string_pretty(&json!({"url": url, "snapshots": snapshots}))?)?;
    } else {
        snapshots.iter().try_for_each(|snapshot| output::line(words(snapshot, &configured)))?;
        let checked = if arguments.verify { "every file compared with its hash" } else { "files not looked at (--verify does)" };
        output::line(format!("{} snapshots, {faulty} of them not sound; {checked}", snapshots.len()))?;
    }
    if faulty == 0 { Ok(()) } else { Err(AlreadyTold.into()) }
}

/// For questions: it makes no snapshots.
pub(super) fn agent(address: Address) -> anyhow::Result<Agent> {
    Ok(Agent::with(address, Duration::from_secs(3_600), 1, Arc::new(|_, _| ()))?)
}

fn inspect(agent: &Agent, owner: &Owner, listed: &Listed, is_verified: bool) -> Value {
    let mut found = json!({
        "group": owner.group,
        "topic": owner.topic,
        "topic_id": owner.topic_id,
        "partition": owner.partition,
        "name": listed.name.to_string(),
        "is_set_aside": listed.is_set_aside,
        "offset": listed.name.offset,
    });
    let read = agent.read(owner, listed, &mut || ());
    let checked = match &read {
        Ok(manifest) if is_verified => tempfile::tempdir()
            .map_err(|e| format!("there is no place to fetch files to: {e}"))
            .and_then(|scratch| agent.verify(owner, listed, manifest, scratch.path()).map_err(|e| e.to_string())),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    };
    if let Value::Object(fields) = &mut found {
        fields.insert("fault".to_owned(), checked.err().into());
        if let (Ok(manifest), Value::Object(more)) = (&read, details(&read)) {
            debug_assert_eq!(manifest.offset, listed.name.offset, "the manifest was read by its name");
            fields.extend(more);
        }
    }
    found
}

fn details(read: &Result<Manifest, motmot_snapshot::SnapshotError>) -> Value {
    let Ok(manifest) = read else { return Value::Null };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let age_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX).saturating_sub(manifest.made_at_ms);
    json!({
        "origin": manifest.origin,
        "clock_ms": manifest.clock_ms,
        "stream_time_ms": manifest.stream_time_ms,
        "strategy": manifest.strategy,
        "swaps": manifest.swaps,
        "files": manifest.files.len(),
        "bytes": manifest.bytes(),
        "age_seconds": age_ms / 1_000,
        "motmot": manifest.motmot,
    })
}

fn words(snapshot: &Value, configured: &str) -> String {
    let text = |field: &str| snapshot[field].as_str().unwrap_or_default();
    let number = |field: &str| thousands(snapshot[field].as_u64().unwrap_or(0));
    let other = if text("topic") == configured { "" } else { " (not the configured topic)" };
    let place = format!("{} {}-{}{other}", text("group"), text("topic"), snapshot["partition"]);
    let state = match snapshot["fault"].as_str() {
        Some(fault) => format!("NOT SOUND: {fault}"),
        None if snapshot["is_set_aside"] == true => "set aside".to_owned(),
        None => "ok".to_owned(),
    };
    format!(
        "{place}  {}  {} s old, {} files, {} bytes, by motmot {}: {state}",
        text("name"),
        number("age_seconds"),
        number("files"),
        number("bytes"),
        text("motmot"),
    )
}
