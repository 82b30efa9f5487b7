//! The touchpoint: one contact of a customer with the service, at an instant.

use serde::{Deserialize, Serialize};

use crate::text::Text;
use crate::time::Timestamp;

/// Declares a closed set of words: its serde form, its `name()` and the list of all are one.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }
        impl $name {
            /// All of them, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The word that schemas, strategies and metrics use.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
            /// The value of a word.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
            /// The value at a position of [`Self::ALL`].
            pub fn from_index(index: u8) -> Option<Self> {
                Self::ALL.get(usize::from(index)).copied()
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.name()) }
        }
    };
}
pub(crate) use words;

words! {
    /// The five steps of a complete service, in the order in which they should come.
    Stage {
        /// The customer is received.
        Greeting = "greeting",
        /// What the customer needs is found out.
        NeedDetection = "need_detection",
        /// The need is met, or not.
        Fulfilment = "fulfilment",
        /// It is checked, and checked again, that nothing was left out.
        Verification = "verification",
        /// The customer leaves, and the door stays open.
        Farewell = "farewell",
    }
}
words! {
    /// What the customer came for.
    #[allow(missing_docs)] // the words say it
    Intent { Request = "request", Complaint = "complaint", Question = "question", Praise = "praise", FollowUp = "follow_up" }
}
words! {
    /// Who sought the contact.
    #[allow(missing_docs)] // the words say it
    Initiator { Customer = "customer", Company = "company" }
}
words! {
    /// What the customer met with: a moment of truth needs no human.
    #[allow(missing_docs)] // the words say it
    ActorKind { Person = "person", System = "system", Surroundings = "surroundings" }
}
words! {
    /// Whether the customer's need was met at this touchpoint.
    #[allow(missing_docs)] // the words say it
    Outcome { Met = "met", PartlyMet = "partly_met", Unmet = "unmet", Pending = "pending", None = "none" }
}
words! {
    /// External customers, or a department that is served by the one before it.
    #[allow(missing_docs)] // the words say it
    Audience { External = "external", Internal = "internal" }
}

/// Whom or what the customer met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Actor<'a> {
    /// Person, system or surroundings.
    pub kind: ActorKind,
    /// Which one, if known.
    #[serde(borrow, default)]
    pub id: Option<Text<'a>>,
    /// Whether a name was given to the customer.
    #[serde(default)]
    pub named: bool,
}

/// Something that the customer was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Promise<'a> {
    /// Unique per customer; a later touchpoint's `kept_promises` names it.
    #[serde(borrow)]
    pub promise_id: Text<'a>,
    /// What sort of promise: `call_back`, `delivery` …
    #[serde(borrow)]
    pub kind: Text<'a>,
    /// When it is due.
    pub due_at: Timestamp,
}

/// One contact of a customer with the service. See DESIGN.md §5; `schemas/touchpoint.avsc` documents every field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Touchpoint<'a> {
    /// Unique per key.
    #[serde(borrow)]
    pub event_id: Text<'a>,
    /// When it happened, by the source's clock.
    pub occurred_at: Timestamp,
    /// Order among touchpoints of one instant, as the source knows it.
    #[serde(default)]
    pub seq: Option<i64>,
    /// The customer, if known.
    #[serde(borrow, default)]
    pub customer_id: Option<Text<'a>>,
    /// The cycle, if the source knows it; else it is assembled.
    #[serde(borrow, default)]
    pub cycle_id: Option<Text<'a>>,
    /// Which of the five steps.
    pub stage: Stage,
    /// What the customer came for.
    #[serde(default)]
    pub intent: Option<Intent>,
    /// Who sought the contact.
    #[serde(default = "default_initiator")]
    pub initiated_by: Initiator,
    /// phone, ivr, email, chat, branch …
    #[serde(borrow)]
    pub channel: Text<'a>,
    /// Where: a branch, a call centre, a shop.
    #[serde(borrow)]
    pub site: Text<'a>,
    /// The department.
    #[serde(borrow, default)]
    pub team: Option<Text<'a>>,
    /// Whom or what the customer met.
    #[serde(borrow, default)]
    pub actor: Option<Actor<'a>>,
    /// Which of the customer's needs; none: every need open at this instant.
    #[serde(borrow, default)]
    pub need: Option<Text<'a>>,
    /// Whether the need was met.
    pub outcome: Outcome,
    /// The customer's segment.
    #[serde(borrow, default)]
    pub segment: Option<Text<'a>>,
    /// External or internal customer.
    #[serde(default = "default_audience")]
    pub audience: Audience,
    /// The cycle that this internal one works for.
    #[serde(borrow, default)]
    pub serves: Option<Text<'a>>,
    /// How long the customer had waited, as the source measured it.
    #[serde(default)]
    pub waited_ms: Option<i64>,
    /// How long a wait the customer was told to expect.
    #[serde(default)]
    pub announced_wait_ms: Option<i64>,
    /// 1 (worst) to 5 (delight).
    #[serde(default)]
    pub rating: Option<i32>,
    /// −1 (hostile) to 1 (delighted).
    #[serde(default)]
    pub sentiment: Option<f64>,
    /// What the customer was promised here.
    #[serde(borrow, default, deserialize_with = "bounded::list")]
    pub promises: Vec<Promise<'a>>,
    /// Which earlier promises this contact kept.
    #[serde(borrow, default, deserialize_with = "bounded::list")]
    pub kept_promises: Vec<Text<'a>>,
    /// What was given beyond the promise.
    #[serde(borrow, default, deserialize_with = "bounded::list")]
    pub added_value: Vec<Text<'a>>,
    /// Whether the customer left with a reason to come back.
    #[serde(default)]
    pub door_open: Option<bool>,
    /// Anything else, sorted by name.
    #[serde(borrow, default, with = "attributes")]
    pub attributes: Vec<(Text<'a>, Text<'a>)>,
}

