//! Touchpoints with each field at its bounds, beyond them, and of each kind: what a reader refuses by a field's value, and what it grows by.

use motmot_core::touchpoint::{Actor, ActorKind, Audience, Initiator, Intent, Outcome, Promise, Stage};
use motmot_core::{Timestamp, Touchpoint};

type Field = fn(&mut Touchpoint<'static>, String);

/// Every field that is a text; a list gets one entry more.
const TEXTS: [Field; 14] = [
    |t, text| t.event_id = text.into(),
    |t, text| t.customer_id = Some(text.into()),
    |t, text| t.cycle_id = Some(text.into()),
    |t, text| t.channel = text.into(),
    |t, text| t.site = text.into(),
    |t, text| t.team = Some(text.into()),
    |t, text| t.need = Some(text.into()),
    |t, text| t.segment = Some(text.into()),
    |t, text| t.serves = Some(text.into()),
    |t, text| t.actor = Some(Actor { kind: ActorKind::Person, id: Some(text.into()), named: true }),
    |t, text| t.promises.push(promise(text, t.occurred_at)),
    |t, text| t.kept_promises.push(text.into()),
    |t, text| t.added_value.push(text.into()),
    |t, text| t.attributes.push((text.clone().into(), text.into())),
];

/// Those of them that are lists.
const LISTS: usize = 4;

fn promise(text: String, due_at: Timestamp) -> Promise<'static> {
    Promise { promise_id: text.clone().into(), kind: text.into(), due_at }
}

/// All of them, each with one thing that is unusual.
pub(crate) fn touchpoints(plain: &Touchpoint<'static>) -> Vec<Touchpoint<'static>> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Touchpoint<'static>)| {
        let mut one = plain.clone();
        change(&mut one);
        all.push(one);
    };
    // Of each length that a buffer may grow at, in bytes of one, two, three and four to a letter.
    for field in TEXTS {
        for length in (0..=34).chain([63, 64, 65, 127, 128, 300, Touchpoint::MAX_TEXT, Touchpoint::MAX_TEXT + 1]) {
            with(&|t| field(t, "x".repeat(length)));
        }
        for letter in ["\0", "\"\\\n", "é", "€", "𝄞"] {
            with(&|t| field(t, letter.repeat(3)));
        }
    }
    for field in TEXTS.iter().rev().take(LISTS) {
        for count in [2, 3, 5, 9, 17, 21, 24, 33, 50, Touchpoint::MAX_ENTRIES, Touchpoint::MAX_ENTRIES + 1] {
            // In order, in the reverse one, in none, and twice the same.
            for order in [|n, _| n, |n, count| count - n, |n, count| n * 37 % count, |n, _| n / 2] {
                with(&|t| (0..count).for_each(|n| field(t, format!("{:02}", order(n, count)))));
            }
        }
    }
    let instants = [i64::MIN, Timestamp::PLAUSIBLE.start.as_millis(), -1, 0, Timestamp::PLAUSIBLE.end.as_millis(), i64::MAX];
    let numbers = [-1, 0, 1, 5, 6, 1 << 31, Touchpoint::MAX_DURATION_MS, Touchpoint::MAX_DURATION_MS + 1];
    for number in instants.into_iter().chain(numbers).chain((0..63).map(|bit| 1 << bit)) {
        let at = Timestamp::from_millis(number);
        with(&|t| t.occurred_at = at);
        with(&|t| t.promises.push(promise("p".to_owned(), at)));
        with(&|t| t.seq = Some(number));
        with(&|t| t.waited_ms = Some(number));
        with(&|t| t.announced_wait_ms = Some(number));
        with(&|t| t.rating = i32::try_from(number).ok().or(Some(i32::MIN)));
    }
    for number in [0.0, -0.0, 1.0, -1.0, 1.5, -1.5, 1e-300, f64::MAX, f64::INFINITY, f64::NAN] {
        with(&|t| t.sentiment = Some(number));
    }
    for (door_open, named) in [(false, false), (true, true)] {
        with(&|t| t.door_open = Some(door_open));
        ActorKind::ALL.iter().for_each(|kind| with(&|t| t.actor = Some(Actor { kind: *kind, id: None, named })));
    }
    Stage::ALL.iter().for_each(|stage| with(&|t| t.stage = *stage));
    Outcome::ALL.iter().for_each(|outcome| with(&|t| t.outcome = *outcome));
    Intent::ALL.iter().for_each(|intent| with(&|t| t.intent = Some(*intent)));
    Initiator::ALL.iter().for_each(|initiator| with(&|t| t.initiated_by = *initiator));
    Audience::ALL.iter().for_each(|audience| with(&|t| t.audience = *audience));
    all
}
