//! What this crate promises to everybody who exchanges records with motmot.

mod compatibility;
mod files;
mod garbage;
mod lines;
mod records;
mod samples;
mod schemas;
