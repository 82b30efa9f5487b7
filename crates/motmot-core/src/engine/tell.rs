//! Telling: what the rows of a cycle are at an instant, and which of them differ from what was told last.

use xxhash_rust::xxh3::xxh3_64;

use crate::cycle::{Circle, CycleRecord, CycleState, Level, MomentRef, NeedRecord, TouchpointRecord};
use crate::moment::{Moment, MomentState};
use crate::strategy::{Rule, Side, Strategy};
use crate::text::Text;
use crate::time::Timestamp;
use crate::touchpoint::{ActorKind, Touchpoint};

use super::cycle::{Cycle, Judged};
use super::flag::{Flag, PromiseRef, moment_id};
use super::level;
use super::port::Sink;
use super::verdict::{self, Verdict};

/// A moment that was told, with what its retraction would have to say.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) id: u128,
    /// Hash of what was said: it is said again only when this changes.
    pub(super) said: u64,
    pub(super) rule: usize,
    /// Hash of the anchor's event_id: positions change, touchpoints do not.
    pub(super) anchor: u64,
    pub(super) need: Option<Box<str>>,
    pub(super) promise: Option<Box<str>>,
    pub(super) raised_at: Timestamp,
    pub(super) recovered_at: Option<Timestamp>,
    pub(super) expires_at: Timestamp,
    pub(super) observed: Option<i64>,
    pub(super) limit: Option<i64>,
    pub(super) state: MomentState,
}

/// How a cycle stands after it was told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// When `now` makes a difference next; [`Timestamp::MAX`] once it is final.
    pub(super) wake_at: Timestamp,
    pub(super) final_at: Timestamp,
    pub(super) is_final: bool,
}

/// What a cycle's row says beyond the touchpoints.
struct RowStanding {
    state: CycleState,
    is_final: bool,
    final_at: Timestamp,
    truncated: bool,
    level: Option<Level>,
    circle: Option<Circle>,
    verdicts: Vec<Verdict>,
}

/// Stands for the hash of a row that nobody knows.
const DOUBTED: u64 = 1;

impl Cycle {
    /// Tells every row of the cycle that differs at `now` from what was told last.
    pub(super) fn tell(&mut self, strategy: &Strategy, now: Timestamp, sink: &mut impl Sink) -> Standing {
        let judged = self.judge(strategy);
        let (flags, final_at, segment) = (&judged.flags, judged.final_at, self.segment(strategy));
        let is_final = now >= final_at;
        let mut standing: Vec<&Flag> = flags.iter().filter(|flag| flag.stands(now)).collect();
        standing.sort_by_key(|flag| (flag.rule, flag.anchor, flag.need));
        let truncated = self.truncated || standing.len() > strategy.max_moments;
        standing.truncate(strategy.max_moments);

        let told: Vec<Told> = standing.iter().map(|flag| self.to_tell(strategy, flag, now, (segment, truncated))).collect();
        self.tell_moments(strategy, told, truncated, sink);
        self.tell_row(strategy, now, &judged, truncated, sink);

        let close = self.outline.close().trigger;
        let has_row = self.told_row != 0;
        let mut wake_at = if is_final { Timestamp::MAX } else { final_at };
        let mut consider = |at: Timestamp| wake_at = if at > now { wake_at.min(at) } else { wake_at };
        if has_row {
            consider(close);
        }
        for flag in flags {
            consider(flag.trigger);
            consider(flag.superseded);
            if flag.stands(now) && flag.state(now) == MomentState::Raised {
                consider(flag.expires_at);
            }
        }
        Standing { wake_at, final_at, is_final }
    }

