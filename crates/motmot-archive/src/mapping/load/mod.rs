//! From the mapping file to a [`Mapping`]: strict, and with all problems at once.
//!
//! Definitions may stand in any order and refer to each other; [`Loader`] compiles what is referred to first, so that the compiled
//! lists are in the order of dependence, and a definition that refers to itself is found.

mod condition;
mod slot;
mod time;
mod value;

use std::str::FromStr;

use chrono_tz::Tz;
use motmot_core::yaml::{self, Entry, Fields, Node, Place, Problems, listed, nearest};
use rustc_hash::FxHashMap;

use super::model::{ColumnRef, Condition, Encoding, Format, Mapping, NamedValue, Time, Value};

/// Reads a mapping.
pub(super) fn load(text: &str, file: &str) -> Result<Mapping, Problems> {
    let mut problems = Problems::new(file);
    let mapping = yaml::parse(text, &mut problems).and_then(|document| document_of(&document, &mut problems));
    problems.or_value(mapping)
}

fn document_of(document: &Node, problems: &mut Problems) -> Option<Mapping> {
    let mut fields = document.fields("the mapping", problems)?;
    let name = fields.demand("mapping", "name it: `mapping: my-shop`", problems).and_then(|n| n.text(problems));
    let format = match fields.demand("format", "say how the file is cut: `format: {kind: csv}`", problems) {
        Some(node) => format_of(node, problems),
        None => None,
    };
    let zone = match fields.take("time_zone") {
        Some(node) => zone_of(node, problems),
        None => Some(Tz::UTC),
    };
    let format = format.unwrap_or(Format {
        delimiter: b',',
        quote: Some(b'"'),
        header: true,
        names: Vec::new(),
        encoding: Encoding::Utf8,
    });
    let mut loader = Loader::new(format, problems);
    loader.define(&mut fields);
    let cycle_id = loader.cycle_id(&mut fields);
    let key = loader.key(&mut fields);
    let arrived_at = fields.take("arrived_at").and_then(|node| loader.time(node));
    let ignore = loader.ignored(&mut fields);
    loader.compile_rest();
    let slots = loader.slots(&mut fields);
    let value_names = names_of(&loader.value_names).into_iter().map(str::to_owned).collect();
    let Loader { format, columns, values, times, conditions, carried, problems, .. } = loader;
    fields.finish(problems);
    Some(Mapping {
        name: name?.to_owned(),
        format,
        zone: zone?,
        columns,
        values,
        value_names,
        carried,
        times,
        conditions,
        ignore,
        key: key?,
        cycle_id,
        arrived_at,
        slots,
    })
}

fn format_of(node: &Node, problems: &mut Problems) -> Option<Format> {
    let mut fields = node.fields("the format", problems)?;
    let kind = fields.take("kind").and_then(|kind| kind.word("a kind of file", &["csv", "tsv"], problems));
    let delimiter = match (fields.take("delimiter"), kind) {
        (Some(node), _) => single_byte(node, problems).unwrap_or(b','),
        (None, Some("tsv")) => b'\t',
        (None, Some(_)) => b',',
        (None, None) => {
            if fields.take("kind").is_none() {
                let mend = "write `kind: csv`, `kind: tsv` or `delimiter: \";\"`";
                problems.report(fields.place(), "the format does not say how fields are delimited", mend);
            }
            b','
        }
    };
    let quote = match fields.take("quote") {
        None => (delimiter != b'\t').then_some(b'"'),
        Some(node) if node.text(&mut Problems::new("")) == Some("none") => None,
        Some(node) => single_byte(node, problems),
    };
    let header = fields.take("header").and_then(|node| node.boolean(problems)).unwrap_or(true);
    let encoding = fields.take("encoding").and_then(|node| node.word("an encoding", &["utf-8", "latin-1"], problems));
    let mut names = Vec::new();
    if let Some(columns) = fields.take("columns") {
        if header {
            let mend = "leave it out, or write `header: false` if the first row is data";
            problems.report(columns.place, "`columns` names the columns of a file without a header", mend);
        }
        for column in columns.list("a list of column names", problems).unwrap_or_default() {
            names.extend(column.text(problems).map(str::to_owned));
        }
    }
    fields.finish(problems);
    let encoding = if encoding == Some("latin-1") { Encoding::Latin1 } else { Encoding::Utf8 };
    Some(Format { delimiter, quote, header, names, encoding })
}

fn single_byte(node: &Node, problems: &mut Problems) -> Option<u8> {
    // Not `text`: a space and a tab are delimiters too.
    if let yaml::Value::Scalar { text, .. } = &node.value
        && let [byte @ (b'\t' | b' '..=b'~')] = text.as_bytes()
    {
        return Some(*byte);
    }
    node.refuse("one ASCII character", "write it in quotes: `\";\"`, `\"|\"` or `\"\\t\"`", problems);
    None
}

