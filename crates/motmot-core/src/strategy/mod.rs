//! The service strategy: what a company promises its customers, as rules.
//!
//! [`Strategy::load`] reads the file (its reference is `docs/strategy.md`) into the types of this module, or says
//! everything that is wrong with it. [`calendar`] knows business hours. Nothing here looks at a clock or at a cycle:
//! what the rules mean for one is the engine's.

pub mod calendar;
pub mod diff;
mod filter;
mod hash;
mod load;
mod model;
mod words;

pub use filter::*;
pub use model::*;

/// The JSON Schema (2020-12) of the strategy file, for editors. It knows the form; what it cannot know (a segment without a
/// limit, two rules with one id …) is told by [`Strategy::load`].
pub const SCHEMA: &str = include_str!("../../../../schemas/strategy.schema.json");
