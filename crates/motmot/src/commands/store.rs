//! `motmot store inspect FOLDER`: what a partition's store is of, and what it holds.

use std::path::Path;

use anyhow::Context as _;
use motmot_core::engine::RowId;
use motmot_core::engine::describe::describe;
use motmot_core::{Strategy, Timestamp};
use motmot_store::{Inspection, Meta};
use serde_json::{Value, json};

use crate::cli::Inspect;
use crate::output::{self, thousands};

/// Wake-ups that are shown.
const WAKES: usize = 5;

pub(super) fn run(arguments: &Inspect) -> anyhow::Result<()> {
    let folder = arguments.folder.as_deref().unwrap_or(Path::new("."));
    let store = Inspection::open(folder)?;
    let meta = store.meta()?;
    let strategy = meta.as_ref().map(|meta| strategy(&store, meta)).transpose()?.flatten();
    let mut found = summary(folder, &store, meta.as_ref(), strategy.as_ref())?;
    if arguments.key.is_some() || arguments.rows.is_some() {
        let limit = arguments.rows.unwrap_or(usize::MAX);
        let rows = rows(&store, arguments.key.as_deref(), limit, strategy.as_ref())?;
        if let Value::Object(fields) = &mut found {
            fields.insert("rows".to_owned(), rows.into());
        }
    }
    if arguments.json {
        output::line(serde_json::to_string_pretty(&found)?)?
    } else {
        output::text(&words(&found))?
    }
    Ok(())
}

/// The strategy under which the rows were written.
fn strategy(store: &Inspection, meta: &Meta) -> anyhow::Result<Option<Strategy>> {
    let Some(text) = store.strategy(meta.strategy)? else { return Ok(None) };
    let loaded = Strategy::load("the store's strategy", &text);
    Ok(Some(loaded.map_err(|problems| anyhow::anyhow!("{problems}")).context("this version cannot use the store's strategy")?))
}

fn summary(folder: &Path, store: &Inspection, meta: Option<&Meta>, strategy: Option<&Strategy>) -> anyhow::Result<Value> {
    let (counts, unknown) = store.counts()?;
    let [tables, logs, others] = store.file_bytes()?;
    let mut wakes = Vec::new();
    store.wakes(WAKES, |at, row| wakes.push(json!({"at": at, "key": row.key, "cycle_id": row.cycle_id})))?;
    let entries: Vec<Value> = counts
        .iter()
        .map(|c| json!({"prefix": format!("{:?}", c.prefix).to_lowercase(), "entries": c.entries, "bytes": c.bytes}))
        .collect();
    let meta = meta.map(|meta| {
        json!({
            "topic_id": meta.topic_id,
            "partitions": meta.partitions,
            "origin": meta.origin.offset,
            "rebuilt_ms": meta.origin.rebuilt_ms,
            "offset": meta.offset,
            "clock": instant(meta.position.now),
            "stream_time": instant(meta.position.stream_time),
            "strategy": strategy.map(|strategy| &strategy.name),
            "strategy_id": meta.strategy.to_string(),
            "swaps": meta.swaps,
        })
    });
    Ok(json!({
        "folder": folder,
        "checkpoint": meta,
        "entries": entries,
        "entries_of_unknown_prefix": unknown,
        "file_bytes": {"tables": tables, "logs": logs, "others": others},
        "next_wakes": wakes,
    }))
}

/// None before the first record.
fn instant(at: Timestamp) -> Option<Timestamp> {
    (at > Timestamp::MIN).then_some(at)
}

fn rows(store: &Inspection, key: Option<&str>, limit: usize, strategy: Option<&Strategy>) -> anyhow::Result<Vec<Value>> {
    let mut rows = Vec::new();
    store.rows(key, |row, value| {
        if rows.len() >= limit {
            return false;
        }
        rows.push(described(row, value, strategy));
        true
    })?;
    Ok(rows)
}

fn described(row: RowId<'_>, value: &[u8], strategy: Option<&Strategy>) -> Value {
    let described = strategy.and_then(|strategy| describe(row, value, strategy, |row| serde_json::to_value(row).ok()).ok()?);
    described.unwrap_or_else(|| json!({"key": row.key, "cycle_id": row.cycle_id, "kind": "unreadable", "bytes": value.len()}))
}

/// The same for a person.
fn words(found: &Value) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("store        {}", text(&found["folder"])));
    let meta = &found["checkpoint"];
    if meta.is_null() {
        line("checkpoint   none: nothing was ever written".to_owned());
    } else {
        line(format!("offset       {}: the first record that is not folded (folded from {} on)", meta["offset"], meta["origin"]));
        line(format!("clock        {}", text(&meta["clock"])));
        line(format!("stream time  {}", text(&meta["stream_time"])));
        line(format!(
            "strategy     {} ({}), swapped {} times before",
            text(&meta["strategy"]),
            text(&meta["strategy_id"]),
            meta["swaps"]
        ));
        line(format!("topic        id {}, {} partitions", text(&meta["topic_id"]), meta["partitions"]));
    }
    let number = |value: &Value| thousands(value.as_u64().unwrap_or(0));
    for entry in found["entries"].as_array().into_iter().flatten() {
        let (entries, bytes) = (number(&entry["entries"]), number(&entry["bytes"]));
        line(format!("{:<12} {entries} entries, {bytes} bytes", text(&entry["prefix"])));
    }
    let files = &found["file_bytes"];
    let [tables, logs, others] = ["tables", "logs", "others"].map(|kind| number(&files[kind]));
    line(format!("files        {tables} bytes in tables, {logs} in logs, {others} in others"));
    for wake in found["next_wakes"].as_array().into_iter().flatten() {
        line(format!("wakes        {}  {} {}", text(&wake["at"]), text(&wake["key"]), text(&wake["cycle_id"])));
    }
    for row in found["rows"].as_array().into_iter().flatten() {
        line(format!("\n{}", serde_json::to_string_pretty(row).unwrap_or_default()));
    }
    out
}

/// A text without its quotes.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
