//! Promise: on two real logs, motmot counts what was counted independently of it (`reference.py` beside each log).
//!
//! The logs lie in `MOTMOT_DATA` (default: `../shared/data` from the project's root) and are not part of the project. Without them these
//! tests skip, in words; in CI they fail.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use motmot_archive::import::import;
use motmot_archive::{FileFormat, FileSink, Mapping, ReplayOptions, Source, Summary, TouchpointSink, Until, key_of, replay};
use motmot_core::engine::BoxError;
use motmot_core::{Strategy, Timestamp, Touchpoint};
use motmot_wire::Arrived;
use motmot_wire::json::write_json_line;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of a log that end so, sorted by name; none if the logs are not there.
fn log(name: &str, ending: &str) -> Option<Vec<PathBuf>> {
    let data = std::env::var_os("MOTMOT_DATA").map_or_else(|| "../shared/data".into(), PathBuf::from);
    let folder = root().join(data).join(name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map(|entries| {
            entries.map(|entry| entry.unwrap().path()).filter(|path| path.to_string_lossy().ends_with(ending)).collect()
        })
        .unwrap_or_default();
    files.sort();
    if files.is_empty() {
        assert!(
            std::env::var_os("CI").is_none(),
            "no log in {}: CI must have it, let MOTMOT_DATA name its folder",
            folder.display()
        );
        eprintln!("skipped: there is no log in {}; let MOTMOT_DATA name the folder that has it", folder.display());
        return None;
    }
    Some(files)
}

fn example(name: &str) -> (Arc<Strategy>, Arc<Mapping>) {
    example_with(name, "strategy.yaml")
}

fn example_with(name: &str, strategy: &str) -> (Arc<Strategy>, Arc<Mapping>) {
    let read = |file: &str| {
        let path = root().join("examples").join(name).join(file);
        (path.display().to_string(), std::fs::read_to_string(path).unwrap())
    };
    let (path, text) = read(strategy);
    let strategy = Strategy::load(&path, &text).unwrap_or_else(|problems| panic!("{problems}"));
    let (path, text) = read("mapping.yaml");
    let mapping = Mapping::load(&path, &text).unwrap_or_else(|problems| panic!("{problems}"));
    (Arc::new(strategy), Arc::new(mapping))
}

fn run(name: &str, files: &[PathBuf], is_mapped: bool, options: &ReplayOptions) -> Summary {
    run_with(name, "strategy.yaml", files, is_mapped, options)
}

fn run_with(name: &str, strategy: &str, files: &[PathBuf], is_mapped: bool, options: &ReplayOptions) -> Summary {
    let (strategy, mapping) = example_with(name, strategy);
    let source = Source { files: files.to_vec(), mapping: is_mapped.then_some(mapping) };
    let summary = replay(&source, &strategy, options, &|_| {}).unwrap_or_else(|e| panic!("{e}")).summary;
    assert!(summary.input.balances(), "{:?}", summary.input);
    summary
}

fn flagged(summary: &Summary, rule: &str) -> u64 {
    let counts = summary.moments.iter().find(|(id, _)| id == rule).map(|(_, counts)| counts.flagged());
    counts.unwrap_or_else(|| panic!("the strategy has no rule {rule}"))
}

/// A number of `reference.txt`; of the table by month, the column's.
fn reference(name: &str, files: &[PathBuf], key: &str) -> u64 {
    let text = std::fs::read_to_string(files[0].with_file_name("reference.txt")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key).and_then(|rest| rest.strip_prefix('\t')));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{name}: the reference has no number {key}"))
}