    /// Takes for told, in words that nobody knows, whatever began, ended or changed as a moment between two instants: the next telling says
    /// what became of it. What did not change is not said again, for it would be in the words of another day.
    pub(super) fn doubt(&mut self, strategy: &Strategy, since: Timestamp, until: Timestamp) {
        let judged = self.judge(strategy);
        let segment = self.segment(strategy);
        let is_steady = |flag: &&Flag| flag.stands(since) && flag.stands(until) && flag.state(since) == flag.state(until);
        let between = judged.flags.iter().filter(|flag| flag.trigger <= until && flag.superseded > since);
        for flag in between.filter(|flag| !is_steady(flag)) {
            let perhaps = Told { said: 0, ..self.to_tell(strategy, flag, until, (segment, self.truncated)) };
            self.told.retain(|told| told.id != perhaps.id);
            self.told.push(perhaps);
        }
        if !self.told.is_empty() || self.told_row != 0 {
            self.told_row = DOUBTED;
        }
    }

    fn tell_moments(&mut self, strategy: &Strategy, told: Vec<Told>, truncated: bool, sink: &mut impl Sink) {
        for new in &told {
            if !self.told.iter().any(|old| old.id == new.id && old.said == new.said) {
                self.say(strategy, new, truncated, sink);
            }
        }
        for old in &self.told {
            if !told.iter().any(|new| new.id == old.id) {
                self.say(strategy, &Told { state: MomentState::Retracted, ..old.clone() }, truncated, sink);
            }
        }
        self.told = told;
    }

    /// Folds the cycle again under another strategy; of moments whose rule is no more the retraction is told.
    pub(super) fn adopt(&mut self, old: &Strategy, new: &Strategy, sink: &mut impl Sink) {
        let position = |told: &Told| {
            let id = old.rules.get(told.rule).map(|rule| &rule.id);
            new.rules.iter().position(|rule| Some(&rule.id) == id)
        };
        let (kept, gone): (Vec<Told>, Vec<Told>) = self.told.drain(..).partition(|told| position(told).is_some());
        for told in gone {
            self.say(old, &Told { state: MomentState::Retracted, ..told }, self.truncated, sink);
        }
        self.told = kept.into_iter().map(|told| Told { rule: position(&told).unwrap_or(told.rule), ..told }).collect();
        self.refold(new);
    }

    /// What a flag says as a moment.
    fn to_tell(&self, strategy: &Strategy, flag: &Flag, now: Timestamp, (segment, truncated): (usize, bool)) -> Told {
        let anchor = self.touchpoints.entries().get(flag.anchor).map_or(0, |entry| entry.id_hash);
        let need = flag.need.and_then(|position| self.need_name(strategy, position));
        let promise = flag.promise.map(|promise| self.promise_id(flag.anchor, promise));
        let known =
            |told: &&Told| told.rule == flag.rule && told.anchor == anchor && told.need == need && told.promise == promise;
        let mut told = Told {
            id: self.told.iter().find(known).map_or_else(|| self.moment_id(strategy, flag, &need, &promise), |told| told.id),
            said: 0,
            rule: flag.rule,
            anchor,
            need,
            promise,
            raised_at: flag.raised_at,
            recovered_at: flag.recovered_at.filter(|at| *at < flag.expires_at),
            expires_at: flag.expires_at,
            observed: flag.observed,
            limit: flag.limit,
            state: flag.state(now),
        };
        told.said = self.hash_of(strategy, &told, segment, truncated);
        told
    }

    fn moment_id(&self, strategy: &Strategy, flag: &Flag, need: &Option<Box<str>>, promise: &Option<Box<str>>) -> u128 {
        let rule = strategy.rules.get(flag.rule).map_or("", |rule| &rule.id);
        let anchor = self.touchpoints.event_id(flag.anchor);
        moment_id(&self.key, rule, need.as_deref().unwrap_or(""), anchor, promise.as_deref().unwrap_or(""))
    }

    fn promise_id(&self, anchor: usize, promise: PromiseRef) -> Box<str> {
        match promise {
            PromiseRef::Wait => "wait".into(),
            PromiseRef::Given(position) => {
                self.touchpoints.get(anchor).promises.get(position).map_or("", |p| &p.promise_id).into()
            }
        }
    }

    fn need_name(&self, strategy: &Strategy, position: usize) -> Option<Box<str>> {
        let opened = self.fold(strategy).needs.get(position)?.opened;
        self.touchpoints.get(opened.index()).need.as_deref().map(Into::into)
    }

