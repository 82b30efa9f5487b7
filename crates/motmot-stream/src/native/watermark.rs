//! The end of a partition as the last fetch saw it, without asking anybody: `rd_kafka_get_watermark_offsets`.
//!
//! Why: rdkafka's `fetch_watermarks` asks the broker, and whether a partition is at its head is asked after every batch.
#![allow(unsafe_code, reason = "librdkafka's cached watermarks have no safe wrapper")]

use std::ffi::CStr;

use rdkafka::client::{Client, ClientContext};
use rdkafka_sys as sys;

/// The offset after the partition's last record as of the last fetch; none before the first one.
pub(crate) fn high_watermark<C: ClientContext>(client: &Client<C>, topic: &CStr, partition: i32) -> Option<i64> {
    let (mut low, mut high) = (0, 0);
    // SAFETY: the client's pointer is valid while it is borrowed, the name is a C string, and the results are written to locals.
    let answer = unsafe {
        sys::rd_kafka_get_watermark_offsets(client.native_ptr(), topic.as_ptr(), partition, &raw mut low, &raw mut high)
    };
    (answer == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
}
