//! Waiting until a producer has nothing more under way: `rd_kafka_flush`.
//!
//! Why: rdkafka's own flush asks without waiting and polls in between for events that the producer's thread takes. In large steps it oversleeps by up
//! to 100 ms, in small ones it spins, and wakes librdkafka's threads each time: a core is burnt for as long as the brokers take.
#![allow(unsafe_code, reason = "rdkafka does not let librdkafka wait")]

use std::ffi::c_int;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka_sys as sys;

/// Returns as soon as everything is delivered or has failed; an error when that takes longer than `wait`. Another thread must serve the producer's
/// events, as a `ThreadedProducer`'s does.
pub(crate) fn flush<C: ClientContext>(client: &Client<C>, wait: Duration) -> KafkaResult<()> {
    let millis = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: the client's pointer is valid while it is borrowed; librdkafka's functions may be called on any thread.
    match unsafe { sys::rd_kafka_flush(client.native_ptr(), millis) } {
        sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(KafkaError::Flush(code.into())),
    }
}
