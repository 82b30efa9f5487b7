//! One customer's cycles, and what they know of each other.

use std::collections::BTreeMap;

use motmot_core::cycle::{Circle, Level};
use motmot_core::strategy::Strategy;
use motmot_core::{Touchpoint, Verdict};

use super::assembly::Assembled;
use super::cycle::Cycle;

/// What the customer's other cycles say to one.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The others that it sees, in the order in which they began.
    pub(super) others: Vec<Cycle>,
    /// What came of them.
    pub(super) ends: Vec<End>,
}

/// What came of a cycle, apart from what `vicious_circle` makes of it. In the order in which cycles become final.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    /// When it is final.
    pub(super) at: i64,
    /// Its id and instance, for ties.
    pub(super) name: (String, i32),
    /// Its level then.
    pub(super) level: Level,
}

/// All cycles of one key.
#[derive(Debug, Default)]
pub(super) struct Customer {
    identified: BTreeMap<String, Identified>,
    assembled: Assembled,
}

impl Customer {
    /// Takes a touchpoint. What is final before it is closed: nothing that comes afterwards shows in it.
    pub(super) fn file(&mut self, key: &str, touchpoint: &Touchpoint<'static>, stream_time: i64, strategy: &Strategy) -> Verdict {
        let cycles = self.cycles(key, strategy);
        self.identified.values_mut().for_each(|cycles_of_id| cycles_of_id.close(&cycles, stream_time, strategy));
        self.assembled.close(&cycles, stream_time, strategy);
        match &touchpoint.cycle_id {
            Some(id) => self.identified.entry(id.to_string()).or_default().file(key, touchpoint, stream_time, strategy),
            None => self.assembled.file(key, touchpoint, stream_time, strategy),
        }
    }

    /// Every cycle; those that can still be amended know what the others say now.
    pub(super) fn cycles(&self, key: &str, strategy: &Strategy) -> Vec<Cycle> {
        let mut cycles: Vec<Cycle> = self.identified.values().flat_map(|i| i.past.iter().chain(&i.current)).cloned().collect();
        cycles.extend(self.assembled.cycles(key, strategy));
        // One that came back after it was forgotten has the name of the first, and takes its place in the file.
        let mut file: BTreeMap<(String, i32), Cycle> = BTreeMap::new();
        for cycle in &cycles {
            file.extend(cycle.in_file().then(|| (cycle.name(), Cycle { known: Known::default(), ..cycle.clone() })));
        }
        let strangers: Vec<Cycle> = file.into_values().collect();
        for cycle in cycles.iter_mut().filter(|cycle| !cycle.closed) {
            cycle.known = Known { others: seen_by(cycle, &strangers, strategy), ends: Vec::new() };
        }
        let ended = cycles.iter().filter(|cycle| cycle.in_file()).map(|cycle| (cycle.name(), cycle.end(strategy)));
        let ends: BTreeMap<(String, i32), End> = ended.collect();
        for cycle in cycles.iter_mut().filter(|cycle| !cycle.closed) {
            cycle.known.ends = cycle.known.others.iter().filter_map(|other| ends.get(&other.name()).cloned()).collect();
            cycle.known.ends.sort();
        }
        cycles
    }

    /// Cycle ids that came back after what was left of them was forgotten.
    pub(super) fn forgotten(&self) -> impl Iterator<Item = &String> {
        let firsts = |i: &Identified| i.past.iter().chain(&i.current).filter(|cycle| cycle.instance == 1).count();
        self.identified.iter().filter(move |(_, cycles)| firsts(cycles) > 1).map(|(id, _)| id)
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.assembled.is_crowded()
    }
}

/// The others in the customer's file that a cycle sees: of those that began before it only so many, and only if they were final not too
/// long before it began.
fn seen_by(cycle: &Cycle, file: &[Cycle], strategy: &Strategy) -> Vec<Cycle> {
    let mut others: Vec<&Cycle> = file.iter().filter(|other| cycle.in_file() && other.name() != cycle.name()).collect();
    others.sort_by_key(|other| other.began());
    let before = others.iter().filter(|other| other.began() < cycle.began()).count();
    let too_many = before.saturating_sub(strategy.customer_file.cycles);
    let is_known = |other: &&&Cycle| {
        other.began() > cycle.began() || other.base_final(strategy) + strategy.customer_file.keep_ms >= cycle.at(0)
    };
    others.iter().skip(too_many).filter(is_known).map(|other| (*other).clone()).collect()
}

/// Which circle the last cycles make, the latest last.
pub(super) fn circle(levels: &[Level], strategy: &Strategy) -> Circle {
    let last = &levels[levels.len().saturating_sub(strategy.circle.of)..];
    if last.iter().filter(|level| **level == Level::Failed).count() >= strategy.circle.failed {
        Circle::Vicious
    } else if last.iter().filter(|level| **level >= Level::Satisfying).count() >= strategy.circle.satisfying {
        Circle::Virtuous
    } else {
        Circle::Neutral
    }
}

/// All instances of one cycle id.
#[derive(Debug, Default)]
struct Identified {
    past: Vec<Cycle>,
    current: Option<Cycle>,
    /// When the instance before the current one became final: what occurred until then belongs to that one.
    before: Option<i64>,
}

impl Identified {
    fn close(&mut self, cycles: &[Cycle], stream_time: i64, strategy: &Strategy) {
        if let Some(current) = self.current.as_mut().filter(|current| !current.closed) {
            // The latest under its name: one that came back after it was forgotten has the name of the first.
            let now = cycles.iter().rfind(|cycle| cycle.identified && cycle.name() == current.name()).expect("it is one of them");
            if now.final_at(strategy) <= stream_time {
                *current = Cycle { closed: true, ..now.clone() };
            }
        }
    }

    fn file(&mut self, key: &str, touchpoint: &Touchpoint<'static>, stream_time: i64, strategy: &Strategy) -> Verdict {
        let at = touchpoint.occurred_at.as_millis();
        let (mut instance, mut before, mut earlier) = (1, None, Vec::new());
        if let Some(current) = &mut self.current {
            if !current.closed {
                let belongs_before = self.before.is_some_and(|before| at <= before);
                return if belongs_before { Verdict::Late } else { current.take(touchpoint, strategy) };
            }
            let final_at = current.final_at(strategy);
            if stream_time <= final_at + strategy.reopen_window_ms {
                if at <= final_at {
                    return Verdict::Late;
                }
                (instance, before) = (current.instance + 1, Some(final_at));
                earlier = [&current.earlier[..], &current.touchpoints[..]].concat();
            }
        }
        let cycle_id = touchpoint.cycle_id.as_deref().unwrap_or_default();
        let next = Cycle { earlier, ..Cycle::new(key, cycle_id, instance, true, vec![touchpoint.clone()]) };
        if next.base_final(strategy) <= stream_time {
            return Verdict::Late;
        }
        self.past.extend(self.current.replace(next));
        self.before = before;
        Verdict::Folded
    }
}
