//! From a touchpoint to the notification that reaches a supervisor: the built program as worker and as desk, a real Kafka, Prometheus
//! and Alertmanager, with the rules that `motmot alerts render` prints and the configurations of `deploy/`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says by a panic what broke")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use motmot_core::Touchpoint;
use motmot_tests::desk::STRATEGY;
use motmot_tests::kafka::{Out, PATIENCE, broker, now_ms, produce, unique};
use motmot_tests::process::{Process, eventually, free_port, has_programs, motmot};
use motmot_tests::prometheus::{Alertmanager, Notification, PROGRAMS, Prometheus, Webhook, quick};
use motmot_tests::{http, service};
use motmot_wire::Writer;
use serde_json::json;

const ALERT: &str = "MotmotMomentsOpen";

/// An installation of motmot: its configuration in a folder, its topics on the broker.
struct Installation<'t> {
    folder: &'t Path,
    broker: &'t str,
    touchpoints: String,
}

impl<'t> Installation<'t> {
    /// Writes strategy and configuration, and creates the topics as a user would.
    fn new(folder: &'t Path, broker: &'t str) -> Self {
        let name = unique("alert-path");
        let touchpoints = format!("{name}.touchpoints");
        let config = format!(
            "[kafka]\nbrokers = \"{broker}\"\n\
             [topics]\ntouchpoints = \"{touchpoints}\"\nmoments = \"{name}.moments\"\ncycles = \"{name}.cycles\"\n\
             dead_letters = \"{name}.dead-letters\"\nstrategies = \"{name}.strategies\"\npartitions = 2\nreplication = 1\n\
             [worker]\ngroup = \"{name}\"\ninstance = \"w1\"\nshards = 1\n\
             checkpoint_interval = \"10m\"\n\
             [snapshots]\nurl = \"file://{}\"\ninterval = \"1s\"\n", // the killed worker has to fold the open moment again
            folder.display()
        );
        std::fs::write(folder.join("motmot.toml"), config).unwrap();
        std::fs::write(folder.join("strategy.yaml"), STRATEGY).unwrap();
        let installation = Self { folder, broker, touchpoints };
        installation.run(&["topics", "--create"]);
        installation
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output =
            Command::new(motmot()).args(["--config", "motmot.toml"]).args(arguments).current_dir(self.folder).output().unwrap();
        assert!(output.status.success(), "motmot {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts a role and waits until it is ready.
    fn start(&self, role: &str, port: u16) -> Process {
        let listen = format!("http.listen=127.0.0.1:{port}");
        let arguments = ["--config", "motmot.toml", "--set", &listen, role].map(str::to_owned);
        let mut process = Process::start(role, motmot(), &arguments, &[], self.folder);
        process.until("its readiness", PATIENCE, || http::get(port, "/readyz").filter(|(status, _)| *status == 200));
        process
    }

    /// The VIP's contact with the queue (`pending`) or with an agent (`met`).
    fn touch(&self, outcome: &str) {
        let at = now_ms();
        let json = json!({
            "event_id": format!("call-1-{outcome}"), "occurred_at": at, "cycle_id": "call-1", "stage": "fulfilment",
            "channel": "phone", "site": "haifa", "segment": "vip", "outcome": outcome,
        })
        .to_string();
        let touchpoint: Touchpoint<'_> = serde_json::from_str(&json).unwrap();
        let record: Out = service::out(&mut Writer::new(), "customer-1", &touchpoint, at);
        produce(self.broker, &self.touchpoints, &[record]);
    }
}

fn notified(webhook: &Webhook, status: &str) -> Notification {
    eventually(&format!("the webhook to be told `{status}`"), PATIENCE, || {
        webhook.about(ALERT).into_iter().find(|notification| notification.status == status)
    })
}

/// `docs/metrics.md` and what the processes serve name the same metrics.
fn the_reference_has_every_metric(ports: &[u16]) {
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md")).unwrap();
    let pages: String = ports.iter().map(|port| http::get(*port, "/metrics").unwrap().1).collect();
    let served: BTreeSet<&str> = pages.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    // Without a schema registry nothing is said of it.
    let is_told = |word: &&str| word.starts_with("motmot_") && !word.starts_with("motmot_registry_");
    let documented: BTreeSet<&str> = docs.split('`').filter(is_told).collect();
    assert_eq!(served.difference(&documented).collect::<Vec<_>>(), [&""; 0], "served and not in docs/metrics.md");
    assert_eq!(documented.difference(&served).collect::<Vec<_>>(), [&""; 0], "in docs/metrics.md and not served");
}

#[test]
fn a_vip_who_waits_pages_a_dead_worker_resolves_nothing_and_the_answer_does() {
    let Some(broker) = broker("a_vip_who_waits_pages_a_dead_worker_resolves_nothing_and_the_answer_does") else { return };
    if !has_programs(&PROGRAMS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let motmot = Installation::new(folder.path(), &broker);
    let [worker_port, desk_port] = [free_port(), free_port()];
    let mut worker = motmot.start("worker", worker_port);
    let _desk = motmot.start("desk", desk_port);

    let webhook = Webhook::start();
    let alertmanager = Alertmanager::start(folder.path(), &webhook);
    let rules = quick(&motmot.run(&["alerts", "render", "--strategy", "strategy.yaml"]));
    let prometheus = Prometheus::start(folder.path(), &rules, &[worker_port, desk_port], &alertmanager);
    eventually("both to be scraped", PATIENCE, || prometheus.holds("count(up == 1) == 2"));
    assert_eq!(prometheus.query("sum(motmot_moments_open)"), [0.0]);
    eventually("the SRE's alerts to find all that they ask for, and nothing wrong", PATIENCE, || {
        prometheus.query("ALERTS{owner=\"sre\",severity!=\"none\"}").is_empty().then_some(())
    });

    motmot.touch("pending");
    let page = notified(&webhook, "firing");
    assert_eq!((page.receiver.as_str(), page.label("site"), page.label("severity")), ("floor-supervisor", "haifa", "page"));
    assert_eq!(page.annotation("summary"), "1 open at haifa: A customer waits for an agent");

    eventually("a snapshot", PATIENCE, || {
        http::get(worker_port, "/metrics").filter(|(_, page)| page.contains("motmot_snapshot_bytes{"))
    });
    the_reference_has_every_metric(&[worker_port, desk_port]);

    worker.kill();
    let down = format!("up{{instance=\"127.0.0.1:{worker_port}\"}} == 0");
    eventually("the worker to be missed, five times", PATIENCE, || {
        prometheus.holds(&format!("count_over_time(({down})[1m:1s]) >= 5"))
    });
    assert_eq!(prometheus.query(&format!("ALERTS{{alertname=\"{ALERT}\",alertstate=\"firing\"}}")), [1.0]);
    assert!(webhook.about(ALERT).iter().all(|notification| notification.status == "firing"));

    let _worker = motmot.start("worker", worker_port);
    motmot.touch("met");
    assert_eq!(notified(&webhook, "resolved").receiver, "floor-supervisor");
}
