//! One customer's service cycle, told touchpoint by touchpoint.

use motmot_core::touchpoint::{Actor, ActorKind, Intent, Outcome, Promise, Stage};
use motmot_core::{Text, Timestamp, Touchpoint};

use super::people::Customer;

/// A touchpoint of the simulation and its record's key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// The record's key.
    pub(crate) key: String,
    /// What happened; `occurred_at` says when to send it.
    pub(crate) touchpoint: Touchpoint<'static>,
}

/// Where a cycle takes place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) channel: &'static str,
    pub(super) site: &'static str,
    pub(super) team: &'static str,
}

pub(super) const PHONE: Place = Place { channel: "phone", site: "call-centre", team: "agents" };
pub(super) const CHAT: Place = Place { channel: "chat", site: "call-centre", team: "chat-desk" };
pub(super) const HARBOUR: Place = Place { channel: "branch", site: "harbour-street", team: "counter" };
pub(super) const MARKET: Place = Place { channel: "branch", site: "old-market", team: "counter" };

/// Whom or what the customer meets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    /// Somebody who says their name.
    Named(&'static str),
    /// Somebody who does not.
    Unnamed(&'static str),
    /// A system.
    System(&'static str),
    /// The surroundings: a machine, a sign, a queue.
    Surroundings(&'static str),
}

/// A cycle in the making.
#[derive(Debug)]
pub(super) struct Story {
    place: Place,
    customer: Customer,
    /// None: the branch knows no cycle ids; the engine assembles.
    cycle_id: Option<String>,
    need: &'static str,
    start: Timestamp,
    events: Vec<Event>,
}

impl Story {
    /// A cycle that begins at `start`. Calls and chats have an id, visits have none.
    pub(super) fn new(place: Place, customer: Customer, need: &'static str, start: Timestamp) -> Self {
        let cycle_id = (place.channel != "branch").then(|| format!("{}-{}", place.channel, customer.key));
        Self { place, customer, cycle_id, need, start, events: Vec::new() }
    }

    /// The next touchpoint, `at_ms` after the start. What else it carries is set on the result.
    pub(super) fn touch(&mut self, at_ms: i64, stage: Stage, outcome: Outcome, who: Who) -> &mut Touchpoint<'static> {
        let (kind, id, named) = match who {
            Who::Named(id) => (ActorKind::Person, id, true),
            Who::Unnamed(id) => (ActorKind::Person, id, false),
            Who::System(id) => (ActorKind::System, id, true),
            Who::Surroundings(id) => (ActorKind::Surroundings, id, false),
        };
        let text = |text: &str| Text::owned(text.to_owned());
        let number = self.events.len() + 1;
        let event_id = format!("{}-{}-{number}", self.customer.key, self.place.channel);
        let at = self.start.plus(at_ms);
        let mut touchpoint = Touchpoint::new(event_id, at, stage, outcome, self.place.channel, self.place.site);
        touchpoint.customer_id = self.customer.name.is_some().then(|| text(&self.customer.key));
        touchpoint.cycle_id = self.cycle_id.as_deref().map(text);
        touchpoint.intent = Some(Intent::Request);
        touchpoint.team = Some(Text::borrowed(self.place.team));
        touchpoint.actor = Some(Actor { kind, id: Some(Text::borrowed(id)), named });
        touchpoint.need = (stage != Stage::Greeting && stage != Stage::Farewell).then(|| Text::borrowed(self.need));
        touchpoint.segment = Some(Text::borrowed(if self.customer.vip { "vip" } else { "regular" }));
        touchpoint.door_open = (stage == Stage::Farewell).then_some(outcome != Outcome::Unmet);
        // Not `last_mut`: `push` then cannot be followed by an absent last.
        let at = self.events.len();
        self.events.push(Event { key: self.customer.key.clone(), touchpoint });
        #[allow(clippy::indexing_slicing)] // pushed on the line above
        &mut self.events[at].touchpoint
    }

    /// A promise with an id of its own, due `due_ms` after the start.
    pub(super) fn promise(&self, kind: &'static str, due_ms: i64) -> Promise<'static> {
        Promise { promise_id: self.promise_id(kind), kind: Text::borrowed(kind), due_at: self.start.plus(due_ms) }
    }

    /// The id of this customer's promise of a kind.
    pub(super) fn promise_id(&self, kind: &str) -> Text<'static> {
        Text::owned(format!("{}-{kind}", self.customer.key))
    }

    /// All that happened.
    pub(super) fn end(self) -> (Customer, Vec<Event>) {
        (self.customer, self.events)
    }
}
