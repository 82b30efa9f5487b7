//! Promise: a report on three months of a real call centre agrees with the tables that were counted independently of motmot
//! (`reference.txt` beside the log).
//!
//! The log lies in `MOTMOT_DATA` (default: `../shared/data` from the project's root). Without it this test skips, in words; in CI it fails.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use motmot_archive::report::{Column, Measure, Programme, Question, each_line, row_of};
use motmot_archive::{ArchiveError, Mapping, ReplayOptions, Source, Until, replay};
use motmot_core::Strategy;
use motmot_core::cycle::CycleRecord;
use motmot_tests::process::skip;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn log() -> Option<PathBuf> {
    let data = std::env::var_os("MOTMOT_DATA").map_or_else(|| "../shared/data".into(), PathBuf::from);
    let folder = root().join(data).join("anonymous-bank");
    if folder.join("reference.txt").is_file() {
        return Some(folder);
    }
    skip(&format!("there is no log in {}; let MOTMOT_DATA name the folder that has it", folder.display()));
    None
}

/// A table of the reference: by the first column of each row, the numbers under the head's names.
fn table(reference: &str, heading: &str) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut lines = reference.lines().skip_while(|line| *line != heading).skip(1);
    let names: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let rows = lines.skip(1).take_while(|line| !line.trim().is_empty());
    rows.map(|row| {
        let mut fields = row.split_whitespace();
        let value = fields.next().unwrap().to_owned();
        (value, names.iter().zip(fields).map(|(name, number)| ((*name).to_owned(), number.parse().unwrap())).collect())
    })
    .collect()
}

/// Opportunities and critical of a rule, summed over all groups with a value in a column.
fn of(programme: &Programme, rule: &str, column: usize, value: &str) -> (u64, u64) {
    let groups = programme
        .groups
        .iter()
        .filter(|group| group.values[0].as_deref() == Some(rule) && group.values[column].as_deref() == Some(value));
    groups.fold((0, 0), |(opportunities, critical), group| {
        (opportunities + group.tally.opportunities(), critical + group.tally.critical)
    })
}

#[test]
fn a_banks_months_segments_and_needs_agree_with_the_reference() {
    let Some(folder) = log() else { return };
    let read = |file: &str| std::fs::read_to_string(root().join("examples/anonymous-bank").join(file)).unwrap();
    let strategy =
        Arc::new(Strategy::load("strategy.yaml", &read("strategy.yaml")).unwrap_or_else(|problems| panic!("{problems}")));
    let mapping = Mapping::load("mapping.yaml", &read("mapping.yaml")).unwrap_or_else(|problems| panic!("{problems}"));
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".tsv.gz"));
    files.sort();
    let out = tempfile::tempdir().unwrap();
    let options = ReplayOptions { until: Until::End, out: Some(out.path().to_owned()), ..ReplayOptions::default() };
    replay(&Source { files, mapping: Some(Arc::new(mapping)) }, &strategy, &options, &|_| {}).unwrap_or_else(|e| panic!("{e}"));

    let by = vec![Column::Rule, Column::Month, Column::Segment, Column::Need];
    let mut measure = Measure::new(Question { by, ..Question::default() }, Some(&strategy));
    let path = out.path().join("cycles.jsonl");
    each_line(&path, |line, number| measure.cycle(&row_of::<CycleRecord<'_>>(&path, line, number)?))
        .unwrap_or_else(|e: ArchiveError| panic!("{e}"));
    let programme = measure.finish();

    let reference = std::fs::read_to_string(folder.join("reference.txt")).unwrap();
    let (months, segments, needs) =
        (table(&reference, "# by month"), table(&reference, "# by segment"), table(&reference, "# by type"));
    let total: u64 = months.values().map(|row| row["cycles"]).sum();
    assert_eq!((programme.counts.counted, programme.counts.not_final), (total, 0));
    let as_month = |date: &str| format!("19{}-{}", &date[..2], &date[2..]);
    let tables = [(1, months.iter().map(|(date, row)| (as_month(date), row)).collect::<Vec<_>>())];
    let others = [(2, &segments), (3, &needs)]
        .map(|(column, table)| (column, table.iter().map(|(value, row)| (value.clone(), row)).collect()));
    for (column, rows) in tables.into_iter().chain(others) {
        assert!(rows.len() >= 2, "column {column} of the reference is empty");
        for (value, row) in rows {
            let case = format!("{value}: {row:?}");
            assert_eq!(of(&programme, "wait-60", column, &value), (row["queued"], row["gt60"]), "wait-60 of {case}");
            assert_eq!(of(&programme, "wait-120", column, &value), (row["queued"], row["gt120"]), "wait-120 of {case}");
            assert_eq!(of(&programme, "unverified", column, &value).1, row["served"], "served of {case}");
            let gone: u64 =
                ["abandoned-in-queue", "abandoned-in-vru"].iter().map(|rule| of(&programme, rule, column, &value).1).sum();
            assert_eq!(gone, row["abandoned"], "abandoned of {case}");
        }
    }
}
