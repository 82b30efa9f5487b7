//! The desk's gauges are the table `motmot.moments`, whatever happens to the topic.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says by a panic what broke")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use motmot_core::moment::MomentState::Recovered;
use motmot_desk::{Change, Trouble};
use motmot_tests::desk::TestDesk;
use motmot_tests::kafka::{PATIENCE, broker, create, unique};
use motmot_tests::moments::{Teller, delete_topic, grow_topic, in_state, vip_waits};
use motmot_tests::process::eventually;
use motmot_wire::{NotYet, ReadError, Reader, RecordType, SchemaSource, Writer, WriterSchema};

const OPEN: &str = "motmot_moments_open{rule=\"slow-answer\",severity=\"page\",site=\"haifa\"}";
const FLAGGED: &str = "motmot_moments_flagged_total{rule=\"slow-answer\",severity=\"page\",site=\"haifa\"}";
const OLDEST: &str = "motmot_moments_oldest_open_timestamp_seconds{rule=\"slow-answer\",severity=\"page\",site=\"haifa\"}";

/// A topic of two partitions, and who writes to it.
fn topic(brokers: &str) -> (String, Teller) {
    let topic = unique("moments");
    create(brokers, &topic, 2, &[("cleanup.policy", "compact,delete")]);
    let teller = Teller::new(brokers, &topic);
    (topic, teller)
}

#[test]
fn history_fills_the_gauge_and_not_the_counter() {
    let Some(brokers) = broker("history_fills_the_gauge_and_not_the_counter") else { return };
    let (topic, teller) = topic(&brokers);
    let (old, gone) = (vip_waits("old"), vip_waits("gone"));
    teller.tell(0, &[&old, &gone]);
    teller.tell(0, &[&in_state(&gone, Recovered)]);

    let desk = TestDesk::ready(&brokers, &topic);
    assert_eq!((desk.metric(OPEN), desk.metric(FLAGGED)), (Some(1.0), Some(0.0)));
    assert!(desk.metric(OLDEST).is_some());
    assert!(desk.told.lock().unwrap().iter().all(|(_, _, catching_up)| *catching_up));

    teller.tell(1, &[&vip_waits("new")]);
    desk.until(OPEN, 2.0);
    desk.until(FLAGGED, 1.0);
    teller.tell(1, &[&in_state(&vip_waits("new"), Recovered)]);
    teller.tell(0, &[&in_state(&old, Recovered)]);
    desk.until(OPEN, 0.0);
    assert_eq!((desk.metric(FLAGGED), desk.metric(OLDEST)), (Some(1.0), None));
    desk.until("motmot_desk_lag_records", 0.0); // the transactions' markers are no lag
    let told = desk.told.lock().unwrap();
    assert!(
        told.contains(&("new".to_owned(), Change::Raised, false)) && told.contains(&("new".to_owned(), Change::Recovered, false))
    );
}

#[test]
fn a_desk_on_an_empty_topic_is_ready_with_all_levels_at_zero() {
    let Some(brokers) = broker("a_desk_on_an_empty_topic_is_ready_with_all_levels_at_zero") else { return };
    let (topic, _teller) = topic(&brokers);
    let desk = TestDesk::ready(&brokers, &topic);
    assert_eq!((desk.metric(OPEN), desk.metric("motmot_desk_ready"), desk.handle.trouble()), (Some(0.0), Some(1.0), None));
    desk.handle.stop();
    let page = prometheus::TextEncoder::new().encode_to_string(&desk.registry.gather()).unwrap();
    assert!(page.contains("\nmotmot_desk_ready 0\n"), "a desk that was stopped is not ready");
}

#[test]
fn what_a_transaction_took_back_was_never_told() {
    let Some(brokers) = broker("what_a_transaction_took_back_was_never_told") else { return };
    let (topic, teller) = topic(&brokers);
    teller.tell_and_abort(0, &[&vip_waits("aborted")]);
    let desk = TestDesk::ready(&brokers, &topic);
    teller.tell_and_abort(0, &[&vip_waits("aborted too")]);
    teller.begin(0, &[&vip_waits("pending")]);
    Teller::new(&brokers, &topic).tell(1, &[&vip_waits("committed")]);
    desk.until(OPEN, 1.0);
    teller.commit();
    desk.until(OPEN, 2.0);
    assert!(!desk.told.lock().unwrap().iter().any(|(id, _, _)| id.starts_with("aborted")));
}

#[test]
fn a_record_that_cannot_be_read_is_counted_and_changes_nothing() {
    let Some(brokers) = broker("a_record_that_cannot_be_read_is_counted_and_changes_nothing") else { return };
    let topic = unique("moments");
    create(&brokers, &topic, 1, &[]); // not compacted: such a topic refuses what has no key
    let teller = Teller::new(&brokers, &topic);
    teller.tell(0, &[&vip_waits("a")]);
    let desk = TestDesk::ready(&brokers, &topic);
    teller.tell_bytes(0, Some(b"a"), Some(b"{\"json\": true}"));
    teller.tell_bytes(0, Some(b"a"), Some(b""));
    teller.tell_bytes(0, None, Some(b"no key"));
    desk.until("motmot_desk_unreadable_records_total{reason=\"not_avro\"}", 2.0);
    desk.until("motmot_desk_unreadable_records_total{reason=\"no_key\"}", 1.0);
    assert_eq!(desk.metric(OPEN), Some(1.0));
    teller.tell_bytes(0, Some(b"a"), None); // a tombstone: the row is erased
    desk.until(OPEN, 0.0);
}

