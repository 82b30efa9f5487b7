//! The oracle: a slow and obvious engine. It keeps every record of the log and works out everything anew from the first.
//!
//! It was written from the words of the design, not from the engine's code, and shares nothing with it but the types of
//! touchpoint and strategy. Start at [`judge`].

mod across;
mod assembly;
mod customer;
mod cycle;
mod level;
mod needs;
mod rules;
mod table;
mod verdicts;

use std::collections::BTreeMap;

use motmot_core::strategy::Strategy;
use motmot_core::{Timestamp, Touchpoint, Verdict};

use crate::support::tables::Tables;
use customer::Customer;

/// One record of the log. Without a touchpoint it is a dead letter: it only moves the stream time.
#[derive(Clone)]
pub(crate) struct Record {
    /// The record's key.
    pub(crate) key: String,
    /// What it carries.
    pub(crate) touchpoint: Option<Touchpoint<'static>>,
    /// Its arrival, in ms.
    pub(crate) arrived_at: i64,
}

/// One line, without what is not given: a log must be readable when a property fails.
impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: ", Timestamp::from_millis(self.arrived_at), self.key)?;
        let Some(touchpoint) = &self.touchpoint else { return f.write_str("dead letter") };
        let words = serde_json::to_string(touchpoint).unwrap_or_default();
        let idle = ["null", "[]", "{}", "\"external\"", "\"phone\"", "\"north\"", "\"customer\""];
        let mut separator = "";
        for field in words.trim_matches(['{', '}']).split(",\"").filter(|field| !idle.iter().any(|value| field.ends_with(value)))
        {
            write!(f, "{separator}{}", field.replace('"', ""))?;
            separator = ", ";
        }
        Ok(())
    }
}

/// What the log says at an instant.
#[derive(Debug)]
pub(crate) struct View {
    /// What became of each touchpoint, in log order.
    pub(crate) verdicts: Vec<Verdict>,
    /// The tables.
    pub(crate) tables: Tables,
    /// Cycles (key and id) that came back after what was left of them was forgotten. Their row is that of whichever had one last,
    /// as it was told, and a copy of what was forgotten is no copy: no function of the log and the clock alone.
    pub(crate) forgotten: Vec<(String, String)>,
    /// Keys with assembled cycles that were too full: which of them is marked as truncated, when they are joined and split afterwards,
    /// is left open.
    pub(crate) crowded: Vec<String>,
}

/// The view = f(log, now, strategy).
pub(crate) fn judge(log: &[Record], now: i64, strategy: &Strategy) -> View {
    let mut verdicts = Vec::new();
    let mut customers: BTreeMap<String, Customer> = BTreeMap::new();
    let mut stream_time = i64::MIN;
    for record in log {
        stream_time = stream_time.max(record.arrived_at);
        let Some(touchpoint) = &record.touchpoint else { continue };
        let too_far = touchpoint.occurred_at.as_millis() > record.arrived_at + strategy.allowed_skew_ms;
        verdicts.push(if too_far {
            Verdict::TooFarAhead
        } else {
            customers.entry(record.key.clone()).or_default().file(&record.key, touchpoint, stream_time, strategy)
        });
    }
    let mut tables = Tables::default();
    for (key, customer) in &customers {
        customer.cycles(key, strategy).iter().for_each(|cycle| table::fill(&mut tables, cycle, now, strategy));
    }
    let named = |key: &String, id: &String| (key.clone(), id.clone());
    let forgotten = customers.iter().flat_map(|(key, customer)| customer.forgotten().map(|id| named(key, id))).collect();
    let crowded = customers.iter().filter(|(_, customer)| customer.is_crowded()).map(|(key, _)| key.clone()).collect();
    View { verdicts, tables, forgotten, crowded }
}

/// When a limit in business hours is up. The calendar is the strategy's own: `scripts/clock_business_hours.txt` has it worked out by hand.
fn business_due(strategy: &Strategy, at: i64, limit: i64) -> i64 {
    strategy.calendar.add(Timestamp::from_millis(at), limit).as_millis()
}
