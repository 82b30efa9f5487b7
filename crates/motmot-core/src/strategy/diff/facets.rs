//! A strategy as parts: everything but the rules.

use super::{Facet, Part, Sort, Value, rules};
use crate::strategy::calendar::Shift;
use crate::strategy::words::{chosen, joined, spoken};
use crate::strategy::{CyclePolicy, Dimension, Filter, Levels, Strategy};
use crate::time::exact_words_of_millis;
use crate::touchpoint::Stage;

const HOURS: [&str; 7] = [
    "the opening on Mondays",
    "the opening on Tuesdays",
    "the opening on Wednesdays",
    "the opening on Thursdays",
    "the opening on Fridays",
    "the opening on Saturdays",
    "the opening on Sundays",
];

/// Every part, in the order of the reference.
pub(super) fn parts(strategy: &Strategy) -> Vec<Part> {
    let Strategy {
        name,
        hash: _,
        calendar: _,
        labels,
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
    let mut parts = vec![section(
        "the strategy",
        vec![one("the name", format!("`{name}`")).outside_version(), one("the list of segments", customers(segments))],
    )];
    parts.extend(calendar(strategy));
    let labels = [("site", &labels.site), ("team", &labels.team), ("need", &labels.need)];
    parts.push(section("the labels", labels.map(|(name, values)| set(name, values.clone()).outside_version()).into()));
    let file = vec![
        one("the number of cycles that it knows", customer_file.cycles),
        time("how long a final cycle is known", customer_file.keep_ms),
    ];
    parts.push(section("the customer file", file));
    let circle = vec![
        one("the number of cycles that it looks at", circle.of),
        one("the number of failed ones that make it vicious", circle.failed),
        one("the number of satisfying ones that make it virtuous", circle.satisfying),
    ];
    parts.push(section("the circle", circle));
    parts.push(section("the levels", of_levels(levels)));
    let limits = vec![
        time("the clock tolerance", *clock_tolerance_ms),
        time("the allowed skew", *allowed_skew_ms),
        time("the reopen window", *reopen_window_ms),
        one("the most touchpoints of a cycle", max_touchpoints),
        one("the most moments of a cycle", max_moments),
    ];
    parts.push(section("the limits", limits));
    parts.extend(cycles.iter().map(policy));
    parts.extend(rules.iter().map(|rule| rules::part(rule, segments)));
    parts
}

fn section(name: &str, facets: Vec<Facet>) -> Part {
    Part { sort: Sort::Section, name: name.to_owned(), words: String::new(), facets, kind: None, of_kind: Vec::new() }
}

fn customers(segments: &[String]) -> String {
    let default = segments.last().map(String::as_str).unwrap_or_default();
    format!("{}, the default being {default}", joined(segments, "and"))
}

fn calendar(strategy: &Strategy) -> Option<Part> {
    let hours = strategy.calendar.hours()?;
    let mut facets = vec![one("the time zone", hours.zone.name())];
    facets.extend(HOURS.iter().zip(&hours.week).map(|(name, shifts)| one(name, spans(shifts))));
    let holidays = hours.holidays.iter().map(|(date, shifts)| format!("{date} ({})", spans(shifts)));
    facets.push(set("the holidays", holidays.collect()));
    let week = HOURS.iter().zip(&hours.week).filter(|(_, shifts)| !shifts.is_empty());
    let week = week.map(|(name, shifts)| format!("{} {}", name.trim_start_matches("the opening "), spans(shifts)));
    let words = format!("open {} in {}", joined(week, "and"), hours.zone.name());
    Some(Part { words, ..section("the calendar", facets) })
}

fn spans(shifts: &[Shift]) -> String {
    let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    if shifts.is_empty() {
        return "closed".to_owned();
    }
    joined(shifts.iter().map(|shift| format!("{}-{}", clock(shift.from), clock(shift.to))), "and")
}

fn of_levels(levels: &Levels) -> Vec<Facet> {
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
    let none = || "none".to_owned();
    let stages = |stages: &[Stage]| joined(stages.iter().map(|stage| spoken(stage.name())), "and");
    let dimensions = |all: &[Dimension]| joined(all.iter().map(|dimension| dimension.name()), "and");
    let basic_stages = basic_by_stage.map_or_else(none, |set| stages(&chosen(set, Stage::ALL)));
    let basic_dimensions = basic_by_dimension.map_or_else(none, |set| dimensions(&chosen(set, Dimension::ALL)));
    let yes = |demanded: bool| if demanded { "demanded" } else { "not demanded" };
    vec![
        one("the severity of a moment that fails a cycle", failed_by.name()),
        one("the list of stages whose moments leave a cycle basic", basic_stages),
        one("the list of dimensions whose moments leave a cycle basic", basic_dimensions),
        one("the list of steps of a satisfying cycle", stages(&chosen(*satisfying_stages, Stage::ALL))),
        one("that each need of a satisfying cycle is verified", yes(*satisfying_verified)),
        one("that a satisfying cycle leaves the door open", yes(*satisfying_door_open)),
        one("the lowest rating of a satisfying cycle", satisfying_rating),
        one("the rating of an unforgettable cycle", unforgettable_rating),
    ]
}

fn policy(policy: &CyclePolicy) -> Part {
    let CyclePolicy { filter, inactivity_ms, grace_ms } = policy;
    let name =
        if filter.is_empty() { "cycles in general".to_owned() } else { format!("cycles that begin with {}", filter.words()) };
    let (inactivity, grace) = (exact_words_of_millis(*inactivity_ms), exact_words_of_millis(*grace_ms));
    let words = format!("the inactivity is {inactivity}, the grace {grace}");
    let which = filter_of("which they are", Some(filter), "");
    let facets = vec![which, one("the inactivity", inactivity), one("the grace", grace)];
    Part { sort: Sort::Cycles, name, words, facets, kind: None, of_kind: Vec::new() }
}

/// A facet with one value.
pub(super) fn one(name: &'static str, value: impl std::fmt::Display) -> Facet {
    Facet { name, value: Value::One(value.to_string()), in_version: true }
}

/// A facet with a duration.
pub(super) fn time(name: &'static str, millis: i64) -> Facet {
    one(name, exact_words_of_millis(millis))
}

/// A facet with a set.
pub(super) fn set(name: &'static str, values: Vec<String>) -> Facet {
    Facet { name, value: Value::Set(values), in_version: true }
}

/// A facet with a filter, and the word for none.
pub(super) fn filter_of(name: &'static str, filter: Option<&Filter>, none: &str) -> Facet {
    let words = filter.map_or_else(|| none.to_owned(), Filter::words);
    Facet { name, value: Value::Filter(filter.cloned(), words), in_version: true }
}

impl Facet {
    /// The same, of something that no cycle's judgement depends on.
    pub(super) fn outside_version(self) -> Self {
        Self { in_version: false, ..self }
    }
}
