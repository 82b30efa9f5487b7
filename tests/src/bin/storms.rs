//! Storms as large as one likes: `MOTMOT_TEST_KAFKA=… storms [PERCENT] [NAME]`: so many hundredths of the sizes that motmot is to bear, all storms
//! or one of them.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, reason = "a tool for engineers")]

use std::time::Duration;

use motmot_tests::kafka;
use motmot_tests::storms::{Storm, Weather, run};

fn main() {
    let Some(broker) = kafka::broker("storms") else { return };
    let mut arguments = std::env::args().skip(1);
    let percent: usize = arguments.next().map_or(100, |percent| percent.parse().expect("a whole number of hundredths"));
    let name = arguments.next().unwrap_or_default();
    let of = |size: usize| size * percent / 100;
    let limit = Duration::from_secs(60);
    for (storm, rate) in [
        (Storm::Customer(of(1_000_000)), 5_000),
        (Storm::Assembled(of(1_000_000)), 2_000),
        (Storm::Cycle(of(1_000_000)), 20_000),
        (Storm::Late(of(10_000)), 100_000),
        (Storm::Deadlines(of(200_000), 1_000), 100_000),
        (Storm::Deadlines(of(200_000), 1), 100_000),
        (Storm::Large(of(3_000)), 100_000),
        (Storm::Dead(of(5_000)), 100_000),
    ] {
        if !format!("{storm:?}").to_lowercase().starts_with(&name.to_lowercase()) {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let measured = run(&broker, dir.path(), Weather { storm, rate, limit });
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        println!(
            "{storm:?}: {} records, at most {rate}/s, {:.1} s; RSS {:.0} MB, grew by {:.0} MB; others' record to flag p50 {:?}, p99 {:?}, worst {:?} of {}; \
             {:?}, {} rows truncated",
            measured.records,
            measured.wall.as_secs_f64(),
            megabytes(measured.rss.0),
            megabytes(measured.growth()),
            measured.percentile(50),
            measured.percentile(99),
            measured.percentile(100),
            measured.flags.len(),
            measured.outcomes,
            measured.truncated,
        );
    }
}
