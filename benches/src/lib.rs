//! What the benches share: a morning at a call centre, as touchpoints.

use motmot_core::codec;
use motmot_core::touchpoint::{Actor, ActorKind, Outcome, Stage};
use motmot_core::{Text, Timestamp, Touchpoint};

/// A record of the input: its key, its arrival, and the touchpoint in compact form.
#[derive(Debug)]
pub struct Record {
    /// The customer.
    pub key: String,
    /// Arrival.
    pub arrived_at: Timestamp,
    /// `motmot_core::codec` form.
    pub touchpoint: Vec<u8>,
}

/// `cycles` calls, one beginning each 300 ms, five touchpoints each, some hundreds of them open at once; every seventh caller waits too
/// long, every tenth hangs up. In order of arrival. Always the same.
pub fn calls(cycles: u32) -> Vec<Record> {
    let mut records: Vec<Record> = (0..cycles).flat_map(call).collect();
    records.sort_by_key(|record| record.arrived_at);
    records
}

/// One call, in the order of arrival.
pub fn call(number: u32) -> Vec<Record> {
    let start = i64::from(number) * 300;
    let waited = if number.is_multiple_of(7) { 130_000 } else { 20_000 };
    let left = number % 10 == 3;
    let steps = [
        (Stage::Greeting, 0, Outcome::Met),
        (Stage::NeedDetection, 9_000, Outcome::Met),
        (Stage::Fulfilment, 9_100, Outcome::Pending),
        (Stage::Fulfilment, 9_100 + waited, Outcome::Met),
        (Stage::Farewell, 190_000 + waited, if left { Outcome::Unmet } else { Outcome::Met }),
    ];
    let (key, cycle) = (format!("c{:07}", u64::from(number) * 7_919 % 200_000), format!("AA01-{number}"));
    let record = |(position, (stage, after, outcome)): (usize, (Stage, i64, Outcome))| {
        let event_id = format!("{number:08x}{position:08x}");
        let occurred_at = Timestamp::from_millis(920_000_000_000 + start + after);
        let met = stage == Stage::Fulfilment && outcome == Outcome::Met;
        let kind = if met { ActorKind::Person } else { ActorKind::System };
        let touchpoint = Touchpoint {
            seq: Some(i64::from(number)),
            customer_id: Some(Text::borrowed(&key)),
            cycle_id: Some(Text::borrowed(&cycle)),
            team: Some(Text::borrowed(if met { "agents" } else { "vru" })),
            actor: Some(Actor { kind, id: met.then_some(Text::borrowed("MICHAL")), named: false }),
            need: (position > 0).then_some(Text::borrowed("PS")),
            segment: Some(Text::borrowed(if number.is_multiple_of(20) { "vip" } else { "regular" })),
            waited_ms: met.then_some(waited),
            announced_wait_ms: (outcome == Outcome::Pending).then_some(120_000),
            ..Touchpoint::new(event_id, occurred_at, stage, outcome, "phone", "voice")
        };
        let mut encoded = Vec::new();
        codec::encode(&touchpoint, &mut encoded);
        Record { key: key.clone(), arrived_at: occurred_at.plus(40), touchpoint: encoded }
    };
    steps.into_iter().enumerate().map(record).collect()
}

/// The strategy that the benches judge by: ten rules of a telephone bank.
pub const STRATEGY: &str = include_str!("strategy.yaml");
