//! `where`, `from`, `to` …: which touchpoints are meant. A filter that can match nothing is a mistake, not a wish.

use super::{Declared, MAX_SEGMENTS, texts};
use crate::strategy::{Field, Filter, Set, Word};
use crate::touchpoint::{ActorKind, Audience, Initiator, Intent, Outcome, Stage};
use crate::yaml::{Fields, Node, Problems, Value, listed, nearest};

/// More values of one field than a person would list.
const MAX_VALUES: usize = 256;

/// Where a filter stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// A rule's `where`: it may name the cycle's segment (read by the rule itself).
    Rule,
    /// Anywhere else.
    Elsewhere,
}

/// Reads a filter; `segment` is left to the rule.
pub(super) fn read(node: &Node, scope: Scope, declared: &Declared, problems: &mut Problems) -> Option<Filter> {
    let mut fields = node.fields("a filter", problems)?;
    let mut filter = Filter {
        stages: some_words(fields.take("stage"), "a stage", Stage::ALL, Stage::name, problems),
        outcomes: some_words(fields.take("outcome"), "an outcome", Outcome::ALL, Outcome::name, problems),
        intents: some_words(fields.take("intent"), "an intent", Intent::ALL, Intent::name, problems),
        initiated_by: some_words(fields.take("initiated_by"), "an initiator", Initiator::ALL, Initiator::name, problems),
        audience: some_words(fields.take("audience"), "an audience", Audience::ALL, Audience::name, problems),
        actor_kinds: Set::default(),
        texts: Vec::new(),
    };
    let mut text = |name, field, known: &[String]| {
        let values = fields.take(name).map(|node| declared_texts(node, name, known, problems));
        filter.texts.extend(values.map(|values| (field, values)));
    };
    text("channel", Field::Channel, &[]);
    text("site", Field::Site, &declared.labels.site);
    text("team", Field::Team, &declared.labels.team);
    text("need", Field::Need, &declared.labels.need);
    if let Some(node) = fields.take("actor") {
        actor(node, &mut filter, problems);
    }
    if let Some(node) = fields.take("attributes") {
        attributes(node, &mut filter, problems);
    }
    match scope {
        Scope::Rule => _ = fields.take("segment"),
        Scope::Elsewhere => fields.refuse(
            "segment",
            "a segment is the whole cycle's, not a touchpoint's",
            "name it in the rule's own `where`, which may say `segment`",
            problems,
        ),
    }
    fields.finish(problems);
    // The order in which values are listed means nothing, so it must not make another strategy.
    filter.texts.sort();
    Some(filter)
}

/// The segments that a rule's `where` names, as bits; all where it names none.
pub(super) fn segments(filter: Option<&Node>, declared: &Declared, problems: &mut Problems) -> u64 {
    let all = declared.segments.iter().fold(0, |bits, _| bits << 1 | 1);
    let Some(Value::Map(entries)) = filter.map(|node| &node.value) else { return all };
    let Some(node) = entries.iter().find(|entry| entry.key == "segment").map(|entry| &entry.value) else { return all };
    let mut bits = 0;
    for element in some_of(node, problems) {
        let known: Vec<&str> = declared.segments.iter().map(String::as_str).collect();
        let word = element.word("a declared segment", &known, problems);
        let position = word.and_then(|word| known.iter().position(|segment| *segment == word));
        bits |= position.filter(|position| *position < MAX_SEGMENTS).map_or(0, |position| 1 << position);
    }
    bits
}

/// The elements of a list, of which an empty one is a problem: it would match nothing.
pub(super) fn some_of<'n>(node: &'n Node, problems: &mut Problems) -> &'n [Node] {
    let elements = node.list_or_single();
    if elements.is_empty() {
        problems.report(node.place, "an empty list matches nothing", "list what is meant, or remove the line: then anything is");
    }
    elements
}

fn some_words<T: Word>(
    node: Option<&Node>,
    what: &str,
    all: &[T],
    name: fn(T) -> &'static str,
    problems: &mut Problems,
) -> Set<T> {
    let elements = node.map(|node| some_of(node, problems)).unwrap_or_default();
    words(elements, what, all, name, problems)
}

