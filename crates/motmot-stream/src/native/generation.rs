//! The generation of which a consumer is a member: `rd_kafka_consumer_group_metadata_generation_id`.
//!
//! Why: rdkafka hands group metadata through unread, and a member without a generation must not commit.
#![allow(unsafe_code, reason = "rdkafka does not wrap what group metadata says")]

use rdkafka::client::{Client, ClientContext};
use rdkafka_sys as sys;

/// −1: the consumer is no member now. librdkafka forgets the member id when the session has timed out or the group no longer knows the member,
/// and keeps the generation until it has joined again.
pub(crate) fn generation<C: ClientContext>(client: &Client<C>) -> i32 {
    // SAFETY: the client's pointer is valid while it is borrowed; what is made here is read and given back once.
    unsafe {
        let metadata = sys::rd_kafka_consumer_group_metadata(client.native_ptr());
        if metadata.is_null() {
            return -1;
        }
        let member_id = sys::rd_kafka_consumer_group_metadata_member_id(metadata);
        let is_member = !member_id.is_null() && *member_id != 0;
        let generation = if is_member { sys::rd_kafka_consumer_group_metadata_generation_id(metadata) } else { -1 };
        sys::rd_kafka_consumer_group_metadata_destroy(metadata);
        generation
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rdkafka::ClientConfig;
    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;

    use super::generation;

    fn until(consumer: &BaseConsumer, what: &str, is_so: impl Fn(i32) -> bool) {
        let begun = Instant::now();
        while !is_so(generation(consumer.client())) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}, in vain: generation {}", generation(consumer.client()));
            consumer.poll(Duration::from_millis(50));
        }
    }

    /// Nobody answers any more, so that it cannot join again: librdkafka's own generation stays what it was.
    #[test]
    fn whose_session_is_over_is_no_member() {
        let cluster: MockCluster<'_, DefaultProducerContext> = MockCluster::new(1).unwrap();
        cluster.create_topic("touchpoints", 1, 1).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers()).set("group.id", "g").set("group.instance.id", "w1");
        // Longer than the mock cluster lets a new group wait (3 s).
        config.set("session.timeout.ms", "4000").set("heartbeat.interval.ms", "500");
        let consumer: BaseConsumer = config.create().unwrap();
        assert_eq!(generation(consumer.client()), -1, "before it has joined");
        consumer.subscribe(&["touchpoints"]).unwrap();
        until(&consumer, "to be a member", |generation| generation >= 0);
        cluster.broker_down(1).unwrap();
        until(&consumer, "to be none", |generation| generation < 0);
    }
}
