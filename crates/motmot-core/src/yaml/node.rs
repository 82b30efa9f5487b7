//! A value with its place, and the typed readings of it.

use std::ops::RangeInclusive;

use super::duration::parse_duration;
use super::fields::Fields;
use super::problems::{Place, Problems};
use super::suggest::{listed, nearest};
use crate::time::words_of_millis;

/// A value of the document.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text, a number, a truth value or nothing.
    Scalar {
        /// As it is written, without its quotes.
        text: String,
        /// Whether it was written without quotes: only then can it be a number, a truth value or nothing.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping; its keys differ from each other.
    Map(Vec<Entry>),
}

/// A field of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// Where the name stands.
    pub place: Place,
    /// Its value.
    pub value: Node,
}

impl Node {
    pub(super) fn new(place: Place, value: Value) -> Self {
        Self { place, value }
    }

    /// What it is, for messages.
    pub fn described(&self) -> String {
        match &self.value {
            Value::Scalar { .. } if self.is_nothing() => "nothing".to_owned(),
            Value::Scalar { text, .. } => format!("`{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }

    /// Whether nothing is given: an empty place, `~` or `null`.
    pub fn is_nothing(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Reports that something else was expected.
    pub fn refuse(&self, expected: &str, mend: &str, problems: &mut Problems) {
        problems.report(self.place, format!("{} where {expected} is expected", self.described()), mend);
    }

    /// A text: any scalar, as it is written (so `12` and `true` are texts too, when a text is asked for), but not nothing.
    pub fn text(&self, problems: &mut Problems) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_nothing() && !text.trim().is_empty() => Some(text),
            _ => {
                self.refuse("a text", "write a word or a text in quotes here", problems);
                None
            }
        }
    }

    /// A whole number within `range`.
    pub fn integer(&self, range: RangeInclusive<i64>, problems: &mut Problems) -> Option<i64> {
        let (least, most) = (range.start(), range.end());
        let mend = format!("write a whole number from {least} to {most}, without quotes");
        let number = self.plain().and_then(|text| text.parse::<i64>().ok());
        match number {
            Some(number) if range.contains(&number) => Some(number),
            Some(number) => {
                problems.report(self.place, format!("`{number}` is out of range"), mend);
                None
            }
            None => {
                self.refuse("a whole number", &mend, problems);
                None
            }
        }
    }

    /// A number within `range`.
    pub fn decimal(&self, range: RangeInclusive<f64>, problems: &mut Problems) -> Option<f64> {
        let mend = format!("write a number from {} to {}, without quotes", range.start(), range.end());
        let looks_like_one = |text: &&str| text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
        match self.plain().filter(looks_like_one).and_then(|text| text.parse::<f64>().ok()) {
            Some(number) if range.contains(&number) => Some(number),
            Some(number) => {
                problems.report(self.place, format!("`{number}` is out of range"), mend);
                None
            }
            None => {
                self.refuse("a number", &mend, problems);
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&self, problems: &mut Problems) -> Option<bool> {
        match self.plain() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => {
                self.refuse("`true` or `false`", "write `true` or `false`, without quotes", problems);
                None
            }
        }
    }

    /// A duration (`90s`, `5m`, `4h`, `60d`, `1h 30m`), in milliseconds.
    pub fn duration(&self, problems: &mut Problems) -> Option<i64> {
        let Value::Scalar { text, .. } = &self.value else {
            self.refuse("a duration", "write a whole number and a unit, as in `90s` or `1h 30m`", problems);
            return None;
        };
        parse_duration(text).map_err(|(message, mend)| problems.report(self.place, message, mend)).ok()
    }

    /// A duration that lies within `range` of milliseconds.
    pub fn duration_within(&self, range: RangeInclusive<i64>, problems: &mut Problems) -> Option<i64> {
        let millis = self.duration(problems)?;
        if range.contains(&millis) {
            return Some(millis);
        }
        let (least, most) = (words_of_millis(*range.start()), words_of_millis(*range.end()));
        let message = format!("{} is {}", self.described(), if millis < *range.start() { "too short" } else { "too long" });
        problems.report(self.place, message, format!("write a duration from `{least}` to `{most}`"));
        None
    }

    /// A word of a closed set; `what` names the set ("a stage").
    pub fn word<'w>(&self, what: &str, words: &[&'w str], problems: &mut Problems) -> Option<&'w str> {
        if let Value::Scalar { text, .. } = &self.value
            && let Some(word) = words.iter().find(|word| *word == text)
        {
            return Some(word);
        }
        let mut message = format!("{} is not {what}", self.described());
        if let Value::Scalar { text, .. } = &self.value
            && let Some(near) = nearest(text, words.iter().copied())
        {
            message.push_str(&format!("; did you mean `{near}`?"));
        }
        problems.report(self.place, message, format!("write {}", listed(words.iter().copied())));
        None
    }

    /// The elements of a list; a value that is no list counts as a list of itself.
    pub fn list_or_single(&self) -> &[Self] {
        match &self.value {
            Value::List(list) => list,
            _ => std::slice::from_ref(self),
        }
    }

    /// The elements of a list; `what` says of what ("a list of rules").
    pub fn list(&self, what: &str, problems: &mut Problems) -> Option<&[Self]> {
        match &self.value {
            Value::List(list) => Some(list),
            _ => {
                self.refuse(what, "write each element on a line of its own that begins with `- `", problems);
                None
            }
        }
    }

    /// The fields of a mapping whose names are free (attributes, a value for each segment); `what` says what they are.
    pub fn entries(&self, what: &str, problems: &mut Problems) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => {
                self.refuse(what, "write lines of the form `name: value` here", problems);
                None
            }
        }
    }

    /// The fields of a mapping whose names are fixed; `of` says what it is ("a rule").
    pub fn fields(&self, of: &str, problems: &mut Problems) -> Option<Fields<'_>> {
        let entries = self.entries(of, problems)?;
        Some(Fields::new(self.place, of, entries))
    }

    fn plain(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, plain: true } => Some(text),
            _ => None,
        }
    }
}
