//! Plays a script: through the engine, and beside it through the oracle.

use std::fmt::Write;
use std::sync::Arc;

use motmot_core::engine::{NoCold, Position};
use motmot_core::strategy::Strategy;
use motmot_core::{Engine, Timestamp, Verdict};

use super::script::{Action, Arrival, Scenario, Script};
use super::story::{ends, told};
use crate::oracle::{self, Record};
use crate::support::tables::{Tables, difference};

/// More orders than these are not tried.
const MOST_ORDERS: usize = 720;

/// Plays all scenarios; what went wrong, in words, empty if nothing did.
pub(crate) fn run(script: &Script) -> String {
    let strategy = match Strategy::load("script.yaml", &script.strategy) {
        Ok(strategy) => Arc::new(strategy),
        Err(problems) => return format!("the strategy is refused: {problems}\n"),
    };
    let mut faults = String::new();
    for scenario in &script.scenarios {
        let mut wrong = play(scenario, &strategy);
        if scenario.any_order {
            wrong.push_str(&orders(scenario, &strategy));
        }
        if !wrong.is_empty() {
            _ = writeln!(faults, "scenario: {}\n{wrong}", scenario.title);
        }
    }
    faults
}

fn play(scenario: &Scenario, strategy: &Arc<Strategy>) -> String {
    let mut wrong = String::new();
    let mut engine = Engine::new(Arc::clone(strategy), NoCold, Position::START);
    let mut tables = Tables::default();
    let mut log = Vec::new();
    for step in &scenario.steps {
        let before = tables.clone();
        let verdict = act(&mut engine, &step.action, &mut tables);
        log.extend(record(&step.action));
        let mut found: Vec<String> = verdict.into_iter().filter(|v| *v != Verdict::Folded).map(verdict_words).collect();
        found.extend(match step.action {
            Action::End(_) => ends(scenario, &tables),
            _ => told(scenario, &before, &tables),
        });
        let mut expected = step.expected.clone();
        expected.sort();
        let mut sorted = found.clone();
        sorted.sort();
        if sorted != expected {
            _ = writeln!(wrong, "  line {}:", step.number);
            expected
                .iter()
                .filter(|line| !found.contains(line))
                .for_each(|line| _ = writeln!(wrong, "    should be told: -> {line}"));
            found
                .iter()
                .filter(|line| !expected.contains(line))
                .for_each(|line| _ = writeln!(wrong, "    was told:       -> {line}"));
        }
        let view = oracle::judge(&log, engine.position().now.as_millis(), strategy);
        let apart = difference(&view.tables, &tables);
        if !apart.is_empty() {
            _ = writeln!(wrong, "  line {}: engine and oracle disagree:\n{apart}", step.number);
        }
    }
    wrong
}

/// Moves the clock and takes what arrives. Returns what became of a touchpoint.
fn act(engine: &mut Engine<NoCold>, action: &Action, tables: &mut Tables) -> Option<Verdict> {
    let (Action::Clock(at) | Action::DeadLetter(at) | Action::End(at)) = action else {
        let Action::Arrival(arrival) = action else { return None };
        let at = Timestamp::from_millis(arrival.arrived_at);
        engine.advance(at, usize::MAX, tables).expect("nothing is cold");
        let verdict = engine.apply(&arrival.key, &arrival.touchpoint, at, 0, tables).expect("nothing is cold");
        engine.advance(at, usize::MAX, tables).expect("nothing is cold");
        return Some(verdict);
    };
    let at = Timestamp::from_millis(*at);
    if matches!(action, Action::DeadLetter(_)) {
        engine.observe(at);
    }
    engine.advance(at, usize::MAX, tables).expect("nothing is cold");
    None
}

fn record(action: &Action) -> Option<Record> {
    match action {
        Action::Clock(_) | Action::End(_) => None,
        Action::DeadLetter(at) => Some(Record { key: String::new(), touchpoint: None, arrived_at: *at }),
        Action::Arrival(arrival) => {
            let touchpoint = Some(arrival.touchpoint.clone());
            Some(Record { key: arrival.key.clone(), touchpoint, arrived_at: arrival.arrived_at })
        }
    }
}

fn verdict_words(verdict: Verdict) -> String {
    match verdict {
        Verdict::Folded => "folded",
        Verdict::Duplicate => "duplicate",
        Verdict::Conflicting => "conflicting",
        Verdict::Late => "late",
        Verdict::Overflow => "overflow",
        Verdict::TooFarAhead => "too far ahead",
    }
    .to_owned()
}

/// Lets the touchpoints arrive at once, in every order: the tables must be the same in the end.
fn orders(scenario: &Scenario, strategy: &Arc<Strategy>) -> String {
    let actions: Vec<&Action> = scenario.steps.iter().map(|step| &step.action).collect();
    let arrivals: Vec<&Arrival> =
        actions.iter().filter_map(|a| if let Action::Arrival(a) = a { Some(&**a) } else { None }).collect();
    let end = actions.iter().map(|action| action.at()).max();
    let at = Timestamp::from_millis(arrivals.iter().map(|a| a.arrived_at).max().unwrap_or_default());
    let mut orders = Vec::new();
    permutations(&mut (0..arrivals.len()).collect(), 0, &mut orders);
    let mut first = None;
    for order in &orders {
        let mut engine = Engine::new(Arc::clone(strategy), NoCold, Position::START);
        let mut tables = Tables::default();
        for index in order {
            let arrival = arrivals[*index];
            engine.apply(&arrival.key, &arrival.touchpoint, at, 0, &mut tables).expect("nothing is cold");
            engine.advance(at, usize::MAX, &mut tables).expect("nothing is cold");
        }
        engine.advance(Timestamp::from_millis(end.unwrap_or_default()), usize::MAX, &mut tables).expect("nothing is cold");
        let first = first.get_or_insert_with(|| tables.clone());
        let apart = difference(first, &tables);
        if !apart.is_empty() {
            return format!("  in the order {order:?} of arrival it ends otherwise than in the order told:\n{apart}");
        }
    }
    String::new()
}

fn permutations(order: &mut Vec<usize>, from: usize, all: &mut Vec<Vec<usize>>) {
    if from == order.len() || all.len() >= MOST_ORDERS {
        all.push(order.clone());
        return;
    }
    for index in from..order.len() {
        order.swap(from, index);
        permutations(order, from + 1, all);
        order.swap(from, index);
    }
}
