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