#[test]
fn partitions_that_are_added_are_read_from_their_beginning() {
    let Some(brokers) = broker("partitions_that_are_added_are_read_from_their_beginning") else { return };
    let (topic, _) = topic(&brokers);
    let desk = TestDesk::ready(&brokers, &topic);
    grow_topic(&brokers, &topic, 4);
    desk.until("motmot_desk_partitions", 4.0);
    // A new producer: the old one learns of the partition only when its metadata has grown old.
    Teller::new(&brokers, &topic).tell(3, &[&vip_waits("new partition")]);
    desk.until(OPEN, 1.0);
}

#[test]
fn a_desk_waits_for_its_topic_and_starts_again_when_it_is_made_anew() {
    let Some(brokers) = broker("a_desk_waits_for_its_topic_and_starts_again_when_it_is_made_anew") else { return };
    let topic = unique("moments");
    let desk = TestDesk::start(&brokers, &topic);
    eventually("the desk to miss its topic", PATIENCE, || desk.handle.trouble().filter(|t| matches!(t, Trouble::NoTopic { .. })));
    assert!(!desk.handle.ready() && desk.handle.alive());

    create(&brokers, &topic, 1, &[]);
    eventually("the desk's readiness", PATIENCE, || desk.handle.ready().then_some(()));
    Teller::new(&brokers, &topic).tell(0, &[&vip_waits("first life")]);
    desk.until(OPEN, 1.0);

    delete_topic(&brokers, &topic);
    eventually("the desk to miss its topic again", PATIENCE, || desk.handle.trouble());
    assert_eq!(desk.metric(OPEN), Some(1.0), "what was known last stands until something better is known");
    create(&brokers, &topic, 1, &[]);
    desk.until(OPEN, 0.0);
}

#[test]
fn a_broker_that_cannot_be_reached_is_said_in_words_and_does_not_keep_the_desk_from_stopping() {
    let desk = TestDesk::start("127.0.0.1:1", "moments");
    let trouble = eventually("the desk to miss its broker", PATIENCE, || desk.handle.trouble());
    let words = trouble.to_string();
    assert!(words.contains("127.0.0.1:1") && words.contains("moments"), "{words}");
    assert!(!desk.handle.ready());
    desk.handle.stop();
}

/// A registry of one schema, which is out until it is over.
#[derive(Debug, Default)]
struct Outage {
    is_over: AtomicBool,
}

impl SchemaSource for Outage {
    fn schema(&self, id: u32) -> Result<Arc<WriterSchema>, ReadError> {
        if self.is_over.load(Ordering::Relaxed) {
            return Ok(Arc::clone(RecordType::Moment.current()));
        }
        Err(NotYet { id, detail: "it is out".to_owned() }.into())
    }
}

#[test]
fn a_desk_waits_at_a_moment_whose_schema_nobody_knows_yet() {
    let Some(brokers) = broker("a_desk_waits_at_a_moment_whose_schema_nobody_knows_yet") else { return };
    let (topic, teller) = topic(&brokers);
    let outage = Arc::new(Outage::default());
    let start = || TestDesk::start_with(&brokers, &topic, Reader::new().with_registry(outage.clone()));
    teller.tell(0, &[&vip_waits("old")]);
    let desk = start();
    desk.until(OPEN, 1.0);
    let mut value = Vec::new();
    Writer::new().with_schema_id(RecordType::Moment, 7).moment(&vip_waits("new"), &mut value).unwrap();
    teller.begin(0, &[&vip_waits("before")]);
    teller.send(0, Some(b"new"), Some(&value));
    teller.commit();
    teller.tell(0, &[&in_state(&vip_waits("old"), Recovered)]);
    let waits = |desk: &TestDesk| {
        let trouble = desk.handle.trouble()?;
        matches!(trouble, Trouble::NoSchema { partition: 0, offset: 3, .. }).then(|| trouble.to_string())
    };
    let words = eventually("the desk to wait", PATIENCE, || waits(&desk));
    assert!(words.contains("schema 7") && words.contains("it is out"), "{words}");
    desk.until(OPEN, 2.0); // what came before it in the same batch
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(desk.metric(OPEN), Some(2.0), "what it knows stays, and what follows is not taken before its turn");
    // One that begins so is not ready: it does not know all that was told before it. And it can be stopped.
    let late = start();
    eventually("the other desk to wait", PATIENCE, || waits(&late));
    assert!(!late.handle.ready());
    late.handle.stop();

    outage.is_over.store(true, Ordering::Relaxed);
    eventually("the end of the wait", PATIENCE, || desk.handle.trouble().is_none().then_some(()));
    desk.until(FLAGGED, 2.0);
    desk.until(OPEN, 2.0);
    assert_eq!(desk.metric("motmot_desk_unreadable_records_total{reason=\"unknown_schema\"}"), Some(0.0));
}