#[test]
fn a_bank_on_the_telephone() {
    let Some(files) = log("anonymous-bank", ".tsv.gz") else { return };
    let found = run("anonymous-bank", &files, true, &ReplayOptions::default());
    let of = |key| reference("anonymous-bank", &files, key);
    assert_eq!((found.input.rows, found.input.ignored_rows, found.input.dead_rows), (of("rows"), of("rows_phantom"), 0));
    assert_eq!((found.input.touchpoints, found.input.folded), (of("events total"), of("events total")));
    assert_eq!((found.cycles.total, found.cycles.open), (of("cycles"), 0));
    assert_eq!((found.cycles.farewell, found.cycles.abandoned), (of("served"), of("abandoned_total")));
    for (rule, key) in [
        ("wait-60", "wait_gt_60s"),
        ("wait-120", "wait_gt_120s"),
        ("abandoned-in-queue", "abandoned_in_queue"),
        ("abandoned-in-vru", "abandoned_in_vru"),
        ("short-service", "served_short_lt10s"),
        ("agent-unknown", "served_no_agent"),
        ("unverified", "served"),
        ("repeat-1h", "repeat_1h"),
        ("repeat-24h", "repeat_24h"),
        ("repeat-7d", "repeat_7d"),
    ] {
        assert_eq!(flagged(&found, rule), of(key), "{rule}");
    }
    // The reference's numbers of the months that the project was built with, so that the test cannot follow a wrong reference.
    if files.len() == 3 {
        assert_eq!((found.cycles.total, found.cycles.farewell, found.cycles.abandoned), (102_819, 82_069, 20_750));
        let rules = ["wait-60", "wait-120", "abandoned-in-queue", "abandoned-in-vru", "short-service"];
        assert_eq!(rules.map(|rule| flagged(&found, rule)), [30_038, 16_173, 15_668, 5_082, 5_361]);
        let repeated = ["repeat-1h", "repeat-24h", "repeat-7d"];
        assert_eq!(repeated.map(|rule| flagged(&found, rule)), [10_246, 23_321, 33_626]);
    }
}

#[test]
fn a_help_desk() {
    let Some(files) = log("helpdesk", ".csv.gz") else { return };
    let found = run("helpdesk", &files, true, &ReplayOptions::default());
    let of = |key| reference("helpdesk", &files, key);
    assert_eq!((found.input.rows, found.input.touchpoints, found.input.dead_rows), (of("rows"), of("rows"), 0));
    assert_eq!((found.input.duplicate, found.input.conflicting, found.input.late), (of("exact_duplicate_rows"), 0, 0));
    assert_eq!((found.cycles.total, found.cycles.farewell), (of("cycles"), of("cycles_ever_closed")));
    // 2,329 were answered late and 295 never.
    assert_eq!(flagged(&found, "first-answer-4h"), of("first_take_in_charge_gt_4h") + 295);
    assert_eq!(found.cycles.total, 4_580);
    assert_eq!(flagged(&found, "first-answer-4h"), 2_624);
    let states = found.moments.iter().find(|(rule, _)| rule == "first-answer-4h").map(|(_, states)| states).unwrap();
    assert_eq!((states.recovered, states.open + states.expired), (2_329, 295));
}

#[test]
fn tickets_that_come_back() {
    let Some(files) = log("helpdesk", ".csv.gz") else { return };
    let found = run_with("helpdesk", "returns.yaml", &files, true, &ReplayOptions::default());
    let of = |key| reference("helpdesk", &files, key);
    assert_eq!((found.input.late, found.cycles.total), (0, of("cycles")));
    assert_eq!((flagged(&found, "reopened"), flagged(&found, "repeat-7d")), (of("reopened"), of("repeat_7d")));
    assert_eq!(["reopened", "came-back", "repeat-7d"].map(|rule| flagged(&found, rule)), [154, 4, 1_519]);
}

/// Takes all touchpoints, as lines of a file.
#[derive(Default)]
struct Lines(Vec<(Timestamp, Vec<u8>)>);

impl TouchpointSink for Lines {
    fn touchpoint(&mut self, key: &str, touchpoint: &Touchpoint<'_>, arrived_at: Timestamp) -> Result<(), BoxError> {
        assert_eq!(key, key_of(touchpoint), "the example's mapping keeps the key in the touchpoint");
        let mut line = Vec::new();
        write_json_line(&Arrived { arrived_at: Some(arrived_at), touchpoint: touchpoint.clone() }, &mut line)?;
        self.0.push((arrived_at, line));
        Ok(())
    }
}

