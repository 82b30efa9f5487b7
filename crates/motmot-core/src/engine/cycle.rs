//! One live cycle: its touchpoints, what they fold to, and what has been told of it.

use std::cell::{Cell, OnceCell};

use xxhash_rust::xxh3::xxh3_64;

use crate::strategy::Strategy;
use crate::time::Timestamp;
use crate::touchpoint::Touchpoint;

use crate::cycle::{Circle, Level};
use crate::strategy::Kind;

use super::file::{End, Known, circle};
use super::flag::Flag;
use super::fold::{Fold, Mark, Outline};
use super::kinds::{Carried, CycleView};
use super::level;
use super::port::Verdict;
use super::tell::Told;
use super::touchpoints::Touchpoints;

/// A cycle that can still be amended.
#[derive(Clone, Debug)]
pub(super) struct Cycle {
    pub(super) key: Box<str>,
    pub(super) id: Box<str>,
    /// Which return under this id, from 1.
    pub(super) instance: i32,
    /// When the instance before it ended: what occurred up to then belongs to that one, and is late.
    pub(super) frozen_until: Timestamp,
    /// Put together by gaps, not by an id of the source's.
    pub(super) assembled: bool,
    /// More touchpoints came than are kept.
    pub(super) truncated: bool,
    pub(super) touchpoints: Touchpoints,
    pub(super) outline: Outline,
    /// None after a touchpoint that came before others, until somebody asks: ten thousand of them must not fold the cycle as many times.
    fold: OnceCell<Fold>,
    /// Its entry in the customer's file has its outline, and not yet what its fold says.
    pub(super) owes_facts: bool,
    /// What the customer's other cycles say.
    known: Known,
    /// What the instance before it left of each `reopened`.
    pub(super) carried: Vec<Carried>,
    /// The customer's file was full when it began.
    pub(super) unfiled: bool,
    /// Its `final_at`, as long as nothing changes of what it follows from.
    final_at: Cell<Option<Timestamp>>,
    pub(super) told: Vec<Told>,
    /// Hash of the row that was told last; 0 if it has none.
    pub(super) told_row: u64,
}

impl Cycle {
    /// A cycle of these touchpoints, of which nothing has been told.
    pub(super) fn new(strategy: &Strategy, key: &str, id: &str, instance: i32, touchpoints: Touchpoints) -> Self {
        let fold = Fold::of(strategy, key, &touchpoints);
        Self {
            key: key.into(),
            id: id.into(),
            instance,
            frozen_until: Timestamp::MIN,
            assembled: false,
            truncated: false,
            touchpoints,
            outline: fold.outline,
            fold: OnceCell::from(fold),
            owes_facts: false,
            known: Known::default(),
            carried: Vec::new(),
            unfiled: false,
            final_at: Cell::new(None),
            told: Vec::new(),
            told_row: 0,
        }
    }

    /// Adds a touchpoint, unless it is known or one too many.
    pub(super) fn add(&mut self, strategy: &Strategy, touchpoint: &Touchpoint<'_>, offset: i64) -> Verdict {
        if let Some(verdict) = self.known(touchpoint) {
            return verdict;
        }
        if self.touchpoints.len() >= strategy.max_touchpoints {
            self.truncated = true;
            return Verdict::Overflow;
        }
        self.final_at.set(None);
        let index = self.touchpoints.insert(touchpoint, offset);
        self.outline.take(strategy, &self.key, index, touchpoint);
        match self.fold.get_mut() {
            Some(fold) if index + 1 == self.touchpoints.len() => {
                fold.step(strategy, &self.key, &self.touchpoints, index, touchpoint);
            }
            _ => self.fold = OnceCell::new(),
        }
        Verdict::Folded
    }

    /// What a touchpoint is whose id the cycle knows.
    pub(super) fn known(&self, touchpoint: &Touchpoint<'_>) -> Option<Verdict> {
        self.touchpoints.known(touchpoint).map(|same| if same { Verdict::Duplicate } else { Verdict::Conflicting })
    }

    /// Folds it from its start.
    pub(super) fn refold(&mut self, strategy: &Strategy) {
        self.final_at.set(None);
        let fold = Fold::of(strategy, &self.key, &self.touchpoints);
        self.outline = fold.outline;
        self.fold = OnceCell::from(fold);
    }

    /// What it folds to.
    pub(super) fn fold(&self, strategy: &Strategy) -> &Fold {
        let fold = self.fold.get_or_init(|| Fold::of(strategy, &self.key, &self.touchpoints));
        debug_assert_eq!(fold.outline, self.outline, "{} / {}", self.key, self.id);
        fold
    }

    /// Whether the next that asks has to fold it from its start.
    pub(super) fn is_unfolded(&self) -> bool {
        self.fold.get().is_none()
    }

    /// Whether it is in the customer's file.
    pub(super) fn is_filed(&self) -> bool {
        self.outline.keyed_by_customer && !self.unfiled
    }

