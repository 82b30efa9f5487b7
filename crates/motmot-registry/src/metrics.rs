//! What is measured of a registry. One client a process, so its metrics have no label that tells clients apart.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::error::Kind;

/// The metrics of one client.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) up: IntGauge,
    pub(crate) requests: IntCounter,
    failures: IntCounterVec,
    pub(crate) schemas: IntGauge,
    pub(crate) waiting: IntGauge,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let failures = Opts::new("motmot_registry_failures_total", "Questions that the schema registry did not answer, by kind");
        let failures = IntCounterVec::new(failures, &["kind"])?;
        for kind in Kind::ALL {
            failures.with_label_values(&[kind.label()]);
        }
        let up = IntGauge::new(
            "motmot_registry_up",
            "0: the schema registry did not answer the last question; 1: it did, or was asked none yet",
        )?;
        up.set(1);
        Ok(Self {
            up,
            requests: IntCounter::new("motmot_registry_requests_total", "Questions to the schema registry")?,
            failures,
            schemas: IntGauge::new("motmot_registry_schemas", "Schemas of the registry that are known here")?,
            waiting: IntGauge::new(
                "motmot_registry_waiting_schemas",
                "Schemas that somebody waits for and the registry has not given; records stand still for them",
            )?,
        })
    }

    pub(crate) fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.up.clone()))?;
        registry.register(Box::new(self.requests.clone()))?;
        registry.register(Box::new(self.failures.clone()))?;
        registry.register(Box::new(self.schemas.clone()))?;
        registry.register(Box::new(self.waiting.clone()))
    }

    pub(crate) fn failed(&self, kind: Kind) {
        self.up.set(0);
        self.failures.with_label_values(&[kind.label()]).inc();
    }
}
