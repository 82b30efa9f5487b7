//! The strategy's version: a hash over all that the fold depends on.
//!
//! Titles, owners, runbooks, label lists and the strategy's name are left out: a new site in a label list or another
//! runbook link is not a new strategy. It is taken from the checked model and not from the text, so the order of fields,
//! comments and `60s` for `1m` do not show either; the order of rules, segments and cycle policies does, because it means
//! something.

use xxhash_rust::xxh3::xxh3_64;

use super::calendar::{Calendar, Shift};
use super::{Demand, Field, Filter, Kind, Levels, PerSegment, Rule, Strategy};

/// Changes whenever the bytes below change their meaning.
const FORMAT: &str = "motmot strategy 2";

/// The hash of a strategy.
pub(super) fn of(strategy: &Strategy) -> u64 {
    let Strategy {
        name: _,
        hash: _,
        calendar,
        labels: _,
        segments,
        cycles,
        clock_tolerance_ms,
        allowed_skew_ms,
        reopen_window_ms,
        max_touchpoints,
        max_moments,
        customer_file,
        levels,
        circle,
        rules,
    } = strategy;
    let mut bytes = Canon::default();
    bytes.text(FORMAT);
    bytes.calendar(calendar);
    bytes.list(segments, |bytes, segment| bytes.text(segment));
    bytes.list(cycles, |bytes, policy| {
        bytes.filter(&policy.filter);
        bytes.number(policy.inactivity_ms);
        bytes.number(policy.grace_ms);
    });
    bytes.number(*clock_tolerance_ms);
    bytes.number(*allowed_skew_ms);
    bytes.number(*reopen_window_ms);
    bytes.count(*max_touchpoints);
    bytes.count(*max_moments);
    bytes.count(customer_file.cycles);
    bytes.number(customer_file.keep_ms);
    bytes.levels(levels);
    [circle.of, circle.failed, circle.satisfying].into_iter().for_each(|count| bytes.count(count));
    bytes.list(rules, Canon::rule);
    xxh3_64(&bytes.0)
}

/// Bytes that two strategies have in common exactly if they say the same: every text and list begins with its length.
#[derive(Default)]
struct Canon(Vec<u8>);

