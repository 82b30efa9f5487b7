//! A rule's kind and its parameters.

mod contradiction;
mod customer;

pub(super) use contradiction::check_filter;

use super::LONGEST_MS;
use super::filter::{self, some_of};
use super::rule::Segmented;
use crate::strategy::{Demand, Filter, Kind, PerSegment};
use crate::yaml::{Fields, Node, Problems, Value, listed, nearest};

/// The kinds.
const KINDS: [&str; 15] = [
    "slow",
    "missing",
    "unmet",
    "unverified",
    "unacknowledged",
    "broken_promise",
    "abandoned",
    "low_rating",
    "handoffs",
    "lacking",
    "out_of_order",
    "reopened",
    "repeat_contact",
    "no_follow_up",
    "vicious_circle",
];

/// Every parameter of any kind: one that a kind does not have is told as that.
const PARAMETERS: [&str; 20] = [
    "from",
    "to",
    "limit",
    "each",
    "hours",
    "expects",
    "after",
    "within",
    "times",
    "promises",
    "rating_below",
    "sentiment_below",
    "more_than",
    "demands",
    "before",
    "by",
    "need",
    "level",
    "failed",
    "of",
];

pub(super) fn read(fields: &mut Fields<'_>, values: &Segmented<'_>, problems: &mut Problems) -> Option<Kind> {
    let mend = format!("say what it flags: {}", listed(KINDS));
    let name = fields.demand("kind", &mend, problems).and_then(|node| node.word("a kind of rule", &KINDS, problems));
    let Some(name) = name else {
        // Without the kind nobody can tell which parameters are right, so none is called wrong.
        for parameter in PARAMETERS {
            fields.take(parameter);
        }
        return None;
    };
    let mut parameters = Parameters { fields, values, problems, kind: name };
    let kind = match name {
        "slow" => parameters.slow(),
        "missing" => parameters.missing(),
        "unmet" => Some(Kind::Unmet),
        "unverified" => parameters.unverified(),
        "unacknowledged" => parameters.unacknowledged(),
        "broken_promise" => parameters.broken_promise(),
        "abandoned" => Some(Kind::Abandoned),
        "low_rating" => parameters.low_rating(),
        "handoffs" => parameters.handoffs(),
        "lacking" => parameters.lacking(),
        "out_of_order" => parameters.out_of_order(),
        "reopened" => parameters.reopened(),
        "repeat_contact" => parameters.repeat_contact(),
        "no_follow_up" => parameters.no_follow_up(),
        "vicious_circle" => parameters.vicious_circle(),
        _ => None,
    };
    parameters.refuse_others();
    kind
}

struct Parameters<'a, 'n, 'd> {
    fields: &'a mut Fields<'n>,
    values: &'a Segmented<'d>,
    problems: &'a mut Problems,
    kind: &'static str,
}

