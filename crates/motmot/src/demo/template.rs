//! The file of an example's scenes (`examples/NAME/scenes.toml`): what can go well and what can go wrong there. Data, no program.

use motmot_core::touchpoint::{ActorKind, Intent, Outcome, Stage};
use motmot_core::yaml::parse_duration;
use serde::de::{Deserialize, Deserializer, Error};

/// A simulated service.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    /// What the demo calls it.
    pub(super) title: String,
    /// When it opens, by its own clock: `2027-01-11T08:00:00+01:00`.
    #[serde(deserialize_with = "instant")]
    pub(super) opens: chrono::DateTime<chrono::FixedOffset>,
    /// How many times as fast as life the demo runs.
    pub(super) speed: u32,
    /// How long it is from one customer to the next.
    pub(super) every: Span,
    /// What can happen to a customer.
    #[serde(rename = "scene")]
    pub(super) scenes: Vec<Scene>,
}

/// What happens to one customer, in one cycle or several.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scene {
    /// In words, for who reads the file.
    #[allow(dead_code, reason = "it stands in the file, and in a failing test's words")]
    pub(super) name: String,
    /// How often it comes, beside the others.
    pub(super) share: u32,
    /// The customer's segment is one of these.
    #[serde(default)]
    pub(super) segments: Vec<String>,
    /// The need is one of these.
    #[serde(default)]
    pub(super) needs: Vec<String>,
    /// The customer gives no name.
    #[serde(default)]
    pub(super) anonymous: bool,
    pub(super) channel: String,
    pub(super) site: String,
    pub(super) team: Option<String>,
    /// In the order in which they happen.
    pub(super) touchpoints: Vec<Touch>,
}

/// One touchpoint, as far as it differs from its scene.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Touch {
    /// How long after the one before it.
    #[serde(default)]
    pub(super) after: Span,
    pub(super) stage: Stage,
    #[serde(default = "met")]
    pub(super) outcome: Outcome,
    /// `person NAME`, `person NAME unnamed` (gives no name), `system NAME`, `surroundings NAME`.
    pub(super) by: Option<By>,
    /// The company sought the contact.
    #[serde(default)]
    pub(super) company: bool,
    pub(super) intent: Option<Intent>,
    pub(super) channel: Option<String>,
    pub(super) team: Option<String>,
    /// Else the scene's, but of a greeting and a farewell, which have none.
    pub(super) need: Option<String>,
    /// Another cycle of the same customer than the first.
    pub(super) cycle: Option<String>,
    /// The internal customer: this department is served, for the sake of the customer's first cycle.
    pub(super) department: Option<String>,
    pub(super) rating: Option<i32>,
    pub(super) waited: Option<Span>,
    pub(super) announced: Option<Span>,
    /// What is promised, and within which time.
    pub(super) promises: Option<Pledge>,
    /// Which sort of promise is kept.
    pub(super) keeps: Option<String>,
    pub(super) adds: Option<String>,
    /// Whether the door is left open; said of farewells only.
    pub(super) door: Option<bool>,
}

/// A promise.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pledge {
    pub(super) kind: String,
    pub(super) within: Span,
}

/// A duration in ms, or one between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) low_ms: i64,
    pub(super) high_ms: i64,
}

/// Whom or what the customer meets.
#[derive(Debug)]
pub(super) struct By {
    pub(super) kind: ActorKind,
    pub(super) id: String,
    pub(super) named: bool,
}

const fn met() -> Outcome {
    Outcome::Met
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "a duration (\"5m\") or two ([\"1m\", \"5m\"])")]
        enum Written {
            One(String),
            Two([String; 2]),
        }
        let ms = |text: &String| parse_duration(text).map_err(|(message, mend)| D::Error::custom(format!("{message}; {mend}")));
        let (low_ms, high_ms) = match Written::deserialize(deserializer)? {
            Written::One(text) => (ms(&text)?, ms(&text)?),
            Written::Two([low, high]) => (ms(&low)?, ms(&high)?),
        };
        if low_ms > high_ms {
            return Err(D::Error::custom("the shorter duration comes first"));
        }
        Ok(Self { low_ms, high_ms })
    }
}

impl<'de> Deserialize<'de> for By {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let words: Vec<&str> = text.split(' ').collect();
        let (kind, id, named) = match words.as_slice() {
            [kind, id] => (*kind, *id, *kind == "person"),
            [kind @ "person", id, "unnamed"] => (*kind, *id, false),
            _ => return Err(D::Error::custom(format!("`{text}`: write `person anna`, `person anna unnamed` or `system kiosk`"))),
        };
        let kind = ActorKind::parse(kind).ok_or_else(|| D::Error::custom(format!("`{kind}`: person, system or surroundings")))?;
        Ok(Self { kind, id: id.to_owned(), named })
    }
}

fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<chrono::DateTime<chrono::FixedOffset>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("`{text}` is no instant such as 2027-01-11T08:00:00+01:00")))
}