fn zone_of(node: &Node, problems: &mut Problems) -> Option<Tz> {
    let text = node.text(problems)?;
    let zone = Tz::from_str(text).ok();
    if zone.is_none() {
        let near = nearest(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        problems.report(
            node.place,
            format!("`{text}` is no time zone{hint}"),
            "write a name of the IANA list, as in `Asia/Jerusalem` or `UTC`",
        );
    }
    zone
}

/// A definition that others may refer to.
#[derive(Clone, Copy)]
enum Definition<'n> {
    Waiting(&'n Node),
    /// Being compiled: a reference to it now is a circle.
    Open,
    At(usize),
    /// It had problems, which have been told.
    Broken,
}

type Definitions<'n> = FxHashMap<&'n str, Definition<'n>>;

pub(super) struct Loader<'n, 'p> {
    problems: &'p mut Problems,
    format: Format,
    columns: Vec<ColumnRef>,
    values: Vec<NamedValue>,
    times: Vec<Time>,
    conditions: Vec<Condition>,
    carried: usize,
    /// While the cycle's id is compiled nothing may be carried: it would need the id.
    may_carry: bool,
    value_names: Definitions<'n>,
    time_names: Definitions<'n>,
    condition_names: Definitions<'n>,
}

impl<'n, 'p> Loader<'n, 'p> {
    fn new(format: Format, problems: &'p mut Problems) -> Self {
        Self {
            problems,
            format,
            columns: Vec::new(),
            values: Vec::new(),
            times: Vec::new(),
            conditions: Vec::new(),
            carried: 0,
            may_carry: false,
            value_names: Definitions::default(),
            time_names: Definitions::default(),
            condition_names: Definitions::default(),
        }
    }

    /// Notes every definition by name, without looking into it.
    fn define(&mut self, fields: &mut Fields<'n>) {
        for section in ["values", "times", "conditions"] {
            let Some(node) = fields.take(section) else { continue };
            let what = format!("definitions of {section}");
            let definitions = node.entries(&what, self.problems).unwrap_or_default();
            let names = definitions.iter().map(|Entry { key, value, .. }| (key.as_str(), Definition::Waiting(value))).collect();
            match section {
                "values" => self.value_names = names,
                "times" => self.time_names = names,
                _ => self.condition_names = names,
            }
        }
    }

    /// Compiles what nothing referred to yet, for its problems and for the slots.
    fn compile_rest(&mut self) {
        for name in names_of(&self.value_names) {
            self.named_value(name, Place::START);
        }
        for name in names_of(&self.time_names) {
            self.named_time(name, Place::START);
        }
        for name in names_of(&self.condition_names) {
            self.named_condition(name, Place::START);
        }
    }

    fn cycle_id(&mut self, fields: &mut Fields<'n>) -> Value {
        let value = fields.take("cycle_id").and_then(|node| self.value(node, value::Expected::Text));
        self.may_carry = value.is_some();
        // One evaluation a row, also when it is written out instead of named.
        value.map_or(Value::Absent, |value| self.hoist(value, None))
    }

    fn key(&mut self, fields: &mut Fields<'n>) -> Option<Value> {
        let mend = "say which text keeps a customer's cycles together: `key: \"{customer}\"`";
        let node = fields.demand("key", mend, self.problems)?;
        let value = self.value(node, value::Expected::Text)?;
        Some(self.hoist(value, None))
    }

    fn ignored(&mut self, fields: &mut Fields<'n>) -> Vec<Condition> {
        let Some(node) = fields.take("ignore") else { return Vec::new() };
        node.list_or_single().iter().filter_map(|node| self.condition(node)).collect()
    }

    /// Makes a value of its own of `value`, evaluated once a row.
    fn hoist(&mut self, value: Value, carried: Option<usize>) -> Value {
        if carried.is_none() && matches!(value, Value::Absent | Value::Constant(_) | Value::Column(_) | Value::Named(_)) {
            return value;
        }
        self.values.push(NamedValue { value, carried });
        Value::Named(self.values.len() - 1)
    }

    fn unknown_name(&mut self, what: &str, name: &str, place: Place, known: Vec<&'n str>) {
        let near = nearest(name, known.iter().copied());
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let mend = format!("define it under `{what}s`; defined are {}", listed(known));
        self.problems.report(place, format!("no {what} is called `{name}`{hint}"), mend);
    }

    fn circle(&mut self, what: &str, name: &str, place: Place) {
        let message = format!("the {what} `{name}` refers to itself, through others perhaps");
        self.problems.report(place, message, "break the circle: begin at a column");
    }

    fn report(&mut self, place: Place, message: impl AsRef<str>, mend: impl AsRef<str>) {
        self.problems.report(place, message, mend);
    }
}

/// The names that are defined, in alphabetical order.
fn names_of<'n>(definitions: &Definitions<'n>) -> Vec<&'n str> {
    let mut names: Vec<&'n str> = definitions.keys().copied().collect();
    names.sort_unstable();
    names
}
