//! On librdkafka's mock cluster, so they need no server.

use std::sync::mpsc;
use std::time::Instant;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::*;

const TOPIC: &str = "motmot.touchpoints";
const PATIENCE: Duration = Duration::from_secs(60);

fn join(brokers: &str, member: &str) -> KafkaGroup {
    KafkaGroup::join(&WorkerConfig::new(brokers, member), member).unwrap_or_else(|error| panic!("{error}"))
}

fn next(group: &mut KafkaGroup) -> Rebalance {
    let begun = Instant::now();
    loop {
        group.poll().unwrap();
        if let Some(rebalance) = group.next_rebalance() {
            return rebalance;
        }
        assert!(begun.elapsed() < PATIENCE, "no rebalance came");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A reload begins by letting go; what it needs next may fail, or another member come first.
fn let_go_before_the_revocation(brokers: &str) {
    let mut first = join(brokers, "first");
    assert_eq!(next(&mut first), Rebalance::Assigned(vec![0, 1]));
    first.assign(&[(0, 0), (1, 0)]).unwrap();
    first.unassign(&[0, 1]).unwrap();
    let mut second = join(brokers, "second");
    let revoked = next(&mut first);
    assert!(matches!(revoked, Rebalance::Revoked(_)), "{revoked:?}");
    first.put_back(revoked);
    first.close();
    drop(first);
    second.close();
}

#[test]
fn a_member_that_let_go_of_its_partitions_before_they_were_revoked_still_closes() {
    let cluster: MockCluster<'_, DefaultProducerContext> = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 2, 1).unwrap();
    let (brokers, (ended, is_ended)) = (cluster.bootstrap_servers(), mpsc::channel());
    // A thread of its own: one that waits for ever must not keep the test from failing.
    std::thread::spawn(move || {
        let_go_before_the_revocation(&brokers);
        ended.send(()).unwrap();
    });
    is_ended.recv_timeout(PATIENCE).expect("the members' end");
}
