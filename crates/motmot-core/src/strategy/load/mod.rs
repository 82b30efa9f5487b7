//! From the strategy file's text to a checked [`Strategy`], or to everything that is wrong with it.

mod business;
mod customer;
mod filter;
mod kind;
mod levels;
mod rule;

use std::collections::BTreeMap;

use self::filter::Scope;
use super::{CyclePolicy, FilePolicy, Filter, Labels, Strategy};
use crate::touchpoint::Touchpoint;
use crate::yaml::{self, Fields, Node, Problems};

/// The longest duration that a strategy may name, in ms: ten years.
const LONGEST_MS: i64 = Touchpoint::MAX_DURATION_MS;
/// Segments are bits of a `u64`.
const MAX_SEGMENTS: usize = 64;
/// Each policy is tried in turn for every new cycle.
const MAX_CYCLE_POLICIES: usize = 16;
/// Each rule is judged for every cycle.
const MAX_RULES: usize = 256;
/// A label set is as many Prometheus series.
const MAX_LABEL_VALUES: usize = 1_000;
/// The segment of every customer where a strategy declares none.
const ONLY_SEGMENT: &str = "regular";

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// What the file declares for its own rules.
struct Declared {
    segments: Vec<String>,
    labels: Labels,
    business_hours: bool,
    file: FilePolicy,
}

impl Strategy {
    /// Reads a strategy from the text of its file; `name_of_file` is for messages only.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line, column and mend.
    ///
    /// ```
    /// let text = "
    /// strategy: corner-shop
    /// cycles: [{inactivity: 2h, grace: 5m}]
    /// rules:
    ///   - {id: gone, kind: abandoned, dimension: reliability}
    /// ";
    /// let strategy = motmot_core::Strategy::load("shop.yaml", text).unwrap();
    /// assert_eq!(strategy.rules[0].title, "gone");
    /// ```
    pub fn load(name_of_file: &str, text: &str) -> Result<Self, Problems> {
        let mut problems = Problems::new(name_of_file);
        let document = yaml::parse(text, &mut problems);
        let strategy = document.and_then(|document| strategy(&document, &mut problems));
        problems.or_value(strategy)
    }
}

fn strategy(document: &Node, problems: &mut Problems) -> Option<Strategy> {
    let mut fields = document.fields("the strategy", problems)?;
    let name = fields.demand("strategy", "begin with its name, as in `strategy: bank-telephone`", problems);
    let name = name.and_then(|node| short_text(node, problems));
    let (calendar, business_hours) = business::calendar(&mut fields, problems);
    let labels = fields.take("labels").map_or_else(Labels::default, |node| labels(node, problems));
    let segments = fields.take("segments").map_or_else(|| vec![ONLY_SEGMENT.to_owned()], |node| segments(node, problems));
    let file_node = fields.take("customer_file");
    let file = customer::file(file_node, problems);
    let circle = customer::circle(fields.take("circle"), file_node, file, problems);
    let levels = levels::read(fields.take("levels"), problems);
    let declared = Declared { segments, labels, business_hours, file };
    let cycles = cycles(&mut fields, &declared, problems);
    let rules = rules(&mut fields, &declared, problems);
    let limits = limits(fields.take("limits"), problems);
    fields.finish(problems);
    let mut strategy = Strategy {
        name: name?.to_owned(),
        hash: 0,
        calendar: calendar?,
        labels: declared.labels,
        segments: declared.segments,
        cycles,
        clock_tolerance_ms: limits.clock_tolerance_ms,
        allowed_skew_ms: limits.allowed_skew_ms,
        reopen_window_ms: limits.reopen_window_ms,
        max_touchpoints: limits.max_touchpoints,
        max_moments: limits.max_moments,
        customer_file: declared.file,
        levels,
        circle,
        rules,
    };
    strategy.hash = super::hash::of(&strategy);
    Some(strategy)
}

