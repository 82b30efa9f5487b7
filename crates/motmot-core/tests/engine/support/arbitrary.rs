//! Arbitrary strategies and logs: small, on a coarse grid of time so that instants and limits meet, and full of what goes wrong.

use std::sync::Arc;

use motmot_core::strategy::Strategy;
use motmot_core::touchpoint::{Actor, ActorKind, Initiator, Intent, Outcome, Promise, Stage};
use motmot_core::{Text, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy as Arbitrary, any, prop_oneof};
use proptest::sample::select;

use super::script::blank;
use crate::oracle::Record;

/// The first instant of a log, in ms.
pub(crate) const START: i64 = 1_772_000_000_000;
const SECOND_MS: i64 = 1000;
/// Instants are multiples of this: many meet.
const GRID_MS: i64 = 10 * SECOND_MS;

/// Rules of every kind; `{L}` is a duration, `{W}` a filter for `where`.
const RULES: [&str; 43] = [
    "kind: slow, from: {stage: fulfilment, outcome: pending}, to: {stage: fulfilment, outcome: met}, limit: {vip: 20s, regular: {L}}",
    "kind: slow, from: {stage: greeting}, to: {}, limit: {L}",
    "kind: slow, from: {}, to: {stage: [fulfilment, farewell], outcome: [met, partly_met]}, limit: {L}, {W}",
    "kind: slow, from: {stage: need_detection}, to: {stage: fulfilment}, limit: {L}, each: need",
    "kind: slow, from: {stage: [fulfilment, need_detection]}, to: {stage: verification}, limit: {L}, each: need, {R}",
    "kind: slow, from: {stage: greeting}, to: {stage: farewell}, limit: {L}, {R}",
    "kind: slow, from: {stage: greeting}, to: {stage: fulfilment}, limit: {L}, hours: business",
    "kind: missing, expects: {stage: verification}",
    "kind: missing, expects: {stage: need_detection}, {W}",
    "kind: missing, expects: {stage: fulfilment}, after: {stage: need_detection}, within: {L}",
    "kind: missing, expects: {initiated_by: company}, after: {stage: fulfilment}, within: {L}, {R}",
    "kind: unmet",
    "kind: unmet, where: {stage: fulfilment}, {R}",
    "kind: unverified",
    "kind: unverified, times: 2, within: {L}",
    "kind: unverified, within: {L}, {R}",
    "kind: unacknowledged, limit: {L}",
    "kind: unacknowledged, limit: {L}, hours: business",
    "kind: broken_promise",
    "kind: broken_promise, promises: [wait], limit: {L}",
    "kind: broken_promise, promises: [call_back], limit: {L}, {R}",
    "kind: abandoned",
    "kind: abandoned, {W}",
    "kind: abandoned, {R}",
    "kind: low_rating, rating_below: 3",
    "kind: low_rating, rating_below: 2, sentiment_below: 0.0",
    "kind: handoffs, more_than: {vip: 1, regular: 2}",
    "kind: lacking, where: {stage: [greeting, farewell]}, demands: [named]",
    "kind: out_of_order, where: {stage: fulfilment}, before: {stage: need_detection}",
    "kind: out_of_order, where: {stage: verification}, before: {stage: fulfilment, outcome: met}, {R}",
    "kind: reopened",
    "kind: reopened, after: {stage: fulfilment}, by: {initiated_by: customer}",
    "kind: reopened, after: {outcome: met}, by: {stage: greeting}, {R}",
    "kind: repeat_contact, within: {L}",
    "kind: repeat_contact, within: {vip: 20s, regular: {L}}, need: any",
    "kind: repeat_contact, within: {L}, need: any, where: {stage: [fulfilment, verification]}, {R}",
    "kind: no_follow_up, within: {L}",
    "kind: no_follow_up, within: {vip: 20s, regular: {L}}, level: [failed, satisfying, added_value], hours: business",
    "kind: no_follow_up, within: {L}, level: [basic, failed], by: {stage: verification}",
    "kind: no_follow_up, within: {L}, {W}",
    "kind: vicious_circle, failed: 1, of: 1, {R}",
    "kind: vicious_circle, failed: 2, of: 2",
    "kind: vicious_circle, failed: 2, of: 3, {W}",
];
const DURATIONS: [&str; 6] = ["10s", "20s", "60s", "150s", "300s", "1000s"];
const WHERE: [&str; 4] =
    ["where: {segment: vip}", "where: {channel: phone}", "where: {initiated_by: customer}", "where: {segment: [regular]}"];
