//! A replay finds the same whatever way its records take: order of the file, threads, memory, form of the file; and it
//! accounts for everything that came in.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use motmot_archive::import::import;
use motmot_archive::{
    FileFormat, FileSink, Folder, Mapping, ReplayOptions, Replayed, Source, Swap, SwapPoint, Until, gather, replay,
};
use motmot_core::{Strategy, Timestamp};

const STRATEGY: &str = "
strategy: shop
segments: [vip, regular]
cycles: [{inactivity: 1h, grace: 10m}]
rules:
  - {id: slow, kind: slow, from: {stage: greeting}, to: {stage: fulfilment}, limit: 5m, dimension: responsiveness, open_for: 1h}
  - {id: gone, kind: abandoned, dimension: reliability}
  - {id: never, kind: lacking, where: {stage: verification}, demands: [named], dimension: empathy}
";

const MAPPING: &str = "
mapping: shop
format: {kind: csv}
key: \"{who}\"
cycle_id: \"{visit}\"
touchpoints:
  - {slot: step, at: {instant: \"{at}\", format: epoch_s}, stage: \"{stage}\", outcome: met, channel: counter, site: here, customer_id: \"{who}\"}
";

fn strategy() -> Arc<Strategy> {
    Arc::new(Strategy::load("s.yaml", STRATEGY).unwrap_or_else(|problems| panic!("{problems}")))
}

fn source(files: Vec<PathBuf>) -> Source {
    Source { files, mapping: Some(Arc::new(Mapping::load("m.yaml", MAPPING).unwrap())) }
}

/// Visits of 40 customers: every fifth is never served, every third waits too long, every seventh says no farewell.
fn rows() -> Vec<String> {
    let mut rows = Vec::new();
    for visit in 0..200_i64 {
        let (who, start) = (visit % 40, visit * 60);
        let mut step = |stage, at: i64| rows.push(format!("v{visit},c{who},{},{stage}", start + at));
        step("greeting", 0);
        if visit % 5 != 0 {
            step("fulfilment", if visit % 3 == 0 { 301 } else { 300 });
        }
        if visit % 7 != 0 {
            step("farewell", 400);
        }
    }
    rows
}

fn file(dir: &Path, name: &str, rows: &[String]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, format!("visit,who,at,stage\n{}\n", rows.join("\n"))).unwrap();
    path
}

fn run(source: &Source, options: &ReplayOptions) -> Replayed {
    let replayed = replay(source, &strategy(), options, &|_| {}).unwrap_or_else(|e| panic!("{e}"));
    assert!(replayed.summary.input.balances(), "{:?}", replayed.summary.input);
    replayed
}

#[test]
fn the_numbers_are_those_of_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    let source = source(vec![file(dir.path(), "a.csv", &rows())]);
    let found = run(&source, &ReplayOptions { until: Until::End, ..ReplayOptions::default() }).summary;
    let json = serde_json::to_value(&found).unwrap();
    let (served, farewells) = ((0..200).filter(|v| v % 5 != 0).count(), (0..200).filter(|v| v % 7 != 0).count());
    assert_eq!(json["input"]["rows"], rows().len());
    assert_eq!(json["input"]["folded"], 200 + served + farewells);
    let cycles = serde_json::json!({"total": 200, "open": 0, "farewell": farewells, "abandoned": 200 - farewells, "outside_customer_file": 0});
    assert_eq!(json["cycles"], cycles);
    let late = (0..200).filter(|v| v % 5 != 0 && v % 3 == 0).count();
    let never = 200 - served;
    assert_eq!(json["moments"]["slow"], serde_json::json!({"open": 0, "recovered": late, "expired": never}));
    assert_eq!(json["moments"]["gone"]["expired"], 200 - farewells);
    assert_eq!(
        json["moments"]["never"],
        serde_json::json!({"open": 0, "recovered": 0, "expired": 0}),
        "a rule without moments is listed"
    );
}

#[test]
fn the_way_does_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    let rows = rows();
    let options = |threads, memory| ReplayOptions { threads, memory, ..ReplayOptions::default() };
    let plain = source(vec![file(dir.path(), "a.csv", &rows)]);
    let expected = run(&plain, &options(1, 1 << 30)).summary;
    assert_eq!(run(&plain, &options(3, 1 << 30)).summary, expected, "threads");
    assert_eq!(run(&plain, &options(2, 0)).summary, expected, "everything through temporary files");

    // The rows' numbers are part of the touchpoints, but only order those of one instant, which no cycle here has two of.
    let mut turned = rows.clone();
    turned.reverse();
    let turned = source(vec![file(dir.path(), "turned.csv", &turned)]);
    assert_eq!(run(&turned, &options(2, 1 << 30)).summary, expected, "order");

    for (name, format) in [
        ("a.jsonl", FileFormat::JsonLines),
        ("a.jsonl.gz", FileFormat::JsonLinesGzip),
        ("a.avro", FileFormat::Avro),
        ("b.avro", FileFormat::AvroDeflate),
    ] {
        let path = dir.path().join(name);
        let mut sink = FileSink::create(path.clone(), format).unwrap();
        let imported = import(&plain, &mut sink, 0, &|_| {}).unwrap();
        assert_eq!(imported.counts.touchpoints, expected.input.touchpoints);
        let own = Source { files: vec![path], mapping: None };
        assert_eq!(run(&own, &options(2, 1 << 30)).summary, expected, "{name}");
    }
}

