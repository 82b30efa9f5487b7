//! `motmot topics`: checks the topics, or makes the missing ones.

use motmot_stream::{Creation, create_and_check};

use super::clients;
use crate::cli::{Settings, Topics};
use crate::failure::AlreadyTold;
use crate::output;

pub(super) fn run(settings: &Settings, arguments: &Topics) -> anyhow::Result<()> {
    let config = settings.load()?;
    let number = |key| i32::try_from(config.number(key)).unwrap_or(i32::MAX);
    let creation =
        arguments.create.then(|| Creation { partitions: number("topics.partitions"), replication: number("topics.replication") });
    let report = create_and_check(&clients::kafka(&config)?, &clients::topics(&config), clients::timestamps(&config), creation)?;
    for topic in &report.created {
        output::line(format!("created {topic}"))?;
    }
    for topic in &report.missing {
        output::line(format!("missing {topic}: motmot topics --create makes it"))?;
    }
    for difference in &report.differences {
        output::line(format!("differs {difference}"))?;
    }
    if report.missing.is_empty() && report.differences.is_empty() {
        output::line("all topics are as they should be")?;
        Ok(())
    } else {
        Err(AlreadyTold.into())
    }
}
