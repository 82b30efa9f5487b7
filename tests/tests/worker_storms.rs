//! Promise: whatever one customer, one cycle or one second has too much of, its partition goes on, all of it is counted, and memory stays bounded.
//! The sizes here are a fraction; `cargo run -p motmot-tests --bin storms` does it whole, and measures what everybody else has of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use motmot_tests::kafka;
use motmot_tests::storms::{Measured, Storm, Weather, run};

const GROWTH: u64 = 200_000_000;
/// One at a time: two storms starve the broker that they share.
static SKY: Mutex<()> = Mutex::new(());

fn weather(test: &str, storm: Storm) -> Option<Measured> {
    let broker = kafka::broker(test)?;
    let _alone = SKY.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let measured = run(&broker, dir.path(), Weather { storm, rate: 20_000, limit: Duration::from_secs(6) });
    assert!(measured.growth() < GROWTH, "{storm:?}: memory grew by {} bytes", measured.growth());
    assert!(measured.flags.len() > 50, "{storm:?}: {} flags of everybody else's", measured.flags.len());
    Some(measured)
}

#[test]
fn a_customer_with_thousands_of_cycles() {
    let Some(measured) = weather("a_customer_with_thousands_of_cycles", Storm::Customer(20_000)) else { return };
    assert!(measured.outcomes["folded"] > 20_000, "{:?}", measured.outcomes);
}

#[test]
fn a_customer_with_thousands_of_contacts_without_an_id() {
    let Some(measured) = weather("a_customer_with_thousands_of_contacts", Storm::Assembled(5_000)) else { return };
    // What waits at a broker that stands still for longer than the grace is late.
    let counted: u64 = ["folded", "overflow", "late"].map(|outcome| measured.outcomes[outcome]).iter().sum();
    assert!(counted > 5_000, "{:?}", measured.outcomes);
}

#[test]
fn a_cycle_with_more_touchpoints_than_it_may_have() {
    let Some(measured) = weather("a_cycle_with_more_touchpoints_than_it_may_have", Storm::Cycle(30_000)) else { return };
    assert_eq!(measured.outcomes["overflow"], 10_000);
}

#[test]
fn thousands_that_come_late_to_one_cycle() {
    let Some(measured) = weather("thousands_that_come_late_to_one_cycle", Storm::Late(4_000)) else { return };
    assert_eq!(measured.outcomes["late"], 2_000);
}

#[test]
fn thousands_of_deadlines_in_one_millisecond() {
    let Some(measured) = weather("thousands_of_deadlines_in_one_millisecond", Storm::Deadlines(20_000, 1)) else { return };
    assert!(measured.outcomes["folded"] > 20_000, "{:?}", measured.outcomes);
}

#[test]
fn a_cycle_whose_row_is_larger_than_a_topic_takes() {
    let Some(measured) = weather("a_cycle_whose_row_is_larger_than_a_topic_takes", Storm::Large(600)) else { return };
    assert!(measured.truncated > 0);
}

#[test]
fn thousands_of_dead_letters_in_a_row() {
    let Some(measured) = weather("thousands_of_dead_letters_in_a_row", Storm::Dead(5_000)) else { return };
    assert_eq!(measured.outcomes["dead"], 5_000);
}