/// The set of the words of a list.
pub(super) fn words<T: Word>(
    elements: &[Node],
    what: &str,
    all: &[T],
    name: fn(T) -> &'static str,
    problems: &mut Problems,
) -> Set<T> {
    let mut set = Set::default();
    let names: Vec<&str> = all.iter().map(|value| name(*value)).collect();
    for element in elements {
        let word = element.word(what, &names, problems);
        if let Some(value) = all.iter().find(|value| word == Some(name(**value))) {
            set.insert(*value);
        }
    }
    set
}

fn sorted_texts(node: &Node, problems: &mut Problems) -> Vec<String> {
    some_of(node, problems);
    let mut values = texts(node, MAX_VALUES, problems);
    values.sort();
    values
}

/// Texts of a label: where the strategy declares its values, another one is a slip.
fn declared_texts(node: &Node, label: &str, known: &[String], problems: &mut Problems) -> Vec<String> {
    let values = sorted_texts(node, problems);
    for element in node.list_or_single() {
        let Value::Scalar { text, .. } = &element.value else { continue };
        if known.is_empty() || known.contains(text) || element.is_nothing() {
            continue;
        }
        let near = nearest(text, known.iter().map(String::as_str));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let shown = listed(known.iter().take(20).map(String::as_str));
        let mend = format!("add it to `labels.{label}`, or write one that is declared there: {shown}");
        problems.report(element.place, format!("`{text}` is no declared {label}, so this can match nothing{hint}"), mend);
    }
    values
}

fn actor(node: &Node, filter: &mut Filter, problems: &mut Problems) {
    let Some(mut fields) = node.fields("`actor`", problems) else { return };
    let (kind, id) = (fields.take("kind"), fields.take("id"));
    filter.actor_kinds = some_words(kind, "an actor's kind", ActorKind::ALL, ActorKind::name, problems);
    filter.texts.extend(id.map(|node| (Field::ActorId, sorted_texts(node, problems))));
    not_empty(kind.or(id).is_some(), node, "`actor`", "`kind` or `id`", problems);
    fields.finish(problems);
}

fn attributes(node: &Node, filter: &mut Filter, problems: &mut Problems) {
    let Some(entries) = node.entries("attributes", problems) else { return };
    not_empty(!entries.is_empty(), node, "`attributes`", "a name and its value", problems);
    for entry in entries {
        filter.texts.push((Field::Attribute(entry.key.clone()), sorted_texts(&entry.value, problems)));
    }
}

fn not_empty(given: bool, node: &Node, what: &str, wanted: &str, problems: &mut Problems) {
    // Unknown fields are told anyway; a second message about the same line would not help.
    if !given && matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        problems.report(node.place, format!("an empty {what} says nothing"), format!("write {wanted} into it, or remove it"));
    }
}

impl Filter {
    /// Whether some touchpoint could match both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.stages.meets(other.stages)
            && self.outcomes.meets(other.outcomes)
            && self.intents.meets(other.intents)
            && self.initiated_by.meets(other.initiated_by)
            && self.audience.meets(other.audience)
            && self.actor_kinds.meets(other.actor_kinds)
            && self.texts.iter().all(|(field, values)| {
                let others = other.texts.iter().find(|(other, _)| other == field);
                others.is_none_or(|(_, others)| values.iter().any(|value| others.contains(value)))
            })
    }

    /// Whether every touchpoint that matches `other` matches this one too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.stages.covers(other.stages)
            && self.outcomes.covers(other.outcomes)
            && self.intents.covers(other.intents)
            && self.initiated_by.covers(other.initiated_by)
            && self.audience.covers(other.audience)
            && self.actor_kinds.covers(other.actor_kinds)
            && self.texts.iter().all(|(field, values)| {
                let others = other.texts.iter().find(|(other, _)| other == field);
                others.is_some_and(|(_, others)| others.iter().all(|value| values.contains(value)))
            })
    }
}

/// Reads an optional filter field.
pub(super) fn optional(
    fields: &mut Fields<'_>,
    name: &'static str,
    declared: &Declared,
    problems: &mut Problems,
) -> Option<Filter> {
    fields.take(name).and_then(|node| read(node, Scope::Elsewhere, declared, problems))
}

/// Reads a mandatory filter field.
pub(super) fn mandatory(
    fields: &mut Fields<'_>,
    name: &'static str,
    mend: &str,
    declared: &Declared,
    problems: &mut Problems,
) -> Option<Filter> {
    fields.demand(name, mend, problems).and_then(|node| read(node, Scope::Elsewhere, declared, problems))
}