    /// The position of its segment: the latest that it names, else the latest that the customer's earlier cycles named, else the default.
    pub(super) fn segment(&self, strategy: &Strategy) -> usize {
        let of_file = || {
            let (_, name) = self.known.segment?;
            strategy.segments.iter().position(|segment| xxh3_64(segment.as_bytes()) == name)
        };
        let named = self.fold(strategy).segment.map(|(_, position)| position);
        named.or_else(of_file).unwrap_or(strategy.segments.len().saturating_sub(1))
    }

    /// What the rules look at.
    pub(super) fn view<'a>(&'a self, strategy: &'a Strategy) -> CycleView<'a> {
        CycleView {
            strategy,
            instance: self.instance,
            fold: self.fold(strategy),
            touchpoints: &self.touchpoints,
            filed: self.is_filed(),
            known: &self.known,
            carried: &self.carried,
            segment: self.segment(strategy),
            first: Mark { index: 0, at: self.outline.first },
            close: self.outline.close(),
        }
    }

    /// What all rules make of it, those included whose time has not come.
    pub(super) fn judge(&self, strategy: &Strategy) -> Judged {
        let view = self.view(strategy);
        let mut flags = view.fold.flags(&view);
        let settled_at = view.fold.final_at(&flags);
        flags.retain(|flag| flag.raised_at <= settled_at);
        let mut judged = Judged { flags, settled_at, final_at: settled_at };
        if view.filed && strategy.rules.iter().any(|rule| matches!(rule.kind, Kind::ViciousCircle { .. })) {
            let levels = self.levels(strategy, &judged);
            for (position, rule, memory) in view.fold.rules(&view) {
                judged.flags.extend(memory.vicious(&view, rule, position, settled_at, &levels));
            }
            judged.final_at = view.fold.final_at(&judged.flags);
        }
        self.final_at.set(Some(judged.final_at));
        judged
    }

    /// What comes of it.
    pub(super) fn end(&self, strategy: &Strategy) -> End {
        let judged = self.judge(strategy);
        End { settled_at: judged.settled_at, level: self.final_level(strategy, &judged) }
    }

    /// Its level once it is settled.
    pub(super) fn final_level(&self, strategy: &Strategy, judged: &Judged) -> Level {
        // a deadline is passed the instant after it
        level::of(&self.view(strategy), &judged.flags, judged.settled_at.plus(1)).unwrap_or(Level::Failed)
    }

    /// The levels of the customer's cycles, this one's first, then those that settled before it, the latest first.
    fn levels(&self, strategy: &Strategy, judged: &Judged) -> Vec<Level> {
        let own = self.final_level(strategy, judged);
        let before = self.known.levels_before(judged.settled_at, &self.id, self.instance);
        std::iter::once(own).chain(before.rev()).collect()
    }

    /// The circle that the customer was in when it began; of a final one, with it.
    pub(super) fn circle(&self, strategy: &Strategy, judged: &Judged, is_final: bool) -> Option<Circle> {
        let levels = if is_final {
            self.levels(strategy, judged)
        } else {
            self.known.levels_before(self.outline.first.plus(1), "", 0).rev().collect()
        };
        self.is_filed().then(|| circle(strategy.circle, levels.into_iter()))
    }

    /// What the next instance must know of each `reopened`.
    pub(super) fn carry(&self, strategy: &Strategy) -> Vec<Carried> {
        if !strategy.rules.iter().any(|rule| matches!(rule.kind, Kind::Reopened { .. })) {
            return Vec::new();
        }
        let (view, flags) = (self.view(strategy), self.judge(strategy).flags);
        let flagged = |position: usize| flags.iter().any(|flag| flag.rule == position);
        view.fold.rules(&view).filter_map(|(position, rule, memory)| memory.carry(&view, rule, flagged(position))).collect()
    }

    /// When its time for amendments ends.
    pub(super) fn final_at(&self, strategy: &Strategy) -> Timestamp {
        self.final_at.get().unwrap_or_else(|| self.judge(strategy).final_at)
    }

    /// What the customer's other cycles say, to be said anew.
    pub(super) fn known_mut(&mut self) -> &mut Known {
        self.final_at.set(None);
        &mut self.known
    }

    /// Leaves it out of the customer's file.
    pub(super) fn leave_out(&mut self) {
        self.final_at.set(None);
        self.unfiled = true;
    }

    /// Whether its time for amendments is over at `stream_time`. Cheap as long as it is not.
    pub(super) fn is_final(&self, strategy: &Strategy, stream_time: Timestamp) -> bool {
        self.outline.base_final_at() <= stream_time && self.final_at(strategy) <= stream_time
    }
}

/// What the rules make of a cycle.
pub(super) struct Judged {
    /// Those that are raised while it can be amended.
    pub(super) flags: Vec<Flag>,
    /// When its time for amendments ends, the vicious circle apart: that follows from it.
    pub(super) settled_at: Timestamp,
    /// When its time for amendments ends.
    pub(super) final_at: Timestamp,
}
