//! The needs of one cycle: each is opened, fulfilled, and verified.
#![allow(clippy::indexing_slicing, reason = "a set of needs is made of positions in this very list")]

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::touchpoint::{Outcome, Stage, Touchpoint};

use super::fold::Mark;

/// Needs that one cycle tells apart; what is named beyond them concerns none.
const MAX_NEEDS: usize = 64;

/// One need of a cycle.
#[derive(Clone, Debug)]
pub(super) struct Need {
    /// Hash of its name; none for the unnamed need.
    pub(super) name: Option<u64>,
    /// The touchpoint that first spoke of it (and names it).
    pub(super) opened: Mark,
    pub(super) fulfilled: Option<Mark>,
    pub(super) verified: Option<Mark>,
}

/// A set of needs, by their positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NeedSet(u64);

impl NeedSet {
    fn of(positions: impl Iterator<Item = usize>) -> Self {
        Self(positions.fold(0, |bits, position| bits | 1 << position))
    }

    pub(super) fn contains(self, position: usize) -> bool {
        self.0 >> position & 1 == 1
    }

    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        (0..MAX_NEEDS).filter(move |position| self.contains(*position)).take(self.0.count_ones() as usize)
    }
}

/// What a touchpoint means for the cycle's needs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bearing {
    /// The needs that it concerns.
    pub(super) concerns: NeedSet,
    /// Those that it fulfils for the first time.
    pub(super) fulfils: NeedSet,
    /// Those that it verifies (again).
    pub(super) verifies: NeedSet,
}

/// The needs of a cycle, in the order in which they were opened.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs(SmallVec<[Need; 1]>);

impl Needs {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Need> {
        self.0.iter()
    }

    pub(super) fn get(&self, position: usize) -> Option<&Need> {
        self.0.get(position)
    }

    /// Takes the next touchpoint in the cycle's order.
    pub(super) fn step(&mut self, mark: Mark, touchpoint: &Touchpoint<'_>) -> Bearing {
        let fulfilling = touchpoint.stage == Stage::Fulfilment && matches!(touchpoint.outcome, Outcome::Met | Outcome::PartlyMet);
        let verifying = touchpoint.stage == Stage::Verification
            && matches!(touchpoint.outcome, Outcome::Met | Outcome::PartlyMet | Outcome::None);
        let concerns = self.concerned(mark, touchpoint);
        let fulfils = if fulfilling { self.those(concerns, |need| need.fulfilled.is_none()) } else { NeedSet::default() };
        let verifies = if verifying { self.those(concerns, |need| need.fulfilled.is_some()) } else { NeedSet::default() };
        for position in fulfils.iter() {
            self.0[position].fulfilled = Some(mark);
        }
        for position in verifies.iter() {
            self.0[position].verified.get_or_insert(mark);
        }
        Bearing { concerns, fulfils, verifies }
    }

    fn those(&self, among: NeedSet, which: impl Fn(&Need) -> bool) -> NeedSet {
        NeedSet::of(self.0.iter().enumerate().filter(|(position, need)| among.contains(*position) && which(need)).map(|(p, _)| p))
    }

    fn concerned(&mut self, mark: Mark, touchpoint: &Touchpoint<'_>) -> NeedSet {
        let name = touchpoint.need.as_ref().map(|name| xxh3_64(name.as_bytes()));
        if name.is_some() {
            let position = self.0.iter().position(|need| need.name == name).or_else(|| self.open(name, mark));
            return NeedSet::of(position.into_iter());
        }
        if self.0.is_empty() && matches!(touchpoint.stage, Stage::NeedDetection | Stage::Fulfilment) {
            self.open(None, mark);
        }
        let all = NeedSet(u64::MAX);
        match touchpoint.stage {
            Stage::Verification => self.those(all, |need| need.fulfilled.is_some()),
            Stage::NeedDetection => self.those(all, |need| need.opened == mark),
            Stage::Greeting | Stage::Fulfilment | Stage::Farewell => self.those(all, |need| need.fulfilled.is_none()),
        }
    }

    fn open(&mut self, name: Option<u64>, mark: Mark) -> Option<usize> {
        if self.0.len() == MAX_NEEDS {
            return None;
        }
        self.0.push(Need { name, opened: mark, fulfilled: None, verified: None });
        Some(self.0.len() - 1)
    }
}