#[test]
fn what_comes_twice_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "a.csv", &rows());
    let once = run(&source(vec![path.clone()]), &ReplayOptions::default()).summary;
    let twice = run(&source(vec![path.clone(), path]), &ReplayOptions::default()).summary;
    assert_eq!(twice.input.duplicate, once.input.folded);
    assert_eq!((twice.cycles, twice.moments, twice.digest), (once.cycles, once.moments, once.digest));
}

#[test]
fn one_folder_finds_what_many_find() {
    let dir = tempfile::tempdir().unwrap();
    let plain = source(vec![file(dir.path(), "a.csv", &rows())]);
    let expected = run(&plain, &ReplayOptions::default()).summary;
    // as a replay of a topic does it: records in the order of the log, one folder a partition
    let lines = dir.path().join("a.jsonl");
    import(&plain, &mut FileSink::create(lines.clone(), FileFormat::JsonLines).unwrap(), 1 << 30, &|_| {}).unwrap();
    let mut folder = Folder::new(strategy(), false).unwrap();
    for (offset, line) in std::fs::read_to_string(lines).unwrap().lines().enumerate() {
        let arrived = motmot_wire::json::parse_json_line(line.as_bytes()).unwrap();
        let key = arrived.touchpoint.customer_id.as_deref().unwrap();
        folder.fold(key, &arrived.touchpoint, arrived.instant(), i64::try_from(offset).unwrap()).unwrap();
    }
    folder.dead("not_avro", Timestamp::MIN, 1_000_000).unwrap();
    let now = folder.latest().unwrap();
    let read = motmot_archive::summary::InputCounts { rows: expected.input.rows, ..Default::default() };
    let mut found =
        gather(&motmot_archive::Schedule::of(strategy()).rules(), vec![folder.finish(now).unwrap()], read, None).unwrap();
    assert_eq!(found.input.dead.remove("not_avro"), Some(1));
    found.input.touchpoints -= 1;
    assert_eq!(found, expected);
}

#[test]
fn a_swap_at_an_instant_is_the_same_however_the_source_is_split() {
    let dir = tempfile::tempdir().unwrap();
    let source = source(vec![file(dir.path(), "calls.csv", &rows())]);
    let stricter = STRATEGY.replace("limit: 5m", "limit: 4m");
    let stricter = Arc::new(Strategy::load("t.yaml", &stricter).unwrap());
    let swaps = |at: i64| {
        let at = SwapPoint::Instant(Timestamp::from_millis(at * 1_000));
        vec![Swap { at, strategy: Arc::clone(&stricter) }]
    };
    let run = |swaps, threads| {
        let options = ReplayOptions { until: Until::End, threads, swaps, ..ReplayOptions::default() };
        replay(&source, &strategy(), &options, &|_| {}).unwrap().summary
    };
    let slow = |summary: &motmot_archive::Summary| summary.moments[0].1.flagged();
    let (before, within, after) = (run(swaps(-1), 1), run(swaps(6_000), 1), run(swaps(1_000_000), 1));
    assert_eq!(within, run(swaps(6_000), 7));
    assert_eq!(after.digest, run(Vec::new(), 2).digest, "nothing was left to be judged anew");
    assert!(slow(&before) > slow(&within) && slow(&within) > slow(&after), "{before:?} {within:?} {after:?}");
}

#[test]
fn the_clock_at_the_end_is_a_choice() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "a.csv", &["v1,anna,1000,greeting".to_owned()]);
    let open = |until| {
        let replayed = run(&source(vec![path.clone()]), &ReplayOptions { until, ..ReplayOptions::default() });
        let slow = replayed.summary.moments.iter().find(|(rule, _)| rule == "slow").map(|(_, counts)| *counts).unwrap();
        (replayed.now.unwrap(), replayed.summary.cycles.open, slow.open, slow.expired)
    };
    let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
    assert_eq!(open(Until::LastArrival), (at(1_000), 1, 0, 0));
    assert_eq!(open(Until::Instant(at(0))).0, at(1_000), "never before the last arrival");
    assert_eq!(open(Until::Instant(at(1_301))), (at(1_301), 1, 1, 0));
    let (_, open_cycles, raised, expired) = open(Until::End);
    assert_eq!((open_cycles, raised, expired), (0, 0, 1));
}

