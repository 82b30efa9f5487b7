//! Seeds, seeds that found something once, and faults that must be found.

use std::cell::Cell;
use std::panic::catch_unwind;
use std::sync::Once;

use super::planted::{Planted, plant};
use super::run::{Outcome, run};

/// Seeds without being asked for more.
const SEEDS: u64 = 100;
/// Within so many seeds a planted fault must be found.
const SEEDS_A_FAULT: u64 = 5_000;

/// Seeds that found something in the real code, and what. They find it again only while the generator is as it was: a change of it makes of each
/// just another seed, and what they found has tests of its own as well, or is among the planted faults.
const FOUND: [(u64, &str); 13] = [
    (1, "a checkpoint had a clock beyond its commit's, and a swap was judged anew at another instant"),
    (20, "records were folded while a swap was told again"),
    (165, "an expelled member committed, for its group was empty"),
    (10080, "a worker that started within a storm of deadlines swapped before it was over"),
    (10779, "a cold cycle came in with its customer, knew nothing of the others, and was struck off untold"),
    (1271, "a shard stood still in its start, another swapped meanwhile, and the log was taken for cut off"),
    (
        72,
        "a store of before a rebuild had seen as many swaps as the commit: the records of swaps were not read, and it was refused",
    ),
    (1179, "an assignment that was answered was put back, and its partition opened twice: the store was locked by its own shard"),
    (200306, "a cycle was told to be part of another, came apart from it, and was told once more in the same transaction"),
    (309643, "after offsets had expired, a store whose clock was ahead of the commit's took for told what nobody had told"),
    (600323, "a cycle was truncated or not, depending on whether it was told before it was joined and came apart"),
    (600157, "after a start in a storm rows were told as of before what a store elsewhere had told"),
    (1303, "a store of before the group's offsets were forgotten: refused, as it should be"),
];

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// Runs a seed, and says how to repeat it if it fails.
fn checked(seed: u64) -> Outcome {
    match catch_unwind(|| run(seed)) {
        Ok(outcome) => outcome,
        Err(panic) => {
            eprintln!(
                "seed {seed} failed. Repeat it: SEED={seed} cargo test -p motmot-stream simulator::tests::seeds -- --nocapture"
            );
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn seeds() {
    if let Some(seed) = variable("SEED") {
        println!("{:?}", checked(seed));
        return;
    }
    let (from, count) = (variable("FROM").unwrap_or(1), variable("SEEDS").unwrap_or(SEEDS));
    let begun = std::time::Instant::now();
    let (mut commits, mut processes, mut restored, mut refused) = (0, 0, 0, 0);
    for seed in from..from + count {
        let outcome = checked(seed);
        commits += outcome.commits;
        processes += outcome.processes;
        restored += outcome.restored;
        refused += u64::from(outcome.is_refused);
    }
    let each = begun.elapsed().as_secs_f64() * 1_000.0 / count as f64;
    println!(
        "{count} seeds from {from}: {commits} commits by {processes} processes, {restored} snapshots restored, {refused} refused; {each:.1} ms a seed"
    );
}

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Whether a seed finds a fault. What it says of it is not heard.
fn finds(seed: u64) -> bool {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                loud(panic);
            }
        }));
    });
    IS_QUIET.set(true);
    let found = catch_unwind(|| run(seed)).is_err();
    IS_QUIET.set(false);
    found
}

#[test]
fn seeds_that_found_something_stay_clean() {
    FOUND.iter().for_each(|(seed, _)| _ = checked(*seed));
}

#[test]
fn every_planted_fault_is_found() {
    let mut wrong = String::new();
    for (fault, known) in Planted::ALL {
        let is_found_by = |seed: &u64| {
            plant(Some(fault));
            let is_found = finds(*seed);
            plant(None);
            // a seed that fails without it says nothing of it
            is_found && !finds(*seed)
        };
        if is_found_by(&known) {
            continue;
        }
        match (1..=SEEDS_A_FAULT).find(is_found_by) {
            Some(seed) => println!("{fault:?} is found by seed {seed} now: said in `Planted::ALL`, it is found sooner"),
            None => wrong.push_str(&format!("{fault:?} is not found in {SEEDS_A_FAULT} seeds\n")),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
