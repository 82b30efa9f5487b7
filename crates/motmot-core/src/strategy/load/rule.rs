//! One rule: what all kinds have in common.

use super::filter::{self, Scope};
use super::{Declared, HOUR_MS, LONGEST_MS, MAX_SEGMENTS, kind, short_text};
use crate::strategy::{Dimension, Filter, Kind, Paging, PerSegment, Rule, Severity, Side, words};
use crate::touchpoint::Stage;
use crate::yaml::{Fields, Node, Place, Problems, Value, listed};

/// Who is paged where a rule names nobody.
const DEFAULT_OWNER: &str = "operations";

/// The rule's id and its place. It is a metric label and part of every moment's identity, so its letters are few.
pub(super) fn id<'n>(fields: &mut Fields<'n>, problems: &mut Problems) -> Option<(&'n str, Place)> {
    const MEND: &str = "use small letters, digits and `-`, at most 64, as in `slow-answer`";
    let node = fields.demand("id", "give it one that is used nowhere else, as in `id: slow-answer`", problems)?;
    let id = node.text(problems)?;
    let fits = id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !fits || id.starts_with('-') || id.ends_with('-') {
        problems.report(node.place, format!("`{id}` is no id: it becomes a metric's label"), MEND);
        return None;
    }
    Some((id, node.place))
}

/// The rule. What is wrong in one field does not keep the others from being looked at.
pub(super) fn read(id: Option<&str>, mut fields: Fields<'_>, declared: &Declared, problems: &mut Problems) -> Option<Rule> {
    let title = fields.take("title").map_or(Some(id), |node| short_text(node, problems).map(Some));
    let filter_node = fields.take("where");
    let filter = filter_node.map_or_else(|| Some(Filter::default()), |node| filter::read(node, Scope::Rule, declared, problems));
    let segments = filter::segments(filter_node, declared, problems);
    let values = Segmented { declared, segments };
    let kind = kind::read(&mut fields, &values, problems);
    let filter = filter.map(|filter| contact(kind.as_ref(), filter));
    if let (Some(kind), Some(filter), Some(node)) = (&kind, &filter, filter_node) {
        kind::check_filter(kind, filter, node, problems);
    }
    let dimension =
        fields.demand("dimension", &format!("say what it guards: {}", names(Dimension::ALL, Dimension::name)), problems);
    let dimension = dimension.and_then(|node| word(node, "a dimension", Dimension::ALL, Dimension::name, problems));
    let side = fields
        .take("side")
        .map_or(Some(None), |node| word(node, "a side of the service triangle", Side::ALL, Side::name, problems).map(Some));
    let severity = fields.take("severity").map_or(Some(values.same(Severity::Critical)), |node| {
        values
            .read(node, "severity", problems, |node, problems| word(node, "a severity", Severity::ALL, Severity::name, problems))
    });
    let page = fields.take("page").map_or_else(
        || kind.as_ref().map(default_paging),
        |node| word(node, "a way of paging", Paging::ALL, Paging::name, problems),
    );
    let owner = fields.take("owner").map_or(Some(DEFAULT_OWNER), |node| short_text(node, problems));
    let runbook = fields.take("runbook").map_or(Some(None), |node| node.text(problems).map(Some));
    if let Some(Kind::NoFollowUp { .. }) = kind {
        let mend = "say in `by` what counts as the contact, and remove it here";
        fields.refuse("recovers_by", "a `no_follow_up` is cleared by the contact itself", mend, problems);
    }
    let recovers_by =
        fields.take("recovers_by").map_or(Some(None), |node| filter::read(node, Scope::Elsewhere, declared, problems).map(Some));
    let open_for = fields.take("open_for").map_or(Some(24 * HOUR_MS), |node| node.duration_within(1..=LONGEST_MS, problems));
    fields.finish(problems);
    let mut rule = Rule {
        id: id?.to_owned(),
        title: title??.to_owned(),
        filter: filter?,
        segments,
        kind: kind?,
        dimension: dimension?,
        side: side?,
        severity: severity?,
        page: page?,
        owner: owner?.to_owned(),
        runbook: runbook?.map(str::to_owned),
        recovers_by: recovers_by?,
        recovers_words: String::new(),
        open_for_ms: open_for?,
    };
    rule.recovers_words = words::recovery(&rule);
    Some(rule)
}

