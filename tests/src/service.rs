//! A simulated service for tests of the worker: the same touchpoints whenever it is asked, with everything that goes wrong in life.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "support of tests: failing is its way to speak")]

use std::sync::Arc;

use motmot_core::touchpoint::{Outcome, Stage};
use motmot_core::{Strategy, Text, Timestamp, Touchpoint};
use motmot_wire::Writer;

use crate::kafka::Out;

/// Promises that this service breaks now and then.
pub const STRATEGY: &str = "
strategy: test-service
cycles: [{inactivity: 10m, grace: 1m}]
rules:
  - {id: slow, kind: slow, from: {stage: need_detection}, to: {stage: fulfilment}, limit: 60s, dimension: responsiveness, severity: page}
  - {id: unchecked, kind: missing, expects: {stage: verification}, dimension: reliability}
  - {id: gone, kind: abandoned, dimension: reliability}
";

/// The strategy above, loaded.
pub fn strategy() -> Arc<Strategy> {
    Arc::new(Strategy::load("test", STRATEGY).unwrap_or_else(|problems| panic!("{problems}")))
}

/// Numbers that look random and are the same in every run.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Another seed, other numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 >> 1).unwrap_or(0) % limit
    }
}

/// How long after their `begin` every deadline of [`records`] has passed, in ms.
pub const ALL_OVER: i64 = 5_400_000;

/// Records of `cycles` cycles that begin within an hour after `begin` (ms), in the order of arrival: some abandoned, some never
/// verified, some slow, one in twenty late by seconds, one in thirty twice.
pub fn records(seed: u64, cycles: usize, begin: i64) -> Vec<Out> {
    let mut dice = Dice::new(seed);
    let mut touchpoints = Vec::new();
    for cycle in 0..cycles {
        let key = format!("customer-{}", dice.below(i64::try_from(cycles).unwrap_or(i64::MAX) / 2 + 1));
        let mut at = begin + dice.below(3_600_000);
        let ends_after = if dice.below(10) == 0 { dice.below(4) } else { 4 };
        for (position, stage) in Stage::ALL.iter().enumerate() {
            if i64::try_from(position).unwrap_or(0) > ends_after || (*stage == Stage::Verification && dice.below(8) == 0) {
                continue;
            }
            at += dice.below(80_000);
            let arrived_at = at + if dice.below(20) == 0 { dice.below(20_000) } else { dice.below(200) };
            touchpoints.push((arrived_at, key.clone(), touchpoint(&format!("cycle-{cycle}"), *stage, at)));
            if dice.below(30) == 0 {
                touchpoints.push((
                    arrived_at + dice.below(5_000),
                    key.clone(),
                    touchpoint(&format!("cycle-{cycle}"), *stage, at),
                ));
            }
        }
    }
    touchpoints.sort_by_key(|(arrived_at, ..)| *arrived_at);
    let mut writer = Writer::new();
    touchpoints.iter().map(|(arrived_at, key, touchpoint)| out(&mut writer, key, touchpoint, *arrived_at)).collect()
}

/// A record of a touchpoint.
pub fn out(writer: &mut Writer, key: &str, touchpoint: &Touchpoint<'_>, arrived_at: i64) -> Out {
    let value = Some(encoded(writer, touchpoint));
    Out { key: Some(key.as_bytes().to_vec()), value, timestamp: arrived_at, ..Out::default() }
}

/// A touchpoint's record value.
pub fn encoded(writer: &Writer, touchpoint: &Touchpoint<'_>) -> Vec<u8> {
    let mut value = Vec::new();
    writer.touchpoint(touchpoint, &mut value).unwrap_or_else(|e| panic!("{e}"));
    value
}

/// A plain touchpoint; its event id is its cycle and its stage.
pub fn touchpoint(cycle_id: &str, stage: Stage, at: i64) -> Touchpoint<'static> {
    let outcome = if stage == Stage::Greeting { Outcome::None } else { Outcome::Met };
    let event_id = format!("{cycle_id}-{stage}");
    Touchpoint {
        cycle_id: Some(Text::owned(cycle_id.to_owned())),
        ..Touchpoint::new(event_id, Timestamp::from_millis(at), stage, outcome, "phone", "north")
    }
}
