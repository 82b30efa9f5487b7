//! A flag: what one rule makes of one cycle, before it is told as a moment.

use xxhash_rust::xxh3::Xxh3;

use crate::moment::MomentState;
use crate::time::Timestamp;

/// Which promise a flag is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PromiseRef {
    /// The wait that the anchor announced.
    Wait,
    /// The anchor's promise at this position.
    Given(usize),
}

/// A moment in the making: it is one as soon as `now` reaches its trigger.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag {
    /// Position of the rule in the strategy.
    pub(super) rule: usize,
    /// Position of the anchor among the cycle's touchpoints.
    pub(super) anchor: usize,
    /// Position of the need, where the rule tells needs apart.
    pub(super) need: Option<usize>,
    pub(super) promise: Option<PromiseRef>,
    /// The moment's own instant.
    pub(super) raised_at: Timestamp,
    /// It is a moment iff `now` has reached this: of a deadline the instant after it, for exactly the limit is met.
    pub(super) trigger: Timestamp,
    /// From when on it holds the cycle open: most often its own instant, of what is owed later the instant it is owed since.
    pub(super) holds_from: Timestamp,
    /// From here on another flag of the same id stands in its place.
    pub(super) superseded: Timestamp,
    pub(super) recovered_at: Option<Timestamp>,
    /// When it ends if nothing recovers it.
    pub(super) expires_at: Timestamp,
    pub(super) observed: Option<i64>,
    pub(super) limit: Option<i64>,
}

impl Flag {
    /// A flag of an instant that is known: a touchpoint shows it.
    pub(super) fn at(rule: usize, anchor: usize, raised_at: Timestamp, open_for_ms: i64) -> Self {
        Self {
            rule,
            anchor,
            need: None,
            promise: None,
            raised_at,
            trigger: raised_at,
            holds_from: raised_at,
            superseded: Timestamp::MAX,
            recovered_at: None,
            expires_at: raised_at.plus(open_for_ms),
            observed: None,
            limit: None,
        }
    }

    /// A flag of a deadline that passes: exactly the limit is met.
    pub(super) fn deadline(rule: usize, anchor: usize, due: Timestamp, open_for_ms: i64) -> Self {
        Self { trigger: due.plus(1), ..Self::at(rule, anchor, due, open_for_ms) }
    }

    /// No moment, but it holds the cycle open: what was owed since `from` was done, or has lost its reason, at `until`.
    pub(super) fn hold(rule: usize, anchor: usize, from: Timestamp, until: Timestamp) -> Self {
        Self { trigger: Timestamp::MAX, holds_from: from, ..Self::at(rule, anchor, until, 0) }
    }

    /// The customer has gone at `stop`: nothing can recover it from then on.
    #[must_use]
    pub(super) fn stopped(mut self, stop: Timestamp) -> Self {
        self.expires_at = self.expires_at.min(stop.max(self.raised_at));
        self
    }

    /// Whether it is, or may become, a moment.
    pub(super) fn is_moment(&self) -> bool {
        self.trigger != Timestamp::MAX
    }

    /// Whether it is a moment at `now`.
    pub(super) fn stands(&self, now: Timestamp) -> bool {
        self.trigger <= now && now < self.superseded
    }

    /// The instant of its end, whichever it is.
    pub(super) fn end(&self) -> Timestamp {
        self.recovered_at.filter(|at| *at < self.expires_at).unwrap_or(self.expires_at)
    }

    /// Where the moment stands at `now`.
    pub(super) fn state(&self, now: Timestamp) -> MomentState {
        if self.recovered_at.is_some_and(|at| at < self.expires_at) {
            MomentState::Recovered
        } else if now >= self.expires_at {
            MomentState::Expired
        } else {
            MomentState::Raised
        }
    }
}

/// A moment's id: the same in every run, whatever cycle the anchor ends up in.
pub(super) fn moment_id(key: &str, rule: &str, need: &str, anchor: &str, promise: &str) -> u128 {
    let mut hasher = Xxh3::new();
    for part in [key, rule, need, anchor, promise] {
        hasher.update(part.as_bytes());
        hasher.update(&[0xff]); // no UTF-8 text contains it
    }
    hasher.digest128()
}
