//! A bot or a test account must not stop a partition: what one key may hold is bounded, what is beyond is counted, and others go on.

use std::sync::Arc;

use motmot_core::engine::{NoCold, Position};
use motmot_core::strategy::Strategy;
use motmot_core::touchpoint::{Outcome, Stage, Touchpoint};
use motmot_core::{Engine, Timestamp, Verdict};

use crate::support::script::blank;
use crate::support::tables::Tables;

const START: i64 = 1_772_000_000_000;
/// More than any bound.
const MANY: i64 = 3_000;
/// Live cycles of one customer that motmot puts together, or that know of each other.
const MAX_LIVE: usize = 128;
const MAX_TOUCHPOINTS: usize = 1_000;

struct Run {
    folded: usize,
    overflow: usize,
    hot: usize,
    tables: Tables,
}

/// Feeds the customer `bot` with what `make` gives, ten a second, and between them one contact of somebody else.
fn run(make: impl Fn(i64) -> Touchpoint<'static>) -> Run {
    let text = "strategy: hot\ncycles: [{inactivity: 2h, grace: 5m}]\nrules:\n  \
        - {id: again, kind: repeat_contact, within: 7d, need: any, dimension: reliability}\n  \
        - {id: circle, kind: vicious_circle, failed: 2, of: 2, dimension: empathy}\n  \
        - {id: unmet, kind: unmet, dimension: reliability}\n";
    let mut engine = Engine::new(Arc::new(Strategy::load("hot.yaml", text).unwrap()), NoCold, Position::START);
    let mut found = Run { folded: 0, overflow: 0, hot: 0, tables: Tables::default() };
    for n in 0..MANY {
        let touchpoint = Touchpoint { customer_id: Some("bot".into()), ..make(n) };
        let arrived = Timestamp::from_millis(START + n * 100);
        match engine.apply("bot", &touchpoint, arrived, n, &mut found.tables).unwrap() {
            Verdict::Folded => found.folded += 1,
            Verdict::Overflow => found.overflow += 1,
            other => panic!("{other:?} of contact {n}"),
        }
        if n == MANY / 2 {
            let unmet = Touchpoint { cycle_id: Some("c".into()), ..contact(n, n * 100, Stage::Greeting, Outcome::Unmet) };
            assert_eq!(engine.apply("other", &unmet, arrived, n, &mut found.tables).unwrap(), Verdict::Folded);
        }
        if n % 200 == 0 {
            engine.advance(arrived, usize::MAX, &mut found.tables).unwrap();
        }
    }
    found.hot = engine.hot();
    engine.advance(Timestamp::from_millis(START + 365 * 86_400_000), usize::MAX, &mut found.tables).unwrap();
    assert_eq!(found.folded + found.overflow, usize::try_from(MANY).unwrap());
    let of_other = found.tables.moments.values().filter(|row| row["key"] == "other").count();
    assert_eq!(of_other, 1, "somebody else's moment is told all the same");
    found
}

fn contact(n: i64, after_ms: i64, stage: Stage, outcome: Outcome) -> Touchpoint<'static> {
    blank(format!("e{n}"), START + after_ms, stage, outcome, None)
}

#[test]
fn a_cycle_takes_so_many_touchpoints_and_no_more() {
    let one = |n: i64| Touchpoint { cycle_id: Some("c".into()), ..contact(n, n * 100, Stage::Fulfilment, Outcome::Met) };
    let assembled = |n: i64| contact(n, n * 100, Stage::Fulfilment, Outcome::Met);
    let backwards = |n: i64| Touchpoint { cycle_id: Some("c".into()), ..contact(n, -n * 100, Stage::Fulfilment, Outcome::Met) };
    for found in [run(one), run(assembled), run(backwards)] {
        assert_eq!(found.folded, MAX_TOUCHPOINTS);
        let truncated = found.tables.cycles.values().filter(|row| row["truncated"] == "true").count();
        assert_eq!(truncated, 1);
    }
}

#[test]
fn a_customer_has_so_many_cycles_put_together_and_no_more() {
    let pairs = |n: i64| {
        let stage = if n % 2 == 0 { Stage::Greeting } else { Stage::Farewell };
        contact(n, n * 100, stage, Outcome::Met)
    };
    let found = run(pairs);
    assert!(found.overflow > 0 && found.hot <= MAX_LIVE + 3, "{} rows in memory, {} overflow", found.hot, found.overflow);
    assert_eq!(found.tables.cycles.keys().filter(|(key, _)| key == "bot").count(), MAX_LIVE);
}

