//! What the demo promises, held by the pure engine in no time: enough kinds of moment, enough recoveries, soon enough.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use motmot_core::cycle::CycleRecord;
use motmot_core::engine::{NoCold, Position, Sink};
use motmot_core::moment::MomentState;
use motmot_core::{Engine, Moment, Strategy, Timestamp, Verdict};

use super::morning::stretch;

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
    let strategy = Arc::new(Strategy::load("strategy.yaml", super::STRATEGY).unwrap());
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
        assert!(kinds.len() >= super::narrator::KINDS_WANTED, "seed {seed}: {kinds:?}");
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
