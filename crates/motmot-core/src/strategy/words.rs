//! Rules and filters in plain words: for the supervisor who is paged, and for `motmot explain`.

use std::fmt::Display;

use super::{Demand, Field, Filter, Kind, PerSegment, Rule, Set, Word};
use crate::cycle::Level;
use crate::time::words_of_millis;
use crate::touchpoint::{Audience, Initiator, Intent, Outcome, Stage};

impl Filter {
    /// Which touchpoints are meant, as a noun: "a fulfilment with outcome met".
    pub fn words(&self) -> String {
        let mut words = match chosen(self.stages, Stage::ALL) {
            stages if stages.is_empty() => "a touchpoint".to_owned(),
            stages => joined(stages.into_iter().map(|stage| format!("a {}", spoken(stage.name()))), "or"),
        };
        let mut add = |part: String| {
            words.push(' ');
            words.push_str(&part);
        };
        let set = |names: Vec<&str>| joined(names.into_iter().map(spoken), "or");
        if !self.intents.is_any() {
            add(format!("with intent {}", set(chosen(self.intents, Intent::ALL).into_iter().map(Intent::name).collect())));
        }
        if !self.outcomes.is_any() {
            add(format!("with outcome {}", set(chosen(self.outcomes, Outcome::ALL).into_iter().map(Outcome::name).collect())));
        }
        if let [initiator] = chosen(self.initiated_by, Initiator::ALL)[..] {
            add(format!("initiated by the {initiator}"));
        }
        if let [audience] = chosen(self.audience, Audience::ALL)[..] {
            add(format!("of an {audience} customer"));
        }
        if !self.actor_kinds.is_any() {
            add(format!(
                "with {}",
                joined(chosen(self.actor_kinds, crate::touchpoint::ActorKind::ALL).into_iter().map(actor), "or")
            ));
        }
        for (field, values) in &self.texts {
            let values = joined(values, "or");
            add(match field {
                Field::Channel => format!("by channel {values}"),
                Field::Site => format!("at site {values}"),
                Field::Team => format!("of team {values}"),
                Field::Need => format!("for need {values}"),
                Field::ActorId => format!("with actor {values}"),
                Field::Attribute(name) => format!("whose {name} is {values}"),
            });
        }
        words
    }
}