/// A text that is a name: not longer than a label should be.
fn short_text<'n>(node: &'n Node, problems: &mut Problems) -> Option<&'n str> {
    const MOST: usize = 200;
    let text = node.text(problems)?;
    if text.len() <= MOST {
        return Some(text);
    }
    problems.report(node.place, format!("this text has {} bytes", text.len()), format!("shorten it to at most {MOST} bytes"));
    None
}

/// The distinct texts of a list, or of the one text that stands for it.
fn texts(node: &Node, most: usize, problems: &mut Problems) -> Vec<String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut texts = Vec::new();
    for element in node.list_or_single() {
        let Some(text) = short_text(element, problems) else { continue };
        if let Some(line) = seen.insert(text, element.place.line) {
            let message = format!("`{text}` is listed twice: on line {line} and on line {}", element.place.line);
            problems.report(element.place, message, "keep one of them");
        } else {
            texts.push(text.to_owned());
        }
    }
    if texts.len() > most {
        let message = format!("{} values are listed", texts.len());
        problems.report(node.place, message, format!("list at most {most}"));
    }
    texts
}

fn labels(node: &Node, problems: &mut Problems) -> Labels {
    let Some(mut fields) = node.fields("`labels`", problems) else { return Labels::default() };
    let mut set = |name| fields.take(name).map_or_else(Vec::new, |node| label_set(node, problems));
    let labels = Labels { site: set("site"), team: set("team"), need: set("need") };
    fields.finish(problems);
    labels
}

fn label_set(node: &Node, problems: &mut Problems) -> Vec<String> {
    let set = texts(node, MAX_LABEL_VALUES, problems);
    if node.list_or_single().is_empty() {
        problems.report(node.place, "this label has no values", "list its values, or remove the line: then it is not declared");
    }
    for element in node.list_or_single() {
        if matches!(&element.value, yaml::Value::Scalar { text, .. } if text == "other") {
            problems.report(element.place, "`other` stands for all values that are not declared", "give this one another name");
        }
    }
    set
}

fn segments(node: &Node, problems: &mut Problems) -> Vec<String> {
    if node.list_or_single().is_empty() {
        problems.report(node.place, "no segment is listed", "list at least one (the last is the default), or remove the line");
    }
    texts(node, MAX_SEGMENTS, problems)
}

fn cycles(fields: &mut Fields<'_>, declared: &Declared, problems: &mut Problems) -> Vec<CyclePolicy> {
    const MEND: &str = "say when a silent customer has left, as in `cycles: [{inactivity: 2h, grace: 5m}]`";
    let Some(node) = fields.demand("cycles", MEND, problems) else { return Vec::new() };
    let place = node.place;
    let Some(list) = node.list("a list of cycle policies", problems) else { return Vec::new() };
    if list.is_empty() || list.len() > MAX_CYCLE_POLICIES {
        let mend = format!("write 1 to {MAX_CYCLE_POLICIES}; the one without `where` is for all cycles that no other is for");
        problems.report(place, format!("`cycles` has {} entries", list.len()), mend);
        return Vec::new();
    }
    let mut default: Option<CyclePolicy> = None;
    let mut policies: Vec<CyclePolicy> = Vec::new();
    let mut all_read = true;
    for node in list {
        let Some(policy) = cycle_policy(node, declared, problems) else {
            all_read = false;
            continue;
        };
        if policies.iter().any(|earlier| earlier.filter.covers(&policy.filter)) && !policy.filter.is_empty() {
            let mend = "move it before that one: the first entry whose `where` matches counts";
            problems.report(node.place, "an earlier entry is for all cycles of this one, which is never reached", mend);
        }
        if !policy.filter.is_empty() {
            policies.push(policy);
        } else if default.replace(policy).is_some() {
            let mend = "keep one entry without `where`; give the others one";
            problems.report(node.place, "a second entry of `cycles` is for every cycle", mend);
        }
    }
    if default.is_none() && all_read {
        let mend = "add an entry without `where`, as in `- {inactivity: 2h, grace: 5m}`: every cycle needs its times";
        problems.report(place, "every entry of `cycles` has a `where`, so some cycles have no entry", mend);
    }
    // The entry for all others may stand anywhere in the file; in the model it is the last.
    policies.extend(default);
    policies
}