    /// Hash of all that can change in a moment's row.
    fn hash_of(&self, strategy: &Strategy, told: &Told, segment: usize, truncated: bool) -> u64 {
        let mut bytes = [0_u8; 88];
        let optional = |value: Option<i64>| value.unwrap_or(i64::MIN);
        let values = [
            told.state as i64,
            told.raised_at.as_millis(),
            optional(told.recovered_at.map(Timestamp::as_millis)),
            told.expires_at.as_millis(),
            optional(told.observed),
            optional(told.limit),
            i64::try_from(segment).unwrap_or(i64::MAX),
            i64::from(self.instance) << 1 | i64::from(truncated),
            xxh3_64(self.id.as_bytes()).cast_signed(),
            self.fold(strategy).customer.map_or(0, |(_, hash)| hash.cast_signed()),
            strategy.hash.cast_signed(),
        ];
        for (chunk, value) in bytes.chunks_exact_mut(8).zip(values) {
            chunk.copy_from_slice(&value.to_le_bytes());
        }
        xxh3_64(&bytes)
    }

    fn last_naming_customer(&self, strategy: &Strategy) -> Option<Touchpoint<'_>> {
        self.fold(strategy).customer.map(|(mark, _)| self.touchpoints.get(mark.index()))
    }

    fn say(&self, strategy: &Strategy, told: &Told, truncated: bool, sink: &mut impl Sink) {
        let (Some(rule), Some(index)) = (strategy.rules.get(told.rule), self.touchpoints.find(told.anchor)) else { return };
        let anchor = self.touchpoints.get(index);
        let (moment_id, strategy_hash) = (format!("{:032x}", told.id), format!("{:016x}", strategy.hash));
        let segment = self.segment(strategy);
        let moment = Moment {
            moment_id: Text::borrowed(&moment_id),
            state: told.state,
            rule: Text::borrowed(&rule.id),
            kind: Text::borrowed(rule.kind.name()),
            title: Text::borrowed(&rule.title),
            key: Text::borrowed(&self.key),
            cycle_id: Text::borrowed(&self.id),
            instance: self.instance,
            customer_id: self.last_naming_customer(strategy).and_then(|t| t.customer_id),
            segment: Text::borrowed(strategy.segments.get(segment).map_or("", String::as_str)),
            need: told.need.as_deref().map(Text::borrowed),
            promise_id: told.promise.as_deref().map(Text::borrowed),
            stage: anchor.stage,
            channel: anchor.channel.clone(),
            site: anchor.site.clone(),
            team: anchor.team.clone(),
            audience: anchor.audience,
            anchor_event_id: anchor.event_id.clone(),
            anchor_at: anchor.occurred_at,
            raised_at: told.raised_at,
            recovered_at: told.recovered_at,
            expires_at: told.expires_at,
            observed: told.observed,
            limit: told.limit,
            recovers_by: Text::borrowed(&rule.recovers_words),
            severity: rule.severity.of(segment),
            dimension: rule.dimension,
            side: side_of(rule, &anchor),
            page: rule.page,
            owner: Text::borrowed(&rule.owner),
            runbook: rule.runbook.as_deref().map(Text::borrowed),
            truncated,
            strategy: Text::borrowed(&strategy_hash),
        };
        let entries = self.touchpoints.entries();
        let recovery = entries.iter().find(|entry| Some(entry.at) == told.recovered_at);
        let evidence: Vec<i64> = entries.get(index).into_iter().chain(recovery).map(|entry| entry.offset).collect();
        sink.moment(&moment, &evidence);
    }

    /// Tells the cycle's row if it has one and it has changed, or that it has none any more.
    fn tell_row(&mut self, strategy: &Strategy, now: Timestamp, judged: &Judged, truncated: bool, sink: &mut impl Sink) {
        let is_final = now >= judged.final_at;
        if self.told.is_empty() && !is_final && self.instance == 1 {
            if self.told_row != 0 {
                sink.cycle_gone(&self.key, &self.id);
                self.told_row = 0;
            }
            return;
        }
        let standing = RowStanding {
            state: self.state(now),
            is_final,
            final_at: judged.final_at,
            truncated,
            level: if is_final {
                Some(self.final_level(strategy, judged))
            } else {
                level::of(&self.view(strategy), &judged.flags, now)
            },
            circle: self.circle(strategy, judged, is_final),
            verdicts: if is_final { self.verdicts(strategy, &judged.flags, judged.final_at) } else { Vec::new() },
        };
        let hash = self.row_hash(strategy, &standing);
        if hash != self.told_row {
            self.told_row = hash;
            let strategy_hash = format!("{:016x}", strategy.hash);
            let ids: Vec<String> = self.told.iter().map(|told| format!("{:032x}", told.id)).collect();
            let touchpoints: Vec<Touchpoint<'_>> = self.touchpoints.iter().collect();
            let row = self.row(strategy, &standing, (&strategy_hash, &ids, &touchpoints));
            let evidence: Vec<i64> = self.touchpoints.entries().iter().map(|entry| entry.offset).collect();
            sink.cycle(&row, &evidence);
        }
    }

    /// Hash of all that can change in the cycle's row, and of nothing else; never 0.
    fn row_hash(&self, strategy: &Strategy, standing: &RowStanding) -> u64 {
        let instance = u64::from(self.instance.cast_unsigned());
        let experience = (standing.level.map_or(7, |level| level as u64), standing.circle.map_or(7, |circle| circle as u64));
        let facts = [
            self.touchpoints.entries().iter().fold(0, |sum: u64, entry| sum.wrapping_add(entry.id_hash)),
            standing.final_at.as_millis().cast_unsigned(),
            self.closed_at(standing.state).map_or(0, |at| at.as_millis().cast_unsigned()),
            standing.state as u64 | experience.0 << 8 | experience.1 << 16 | u64::from(self.is_filed()) << 24,
            u64::from(standing.is_final) | u64::from(standing.truncated) << 1 | instance << 2,
            self.segment(strategy) as u64,
            verdict::hash(&standing.verdicts),
            strategy.hash,
        ];
        let mut bytes = Vec::with_capacity(facts.len() * 8 + self.told.len() * 24);
        facts.iter().for_each(|fact| bytes.extend_from_slice(&fact.to_le_bytes()));
        for told in &self.told {
            bytes.extend_from_slice(&told.id.to_le_bytes());
            bytes.extend_from_slice(&told.raised_at.as_millis().to_le_bytes());
            bytes.push(told.state as u8);
        }
        xxh3_64(&bytes).max(1)
    }

    /// Where the cycle stands at `now`.
    pub(super) fn state(&self, now: Timestamp) -> CycleState {
        self.outline.state(now)
    }

    fn closed_at(&self, state: CycleState) -> Option<Timestamp> {
        (state != CycleState::Open).then(|| self.outline.close().at)
    }

    fn row<'a>(
        &'a self,
        strategy: &'a Strategy,
        standing: &RowStanding,
        (strategy_hash, ids, touchpoints): (&'a str, &'a [String], &'a [Touchpoint<'a>]),
    ) -> CycleRecord<'a> {
        let state = standing.state;
        let latest = |which: fn(&'a Touchpoint<'a>) -> Option<&'a Text<'a>>| touchpoints.iter().rev().find_map(which);
        let first = touchpoints.first();
        CycleRecord {
            key: Text::borrowed(&self.key),
            cycle_id: Text::borrowed(&self.id),
            instance: self.instance,
            state,
            merged_into: None,
            is_final: standing.is_final,
            customer_id: latest(|t| t.customer_id.as_ref()).map(Text::reborrow),
            segment: Text::borrowed(strategy.segments.get(self.segment(strategy)).map_or("", String::as_str)),
            audience: first.map_or(crate::touchpoint::Audience::External, |t| t.audience),
            serves: latest(|t| t.serves.as_ref()).map(Text::reborrow),
            site: first.map(|t| t.site.reborrow()).unwrap_or_default(),
            channel: first.map(|t| t.channel.reborrow()).unwrap_or_default(),
            opened_at: self.outline.first,
            closed_at: self.closed_at(state),
            final_at: standing.final_at,
            outcome: self.outline.farewell.map(|farewell| farewell.outcome),
            truncated: standing.truncated,
            level: standing.level,
            circle: standing.circle,
            customer_file: self.is_filed(),
            needs: self.needs(strategy, touchpoints),
            touchpoints: touchpoints.iter().map(compact).collect(),
            moments: self.moments(strategy, ids),
            verdicts: self.verdict_records(strategy, &standing.verdicts, touchpoints),
            strategy: Text::borrowed(strategy_hash),
        }
    }

    fn needs<'a>(&self, strategy: &Strategy, touchpoints: &'a [Touchpoint<'a>]) -> Vec<NeedRecord<'a>> {
        let needs = self.fold(strategy).needs.iter().map(|need| NeedRecord {
            need: touchpoints.get(need.opened.index()).and_then(|t| t.need.as_ref()).map(Text::reborrow),
            opened_at: need.opened.at,
            fulfilled_at: need.fulfilled.map(|mark| mark.at),
            verified_at: need.verified.map(|mark| mark.at),
        });
        needs.collect()
    }

    fn moments<'a>(&self, strategy: &'a Strategy, ids: &'a [String]) -> Vec<MomentRef<'a>> {
        let moments = self.told.iter().zip(ids).map(|(told, id)| MomentRef {
            moment_id: Text::borrowed(id),
            rule: Text::borrowed(strategy.rules.get(told.rule).map_or("", |rule| &rule.id)),
            state: told.state,
            raised_at: told.raised_at,
        });
        moments.collect()
    }

    /// The last record of a cycle that was joined with another.
    pub(super) fn tell_merged(&self, strategy: &Strategy, into: &str, sink: &mut impl Sink) {
        let standing = RowStanding {
            state: CycleState::Merged,
            is_final: false,
            final_at: self.outline.base_final_at(),
            truncated: self.truncated,
            level: None,
            circle: None,
            verdicts: Vec::new(),
        };
        let strategy_hash = format!("{:016x}", strategy.hash);
        let touchpoints: Vec<Touchpoint<'_>> = self.touchpoints.iter().collect();
        let row = self.row(strategy, &standing, (&strategy_hash, &[], &touchpoints));
        sink.cycle(&CycleRecord { closed_at: None, merged_into: Some(Text::borrowed(into)), ..row }, &[]);
    }
}

