//! What this crate promises to everybody who exchanges records with motmot.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod compatibility;
mod confluent;
mod files;
mod garbage;
mod lines;
mod records;
mod samples;
mod schemas;
