//! The simulated service: a pure function from a seed to touchpoints, two bank hours (120 seconds) at a time.

use std::collections::BTreeMap;

use motmot_core::Timestamp;

use super::people::{Chance, Customer, Roster};
use super::queue;
use super::scenes;
use super::story::{Event, Story};

/// How much of the service one [`stretch`] is.
pub(crate) const STRETCH_MS: i64 = 120_000;

/// Two hours of service.
#[derive(Debug)]
pub(crate) struct Stretch {
    /// What happens, in the order in which it happens; the tail of some stories lies beyond the stretch's end.
    pub(crate) events: Vec<Event>,
    /// Who was there, by key.
    pub(crate) customers: BTreeMap<String, Customer>,
}

type Scene = fn(Customer, Timestamp) -> Story;

/// When each scene begins, in seconds; each comes again, with other people, in the second hour.
const SCENES: [(i64, Scene); 13] = [
    (1, scenes::good_visit),
    (3, scenes::no_name_given),
    (5, scenes::question_unanswered),
    (6, scenes::cash_machine_down),
    (9, scenes::nobody_asks),
    (11, scenes::complaint_unheard),
    (13, scenes::call_back_late),
    (16, scenes::not_verified),
    (20, scenes::angry_then_called),
    (24, scenes::handed_around),
    (30, scenes::sold_before_asked),
    (36, scenes::good_visit),
    (48, scenes::good_visit),
];

/// The `number`th two hours, beginning at `start`.
pub(crate) fn stretch(seed: u64, number: usize, start: Timestamp) -> Stretch {
    let mut chance = Chance::new(seed ^ (number as u64).wrapping_mul(0xa076_1d64_78bd_642f));
    // Far more numbers than a stretch has customers, so that nobody comes back.
    let mut roster = Roster::new(number * 1_000 + 17);
    let mut stories = queue::calls(&mut chance, &mut roster, start, STRETCH_MS - 15_000);
    for hour_ms in [0, 60_000] {
        for (at_seconds, scene) in SCENES {
            let late_ms = chance.between(0, 1_500);
            let vip = chance.between(0, 5) == 0;
            stories.push(scene(roster.customer(vip), start.plus(hour_ms + at_seconds * 1_000 + late_ms)));
        }
    }
    let mut stretch = Stretch { events: Vec::new(), customers: BTreeMap::new() };
    for story in stories {
        let (customer, events) = story.end();
        stretch.customers.insert(customer.key.clone(), customer);
        stretch.events.extend(events);
    }
    stretch.events.sort_by(|a, b| {
        let order = |event: &Event| event.touchpoint.occurred_at;
        order(a).cmp(&order(b)).then_with(|| a.touchpoint.event_id.cmp(&b.touchpoint.event_id))
    });
    stretch
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    #[test]
    fn the_same_seed_is_the_same_morning_and_another_is_not() {
        assert_eq!(stretch(1, 0, START).events, stretch(1, 0, START).events);
        assert_ne!(stretch(1, 0, START).events, stretch(2, 0, START).events);
        assert_ne!(stretch(1, 0, START).events, stretch(1, 1, START).events);
    }

    #[test]
    fn every_touchpoint_is_valid_and_has_an_id_of_its_own() {
        for seed in 0..20 {
            let events = stretch(seed, 1, START).events;
            let ids: BTreeSet<_> = events.iter().map(|event| (&event.key, event.touchpoint.event_id.as_str())).collect();
            assert_eq!(ids.len(), events.len());
            assert!(events.iter().all(|event| event.touchpoint.validate().is_ok()));
        }
    }

    #[test]
    fn a_customer_comes_in_one_stretch_only() {
        let customers = |number| stretch(1, number, START).customers.into_keys().collect::<BTreeSet<_>>();
        assert!(customers(0).is_disjoint(&customers(1)));
    }
}
