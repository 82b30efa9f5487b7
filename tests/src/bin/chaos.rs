//! Chaos for as long as one likes: `chaos MINUTES [SEED] [CYCLES_A_SECOND]`. Ends with 1 at the first difference, and keeps its files then.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for engineers")]

use std::process::ExitCode;
use std::time::Duration;

use motmot_tests::chaos::run::{Options, run};
use motmot_tests::kafka::now_ms;

fn main() -> ExitCode {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|argument| argument.parse().expect("whole numbers")).collect();
    let of = |position: usize| arguments.get(position).copied();
    let seed = of(1).unwrap_or(now_ms().unsigned_abs() % 1_000_000);
    let options = Options {
        seed,
        faults: Duration::from_secs(60 * of(0).unwrap_or(10)),
        round: Duration::from_secs(150),
        one_of_each: false,
        cycles_a_second: i64::try_from(of(2).unwrap_or(60)).unwrap(),
    };
    let mut dir = tempfile::Builder::new().prefix("motmot-chaos-").tempdir().unwrap();
    let Some(outcome) = run(options, dir.path()) else { return ExitCode::FAILURE };
    if outcome.faults.is_empty() {
        println!("seed {seed}: {}; 0 differences", outcome.summary);
        return ExitCode::SUCCESS;
    }
    dir.disable_cleanup(true);
    println!("seed {seed}: {} differences; all files are in {}", outcome.faults.len(), dir.path().display());
    ExitCode::FAILURE
}