/// The contact that `repeat_contact` measures from is a greeting, where the file names no stage.
fn contact(kind: Option<&Kind>, mut filter: Filter) -> Filter {
    if matches!(kind, Some(Kind::RepeatContact { .. })) && filter.stages.is_any() {
        filter.stages.insert(Stage::Greeting);
    }
    filter
}

/// Nobody can save a customer who has gone, nor undo a hand-over or a second call: such moments matter by their rate.
fn default_paging(kind: &Kind) -> Paging {
    match kind {
        Kind::Abandoned
        | Kind::LowRating { .. }
        | Kind::OutOfOrder { .. }
        | Kind::Handoffs { .. }
        | Kind::RepeatContact { .. } => Paging::Rate,
        _ => Paging::Open,
    }
}

fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> String {
    listed(all.iter().map(|value| name(*value)))
}

pub(super) fn word<T: Copy>(
    node: &Node,
    what: &str,
    all: &[T],
    name: fn(T) -> &'static str,
    problems: &mut Problems,
) -> Option<T> {
    let names: Vec<&str> = all.iter().map(|value| name(*value)).collect();
    let word = node.word(what, &names, problems)?;
    all.iter().find(|value| name(**value) == word).copied()
}

/// Values that may differ by segment: one for all, or a mapping with one for each segment that the rule is about.
pub(super) struct Segmented<'d> {
    pub(super) declared: &'d Declared,
    segments: u64,
}

impl Segmented<'_> {
    /// The same value for every segment.
    pub(super) fn same<T: Clone>(&self, value: T) -> PerSegment<T> {
        PerSegment(vec![value; self.declared.segments.len()])
    }

    /// Reads one value, or one for each segment.
    pub(super) fn read<T: Clone>(
        &self,
        node: &Node,
        what: &str,
        problems: &mut Problems,
        read: impl Fn(&Node, &mut Problems) -> Option<T>,
    ) -> Option<PerSegment<T>> {
        let Value::Map(entries) = &node.value else { return read(node, problems).map(|value| self.same(value)) };
        let segments = &self.declared.segments;
        let listed_segments = listed(segments.iter().map(String::as_str));
        let mut values: Vec<Option<T>> = vec![None; segments.len()];
        let mut complete = true;
        for entry in entries {
            let value = read(&entry.value, problems);
            complete &= value.is_some();
            let position = segments.iter().position(|segment| *segment == entry.key);
            match position.and_then(|position| values.get_mut(position)) {
                Some(slot) if self.concerns(position) => *slot = value,
                Some(_) => {
                    let message = format!("the rule's `where` leaves segment `{}` out, so its {what} is never used", entry.key);
                    problems.report(entry.place, message, "remove it here, or add the segment to `where`");
                }
                None => {
                    let message = format!("`{}` is no declared segment", entry.key);
                    problems.report(entry.place, message, format!("write {listed_segments}, or add it to `segments`"));
                    complete = false;
                }
            }
        }
        let given = |segment: &&String| entries.iter().any(|entry| entry.key == **segment);
        let missing = segments.iter().enumerate().filter(|(position, segment)| self.concerns(Some(*position)) && !given(segment));
        for (_, segment) in missing {
            problems.report(
                node.place,
                format!("segment `{segment}` has no {what}"),
                format!("add `{segment}: …`, or write one {what} for all segments"),
            );
            complete = false;
        }
        // A segment that the rule is not about is never asked for; it gets some value, always the same one.
        let some = values.iter().flatten().next().cloned();
        let filled = values.into_iter().map(|value| value.or_else(|| some.clone())).collect::<Option<Vec<T>>>();
        filled.filter(|_| complete).map(PerSegment)
    }

    fn concerns(&self, position: Option<usize>) -> bool {
        // More segments than bits are a problem of their own, and told.
        position.is_some_and(|position| position >= MAX_SEGMENTS || self.segments >> position & 1 == 1)
    }
}
