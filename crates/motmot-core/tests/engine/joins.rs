//! Cycles that are joined and come apart between two commits: a reader of the topics must not see the way there.

use std::sync::Arc;

use motmot_core::engine::{NoCold, Position};
use motmot_core::strategy::Strategy;
use motmot_core::touchpoint::{Outcome, Stage};
use motmot_core::{Engine, Timestamp, Verdict};

use crate::support::script::blank;
use crate::support::tables::Tables;

const START: i64 = 1_772_000_000_000;
const STRATEGY: &str = "strategy: joins\ncycles: [{inactivity: 30m, grace: 20m}]\nrules:\n  \
    - {id: unmet, kind: unmet, open_for: 2h, dimension: reliability}\n";

/// The rows that a reader has heard of after these batches of (minute, stage, outcome), a transaction each.
fn told(batches: &[&[(i64, Stage, Outcome)]]) -> Vec<Tables> {
    let mut engine = Engine::new(Arc::new(Strategy::load("joins.yaml", STRATEGY).unwrap()), NoCold, Position::START);
    let arrived = Timestamp::from_millis(START + 45 * 60_000);
    let tell = |batch: &&[(i64, Stage, Outcome)]| {
        let mut tables = Tables::default();
        for (minute, stage, outcome) in *batch {
            let touchpoint = blank(format!("e{minute}"), START + minute * 60_000, *stage, *outcome, None);
            assert_eq!(engine.apply("anna", &touchpoint, arrived, 0, &mut tables).unwrap(), Verdict::Folded);
        }
        assert!(engine.advance(arrived, usize::MAX, &mut tables).unwrap());
        tables
    };
    batches.iter().map(tell).collect()
}

const TWO_CYCLES: &[(i64, Stage, Outcome)] = &[(0, Stage::Greeting, Outcome::Met), (40, Stage::Greeting, Outcome::Unmet)];
const JOINED: (i64, Stage, Outcome) = (20, Stage::NeedDetection, Outcome::Met);
const APART: (i64, Stage, Outcome) = (30, Stage::Farewell, Outcome::Met);

#[test]
fn joined_and_apart_in_one_transaction_was_never_joined() {
    let told = told(&[TWO_CYCLES, &[JOINED, APART]]);
    assert_eq!(told[0].cycles.keys().map(|(_, id)| id.as_str()).collect::<Vec<_>>(), ["anna@e40"]);
    assert_eq!(told[1].told, Vec::<String>::new(), "the second cycle is as it was, and of the first there is nothing to tell");
}

#[test]
fn joined_and_apart_in_two_transactions_is_told_each_time() {
    let told = told(&[TWO_CYCLES, &[JOINED], &[APART]]);
    let key = ("anna".to_owned(), "anna@e40".to_owned());
    assert_eq!(told[1].merged.get(&key).map(String::as_str), Some("anna@e0"));
    assert!(told[2].cycles.contains_key(&key), "{:?}", told[2].told);
}
