//! `motmot alerts render`: a strategy as Prometheus alert rules.

use anyhow::Context as _;

use crate::cli;
use crate::output;

pub(super) fn run(command: &cli::Alerts) -> anyhow::Result<()> {
    let cli::Alerts::Render { strategy, out } = command;
    let (strategy, _) = super::strategy::load(strategy)?;
    let rules = motmot_desk::alerts::render(&strategy);
    match out {
        None => output::text(&rules).context("the alert rules cannot be written"),
        Some(path) => {
            std::fs::write(path, rules).with_context(|| format!("the alert rules cannot be written to {}", path.display()))
        }
    }
}
