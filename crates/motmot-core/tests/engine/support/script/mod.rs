//! Scripts: what happened to a customer, line by line, and what motmot says to it.
//!
//! A script is a text file that a service manager can read and write; `scripts/README.txt` explains the words. [`parse`] reads
//! one; `play` plays it through the engine and the oracle, `tests/tests/concepts_live.rs` through a worker and a replay.

mod parse;
pub(crate) mod words;

pub(crate) use parse::{blank, parse, read};

use motmot_core::Touchpoint;

/// One file.
pub(crate) struct Script {
    /// The service strategy, in YAML.
    pub(crate) strategy: String,
    /// What is played, each from the beginning.
    pub(crate) scenarios: Vec<Scenario>,
}

/// One story under the file's strategy.
#[derive(Default)]
pub(crate) struct Scenario {
    /// In words.
    pub(crate) title: String,
    /// The day of its first line, in ms: other days are told with their date.
    pub(crate) day: i64,
    /// Whether cycles are told, too, not only moments.
    pub(crate) with_cycles: bool,
    /// Whether the verdicts of final cycles are told in the end.
    pub(crate) with_verdicts: bool,
    /// Whether a moment is told with whom it is owed to, and with its dimension.
    pub(crate) with_sides: bool,
    /// Whether all orders of arrival must come to the same end.
    pub(crate) any_order: bool,
    /// What happens.
    pub(crate) steps: Vec<Step>,
}

/// One line, and what is told after it.
pub(crate) struct Step {
    /// Its number in the file.
    pub(crate) number: usize,
    /// What happens.
    pub(crate) action: Action,
    /// What must be told, in canonical words.
    pub(crate) expected: Vec<String>,
}

/// What a line says.
pub(crate) enum Action {
    /// A touchpoint arrives.
    Arrival(Box<Arrival>),
    /// The clock moves, and nothing else happens.
    Clock(i64),
    /// A record arrives that carries no touchpoint.
    DeadLetter(i64),
    /// Every deadline runs out; what is expected is all that the tables hold then, not what was told.
    End(i64),
}

impl Action {
    /// When it happens, in ms.
    pub(crate) fn at(&self) -> i64 {
        match self {
            Self::Clock(at) | Self::DeadLetter(at) | Self::End(at) => *at,
            Self::Arrival(arrival) => arrival.arrived_at,
        }
    }
}

/// A touchpoint that arrives.
#[derive(Clone)]
pub(crate) struct Arrival {
    /// The record's key.
    pub(crate) key: String,
    /// When it arrives, in ms.
    pub(crate) arrived_at: i64,
    /// Whether the key is the customer's; else it is the cycle's.
    pub(crate) known: bool,
    /// What it says.
    pub(crate) touchpoint: Touchpoint<'static>,
}

/// The key of a line that names no customer.
pub(crate) const CUSTOMER: &str = "anna";
/// The cycle of a line that names none.
pub(crate) const CYCLE: &str = "visit";
