//! A topic's id, which tells a topic from another one of the same name: `rd_kafka_DescribeTopics`.
//!
//! Why: a topic that was deleted and made again has offsets that mean something else. rdkafka does not wrap the call.
#![allow(unsafe_code, reason = "librdkafka's DescribeTopics has no safe wrapper, and no other call gives a topic's id")]

use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka_sys as sys;

/// The topic's id in base64; none where the broker gives none within `timeout` (or has no such topic).
pub(crate) fn topic_id<C: ClientContext>(client: &Client<C>, topic: &str, timeout: Duration) -> Option<String> {
    let topic = CString::new(topic).ok()?;
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client's pointer is valid while it is borrowed; each object made here is given back once, after its last use,
    // by the guards; what the result holds is copied out before the event that owns it is destroyed.
    unsafe {
        let mut names = [topic.as_ptr()];
        let topics = Guard::new(sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len()), |p| {
            sys::rd_kafka_TopicCollection_destroy(p);
        })?;
        let queue = Guard::new(sys::rd_kafka_queue_new(client.native_ptr()), |p| sys::rd_kafka_queue_destroy(p))?;
        sys::rd_kafka_DescribeTopics(client.native_ptr(), topics.get(), std::ptr::null(), queue.get());
        let event = Guard::new(sys::rd_kafka_queue_poll(queue.get(), timeout_ms), |p| sys::rd_kafka_event_destroy(p))?;
        let result = sys::rd_kafka_event_DescribeTopics_result(event.get());
        if result.is_null() || sys::rd_kafka_event_error(event.get()) != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        let mut count = 0;
        let descriptions = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if descriptions.is_null() || count == 0 {
            return None;
        }
        let id = sys::rd_kafka_TopicDescription_topic_id(*descriptions);
        if id.is_null()
            || (sys::rd_kafka_Uuid_most_significant_bits(id) == 0 && sys::rd_kafka_Uuid_least_significant_bits(id) == 0)
        {
            return None;
        }
        let text = sys::rd_kafka_Uuid_base64str(id);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    }
}

/// Gives a native object back when it goes out of scope.
struct Guard<T> {
    object: NonNull<T>,
    destroy: fn(*mut T),
}

impl<T> Guard<T> {
    fn new(object: *mut T, destroy: fn(*mut T)) -> Option<Self> {
        NonNull::new(object).map(|object| Self { object, destroy })
    }

    fn get(&self) -> *mut T {
        self.object.as_ptr()
    }
}

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        (self.destroy)(self.object.as_ptr());
    }
}
