//! The engine's tests: scripts that a service manager can read, and properties that hold it against a slow oracle.
//!
//! Start at `scripts` (and the folder `tests/scripts`) for what the engine should do, at `oracle` for the same as a program that is
//! too slow to be wrong, at `properties` for what must hold for any log and schedule.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)] // a test that panics has failed, as it should

mod damaged_rows;
mod evictions;
mod hot_keys;
mod joins;
mod mechanisms;
mod oracle;
mod properties;
mod scripts;
mod support;
