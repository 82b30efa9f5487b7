//! One module a subcommand: reads the configuration, calls the library that does the work, and tells the outcome.

mod alerts;
pub(crate) mod clients;
mod customer;
mod dead_letters;
mod digest;
mod explain;
mod import;
mod progress;
mod rebuild;
mod replay;
mod report;
mod roles;
mod security;
mod show_config;
mod snapshots;
mod sources;
mod store;
mod strategy;
mod swaps;
mod tables;
mod topic;
mod topics;

use crate::cli::{Cli, Command, Store};
use crate::demo;

/// Does what the command line asks for.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    let Cli { settings, command } = cli;
    match command {
        Command::Worker => roles::run(&settings.load()?, roles::Role::Worker),
        Command::Desk => roles::run(&settings.load()?, roles::Role::Desk),
        Command::Run => roles::run(&settings.load()?, roles::Role::Both),
        Command::Strategy(command) => strategy::run(&settings, &command),
        Command::Alerts(command) => alerts::run(&command),
        Command::Config(arguments) => show_config::run(&settings, &arguments),
        Command::Demo(arguments) => demo::run(&settings, arguments),
        Command::Topics(arguments) => topics::run(&settings, &arguments),
        Command::Import(arguments) => import::run(&settings, &arguments),
        Command::Replay(arguments) => replay::run(&settings, &arguments),
        Command::Report(arguments) => report::run(&settings, &arguments),
        Command::Explain(arguments) => explain::run(&settings, &arguments),
        Command::Customer(arguments) => customer::run(&settings, &arguments),
        Command::Digest => digest::run(&settings),
        Command::Store(Store::Inspect(arguments)) => match &arguments.snapshot {
            Some(url) => snapshots::run(&settings, &arguments, url),
            None => store::run(&arguments),
        },
        Command::Rebuild(arguments) => rebuild::run(&settings, &arguments),
        Command::DeadLetters(command) => dead_letters::run(&settings, &command),
    }
}