fn cycle_policy(node: &Node, declared: &Declared, problems: &mut Problems) -> Option<CyclePolicy> {
    let mut fields = node.fields("an entry of `cycles`", problems)?;
    let filter = fields.take("where");
    let filter = filter.map_or_else(|| Some(Filter::default()), |node| filter::read(node, Scope::Elsewhere, declared, problems));
    let inactivity = fields.demand("inactivity", "say after which silence the customer has left, as in `2h`", problems);
    let inactivity = inactivity.and_then(|node| node.duration_within(1..=LONGEST_MS, problems));
    let grace = fields.demand("grace", "say how long a closed cycle may still be amended, as in `5m`", problems);
    let grace = grace.and_then(|node| node.duration_within(0..=LONGEST_MS, problems));
    fields.finish(problems);
    Some(CyclePolicy { filter: filter?, inactivity_ms: inactivity?, grace_ms: grace? })
}

fn rules(fields: &mut Fields<'_>, declared: &Declared, problems: &mut Problems) -> Vec<super::Rule> {
    const MEND: &str = "list what the company promises; docs/strategy.md has an example of every kind";
    let list = fields.demand("rules", MEND, problems).and_then(|node| node.list("a list of rules", problems)).unwrap_or_default();
    if let Some(beyond) = list.get(MAX_RULES) {
        problems.report(beyond.place, format!("there are {} rules", list.len()), format!("write at most {MAX_RULES}"));
    }
    let mut lines_of_ids: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rules = Vec::new();
    for node in list {
        let Some(mut fields) = node.fields("a rule", problems) else { continue };
        let id = rule::id(&mut fields, problems);
        if let Some((id, place)) = id
            && let Some(line) = lines_of_ids.insert(id, place.line)
        {
            let message = format!("two rules have the id `{id}`: on line {line} and on line {}", place.line);
            problems.report(place, message, "give each rule an id of its own");
        }
        rules.extend(rule::read(id.map(|(id, _)| id), fields, declared, problems));
    }
    rules
}

struct Limits {
    clock_tolerance_ms: i64,
    allowed_skew_ms: i64,
    reopen_window_ms: i64,
    max_touchpoints: usize,
    max_moments: usize,
}

fn limits(node: Option<&Node>, problems: &mut Problems) -> Limits {
    let mut limits = Limits {
        clock_tolerance_ms: 2 * SECOND_MS,
        allowed_skew_ms: MINUTE_MS,
        reopen_window_ms: 7 * DAY_MS,
        max_touchpoints: 1_000,
        max_moments: 100,
    };
    let Some(mut fields) = node.and_then(|node| node.fields("`limits`", problems)) else { return limits };
    for (name, field, most) in [
        ("clock_tolerance", &mut limits.clock_tolerance_ms, HOUR_MS),
        ("allowed_skew", &mut limits.allowed_skew_ms, 365 * DAY_MS),
        ("reopen_window", &mut limits.reopen_window_ms, LONGEST_MS),
    ] {
        *field = fields.take(name).and_then(|node| node.duration_within(0..=most, problems)).unwrap_or(*field);
    }
    for (name, field, most) in
        [("max_touchpoints", &mut limits.max_touchpoints, 100_000), ("max_moments", &mut limits.max_moments, 10_000)]
    {
        let number = fields.take(name).and_then(|node| node.integer(1..=most, problems));
        *field = number.and_then(|number| usize::try_from(number).ok()).unwrap_or(*field);
    }
    fields.finish(problems);
    limits
}
