//! The client of a schema registry: Confluent's REST interface, as Confluent's own server, Apicurio, Karapace and Redpanda speak it.
//!
//! A crate of its own, because worker, desk and commands all need it, and neither the wire crate (which knows no network) nor any of
//! these should have what the others need. What it must never do: guess. A number whose schema nobody knows is *not yet* known, however
//! long that takes; only a registry's own word makes it a dead letter. It never shows a password or a token.
//!
//! Where to start reading: [`config`] (what it is told), [`Registry`] (numbers in, schemas out, asked once), `answer` (what a response
//! means: a pure function), `http` (one question, to one server after another).

mod answer;
pub mod config;
mod error;
mod http;
mod metrics;
mod registry;

pub use config::{Credentials, RegistryConfig, Secret};
pub use error::RegistryError;
pub use registry::{Registry, Waiting, subject};
