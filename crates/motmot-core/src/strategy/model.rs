//! What a strategy says, once it has been loaded and checked.

use crate::cycle::Level;
use crate::touchpoint::words;
use crate::touchpoint::{Stage, Touchpoint};

use super::calendar::Calendar;
use super::filter::{Filter, Set};

words! {
    /// Whom a critical moment is owed to: the service triangle.
    #[allow(missing_docs)] // the words say it
    Side { Strategy = "strategy", Personnel = "personnel", Systems = "systems" }
}
words! {
    /// The service dimension that a rule guards.
    #[allow(missing_docs)] // the words say it
    Dimension {
        Reliability = "reliability",
        Responsiveness = "responsiveness",
        Assurance = "assurance",
        Empathy = "empathy",
        Tangibles = "tangibles",
    }
}
words! {
    /// How much a moment matters, mildest first.
    #[allow(missing_docs)] // the words say it
    Severity { Info = "info", Warning = "warning", Critical = "critical", Page = "page" }
}
words! {
    /// How a rule's moments reach people: on open ones, on their rate, or never.
    #[allow(missing_docs)] // the words say it
    Paging { Open = "open", Rate = "rate", Never = "never" }
}

/// A checked strategy: what a company promises its customers.
#[derive(Clone, Debug)]
pub struct Strategy {
    /// Its name.
    pub name: String,
    /// Hash over all that the fold depends on; not over titles, owners, runbooks and label lists. 16 hex digits in texts.
    pub hash: u64,
    /// Business hours.
    pub calendar: Calendar,
    /// Closed sets of label values; anything else is `other`.
    pub labels: Labels,
    /// The customer segments; the last is the default.
    pub segments: Vec<String>,
    /// Inactivity and grace, the first whose filter matches the cycle's first touchpoint. Only the last has an empty filter.
    pub cycles: Vec<CyclePolicy>,
    /// Clock disagreement between sources that is excused, in ms.
    pub clock_tolerance_ms: i64,
    /// How far `occurred_at` may lie ahead of `arrived_at`, in ms, before the record is a dead letter.
    pub allowed_skew_ms: i64,
    /// How long what is left of a final cycle is remembered, in ms of stream time.
    pub reopen_window_ms: i64,
    /// Touchpoints that one cycle may have; what comes beyond is only counted.
    pub max_touchpoints: usize,
    /// Moments that one cycle may have.
    pub max_moments: usize,
    /// How much of a customer's past is kept.
    pub customer_file: FilePolicy,
    /// What each service level demands.
    pub levels: Levels,
    /// When a customer is in the virtuous or the vicious circle.
    pub circle: CirclePolicy,
    /// The rules, in the file's order.
    pub rules: Vec<Rule>,
}

/// The bounds of a customer file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePolicy {
    /// How many of the cycles before one are known to it.
    pub cycles: usize,
    /// How long a final cycle is known to those that begin after it, in ms.
    pub keep_ms: i64,
}

/// The limits of the service levels; DESIGN.md §7 has the defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// An unrecovered moment of this severity, or of a graver one, is a failure.
    pub failed_by: Severity,
    /// A moment anchored in one of these stages leaves a cycle basic.
    pub basic_by_stage: Option<Set<Stage>>,
    /// A moment of one of these dimensions, even a recovered one, leaves a cycle basic.
    pub basic_by_dimension: Option<Set<Dimension>>,
    /// The steps that a satisfying cycle has.
    pub satisfying_stages: Set<Stage>,
    /// Whether a satisfying cycle has each of its needs verified.
    pub satisfying_verified: bool,
    /// Whether a satisfying cycle leaves the door open.
    pub satisfying_door_open: bool,
    /// No rating of a satisfying cycle is below this.
    pub satisfying_rating: i32,
    /// The rating of an unforgettable one: its latest is at least this.
    pub unforgettable_rating: i32,
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            failed_by: Severity::Critical,
            basic_by_stage: Some(Set::of(&[Stage::Greeting])),
            basic_by_dimension: Some(Set::of(&[Dimension::Empathy, Dimension::Assurance])),
            satisfying_stages: Set::of(Stage::ALL),
            satisfying_verified: true,
            satisfying_door_open: true,
            satisfying_rating: 3,
            unforgettable_rating: 5,
        }
    }
}