const fn default_initiator() -> Initiator {
    Initiator::Customer
}
const fn default_audience() -> Audience {
    Audience::External
}

/// Why a touchpoint that could be decoded is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A mandatory text is empty.
    #[error("{field} is empty: give it a value")]
    Empty {
        /// The field's name.
        field: &'static str,
    },
    /// A text is longer than [`Touchpoint::MAX_TEXT`].
    #[error("{field} has {length} bytes; at most {max} are allowed", max = Touchpoint::MAX_TEXT)]
    TooLong {
        /// The field's name.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
    },
    /// An instant outside the years 1900 to 2199.
    #[error("{field} is {at}: outside the years 1900 to 2199; is it in milliseconds?")]
    Implausible {
        /// The field's name.
        field: &'static str,
        /// The instant.
        at: Timestamp,
    },
    /// A number outside its range.
    #[error("{field} is {value}, outside {range}")]
    OutOfRange {
        /// The field's name.
        field: &'static str,
        /// The value, in words.
        value: String,
        /// The range, in words.
        range: &'static str,
    },
    /// More list entries than [`Touchpoint::MAX_ENTRIES`].
    #[error("{field} has more than {max} entries; leave some out", max = Touchpoint::MAX_ENTRIES)]
    TooMany {
        /// The field's name.
        field: &'static str,
    },
}

impl<'a> Touchpoint<'a> {
    /// A touchpoint that says no more than every touchpoint must: sought by the customer, an external one.
    ///
    /// ```
    /// use motmot_core::{Timestamp, Touchpoint};
    /// use motmot_core::touchpoint::{Outcome, Stage};
    ///
    /// let at = Timestamp::from_millis(1_772_438_400_000);
    /// let mut answer = Touchpoint::new("call-1-2", at, Stage::Fulfilment, Outcome::Met, "phone", "north");
    /// answer.waited_ms = Some(20_000);
    /// assert_eq!(answer.validate(), Ok(()));
    /// ```
    pub fn new(
        event_id: impl Into<Text<'a>>,
        occurred_at: Timestamp,
        stage: Stage,
        outcome: Outcome,
        channel: impl Into<Text<'a>>,
        site: impl Into<Text<'a>>,
    ) -> Self {
        Self {
            event_id: event_id.into(),
            occurred_at,
            seq: None,
            customer_id: None,
            cycle_id: None,
            stage,
            intent: None,
            initiated_by: default_initiator(),
            channel: channel.into(),
            site: site.into(),
            team: None,
            actor: None,
            need: None,
            outcome,
            segment: None,
            audience: default_audience(),
            serves: None,
            waited_ms: None,
            announced_wait_ms: None,
            rating: None,
            sentiment: None,
            promises: Vec::new(),
            kept_promises: Vec::new(),
            added_value: Vec::new(),
            door_open: None,
            attributes: Vec::new(),
        }
    }
}

