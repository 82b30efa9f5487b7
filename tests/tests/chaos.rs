//! Promise: whatever is killed, frozen, restarted or swapped, nothing is lost, nothing is told twice, and what is told is what one fold of
//! the log tells. A minute of it; `make chaos` does it for as long as one likes.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use std::time::Duration;

use motmot_tests::chaos::deck::Fault;
use motmot_tests::chaos::run::{Options, run};
use motmot_tests::chaos::verify::tamper::{Change, tampered};
use motmot_tests::chaos::verify::{Output, verify};
use motmot_tests::service::Dice;

#[test]
fn a_fault_of_each_kind_and_a_verifier_that_sees_one_changed_record() {
    let options = Options {
        seed: 5,
        // It ends when one of each has been: on a busy machine, brokers take their time to be whole again before the next is lost.
        faults: Duration::from_secs(600),
        round: Duration::from_secs(600),
        one_of_each: true,
        cycles_a_second: 30,
    };
    let dir = tempfile::tempdir().unwrap();
    let Some(outcome) = run(options, dir.path()) else { return };
    assert!(outcome.faults.is_empty(), "seed {}: {:#?}", options.seed, outcome.faults);
    let missing: Vec<_> =
        Fault::DECK.iter().map(|(fault, _)| fault.name()).filter(|name| !outcome.counts.contains_key(*name)).collect();
    assert!(missing.is_empty(), "the time was too short for: {missing:?}; {:?}", outcome.counts);
    let summary = &outcome.summary;
    assert!(summary.records > 5_000 && summary.held > 2_000 && summary.dead > 10, "too little happened: {summary}");

    let mut dice = Dice::new(options.seed);
    for output in Output::ALL {
        for change in Change::ALL {
            let (tampered, what) = tampered(&outcome.observed, output, change, &mut dice);
            assert!(!verify(&tampered).is_empty(), "the verifier did not see it: {what}");
        }
    }
}