/// Successive good or bad experiences: one bad cycle does not make a lost customer, three in a row may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CirclePolicy {
    /// How many of the customer's last final cycles are looked at.
    pub of: usize,
    /// Of these, how many failed ones make the vicious circle.
    pub failed: usize,
    /// Of these, how many satisfying (or better) ones make the virtuous circle.
    pub satisfying: usize,
}

impl Default for CirclePolicy {
    fn default() -> Self {
        Self { of: 3, failed: 3, satisfying: 3 }
    }
}

/// The closed sets of label values.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Sites.
    pub site: Vec<String>,
    /// Departments.
    pub team: Vec<String>,
    /// Needs.
    pub need: Vec<String>,
}

/// How long a cycle may be silent, and how long it stays amendable.
#[derive(Clone, Debug)]
pub struct CyclePolicy {
    /// Which cycles, by their first touchpoint.
    pub filter: Filter,
    /// Silence after which the customer is held to have left, in ms.
    pub inactivity_ms: i64,
    /// How long after its close a cycle may still be amended, in ms.
    pub grace_ms: i64,
}

/// A value for every segment, by the segment's position in [`Strategy::segments`].
#[derive(Clone, Debug, PartialEq)]
pub struct PerSegment<T>(pub Vec<T>);

impl<T: Copy> PerSegment<T> {
    /// The value of a segment; of the last for a position beyond.
    #[allow(clippy::missing_panics_doc, clippy::expect_used)] // the loader never builds an empty one
    pub fn of(&self, segment: usize) -> T {
        *self.0.get(segment).or(self.0.last()).expect("a value for each segment")
    }
}

/// One rule of the strategy.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique in the file; a metric label.
    pub id: String,
    /// In a supervisor's words.
    pub title: String,
    /// Which touchpoint can be the moment's anchor (of `abandoned`: the touchpoint with which the customer left).
    pub filter: Filter,
    /// Segments that the rule is about; a bit for each position in [`Strategy::segments`].
    pub segments: u64,
    /// What is flagged.
    pub kind: Kind,
    /// The dimension that it guards.
    pub dimension: Dimension,
    /// Whom it is owed to; none: personnel or systems by the anchor's actor.
    pub side: Option<Side>,
    /// How much it matters.
    pub severity: PerSegment<Severity>,
    /// How it reaches people.
    pub page: Paging,
    /// Who is paged.
    pub owner: String,
    /// Where it says what to do.
    pub runbook: Option<String>,
    /// What clears it; none: the kind's own cure, if it has one.
    pub recovers_by: Option<Filter>,
    /// What clears it, in plain words; made at load, so that telling a moment costs nothing.
    pub recovers_words: String,
    /// How long it stays open when nothing clears it, in ms from the moment's own instant.
    pub open_for_ms: i64,
}

