//! What is known of one customer over several cycles: `customer_file` and `circle`.

use super::{DAY_MS, LONGEST_MS};
use crate::strategy::{CirclePolicy, FilePolicy};
use crate::yaml::{Fields, Node, Problems};

/// Every cycle that begins looks at so many.
const MAX_CYCLES: i64 = 1_000;
/// A circle is of successive experiences, not of a customer's life.
pub(super) const MAX_CIRCLE: i64 = 32;

/// The bounds of the customer file.
pub(super) fn file(node: Option<&Node>, problems: &mut Problems) -> FilePolicy {
    let mut policy = FilePolicy { cycles: 32, keep_ms: 90 * DAY_MS };
    let Some(mut fields) = node.and_then(|node| node.fields("`customer_file`", problems)) else { return policy };
    if let Some(cycles) = count(&mut fields, "cycles", MAX_CYCLES, problems) {
        policy.cycles = cycles;
    }
    let keep = fields.take("keep").and_then(|node| node.duration_within(1..=LONGEST_MS, problems));
    policy.keep_ms = keep.unwrap_or(policy.keep_ms);
    fields.finish(problems);
    policy
}

/// When a customer is in the virtuous or the vicious circle. `file_node` is where the customer file's bounds stand, if they do.
pub(super) fn circle(node: Option<&Node>, file_node: Option<&Node>, file: FilePolicy, problems: &mut Problems) -> CirclePolicy {
    let mut circle = CirclePolicy::default();
    if let Some(mut fields) = node.and_then(|node| node.fields("`circle`", problems)) {
        for (name, field) in [("of", &mut circle.of), ("failed", &mut circle.failed), ("satisfying", &mut circle.satisfying)] {
            *field = count(&mut fields, name, MAX_CIRCLE, problems).unwrap_or(*field);
        }
        for (name, wanted) in [("failed", circle.failed), ("satisfying", circle.satisfying)] {
            at_most_of(&mut fields, "a circle", (name, wanted), circle.of, problems);
        }
        fields.finish(problems);
    }
    // Without `circle` it is its default that the file is too short for.
    if let Some(place) = node.or(file_node).map(|node| node.place).filter(|_| circle.of > file.cycles) {
        let message =
            format!("the circle looks at a customer's last {} cycles, and the customer file knows {}", circle.of, file.cycles);
        let mend = format!("write `cycles: {}` or more in `customer_file`, or a smaller `of` in `circle`", circle.of);
        problems.report(place, message, mend);
    }
    circle
}

/// A whole number from 1 to `most`.
pub(super) fn count(fields: &mut Fields<'_>, name: &'static str, most: i64, problems: &mut Problems) -> Option<usize> {
    let number = fields.take(name).and_then(|node| node.integer(1..=most, problems));
    number.and_then(|number| usize::try_from(number).ok())
}

/// Reports that more cycles are wanted (under that name) than are looked at.
pub(super) fn at_most_of(
    fields: &mut Fields<'_>,
    what: &str,
    (name, wanted): (&'static str, usize),
    of: usize,
    problems: &mut Problems,
) {
    if wanted > of {
        let place = fields.take(name).or_else(|| fields.take("of")).map_or(fields.place(), |node| node.place);
        let message = format!("{what} of {of} cycles never has {wanted} that are `{name}`");
        problems.report(place, message, format!("write a `{name}` of at most {of}, or a greater `of`"));
    }
}
