//! The critical moment of truth, as it is told to the world: a row of the table `motmot.moments`.

use serde::{Deserialize, Serialize};

use crate::strategy::{Dimension, Paging, Severity, Side};
use crate::text::Text;
use crate::time::Timestamp;
use crate::touchpoint::{Audience, Stage, words};

words! {
    /// Where a moment stands.
    MomentState {
        /// The customer's need is not met, and something can still be done.
        Raised = "raised",
        /// It was met after all, late.
        Recovered = "recovered",
        /// A late touchpoint showed that it never was one. Counts as absent.
        Retracted = "retracted",
        /// Nothing cleared it within `open_for`, or the customer has gone.
        Expired = "expired",
    }
}

/// A critical moment of truth: a moment in which the customer's need was not met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment<'a> {
    /// 32 hex digits: a hash of key, rule, need, anchor (and promise), the same in every run.
    #[serde(borrow)]
    pub moment_id: Text<'a>,
    /// Where it stands.
    pub state: MomentState,
    /// The rule's id.
    #[serde(borrow)]
    pub rule: Text<'a>,
    /// The rule's kind.
    #[serde(borrow)]
    pub kind: Text<'a>,
    /// The rule in a supervisor's words.
    #[serde(borrow)]
    pub title: Text<'a>,
    /// The cycle's key.
    #[serde(borrow)]
    pub key: Text<'a>,
    /// The cycle.
    #[serde(borrow)]
    pub cycle_id: Text<'a>,
    /// Which return under the same cycle id, from 1.
    pub instance: i32,
    /// The customer, if known.
    #[serde(borrow)]
    pub customer_id: Option<Text<'a>>,
    /// The customer's segment.
    #[serde(borrow)]
    pub segment: Text<'a>,
    /// Which need, where the rule tells them apart.
    #[serde(borrow)]
    pub need: Option<Text<'a>>,
    /// Which promise, of a broken one.
    #[serde(borrow)]
    pub promise_id: Option<Text<'a>>,
    /// The anchor's stage.
    pub stage: Stage,
    /// The anchor's channel.
    #[serde(borrow)]
    pub channel: Text<'a>,
    /// The anchor's site.
    #[serde(borrow)]
    pub site: Text<'a>,
    /// The department at fault: the anchor's.
    #[serde(borrow)]
    pub team: Option<Text<'a>>,
    /// External or internal customer.
    pub audience: Audience,
    /// The touchpoint that the moment hangs on.
    #[serde(borrow)]
    pub anchor_event_id: Text<'a>,
    /// When that touchpoint occurred.
    pub anchor_at: Timestamp,
    /// The moment's own instant: its deadline, or when the touchpoint that shows it occurred.
    pub raised_at: Timestamp,
    /// When it was met after all.
    pub recovered_at: Option<Timestamp>,
    /// When it ends if nothing clears it, or ended.
    pub expires_at: Timestamp,
    /// What was measured, in ms (of `handoffs`: persons), where there is something to measure.
    pub observed: Option<i64>,
    /// The limit that it is measured against, in the same unit.
    pub limit: Option<i64>,
    /// What would recover it, in words.
    #[serde(borrow)]
    pub recovers_by: Text<'a>,
    /// How much it matters.
    pub severity: Severity,
    /// The service dimension.
    pub dimension: Dimension,
    /// The side of the service triangle.
    pub side: Side,
    /// How it reaches people.
    pub page: Paging,
    /// Who is paged.
    #[serde(borrow)]
    pub owner: Text<'a>,
    /// Where it says what to do.
    #[serde(borrow)]
    pub runbook: Option<Text<'a>>,
    /// Whether the cycle has more touchpoints or moments than are kept: such a one pages nobody.
    pub truncated: bool,
    /// The strategy's hash, 16 hex digits.
    #[serde(borrow)]
    pub strategy: Text<'a>,
}
