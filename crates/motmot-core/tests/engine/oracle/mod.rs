//! The oracle: a slow and obvious engine. It keeps every record of the log and works out everything anew from the first.
//!
//! It was written from the words of the design, not from the engine's code, and shares nothing with it but the types of
//! touchpoint and strategy. Start at [`judge`].

mod assembly;
mod cycle;
mod needs;
mod rules;
mod table;

use std::collections::BTreeMap;

use motmot_core::strategy::Strategy;
use motmot_core::{Timestamp, Touchpoint, Verdict};

use crate::support::tables::Tables;
use cycle::Cycle;

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
    let mut identified: BTreeMap<(String, String), Identified> = BTreeMap::new();
    let mut assembled: BTreeMap<String, assembly::Assembled> = BTreeMap::new();
    let mut stream_time = i64::MIN;
    for record in log {
        stream_time = stream_time.max(record.arrived_at);
        let Some(touchpoint) = &record.touchpoint else { continue };
        let too_far = touchpoint.occurred_at.as_millis() > record.arrived_at + strategy.allowed_skew_ms;
        verdicts.push(if too_far {
            Verdict::TooFarAhead
        } else if let Some(cycle_id) = &touchpoint.cycle_id {
            let cycle = identified.entry((record.key.clone(), cycle_id.to_string())).or_default();
            cycle.file(&record.key, touchpoint, stream_time, strategy)
        } else {
            assembled.entry(record.key.clone()).or_default().file(&record.key, touchpoint, stream_time, strategy)
        });
    }
    let mut tables = Tables::default();
    let mut cycles: Vec<Cycle> = identified.values().flat_map(|i| i.past.iter().chain(&i.current)).cloned().collect();
    cycles.extend(assembled.iter().flat_map(|(key, assembled)| assembled.cycles(key, strategy)));
    cycles.iter().for_each(|cycle| table::fill(&mut tables, cycle, now, strategy));
    let came_back =
        |cycles: &Identified| cycles.past.iter().chain(&cycles.current).filter(|cycle| cycle.instance == 1).count() > 1;
    let forgotten = identified.iter().filter(|(_, cycles)| came_back(cycles)).map(|(name, _)| name.clone()).collect();
    let crowded = assembled.iter().filter(|(_, cycles)| cycles.is_crowded()).map(|(key, _)| key.clone()).collect();
    View { verdicts, tables, forgotten, crowded }
}

/// All instances of one (key, cycle id).
#[derive(Debug, Default)]
struct Identified {
    past: Vec<Cycle>,
    current: Option<Cycle>,
    /// When the instance before the current one became final: what occurred until then belongs to that one.
    before: Option<i64>,
}

impl Identified {
    fn file(&mut self, key: &str, touchpoint: &Touchpoint<'static>, stream_time: i64, strategy: &Strategy) -> Verdict {
        let at = touchpoint.occurred_at.as_millis();
        let (mut instance, mut before) = (1, None);
        if let Some(current) = &mut self.current {
            let final_at = current.final_at(strategy);
            if final_at > stream_time {
                let belongs_before = self.before.is_some_and(|before| at <= before);
                return if belongs_before { Verdict::Late } else { current.take(touchpoint, strategy) };
            }
            if stream_time <= final_at + strategy.reopen_window_ms {
                if at <= final_at {
                    return Verdict::Late;
                }
                (instance, before) = (current.instance + 1, Some(final_at));
            }
        }
        let cycle_id = touchpoint.cycle_id.as_deref().unwrap_or_default();
        let next = Cycle::new(key, cycle_id, instance, true, vec![touchpoint.clone()]);
        if next.base_final(strategy) <= stream_time {
            return Verdict::Late;
        }
        self.past.extend(self.current.replace(next));
        self.before = before;
        Verdict::Folded
    }
}

/// When a limit in business hours is up. The calendar is the strategy's own: `scripts/clock_business_hours.txt` has it worked out by hand.
fn business_due(strategy: &Strategy, at: i64, limit: i64) -> i64 {
    strategy.calendar.add(Timestamp::from_millis(at), limit).as_millis()
}
