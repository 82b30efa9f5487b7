//! What librdkafka's own threads do for a consumer, whether or not the shard calls it: heartbeats, joining, and what the group wants.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::broker::{Coordinator, Membership, Phase};
use crate::port::Rebalance;

pub(super) struct Client {
    pub(super) membership: Membership,
    /// The current generation's assignment was fetched.
    is_synced: bool,
    pending: VecDeque<Rebalance>,
    /// The shard has it and has not answered.
    answering: bool,
    /// Expelled: what it had may be others' already.
    pub(super) is_lost: bool,
    /// Another member of the same name has joined.
    pub(super) is_fenced: bool,
    pub(super) is_closed: bool,
    /// What the group gave it.
    owned: BTreeSet<i32>,
    wants_rejoin: bool,
    /// The next offset of each partition that is read.
    pub(super) positions: BTreeMap<i32, i64>,
    /// Those that give nothing, and where they would go on. It is remembered when a partition is given back, and when it comes again.
    pub(super) resting: BTreeMap<i32, i64>,
    /// The log's ends as of the last fetch.
    pub(super) watermarks: BTreeMap<i32, i64>,
}

impl Client {
    pub(super) fn new(instance: &str) -> Self {
        Self {
            membership: Membership { instance: instance.to_owned(), member: None, generation: -1 },
            is_synced: false,
            pending: VecDeque::new(),
            answering: false,
            is_lost: false,
            is_fenced: false,
            is_closed: false,
            owned: BTreeSet::new(),
            wants_rejoin: false,
            positions: BTreeMap::new(),
            resting: BTreeMap::new(),
            watermarks: BTreeMap::new(),
        }
    }

    pub(super) fn next_rebalance(&mut self) -> Option<Rebalance> {
        let next = self.pending.pop_front();
        self.answering |= next.is_some();
        next
    }

    pub(super) fn put_back(&mut self, rebalance: Rebalance) {
        self.pending.push_front(rebalance);
        self.answering = false;
    }

    pub(super) fn answer(&mut self) {
        self.answering = false;
    }

    /// Reads a partition from this offset; if it rests, once it rests no more.
    pub(super) fn read_from(&mut self, number: i32, offset: i64) {
        let place = if self.resting.contains_key(&number) { &mut self.resting } else { &mut self.positions };
        place.insert(number, offset);
    }

    fn is_idle(&self) -> bool {
        self.pending.is_empty() && !self.answering
    }

    /// One exchange with the coordinator.
    pub(super) fn work(&mut self, group: &mut Coordinator, now: Duration) {
        if self.is_closed || self.is_fenced {
            return;
        }
        if self.membership.member.is_none() {
            if self.is_idle() {
                self.is_lost = false;
                self.is_synced = false;
                self.membership.member = Some(group.join(&self.membership.instance, now));
            }
            return;
        }
        if group.is_replaced(&self.membership) {
            self.is_fenced = true;
            return;
        }
        if group.beat(&self.membership, now).is_none() {
            self.lose();
            return;
        }
        match group.phase {
            Phase::Empty => {}
            Phase::Preparing if !group.has_joined(&self.membership) && self.is_idle() => {
                self.wants_rejoin = false;
                group.rejoin(&self.membership, &self.owned);
            }
            Phase::Preparing => {}
            // the answer to a join, which has the generation
            Phase::Stable if self.membership.generation != group.generation => {
                self.membership.generation = group.generation;
                self.is_synced = false;
            }
            Phase::Stable if !self.is_idle() => {}
            Phase::Stable if !self.is_synced => self.sync(&group.assigned(&self.membership)),
            Phase::Stable if self.wants_rejoin => {
                self.wants_rejoin = false;
                group.rejoin(&self.membership, &self.owned);
            }
            Phase::Stable => {}
        }
    }

    fn sync(&mut self, assigned: &BTreeSet<i32>) {
        self.is_synced = true;
        let revoked: Vec<i32> = self.owned.difference(assigned).copied().collect();
        let added: Vec<i32> = assigned.difference(&self.owned).copied().collect();
        self.wants_rejoin = !revoked.is_empty();
        self.owned.clone_from(assigned);
        if !revoked.is_empty() {
            self.pending.push_back(Rebalance::Revoked(revoked));
        }
        if !added.is_empty() {
            self.pending.push_back(Rebalance::Assigned(added));
        }
    }

    fn lose(&mut self) {
        self.membership.member = None;
        self.membership.generation = -1;
        let owned: Vec<i32> = std::mem::take(&mut self.owned).into_iter().collect();
        if !owned.is_empty() {
            self.is_lost = true;
            self.pending.push_back(Rebalance::Revoked(owned));
        }
    }
}
