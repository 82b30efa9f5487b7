//! No text, however broken, makes the loader panic, and each refusal says why.
#![allow(missing_docs)]

use motmot_core::Strategy;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const SEED: &str = include_str!("../../../examples/demo/strategy.yaml");

/// Pieces that mean something somewhere in the file.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "\n",
    "  ",
    "'",
    "\"",
    "&a ",
    "*a",
    "!t ",
    "|\n",
    "? ",
    "#",
    "~",
    "0",
    "-1",
    "9999999999999999999999d",
    "1h 30",
    "kind: slow",
    "where: {}",
    "segment: vip",
    "limit: {}",
    "24:00-00:00",
    "mon-sun: []",
    "\u{0}",
    "\u{feff}",
    "é",
    "\t",
    "---",
    "...",
    "%YAML 1.2\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, rng_seed: RngSeed::Fixed(3), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_broken_file_is_refused_in_words(edits in prop::collection::vec((any::<prop::sample::Index>(), 0..30usize, prop::sample::select(PIECES)), 1..6)) {
        let mut letters: Vec<char> = SEED.chars().collect();
        for (place, removed, piece) in edits {
            let from = place.index(letters.len());
            let to = (from + removed).min(letters.len());
            letters.splice(from..to, piece.chars());
        }
        let text: String = letters.into_iter().collect();
        if let Err(problems) = Strategy::load("s.yaml", &text) {
            prop_assert!(!problems.is_empty());
            for problem in problems.sorted() {
                prop_assert!(problem.place.line <= text.lines().count() + 1 && !problem.mend.is_empty(), "{problem:?}");
            }
            prop_assert!(!problems.to_string().contains("bug of motmot"), "{problems}");
        }
    }
}