impl Parameters<'_, '_, '_> {
    fn slow(&mut self) -> Option<Kind> {
        let from = self.filter("from", "say what the wait begins with, as in `from: {stage: greeting}`");
        let to = self.filter("to", "say what the wait ends with, as in `to: {stage: fulfilment, outcome: met}`");
        let limit = self.limit();
        let each_need = self.fields.take("each").map(|node| node.word("what `each` may be", &["need"], self.problems).is_some());
        let business_hours = self.hours();
        let each_need = each_need.unwrap_or(false);
        Some(Kind::Slow { from: from?, to: to?, limit_ms: limit?, each_need, business_hours: business_hours? })
    }

    fn missing(&mut self) -> Option<Kind> {
        let node = self.fields.take("expects");
        let expects = self.filter("expects", "say what should happen, as in `expects: {stage: verification}`");
        if let (Some(node), Some(true)) = (node, expects.as_ref().map(Filter::is_empty)) {
            let mend = "say which touchpoint is expected, as in `expects: {stage: verification}`";
            self.problems.report(
                node.place,
                "an empty `expects` is satisfied by any touchpoint, so nothing is ever missing",
                mend,
            );
        }
        let after_given = self.fields.take("after");
        let after = filter::optional(self.fields, "after", self.values.declared, self.problems);
        let within_given = self.fields.take("within");
        let within = self.within();
        match (after_given, within_given) {
            (Some(node), None) => {
                self.problems.report(node.place, "`after` stands without `within`", "say within which time, as in `within: 10m`")
            }
            (None, Some(node)) => {
                self.problems.report(
                    node.place,
                    "`within` stands without `after`",
                    "say after what, as in `after: {stage: fulfilment}`",
                );
            }
            _ => {}
        }
        Some(Kind::Missing { expects: expects?, after, within_ms: within? })
    }

    fn unverified(&mut self) -> Option<Kind> {
        let times = self.fields.take("times").map_or(Some(1), |node| node.integer(1..=10, self.problems));
        let within = self.within();
        Some(Kind::Unverified { times: u32::try_from(times?).ok()?, within_ms: within? })
    }

    fn unacknowledged(&mut self) -> Option<Kind> {
        let limit = self.limit();
        Some(Kind::Unacknowledged { business_hours: self.hours()?, limit_ms: limit? })
    }

    fn broken_promise(&mut self) -> Option<Kind> {
        let mut promises = Vec::new();
        if let Some(node) = self.fields.take("promises") {
            some_of(node, self.problems);
            promises = super::texts(node, super::MAX_LABEL_VALUES, self.problems);
            promises.sort();
        }
        let limit = self.fields.take("limit");
        let limit = limit.map_or_else(|| Some(self.values.same(0)), |node| self.durations(node, "limit", 0));
        Some(Kind::BrokenPromise { promises, business_hours: self.hours()?, limit_ms: limit? })
    }

    fn low_rating(&mut self) -> Option<Kind> {
        // Below 1, the worst rating, nothing can be.
        let rating = self.fields.take("rating_below").map(|node| node.integer(2..=5, self.problems));
        let sentiment_node = self.fields.take("sentiment_below");
        let sentiment = sentiment_node.map(|node| node.decimal(-1.0..=1.0, self.problems));
        if rating.is_none() && sentiment.is_none() {
            let mend = "write `rating_below: 3`, `sentiment_below: -0.5` or both";
            self.problems.report(self.fields.place(), "a `low_rating` has neither `rating_below` nor `sentiment_below`", mend);
            return None;
        }
        if let (Some(node), Some(Some(-1.0))) = (sentiment_node, sentiment) {
            self.problems.report(node.place, "no sentiment is below -1, so this can match nothing", "write a number above -1");
        }
        let rating_below = rating.map_or(Some(None), |rating| i32::try_from(rating?).ok().map(Some));
        let sentiment_below = sentiment.map_or(Some(None), |sentiment| sentiment.map(Some));
        Some(Kind::LowRating { rating_below: rating_below?, sentiment_below: sentiment_below? })
    }

    fn handoffs(&mut self) -> Option<Kind> {
        let node =
            self.fields.demand("more_than", "say how many persons are promised at most, as in `more_than: 2`", self.problems)?;
        let more_than = self.values.read(node, "`more_than`", self.problems, |node, problems| node.integer(1..=1_000, problems));
        Some(Kind::Handoffs { more_than: more_than? })
    }

    fn lacking(&mut self) -> Option<Kind> {
        let node = self.fields.demand("demands", "say what is demanded, as in `demands: [named, door_open]`", self.problems)?;
        let mut demands = Vec::new();
        let elements = some_of(node, self.problems);
        for element in elements {
            let Some(demand) = demand(element, self.problems) else { continue };
            if demands.contains(&demand) {
                self.problems.report(element.place, format!("{} is demanded twice", demand.words()), "keep one of them");
            } else {
                demands.push(demand);
            }
        }
        demands.sort();
        Some(Kind::Lacking { demands })
    }

    fn out_of_order(&mut self) -> Option<Kind> {
        let node = self.fields.take("before");
        let before = self.filter("before", "say what must come first, as in `before: {stage: fulfilment}`")?;
        if let (Some(node), true) = (node, before.is_empty()) {
            let mend = "say which touchpoint must come first, as in `before: {stage: fulfilment}`";
            self.problems.report(node.place, "an empty `before` is the cycle's first touchpoint, which is never late", mend);
        }
        Some(Kind::OutOfOrder { before })
    }

    fn filter(&mut self, name: &'static str, mend: &str) -> Option<Filter> {
        filter::mandatory(self.fields, name, mend, self.values.declared, self.problems)
    }

    fn limit(&mut self) -> Option<PerSegment<i64>> {
        let node = self.fields.demand(
            "limit",
            "say how long it may take, as in `limit: 90s` or `limit: {vip: 60s, regular: 2m}`",
            self.problems,
        )?;
        self.durations(node, "limit", 1)
    }

    fn within(&mut self) -> Option<Option<PerSegment<i64>>> {
        let node = self.fields.take("within");
        node.map_or(Some(None), |node| self.durations(node, "`within`", 1).map(Some))
    }

    fn durations(&mut self, node: &Node, what: &str, least: i64) -> Option<PerSegment<i64>> {
        self.values.read(node, what, self.problems, |node, problems| node.duration_within(least..=LONGEST_MS, problems))
    }

    /// Whether only business hours count; they must be declared then, or each hour of the night would count unnoticed.
    fn hours(&mut self) -> Option<bool> {
        let Some(node) = self.fields.take("hours") else { return Some(false) };
        let business = node.word("a sort of hours", &["business", "always"], self.problems)? == "business";
        if business && !self.values.declared.business_hours {
            let mend = "declare them at the top, as in `time_zone: Europe/Berlin` and `calendar: {mon-fri: [\"09:00-17:00\"]}`";
            self.problems.report(node.place, "the strategy declares no business hours", mend);
        }
        Some(business)
    }

    fn refuse_others(&mut self) {
        let own: Vec<&str> = PARAMETERS.into_iter().filter(|name| self.fields.was_asked(name)).collect();
        let mend =
            if own.is_empty() { "it has none".to_owned() } else { format!("its parameters are {}", listed(own.iter().copied())) };
        for other in PARAMETERS.into_iter().filter(|name| !own.contains(name)) {
            let message = format!("kind `{}` has no parameter `{other}`", self.kind);
            self.fields.refuse(other, &message, &format!("remove it; {mend}"), self.problems);
        }
    }
}

fn demand(node: &Node, problems: &mut Problems) -> Option<Demand> {
    const WORDS: [&str; 4] = ["named", "door_open", "announced_wait", "added_value"];
    const ALLOWED: &str = "write `named`, `door_open`, `announced_wait`, `added_value` or `{attribute: name}`";
    match &node.value {
        Value::Map(_) => {
            let mut fields = node.fields("a demand", problems)?;
            let name = fields.demand("attribute", "name the attribute, as in `{attribute: ticket_number}`", problems);
            let name = name.and_then(|node| node.text(problems));
            fields.finish(problems);
            name.map(|name| Demand::Attribute(name.to_owned()))
        }
        Value::Scalar { text, .. } => match text.as_str() {
            "named" => Some(Demand::Named),
            "door_open" => Some(Demand::DoorOpen),
            "announced_wait" => Some(Demand::AnnouncedWait),
            "added_value" => Some(Demand::AddedValue),
            other => {
                let hint = nearest(other, WORDS).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                problems.report(node.place, format!("{} is no demand{hint}", node.described()), ALLOWED);
                None
            }
        },
        Value::List(_) => {
            node.refuse("a demand", ALLOWED, problems);
            None
        }
    }
}
