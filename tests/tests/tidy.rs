//! Keeps small things small: what grows unseen is seen here.

#![allow(clippy::unwrap_used)] // a test that panics has failed, as it should

use std::path::{Path, PathBuf};

/// A concept has one file, and no concept needs more lines than this.
const MOST_LINES: usize = 500;

/// Files that are longer, and how long they may be. An entry may shrink and go, never grow or come.
const RATCHET: [(&str, usize); 0] = [];

/// Words that say that something is not done. A stub is worse than nothing: it is believed.
const UNDONE: [&str; 6] = ["TODO", "FIXME", "XXX", "todo!", "unimplemented!", "#[ignore"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// All Rust files of the workspace, by their path from its root.
fn sources() -> Vec<(String, String)> {
    fn visit(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                visit(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    ["crates", "tests", "benches", "fuzz/checks"].iter().for_each(|folder| visit(&root.join(folder), &mut found));
    found.sort();
    let text = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).unwrap())
    };
    found.into_iter().map(text).collect()
}

#[test]
fn files_stay_small() {
    let mut faults = String::new();
    for (name, text) in sources() {
        let lines = text.lines().count();
        match RATCHET.iter().find(|(file, _)| *file == name) {
            Some((_, most)) if lines > *most => {
                faults.push_str(&format!("{name} has {lines} lines and may have {most}: split it\n"))
            }
            Some((_, most)) if lines < *most => {
                faults.push_str(&format!("{name} has {lines} lines: lower its ratchet from {most}\n"))
            }
            None if lines > MOST_LINES => {
                faults.push_str(&format!("{name} has {lines} lines and may have {MOST_LINES}: split it by concept\n"));
            }
            _ => {}
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn nothing_is_left_undone() {
    let mut faults = String::new();
    for (name, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let undone = UNDONE.iter().find(|word| line.contains(*word));
            if let Some(word) = undone.filter(|_| !name.ends_with("tidy.rs")) {
                faults.push_str(&format!("{name}:{}: {word}\n", number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn every_crate_and_module_opens_with_what_it_is_for() {
    let silent = sources().into_iter().filter(|(name, text)| !text.starts_with("//!") && !name.ends_with("/tests.rs"));
    let silent: Vec<String> = silent.map(|(name, _)| name).collect();
    assert!(silent.is_empty(), "no `//!` opening in: {silent:#?}");
}

#[test]
fn every_crate_inherits_the_workspace_lints() {
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let manifest = entry.unwrap().path().join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        assert!(text.contains("[lints]\nworkspace = true"), "{} does not inherit the workspace's lints", manifest.display());
    }
}
