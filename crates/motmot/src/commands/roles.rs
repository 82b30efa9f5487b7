//! `motmot worker`, `motmot desk` and `motmot run`.

use std::sync::Arc;
use std::time::Duration;

use motmot_registry::Waiting;
use motmot_wire::RecordType;

use crate::config::Config;
use crate::service::{self, Service};
use crate::strategy_source::StrategySource;
use crate::{http, lifecycle};

use super::clients;

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Folds.
    Worker,
    /// Follows.
    Desk,
    /// Both.
    Both,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Desk => "desk",
            Self::Both => "worker and desk",
        }
    }
}

/// How long a shard or a desk stands still for a registry that answers, which it does within milliseconds. One that does not is waited for by
/// the partition that needs it, and by nothing else.
const SHORT_WAIT: Duration = Duration::from_millis(250);

/// Runs until a signal comes or a part fails.
pub(super) fn run(config: &Config, role: Role) -> anyhow::Result<()> {
    let runtime = lifecycle::runtime()?;
    let (strategy, text, watch) = StrategySource::of(config)?.open()?;
    let strategy = Arc::new(strategy);
    // First of all that takes time: a busy address is a mistake that should be told at once.
    let listener = runtime.block_on(http::bind(config.text("http.listen")))?;
    let address = http::address(&listener)?;
    let mut service = Service::new(role.name(), &strategy)?;
    let registry = clients::registry(config, Waiting::AtMost(SHORT_WAIT), Some(service.metrics()))?;
    let reader = clients::reader_with(config, registry.clone())?;
    if role != Role::Desk {
        let topics = clients::topics(config);
        let rows = [(RecordType::Moment, topics.moments.as_str()), (RecordType::Cycle, topics.cycles.as_str())];
        let writer = clients::writer(registry.as_ref(), &rows)?;
        service.start_worker(clients::worker(config)?, Arc::clone(&strategy), text, reader.clone(), writer)?;
    }
    if role != Role::Worker {
        service.start_desk(clients::desk(config)?, strategy, reader, |_| {})?;
    }
    service.watch_strategy(watch);
    tracing::info!("http://{address}/ says how it goes; SIGTERM or Ctrl-C stops it");
    service.run(&runtime, listener, service::until_signal())
}
