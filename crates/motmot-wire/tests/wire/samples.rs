//! Touchpoints, moments and cycles of every shape.

use motmot_core::cycle::{
    Circle, CycleRecord, CycleState, Judgement, Level, MomentRef, NeedRecord, TouchpointRecord, VerdictRecord,
};
use motmot_core::moment::MomentState;
use motmot_core::strategy::{Dimension, Paging, Severity, Side};
use motmot_core::touchpoint::{Actor, ActorKind, Audience, Initiator, Intent, Outcome, Promise, Stage};
use motmot_core::{Moment, Text, Timestamp, Touchpoint};
use motmot_wire::{Arrived, DecodeError, ReadError};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) type Owned = Touchpoint<'static>;

/// Why a value is a dead letter.
pub(crate) fn dead<T: std::fmt::Debug>(read: Result<T, ReadError>) -> DecodeError {
    match read.unwrap_err() {
        ReadError::Dead(dead) => dead,
        ReadError::NotYet(not_yet) => panic!("{not_yet}"),
    }
}

pub(crate) fn text() -> impl Strategy<Value = Text<'static>> {
    prop_oneof!["[a-z]{1,8}", "\\PC{1,12}", Just("\"\\\n\u{0}é€𝄞".to_owned())].prop_map(Text::owned)
}

pub(crate) fn instant() -> impl Strategy<Value = Timestamp> {
    let years = Timestamp::PLAUSIBLE;
    (years.start.as_millis()..years.end.as_millis()).prop_map(Timestamp::from_millis)
}

fn word<T: Clone + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    select(all)
}

fn actor() -> impl Strategy<Value = Actor<'static>> {
    (word(ActorKind::ALL), of(text()), any::<bool>()).prop_map(|(kind, id, named)| Actor { kind, id, named })
}

fn promise() -> impl Strategy<Value = Promise<'static>> {
    (text(), text(), instant()).prop_map(|(promise_id, kind, due_at)| Promise { promise_id, kind, due_at })
}

fn attributes() -> impl Strategy<Value = Vec<(Text<'static>, Text<'static>)>> {
    proptest::collection::btree_map(text(), text(), 0..4).prop_map(|map| map.into_iter().collect())
}

/// Any valid touchpoint.
pub(crate) fn touchpoint() -> impl Strategy<Value = Owned> {
    let identity = (text(), instant(), of(any::<i64>()), of(text()), of(text()), of(text()), of(text()), of(text()));
    let words = (word(Stage::ALL), of(word(Intent::ALL)), word(Initiator::ALL), word(Outcome::ALL), word(Audience::ALL));
    let place = (text(), text(), of(text()), of(actor()));
    let waits = 0..=Touchpoint::MAX_DURATION_MS;
    let measures = (of(waits.clone()), of(waits), of(1..=5_i32), of(-1.0..=1.0_f64), of(any::<bool>()));
    let lists = (vec(promise(), 0..3), vec(text(), 0..3), vec(text(), 0..3), attributes());
    (identity, words, place, measures, lists).prop_map(|(identity, words, place, measures, lists)| {
        let (event_id, occurred_at, seq, customer_id, cycle_id, need, segment, serves) = identity;
        let (stage, intent, initiated_by, outcome, audience) = words;
        let (channel, site, team, actor) = place;
        let (waited_ms, announced_wait_ms, rating, sentiment, door_open) = measures;
        let (promises, kept_promises, added_value, attributes) = lists;
        Touchpoint {
            event_id,
            occurred_at,
            seq,
            customer_id,
            cycle_id,
            stage,
            intent,
            initiated_by,
            channel,
            site,
            team,
            actor,
            need,
            outcome,
            segment,
            audience,
            serves,
            waited_ms,
            announced_wait_ms,
            rating,
            sentiment,
            promises,
            kept_promises,
            added_value,
            door_open,
            attributes,
        }
    })
}

pub(crate) fn arrived() -> impl Strategy<Value = Arrived<'static>> {
    (of(instant()), touchpoint()).prop_map(|(arrived_at, touchpoint)| Arrived { arrived_at, touchpoint })
}

/// A touchpoint with nothing but what it must have.
pub(crate) fn plain(event_id: &'static str) -> Owned {
    let at = Timestamp::from_millis(1_772_357_400_000);
    Touchpoint::new(event_id, at, Stage::NeedDetection, Outcome::PartlyMet, "phone", "voice")
}

