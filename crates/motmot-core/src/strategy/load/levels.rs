//! `levels`: what each service level demands.

use super::filter::words;
use super::rule::word;
use crate::strategy::{Dimension, Levels, Set, Severity, Word};
use crate::touchpoint::Stage;
use crate::yaml::{Fields, Node, Problems};

pub(super) fn read(node: Option<&Node>, problems: &mut Problems) -> Levels {
    let mut levels = Levels::default();
    let Some(mut fields) = node.and_then(|node| node.fields("`levels`", problems)) else { return levels };
    section(&mut fields, "failed", "level `failed`", problems, |fields, problems| {
        let by = fields.take("by").and_then(|node| word(node, "a severity", Severity::ALL, Severity::name, problems));
        levels.failed_by = by.unwrap_or(levels.failed_by);
    });
    section(&mut fields, "basic", "level `basic`", problems, |fields, problems| {
        if let Some(node) = fields.take("stages") {
            levels.basic_by_stage = some_or_none(node, "a stage", Stage::ALL, Stage::name, problems);
        }
        if let Some(node) = fields.take("dimensions") {
            levels.basic_by_dimension = some_or_none(node, "a dimension", Dimension::ALL, Dimension::name, problems);
        }
    });
    section(&mut fields, "satisfying", "level `satisfying`", problems, |fields, problems| {
        satisfying(fields, &mut levels, problems)
    });
    section(&mut fields, "unforgettable", "level `unforgettable`", problems, |fields, problems| {
        let node = fields.take("rating");
        levels.unforgettable_rating = rating(node, problems).unwrap_or(levels.unforgettable_rating);
        if let Some(node) = node.filter(|_| levels.unforgettable_rating < levels.satisfying_rating) {
            let least = levels.satisfying_rating;
            let message = format!("a cycle with a rating below {least} is not even satisfying");
            problems.report(node.place, message, format!("write {least} or more, or a lower `rating` for `satisfying`"));
        }
    });
    fields.finish(problems);
    levels
}

fn section(
    fields: &mut Fields<'_>,
    name: &'static str,
    what: &str,
    problems: &mut Problems,
    read: impl FnOnce(&mut Fields<'_>, &mut Problems),
) {
    if let Some(mut fields) = fields.take(name).and_then(|node| node.fields(what, problems)) {
        read(&mut fields, problems);
        fields.finish(problems);
    }
}

fn satisfying(fields: &mut Fields<'_>, levels: &mut Levels, problems: &mut Problems) {
    if let Some(node) = fields.take("stages") {
        if node.list_or_single().is_empty() {
            let mend = "list the steps that a satisfying cycle must have, or remove the line: then it is all five";
            problems.report(node.place, "an empty list demands no step at all", mend);
        }
        let stages = words(node.list_or_single(), "a stage", Stage::ALL, Stage::name, problems);
        levels.satisfying_stages = if stages.is_any() { levels.satisfying_stages } else { stages };
    }
    for (name, field) in [("verified", &mut levels.satisfying_verified), ("door_open", &mut levels.satisfying_door_open)] {
        *field = fields.take(name).and_then(|node| node.boolean(problems)).unwrap_or(*field);
    }
    levels.satisfying_rating = rating(fields.take("rating"), problems).unwrap_or(levels.satisfying_rating);
}

fn rating(node: Option<&Node>, problems: &mut Problems) -> Option<i32> {
    node.and_then(|node| node.integer(1..=5, problems)).and_then(|rating| i32::try_from(rating).ok())
}

/// A set that may be empty: then it is none.
fn some_or_none<T: Word>(
    node: &Node,
    what: &str,
    all: &[T],
    name: fn(T) -> &'static str,
    problems: &mut Problems,
) -> Option<Set<T>> {
    Some(words(node.list_or_single(), what, all, name, problems)).filter(|set| !set.is_any())
}
