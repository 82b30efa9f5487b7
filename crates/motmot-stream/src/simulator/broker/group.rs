//! The coordinator of the consumer group: classic protocol, static members, cooperative assignment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::TIMEOUT;

/// What a member's commits are judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::simulator) struct Membership {
    /// `group.instance.id`.
    pub(in crate::simulator) instance: String,
    /// None: it has not joined yet, or was expelled and has not come back.
    pub(in crate::simulator) member: Option<u64>,
    /// −1: likewise; of an expelled one, one of both is forgotten, and the other kept until it has come back.
    pub(in crate::simulator) generation: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulator) enum Phase {
    Empty,
    /// Members are to join again.
    Preparing,
    Stable,
}

#[derive(Clone, Debug)]
struct Member {
    id: u64,
    deadline: Duration,
    has_joined: bool,
    owned: BTreeSet<i32>,
    assigned: BTreeSet<i32>,
}

#[derive(Clone, Debug)]
pub(in crate::simulator) struct Coordinator {
    partitions: i32,
    pub(in crate::simulator) generation: i64,
    pub(in crate::simulator) phase: Phase,
    members: BTreeMap<String, Member>,
    next_id: u64,
    /// It has loaded its log, and does not know the end of it yet.
    pub(in crate::simulator) is_behind: bool,
}

impl Coordinator {
    pub(super) fn new(partitions: i32) -> Self {
        Self { partitions, generation: 0, phase: Phase::Empty, members: BTreeMap::new(), next_id: 0, is_behind: false }
    }

    /// A member without an id joins. The same name with another id is its successor: it gets what that one had.
    pub(in crate::simulator) fn join(&mut self, instance: &str, now: Duration) -> u64 {
        self.is_behind = false;
        self.next_id += 1;
        let (id, deadline) = (self.next_id, now + TIMEOUT);
        if let Some(member) = self.members.get_mut(instance) {
            member.id = id;
            member.deadline = deadline;
            member.owned.clear();
            member.has_joined = true;
            self.complete();
            return id;
        }
        let (owned, assigned) = (BTreeSet::new(), BTreeSet::new());
        self.rebalance();
        self.members.insert(instance.to_owned(), Member { id, deadline, has_joined: true, owned, assigned });
        self.complete();
        id
    }

    /// Begins a rebalance, unless one has begun.
    fn rebalance(&mut self) {
        if self.phase != Phase::Preparing {
            self.phase = Phase::Preparing;
            self.members.values_mut().for_each(|member| member.has_joined = false);
        }
    }

    /// A member joins again and says what it owns.
    pub(in crate::simulator) fn rejoin(&mut self, of: &Membership, owned: &BTreeSet<i32>) {
        self.rebalance();
        if let Some(member) = self.members.get_mut(&of.instance) {
            member.has_joined = true;
            member.owned.clone_from(owned);
        }
        self.complete();
    }

    fn complete(&mut self) {
        if self.phase == Phase::Preparing && self.members.values().all(|member| member.has_joined) {
            self.is_behind = false;
            self.generation += 1;
            self.assign();
            self.phase = if self.members.is_empty() { Phase::Empty } else { Phase::Stable };
        }
    }

    /// Cooperative-sticky: who has a partition keeps it, unless it has more than its share; what is taken from one member is given to
    /// nobody before that one has let go of it.
    fn assign(&mut self) {
        let count = self.members.len();
        if count == 0 {
            return;
        }
        let partitions = usize::try_from(self.partitions).unwrap();
        let (share, mut rest) = (partitions / count, partitions % count);
        let mut targets: BTreeMap<String, usize> = BTreeMap::new();
        let mut by_load: Vec<_> = self.members.iter().map(|(name, member)| (member.owned.len(), name.clone())).collect();
        by_load.sort_by(|(one, a), (other, b)| other.cmp(one).then(a.cmp(b)));
        for (_, name) in by_load {
            let extra = usize::from(rest > 0);
            rest -= extra;
            targets.insert(name, share + extra);
        }
        let owned: BTreeSet<i32> = self.members.values().flat_map(|member| member.owned.iter().copied()).collect();
        let mut free: Vec<i32> = (0..self.partitions).filter(|number| !owned.contains(number)).collect();
        for (name, member) in &mut self.members {
            let target = targets[name];
            member.assigned = member.owned.iter().copied().take(target).collect();
            while member.assigned.len() < target {
                let Some(number) = free.pop() else { break };
                member.assigned.insert(number);
            }
        }
    }

    /// A heartbeat. None: the group does not know this member.
    pub(in crate::simulator) fn beat(&mut self, of: &Membership, now: Duration) -> Option<()> {
        let member = self.members.get_mut(&of.instance).filter(|member| Some(member.id) == of.member)?;
        member.deadline = now + TIMEOUT;
        Some(())
    }

    /// Whether another incarnation of this member's name has joined.
    pub(in crate::simulator) fn is_replaced(&self, of: &Membership) -> bool {
        self.members.get(&of.instance).is_some_and(|member| Some(member.id) != of.member)
    }

    pub(in crate::simulator) fn has_joined(&self, of: &Membership) -> bool {
        self.members.get(&of.instance).is_some_and(|member| member.has_joined)
    }

    /// What the current generation gives to a member.
    pub(in crate::simulator) fn assigned(&self, of: &Membership) -> BTreeSet<i32> {
        self.members.get(&of.instance).map(|member| member.assigned.clone()).unwrap_or_default()
    }

    /// Whether offsets of such a member may be committed in a transaction.
    pub(in crate::simulator) fn accepts(&self, of: &Membership) -> bool {
        if of.generation < 0 && self.members.is_empty() {
            return true;
        }
        let known = self.members.get(&of.instance).is_some_and(|member| Some(member.id) == of.member);
        known && of.generation == self.generation
    }

    pub(super) fn expire(&mut self, now: Duration) {
        let before = self.members.len();
        self.members.retain(|_, member| member.deadline >= now);
        if self.members.len() < before {
            self.rebalance();
            self.complete();
            if self.members.is_empty() {
                self.phase = Phase::Empty;
            }
        }
    }

    /// A change in the group makes all join again.
    pub(in crate::simulator) fn shake(&mut self) {
        self.rebalance();
    }

    /// The members' names.
    pub(in crate::simulator) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }
}
