//! Many records a call: `rd_kafka_consume_batch_queue`.
//!
//! Why: measured on two cores with 127-byte records, `BaseConsumer::poll` gives 1.34 M records a CPU second, a batch of 1000 gives
//! 2.14 M (peers/FIGURES.md). rdkafka does not wrap it.
//!
//! The trap: this call serves whatever lies in its queue, and rebalances come to the *consumer's* queue as events, which it does
//! not know; it would answer one by giving up all partitions. So records get a queue of their own: each partition's queue is
//! forwarded to it before the partition is assigned (librdkafka keeps a forward that the application made), and the consumer's
//! queue, polled through rdkafka as ever, is left with the rebalances and the errors. What a forwarded queue can hold is records
//! and errors of its partition, nothing else.
#![allow(unsafe_code, reason = "librdkafka's batch call has no safe wrapper; measured gain above")]

use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;
use rdkafka_sys::types::RDKafkaMessage;

use crate::port::{Headers, Record};

/// A queue for the records of a consumer's partitions.
pub(crate) struct BatchQueue<C: ConsumerContext + 'static> {
    queue: NonNull<sys::rd_kafka_queue_t>,
    /// Filled by librdkafka; empty between two calls of `take`, so that it never owns a message.
    buffer: Vec<*mut RDKafkaMessage>,
    /// A queue must not outlive its client: dropped last, being the last field.
    consumer: Arc<BaseConsumer<C>>,
}

impl<C: ConsumerContext + 'static> BatchQueue<C> {
    /// A queue that gives at most `size` records a call.
    pub(crate) fn new(consumer: Arc<BaseConsumer<C>>, size: usize) -> Option<Self> {
        // SAFETY: the client's pointer is valid as long as `consumer`, which this value keeps.
        let queue = NonNull::new(unsafe { sys::rd_kafka_queue_new(consumer.client().native_ptr()) })?;
        Some(Self { queue, buffer: vec![std::ptr::null_mut(); size.max(1)], consumer })
    }

    /// Sends a partition's records here from now on. To be called before the partition is assigned: what was fetched before
    /// would lie in the consumer's queue. `false`: there is no such topic or partition.
    pub(crate) fn forward(&self, topic: &str, partition: i32) -> bool {
        let Ok(topic) = CString::new(topic) else { return false };
        // SAFETY: client and topic are valid; the returned reference is given back below; forwarding takes references of its own.
        unsafe {
            let Some(from) =
                NonNull::new(sys::rd_kafka_queue_get_partition(self.consumer.client().native_ptr(), topic.as_ptr(), partition))
            else {
                return false;
            };
            sys::rd_kafka_queue_forward(from.as_ptr(), self.queue.as_ptr());
            sys::rd_kafka_queue_destroy(from.as_ptr());
        }
        true
    }

    /// Hands what is there to `visit`, waiting for at most `wait` if nothing is. Returns how many there were.
    pub(crate) fn take(&mut self, wait: Duration, mut visit: impl FnMut(Result<Record<'_>, RecordError>)) -> usize {
        // SAFETY: the queue is valid until dropped; the buffer is as long as is said. What librdkafka writes into it are messages
        // that are ours until destroyed, which `Owned` does, once each, also if `visit` unwinds.
        unsafe {
            // Without waiting: with a timeout this call waits for a full batch, and a lone record would wait with it.
            let mut count =
                sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, self.buffer.as_mut_ptr(), self.buffer.len());
            if count <= 0 && !wait.is_zero() {
                let timeout = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX).max(1);
                // This one returns with the first record.
                if let Some(first) = NonNull::new(sys::rd_kafka_consume_queue(self.queue.as_ptr(), timeout)) {
                    visit(view(&Owned(first)));
                    count =
                        sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, self.buffer.as_mut_ptr(), self.buffer.len());
                    return 1 + self.visit(count, visit);
                }
            }
            self.visit(count, visit)
        }
    }

    /// # Safety
    /// The first `count` entries of the buffer are messages that nobody else owns.
    unsafe fn visit(&mut self, count: isize, mut visit: impl FnMut(Result<Record<'_>, RecordError>)) -> usize {
        let count = usize::try_from(count).unwrap_or(0);
        // All are owned before the first is visited: an unwinding `visit` frees the rest too.
        let messages = Batch { entries: self.buffer.get_mut(..count).unwrap_or_default() };
        for entry in messages.entries.iter_mut() {
            if let Some(message) = NonNull::new(std::mem::replace(entry, std::ptr::null_mut())) {
                visit(view(&Owned(message)));
            }
        }
        count
    }
}

impl<C: ConsumerContext + 'static> Drop for BatchQueue<C> {
    fn drop(&mut self) {
        // SAFETY: created by `new`, destroyed once; the client still lives, for `consumer` is dropped after this.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// Messages that are not visited yet.
struct Batch<'b> {
    entries: &'b mut [*mut RDKafkaMessage],
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for entry in self.entries.iter_mut() {
            if let Some(message) = NonNull::new(std::mem::replace(entry, std::ptr::null_mut())) {
                drop(Owned(message));
            }
        }
    }
}

struct Owned(NonNull<RDKafkaMessage>);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed once.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// librdkafka's error of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordError {
    pub(crate) partition: i32,
    pub(crate) code: RDKafkaErrorCode,
}

fn view(message: &Owned) -> Result<Record<'_>, RecordError> {
    // SAFETY: valid until `message` is dropped, which the returned borrow prevents. Key and value of the given lengths live as long;
    // a null pointer is allowed where the timestamp's type is not asked for.
    unsafe {
        let message = message.0.as_ref();
        match RDKafkaErrorCode::from(message.err) {
            RDKafkaErrorCode::NoError => Ok(Record {
                partition: message.partition,
                offset: message.offset,
                timestamp: sys::rd_kafka_message_timestamp(message, std::ptr::null_mut()),
                key: slice(message.key, message.key_len),
                value: slice(message.payload, message.len),
                headers: message,
            }),
            code => Err(RecordError { partition: message.partition, code }),
        }
    }
}

impl Headers for RDKafkaMessage {
    fn each<'m>(&'m self, visit: &mut dyn FnMut(&str, Option<&'m [u8]>)) {
        let message = std::ptr::from_ref(self);
        let (mut headers, mut index) = (std::ptr::null_mut(), 0);
        // SAFETY: the headers belong to the message; names are C strings in it, values have the length that is given.
        unsafe {
            if sys::rd_kafka_message_headers(message, &raw mut headers) != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return;
            }
            let (mut name, mut value, mut size) = (std::ptr::null(), std::ptr::null(), 0);
            while sys::rd_kafka_header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut size)
                == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
            {
                visit(&std::ffi::CStr::from_ptr(name).to_string_lossy(), slice(value.cast_mut(), size));
                index += 1;
            }
        }
    }
}

/// # Safety
/// `start` is null, or points to `length` bytes that live for `'m`.
unsafe fn slice<'m>(start: *mut std::ffi::c_void, length: usize) -> Option<&'m [u8]> {
    // SAFETY: the caller's.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast::<u8>().cast_const(), length) })
}
