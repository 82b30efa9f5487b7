//! Cycles of touchpoints that name none: what lies close together belongs together.

use motmot_core::strategy::Strategy;
use motmot_core::touchpoint::Stage;
use motmot_core::{Touchpoint, Verdict};

use super::cycle::{Cycle, order, same_content};

/// All touchpoints of a key that name no cycle.
#[derive(Debug, Default)]
pub(super) struct Assembled {
    /// Those of cycles that are not final for the records.
    live: Vec<Touchpoint<'static>>,
    /// Cycles that nothing can change any more.
    frozen: Vec<Cycle>,
    /// The latest instant at which a frozen cycle became final.
    frozen_until: Option<i64>,
    /// Ids of touchpoints of cycles that were too full for another.
    full: Vec<String>,
}

impl Assembled {
    pub(super) fn file(&mut self, key: &str, touchpoint: &Touchpoint<'static>, stream_time: i64, strategy: &Strategy) -> Verdict {
        if let Some(known) = self.live.iter().find(|t| t.event_id == touchpoint.event_id) {
            return if same_content(known, touchpoint) { Verdict::Duplicate } else { Verdict::Conflicting };
        }
        let at = touchpoint.occurred_at;
        let before_all = self.live.iter().all(|t| at < t.occurred_at);
        if before_all && self.frozen_until.is_some_and(|until| at.as_millis() <= until) {
            return Verdict::Late;
        }
        let mut with = self.live.clone();
        with.push(touchpoint.clone());
        let cycles = assemble(key, &with, &self.full, strategy);
        let own = cycles.iter().find(|c| c.touchpoints.iter().any(|t| t.event_id == touchpoint.event_id));
        let own = own.expect("it is in one of them");
        if own.touchpoints.len() == 1 && own.base_final(strategy) <= stream_time {
            return Verdict::Late;
        }
        if own.touchpoints.len() > strategy.max_touchpoints {
            self.full.extend(own.touchpoints.iter().map(|t| t.event_id.to_string()));
            return Verdict::Overflow;
        }
        self.live = with;
        Verdict::Folded
    }

    pub(super) fn is_crowded(&self) -> bool {
        !self.full.is_empty()
    }

    /// Cycles become final in their order: one behind a living one can still be joined with it. `cycles` are those of the key.
    pub(super) fn close(&mut self, cycles: &[Cycle], stream_time: i64, strategy: &Strategy) {
        for cycle in cycles.iter().filter(|cycle| !cycle.identified && !cycle.closed) {
            let final_at = cycle.final_at(strategy);
            if final_at > stream_time {
                break;
            }
            self.live.retain(|t| !cycle.touchpoints.iter().any(|c| c.event_id == t.event_id));
            self.frozen_until = self.frozen_until.max(Some(final_at));
            self.frozen.push(Cycle { closed: true, ..cycle.clone() });
        }
        self.frozen_until = self.frozen_until.filter(|until| stream_time <= until + strategy.reopen_window_ms);
    }

    pub(super) fn cycles(&self, key: &str, strategy: &Strategy) -> Vec<Cycle> {
        let mut cycles = self.frozen.clone();
        cycles.extend(assemble(key, &self.live, &self.full, strategy));
        cycles
    }
}

fn assemble(key: &str, live: &[Touchpoint<'static>], full: &[String], strategy: &Strategy) -> Vec<Cycle> {
    let mut sorted = live.to_vec();
    sorted.sort_by(|a, b| order(a).cmp(&order(b)));
    let mut cycles: Vec<Cycle> = Vec::new();
    for touchpoint in sorted {
        match cycles.last_mut() {
            Some(running) if !starts_anew(running, &touchpoint, strategy) => running.touchpoints.push(touchpoint),
            _ => {
                let id = format!("{key}@{}", touchpoint.event_id);
                cycles.push(Cycle::new(key, &id, 1, false, vec![touchpoint]));
            }
        }
    }
    for cycle in &mut cycles {
        cycle.overflowed = cycle.touchpoints.iter().any(|t| full.contains(&t.event_id.to_string()));
    }
    cycles
}

fn starts_anew(running: &Cycle, touchpoint: &Touchpoint<'_>, strategy: &Strategy) -> bool {
    let gap = touchpoint.occurred_at.as_millis() - running.last_at();
    gap > running.policy(strategy).inactivity_ms || (touchpoint.stage == Stage::Greeting && running.last_farewell().is_some())
}
