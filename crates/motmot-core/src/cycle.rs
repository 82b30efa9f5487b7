//! The service cycle, as it is told to the world: a row of the table `motmot.cycles`.

use serde::{Deserialize, Serialize};

use crate::moment::MomentState;
use crate::strategy::{Dimension, Side};
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

words! {
    /// What a customer experienced in a cycle, as a whole; the limits are the strategy's. Worst first.
    Level {
        /// A need was not fulfilled, the customer left, or a grave moment was not recovered.
        Failed = "failed",
        /// Every need was fulfilled, and no more.
        Basic = "basic",
        /// All five steps, each need verified, the door left open.
        Satisfying = "satisfying",
        /// And something was added.
        AddedValue = "added_value",
        /// And the customer called it a delight.
        Unforgettable = "unforgettable",
    }
}
words! {
    /// What a customer's last cycles, taken together, lead to.
    Circle {
        /// Neither.
        Neutral = "neutral",
        /// Successive good experiences.
        Virtuous = "virtuous",
        /// Successive bad ones.
        Vicious = "vicious",
    }
}
words! {
    /// How an opportunity to keep a promise of the strategy's went.
    Judgement {
        /// It was kept.
        Met = "met",
        /// It was not: a critical moment that nothing recovered.
        Critical = "critical",
        /// It was not, but met after all: a critical moment that was recovered.
        Recovered = "recovered",
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
    /// More touchpoints or moments came than are kept, or than the row has room for.
    pub truncated: bool,
    /// The service level: none while the cycle is open, provisional from its close until it is final; none of a merged one.
    pub level: Option<Level>,
    /// The circle that the customer was in when the cycle began; of a final one, with it. None outside the customer file.
    pub circle: Option<Circle>,
    /// Whether it is in its customer's file: its records are keyed by the customer.
    pub customer_file: bool,
    /// Its needs, in the order in which they were detected.
    #[serde(borrow)]
    pub needs: Vec<NeedRecord<'a>>,
    /// Its touchpoints, in their order.
    #[serde(borrow)]
    pub touchpoints: Vec<TouchpointRecord<'a>>,
    /// Its moments, without the retracted, in the order of rule and instant.
    #[serde(borrow)]
    pub moments: Vec<MomentRef<'a>>,
    /// Of a final cycle: how every opportunity went, one for each rule (and need, where the rule tells needs apart), in the rules' order.
    #[serde(borrow)]
    pub verdicts: Vec<VerdictRecord<'a>>,
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

/// How one rule's opportunity in a cycle went, for one need where the rule tells needs apart. Of several, the worst.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictRecord<'a> {
    /// The rule.
    #[serde(borrow)]
    pub rule: Text<'a>,
    /// Which need, where the rule tells needs apart.
    #[serde(borrow)]
    pub need: Option<Text<'a>>,
    /// How it went.
    pub judgement: Judgement,
    /// When: the instant of the touchpoint that it hangs on.
    pub at: Timestamp,
    /// That touchpoint's stage.
    pub stage: Stage,
    /// That touchpoint's channel.
    #[serde(borrow)]
    pub channel: Text<'a>,
    /// The department: that touchpoint's.
    #[serde(borrow)]
    pub team: Option<Text<'a>>,
    /// The person, if that touchpoint was with a known one.
    #[serde(borrow)]
    pub person: Option<Text<'a>>,
    /// The dimension that the rule guards.
    pub dimension: Dimension,
    /// The side of the service triangle.
    pub side: Side,
    /// What was measured, in ms (of `handoffs`: persons), where there is something to measure.
    pub observed: Option<i64>,
    /// The limit that it was measured against, in the same unit.
    pub limit: Option<i64>,
}