impl Touchpoint<'_> {
    /// The longest text of any field, in bytes: ids and names, not documents.
    pub const MAX_TEXT: usize = 1_024;
    /// The most entries of a list or of the attributes.
    pub const MAX_ENTRIES: usize = 64;
    /// The longest duration of a field, in milliseconds: ten years.
    pub const MAX_DURATION_MS: i64 = 10 * 366 * 86_400_000;

    /// Checks what the types cannot: mandatory texts, ranges, bounds.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        for (field, text) in [("event_id", &self.event_id), ("channel", &self.channel), ("site", &self.site)] {
            if text.is_empty() {
                return Err(Invalid::Empty { field });
            }
        }
        for (field, text) in [("customer_id", &self.customer_id), ("cycle_id", &self.cycle_id), ("need", &self.need)] {
            if text.as_ref().is_some_and(|t| t.is_empty()) {
                return Err(Invalid::Empty { field });
            }
        }
        plausible("occurred_at", self.occurred_at)?;
        self.check_lengths()?;
        for (field, millis) in [("waited_ms", self.waited_ms), ("announced_wait_ms", self.announced_wait_ms)] {
            if let Some(millis) = millis.filter(|m| !(0..=Self::MAX_DURATION_MS).contains(m)) {
                return Err(Invalid::OutOfRange { field, value: millis.to_string(), range: "0 to ten years" });
            }
        }
        if let Some(rating) = self.rating.filter(|r| !(1..=5).contains(r)) {
            return Err(Invalid::OutOfRange { field: "rating", value: rating.to_string(), range: "1 to 5" });
        }
        if let Some(sentiment) = self.sentiment.filter(|s| !(-1.0..=1.0).contains(s)) {
            return Err(Invalid::OutOfRange { field: "sentiment", value: sentiment.to_string(), range: "-1 to 1" });
        }
        self.promises.iter().try_for_each(|promise| plausible("promises.due_at", promise.due_at))
    }

    fn check_lengths(&self) -> Result<(), Invalid> {
        let texts = [
            ("event_id", Some(&self.event_id)),
            ("channel", Some(&self.channel)),
            ("site", Some(&self.site)),
            ("customer_id", self.customer_id.as_ref()),
            ("cycle_id", self.cycle_id.as_ref()),
            ("team", self.team.as_ref()),
            ("actor.id", self.actor.as_ref().and_then(|a| a.id.as_ref())),
            ("need", self.need.as_ref()),
            ("segment", self.segment.as_ref()),
            ("serves", self.serves.as_ref()),
        ];
        let lists = [
            ("promises", self.promises.len()),
            ("kept_promises", self.kept_promises.len()),
            ("added_value", self.added_value.len()),
            ("attributes", self.attributes.len()),
        ];
        if let Some((field, _)) = lists.into_iter().find(|(_, count)| *count > Self::MAX_ENTRIES) {
            return Err(Invalid::TooMany { field });
        }
        let long =
            |field, text: &Text<'_>| (text.len() > Self::MAX_TEXT).then_some(Invalid::TooLong { field, length: text.len() });
        let mut found = texts.into_iter().find_map(|(field, text)| long(field, text?));
        let lists = self.kept_promises.iter().map(|t| ("kept_promises", t));
        let lists = lists.chain(self.added_value.iter().map(|t| ("added_value", t)));
        let lists =
            lists.chain(self.promises.iter().flat_map(|p| [("promises.promise_id", &p.promise_id), ("promises.kind", &p.kind)]));
        let mut lists =
            lists.chain(self.attributes.iter().flat_map(|(name, value)| [("attributes", name), ("attributes", value)]));
        found = found.or_else(|| lists.find_map(|(field, text)| long(field, text)));
        found.map_or(Ok(()), Err)
    }
}

fn plausible(field: &'static str, at: Timestamp) -> Result<(), Invalid> {
    if Timestamp::PLAUSIBLE.contains(&at) { Ok(()) } else { Err(Invalid::Implausible { field, at }) }
}

/// Lists that are read no further than it takes to know that they are too long: an empty text is one byte of a record, and twenty-four in
/// memory, so that a block of a file, compressed to a thousandth, would be gigabytes. The rest is passed over, since behind it may come the
/// next record.
mod bounded {
    use super::Touchpoint;
    use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
    use std::fmt;
    use std::marker::PhantomData;

    pub(super) fn push<T>(list: &mut Vec<T>, entry: T) {
        if list.len() <= Touchpoint::MAX_ENTRIES {
            list.push(entry);
        }
    }

    pub(super) fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = Vec<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = entries.next_element()? {
                    push(&mut list, entry);
                }
                Ok(list)
            }
        }
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

/// Attributes are a map outside and a sorted list inside: the same content has the same bytes.
mod attributes {
    use super::Text;
    use serde::de::{Deserializer, Error, MapAccess, Visitor};
    use serde::ser::Serializer;
    use std::fmt;

    pub(super) fn serialize<S: Serializer>(list: &[(Text<'_>, Text<'_>)], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(list.iter().map(|(name, value)| (name, value)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(Text<'de>, Text<'de>)>, D::Error> {
        struct MapVisitor;
        impl<'de> Visitor<'de> for MapVisitor {
            type Value = Vec<(Text<'de>, Text<'de>)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = map.next_entry::<Text<'de>, Text<'de>>()? {
                    super::bounded::push(&mut list, entry);
                }
                list.sort_unstable();
                if let Some([twice, _]) = list.array_windows::<2>().find(|[a, b]| a.0 == b.0) {
                    return Err(A::Error::custom(format_args!("attribute `{}` is given twice", twice.0)));
                }
                Ok(list)
            }
        }
        deserializer.deserialize_map(MapVisitor)
    }
}
