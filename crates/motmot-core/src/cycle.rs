//! The service cycle, as it is told to the world: a row of the table `motmot.cycles`.

use serde::{Deserialize, Serialize};

use crate::moment::MomentState;
use crate::text::Text;
use crate::time::Timestamp;
use crate::touchpoint::{ActorKind, Audience, Outcome, Stage, words};

words! {
    /// Where a cycle stands.
    CycleState {
        /// The customer is with us.
        Open = "open",
        /// Closed by a farewell.
        Farewell = "farewell",
        /// Closed by inactivity, or by a farewell whose outcome is unmet.
        Abandoned = "abandoned",
        /// Joined with another cycle; counts as absent.
        Merged = "merged",
    }
}

/// A service cycle: the moments of truth that one customer went through for one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CycleRecord<'a> {
    /// The records' key.
    #[serde(borrow)]
    pub key: Text<'a>,
    /// The cycle's id under that key.
    #[serde(borrow)]
    pub cycle_id: Text<'a>,
    /// Which return under the same id, from 1.
    pub instance: i32,
    /// Where it stands.
    pub state: CycleState,
    /// The cycle that this one was joined with.
    #[serde(borrow)]
    pub merged_into: Option<Text<'a>>,
    /// Whether its time for amendments is over.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// The customer, if known.
    #[serde(borrow)]
    pub customer_id: Option<Text<'a>>,
    /// The customer's segment.
    #[serde(borrow)]
    pub segment: Text<'a>,
    /// External or internal customer, by the first touchpoint.
    pub audience: Audience,
    /// The cycle that this internal one works for.
    #[serde(borrow)]
    pub serves: Option<Text<'a>>,
    /// The first touchpoint's site.
    #[serde(borrow)]
    pub site: Text<'a>,
    /// The first touchpoint's channel.
    #[serde(borrow)]
    pub channel: Text<'a>,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// When its time for amendments ends, as far as is known.
    pub final_at: Timestamp,
    /// The farewell's outcome.
    pub outcome: Option<Outcome>,
    /// More touchpoints or moments came than are kept.
    pub truncated: bool,
    /// Its needs, in the order in which they were detected.
    #[serde(borrow)]
    pub needs: Vec<NeedRecord<'a>>,
    /// Its touchpoints, in their order.
    #[serde(borrow)]
    pub touchpoints: Vec<TouchpointRecord<'a>>,
    /// Its moments, without the retracted, in the order of rule and instant.
    #[serde(borrow)]
    pub moments: Vec<MomentRef<'a>>,
    /// The strategy's hash, 16 hex digits.
    #[serde(borrow)]
    pub strategy: Text<'a>,
}

/// One need of a cycle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NeedRecord<'a> {
    /// Its name; none where the source does not name needs.
    #[serde(borrow)]
    pub need: Option<Text<'a>>,
    /// When it was first spoken of.
    pub opened_at: Timestamp,
    /// When it was fulfilled.
    pub fulfilled_at: Option<Timestamp>,
    /// When it was first verified after that.
    pub verified_at: Option<Timestamp>,
}

/// One touchpoint of a cycle, compact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TouchpointRecord<'a> {
    /// Its id.
    #[serde(borrow)]
    pub event_id: Text<'a>,
    /// When it occurred.
    pub occurred_at: Timestamp,
    /// Which of the five steps.
    pub stage: Stage,
    /// By which channel.
    #[serde(borrow)]
    pub channel: Text<'a>,
    /// The department.
    #[serde(borrow)]
    pub team: Option<Text<'a>>,
    /// Whom or what the customer met.
    pub actor_kind: Option<ActorKind>,
    /// Which one.
    #[serde(borrow)]
    pub actor_id: Option<Text<'a>>,
    /// Which need.
    #[serde(borrow)]
    pub need: Option<Text<'a>>,
    /// Whether it was met.
    pub outcome: Outcome,
    /// How long the customer had waited.
    pub waited_ms: Option<i64>,
}

/// One moment of a cycle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MomentRef<'a> {
    /// The moment's id.
    #[serde(borrow)]
    pub moment_id: Text<'a>,
    /// Its rule.
    #[serde(borrow)]
    pub rule: Text<'a>,
    /// Where it stands.
    pub state: MomentState,
    /// Its own instant.
    pub raised_at: Timestamp,
}
