//! Touchpoints: what each slot of a row gives.

use motmot_core::touchpoint::{ActorKind, Audience, Initiator, Intent, Outcome, Stage};
use motmot_core::yaml::{Fields, Node, Problems};

use super::super::model::{ActorOf, PromiseOf, Slot, Value, Word};
use super::Loader;
use super::value::Expected;

/// More slots than this in one mapping are a mistake; the number travels in one byte of a record's place.
const MAX_SLOTS: usize = 64;

/// The closed set of words that a field is read from.
pub(super) trait Named: Copy + 'static {
    const WHAT: &'static str;
    const NAMES: &'static [&'static str];
    fn parse(word: &str) -> Option<Self>;
}
macro_rules! named { ($($set:ident $what:literal [$($variant:ident),+];)+) => { $(
    impl Named for $set {
        const WHAT: &'static str = $what;
        const NAMES: &'static [&'static str] = &[$($set::$variant.name()),+];
        fn parse(word: &str) -> Option<Self> { $set::parse(word) }
    }
)+ } }
named! {
    Stage "a stage" [Greeting, NeedDetection, Fulfilment, Verification, Farewell];
    Outcome "an outcome" [Met, PartlyMet, Unmet, Pending, None];
    Intent "an intent" [Request, Complaint, Question, Praise, FollowUp];
    Initiator "who sought the contact" [Customer, Company];
    Audience "an audience" [External, Internal];
    ActorKind "a kind of actor" [Person, System, Surroundings];
}

