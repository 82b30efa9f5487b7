//! Writing one line.

use motmot_core::touchpoint::{Audience, Initiator};
use motmot_core::{Text, Touchpoint};
use serde::{Serialize, Serializer};

use crate::arrived::{ARRIVED_AT, Arrived};

/// Appends a touchpoint as a line, with its line feed. What is absent, empty or at its default is left out.
///
/// # Errors
/// Never for a touchpoint that is valid.
pub fn write_json_line(arrived: &Arrived<'_>, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let t = &arrived.touchpoint;
    out.push(b'{');
    field(out, "event_id", &t.event_id)?;
    field(out, "occurred_at", &t.occurred_at)?;
    optional(out, ARRIVED_AT, &arrived.arrived_at)?;
    optional(out, "seq", &t.seq)?;
    optional(out, "customer_id", &t.customer_id)?;
    optional(out, "cycle_id", &t.cycle_id)?;
    field(out, "stage", &t.stage)?;
    optional(out, "intent", &t.intent)?;
    optional(out, "initiated_by", &(t.initiated_by != Initiator::Customer).then_some(t.initiated_by))?;
    field(out, "channel", &t.channel)?;
    field(out, "site", &t.site)?;
    optional(out, "team", &t.team)?;
    optional(out, "actor", &t.actor)?;
    optional(out, "need", &t.need)?;
    field(out, "outcome", &t.outcome)?;
    optional(out, "segment", &t.segment)?;
    optional(out, "audience", &(t.audience != Audience::External).then_some(t.audience))?;
    optional(out, "serves", &t.serves)?;
    measures(t, out)?;
    out.extend_from_slice(b"}\n");
    Ok(())
}

fn measures(t: &Touchpoint<'_>, out: &mut Vec<u8>) -> serde_json::Result<()> {
    optional(out, "waited_ms", &t.waited_ms)?;
    optional(out, "announced_wait_ms", &t.announced_wait_ms)?;
    optional(out, "rating", &t.rating)?;
    optional(out, "sentiment", &t.sentiment)?;
    list(out, "promises", &t.promises)?;
    list(out, "kept_promises", &t.kept_promises)?;
    list(out, "added_value", &t.added_value)?;
    optional(out, "door_open", &t.door_open)?;
    optional(out, "attributes", &Some(Attributes(&t.attributes)).filter(|attributes| !attributes.0.is_empty()))
}

fn field(out: &mut Vec<u8>, name: &str, value: &impl Serialize) -> serde_json::Result<()> {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    serde_json::to_writer(out, value)
}

fn optional(out: &mut Vec<u8>, name: &str, value: &Option<impl Serialize>) -> serde_json::Result<()> {
    value.as_ref().map_or(Ok(()), |value| field(out, name, value))
}

fn list(out: &mut Vec<u8>, name: &str, entries: &[impl Serialize]) -> serde_json::Result<()> {
    if entries.is_empty() { Ok(()) } else { field(out, name, &entries) }
}

struct Attributes<'t>(&'t [(Text<'t>, Text<'t>)]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
