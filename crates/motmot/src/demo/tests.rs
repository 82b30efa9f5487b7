//! What the demo promises, held by the pure engine in no time: enough kinds of moment, enough recoveries, soon enough.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use motmot_core::cycle::CycleRecord;
use motmot_core::engine::{NoCold, Position, Sink};
use motmot_core::moment::MomentState;
use motmot_core::{Engine, Moment, Strategy, Timestamp, Verdict};

use clap::ValueEnum as _;

use super::example::Play;
use super::morning::stretch;
use crate::cli::Example;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// When what was told, in ms of the demo.
#[derive(Default)]
struct Heard {
    now: i64,
    states: BTreeMap<String, MomentState>,
    raised: Vec<(i64, String, String)>,
    recovered: Vec<i64>,
}

impl Sink for Heard {
    fn moment(&mut self, moment: &Moment<'_>, _: &[i64]) {
        let before = self.states.insert(moment.moment_id.to_string(), moment.state);
        match moment.state {
            MomentState::Raised if before.is_none() => {
                self.raised.push((self.now, moment.kind.to_string(), moment.rule.to_string()))
            }
            MomentState::Recovered if before == Some(MomentState::Raised) => self.recovered.push(self.now),
            _ => {}
        }
    }
    fn cycle(&mut self, _: &CycleRecord<'_>, _: &[i64]) {}
    fn cycle_gone(&mut self, _: &str, _: &str) {}
}

/// The first two minutes, with a tick every 200 ms, as the worker has them.
fn two_minutes(seed: u64) -> Heard {
    let strategy = Arc::new(Strategy::load("strategy.yaml", super::example::MORNING.1).unwrap());
    let mut engine = Engine::new(strategy, NoCold, Position::START);
    let mut heard = Heard::default();
    let mut events = stretch(seed, 0, START).events.into_iter().peekable();
    for now in (0..120_000).step_by(200) {
        heard.now = now;
        while let Some(event) = events.next_if(|event| event.touchpoint.occurred_at <= START.plus(now)) {
            let verdict = engine.apply(&event.key, &event.touchpoint, event.touchpoint.occurred_at, 0, &mut heard).unwrap();
            assert_eq!(verdict, Verdict::Folded, "{event:?}");
        }
        engine.advance(START.plus(now), usize::MAX, &mut heard).unwrap();
    }
    heard
}

#[test]
fn every_morning_keeps_the_demo_s_promise() {
    for seed in 0..30 {
        let heard = two_minutes(seed);
        let kinds: BTreeSet<_> = heard.raised.iter().map(|(_, kind, _)| kind.as_str()).collect();
        assert!(kinds.len() >= 11, "seed {seed}: {kinds:?}");
        assert!(heard.recovered.len() >= 10, "seed {seed}: {} recovered", heard.recovered.len());
        assert!(heard.raised[0].0 <= 6_000, "seed {seed}: the first moment comes after {} ms", heard.raised[0].0);
    }
}

#[test]
fn the_check_is_over_within_a_minute() {
    for seed in 0..30 {
        let heard = two_minutes(seed);
        let early = heard.raised.iter().filter(|(at, ..)| *at < 60_000);
        let kinds: BTreeSet<_> = early.map(|(_, kind, _)| kind.as_str()).collect();
        assert!(kinds.len() >= super::example::Play::morning().kinds_wanted(), "seed {seed}: {kinds:?}");
        assert!(heard.recovered.iter().filter(|at| **at < 60_000).count() >= super::narrator::RECOVERED_WANTED);
    }
}

#[test]
fn the_queue_gets_worse() {
    let heard = two_minutes(1);
    let slow =
        |from: i64, to: i64| heard.raised.iter().filter(|(at, _, rule)| rule == "slow-answer" && (from..to).contains(at)).count();
    assert!(slow(0, 40_000) < slow(40_000, 80_000), "{} then {}", slow(0, 40_000), slow(40_000, 80_000));
}

/// What happens to the customers of an example's first ten minutes of demo, when all of it has come to its end.
fn example(example: Example, seed: u64) -> Heard {
    let play = Play::example(example).unwrap_or_else(|error| panic!("{error:?}"));
    let strategy = Arc::new(Strategy::load(play.path, play.strategy).unwrap_or_else(|problems| panic!("{problems}")));
    let start = play.clock.now();
    let mut events = Vec::new();
    for number in 0..5 {
        events.extend(play.stretch(seed, number, start.plus(play.stretch_ms * i64::try_from(number).unwrap())).events);
    }
    events.sort_by_key(|event| event.touchpoint.occurred_at);
    let mut engine = Engine::new(Arc::clone(&strategy), NoCold, Position::START);
    let mut heard = Heard::default();
    for event in &events {
        let at = event.touchpoint.occurred_at;
        assert_eq!(event.touchpoint.validate(), Ok(()), "{event:?}");
        engine.advance(at, usize::MAX, &mut heard).unwrap();
        heard.now = at.since(start);
        assert_eq!(engine.apply(&event.key, &event.touchpoint, at, 0, &mut heard).unwrap(), Verdict::Folded, "{event:?}");
    }
    // An hour at a time: what is found long after it has expired is not told as raised.
    for hour in 0..24 * 30 {
        engine.advance(start.plus(heard.now + hour * 3_600_000), usize::MAX, &mut heard).unwrap();
    }
    let raised: BTreeSet<_> = heard.raised.iter().map(|(_, _, rule)| rule.as_str()).collect();
    let silent: Vec<_> = strategy.rules.iter().map(|rule| rule.id.as_str()).filter(|rule| !raised.contains(rule)).collect();
    assert_eq!(silent, [""; 0], "{example:?}, seed {seed}: rules of which no scene tells");
    heard
}

#[test]
fn every_rule_of_every_example_has_a_scene_that_tells_of_it() {
    for name in Example::value_variants() {
        for seed in 0..3 {
            let heard = example(*name, seed);
            assert!(heard.recovered.len() >= 10, "{name:?}, seed {seed}: {} recovered", heard.recovered.len());
            let states: BTreeSet<_> = heard.states.values().map(|state| state.name()).collect();
            assert!(states.contains("recovered") && states.contains("expired"), "{name:?}: {states:?}");
        }
    }
}

#[test]
fn the_check_of_an_example_is_over_in_time() {
    for name in Example::value_variants() {
        let play = Play::example(*name).unwrap();
        let end = play.stretch_ms;
        let heard = example(*name, 1);
        let early = heard.raised.iter().filter(|(at, ..)| *at < end);
        let kinds: BTreeSet<_> = early.map(|(_, kind, _)| kind.as_str()).collect();
        assert!(kinds.len() >= play.kinds_wanted(), "{name:?}: {kinds:?} within two minutes");
        assert!(heard.recovered.iter().filter(|at| **at < end).count() >= super::narrator::RECOVERED_WANTED, "{name:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_example_and_another_is_not() {
    let play = Play::example(Example::Hotel).unwrap();
    let start = play.clock.now();
    assert_eq!(play.stretch(1, 0, start).events, play.stretch(1, 0, start).events);
    assert_ne!(play.stretch(1, 0, start).events, play.stretch(2, 0, start).events);
}
