//! A desk in the test's own process, with a page of metrics that Prometheus can scrape.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says by a panic what broke")]

use std::sync::{Arc, Mutex};

use motmot_core::Strategy;
use motmot_desk::{Change, Desk, DeskConfig, DeskHandle};
use motmot_wire::Reader;
use prometheus::{Registry, TextEncoder};

use crate::http;
use crate::kafka::PATIENCE;
use crate::process::eventually;

/// A strategy with one rule that pages: a VIP who waits.
pub const STRATEGY: &str = "
strategy: bank-telephone
labels: {site: [haifa, eilat]}
segments: [vip, regular]
cycles: [{inactivity: 2h, grace: 5m}]
rules:
  - id: slow-answer
    title: A customer waits for an agent
    kind: slow
    from: {stage: fulfilment, outcome: pending}
    to: {stage: fulfilment, outcome: met}
    limit: {vip: 1s, regular: 120s}
    dimension: responsiveness
    severity: {vip: page, regular: critical}
    page: open
    owner: floor-supervisor
    runbook: https://example.org/runbooks/slow-answer
";

/// That strategy, loaded.
pub fn strategy() -> Arc<Strategy> {
    Arc::new(Strategy::load("test.yaml", STRATEGY).unwrap_or_else(|problems| panic!("{problems}")))
}

/// What was told, as (moment id, change, whether it was told before the desk read the topic).
pub type Told = Arc<Mutex<Vec<(String, Change, bool)>>>;

/// A running desk.
#[derive(Debug)]
pub struct TestDesk {
    /// The desk.
    pub handle: DeskHandle,
    /// Its metrics.
    pub registry: Registry,
    /// What it has told so far.
    pub told: Told,
}

impl TestDesk {
    /// Starts one that looks for ends and for new partitions often.
    pub fn start(brokers: &str, topic: &str) -> Self {
        Self::start_with(brokers, topic, Reader::new())
    }

    /// The same, with a reader that may know a schema registry.
    pub fn start_with(brokers: &str, topic: &str, reader: Reader) -> Self {
        let config = DeskConfig {
            brokers: brokers.to_owned(),
            topic: topic.to_owned(),
            probe_interval_ms: 200,
            partitions_interval_ms: 300,
            ..DeskConfig::default()
        };
        let (registry, told) = (Registry::new(), Told::default());
        let into = Arc::clone(&told);
        let handle = Desk::start_with(config, strategy(), reader, &registry, move |transition| {
            into.lock().unwrap().push((transition.moment.moment_id.to_string(), transition.change, transition.catching_up));
        });
        Self { handle: handle.unwrap(), registry, told }
    }

    /// Starts one and waits until it is ready.
    pub fn ready(brokers: &str, topic: &str) -> Self {
        let desk = Self::start(brokers, topic);
        eventually("the desk's readiness", PATIENCE, || desk.handle.ready().then_some(()));
        desk
    }

    /// The value of a series as the page has it: `name` or `name{label="value",…}`, labels in alphabetical order.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let page = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// Waits until a series has a value.
    pub fn until(&self, series: &str, value: f64) {
        eventually(&format!("{series} to be {value}"), PATIENCE, || (self.metric(series) == Some(value)).then_some(()));
    }
}

/// A page that Prometheus scrapes: of one desk after the other, or of none.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its port.
    pub port: u16,
    shown: Arc<Mutex<Option<Registry>>>,
}

impl Page {
    /// An empty page.
    pub fn start() -> Self {
        let shown = Arc::new(Mutex::new(None::<Registry>));
        let of = Arc::clone(&shown);
        let port = http::serve(move |_, _| {
            of.lock()
                .unwrap()
                .as_ref()
                .map(|registry| TextEncoder::new().encode_to_string(&registry.gather()).unwrap())
                .unwrap_or_default()
        });
        Self { port, shown }
    }

    /// Shows this desk, or nothing any more.
    pub fn show(&self, desk: Option<&TestDesk>) {
        *self.shown.lock().unwrap() = desk.map(|desk| desk.registry.clone());
    }
}
