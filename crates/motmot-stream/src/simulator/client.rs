//! What librdkafka's own threads do for a consumer, whether or not the shard calls it: heartbeats, joining, and what the group wants.
//!
//! | rule | source |
//! | --- | --- |
//! | it notices by itself that its session is over, while nobody answers it | `rdkafka_cgrp.c`: `rd_kafka_cgrp_session_timeout_check` |
//! | whom the group no longer knows it has no member id any more, and its generation until it has joined again; or the other way round, if the generation was refused | the same: `UNKNOWN_MEMBER_ID`, `ILLEGAL_GENERATION` |
//! | it may lose all brokers, and never look for them again | confluentinc/librdkafka#5301 |

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::broker::{Coordinator, Membership, Phase, TIMEOUT};
use super::random::Random;
use crate::port::Rebalance;

pub(super) struct Client {
    pub(super) membership: Membership,
    /// It has to join, at first or again.
    is_out: bool,
    /// When the coordinator last answered.
    heard: Duration,
    /// It has no brokers, and looks for none.
    pub(super) is_deaf: bool,
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
            is_out: true,
            heard: Duration::ZERO,
            is_deaf: false,
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

    /// No answer from the coordinator.
    pub(super) fn miss(&mut self, now: Duration) {
        let is_in = !(self.is_out || self.is_closed || self.is_fenced);
        if is_in && now > self.heard + TIMEOUT {
            self.lose(false);
        }
    }

    /// One exchange with the coordinator.
    pub(super) fn work(&mut self, group: &mut Coordinator, now: Duration, random: &mut Random) {
        if self.is_closed || self.is_fenced {
            return;
        }
        if self.is_deaf {
            self.miss(now);
            return;
        }
        self.heard = now;
        if self.is_out {
            if self.is_idle() {
                self.is_out = false;
                self.is_lost = false;
                self.is_synced = false;
                self.membership.member = Some(group.join(&self.membership.instance, now));
                self.membership.generation = -1;
            }
            return;
        }
        if group.is_replaced(&self.membership) {
            self.is_fenced = true;
            return;
        }
        if group.beat(&self.membership, now).is_none() {
            self.lose(random.below(2) == 0);
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

    fn lose(&mut self, keeps_id: bool) {
        if keeps_id {
            self.membership.generation = -1;
        } else {
            self.membership.member = None;
        }
        self.is_out = true;
        let owned: Vec<i32> = std::mem::take(&mut self.owned).into_iter().collect();
        if !owned.is_empty() {
            self.is_lost = true;
            self.pending.push_back(Rebalance::Revoked(owned));
        }
    }
}
