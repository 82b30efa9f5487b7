//! The core is a pure function: no clock, no chance, no file, no network. Here that is checked, not hoped.

#![allow(clippy::unwrap_used)] // a test that panics has failed, as it should

use std::path::{Path, PathBuf};

/// Everything that the core may depend on: crates that only compute.
const PURE: [&str; 10] =
    ["chrono", "chrono-tz", "hashbrown", "rustc-hash", "serde", "smallvec", "strsim", "thiserror", "xxhash-rust", "yaml-rust2"];

/// What has no place in the core's sources, and why.
const IMPURE: [(&str, &str); 12] = [
    ("std::fs", "it reads no file"),
    ("std::net", "it knows no network"),
    ("std::env", "its results depend on nothing that is not handed to it"),
    ("std::thread", "it is synchronous"),
    ("std::process", "it starts nothing"),
    ("SystemTime", "the clock is an argument"),
    ("Instant::now", "the clock is an argument"),
    ("Utc::now", "the clock is an argument"),
    ("Local::now", "the clock is an argument"),
    ("std::collections::HashMap", "its order differs from run to run"),
    ("std::collections::HashSet", "its order differs from run to run"),
    ("RandomState", "its order differs from run to run"),
];

fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_core_depends_on_pure_crates_only() {
    let manifest = std::fs::read_to_string(crate_folder().join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[").find_map(|section| section.strip_prefix("dependencies]")).expect("dependencies");
    let names: Vec<&str> =
        section.lines().filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|name| !name.is_empty()).collect();
    assert!(!names.is_empty());
    for name in names {
        assert!(
            PURE.contains(&name),
            "`{name}` is no dependency of the core's: if it only computes, add it to PURE with a reason"
        );
    }
    assert!(!manifest.contains("build-dependencies"), "the core needs no build script");
}

#[test]
fn chrono_is_built_without_its_clock() {
    let workspace = std::fs::read_to_string(crate_folder().join("../../Cargo.toml")).unwrap();
    let line = workspace.lines().find(|line| line.starts_with("chrono = ")).expect("chrono's line");
    assert!(line.contains("default-features = false") && !line.contains("clock") && !line.contains("now"), "{line}");
}

#[test]
fn the_sources_name_nothing_impure() {
    let mut faults = String::new();
    for path in sources(&crate_folder().join("src")) {
        for (number, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for (word, reason) in IMPURE.iter().filter(|(word, _)| code.contains(word)) {
                faults.push_str(&format!("{}:{}: {word}: {reason}\n", path.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    assert!(!files.is_empty());
    files
}