const RECOVERS_BY: [&str; 3] =
    ["recovers_by: {initiated_by: company}", "recovers_by: {stage: farewell}", "recovers_by: {stage: fulfilment, outcome: met}"];

/// Bounds of the customer file and what a circle and the levels are.
const CUSTOMERS: [&str; 5] = [
    "",
    "customer_file: {keep: 1000s}\n",
    "customer_file: {keep: 2000s}\ncircle: {of: 2, failed: 1, satisfying: 1}\nlevels: {satisfying: {stages: [fulfilment], door_open: false, verified: false}}\n",
    "customer_file: {cycles: 3, keep: 3000s}\nlevels: {failed: {by: page}, basic: {stages: [], dimensions: []}, satisfying: {stages: [greeting, fulfilment], rating: 2}, unforgettable: {rating: 3}}\n",
    "customer_file: {cycles: 4, keep: 1000s}\ncircle: {of: 4, failed: 2, satisfying: 1}\nlevels: {basic: {stages: [verification, farewell], dimensions: [reliability]}, satisfying: {stages: fulfilment, verified: false}}\n",
];

/// A strategy that is shown as its text.
#[derive(Clone)]
pub(crate) struct Rules(pub(crate) Arc<Strategy>, String);

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\n{}", self.1)
    }
}

/// Bounds that a property may need otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Nothing is late, and nothing overflows.
    pub(crate) patient: bool,
    /// No cycle is ever full: what lies beyond depends on the order of the log, by design.
    pub(crate) roomy: bool,
    /// No id comes twice.
    pub(crate) distinct: bool,
}

