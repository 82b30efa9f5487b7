//! What must hold of everything that reads bytes from outside: one function a fuzz target, each given any bytes.
//!
//! Whatever the bytes are, the answer is a value or an error: no panic, no memory by a length that the input claims; what was read can be
//! written and read again; what is refused is refused with a place. Each function says whether anything was read of what it is about, so
//! that a test can tell a target that is fed with refusals only.
//!
//! The targets in `fuzz/fuzz_targets` hand libFuzzer's bytes to these functions; `tests/replay.rs` hands them the corpus and every crash
//! that was ever found: the ordinary tests need no fuzzer. Where to start reading: [`TARGETS`], then `wire`.

mod bent;
mod borrowed;
mod bounds;
mod damaged;
mod formats;
mod memory;
mod rows;
pub mod seeds;
mod texts;
mod wire;

use borrowed::{error, mapping, table}; // where the borrowed files look for them

pub use bent::bent;
pub use damaged::damaged;
pub use memory::Allowance;

pub use rows::{store_entries, store_row, stored_touchpoint};
pub use texts::{commit_metadata, headers, manifest, mapping, strategy, swap_record};
pub use wire::{avro_file, json_line, record, writer_schema};

/// A target's name and its function.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// All targets. A test holds this list equal to the folder of targets.
pub const TARGETS: [Target; 13] = [
    ("avro_file", avro_file),
    ("commit_metadata", commit_metadata),
    ("headers", headers),
    ("json_line", json_line),
    ("manifest", manifest),
    ("mapping", mapping),
    ("record", record),
    ("store_entries", store_entries),
    ("store_row", store_row),
    ("stored_touchpoint", stored_touchpoint),
    ("strategy", strategy),
    ("swap_record", swap_record),
    ("writer_schema", writer_schema),
];

/// Cuts an input in two: the first two bytes say where, little-endian.
fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((at, rest)) = bytes.split_first_chunk() else { return (&[], bytes) };
    let at = usize::from(u16::from_le_bytes(*at)).min(rest.len());
    rest.split_at(at)
}

/// An input that [`halves`] cuts into these two.
fn joined(first: &[u8], second: &[u8]) -> Vec<u8> {
    let length = u16::try_from(first.len()).unwrap_or(u16::MAX);
    [&length.to_le_bytes(), first, second].concat()
}
