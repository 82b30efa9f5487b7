//! What happens to topics and groups behind a worker's back.
#![allow(clippy::unwrap_used, reason = "support of tests: failing is its way to speak")]

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::kafka::{Bench, PATIENCE, wait_for};

fn admin(bench: &Bench) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &bench.kafka.brokers).create().unwrap()
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// Deletes a partition's records before an offset, as retention does.
pub fn eat(bench: &Bench, partition: i32, before: i64) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&bench.topics.touchpoints, partition, Offset::Offset(before)).unwrap();
    let eaten = block_on(admin(bench).delete_records(&list, &options())).unwrap();
    eaten.elements().iter().for_each(|element| element.error().unwrap());
}

/// Lets the group be forgotten with all its offsets. Its members must have gone; static ones are remembered for a while.
pub fn forget_group(bench: &Bench) {
    wait_for("the group to be deleted", || {
        block_on(admin(bench).delete_groups(&[&bench.name], &options())).unwrap().iter().all(Result::is_ok)
    });
}

/// Deletes a topic and makes another one of its name.
pub fn make_anew(bench: &Bench, topic: &str) {
    block_on(admin(bench).delete_topics(&[topic], &options())).unwrap().into_iter().next().unwrap().unwrap();
    let broker = bench.kafka.brokers.clone();
    let admin = admin(bench);
    let new = rdkafka::admin::NewTopic::new(topic, bench.partitions, rdkafka::admin::TopicReplication::Fixed(1));
    // The name is free a moment after the old one is gone.
    wait_for("the topic to be made anew", || {
        block_on(admin.create_topics([&new], &options())).unwrap().iter().all(Result::is_ok)
    });
    wait_for("the topic to be known", || {
        motmot_stream::TopicReader::open(
            &motmot_stream::KafkaConfig { brokers: broker.clone(), ..motmot_stream::KafkaConfig::default() },
            topic,
            motmot_stream::Bound::Edge,
            motmot_stream::Bound::Edge,
        )
        .is_ok()
    });
}

/// Adds partitions to topics.
pub fn add_partitions(bench: &Bench, topics: &[&str], partitions: usize) {
    for topic in topics {
        let made = block_on(admin(bench).create_partitions(&[NewPartitions::new(topic, partitions)], &options())).unwrap();
        made.into_iter().next().unwrap().unwrap();
    }
}
