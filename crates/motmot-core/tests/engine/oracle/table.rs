//! What a cycle puts into the tables at an instant.

use motmot_core::Timestamp;
use motmot_core::cycle::{Circle, CycleState, Level};
use motmot_core::moment::MomentState;
use motmot_core::strategy::{Kind, Side, Strategy};
use motmot_core::touchpoint::ActorKind;
use xxhash_rust::xxh3::xxh3_128;

use super::customer::circle;
use super::cycle::{Cycle, standing};
use super::level::level;
use super::needs::needs;
use super::rules::Flag;
use super::verdicts;
use crate::row;
use crate::support::tables::{Row, Tables, measured_words, need_words};

/// Adds the rows of `cycle` as they are at `now`.
pub(super) fn fill(tables: &mut Tables, cycle: &Cycle, now: i64, strategy: &Strategy) {
    let (moments, too_many) = cycle.moments(now, strategy);
    let truncated = too_many || cycle.overflowed;
    let mut list = Vec::new();
    for flag in &moments {
        let id = moment_id(cycle, flag, strategy);
        list.push(format!("{} {} {id}", strategy.rules[flag.rule].id, state_of(flag, now)));
        tables.moments.insert(id, moment_row(cycle, flag, truncated, now, strategy));
    }
    let key = (cycle.key.clone(), cycle.id.clone());
    let is_final = now >= cycle.final_at(strategy);
    if !moments.is_empty() || is_final || cycle.instance > 1 {
        tables.cycles.insert(key, cycle_row(cycle, &list.join("; "), truncated, now, strategy));
    }
}

fn moment_id(cycle: &Cycle, flag: &Flag, strategy: &Strategy) -> String {
    let anchor = &cycle.touchpoints[flag.anchor].event_id;
    let rule = &strategy.rules[flag.rule].id;
    let mut bytes = Vec::new();
    for part in [&cycle.key, rule, flag.need.as_deref().unwrap_or(""), anchor, flag.promise.as_deref().unwrap_or("")] {
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(0xff);
    }
    format!("{:032x}", xxh3_128(&bytes))
}

fn state_of(flag: &Flag, now: i64) -> MomentState {
    if flag.recovered_at().is_some() {
        MomentState::Recovered
    } else if now >= flag.expires_at {
        MomentState::Expired
    } else {
        MomentState::Raised
    }
}

fn moment_row(cycle: &Cycle, flag: &Flag, truncated: bool, now: i64, strategy: &Strategy) -> Row {
    let rule = &strategy.rules[flag.rule];
    let anchor = &cycle.touchpoints[flag.anchor];
    let segment = cycle.segment(strategy);
    let side = rule.side.unwrap_or_else(|| match (&rule.kind, anchor.actor.as_ref().map(|actor| actor.kind)) {
        (Kind::Missing { .. } | Kind::Unverified { .. }, _) | (_, None) => Side::Strategy,
        (_, Some(ActorKind::Person)) => Side::Personnel,
        (_, Some(ActorKind::System | ActorKind::Surroundings)) => Side::Systems,
    });
    row! {
        "state": state_of(flag, now), "rule": rule.id, "kind": rule.kind.name(), "key": cycle.key, "cycle_id": cycle.id,
        "instance": cycle.instance, "customer_id": cycle.customer(), "segment": strategy.segments[segment], "need": flag.need,
        "promise_id": flag.promise, "stage": anchor.stage, "channel": anchor.channel, "site": anchor.site, "team": anchor.team,
        "audience": anchor.audience, "anchor_event_id": anchor.event_id, "anchor_at": anchor.occurred_at,
        "raised_at": time(flag.raised_at), "recovered_at": flag.recovered_at().map(time), "expires_at": time(flag.expires_at),
        "severity": rule.severity.of(segment), "dimension": rule.dimension, "side": side, "page": rule.page,
        "truncated": truncated, "measured": flag.measured.map(|(observed, limit)| measured_words(observed, limit)),
    }
}

fn cycle_row(cycle: &Cycle, moments: &str, truncated: bool, now: i64, strategy: &Strategy) -> Row {
    let first = &cycle.touchpoints[0];
    let close = cycle.close(strategy);
    let farewell = cycle.last_farewell().map(|i| cycle.touchpoints[i].outcome);
    let passed = now >= close.passed_from;
    let state = match farewell {
        _ if !passed => CycleState::Open,
        _ if cycle.is_abandoned(now, strategy) => CycleState::Abandoned,
        _ => CycleState::Farewell,
    };
    let (flags, final_at) = cycle.judged(strategy);
    let is_final = now >= final_at;
    let level = if is_final { Some(cycle.end(strategy).level) } else { level(cycle, now, &standing(flags, now), strategy) };
    let verdicts = if is_final { verdicts::words(cycle, strategy) } else { String::new() };
    let needs = needs(&cycle.touchpoints);
    let need = |n: &super::needs::Need| {
        let verified_at = n.checks.first().map(|i| cycle.at(*i));
        need_words(n.name.as_deref(), cycle.at(n.opened), n.fulfilled.map(|i| cycle.at(i)), verified_at)
    };
    row! {
        "key": cycle.key, "instance": cycle.instance, "state": state, "final": is_final, "customer_id": cycle.customer(),
        "segment": strategy.segments[cycle.segment(strategy)], "audience": first.audience, "site": first.site,
        "channel": first.channel, "opened_at": first.occurred_at, "closed_at": passed.then(|| time(close.at)),
        "final_at": time(final_at), "outcome": farewell, "truncated": truncated,
        "needs": needs.iter().map(need).collect::<Vec<_>>().join("; "),
        "touchpoints": cycle.touchpoints.iter().map(|t| t.event_id.as_str()).collect::<Vec<_>>().join(" "), "moments": moments,
        "level": level, "customer_file": cycle.in_file(), "circle": cycle.in_file().then(|| circle_at(cycle, is_final, strategy)),
        "verdicts": verdicts,
    }
}

/// Of a final cycle with it; else as it was when the cycle began.
fn circle_at(cycle: &Cycle, is_final: bool, strategy: &Strategy) -> Circle {
    let own = cycle.end(strategy);
    let mut ends = cycle.known.ends.clone();
    if is_final {
        ends.push(own.clone());
        ends.sort();
        ends.retain(|end| *end <= own);
    } else {
        ends.retain(|end| end.at <= cycle.at(0));
    }
    let levels: Vec<Level> = ends.into_iter().map(|end| end.level).collect();
    circle(&levels, strategy)
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}
