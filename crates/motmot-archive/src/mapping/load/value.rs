//! Values, templates, columns and durations.

use motmot_core::yaml::{self, Fields, Node, Place, listed, nearest, parse_duration};

use super::super::model::{ColumnRef, NamedValue, Negative, Otherwise, Part, Span, Unit, Value};
use super::{Definition, Loader, names_of};

/// What a constant in this place must be.
#[derive(Clone, Copy)]
pub(super) enum Expected {
    /// Any text.
    Text,
    /// A word of a closed set: its name, and the words.
    Word(&'static str, &'static [&'static str]),
    /// A duration with its unit.
    Duration,
    /// A number.
    Number,
    /// `true` or `false`.
    Truth,
}

impl<'n> Loader<'n, '_> {
    /// A value: a template, or a mapping that says how it is found.
    pub(super) fn value(&mut self, node: &'n Node, expected: Expected) -> Option<Value> {
        match &node.value {
            yaml::Value::Scalar { .. } if node.is_nothing() => Some(Value::Absent),
            yaml::Value::Scalar { text, .. } => self.template(text, node.place, expected),
            yaml::Value::List(_) => {
                node.refuse("a value", "write a text, or `first_of: [...]` for the first that is there", self.problems);
                None
            }
            yaml::Value::Map(_) => {
                let mut fields = node.fields("a value", self.problems)?;
                let value = self.value_of_fields(&mut fields, expected);
                fields.finish(self.problems);
                value
            }
        }
    }

    fn value_of_fields(&mut self, fields: &mut Fields<'n>, expected: Expected) -> Option<Value> {
        let place = fields.place();
        let (of, first_of, then) = (fields.take("of"), fields.take("first_of"), fields.take("then"));
        let (absent, table, when) = (fields.take("absent"), fields.take("table"), fields.take("when"));
        let (otherwise, carry) = (fields.take("otherwise"), fields.take("carry"));
        let value = match (of, first_of, then) {
            (Some(of), None, None) => self.value_of(of, absent, table, otherwise, expected),
            (None, Some(list), None) => {
                let list: Option<Vec<Value>> = list.list_or_single().iter().map(|node| self.value(node, expected)).collect();
                list.map(Value::FirstOf)
            }
            (None, None, Some(then)) => {
                let then = self.value(then, expected);
                let other = otherwise.map_or(Some(Value::Absent), |node| self.value(node, expected));
                match when {
                    Some(when) => {
                        let when = self.condition(when);
                        Some(Value::If { when: Box::new(when?), then: Box::new(then?), otherwise: Box::new(other?) })
                    }
                    None => {
                        self.report(place, "`then` without `when`", "say when: `when: queued`");
                        None
                    }
                }
            }
            _ => {
                let mend = "write one of `of`, `first_of` and `when` with `then`";
                self.report(place, "it is not clear how this value is found", mend);
                None
            }
        };
        self.refuse_strays(place, &[(when, then, "when", "then"), (table, of, "table", "of"), (absent, of, "absent", "of")]);
        if otherwise.is_some() && table.is_none() && then.is_none() {
            self.report(place, "`otherwise` without `table` or `then`", "leave it out");
        }
        match carry {
            Some(carry) => self.carried(carry, value),
            None => value,
        }
    }

    fn refuse_strays(&mut self, place: Place, pairs: &[(Option<&'n Node>, Option<&'n Node>, &str, &str)]) {
        for (stray, with, stray_name, with_name) in pairs {
            if stray.is_some() && with.is_none() {
                self.report(
                    place,
                    format!("`{stray_name}` without `{with_name}`"),
                    format!("add `{with_name}`, or leave `{stray_name}` out"),
                );
            }
        }
    }

    fn value_of(
        &mut self,
        of: &'n Node,
        absent: Option<&'n Node>,
        table: Option<&'n Node>,
        otherwise: Option<&'n Node>,
        expected: Expected,
    ) -> Option<Value> {
        let mut value = self.value(of, if table.is_some() { Expected::Text } else { expected });
        if let Some(absent) = absent {
            let absent = self.texts(absent);
            value = value.map(|value| Value::Unless { of: Box::new(value), absent });
        }
        let Some(table) = table else { return value };
        let entries = table.entries("a table", self.problems)?;
        let rows: Option<Vec<_>> = entries.iter().map(|e| Some((e.key.clone(), self.value(&e.value, expected)?))).collect();
        let otherwise = match otherwise {
            None => Otherwise::Error,
            Some(node) => Otherwise::Value(Box::new(self.value(node, expected)?)),
        };
        Some(Value::Table { of: Box::new(value?), entries: rows?, otherwise })
    }

    fn carried(&mut self, carry: &'n Node, value: Option<Value>) -> Option<Value> {
        carry.word("a way to carry a value", &["first"], self.problems)?;
        if !self.may_carry {
            let mend = "give the mapping a `cycle_id` that is found in the row itself";
            self.report(carry.place, "nothing can be carried before the cycle is known", mend);
            return None;
        }
        let position = self.carried;
        self.carried += 1;
        Some(self.hoist(value?, Some(position)))
    }

    /// Texts to compare with: one or a list, as they are written.
    pub(super) fn texts(&mut self, node: &'n Node) -> Vec<String> {
        let texts = node.list_or_single().iter().filter_map(|node| match &node.value {
            // Not `Node::text`: the empty text is one to compare with.
            yaml::Value::Scalar { text, .. } => Some(text.clone()),
            _ => node.text(self.problems).map(str::to_owned),
        });
        texts.collect()
    }

    fn template(&mut self, text: &str, place: Place, expected: Expected) -> Option<Value> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            literal.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                literal.push_str(from.get(..1).unwrap_or_default());
                rest = after;
                continue;
            }
            let Some((name, after)) = from.strip_prefix('{').and_then(|from| from.split_once('}')) else {
                let mend = "write `{name}` for a column or a value, `{{` and `}}` for braces themselves";
                self.report(place, format!("a brace in `{text}` has no partner"), mend);
                return None;
            };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Value(self.reference(name.trim(), place)?));
            rest = after;
        }
        literal.push_str(rest);
        if parts.is_empty() {
            return self.constant(literal, place, expected);
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        match <[Part; 1]>::try_from(parts) {
            Ok([Part::Value(value)]) => Some(value),
            Ok([Part::Text(text)]) => Some(Value::Constant(text)),
            Err(parts) => Some(Value::Template(parts)),
        }
    }

    fn constant(&mut self, text: String, place: Place, expected: Expected) -> Option<Value> {
        let problem = match expected {
            Expected::Text => None,
            Expected::Word(what, words) => (!words.contains(&text.as_str())).then(|| {
                let near =
                    nearest(&text, words.iter().copied()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                (format!("`{text}` is not {what}{near}"), format!("write {}", listed(words.iter().copied())))
            }),
            Expected::Duration => parse_duration(&text).err(),
            Expected::Number => text
                .parse::<f64>()
                .is_err()
                .then(|| (format!("`{text}` is no number"), "write a number here; its unit stands in `unit`".to_owned())),
            Expected::Truth => crate::mapping::truth(&text)
                .is_none()
                .then(|| (format!("`{text}` is neither true nor false"), "write `true` or `false`".to_owned())),
        };
        match problem {
            Some((message, mend)) => {
                self.report(place, message, mend);
                None
            }
            None => Some(Value::Constant(text)),
        }
    }

    /// A named value, or else a column.
    fn reference(&mut self, name: &str, place: Place) -> Option<Value> {
        if self.value_names.contains_key(name) {
            return self.named_value(name, place);
        }
        let column = match name.rsplit_once('#') {
            Some(("", position)) => position.parse().ok().filter(|n| *n > 0).map(ColumnRef::Position),
            Some((name, nth)) => nth.parse().ok().filter(|n| *n > 0).map(|nth| ColumnRef::Occurrence(name.to_owned(), nth)),
            None if name.is_empty() => None,
            None => Some(ColumnRef::Name(name.to_owned())),
        };
        let Some(column) = column else {
            let mend = "write `{name}`, `{name#2}` for the second column of a name, or `{#5}` for the fifth column";
            self.report(place, format!("`{{{name}}}` names no column"), mend);
            return None;
        };
        if let (false, ColumnRef::Name(name) | ColumnRef::Occurrence(name, _)) = (self.format.header, &column)
            && !self.format.names.contains(name)
        {
            let mut known: Vec<&str> = self.format.names.iter().map(String::as_str).collect();
            known.extend(names_of(&self.value_names));
            let message = format!("the file has no header, and neither `columns` nor `values` names `{name}`");
            let mend = format!("name it there, or write its position, as in `{{#3}}`; known are {}", listed(known));
            self.report(place, message, mend);
            return None;
        }
        let known = self.columns.iter().position(|known| *known == column);
        Some(Value::Column(known.unwrap_or_else(|| {
            self.columns.push(column);
            self.columns.len() - 1
        })))
    }

    pub(super) fn named_value(&mut self, name: &str, place: Place) -> Option<Value> {
        let (&name, &definition) = self.value_names.get_key_value(name)?;
        match definition {
            Definition::At(position) => Some(Value::Named(position)),
            Definition::Broken => None,
            Definition::Open => {
                self.circle("value", name, place);
                None
            }
            Definition::Waiting(node) => {
                self.value_names.insert(name, Definition::Open);
                let value = self.value(node, Expected::Text);
                let outcome = value.map(|value| match value {
                    // what is carried has been made a value of its own already
                    Value::Named(position) => position,
                    value => {
                        self.values.push(NamedValue { value, carried: None });
                        self.values.len() - 1
                    }
                });
                self.value_names.insert(name, outcome.map_or(Definition::Broken, Definition::At));
                outcome.map(Value::Named)
            }
        }
    }

    /// A duration: `60s`, `{column} s`, or a value with its unit.
    pub(super) fn span(&mut self, node: &'n Node) -> Option<Span> {
        if !matches!(node.value, yaml::Value::Map(_)) {
            let value = self.value(node, Expected::Duration)?;
            if matches!(value, Value::Column(_)) {
                let mend = "write it behind: `\"{column} s\"`, or `{of: \"{column}\", unit: s}`; `{of: \"{column}\"}` if the texts name it themselves";
                self.report(node.place, "a column's number has no unit", mend);
                return None;
            }
            return Some(span_of(value, None, Negative::Error));
        }
        let mut fields = node.fields("a duration", self.problems)?;
        let unit = fields.take("unit").and_then(|node| {
            let word = node.word("a unit", &["ms", "s", "m", "h", "d", "clock"], self.problems)?;
            unit_of(word)
        });
        let negative =
            fields.take("negative").and_then(|node| node.word("an answer", &["error", "zero", "absent"], self.problems));
        let negative = match negative {
            Some("zero") => Negative::Zero,
            Some("absent") => Negative::Absent,
            _ => Negative::Error,
        };
        let expected = match unit {
            Some(Unit::Millis(_)) => Expected::Number,
            Some(Unit::Clock) => Expected::Text,
            None => Expected::Duration,
        };
        let value = self.value_of_fields(&mut fields, expected);
        fields.finish(self.problems);
        Some(span_of(value?, unit, negative))
    }
}

fn span_of(value: Value, unit: Option<Unit>, negative: Negative) -> Span {
    match (value, unit) {
        (Value::Constant(text), None) if parse_duration(&text).is_ok() => {
            Span::Constant(parse_duration(&text).unwrap_or_default())
        }
        (Value::Template(parts), None) => match <[Part; 2]>::try_from(parts) {
            // `{q_time} s`: the number is read as it stands, nothing is put together
            Ok([Part::Value(of), Part::Text(text)]) if unit_of(text.trim()).is_some() => {
                Span::Of { of, unit: unit_of(text.trim()), negative }
            }
            Ok(parts) => Span::Of { of: Value::Template(parts.into()), unit: None, negative },
            Err(parts) => Span::Of { of: Value::Template(parts), unit: None, negative },
        },
        (of, unit) => Span::Of { of, unit, negative },
    }
}

fn unit_of(word: &str) -> Option<Unit> {
    let millis = match word {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "clock" => return Some(Unit::Clock),
        _ => return None,
    };
    Some(Unit::Millis(millis))
}
