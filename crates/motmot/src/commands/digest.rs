//! `motmot digest`: the digest of the output topics, to compare with a replay's.

use motmot_core::cycle::CycleState;
use motmot_core::moment::MomentState;
use motmot_stream::{Bound, TopicReader};
use motmot_wire::{DigestTable, Table};

use super::clients;
use super::progress::Bar;
use crate::cli::Settings;
use crate::output;

pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    let config = settings.load()?;
    let (kafka, topics, reader) = (clients::kafka(&config)?, clients::topics(&config), clients::reader(&config)?);
    let mut tables = DigestTable::new();
    let bar = Bar::new();
    for (table, topic) in [(Table::Moments, &topics.moments), (Table::Cycles, &topics.cycles)] {
        let mut records = TopicReader::open(&kafka, topic, Bound::Edge, Bound::Edge)?;
        let total = records.total();
        while records.read::<anyhow::Error>(|record| {
            let key = record.key.unwrap_or_default();
            let Some(value) = record.value else {
                tables.observe(table, key, None, false);
                return Ok(());
            };
            let counts = match table {
                Table::Moments => reader.moment(value)?.state != MomentState::Retracted,
                Table::Cycles => reader.cycle(value)?.state != CycleState::Merged,
            };
            tables.observe(table, key, Some(reader.datum(value)?.1), counts);
            Ok(())
        })? {
            bar.set("reading", total - records.left(), total);
        }
    }
    drop(bar);
    output::line(tables.digest())?;
    Ok(())
}
