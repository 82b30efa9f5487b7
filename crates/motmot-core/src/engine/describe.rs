//! A row of state as a person reads it. For inspection only: nothing is computed from it.

use serde::Serialize;

use crate::codec::Damaged;
use crate::moment::MomentState;
use crate::strategy::Strategy;
use crate::time::Timestamp;
use crate::touchpoint::Touchpoint;

use super::cycle::Cycle;
use super::port::RowId;
use super::row;
use super::shelf::{Body, Customer};

/// What a row holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description<'r> {
    /// The records' key.
    pub key: String,
    /// The cycle; none: it is the key's own row.
    pub cycle_id: Option<String>,
    /// When the engine wants it back; none: never.
    pub wake_at: Option<Timestamp>,
    /// What it is.
    #[serde(flatten)]
    pub form: Form<'r>,
}

/// What a row is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Form<'r> {
    /// A cycle that can still be amended, or has not been collected.
    Cycle {
        /// How many-eth of this id.
        instance: i32,
        /// It was cut out of a key's touchpoints without a cycle id.
        assembled: bool,
        /// Touchpoints or moments of it were left out.
        truncated: bool,
        /// In the cycle's order, each with its offset.
        touchpoints: Vec<(i64, Touchpoint<'r>)>,
        /// What was told of it last.
        moments: Vec<Told>,
    },
    /// What is left of a final cycle.
    Remains {
        /// How many-eth of this id.
        instance: i32,
        /// Since when nothing amends it.
        final_at: Timestamp,
    },
    /// What a key's cycles have in common.
    Customer {
        /// The assembled cycles that are not final.
        assembled: Vec<String>,
        /// The cycles of the customer's file, the oldest first: id, instance, when it began.
        file: Vec<(String, i32, Timestamp)>,
    },
}

/// A moment as it was told last.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// The rule.
    pub rule: String,
    /// The state.
    pub state: MomentState,
    /// Its own instant.
    pub raised_at: Timestamp,
    /// Until when it stays open if nothing ends it.
    pub expires_at: Timestamp,
}

/// Reads a row's value and hands it to `visit`.
///
/// # Errors
/// When it is damaged, of another version, or of another strategy than `strategy`.
pub fn describe<T>(
    row: RowId<'_>,
    value: &[u8],
    strategy: &Strategy,
    visit: impl FnOnce(&Description<'_>) -> T,
) -> Result<T, Damaged> {
    let (body, wake_at) = row::read(row.key, row.cycle_id, value, strategy)?;
    let form = match &body {
        Body::Cycle(cycle) => of_cycle(cycle, strategy),
        Body::Remains(remains) => Form::Remains { instance: remains.instance, final_at: remains.final_at },
        Body::Customer(customer) => of_customer(customer),
    };
    let wake_at = (wake_at != Timestamp::MAX).then_some(wake_at);
    Ok(visit(&Description { key: row.key.to_owned(), cycle_id: row.cycle_id.map(str::to_owned), wake_at, form }))
}

fn of_cycle<'c>(cycle: &'c Cycle, strategy: &Strategy) -> Form<'c> {
    let told = cycle.told.iter().map(|told| Told {
        rule: strategy.rules.get(told.rule).map_or_else(String::new, |rule| rule.id.clone()),
        state: told.state,
        raised_at: told.raised_at,
        expires_at: told.expires_at,
    });
    let offsets = cycle.touchpoints.entries().iter().map(|entry| entry.offset);
    Form::Cycle {
        instance: cycle.instance,
        assembled: cycle.assembled,
        truncated: cycle.truncated,
        touchpoints: offsets.zip(cycle.touchpoints.iter()).collect(),
        moments: told.collect(),
    }
}

fn of_customer(customer: &Customer) -> Form<'static> {
    let file = customer.file.entries.iter().map(|entry| (entry.id.to_string(), entry.instance, entry.facts.opened_at));
    Form::Customer { assembled: customer.assembled.iter().map(ToString::to_string).collect(), file: file.collect() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cycle::CycleRecord;
    use crate::engine::{NoCold, Position, Sink};
    use crate::moment::Moment;
    use crate::touchpoint::{Outcome, Stage};
    use crate::{Engine, Text};

    const STRATEGY: &str = "strategy: one\ncycles: [{inactivity: 10m, grace: 1m}]\nrules:\n  - {id: gone, kind: abandoned, dimension: reliability}\n";

    struct Nobody;

    impl Sink for Nobody {
        fn moment(&mut self, _: &Moment<'_>, _: &[i64]) {}
        fn cycle(&mut self, _: &CycleRecord<'_>, _: &[i64]) {}
        fn cycle_gone(&mut self, _: &str, _: &str) {}
    }

    #[test]
    fn a_row_says_what_was_folded_into_it() {
        let strategy = Arc::new(Strategy::load("test", STRATEGY).unwrap());
        let mut engine = Engine::new(Arc::clone(&strategy), NoCold, Position::START);
        let at = Timestamp::from_millis(1_000);
        let touchpoint = Touchpoint {
            cycle_id: Some(Text::from("c1")),
            ..Touchpoint::new("e1", at, Stage::Greeting, Outcome::Met, "phone", "north")
        };
        engine.apply("ann", &touchpoint, at, 42, &mut Nobody).unwrap();
        engine.advance(at, usize::MAX, &mut Nobody).unwrap();
        let mut rows = Vec::new();
        engine.checkpoint(&mut |change| {
            let described = describe(change.row, change.value.unwrap(), &strategy, |row| format!("{row:?}")).unwrap();
            assert!(describe(change.row, b"garbage", &strategy, |_| ()).is_err());
            rows.push(described);
        });
        let cycle = rows.iter().find(|row| row.contains("Cycle")).unwrap();
        for word in ["\"ann\"", "\"c1\"", "(42, Touchpoint", "\"e1\"", "Greeting", "wake_at: Some"] {
            assert!(cycle.contains(word), "{word} is missing in {cycle}");
        }
    }
}
