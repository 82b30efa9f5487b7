//! Conditions.

use motmot_core::yaml::{self, Fields, Node, Place};

use super::super::model::{Comparison, Condition};
use super::value::Expected;
use super::{Definition, Loader, names_of};

const COMPARISONS: [(&str, Comparison); 4] = [
    ("less", Comparison::Less),
    ("at_most", Comparison::AtMost),
    ("at_least", Comparison::AtLeast),
    ("greater", Comparison::Greater),
];

impl<'n> Loader<'n, '_> {
    /// A condition: a name, a list of which all must hold, or a mapping.
    pub(super) fn condition(&mut self, node: &'n Node) -> Option<Condition> {
        match &node.value {
            yaml::Value::Scalar { .. } => {
                let name = node.text(self.problems)?;
                if !self.condition_names.contains_key(name) {
                    let known = names_of(&self.condition_names);
                    self.unknown_name("condition", name, node.place, known);
                    return None;
                }
                self.named_condition(name, node.place)
            }
            yaml::Value::List(list) => self.conditions(list).map(Condition::All),
            yaml::Value::Map(_) => {
                let mut fields = node.fields("a condition", self.problems)?;
                let condition = self.condition_of(&mut fields);
                fields.finish(self.problems);
                condition
            }
        }
    }

    fn conditions(&mut self, list: &'n [Node]) -> Option<Vec<Condition>> {
        // All are read before the first failure ends it, so that all problems are told.
        let list: Vec<Option<Condition>> = list.iter().map(|node| self.condition(node)).collect();
        list.into_iter().collect()
    }

    fn condition_of(&mut self, fields: &mut Fields<'n>) -> Option<Condition> {
        let place = fields.place();
        let (not, all, any) = (fields.take("not"), fields.take("all"), fields.take("any"));
        let (of, duration) = (fields.take("of"), fields.take("duration"));
        match (not, all, any, of, duration) {
            (Some(not), None, None, None, None) => Some(Condition::Not(Box::new(self.condition(not)?))),
            (None, Some(all), None, None, None) => self.conditions(all.list_or_single()).map(Condition::All),
            (None, None, Some(any), None, None) => self.conditions(any.list_or_single()).map(Condition::Any),
            (None, None, None, Some(of), None) => self.of_text(of, fields, place),
            (None, None, None, None, Some(duration)) => self.of_duration(duration, fields, place),
            _ => {
                let mend = "write exactly one of `of`, `duration`, `not`, `all` and `any`";
                self.report(place, "it is not clear what this condition is about", mend);
                None
            }
        }
    }

    fn of_text(&mut self, of: &'n Node, fields: &mut Fields<'n>, place: Place) -> Option<Condition> {
        let value = self.value(of, Expected::Text);
        let (equals, is_in) = (fields.take("equals"), fields.take("in"));
        let (starts_with, known) = (fields.take("starts_with"), fields.take("known"));
        let value = value?;
        let mut all = Vec::new();
        for list in [equals, is_in].into_iter().flatten() {
            all.push(Condition::In(value.clone(), self.texts(list)));
        }
        if let Some(starts) = starts_with {
            all.push(Condition::StartsWith(value.clone(), self.texts(starts)));
        }
        if let Some(known) = known {
            let condition = Condition::Known(value.clone());
            all.push(if known.boolean(self.problems)? { condition } else { Condition::Not(Box::new(condition)) });
        }
        for (name, comparison) in COMPARISONS {
            if let Some(limit) = fields.take(name) {
                all.push(Condition::Number(value.clone(), comparison, limit.decimal(f64::MIN..=f64::MAX, self.problems)?));
            }
        }
        self.all_of(all, place, "`equals`, `in`, `starts_with`, `known`, `less`, `at_most`, `at_least` or `greater`")
    }

    fn of_duration(&mut self, duration: &'n Node, fields: &mut Fields<'n>, place: Place) -> Option<Condition> {
        let span = self.span(duration);
        let mut all = Vec::new();
        for (name, comparison) in COMPARISONS {
            if let Some(limit) = fields.take(name) {
                let limit = limit.duration(self.problems);
                all.push(Condition::Span(span.clone()?, comparison, limit?));
            }
        }
        span?;
        self.all_of(all, place, "`less`, `at_most`, `at_least` or `greater`")
    }

    fn all_of(&mut self, mut all: Vec<Condition>, place: Place, words: &str) -> Option<Condition> {
        match all.len() {
            0 => {
                self.report(place, "nothing is compared", format!("add {words}"));
                None
            }
            1 => all.pop(),
            _ => Some(Condition::All(all)),
        }
    }

    pub(super) fn named_condition(&mut self, name: &str, place: Place) -> Option<Condition> {
        let (&name, &definition) = self.condition_names.get_key_value(name)?;
        match definition {
            Definition::At(position) => Some(Condition::Named(position)),
            Definition::Broken => None,
            Definition::Open => {
                self.circle("condition", name, place);
                None
            }
            Definition::Waiting(node) => {
                self.condition_names.insert(name, Definition::Open);
                let position = self.condition(node).map(|condition| {
                    self.conditions.push(condition);
                    self.conditions.len() - 1
                });
                self.condition_names.insert(name, position.map_or(Definition::Broken, Definition::At));
                position.map(Condition::Named)
            }
        }
    }
}
