//! Chaos on a real Kafka: three brokers and several workers as processes, a service that goes on, faults by a seed, and a verifier that
//! believes nothing.
//!
//! One file a concept: [`cluster`] (the brokers), [`fleet`] (the workers, supervised as systemd would), [`load`] (the service that
//! writes touchpoints), [`deck`] (which fault comes next), [`agenda`] (doing it, and undoing it later), [`run`] (the whole), and
//! [`verify`] (what was told, held against what was written). The tools are `tests/tests/chaos.rs`, which is run by its name
//! (`cargo test -p motmot-tests --test chaos`), and `cargo run -p motmot-tests --bin chaos`, as long as one likes.
//!
//! The seed fixes which faults come in which order, and what the service writes. It does not fix the instants at which they meet: those
//! are the machine's. A fault that was found is cornered by its log, not by its seed alone.

pub mod agenda;
pub mod cluster;
pub mod deck;
pub mod diary;
pub mod fleet;
pub mod load;
pub mod run;
pub mod strategy;
pub mod verify;