impl<'n> Loader<'n, '_> {
    /// All slots, each with the common fields that it does not give itself.
    pub(super) fn slots(&mut self, fields: &mut Fields<'n>) -> Vec<Slot> {
        let common = fields.take("common");
        let mend = "list what a row gives: `touchpoints: [{slot: call, at: entry, stage: greeting, …}]`";
        let Some(node) = fields.demand("touchpoints", mend, self.problems) else { return Vec::new() };
        let list = node.list("a list of touchpoints", self.problems).unwrap_or_default();
        if list.is_empty() || list.len() > MAX_SLOTS {
            self.report(node.place, format!("{} touchpoints are listed", list.len()), format!("list 1 to {MAX_SLOTS}"));
        }
        let mut slots: Vec<Slot> = Vec::with_capacity(list.len());
        for node in list {
            let Some(slot) = self.slot(node, common) else { continue };
            if slots.iter().any(|other| other.name == slot.name) {
                let mend = "give each slot a name of its own: it is part of the event ids";
                self.report(node.place, format!("two slots are called `{}`", slot.name), mend);
            }
            slots.push(slot);
        }
        slots
    }

    fn slot(&mut self, node: &'n Node, common: Option<&'n Node>) -> Option<Slot> {
        let mut own = node.fields("a touchpoint", self.problems)?;
        // The common fields are looked at once for each slot, but their problems are told once: `Problems` drops repeats.
        let mut shared = common.and_then(|node| node.fields("the common fields", self.problems));
        let name = own.demand("slot", "name it: `slot: greeting`", self.problems).and_then(|node| node.text(self.problems));
        let when = own.take("when").map(|node| self.condition(node));
        let mut take = Take { own: &mut own, shared: &mut shared };
        let at = take.demand("at", "say when it happened: `at: entry`", self.problems).and_then(|node| self.time(node));
        let stage = take.demand("stage", "write one of the five stages", self.problems).and_then(|node| self.word(node));
        let outcome = take
            .demand("outcome", "write met, partly_met, unmet, pending or none", self.problems)
            .and_then(|node| self.word(node));
        let channel =
            take.demand("channel", "say by which channel: `channel: phone`", self.problems).and_then(|node| self.text(node));
        let site = take.demand("site", "say where: `site: call-centre`", self.problems).and_then(|node| self.text(node));
        let intent = take.get("intent").and_then(|node| self.word(node));
        let initiated_by = take.get("initiated_by").and_then(|node| self.word(node));
        let audience = take.get("audience").and_then(|node| self.word(node));
        let mut optional = |loader: &mut Self, name, expected| {
            take.get(name).and_then(|node| loader.value(node, expected)).unwrap_or(Value::Absent)
        };
        let customer_id = optional(self, "customer_id", Expected::Text);
        let team = optional(self, "team", Expected::Text);
        let need = optional(self, "need", Expected::Text);
        let segment = optional(self, "segment", Expected::Text);
        let serves = optional(self, "serves", Expected::Text);
        let rating = optional(self, "rating", Expected::Number);
        let sentiment = optional(self, "sentiment", Expected::Number);
        let door_open = optional(self, "door_open", Expected::Truth);
        let actor = take.get("actor").and_then(|node| self.actor(node));
        let waited = take.get("waited").and_then(|node| self.span(node));
        let announced_wait = take.get("announced_wait").and_then(|node| self.span(node));
        let promises = take.get("promises").map(|node| self.promises(node)).unwrap_or_default();
        let kept_promises = take.get("kept_promises").map(|node| self.texts_of(node)).unwrap_or_default();
        let added_value = take.get("added_value").map(|node| self.texts_of(node)).unwrap_or_default();
        let attributes = self.attributes(&mut take);
        own.finish(self.problems);
        if let Some(shared) = shared {
            shared.finish(self.problems);
        }
        Some(Slot {
            name: name?.to_owned(),
            when: when.map_or(Some(None), |when| when.map(Some))?,
            at: at?,
            stage: stage?,
            outcome: outcome?,
            intent,
            initiated_by,
            audience,
            channel: channel?,
            site: site?,
            customer_id,
            team,
            need,
            segment,
            serves,
            actor,
            waited,
            announced_wait,
            rating,
            sentiment,
            door_open,
            promises,
            kept_promises,
            added_value,
            attributes,
        })
    }

    fn text(&mut self, node: &'n Node) -> Option<Value> {
        self.value(node, Expected::Text)
    }

    fn word<T: Named>(&mut self, node: &'n Node) -> Option<Word<T>> {
        let value = self.value(node, Expected::Word(T::WHAT, T::NAMES))?;
        match value {
            Value::Constant(word) => T::parse(&word).map(Word::Constant),
            value => Some(Word::Of(value)),
        }
    }

    fn actor(&mut self, node: &'n Node) -> Option<ActorOf> {
        let mut fields = node.fields("an actor", self.problems)?;
        let kind = fields.demand("kind", "write person, system or surroundings", self.problems).and_then(|node| self.word(node));
        let id = fields.take("id").and_then(|node| self.text(node)).unwrap_or(Value::Absent);
        let named = fields.take("named").and_then(|node| self.condition(node));
        fields.finish(self.problems);
        Some(ActorOf { kind: kind?, id, named })
    }

    fn promises(&mut self, node: &'n Node) -> Vec<PromiseOf> {
        node.list_or_single().iter().filter_map(|node| self.promise(node)).collect()
    }

    fn promise(&mut self, node: &'n Node) -> Option<PromiseOf> {
        let mut fields = node.fields("a promise", self.problems)?;
        let id = fields
            .demand("id", "name it, so that it can be kept: `id: \"{cycle}-callback\"`", self.problems)
            .and_then(|node| self.text(node));
        let kind =
            fields.demand("kind", "say what was promised: `kind: call_back`", self.problems).and_then(|node| self.text(node));
        let due = fields
            .demand("due", "say when it is due: `due: {start: entry, plus: 2h}`", self.problems)
            .and_then(|node| self.time(node));
        fields.finish(self.problems);
        Some(PromiseOf { id: id?, kind: kind?, due: due? })
    }

    fn texts_of(&mut self, node: &'n Node) -> Vec<Value> {
        node.list_or_single().iter().filter_map(|node| self.text(node)).collect()
    }

    /// The common attributes and the slot's own, which win.
    fn attributes(&mut self, take: &mut Take<'_, 'n>) -> Vec<(String, Value)> {
        let mut attributes: Vec<(String, Value)> = Vec::new();
        for node in take.both("attributes").into_iter().flatten() {
            for entry in node.entries("attributes", self.problems).unwrap_or_default() {
                let Some(value) = self.text(&entry.value) else { continue };
                attributes.retain(|(name, _)| *name != entry.key);
                attributes.push((entry.key.clone(), value));
            }
        }
        attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
        attributes
    }
}

/// A slot's fields, with the common ones behind them.
struct Take<'f, 'n> {
    own: &'f mut Fields<'n>,
    shared: &'f mut Option<Fields<'n>>,
}

impl<'n> Take<'_, 'n> {
    fn get(&mut self, name: &'static str) -> Option<&'n Node> {
        let [shared, own] = self.both(name);
        own.or(shared)
    }

    /// The common field and the slot's own.
    fn both(&mut self, name: &'static str) -> [Option<&'n Node>; 2] {
        [self.shared.as_mut().and_then(|fields| fields.take(name)), self.own.take(name)]
    }

    fn demand(&mut self, name: &'static str, mend: &str, problems: &mut Problems) -> Option<&'n Node> {
        match self.get(name) {
            Some(node) => Some(node),
            None => self.own.demand(name, mend, problems),
        }
    }
}
