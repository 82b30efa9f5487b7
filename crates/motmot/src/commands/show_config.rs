//! `motmot config`: the merged configuration with the origin of each value.

use crate::cli::{Settings, ShowConfig};
use crate::config;
use crate::output;

pub(super) fn run(settings: &Settings, arguments: &ShowConfig) -> anyhow::Result<()> {
    let config = settings.load()?;
    output::text(&config::show(&config, arguments.explain))?;
    Ok(())
}