pub(crate) fn moment() -> impl Strategy<Value = Moment<'static>> {
    let names = (text(), text(), text(), text(), text(), text(), text(), text());
    let optional =
        (of(text()), of(text()), of(text()), of(text()), of(text()), of(instant()), of(any::<i64>()), of(any::<i64>()));
    let place = (word(Stage::ALL), text(), text(), word(Audience::ALL), any::<i32>(), any::<bool>());
    let times = (instant(), instant(), instant());
    let words = (word(MomentState::ALL), word(Severity::ALL), word(Dimension::ALL), word(Side::ALL), word(Paging::ALL));
    (names, optional, place, times, words).prop_map(|(names, optional, place, times, words)| Moment {
        moment_id: names.0,
        state: words.0,
        rule: names.1,
        kind: names.2,
        title: names.3.clone(),
        key: names.4,
        cycle_id: names.5,
        instance: place.4,
        customer_id: optional.0,
        segment: names.6.clone(),
        need: optional.1,
        promise_id: optional.2,
        stage: place.0,
        channel: place.1,
        site: place.2,
        team: optional.3,
        audience: place.3,
        anchor_event_id: names.7,
        anchor_at: times.0,
        raised_at: times.1,
        recovered_at: optional.5,
        expires_at: times.2,
        observed: optional.6,
        limit: optional.7,
        recovers_by: names.3,
        severity: words.1,
        dimension: words.2,
        side: words.3,
        page: words.4,
        owner: names.6,
        runbook: optional.4,
        truncated: place.5,
        strategy: "00112233445566ff".into(),
    })
}

fn cycle_need() -> impl Strategy<Value = NeedRecord<'static>> {
    (of(text()), instant(), of(instant()), of(instant())).prop_map(|(need, opened_at, fulfilled_at, verified_at)| NeedRecord {
        need,
        opened_at,
        fulfilled_at,
        verified_at,
    })
}

fn cycle_touchpoint() -> impl Strategy<Value = TouchpointRecord<'static>> {
    touchpoint().prop_map(|t| TouchpointRecord {
        event_id: t.event_id,
        occurred_at: t.occurred_at,
        stage: t.stage,
        channel: t.channel,
        team: t.team,
        actor_kind: t.actor.as_ref().map(|actor| actor.kind),
        actor_id: t.actor.and_then(|actor| actor.id),
        need: t.need,
        outcome: t.outcome,
        waited_ms: t.waited_ms,
    })
}

fn cycle_moment() -> impl Strategy<Value = MomentRef<'static>> {
    (text(), text(), word(MomentState::ALL), instant()).prop_map(|(moment_id, rule, state, raised_at)| MomentRef {
        moment_id,
        rule,
        state,
        raised_at,
    })
}

fn cycle_verdict() -> impl Strategy<Value = VerdictRecord<'static>> {
    (moment(), word(Judgement::ALL), of(text())).prop_map(|(m, judgement, person)| VerdictRecord {
        rule: m.rule,
        need: m.need,
        judgement,
        at: m.anchor_at,
        stage: m.stage,
        channel: m.channel,
        team: m.team,
        person,
        dimension: m.dimension,
        side: m.side,
        observed: m.observed,
        limit: m.limit,
    })
}

pub(crate) fn cycle() -> impl Strategy<Value = CycleRecord<'static>> {
    let lists = (vec(cycle_need(), 0..3), vec(cycle_touchpoint(), 0..4), vec(cycle_moment(), 0..3), vec(cycle_verdict(), 0..3));
    let experience = (of(word(Level::ALL)), of(word(Circle::ALL)), any::<bool>());
    let more = (word(CycleState::ALL), any::<bool>(), any::<bool>(), of(text()), instant(), of(instant()));
    (moment(), lists, more, experience, of(word(Outcome::ALL))).prop_map(|(m, lists, more, experience, outcome)| CycleRecord {
        key: m.key,
        cycle_id: m.cycle_id,
        instance: m.instance,
        state: more.0,
        merged_into: more.3,
        is_final: more.1,
        customer_id: m.customer_id,
        segment: m.segment,
        audience: m.audience,
        serves: m.team,
        site: m.site,
        channel: m.channel,
        opened_at: m.anchor_at,
        closed_at: more.5,
        final_at: more.4,
        outcome,
        truncated: more.2,
        level: experience.0,
        circle: experience.1,
        customer_file: experience.2,
        needs: lists.0,
        touchpoints: lists.1,
        moments: lists.2,
        verdicts: lists.3,
        strategy: m.strategy,
    })
}
