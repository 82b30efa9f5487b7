//! From a row of `motmot.moments` to the notification that reaches a supervisor, through a real Kafka, Prometheus and Alertmanager
//! with the rules and configurations that motmot ships. The worker is played by the test; `alert_path.rs` has the real one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says by a panic what broke")]

use motmot_core::moment::MomentState;
use motmot_desk::alerts;
use motmot_tests::desk::{Page, TestDesk, strategy};
use motmot_tests::kafka::{PATIENCE, broker, create, unique};
use motmot_tests::moments::{Teller, in_state, vip_waits};
use motmot_tests::process::{eventually, has_programs};
use motmot_tests::prometheus::{Alertmanager, Notification, PROGRAMS, Prometheus, Webhook, quick};

const FIRING: &str = "ALERTS{alertname=\"MotmotMomentsOpen\",alertstate=\"firing\"}";

/// Waits for a notification of that status after the first `seen`.
fn notified(webhook: &Webhook, status: &str, seen: usize) -> Notification {
    eventually(&format!("the webhook to be told `{status}`"), PATIENCE, || {
        webhook.about("MotmotMomentsOpen").into_iter().skip(seen).find(|notification| notification.status == status)
    })
}

#[test]
fn a_page_comes_with_the_moment_outlives_every_desk_and_goes_when_the_customer_has_been_served() {
    let Some(brokers) = broker("a_page_comes_with_the_moment_outlives_every_desk_and_goes_when_the_customer_has_been_served")
    else {
        return;
    };
    if !has_programs(&PROGRAMS) {
        return;
    }
    let topic = unique("moments");
    create(&brokers, &topic, 2, &[("cleanup.policy", "compact,delete")]);
    let desks = [TestDesk::ready(&brokers, &topic), TestDesk::ready(&brokers, &topic)];
    let pages = [Page::start(), Page::start()];
    pages.iter().zip(&desks).for_each(|(page, desk)| page.show(Some(desk)));

    let folder = tempfile::tempdir().unwrap();
    let webhook = Webhook::start();
    let alertmanager = Alertmanager::start(folder.path(), &webhook);
    let rules = quick(&alerts::render(&strategy()));
    let prometheus = Prometheus::start(folder.path(), &rules, &pages.each_ref().map(|page| page.port), &alertmanager);
    eventually("both desks to be scraped", PATIENCE, || prometheus.holds("count(motmot_desk_ready == 1) == 2"));
    assert!(webhook.about("MotmotMomentsOpen").is_empty(), "nothing is open yet");

    let teller = Teller::new(&brokers, &topic);
    let waits = vip_waits("0123456789abcdef0123456789abcdef");
    teller.tell(1, &[&waits]);
    let page = notified(&webhook, "firing", 0);
    assert_eq!(page.receiver, "floor-supervisor");
    assert_eq!((page.label("site"), page.label("rule"), page.label("severity")), ("haifa", "slow-answer", "page"));
    assert_eq!(page.annotation("summary"), "1 open at haifa: A customer waits for an agent", "two desks count it once");
    assert!(page.annotation("description").contains("open for"), "{page:?}");
    assert_eq!(page.annotation("runbook_url"), "https://example.org/runbooks/slow-answer");

    // No desk at all: their last word stands.
    pages.iter().for_each(|page| page.show(None));
    desks.into_iter().for_each(|desk| desk.handle.stop());
    eventually("the desks to be missed", PATIENCE, || prometheus.holds("absent(motmot_desk_ready == 1)"));
    let evaluated = "count_over_time((absent(motmot_desk_ready == 1))[1m:1s]) >= 5";
    eventually("a few evaluations without a desk", PATIENCE, || prometheus.holds(evaluated));
    assert_eq!(prometheus.query(FIRING), [1.0]);
    assert_eq!(webhook.about("MotmotMomentsOpen").iter().filter(|n| n.status != "firing").count(), 0);

    // A desk comes back, and finds the customer served.
    teller.tell(1, &[&in_state(&waits, MomentState::Recovered)]);
    let seen = webhook.about("MotmotMomentsOpen").len();
    let third = TestDesk::ready(&brokers, &topic);
    pages[0].show(Some(&third));
    assert_eq!(notified(&webhook, "resolved", seen).receiver, "floor-supervisor");
    eventually("the alert to end", PATIENCE, || prometheus.query(FIRING).is_empty().then_some(()));
}
