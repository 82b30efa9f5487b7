//! The service strategy: what a company promises its customers, as rules.

pub mod calendar;
mod model;

pub use model::*;