/// A number that looks random and is the same in every run.
fn scatter(number: usize) -> i64 {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    i64::try_from(mixed >> 40).unwrap()
}

/// The touchpoints of a log, arriving up to `delay_ms` later than they did, every third one twice, in two files.
fn scattered(lines: &[(Timestamp, Vec<u8>)], delay_ms: i64, folder: &Path) -> Vec<PathBuf> {
    let mut files = [Vec::new(), Vec::new()];
    for (number, (arrived_at, line)) in lines.iter().enumerate() {
        let text = std::str::from_utf8(line).unwrap();
        let later = arrived_at.plus(scatter(number) % (delay_ms + 1));
        let text = text.replacen(&format!("\"arrived_at\":\"{arrived_at}\""), &format!("\"arrived_at\":\"{later}\""), 1);
        for _ in 0..if number.is_multiple_of(3) { 2 } else { 1 } {
            files[number % 2].extend_from_slice(text.as_bytes());
        }
    }
    let paths = ["odd.jsonl", "even.jsonl"].map(|name| folder.join(name));
    for (path, bytes) in paths.iter().zip(files) {
        std::fs::write(path, bytes).unwrap();
    }
    paths.to_vec()
}

fn check_scattered(name: &str, files: &[PathBuf], delay_ms: i64) {
    let (_, mapping) = example(name);
    let mut lines = Lines::default();
    let source = Source { files: files.to_vec(), mapping: Some(mapping) };
    import(&source, &mut lines, 64 << 20, &|_| {}).unwrap();
    let dir = tempfile::tempdir().unwrap();
    // One clock for all of them: an hour after the last record of any.
    let last = lines.0.iter().map(|(at, _)| *at).max().unwrap();
    let until = Until::Instant(last.plus(delay_ms + 3_600_000));
    let options = |threads, memory| ReplayOptions { until, threads, memory, ..ReplayOptions::default() };
    let expected = run(name, files, true, &options(1, 1 << 30));
    let other = scattered(&lines.0, delay_ms, dir.path());
    for (threads, memory) in [(1, 1 << 30), (3, 1 << 20)] {
        let found = run(name, &other, false, &options(threads, memory));
        assert_eq!(found.input.late, 0, "within grace nothing is late");
        assert_eq!((&found.digest, found.cycles), (&expected.digest, expected.cycles));
        assert_eq!(found.moments, expected.moments);
        let again = lines.0.len().div_ceil(3) as u64;
        assert_eq!(found.input.duplicate, expected.input.duplicate + (found.input.touchpoints - expected.input.touchpoints));
        assert_eq!(found.input.touchpoints, expected.input.touchpoints + again);
    }
}

#[test]
fn order_duplicates_threads_and_files_do_not_show() {
    let Some(files) = log("anonymous-bank", ".tsv.gz") else { return };
    // One month, and a delay of up to the strategy's grace: 5 minutes.
    check_scattered("anonymous-bank", &files[..1], 5 * 60_000);
    let Some(files) = log("helpdesk", ".csv.gz") else { return };
    check_scattered("helpdesk", &files, 3 * 3_600_000);
}

#[test]
fn a_log_that_was_imported_gives_the_same() {
    let Some(files) = log("anonymous-bank", ".tsv.gz") else { return };
    let (_, mapping) = example("anonymous-bank");
    let expected = run("anonymous-bank", &files[..1], true, &ReplayOptions::default());
    let dir = tempfile::tempdir().unwrap();
    for (name, format) in [("log.jsonl.gz", FileFormat::JsonLinesGzip), ("log.avro", FileFormat::AvroDeflate)] {
        let path = dir.path().join(name);
        let source = Source { files: files[..1].to_vec(), mapping: Some(Arc::clone(&mapping)) };
        import(&source, &mut FileSink::create(path.clone(), format).unwrap(), 64 << 20, &|_| {}).unwrap();
        let found = run("anonymous-bank", &[path], false, &ReplayOptions::default());
        assert_eq!(
            (found.cycles, found.moments, found.digest),
            (expected.cycles, expected.moments.clone(), expected.digest.clone()),
            "{name}"
        );
    }
}
