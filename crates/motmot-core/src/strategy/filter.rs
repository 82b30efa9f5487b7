//! Which touchpoints a rule means: filters, and the sets of words in them.

use crate::cycle::Level;
use crate::touchpoint::{ActorKind, Audience, Initiator, Intent, Outcome, Stage, Touchpoint};

use super::model::Dimension;

/// Which touchpoints are meant: every given field must have one of its values. An empty filter matches all.
///
/// Sets of enum values are bit sets (bit = position in `ALL`, one bit more for "not given"), zero meaning "any".
/// The segment is not here: it is the cycle's, see [`super::Rule::segments`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Stages.
    pub stages: Set<Stage>,
    /// Outcomes.
    pub outcomes: Set<Outcome>,
    /// Intents.
    pub intents: Set<Intent>,
    /// Customer or company.
    pub initiated_by: Set<Initiator>,
    /// External or internal.
    pub audience: Set<Audience>,
    /// Person, system or surroundings.
    pub actor_kinds: Set<ActorKind>,
    /// Conditions on texts, all of which must hold.
    pub texts: Vec<(Field, Vec<String>)>,
}

/// A set of the values of a closed set of words; empty means "any".
#[derive(Debug)]
pub struct Set<T>(u8, std::marker::PhantomData<T>);

impl<T> Clone for Set<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Set<T> {}
impl<T> Default for Set<T> {
    fn default() -> Self {
        Self(0, std::marker::PhantomData)
    }
}
impl<T> PartialEq for Set<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// A value that has a position in its closed set.
pub trait Word: Copy {
    /// The position.
    fn position(self) -> u8;
}
macro_rules! positions { ($($t:ty),*) => { $(impl Word for $t { fn position(self) -> u8 { self as u8 } })* } }
positions!(Stage, Outcome, Intent, Initiator, Audience, ActorKind, Dimension, Level);

impl<T: Word> Set<T> {
    /// The set of these values; of none, the one that means "any".
    pub fn of(values: &[T]) -> Self {
        let mut set = Self::default();
        values.iter().for_each(|value| set.insert(*value));
        set
    }
    /// Adds a value.
    pub fn insert(&mut self, value: T) {
        self.0 |= 1 << value.position();
    }
    /// The set without a value. The last one cannot be taken out: an empty set means "any".
    #[must_use]
    pub(super) fn without(self, value: T) -> Self {
        Self(self.0 & !(1 << value.position()), std::marker::PhantomData)
    }
    /// Whether some value is meant by both.
    pub(super) fn meets(self, other: Self) -> bool {
        self.is_any() || other.is_any() || self.0 & other.0 != 0
    }
    /// Whether all that `other` means is meant.
    pub(crate) fn covers(self, other: Self) -> bool {
        self.is_any() || (!other.is_any() && other.0 & !self.0 == 0)
    }
    /// A bit for each value, 0 for "any".
    pub(super) fn bits(self) -> u8 {
        self.0
    }
    /// Whether no value was added: any value is meant.
    pub fn is_any(self) -> bool {
        self.0 == 0
    }
    /// Whether `value` is meant.
    pub fn admits(self, value: T) -> bool {
        self.0 == 0 || self.0 & (1 << value.position()) != 0
    }
    /// Whether a value that may be absent is meant; an absent one only by "any".
    pub fn admits_option(self, value: Option<T>) -> bool {
        self.0 == 0 || value.is_some_and(|v| self.0 & (1 << v.position()) != 0)
    }
}

/// A text field of a touchpoint that a filter may name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Channel.
    Channel,
    /// Site.
    Site,
    /// Department.
    Team,
    /// Need.
    Need,
    /// Which person or system.
    ActorId,
    /// An attribute.
    Attribute(String),
}

impl Filter {
    /// Whether the filter matches every touchpoint.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `touchpoint` is meant.
    pub fn matches(&self, touchpoint: &Touchpoint<'_>) -> bool {
        self.outcomes.admits(touchpoint.outcome) && self.matches_apart_from_outcome(touchpoint)
    }

    /// Whether `touchpoint` would be meant with another outcome.
    pub(crate) fn matches_apart_from_outcome(&self, touchpoint: &Touchpoint<'_>) -> bool {
        self.stages.admits(touchpoint.stage)
            && self.intents.admits_option(touchpoint.intent)
            && self.initiated_by.admits(touchpoint.initiated_by)
            && self.audience.admits(touchpoint.audience)
            && self.actor_kinds.admits_option(touchpoint.actor.as_ref().map(|actor| actor.kind))
            && self.texts.iter().all(|(field, values)| field.of(touchpoint).is_some_and(|text| values.iter().any(|v| v == text)))
    }
}

impl Field {
    fn of<'t>(&self, touchpoint: &'t Touchpoint<'_>) -> Option<&'t str> {
        match self {
            Self::Channel => Some(&touchpoint.channel),
            Self::Site => Some(&touchpoint.site),
            Self::Team => touchpoint.team.as_deref(),
            Self::Need => touchpoint.need.as_deref(),
            Self::ActorId => touchpoint.actor.as_ref().and_then(|actor| actor.id.as_deref()),
            Self::Attribute(name) => {
                touchpoint.attributes.iter().find(|(n, _)| n.as_str() == name).map(|(_, value)| value.as_str())
            }
        }
    }
}
