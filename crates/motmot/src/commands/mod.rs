//! One module a subcommand: reads the configuration, calls the library that does the work, and tells the outcome.

mod show_config;

use crate::cli::{Cli, Command};

/// Does what the command line asks for.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    let Cli { settings, command } = cli;
    match command {
        Command::Config(arguments) => show_config::run(&settings, &arguments),
        _ => Ok(()),
    }
}
