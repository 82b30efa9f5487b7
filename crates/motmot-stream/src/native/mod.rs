//! The only unsafe code of the project: what librdkafka offers and rdkafka does not wrap.
//!
//! Each file wraps one thing behind a safe interface and says why the wrapping holds.

mod batch;
mod committed;
mod flush;
mod generation;
mod topic_id;
mod watermark;

pub(crate) use batch::{BatchQueue, RecordError};
pub(crate) use committed::metadata;
pub(crate) use flush::flush;
pub(crate) use generation::generation;
pub(crate) use topic_id::topic_id;
pub(crate) use watermark::high_watermark;
