//! The simulator: whole workers against a model of Kafka, disks and time, from one number.
//!
//! Shards, engine, store and transactions are the real code, over the port. The rest is a model that knows no kindness: processes are
//! killed between any two calls, stand still while others take over, lose answers, disks and clocks. After each run all that was ever
//! committed is held against a plain replay. One thread, no waiting: a run is some tens of milliseconds, and a seed is a run, always the same.
//!
//! `cargo test -p motmot-stream simulator` runs a hundred seeds; `SEEDS=20000` so many; `SEED=7` that one; with `FROM=1000` they begin
//! there; `TRACE=1` tells what happens. A failure prints the command that repeats it.
//!
//! Where to start reading: [`run`] (a run), [`simulation`] (what befalls a process), [`broker`] (Kafka's rules, with their sources),
//! [`world`] (the port), [`snapshots`] (the object store), [`ledger`] (the laws), [`planted`] (faults that it must find).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // a simulation that panics has failed, as it should

mod broker;
mod client;
mod consumer;
mod disk;
mod judge;
mod ledger;
pub(crate) mod planted;
mod producer;
mod random;
mod rates;
mod replay;
mod run;
mod schemas;
mod simulation;
mod snapshots;
mod strategies;
mod tests;
mod workload;
mod world;