/// A strategy of one to six rules.
pub(crate) fn strategy(bounds: Bounds) -> impl Arbitrary<Value = Rules> {
    let rule = (select(&RULES[..]), select(&DURATIONS[..]), select(&WHERE[..]), select(&RECOVERS_BY[..]), select(&DURATIONS[..]));
    let limits = (select(&[3_usize, 8, 1000][..]), select(&[1_usize, 3, 100][..]), select(&["0s", "10s"][..]));
    let severity = select(&["info", "critical", "page"][..]);
    let reopen_window = select(&["2000s", "7d"][..]);
    let limits = (limits, (select(&CUSTOMERS[..]), reopen_window), severity);
    (vec(rule, 1..=6), limits, select(&["30s", "100s", "400s"][..]), select(&["10s", "100s", "500s"][..])).prop_map(
        move |(rules, ((touchpoints, moments, tolerance), (customers, reopen_window), severity), inactivity, grace)| {
            let grace = if bounds.patient { "7d" } else { grace };
            let touchpoints = if bounds.roomy { 1000 } else { touchpoints };
            let mut text = format!(
                "strategy: arbitrary\nsegments: [vip, regular]\ntime_zone: Europe/Berlin\n\
                 calendar: {{mon-sun: [\"00:00-07:02\", \"07:03-24:00\"]}}\n\
                 limits: {{max_touchpoints: {touchpoints}, max_moments: {moments}, clock_tolerance: {tolerance}, \
                 allowed_skew: 60s, reopen_window: {reopen_window}}}\n{customers}\
                 cycles:\n  - {{where: {{channel: email}}, inactivity: 600s, grace: {grace}}}\n  \
                 - {{inactivity: {inactivity}, grace: {grace}}}\nrules:\n"
            );
            for (number, (rule, limit, filter, recovers_by, open_for)) in rules.into_iter().enumerate() {
                let rule = rule.replace("{L}", limit).replace("{W}", filter).replace("{R}", recovers_by);
                text.push_str(&format!(
                    "  - {{id: r{number}, dimension: reliability, severity: {severity}, open_for: {open_for}, {rule}}}\n"
                ));
            }
            let strategy = Strategy::load("arbitrary.yaml", &text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
            Rules(Arc::new(strategy), text)
        },
    )
}

/// One record before it has its place in the log.
#[derive(Clone, Debug)]
struct Seed {
    key: &'static str,
    cycle: Option<&'static str>,
    /// Since the last arrival, in grid steps.
    later: i64,
    /// Occurred before it arrived, in grid steps.
    delay: i64,
    what: (Stage, Outcome, Initiator),
    words: Words,
    /// Comes again, as it is or changed, this many records later.
    again: Option<(usize, bool)>,
}

#[derive(Clone, Debug)]
struct Words {
    need: Option<&'static str>,
    seq: Option<i64>,
    segment: Option<&'static str>,
    email: bool,
    actor: Option<(ActorKind, Option<&'static str>, bool)>,
    intent: Option<Intent>,
    waited: Option<i64>,
    announced: Option<i64>,
    marks: (Option<i32>, Option<i8>),
    promise: Option<i64>,
    keeps: Option<u8>,
    known: bool,
    extras: (bool, bool),
}

fn some<T: Clone + std::fmt::Debug + 'static>(one_in: u32, values: &'static [T]) -> BoxedStrategy<Option<T>> {
    prop_oneof![one_in - 1 => Just(None), 1 => select(values).prop_map(Some)].boxed()
}

fn words() -> impl Arbitrary<Value = Words> {
    let actors = &[
        (ActorKind::Person, Some("anna"), true),
        (ActorKind::Person, Some("bert"), false),
        (ActorKind::Person, Some("cleo"), false),
        (ActorKind::Person, None, false),
        (ActorKind::System, Some("ivr"), false),
    ];
    let first = (
        prop_oneof![Just(None), Just(Some("loan")), Just(Some("card"))],
        some(5, &[1, 2]),
        some(8, &["vip", "regular", "platinum"]),
        prop_oneof![6 => Just(false), 1 => Just(true)],
        some(2, actors),
        some(4, Intent::ALL),
    );
    let second = (
        some(5, &[0, 20, 70, 400]),
        some(6, &[0, 2, 10]),
        (some(4, &[1, 2, 3, 5, 5]), some(8, &[-1, 0, 1])),
        some(5, &[-2, 1, 5, 20, 150]),
        option::weighted(0.2, 0..12_u8),
        prop_oneof![2 => Just(false), 3 => Just(true)],
        (prop_oneof![1 => Just(false), 2 => Just(true)], prop_oneof![1 => Just(false), 2 => Just(true)]),
    );
    (first, second).prop_map(
        |((need, seq, segment, email, actor, intent), (waited, announced, marks, promise, keeps, known, extras))| Words {
            need,
            seq,
            segment,
            email,
            actor,
            intent,
            waited,
            announced,
            marks,
            promise,
            keeps,
            known,
            extras,
        },
    )
}

fn seed() -> impl Arbitrary<Value = Seed> {
    let later = prop_oneof![4 => Just(0_i64), 8 => 1..4_i64, 3 => 4..12_i64, 1 => 30..80_i64, 1 => 200..400_i64];
    let delay = prop_oneof![10 => Just(0_i64), 3 => 1..6_i64, 2 => 6..60_i64, 1 => -8..0_i64];
    let outcome = prop_oneof![4 => Just(Outcome::Met), 2 => Just(Outcome::Pending), 2 => Just(Outcome::None), 1 => Just(Outcome::PartlyMet), 2 => Just(Outcome::Unmet)];
    let initiator = prop_oneof![4 => Just(Initiator::Customer), 1 => Just(Initiator::Company)];
    let stage = prop_oneof![2 => Just(Stage::Greeting), 2 => Just(Stage::NeedDetection), 3 => Just(Stage::Fulfilment), 2 => Just(Stage::Verification), 1 => Just(Stage::Farewell)];
    let again = option::weighted(0.15, (0..10_usize, any::<bool>()));
    let cycle = prop_oneof![2 => Just(None), 2 => Just(Some("one")), 1 => Just(Some("two")), 1 => Just(Some("three"))];
    (select(&["k", "q"][..]), cycle, later, delay, (stage, outcome, initiator), words(), again)
        .prop_map(|(key, cycle, later, delay, what, words, again)| Seed { key, cycle, later, delay, what, words, again })
}

/// A log of touchpoints and a few dead letters, in order of arrival.
pub(crate) fn log(bounds: Bounds, most: usize) -> impl Arbitrary<Value = Vec<Record>> {
    vec(seed(), 1..=most).prop_map(move |seeds| records(seeds, bounds))
}

fn records(seeds: Vec<Seed>, bounds: Bounds) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    let mut copies: Vec<(usize, Record)> = Vec::new();
    let mut arrived_at = START;
    for (number, seed) in seeds.into_iter().enumerate() {
        arrived_at += seed.later * GRID_MS;
        let (due, rest) = copies.into_iter().partition(|(when, _)| *when <= number);
        copies = rest;
        let due: Vec<(usize, Record)> = due;
        records.extend(due.into_iter().map(|(_, copy)| Record { arrived_at, ..copy }));
        let record = record(number, &seed, arrived_at);
        if let Some((wait, changed)) = seed.again.filter(|_| !bounds.distinct) {
            let mut copy = record.clone();
            if let Some(touchpoint) = &mut copy.touchpoint {
                touchpoint.seq = touchpoint.seq.map(|seq| seq + 10);
                if changed {
                    touchpoint.outcome = Outcome::Unmet;
                    touchpoint.team = Some("changed".into());
                }
            }
            copies.push((number + wait, copy));
        }
        records.push(record);
        if number % 17 == 16 {
            records.push(Record { key: "?".to_owned(), touchpoint: None, arrived_at: arrived_at + 5 * GRID_MS });
        }
    }
    records
}