#[test]
fn out_holds_the_last_row_of_every_key_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let plain = source(vec![file(dir.path(), "a.csv", &rows())]);
    let read = |threads: usize| {
        let out = dir.path().join(format!("out-{threads}"));
        let found =
            run(&plain, &ReplayOptions { out: Some(out.clone()), threads, until: Until::End, ..ReplayOptions::default() })
                .summary;
        (["cycles.jsonl", "moments.jsonl", "dead_rows.jsonl"].map(|name| std::fs::read_to_string(out.join(name)).unwrap()), found)
    };
    let ([cycles, moments, dead], found) = read(1);
    assert_eq!(read(3), ([cycles.clone(), moments.clone(), dead.clone()], found.clone()), "threads do not show");
    let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let ids: Vec<String> = moments.lines().map(|line| value(line)["moment_id"].as_str().unwrap().to_owned()).collect();
    assert!(ids.is_sorted());
    let flagged: u64 = found.moments.iter().map(|(_, counts)| counts.flagged()).sum();
    assert_eq!(ids.len() as u64, flagged);
    assert!(!moments.contains("\"retracted\""));
    assert!(cycles.lines().all(|line| value(line)["final"] == true));
    assert_eq!(cycles.lines().count() as u64, found.cycles.total);
    assert_eq!(dead, "");
}

#[test]
fn what_is_dead_is_counted_and_listed() {
    let dir = tempfile::tempdir().unwrap();
    let mapped =
        file(dir.path(), "a.csv", &["v1,anna,1000,greeting".into(), "v1,anna,soon,farewell".into(), "v1,anna,1100,shout".into()]);
    let lines = dir.path().join("b.jsonl");
    let good = r#"{"event_id":"e1","occurred_at":"2026-03-01T10:00:00Z","customer_id":"c","stage":"greeting","channel":"c","site":"s","outcome":"met"}"#;
    let early = good.replace("e1", "e2").replace("\"stage\"", "\"arrived_at\":\"2026-03-01T08:00:00Z\",\"stage\"");
    let keyless = good.replace("\"customer_id\":\"c\",", "");
    std::fs::write(&lines, format!("{good}\nnonsense\n\n{early}\n{keyless}")).unwrap();
    let out = dir.path().join("out");
    let replayed =
        run(&source(vec![mapped, lines.clone()]), &ReplayOptions { out: Some(out.clone()), ..ReplayOptions::default() });
    let input = &replayed.summary.input;
    assert_eq!((input.rows, input.dead_rows, input.touchpoints, input.folded), (7, 2, 5, 2));
    let reasons: Vec<_> = input.dead.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
    assert_eq!(reasons, [("malformed", 1), ("no_key", 1), ("too_far_ahead", 1)]);
    let listed: Vec<_> = replayed.dead.listed().map(|row| (row.line, row.reason.clone())).collect();
    let begins = [(3, "step: `soon`"), (4, "step: `shout`"), (2, "column 2"), (5, "it has neither customer_id nor cycle_id")];
    assert_eq!(listed.len(), begins.len(), "{listed:?}");
    for ((line, reason), (expected_line, begin)) in listed.iter().zip(begins) {
        assert!(*line == expected_line && reason.starts_with(begin), "{listed:?}");
    }
    assert_eq!(std::fs::read_to_string(out.join("dead_rows.jsonl")).unwrap().lines().count(), 4);
    let table = replayed.summary.table();
    assert!(table.lines().any(|line| line.split_whitespace().eq(["dead", "1", "too_far_ahead"])), "{table}");
}

#[test]
fn a_file_that_is_nothing_known_asks_for_a_mapping() {
    let dir = tempfile::tempdir().unwrap();
    let files = vec![file(dir.path(), "a.csv", &rows())];
    let error = replay(&Source { files, mapping: None }, &strategy(), &ReplayOptions::default(), &|_| {}).unwrap_err();
    assert!(error.to_string().contains("name the mapping with --mapping"), "{error}");
}

#[test]
fn an_empty_source_gives_empty_tables() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty.jsonl");
    std::fs::write(&path, "").unwrap();
    let replayed = run(&Source { files: vec![path], mapping: None }, &ReplayOptions::default());
    assert_eq!((replayed.now, replayed.summary.cycles.total, replayed.summary.digest.as_str()), (None, 0, "0000000000000000"));
    assert_eq!(replayed.summary.moments.len(), 3);
}
