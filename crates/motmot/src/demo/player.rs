//! Plays the scenes of an example: a pure function from a seed to touchpoints.

use std::collections::BTreeMap;

use motmot_core::touchpoint::{Actor, Audience, Initiator, Intent, Promise, Stage};
use motmot_core::{Text, Timestamp, Touchpoint};

use super::morning::Stretch;
use super::people::{Chance, Customer, Roster};
use super::story::Event;
use super::template::{Scene, Service, Span, Touch};

/// The `number`th stretch of the service, from `start` on: who comes in `length_ms`, and all that will happen to them.
pub(super) fn stretch(service: &Service, seed: u64, number: usize, start: Timestamp, length_ms: i64) -> Stretch {
    let mut chance = Chance::new(seed ^ (number as u64).wrapping_mul(0xa076_1d64_78bd_642f));
    // Far more numbers than a stretch has customers, so that nobody comes back but in their own scene.
    let mut roster = Roster::new(number * 1_000 + 17);
    let mut stretch = Stretch { events: Vec::new(), customers: BTreeMap::new() };
    let mut deck: Vec<&Scene> = Vec::new();
    let mut at_ms = 0;
    while at_ms < length_ms {
        // Every scene comes as often as its share says, in an order of chance.
        if deck.is_empty() {
            deck = service.scenes.iter().flat_map(|scene| (0..scene.share).map(move |_| scene)).collect();
        }
        if deck.is_empty() {
            break;
        }
        let scene = deck.swap_remove(chance.below(deck.len()));
        let (customer, events) = Player::new(scene, &mut chance, &mut roster).play(scene, start.plus(at_ms), &mut chance);
        stretch.customers.insert(customer.key.clone(), customer);
        stretch.events.extend(events);
        at_ms += span(service.every, &mut chance).max(1);
    }
    stretch.events.sort_by(|a, b| {
        let order = |event: &Event| event.touchpoint.occurred_at;
        order(a).cmp(&order(b)).then_with(|| a.touchpoint.event_id.cmp(&b.touchpoint.event_id))
    });
    stretch
}

/// One customer in a scene.
struct Player {
    customer: Customer,
    segment: Option<String>,
    need: Option<String>,
}

impl Player {
    fn new(scene: &Scene, chance: &mut Chance, roster: &mut Roster) -> Self {
        let segment = one_of(&scene.segments, chance);
        let vip = segment.as_deref() == Some("vip");
        let customer = if scene.anonymous { roster.stranger() } else { roster.customer(vip) };
        Self { customer, segment, need: one_of(&scene.needs, chance) }
    }

    fn play(self, scene: &Scene, start: Timestamp, chance: &mut Chance) -> (Customer, Vec<Event>) {
        let mut at = start;
        let mut events = Vec::new();
        for (number, touch) in scene.touchpoints.iter().enumerate() {
            at = at.plus(span(touch.after, chance));
            events.push(self.touchpoint(scene, touch, number + 1, at, chance));
        }
        (self.customer, events)
    }

    fn touchpoint(&self, scene: &Scene, touch: &Touch, number: usize, at: Timestamp, chance: &mut Chance) -> Event {
        let key = &self.customer.key;
        let text = |text: &str| Text::owned(text.to_owned());
        let own = |name: &str| Text::owned(format!("{key}-{name}"));
        let cycle_id = |cycle: Option<&String>| match (cycle, scene.anonymous) {
            (Some(cycle), _) => own(cycle),
            // The key of who gave no name is the cycle.
            (None, true) => text(key),
            (None, false) => own("first"),
        };
        let channel = touch.channel.clone().unwrap_or_else(|| scene.channel.clone());
        let event_id = format!("{key}-{number}");
        let mut touchpoint = Touchpoint::new(event_id, at, touch.stage, touch.outcome, channel, scene.site.clone());
        touchpoint.cycle_id = Some(cycle_id(touch.cycle.as_ref()));
        touchpoint.intent = Some(touch.intent.unwrap_or(Intent::Request));
        touchpoint.team = touch.team.as_deref().or(scene.team.as_deref()).map(text);
        let actor = |by: &super::template::By| Actor { kind: by.kind, id: Some(text(&by.id)), named: by.named };
        touchpoint.actor = touch.by.as_ref().map(actor);
        let speaks_of_it = ![Stage::Greeting, Stage::Farewell].contains(&touch.stage);
        touchpoint.need = touch.need.as_deref().or(self.need.as_deref().filter(|_| speaks_of_it)).map(text);
        touchpoint.rating = touch.rating;
        touchpoint.waited_ms = touch.waited.map(|wait| span(wait, chance));
        touchpoint.announced_wait_ms = touch.announced.map(|wait| span(wait, chance));
        touchpoint.kept_promises.extend(touch.keeps.as_deref().map(own));
        touchpoint.added_value.extend(touch.adds.as_deref().map(text));
        touchpoint.door_open = touch.door;
        if let Some(pledge) = &touch.promises {
            let due_at = at.plus(span(pledge.within, chance));
            touchpoint.promises.push(Promise { promise_id: own(&pledge.kind), kind: text(&pledge.kind), due_at });
        }
        if touch.company {
            touchpoint.initiated_by = Initiator::Company;
        }
        if let Some(department) = &touch.department {
            touchpoint.audience = Audience::Internal;
            touchpoint.serves = Some(cycle_id(None));
            touchpoint.customer_id = Some(text(department));
            return Event { key: department.clone(), touchpoint };
        }
        touchpoint.segment = self.segment.as_deref().map(text);
        touchpoint.customer_id = self.customer.name.is_some().then(|| text(key));
        Event { key: key.clone(), touchpoint }
    }
}

fn span(span: Span, chance: &mut Chance) -> i64 {
    chance.between(span.low_ms, span.high_ms)
}

fn one_of(list: &[String], chance: &mut Chance) -> Option<String> {
    list.get(chance.below(list.len())).cloned()
}
