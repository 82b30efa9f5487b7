//! Files and mappings, as `import` and `replay` name them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use motmot_archive::{DeadRows, Mapping, Source};

use crate::failure::Usage;

/// How many bad rows are told on stderr.
const TOLD: usize = 10;

/// The files with their mapping, if there is one.
pub(super) fn source(files: &[PathBuf], mapping: Option<&Path>) -> anyhow::Result<Source> {
    let mapping = mapping.map(load).transpose()?.map(Arc::new);
    Ok(Source { files: files.to_vec(), mapping })
}

fn load(path: &Path) -> anyhow::Result<Mapping> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Usage(format!("the mapping {} cannot be read: {error}; is the path right?", path.display())))?;
    let mapping = Mapping::load(&path.display().to_string(), &text);
    Ok(mapping.map_err(|problems| Usage(format!("the mapping cannot be used:\n{problems}")))?)
}

/// Tells the first rows that gave nothing, and how many there are.
pub(super) fn tell_dead(dead: &DeadRows) {
    if dead.count() == 0 {
        return;
    }
    eprintln!("motmot: {} rows could not be used; the first:", crate::output::thousands(dead.count()));
    for row in dead.listed().take(TOLD) {
        eprintln!("  {}:{}: {}", row.file, row.line, row.reason);
    }
}
