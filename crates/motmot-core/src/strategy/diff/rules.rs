//! A rule as a part.

use super::facets::{filter_of, one, time};
use super::{Facet, Part, Sort, Value};
use crate::cycle::Level;
use crate::strategy::words::{all, chosen, joined, persons, spoken};
use crate::strategy::{Filter, Kind, PerSegment, Rule, Severity};
use crate::time::exact_words_of_millis;

pub(super) fn part(rule: &Rule, segments: &[String]) -> Part {
    let Rule {
        id,
        title,
        filter,
        segments: about,
        kind,
        dimension,
        side,
        severity,
        page,
        owner,
        runbook,
        recovers_by,
        recovers_words: _, // follows from kind and recovers_by
        open_for_ms,
    } = rule;
    let side = side.map_or("whom the customer met", |side| side.name());
    let runbook = runbook.as_ref().map_or_else(|| "none".to_owned(), |runbook| format!("`{runbook}`"));
    let facets = vec![
        one("the title", format!("`{title}`")).outside_version(),
        one("the kind", kind.name()),
        filter_of("what it is about", Some(filter), ""),
        one("whose cycles it is about", whose(*about, rule, segments)),
        one("the dimension", dimension),
        one("whom it is owed to", side),
        each("the severity", severity, rule, segments, Severity::name),
        one("how it pages", page),
        one("the owner", format!("`{owner}`")).outside_version(),
        one("the runbook", runbook).outside_version(),
        filter_of("what recovers it", recovers_by.as_ref(), "what its kind says"),
        time("how long it stays open", *open_for_ms),
    ];
    let (name, words) = (format!("rule {id}"), rule.words(segments));
    Part { sort: Sort::Rule, name, words, facets, kind: Some(kind.name()), of_kind: of_kind(rule, segments) }
}

fn whose(about: u64, rule: &Rule, segments: &[String]) -> String {
    let chosen: Vec<&String> =
        segments.iter().enumerate().filter(|(position, _)| rule.is_about(*position)).map(|(_, segment)| segment).collect();
    if about.count_ones() as usize == segments.len() {
        "every customer's".to_owned()
    } else {
        format!("those of {}", joined(chosen, "and"))
    }
}

fn each<T: Copy, W: ToString>(
    name: &'static str,
    values: &PerSegment<T>,
    rule: &Rule,
    segments: &[String],
    word: impl Fn(T) -> W,
) -> Facet {
    let concerned = segments.iter().enumerate().filter(|(position, _)| rule.is_about(*position));
    let values = concerned.map(|(position, segment)| (segment.clone(), word(values.of(position)).to_string()));
    Facet { name, value: Value::Each(values.collect()), in_version: true }
}

fn of_kind(rule: &Rule, segments: &[String]) -> Vec<Facet> {
    let times = |name, values: &PerSegment<i64>| each(name, values, rule, segments, exact_words_of_millis);
    let within = |values: &Option<PerSegment<i64>>| match values {
        Some(values) => times("the time within which", values),
        None => {
            let close = segments.iter().map(|segment| (segment.clone(), "by the close".to_owned())).collect();
            Facet { name: "the time within which", value: Value::Each(close), in_version: true }
        }
    };
    let hours = |business: bool| one("the sort of hours that counts", if business { "business hours" } else { "all" });
    let filter = |name, filter: &Filter| filter_of(name, Some(filter), "");
    match &rule.kind {
        Kind::Slow { from, to, limit_ms, each_need, business_hours } => vec![
            filter("what the time runs from", from),
            filter("what the time runs to", to),
            times("the limit", limit_ms),
            one("how often it is judged", if *each_need { "once for each need" } else { "once a cycle" }),
            hours(*business_hours),
        ],
        Kind::Missing { expects, after, within_ms } => vec![
            filter("what is expected", expects),
            filter_of("what the time runs from", after.as_ref(), "nothing"),
            within(within_ms),
        ],
        Kind::Unverified { times, within_ms } => vec![one("the number of checks", times), within(within_ms)],
        Kind::Unacknowledged { limit_ms, business_hours } => vec![times("the limit", limit_ms), hours(*business_hours)],
        Kind::BrokenPromise { promises, limit_ms, business_hours } => {
            let which = if promises.is_empty() { "all".to_owned() } else { joined(promises, "and") };
            vec![one("the choice of promises", which), times("what is excused", limit_ms), hours(*business_hours)]
        }
        Kind::LowRating { rating_below, sentiment_below } => {
            let none = || "none".to_owned();
            vec![
                one("the lowest rating that is good", rating_below.map_or_else(none, |rating| rating.to_string())),
                one(
                    "the lowest sentiment that is good",
                    sentiment_below.map_or_else(none, |sentiment| (sentiment + 0.0).to_string()),
                ),
            ]
        }
        Kind::Handoffs { more_than } => vec![each("the most that is promised", more_than, rule, segments, persons)],
        Kind::Lacking { demands } => vec![one("what is demanded", all(demands))],
        Kind::OutOfOrder { before } => vec![filter("what must come first", before)],
        Kind::Reopened { after, by } => {
            vec![filter_of("what ends it", after.as_ref(), "a verification met or a farewell"), filter("what reopens it", by)]
        }
        Kind::RepeatContact { within_ms, same_need } => vec![
            times("the time within which", within_ms),
            one("the need that it is about", if *same_need { "the same" } else { "any" }),
        ],
        Kind::NoFollowUp { within_ms, business_hours, levels, by } => {
            let levels = chosen(*levels, Level::ALL);
            let which = joined(levels.into_iter().map(|level| spoken(level.name())), "and");
            let which = if which.is_empty() { "all".to_owned() } else { which };
            vec![
                times("the time within which", within_ms),
                hours(*business_hours),
                one("the choice of levels to follow up", which),
                filter("what counts as the contact", by),
            ]
        }
        Kind::ViciousCircle { failed, of } => {
            vec![one("the number of failed cycles", failed), one("the number of cycles that it looks at", of)]
        }
        Kind::Unmet | Kind::Abandoned => Vec::new(),
    }
}
