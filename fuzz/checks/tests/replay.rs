//! The corpus, and every crash that was ever found, through each target's function: what was mended stays mended.

#![allow(clippy::unwrap_used)] // a test that panics has failed, as it should

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use motmot_core::touchpoint::{Outcome, Stage};
use motmot_core::{Timestamp, Touchpoint};
use motmot_fuzz_checks::seeds::{self, Seed};
use motmot_fuzz_checks::{Allowance, TARGETS, bent, damaged};

/// The corpus is for the repository to carry: few inputs that reach far.
const MOST_BYTES: u64 = 520_000;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn function(target: &str) -> fn(&[u8]) -> bool {
    TARGETS.into_iter().find(|(name, _)| *name == target).unwrap().1
}

#[test]
fn corpus_and_crashes_hold() {
    for (target, holds) in TARGETS {
        for folder in ["corpus", "crashes"] {
            for file in files(&fuzz().join(folder).join(target)) {
                println!("{}", file.display()); // the last one is the culprit
                holds(&std::fs::read(file).unwrap());
            }
        }
    }
}

#[test]
fn every_target_reads_its_seeds_and_refuses_what_is_cut_off() {
    let mut without: BTreeSet<&str> = TARGETS.into_iter().map(|(target, _)| target).collect();
    for seed in seeds::all().unwrap() {
        let holds = function(seed.target);
        println!("{} {}", seed.target, seed.name);
        assert!(holds(&seed.bytes), "nothing of it is read: the target or its seed is stale");
        assert!(!holds(&[]), "nothing is not something");
        without.remove(seed.target);
    }
    assert!(without.is_empty(), "no seed for {without:?}");
}

#[test]
fn what_is_unusual_is_read_or_refused_with_its_place() {
    let mut read_and_refused: BTreeMap<(&str, &str), [usize; 2]> = BTreeMap::new();
    let mut holds = |how: &'static str, seed: &Seed, number: usize, input: &[u8]| {
        println!("{how} {} {} {number}", seed.target, seed.name); // the last one is the culprit; `fuzz/run` writes them to its folder of seeds
        let [read, refused] = read_and_refused.entry((how, seed.target)).or_default();
        *(if function(seed.target)(input) { read } else { refused }) += 1;
    };
    for seed in seeds::all().unwrap() {
        // Of 25 or 56 ways at each place every ninth, of 24 or 46 every 61st: all places, or all ways. The fuzzer is given all of them.
        bent(&seed).iter().enumerate().step_by(9).for_each(|(number, input)| holds("bent", &seed, number, input));
        damaged(&seed).iter().enumerate().step_by(61).for_each(|(number, input)| holds("damaged", &seed, number, input));
    }
    // Files take long, and are refused for their values as records are.
    let files = |number: usize, seed: &Seed| seed.target != "avro_file" || number.is_multiple_of(9);
    for (_, seed) in seeds::at_bounds().unwrap().into_iter().enumerate().filter(|(number, seed)| files(*number, seed)) {
        holds("at bounds", &seed, 0, &seed.bytes);
    }
    let of = |how| read_and_refused.keys().filter(move |(is, _)| *is == how).map(|(_, target)| *target).collect::<Vec<_>>();
    assert_eq!(of("bent"), ["avro_file", "json_line", "manifest", "mapping", "strategy", "swap_record", "writer_schema"]);
    assert_eq!(of("damaged"), ["avro_file", "mapping", "record", "strategy"]);
    assert_eq!(of("at bounds"), ["avro_file", "json_line", "mapping", "record", "stored_touchpoint"]);
    for ((how, target), counts) in &read_and_refused {
        // Rows are the engine's own, and not looked at again.
        let is_refused = (*how, *target) != ("at bounds", "stored_touchpoint");
        assert!(counts[0] > 2 && (counts[1] > 2) == is_refused, "{how} {target}: {counts:?}");
    }
}

#[test]
fn the_lists_of_targets_agree_and_the_corpus_is_small() {
    let names: Vec<String> = TARGETS.into_iter().map(|(name, _)| format!("{name}.rs")).collect();
    let found: Vec<String> =
        files(&fuzz().join("fuzz_targets")).iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, found);
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let mut bytes = 0;
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not built");
        let corpus = files(&fuzz().join("corpus").join(name));
        bytes += corpus.iter().map(|file| file.metadata().unwrap().len()).sum::<u64>();
    }
    assert!(bytes <= MOST_BYTES, "the corpus has {bytes} bytes: `fuzz/run keep all` makes it small");
}

/// Each entry is one byte of the record; all of them in memory would be beyond the allowance.
#[test]
fn lists_are_read_no_further_than_they_may_be_long() {
    let mut touchpoint = Touchpoint::new("e", Timestamp::from_millis(0), Stage::Greeting, Outcome::Met, "phone", "north");
    touchpoint.added_value = vec!["".into(); 10_000];
    let mut value = Vec::new();
    motmot_wire::Writer::new().touchpoint(&touchpoint, &mut value).unwrap();
    assert!(!motmot_fuzz_checks::record(&value));
}

#[test]
fn what_a_claimed_length_allocates_is_seen() {
    let allowance = Allowance { a_byte: 10, base: 100 };
    allowance.hold(5, || vec![0_u8; 150]);
    let claimed = std::panic::catch_unwind(|| allowance.hold(5, || vec![0_u8; 151]));
    assert!(claimed.is_err());
}
