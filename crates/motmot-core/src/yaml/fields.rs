//! A mapping's fields, taken by name.

use super::node::{Entry, Node};
use super::problems::{Place, Problems};
use super::suggest::{listed, nearest};

/// The fields of a mapping, taken by name one after the other. What was never asked for is unknown: [`Fields::finish`] says so,
/// with the names that were asked for. So the reader itself is the list of what is allowed.
#[derive(Debug)]
#[must_use = "`finish` reports the unknown fields"]
pub struct Fields<'n> {
    place: Place,
    of: String,
    entries: &'n [Entry],
    asked: Vec<&'static str>,
    refused: Vec<&'n str>,
}

impl<'n> Fields<'n> {
    pub(super) fn new(place: Place, of: &str, entries: &'n [Entry]) -> Self {
        Self { place, of: of.to_owned(), entries, asked: Vec::new(), refused: Vec::new() }
    }

    /// Where the mapping begins.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The value of a field, if it is given.
    pub fn take(&mut self, name: &'static str) -> Option<&'n Node> {
        self.entry(name).map(|entry| &entry.value)
    }

    /// The field itself, if it is given: for a message about its name.
    pub fn entry(&mut self, name: &'static str) -> Option<&'n Entry> {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// Whether a field of that name was asked for, given or not.
    pub fn was_asked(&self, name: &str) -> bool {
        self.asked.contains(&name)
    }

    /// The value of a mandatory field; its absence is a problem, `mend` says what to write.
    pub fn demand(&mut self, name: &'static str, mend: &str, problems: &mut Problems) -> Option<&'n Node> {
        let found = self.take(name);
        if found.is_none() {
            problems.report(self.place, format!("{} has no `{name}`", self.of), mend);
        }
        found
    }

    /// Refuses a field with words of its own, if it is given; it is not unknown any more then, and not listed as allowed.
    pub fn refuse(&mut self, name: &str, message: &str, mend: &str, problems: &mut Problems) {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == name) {
            problems.report(entry.place, message, mend);
            self.refused.push(&entry.key);
        }
    }

    /// Reports every field that nobody asked for.
    pub fn finish(self, problems: &mut Problems) {
        let unknown =
            self.entries.iter().filter(|e| !self.asked.contains(&e.key.as_str()) && !self.refused.contains(&e.key.as_str()));
        for entry in unknown {
            let near = nearest(&entry.key, self.asked.iter().copied());
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let message = format!("unknown field `{}` in {}{hint}", entry.key, self.of);
            problems.report(entry.place, message, format!("allowed here: {}", listed(self.asked.iter().copied())));
        }
    }
}
