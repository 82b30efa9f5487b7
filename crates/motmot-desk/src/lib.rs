//! The read side of motmot: what is open now, as gauges that page.
//!
//! The desk follows the table `motmot.moments` and holds the open ones in memory. Alerts rest on its gauges and not on the
//! worker's: a dead worker's series would go stale, and stale looks like "served". It writes nothing, joins no group and keeps
//! no state on disk: what is lost is read again. Two desks side by side need not know of each other.
//!
//! Where to start reading: `table` (the open moments; pure), `follower` (the thread that reads the topic), `metrics` (all
//! that is told to Prometheus), [`alerts`] (the rules that are rendered from a strategy).

pub mod alerts;
mod config;
mod desk;
mod error;
mod follower;
mod labels;
mod metrics;
mod recent;
mod table;
#[cfg(test)]
mod testing;

pub use config::DeskConfig;
pub use desk::{Desk, DeskHandle};
pub use error::{DeskError, Trouble};
pub use table::{Change, Transition};