fn record(number: usize, seed: &Seed, arrived_at: i64) -> Record {
    let (stage, outcome, initiated_by) = seed.what;
    let occurred_at = arrived_at - seed.delay * GRID_MS;
    let words = &seed.words;
    let text = Text::borrowed;
    let mut touchpoint = blank(format!("e{number}"), occurred_at, stage, outcome, seed.cycle.map(text));
    touchpoint.initiated_by = initiated_by;
    touchpoint.need = words.need.map(text);
    touchpoint.seq = words.seq;
    touchpoint.segment = words.segment.map(text);
    touchpoint.customer_id = if words.known { Some(text(seed.key)) } else { words.segment.map(text) };
    touchpoint.channel = text(if words.email { "email" } else { "phone" });
    touchpoint.actor = words.actor.map(|(kind, id, named)| Actor { kind, id: id.map(text), named });
    touchpoint.intent = words.intent;
    touchpoint.waited_ms = words.waited.map(|seconds| seconds * SECOND_MS);
    touchpoint.announced_wait_ms = words.announced.map(|steps| steps * GRID_MS);
    touchpoint.rating = words.marks.0;
    touchpoint.door_open = words.extras.0.then_some(true);
    touchpoint.added_value.extend(words.extras.1.then(|| text("tip")));
    touchpoint.sentiment = words.marks.1.map(f64::from);
    if let Some(steps) = words.promise {
        let kind = text(if steps > 1 { "call_back" } else { "delivery" });
        let due_at = Timestamp::from_millis(occurred_at + steps * GRID_MS);
        touchpoint.promises.push(Promise { promise_id: format!("p{number}").into(), kind, due_at });
    }
    touchpoint.kept_promises.extend(words.keeps.map(|number| Text::owned(format!("p{number}"))));
    Record { key: seed.key.to_owned(), touchpoint: Some(touchpoint), arrived_at }
}
