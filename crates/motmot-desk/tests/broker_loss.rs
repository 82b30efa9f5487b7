//! The brokers may go and come back: what was known stands, and what happened meanwhile is shown as a whole. On librdkafka's mock
//! cluster, so it needs no server.
#![allow(clippy::unwrap_used, reason = "a test says by a panic what broke")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use motmot_core::Strategy;
use motmot_core::moment::{Moment, MomentState};
use motmot_desk::{Desk, DeskConfig, DeskHandle, Trouble};
use prometheus::{Registry, TextEncoder};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};

const PATIENCE: Duration = Duration::from_secs(90);
const TOPIC: &str = "moments";

fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "after {PATIENCE:?} still waiting for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn start(brokers: &str, registry: &Registry) -> DeskHandle {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/alerts/strategy.yaml");
    let strategy = Strategy::load("strategy.yaml", &std::fs::read_to_string(file).unwrap()).unwrap_or_else(|e| panic!("{e}"));
    let config =
        DeskConfig { brokers: brokers.to_owned(), topic: TOPIC.to_owned(), probe_interval_ms: 200, ..DeskConfig::default() };
    Desk::start(config, Arc::new(strategy), registry).unwrap()
}

fn open(registry: &Registry) -> u32 {
    let page = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let series = "motmot_moments_open{rule=\"slow-answer\",severity=\"page\",site=\"haifa\"} ";
    page.lines().find_map(|line| line.strip_prefix(series)?.parse().ok()).unwrap()
}

/// Produces the row of a moment; returns when the broker has it.
fn tell(producer: &BaseProducer, id: &str, state: MomentState) {
    let json = serde_json::json!({
        "moment_id": id, "state": state, "rule": "slow-answer", "kind": "slow", "title": "t", "key": "k", "cycle_id": "c", "instance": 1,
        "customer_id": null, "segment": "vip", "need": null, "promise_id": null, "stage": "fulfilment", "channel": "phone", "site": "haifa",
        "team": null, "audience": "external", "anchor_event_id": "e", "anchor_at": 0, "raised_at": 0, "recovered_at": null, "expires_at": 1,
        "observed": null, "limit": null, "recovers_by": "", "severity": "page", "dimension": "reliability", "side": "systems",
        "page": "open", "owner": "o", "runbook": null, "truncated": false, "strategy": "0",
    })
    .to_string();
    let moment: Moment<'_> = serde_json::from_str(&json).unwrap();
    let mut value = Vec::new();
    motmot_wire::Writer::new().moment(&moment, &mut value).unwrap();
    producer.send(BaseRecord::to(TOPIC).partition(0).key(id).payload(&value)).map_err(|(e, _)| e).unwrap();
    producer.flush(PATIENCE).unwrap();
}

#[test]
fn the_desk_survives_the_loss_of_its_brokers() {
    let cluster: MockCluster<'_, DefaultProducerContext> = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 1, 1).unwrap();
    let brokers = cluster.bootstrap_servers();
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", &brokers).create().unwrap();
    tell(&producer, "a", MomentState::Raised);

    let registry = Registry::new();
    let desk = start(&brokers, &registry);
    eventually("the desk's readiness", || desk.ready().then_some(()));
    assert_eq!(open(&registry), 1);

    cluster.broker_down(1).unwrap();
    let trouble = eventually("the desk to miss its broker", || desk.trouble());
    assert!(matches!(trouble, Trouble::NoContact { .. }), "{trouble}");
    assert!(desk.ready() && desk.alive() && open(&registry) == 1, "the last knowledge stands");

    cluster.broker_up(1).unwrap();
    eventually("the desk to have its broker again", || desk.trouble().is_none().then_some(()));
    tell(&producer, "b", MomentState::Raised);
    eventually("the new moment", || (open(&registry) == 2).then_some(()));
    tell(&producer, "a", MomentState::Recovered);
    tell(&producer, "b", MomentState::Recovered);
    eventually("both to be served", || (open(&registry) == 0).then_some(()));
    desk.stop();
}