/// What a rule flags. See DESIGN.md §7.
#[derive(Clone, Debug)]
pub enum Kind {
    /// From A to B took or is taking too long.
    Slow {
        /// A.
        from: Filter,
        /// B.
        to: Filter,
        /// Exactly the limit is met.
        limit_ms: PerSegment<i64>,
        /// Once for each need instead of once a cycle.
        each_need: bool,
        /// Only business hours count.
        business_hours: bool,
    },
    /// A touchpoint that did not happen: by the close, or within a time of another.
    Missing {
        /// What should have happened.
        expects: Filter,
        /// Since what; only with `within_ms`.
        after: Option<Filter>,
        /// Within which time of `after`.
        within_ms: Option<PerSegment<i64>>,
    },
    /// An outcome unmet or partly met.
    Unmet,
    /// A need fulfilled and never verified, or not often enough.
    Unverified {
        /// How many checks are demanded.
        times: u32,
        /// Within which time of the fulfilment; none: by the close.
        within_ms: Option<PerSegment<i64>>,
    },
    /// A complaint or question neither answered nor given an announced wait.
    Unacknowledged {
        /// Exactly the limit is met.
        limit_ms: PerSegment<i64>,
        /// Only business hours count.
        business_hours: bool,
    },
    /// Due and not kept; waited longer than announced.
    BrokenPromise {
        /// Kinds of promise that the rule is about; `wait` is the announced wait. Empty: all.
        promises: Vec<String>,
        /// What is excused beyond the due instant, in ms.
        limit_ms: PerSegment<i64>,
        /// Only business hours count towards the limit.
        business_hours: bool,
    },
    /// The customer left: no farewell, or a farewell with the need unmet.
    Abandoned,
    /// Rating or sentiment below a limit.
    LowRating {
        /// Flags a rating below it.
        rating_below: Option<i32>,
        /// Flags a sentiment below it.
        sentiment_below: Option<f64>,
    },
    /// More than so many persons in one cycle.
    Handoffs {
        /// The most that is promised.
        more_than: PerSegment<i64>,
    },
    /// A touchpoint that lacks something that the strategy demands of it.
    Lacking {
        /// What is demanded; lacking any of it is flagged.
        demands: Vec<Demand>,
    },
    /// A touchpoint that came before one that must precede it.
    OutOfOrder {
        /// What came too early is the anchor (the rule's `where`); this is what should have come before it.
        before: Filter,
    },
    /// The customer had to come back to what was held to be done: within the cycle, or by its next instance.
    Reopened {
        /// What was held to be the end of it; none: a verification with outcome met, or a farewell.
        after: Option<Filter>,
        /// What reopens it.
        by: Filter,
    },
    /// The customer is in touch again within a time, between the first touchpoints of two cycles that match the rule's `where`.
    RepeatContact {
        /// The limit included.
        within_ms: PerSegment<i64>,
        /// Only if both cycles have a need in common.
        same_need: bool,
    },
    /// No contact by the company within a time of a cycle's close.
    NoFollowUp {
        /// Within which time.
        within_ms: PerSegment<i64>,
        /// Only business hours count.
        business_hours: bool,
        /// Cycles of which level are to be followed up; "any" means all.
        levels: Set<Level>,
        /// What counts as the contact, in whichever cycle of the customer's.
        by: Filter,
    },
    /// So many of a customer's last final cycles failed.
    ViciousCircle {
        /// So many.
        failed: usize,
        /// Of so many, the latest included.
        of: usize,
    },
}

impl Kind {
    /// The word of the strategy file.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Slow { .. } => "slow",
            Self::Missing { .. } => "missing",
            Self::Unmet => "unmet",
            Self::Unverified { .. } => "unverified",
            Self::Unacknowledged { .. } => "unacknowledged",
            Self::BrokenPromise { .. } => "broken_promise",
            Self::Abandoned => "abandoned",
            Self::LowRating { .. } => "low_rating",
            Self::Handoffs { .. } => "handoffs",
            Self::Lacking { .. } => "lacking",
            Self::OutOfOrder { .. } => "out_of_order",
            Self::Reopened { .. } => "reopened",
            Self::RepeatContact { .. } => "repeat_contact",
            Self::NoFollowUp { .. } => "no_follow_up",
            Self::ViciousCircle { .. } => "vicious_circle",
        }
    }
}

/// Something that may be demanded of a touchpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// The person gave a name.
    Named,
    /// The door was left open.
    DoorOpen,
    /// A wait was announced.
    AnnouncedWait,
    /// Something was added.
    AddedValue,
    /// An attribute is there.
    Attribute(String),
}

impl Demand {
    /// Whether `touchpoint` has what is demanded.
    pub fn is_met_by(&self, touchpoint: &Touchpoint<'_>) -> bool {
        match self {
            Self::Named => touchpoint.actor.as_ref().is_some_and(|actor| actor.named),
            Self::DoorOpen => touchpoint.door_open == Some(true),
            Self::AnnouncedWait => touchpoint.announced_wait_ms.is_some(),
            Self::AddedValue => !touchpoint.added_value.is_empty(),
            Self::Attribute(name) => touchpoint.attributes.iter().any(|(n, _)| n.as_str() == name),
        }
    }

    /// The demand in the words of the strategy file.
    pub fn words(&self) -> String {
        match self {
            Self::Named => "named".to_owned(),
            Self::DoorOpen => "door_open".to_owned(),
            Self::AnnouncedWait => "announced_wait".to_owned(),
            Self::AddedValue => "added_value".to_owned(),
            Self::Attribute(name) => format!("attribute {name}"),
        }
    }
}