impl Rule {
    /// What the rule demands, in one sentence. `segments` are those of the strategy.
    pub fn words(&self, segments: &[String]) -> String {
        let limits = |limit: &PerSegment<i64>| self.by_segment(limit, segments, words_of_millis);
        let hours = |business: bool| if business { " in business hours" } else { "" };
        let filtered = |empty: &str| if self.filter.is_empty() { empty.to_owned() } else { self.filter.words() };
        let mut words = match &self.kind {
            Kind::Slow { from, to, limit_ms, each_need, business_hours } => format!(
                "From {} to {} it takes at most {}{}{}",
                from.words(),
                to.words(),
                limits(limit_ms),
                hours(*business_hours),
                if *each_need { ", for each need" } else { "" }
            ),
            Kind::Missing { expects, after: Some(after), within_ms: Some(within) } => {
                format!("There is {} within {} of {}", expects.words(), limits(within), after.words())
            }
            Kind::Missing { expects, .. } => format!("There is {} before the cycle closes", expects.words()),
            Kind::Unmet => format!("{} meets the customer's need in full", capital(&filtered("every touchpoint"))),
            Kind::Unverified { times, within_ms } => format!(
                "Each need that is fulfilled is verified {}{}",
                if *times == 1 { "once".to_owned() } else { format!("{times} times") },
                within_ms
                    .as_ref()
                    .map_or_else(|| " before the cycle closes".to_owned(), |within| format!(" within {}", limits(within)))
            ),
            Kind::Unacknowledged { limit_ms, business_hours } => format!(
                "A complaint or question is answered, or given an announced wait, within {}{}",
                limits(limit_ms),
                hours(*business_hours)
            ),
            Kind::BrokenPromise { promises, limit_ms, business_hours } => {
                let which = if promises.is_empty() { String::new() } else { format!(" of kind {}", joined(promises, "or")) };
                let excused = if limit_ms.0.iter().all(|limit| *limit == 0) {
                    "when it is due".to_owned()
                } else {
                    format!("at most {}{} after it is due", limits(limit_ms), hours(*business_hours))
                };
                format!("Every promise{which} is kept {excused}")
            }
            Kind::Abandoned => "The customer does not leave without a farewell, nor with the need unmet".to_owned(),
            Kind::LowRating { rating_below, sentiment_below } => {
                format!("The customer's {}", ratings(*rating_below, *sentiment_below))
            }
            Kind::Handoffs { more_than } => {
                format!("The customer deals with at most {} in one cycle", self.by_segment(more_than, segments, persons))
            }
            Kind::Lacking { demands } => format!("{} has {}", capital(&filtered("every touchpoint")), all(demands)),
            Kind::OutOfOrder { before } => format!("{} comes before {}", capital(&before.words()), filtered("anything else")),
            Kind::Reopened { after, by } => {
                let after = after.as_ref().map_or_else(|| "a verification met or a farewell".to_owned(), Filter::words);
                format!("After {after} the customer need not come back with {}", by.words())
            }
            Kind::RepeatContact { within_ms, same_need } => format!(
                "A customer need not get in touch again{} within {} of {}",
                if *same_need { " for the same need" } else { "" },
                limits(within_ms),
                self.filter.words()
            ),
            Kind::NoFollowUp { within_ms, business_hours, levels, by } => {
                let levels = chosen(*levels, Level::ALL);
                let which = if levels.is_empty() {
                    String::new()
                } else {
                    format!(" whose level is {}", joined(levels.into_iter().map(|level| spoken(level.name())), "or"))
                };
                let hours = hours(*business_hours);
                format!("A closed cycle{which} is followed by {} within {}{hours}", by.words(), limits(within_ms))
            }
            Kind::ViciousCircle { failed, of } => {
                format!("Of a customer's last {of} final cycles fewer than {failed} failed")
            }
        };
        let says_where =
            matches!(self.kind, Kind::Unmet | Kind::Lacking { .. } | Kind::OutOfOrder { .. } | Kind::RepeatContact { .. });
        if !self.filter.is_empty() && !says_where {
            words.push_str(&format!("; this is about {}", self.filter.words()));
        }
        let about: Vec<&String> =
            segments.iter().enumerate().filter(|(position, _)| self.is_about(*position)).map(|(_, s)| s).collect();
        if about.len() < segments.len() {
            words.push_str(&format!("; only for segment {}", joined(about, "or")));
        }
        words.push('.');
        words
    }

    /// One value, or each with its segment where they differ.
    fn by_segment<T: Copy + PartialEq>(&self, values: &PerSegment<T>, segments: &[String], word: impl Fn(T) -> String) -> String {
        let mut concerned = segments.iter().enumerate().filter(|(position, _)| self.is_about(*position));
        let first = concerned.next().map_or(0, |(position, _)| position);
        if concerned.all(|(position, _)| values.of(position) == values.of(first)) {
            return word(values.of(first));
        }
        let concerned = segments.iter().enumerate().filter(|(position, _)| self.is_about(*position));
        joined(concerned.map(|(position, segment)| format!("{} ({segment})", word(values.of(position)))), "or")
    }

    /// Whether the rule is about the segment at that position of the strategy's list.
    pub fn is_about(&self, segment: usize) -> bool {
        u32::try_from(segment).is_ok_and(|segment| self.segments.checked_shr(segment).is_some_and(|bits| bits & 1 == 1))
    }
}

