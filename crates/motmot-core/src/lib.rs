//! The pure engine of motmot.
//!
//! `view = f(events[..offset], now, strategy)`: this crate is that `f`. It reads no clock, no file and no network, draws no
//! random number and iterates over no randomly ordered map; its dependency list is checked by a test.
//!
//! Where to start reading: [`touchpoint`] (what comes in), [`strategy`] (what was promised), [`engine`] (the fold),
//! [`moment`] and [`cycle`] (what goes out).

pub mod codec;
pub mod cycle;
pub mod engine;
pub mod moment;
pub mod strategy;
pub mod text;
pub mod time;
pub mod touchpoint;
pub mod yaml;

pub use engine::{Engine, Verdict};
pub use moment::Moment;
pub use strategy::Strategy;
pub use text::Text;
pub use time::Timestamp;
pub use touchpoint::Touchpoint;
