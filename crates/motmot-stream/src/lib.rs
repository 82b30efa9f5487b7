//! The worker: touchpoints from Kafka through the engine and the store to the tables of moments and cycles, exactly once.
//!
//! What it must never do: tell an output without committing the offset that it rests on, write a store ahead of the commit, let a
//! wall clock into the engine, or drop a record without a count.
//!
//! Where to start reading: [`config`] (what it is told), [`worker`](Worker) (threads), `port` (what a shard needs of the world) and `kafka`
//! (the world), `shard` (the loop: take, fold, tell, commit, checkpoint, swap the strategy), `start` (how a partition is taken over), `outbox` (transactions), [`strategies`] (texts and swaps in
//! their topic), [`topics`] (what topics must be like), [`topic_reader`] (reading a topic from there to there, for a replay).

/// Whether the simulator's tests have planted this fault here: never in a release.
macro_rules! planted {
    ($fault:ident) => {{
        #[cfg(test)]
        let is_planted = crate::simulator::planted::is(crate::simulator::planted::Planted::$fault);
        #[cfg(not(test))]
        let is_planted = false;
        is_planted
    }};
}

mod client;
mod clock;
pub mod config;
mod context;
mod error;
mod interrupt;
mod kafka;
mod metadata;
mod metrics;
mod native;
mod outbox;
pub mod partitioner;
mod patience;
mod port;
pub mod rebuild;
mod shard;
#[cfg(test)]
mod simulator;
mod start;
pub mod strategies;
pub mod topic_reader;
pub mod topics;
mod worker;

pub use clock::Clock;
pub use config::{InputTimestamps, KafkaConfig, TopicNames, WorkerConfig};
pub use error::WorkerError;
pub use start::Refusal;
pub use topic_reader::{Bound, TopicReader, TopicRecord};
pub use topics::{Creation, TopicReport, create_and_check};
pub use worker::{Health, Shutdown, StrategySwitch, Worker};