/// What recovers a rule's moments.
pub(super) fn recovery(rule: &Rule) -> String {
    if let Some(filter) = &rule.recovers_by {
        return filter.words();
    }
    let nothing = || "nothing: it cannot be undone".to_owned();
    match &rule.kind {
        Kind::Slow { to, .. } => to.words(),
        Kind::Missing { expects, .. } => expects.words(),
        Kind::Unmet => "a later touchpoint of the same stage and need with outcome met".to_owned(),
        Kind::Unverified { times: 1, .. } => "a verification of the need".to_owned(),
        Kind::Unverified { times, .. } => format!("verifications of the need, {times} in all"),
        Kind::Unacknowledged { .. } => {
            "an answer: a contact by the company or with a person, an announced wait, or an outcome met".to_owned()
        }
        Kind::BrokenPromise { promises, .. } => {
            const KEPT: &str = "a touchpoint that keeps the promise";
            const ANSWERED: &str = "a fulfilment with outcome met or partly met";
            match promises.iter().any(|promise| promise == "wait") {
                true if promises.len() == 1 => ANSWERED.to_owned(),
                false if !promises.is_empty() => KEPT.to_owned(),
                _ => format!("{KEPT}; of an announced wait, {ANSWERED}"),
            }
        }
        Kind::Abandoned => {
            "the customer's return; of a farewell unmet, a later fulfilment or farewell with outcome met".to_owned()
        }
        Kind::LowRating { rating_below, sentiment_below } => {
            format!("a later touchpoint whose {}", ratings(*rating_below, *sentiment_below))
        }
        Kind::Lacking { demands } => format!("a later touchpoint that has {}", all(demands)),
        Kind::Reopened { after: None, .. } => "a verification met, or a farewell, after that".to_owned(),
        Kind::Reopened { after: Some(after), .. } => format!("{}, after that", after.words()),
        Kind::NoFollowUp { by, .. } => by.words(),
        Kind::ViciousCircle { .. } => "a contact by the company".to_owned(),
        Kind::Handoffs { .. } | Kind::OutOfOrder { .. } | Kind::RepeatContact { .. } => nothing(),
    }
}

fn ratings(rating: Option<i32>, sentiment: Option<f64>) -> String {
    let rating = rating.map(|rating| format!("rating is at least {rating}"));
    let sentiment = sentiment.map(|sentiment| format!("sentiment is at least {sentiment}"));
    joined(rating.into_iter().chain(sentiment), "and")
}

pub(super) fn all(demands: &[Demand]) -> String {
    let phrase = |demand: &Demand| match demand {
        Demand::Named => "a name given".to_owned(),
        Demand::DoorOpen => "the door left open".to_owned(),
        Demand::AnnouncedWait => "a wait announced".to_owned(),
        Demand::AddedValue => "something added".to_owned(),
        Demand::Attribute(name) => format!("attribute {name}"),
    };
    joined(demands.iter().map(phrase), "and")
}

pub(super) fn persons(count: i64) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{count} persons") }
}

fn actor(kind: crate::touchpoint::ActorKind) -> &'static str {
    match kind {
        crate::touchpoint::ActorKind::Person => "a person",
        crate::touchpoint::ActorKind::System => "a system",
        crate::touchpoint::ActorKind::Surroundings => "the surroundings",
    }
}

/// The values that a set names; none for "any".
pub(super) fn chosen<T: Word>(set: Set<T>, all: &[T]) -> Vec<T> {
    if set.is_any() { Vec::new() } else { all.iter().copied().filter(|value| set.admits(*value)).collect() }
}

pub(super) fn joined<T: Display>(parts: impl IntoIterator<Item = T>, conjunction: &str) -> String {
    let parts: Vec<String> = parts.into_iter().map(|part| part.to_string()).collect();
    match parts.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} {conjunction} {last}", others.join(", ")),
        _ => parts.concat(),
    }
}

pub(super) fn spoken(word: &str) -> String {
    word.replace('_', " ")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