impl Canon {
    fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.0.extend_from_slice(&(count as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn list<T>(&mut self, list: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.count(list.len());
        list.iter().for_each(|element| each(self, element));
    }

    fn option<T>(&mut self, option: Option<T>, some: impl FnOnce(&mut Self, T)) {
        self.0.push(u8::from(option.is_some()));
        if let Some(value) = option {
            some(self, value);
        }
    }

    fn numbers(&mut self, numbers: &PerSegment<i64>) {
        self.list(&numbers.0, |bytes, number| bytes.number(*number));
    }

    fn calendar(&mut self, calendar: &Calendar) {
        self.option(calendar.hours(), |bytes, hours| {
            bytes.text(hours.zone.name());
            bytes.list(&hours.week, |bytes, shifts| bytes.shifts(shifts));
            bytes.count(hours.holidays.len());
            for (date, shifts) in &hours.holidays {
                bytes.text(&date.to_string());
                bytes.shifts(shifts);
            }
        });
    }

    fn shifts(&mut self, shifts: &[Shift]) {
        self.list(shifts, |bytes, shift| {
            bytes.number(shift.from.into());
            bytes.number(shift.to.into());
        });
    }

    fn filter(&mut self, filter: &Filter) {
        let Filter { stages, outcomes, intents, initiated_by, audience, actor_kinds, texts } = filter;
        let sets = [stages.bits(), outcomes.bits(), intents.bits(), initiated_by.bits(), audience.bits(), actor_kinds.bits()];
        self.0.extend_from_slice(&sets);
        self.list(texts, |bytes, (field, values)| {
            bytes.field(field);
            bytes.list(values, |bytes, value| bytes.text(value));
        });
    }

    fn field(&mut self, field: &Field) {
        match field {
            Field::Channel => self.text("channel"),
            Field::Site => self.text("site"),
            Field::Team => self.text("team"),
            Field::Need => self.text("need"),
            Field::ActorId => self.text("actor.id"),
            Field::Attribute(name) => {
                self.text("attribute");
                self.text(name);
            }
        }
    }

    fn rule(&mut self, rule: &Rule) {
        let Rule {
            id,
            title: _,
            filter,
            segments,
            kind,
            dimension,
            side,
            severity,
            page,
            owner: _,
            runbook: _,
            recovers_by,
            recovers_words: _, // follows from kind and recovers_by
            open_for_ms,
        } = rule;
        self.text(id);
        self.filter(filter);
        self.0.extend_from_slice(&segments.to_le_bytes());
        self.kind(kind);
        self.text(dimension.name());
        self.option(*side, |bytes, side| bytes.text(side.name()));
        self.list(&severity.0, |bytes, severity| bytes.text(severity.name()));
        self.text(page.name());
        self.option(recovers_by.as_ref(), Self::filter);
        self.number(*open_for_ms);
    }

    fn kind(&mut self, kind: &Kind) {
        self.text(kind.name());
        match kind {
            Kind::Slow { from, to, limit_ms, each_need, business_hours } => {
                self.filter(from);
                self.filter(to);
                self.numbers(limit_ms);
                self.0.extend([u8::from(*each_need), u8::from(*business_hours)]);
            }
            Kind::Missing { expects, after, within_ms } => {
                self.filter(expects);
                self.option(after.as_ref(), Self::filter);
                self.option(within_ms.as_ref(), Self::numbers);
            }
            Kind::Unverified { times, within_ms } => {
                self.number((*times).into());
                self.option(within_ms.as_ref(), Self::numbers);
            }
            Kind::Unacknowledged { limit_ms, business_hours } => {
                self.numbers(limit_ms);
                self.0.push(u8::from(*business_hours));
            }
            Kind::BrokenPromise { promises, limit_ms, business_hours } => {
                self.list(promises, |bytes, promise| bytes.text(promise));
                self.numbers(limit_ms);
                self.0.push(u8::from(*business_hours));
            }
            Kind::LowRating { rating_below, sentiment_below } => {
                self.option(*rating_below, |bytes, rating| bytes.number(rating.into()));
                self.option(*sentiment_below, |bytes, sentiment| {
                    // −0 and 0 are one limit
                    bytes.0.extend_from_slice(&(sentiment + 0.0).to_bits().to_le_bytes());
                });
            }
            Kind::Handoffs { more_than } => self.numbers(more_than),
            Kind::Lacking { demands } => self.list(demands, |bytes, demand| bytes.demand(demand)),
            Kind::OutOfOrder { before } => self.filter(before),
            Kind::Reopened { after, by } => {
                self.option(after.as_ref(), Self::filter);
                self.filter(by);
            }
            Kind::RepeatContact { within_ms, same_need } => {
                self.numbers(within_ms);
                self.0.push(u8::from(*same_need));
            }
            Kind::NoFollowUp { within_ms, business_hours, levels, by } => {
                self.numbers(within_ms);
                self.0.extend([u8::from(*business_hours), levels.bits()]);
                self.filter(by);
            }
            Kind::ViciousCircle { failed, of } => {
                self.count(*failed);
                self.count(*of);
            }
            Kind::Unmet | Kind::Abandoned => {}
        }
    }

    fn levels(&mut self, levels: &Levels) {
        let Levels {
            failed_by,
            basic_by_stage,
            basic_by_dimension,
            satisfying_stages,
            satisfying_verified,
            satisfying_door_open,
            satisfying_rating,
            unforgettable_rating,
        } = levels;
        self.text(failed_by.name());
        self.option(*basic_by_stage, |bytes, stages| bytes.0.push(stages.bits()));
        self.option(*basic_by_dimension, |bytes, dimensions| bytes.0.push(dimensions.bits()));
        self.0.push(satisfying_stages.bits());
        self.0.extend([u8::from(*satisfying_verified), u8::from(*satisfying_door_open)]);
        self.number((*satisfying_rating).into());
        self.number((*unforgettable_rating).into());
    }

    fn demand(&mut self, demand: &Demand) {
        match demand {
            Demand::Named => self.text("named"),
            Demand::DoorOpen => self.text("door_open"),
            Demand::AnnouncedWait => self.text("announced_wait"),
            Demand::AddedValue => self.text("added_value"),
            Demand::Attribute(name) => {
                self.text("attribute");
                self.text(name);
            }
        }
    }
}
