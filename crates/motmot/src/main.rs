//! The program `motmot`: command line, configuration, logging, the HTTP endpoint and the demo. What it runs lives in the
//! other crates; nothing here knows a rule of the domain.
//!
//! Start reading at [`cli`] (what can be asked for), then [`commands`] (one module a subcommand). [`config`] merges file, environment
//! and options; [`http`] is what Prometheus and the orchestrator see; [`demo`] is the simulated bank morning.

mod cli;
mod commands;
mod config;
mod demo;
mod failure;
mod http;
mod lifecycle;
mod logging;
mod output;
mod service;
mod strategy_source;

use std::process::ExitCode;

/// A cycle lives for minutes and is a dozen small allocations: the system's allocator is a sixth of the cost of a touchpoint.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let outcome = cli::parse().and_then(commands::run);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::tell(&error),
    }
}