fn compact<'a>(touchpoint: &'a Touchpoint<'a>) -> TouchpointRecord<'a> {
    TouchpointRecord {
        event_id: touchpoint.event_id.reborrow(),
        occurred_at: touchpoint.occurred_at,
        stage: touchpoint.stage,
        channel: touchpoint.channel.reborrow(),
        team: touchpoint.team.as_ref().map(Text::reborrow),
        actor_kind: touchpoint.actor.as_ref().map(|actor| actor.kind),
        actor_id: touchpoint.actor.as_ref().and_then(|actor| actor.id.as_ref()).map(Text::reborrow),
        need: touchpoint.need.as_ref().map(Text::reborrow),
        outcome: touchpoint.outcome,
        waited_ms: touchpoint.waited_ms,
    }
}

/// Whom a moment is owed to: as the rule says; else a step that never came is the strategy's, and what went wrong is the actor's.
pub(super) fn side_of(rule: &Rule, anchor: &Touchpoint<'_>) -> Side {
    use crate::strategy::Kind;
    let by_actor = match anchor.actor.as_ref().map(|actor| actor.kind) {
        _ if matches!(rule.kind, Kind::Missing { .. } | Kind::Unverified { .. }) => Side::Strategy,
        Some(ActorKind::Person) => Side::Personnel,
        Some(ActorKind::System | ActorKind::Surroundings) => Side::Systems,
        None => Side::Strategy,
    };
    rule.side.unwrap_or(by_actor)
}
