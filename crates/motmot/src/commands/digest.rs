//! `motmot digest`: the digest of the output topics, to compare with a replay's.

use motmot_core::cycle::CycleState;
use motmot_core::moment::MomentState;
use motmot_wire::{DigestTable, Table};
use rdkafka::message::Message as _;

use super::clients;
use super::progress::Bar;
use super::topic::Stretch;
use crate::cli::Settings;
use crate::output;

pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    let config = settings.load()?;
    let (kafka, topics, reader) = (clients::kafka(&config), clients::topics(&config), clients::reader(&config)?);
    let mut tables = DigestTable::new();
    let bar = Bar::new();
    for (table, topic) in [(Table::Moments, &topics.moments), (Table::Cycles, &topics.cycles)] {
        let stretch = Stretch::open(&kafka, topic, None, None)?;
        let mut done = 0;
        stretch.read(|message| {
            let key = message.key().unwrap_or_default();
            let Some(value) = message.payload() else {
                tables.observe(table, key, None, false);
                return Ok(());
            };
            let counts = match table {
                Table::Moments => reader.moment(value)?.state != MomentState::Retracted,
                Table::Cycles => reader.cycle(value)?.state != CycleState::Merged,
            };
            tables.observe(table, key, Some(reader.datum(value)?.1), counts);
            done += 1;
            bar.set("reading", done, stretch.len());
            Ok(())
        })?;
    }
    drop(bar);
    output::line(tables.digest())?;
    Ok(())
}
