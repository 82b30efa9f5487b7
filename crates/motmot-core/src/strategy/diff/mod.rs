//! What distinguishes two strategies, in a service manager's words.
//!
//! Each strategy is laid out as parts (a rule, an entry of `cycles`, the calendar …) with facets: a name and a value in words.
//! Then every kind of change is one comparison, and nothing that the version depends on can be forgotten: a test holds the two equal.

mod facets;
mod rules;

use super::words::joined;
use super::{Filter, Strategy};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// What changed: "rule slow-answer", "the calendar".
    pub part: String,
    /// How: "the limit for vip was 1m and is now 1m 30s".
    pub words: String,
    /// Whether cycles may be judged differently by it. Titles, owners, runbooks, labels and the name are not in the version.
    pub in_version: bool,
}

/// A part of a strategy.
struct Part {
    sort: Sort,
    name: String,
    /// All that it says, for one that is new or gone.
    words: String,
    facets: Vec<Facet>,
    /// Of a rule, its kind.
    kind: Option<&'static str>,
    /// Those that make sense only beside the same kind of rule.
    of_kind: Vec<Facet>,
}

/// What sort of part it is: the order of some means something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Section,
    Cycles,
    Rule,
}

struct Facet {
    name: &'static str,
    value: Value,
    in_version: bool,
}

#[derive(PartialEq)]
enum Value {
    /// One, in words.
    One(String),
    /// A filter: two that are told by the same words need not be the same.
    Filter(Option<Filter>, String),
    /// One for each segment that it concerns.
    Each(Vec<(String, String)>),
    /// A set of which only what came and what went is told.
    Set(Vec<String>),
}

impl Strategy {
    /// What is different in `new`, in the order of the file; nothing where both say the same.
    ///
    /// ```
    /// let shop = "{strategy: s, cycles: [{inactivity: 2h, grace: 5m}], rules: [{id: gone, kind: abandoned, dimension: empathy}]}";
    /// let old = motmot_core::Strategy::load("old.yaml", shop).unwrap();
    /// let new = motmot_core::Strategy::load("new.yaml", &shop.replace("2h", "1h")).unwrap();
    /// let change = &old.diff(&new)[0];
    /// assert_eq!((change.part.as_str(), change.words.as_str()), ("cycles in general", "the inactivity was 2h and is now 1h"));
    /// ```
    pub fn diff(&self, new: &Self) -> Vec<Change> {
        let (old, new) = (facets::parts(self), facets::parts(new));
        let mut changes = Vec::new();
        for part in &new {
            match old.iter().find(|other| other.name == part.name) {
                Some(other) => between(other, part, &mut changes),
                None => changes.push(Change::of(&part.name, format!("is new: {}", part.words))),
            }
        }
        let gone = old.iter().filter(|part| new.iter().all(|other| other.name != part.name));
        changes.extend(gone.map(|part| Change::of(&part.name, format!("is gone; it said: {}", part.words))));
        changes.extend(order(&old, &new, Sort::Cycles, "the entries of `cycles`"));
        changes.extend(order(&old, &new, Sort::Rule, "the rules"));
        changes
    }
}

impl Change {
    fn of(part: &str, words: String) -> Self {
        Self { part: part.to_owned(), words, in_version: true }
    }
}

/// What is different within a part that both strategies have.
fn between(old: &Part, new: &Part, changes: &mut Vec<Change>) {
    let mut compare = |olds: &[Facet], news: &[Facet]| {
        for (old, facet) in news.iter().filter_map(|facet| Some((olds.iter().find(|old| old.name == facet.name)?, facet))) {
            for words in facet.changes_since(&old.value) {
                changes.push(Change { part: new.name.clone(), words, in_version: facet.in_version });
            }
        }
    };
    compare(&old.facets, &new.facets);
    if old.kind == new.kind {
        compare(&old.of_kind, &new.of_kind);
    } else {
        changes.push(Change::of(&new.name, format!("now says: {}", new.words)));
    }
}

/// Parts that both have, in another order.
fn order(old: &[Part], new: &[Part], sort: Sort, what: &str) -> Option<Change> {
    let names = |parts: &[Part], others: &[Part]| -> Vec<String> {
        let both = parts.iter().filter(|part| part.sort == sort && others.iter().any(|other| other.name == part.name));
        both.map(|part| part.name.clone()).collect()
    };
    let (before, now) = (names(old, new), names(new, old));
    (before != now).then(|| Change::of(what, format!("stand in another order: {}", joined(now, "and"))))
}

impl Facet {
    fn changes_since(&self, old: &Value) -> Vec<String> {
        let name = self.name;
        match (old, &self.value) {
            (Value::One(old), Value::One(new)) if old != new => vec![format!("{name} was {old} and is now {new}")],
            (Value::Filter(old, was), Value::Filter(new, is)) if old != new => {
                if was == is {
                    vec![format!("{name} is written in another way, and still is {is}")]
                } else {
                    vec![format!("{name} was {was} and is now {is}")]
                }
            }
            (Value::Each(old), Value::Each(new)) => each(name, old, new),
            (Value::Set(old), Value::Set(new)) => {
                let new_ones = new.iter().filter(|value| !old.contains(value)).map(|value| format!("{name}: {value} is new"));
                new_ones
                    .chain(old.iter().filter(|value| !new.contains(value)).map(|value| format!("{name}: {value} is gone")))
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What changed by segment; in one sentence where it is the same for all.
fn each(name: &str, old: &[(String, String)], new: &[(String, String)]) -> Vec<String> {
    let same = |values: &[(String, String)]| match values {
        [(_, first), others @ ..] if others.iter().all(|(_, value)| value == first) => Some(first.clone()),
        _ => None,
    };
    if let (Some(was), Some(is)) = (same(old), same(new)) {
        return if was == is { Vec::new() } else { vec![format!("{name} was {was} and is now {is}")] };
    }
    let of = |(segment, is): &(String, String)| match old.iter().find(|(other, _)| other == segment) {
        Some((_, was)) if was == is => None,
        Some((_, was)) => Some(format!("{name} for {segment} was {was} and is now {is}")),
        None => Some(format!("{name} for {segment} is {is}")),
    };
    new.iter().filter_map(of).collect()
}