#[test]
fn a_customer_s_file_takes_so_many_live_cycles_and_leaves_the_others_out() {
    let cycles =
        |n: i64| Touchpoint { cycle_id: Some(format!("c{n}").into()), ..contact(n, n * 100, Stage::Greeting, Outcome::Met) };
    let found = run(cycles);
    assert_eq!(found.folded, usize::try_from(MANY).unwrap());
    let filed = found.tables.cycles.values().filter(|row| row["customer_file"] == "true").count();
    assert_eq!(filed, MAX_LIVE);
}

#[test]
fn a_customer_whose_cycles_end_at_once_costs_no_more_with_each() {
    let text = "strategy: hot\ncycles: [{inactivity: 1h, grace: 1s}]\nrules:\n  \
        - {id: unmet, kind: unmet, dimension: reliability}\n";
    let mut engine = Engine::new(Arc::new(Strategy::load("hot.yaml", text).unwrap()), NoCold, Position::START);
    let mut tables = Tables::default();
    for n in 0..20_000 {
        let stage = if n % 2 == 0 { Stage::Greeting } else { Stage::Farewell };
        let cycle_id = Some(format!("c{}", n / 2).into());
        let touchpoint = Touchpoint { customer_id: Some("bot".into()), cycle_id, ..contact(n, n / 20, stage, Outcome::Met) };
        let arrived = Timestamp::from_millis(START + n / 20);
        assert_eq!(engine.apply("bot", &touchpoint, arrived, n, &mut tables).unwrap(), Verdict::Folded);
        if n % 200 == 0 {
            engine.advance(arrived, usize::MAX, &mut tables).unwrap();
        }
    }
    engine.advance(Timestamp::from_millis(START + 86_400_000), usize::MAX, &mut tables).unwrap();
    assert_eq!(tables.cycles.len(), 10_000);
}

#[test]
fn touchpoints_that_come_before_others_do_not_fold_the_cycle_each_time() {
    let text = "strategy: hot\ncycles: [{inactivity: 24h, grace: 1s}]\nlimits: {max_touchpoints: 20000}\nrules:\n  \
        - {id: unmet, kind: unmet, dimension: reliability}\n";
    // 18 million steps if they did
    for (cycle_id, first_of_all) in [(Some("c"), false), (None, true)] {
        let mut engine = Engine::new(Arc::new(Strategy::load("hot.yaml", text).unwrap()), NoCold, Position::START);
        let mut tables = Tables::default();
        for n in 0..MANY * 2 {
            let before = if first_of_all && n == 0 { -20_000 } else { -n };
            let touchpoint = Touchpoint {
                customer_id: Some("bot".into()),
                cycle_id: cycle_id.map(Into::into),
                ..contact(n, before, Stage::Greeting, Outcome::Met)
            };
            let arrived = Timestamp::from_millis(START);
            assert_eq!(engine.apply("bot", &touchpoint, arrived, n, &mut tables).unwrap(), Verdict::Folded);
        }
        engine.advance(Timestamp::from_millis(START + 365 * 86_400_000), usize::MAX, &mut tables).unwrap();
        let rows: Vec<_> = tables.cycles.values().map(|row| (row["state"].as_str(), row["customer_file"].as_str())).collect();
        assert_eq!(rows, [("abandoned", "true")]);
    }
}

#[test]
fn a_long_cycle_knows_each_of_its_touchpoints() {
    let text =
        "strategy: hot\ncycles: [{inactivity: 2h, grace: 5m}]\nrules: [{id: unmet, kind: unmet, dimension: reliability}]\n";
    for (length, cycle_id) in [64, 65, 66, 300].into_iter().flat_map(|length| [(length, Some("c")), (length, None)]) {
        let mut engine = Engine::new(Arc::new(Strategy::load("hot.yaml", text).unwrap()), NoCold, Position::START);
        let mut tables = Tables::default();
        let mut apply = |n: i64, stage: Stage| {
            let touchpoint =
                Touchpoint { cycle_id: cycle_id.map(Into::into), ..contact(n, n * 7_919 % length, stage, Outcome::Met) };
            engine.apply("bot", &touchpoint, Timestamp::from_millis(START), n, &mut tables).unwrap()
        };
        for (stage, expected) in [
            (Stage::Fulfilment, Verdict::Folded),
            (Stage::Fulfilment, Verdict::Duplicate),
            (Stage::Verification, Verdict::Conflicting),
        ] {
            (0..length).for_each(|n| assert_eq!(apply(n, stage), expected, "{n} of {length}"));
        }
    }
}
