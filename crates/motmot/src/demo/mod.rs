//! `motmot demo`: a simulated morning in a bank, and the whole of motmot around it, in one process with no other server.
//!
//! [`morning`] makes the touchpoints out of a seed (pure), [`source`] plays them into [`broker`], the real worker and the real desk do
//! the rest, and [`narrator`] tells what the desk hears.

mod broker;
mod morning;
mod narrator;
mod people;
mod queue;
mod run;
mod scenes;
mod source;
mod story;
#[cfg(test)]
mod tests;

use motmot_core::Timestamp;

pub(crate) use run::run;

/// What the bank promises its customers.
const STRATEGY: &str = include_str!("../../../../examples/demo/strategy.yaml");

/// The demo's clock.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
