//! One run: virtual time, the processes, and what befalls them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use motmot_core::Timestamp;

use super::broker::{Broker, Decided, ProducerId, Topic};
use super::client::Client;
use super::disk::{self, Entries, Folder};
use super::judge;
use super::ledger::Ledger;
use super::random::Random;
use super::rates::Rates;
use super::schemas::Schemas;
use super::snapshots::Depot;
use super::workload::Workload;
use super::world::{Process, Sim};
use crate::config::TopicNames;
use crate::error::WorkerError;
use crate::shard::Shard;
use crate::worker::Shared;

/// The first instant, in ms since 1970.
pub(super) const EPOCH: i64 = 1_772_000_000_000;
/// A process may stand still within a call of another that stands still within a call; not deeper.
const MAX_DEPTH: u32 = 2;
/// Live processes send heartbeats at least this often.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// What may go wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mishap {
    /// It is not done, and may be tried again.
    Before,
    /// It is done, and its answer is lost.
    After,
    /// The transaction must be aborted.
    Abort,
    /// The client is of no more use.
    Give,
}

/// The end of a process, as a panic that nobody hears.
struct Killed;

/// A process and what the world knows of it.
pub(super) struct Slot {
    pub(super) process: Process,
    pub(super) name: String,
    pub(super) shared: Arc<Shared<Sim>>,
    /// None: it is at work right now, somewhere up the stack, or it is dead.
    pub(super) shard: Option<Shard<Sim>>,
    pub(super) is_alive: bool,
    /// It is to be killed as soon as it moves.
    pub(super) is_doomed: bool,
    /// Stopped by SIGSTOP: not even its heartbeats go on.
    pub(super) is_stopped: bool,
}

pub(super) struct Simulation {
    pub(super) random: RefCell<Random>,
    /// That of the clients' own threads.
    clients_random: RefCell<Random>,
    /// How often in ten thousand exchanges a client loses its brokers for ever, while they are away.
    deafness: usize,
    pub(super) rates: Rates,
    now: Cell<Duration>,
    /// How far a machine's wall clock is off, in ms; the broker's is the first.
    pub(super) skews: RefCell<Vec<i64>>,
    pub(super) broker: RefCell<Broker>,
    pub(super) disks: RefCell<BTreeMap<(usize, i32), Folder>>,
    pub(super) depot: RefCell<Depot>,
    pub(super) clients: RefCell<BTreeMap<u64, Rc<RefCell<Client>>>>,
    pub(super) slots: RefCell<Vec<Slot>>,
    pub(super) ledger: RefCell<Ledger>,
    topics: TopicNames,
    workload: RefCell<Workload>,
    pub(super) schemas: Arc<Schemas>,
    /// A producer of the input with an open transaction.
    upstream: Cell<Option<ProducerId>>,
    /// Nothing goes wrong any more.
    pub(super) is_calm: Cell<bool>,
    /// The first process that knows no trouble.
    pub(super) calm_since: Cell<Option<u64>>,
    depth: Cell<u32>,
    is_traced: bool,
    /// Every disk refuses until then.
    pub(super) disk_fails_until: Cell<Duration>,
    /// The broker is out of reach until then.
    pub(super) is_away_until: Cell<Duration>,
}

impl Simulation {
    pub(super) fn new(seed: u64, partitions: i32, machines: usize) -> Rc<Self> {
        let mut random = Random::new(seed);
        let rates = Rates::draw(&mut random);
        let mut clients_random = Random::new(seed ^ 0x005e_5510);
        Rc::new(Self {
            rates,
            now: Cell::new(Duration::ZERO),
            skews: RefCell::new(vec![0; machines + 1]),
            broker: RefCell::new(Broker::new(partitions)),
            disks: RefCell::default(),
            depot: RefCell::new(Depot::new(seed)),
            clients: RefCell::default(),
            slots: RefCell::default(),
            ledger: RefCell::new(Ledger::new(partitions)),
            topics: TopicNames::default(),
            workload: RefCell::new(Workload::new(seed)),
            schemas: Schemas::new(seed),
            upstream: Cell::new(None),
            is_calm: Cell::new(false),
            calm_since: Cell::new(None),
            depth: Cell::new(0),
            is_traced: std::env::var_os("TRACE").is_some(),
            disk_fails_until: Cell::default(),
            is_away_until: Cell::default(),
            deafness: *clients_random.pick(&[0, 0, 20, 200]),
            clients_random: RefCell::new(clients_random),
            random: RefCell::new(random),
        })
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now.get()
    }

    fn wall_of(&self, skew: usize) -> i64 {
        EPOCH + i64::try_from(self.now.get().as_millis()).unwrap() + self.skews.borrow()[skew]
    }

    pub(super) fn wall(&self, process: Process) -> Timestamp {
        let reading = Timestamp::from_millis(self.wall_of(process.machine + 1));
        self.ledger.borrow_mut().readings.entry(reading).or_insert(self.now.get());
        reading
    }

    pub(super) fn broker_wall(&self) -> i64 {
        self.wall_of(0)
    }

    pub(super) fn topic(&self, name: &str) -> Topic {
        let TopicNames { touchpoints, moments, cycles, dead_letters, strategies } = &self.topics;
        let topics = [
            (touchpoints, Topic::Touchpoints),
            (moments, Topic::Moments),
            (cycles, Topic::Cycles),
            (dead_letters, Topic::DeadLetters),
            (strategies, Topic::Strategies),
        ];
        topics.into_iter().find(|(known, _)| *known == name).unwrap().1
    }

    fn chance(&self, in_ten_thousand: usize) -> bool {
        !self.is_calm.get() && self.random.borrow_mut().below(10_000) < in_ten_thousand
    }

    /// Tells what happens, under `TRACE=1`.
    pub(super) fn say(&self, what: impl FnOnce() -> String) {
        if self.is_traced {
            eprintln!(
                "{:>9.3} {}{}",
                self.now.get().as_secs_f64(),
                "  ".repeat(usize::try_from(self.depth.get()).unwrap()),
                what()
            );
        }
    }

    pub(super) fn below(&self, bound: usize) -> usize {
        self.random.borrow_mut().below(bound)
    }

    pub(super) fn is_disk_failing(&self) -> bool {
        !self.is_calm.get() && (self.now.get() < self.disk_fails_until.get() || self.chance(self.rates.disk))
    }

    pub(super) fn mishap(&self) -> Option<Mishap> {
        if !self.is_calm.get() && self.now.get() < self.is_away_until.get() {
            return Some(Mishap::Before);
        }
        if !self.chance(self.rates.mishap) {
            return None;
        }
        Some(*self.random.borrow_mut().pick(&[Mishap::Before, Mishap::After, Mishap::After, Mishap::Abort, Mishap::Give]))
    }

    /// Between two instructions of a process: it may be killed here, or stand still while the others go on.
    pub(super) fn disturb(self: &Rc<Self>, process: Process) {
        if self.random.borrow_mut().per_mille(300) {
            self.work(process.id);
        }
        if self.depth.get() < MAX_DEPTH && self.chance(self.rates.stall) {
            self.stall(process);
        }
        self.live_on(process, self.chance(self.rates.kill));
    }

    /// Only the living come back from here.
    fn live_on(&self, process: Process, is_killed: bool) {
        let is_doomed = || self.slots.borrow().iter().any(|slot| slot.process.id == process.id && slot.is_doomed);
        if is_killed || is_doomed() {
            self.say(|| format!("{process:?} is killed"));
            resume_unwind(Box::new(Killed));
        }
    }

    /// A process stands still: SIGSTOP, a slow disk, a machine that swaps. The others go on, and may find it dead.
    fn stall(self: &Rc<Self>, process: Process) {
        self.depth.set(self.depth.get() + 1);
        self.say(|| format!("{process:?} stands still"));
        self.set_stopped(process.id, true);
        let (turns, is_long) = (1 + self.below(40), self.below(2) == 0);
        for _ in 0..turns {
            let pause =
                if is_long { self.random.borrow_mut().between(0, 1_500) } else { self.random.borrow_mut().between(0, 60) };
            self.advance(Duration::from_millis(pause.unsigned_abs()));
            if self.below(4) == 0 {
                self.produce();
            }
            self.step_any();
        }
        self.set_stopped(process.id, false);
        self.depth.set(self.depth.get() - 1);
        self.say(|| format!("{process:?} goes on"));
    }

    /// Customers do something.
    pub(super) fn produce(&self) {
        for _ in 0..=self.below(4) {
            let (partition, record) = self.workload.borrow_mut().record(self.broker_wall());
            let record = self.schemas.framed(record);
            let producer = self.upstream.get().filter(|_| self.below(2) == 0);
            let mut broker = self.broker.borrow_mut();
            // it may have timed out
            let add = |producer| broker.transactions.add(producer, Topic::Touchpoints, partition, self.now.get()).ok();
            let transaction = producer.and_then(add);
            broker.log_mut(Topic::Touchpoints, partition).append(record, transaction, self.now.get());
        }
    }

    /// Some producers of the input use transactions of their own, and not all of them end well.
    pub(super) fn upstream(&self, begins: bool) {
        let mut broker = self.broker.borrow_mut();
        match self.upstream.take() {
            Some(producer) => {
                let is_commit = self.below(3) > 0;
                let _ = broker.transactions.end(producer, is_commit);
                while broker.write_marker(Some(producer), 0) {}
            }
            None if begins => self.upstream.set(Some(broker.transactions.init("upstream"))),
            None => {}
        }
    }

    pub(super) fn set_stopped(&self, id: u64, is_stopped: bool) {
        self.slots.borrow_mut().iter_mut().filter(|slot| slot.process.id == id).for_each(|slot| slot.is_stopped = is_stopped);
    }

    /// A process waits; its own threads go on, and so does everybody else.
    pub(super) fn wait(self: &Rc<Self>, process: Process, duration: Duration) {
        self.advance(duration);
        if self.depth.get() < MAX_DEPTH && !self.is_calm.get() && self.below(4) == 0 {
            self.depth.set(self.depth.get() + 1);
            self.step_any();
            self.depth.set(self.depth.get() - 1);
            self.live_on(process, false);
        }
    }

    /// Time passes. Processes that are not stopped keep their places in the group.
    pub(super) fn advance(&self, duration: Duration) {
        let until = self.now.get() + duration;
        while self.now.get() < until {
            self.now.set(until.min(self.now.get() + HEARTBEAT));
            self.schemas.pass(self.now.get());
            let ids: Vec<u64> =
                self.slots.borrow().iter().filter(|s| s.is_alive && !s.is_stopped).map(|s| s.process.id).collect();
            self.depot.borrow_mut().pass(&self.disks.borrow(), |id| ids.contains(&id));
            ids.into_iter().for_each(|id| self.work(id));
            let looks = self.is_calm.get() || self.below(4) == 0;
            let mut broker = self.broker.borrow_mut();
            broker.pass(self.now.get(), looks);
            while self.below(3) > 0 && broker.write_marker(None, self.below(8)) {}
        }
    }

    /// A process' own threads exchange a word with the coordinator.
    fn work(&self, id: u64) {
        let client = self.clients.borrow().get(&id).cloned();
        let is_away = !self.is_calm.get() && self.now.get() < self.is_away_until.get();
        let Some(client) = client else { return };
        let mut client = client.borrow_mut();
        let mut random = self.clients_random.borrow_mut();
        let before = client.membership.clone();
        if is_away {
            client.miss(self.now.get());
            client.is_deaf |= random.below(10_000) < self.deafness;
        } else {
            client.work(&mut self.broker.borrow_mut().group, self.now.get(), &mut random);
        }
        if client.membership != before {
            self.say(|| format!("process {id} is {:?}", client.membership));
        }
    }

    /// One turn of any process that can take one.
    pub(super) fn step_any(self: &Rc<Self>) {
        let slots = self.slots.borrow();
        let ready: Vec<usize> =
            (0..slots.len()).filter(|place| slots[*place].shard.is_some() && !slots[*place].is_stopped).collect();
        drop(slots);
        if !ready.is_empty() {
            self.step(ready[self.below(ready.len())]);
        }
    }

    /// One turn of a process.
    pub(super) fn step(self: &Rc<Self>, place: usize) {
        let Some(mut shard) = self.slots.borrow_mut()[place].shard.take() else { return };
        let process = self.slots.borrow()[place].process;
        let turned = self.survive(process, || shard.step().map(|()| shard));
        if let Some(shard) = turned {
            self.slots.borrow_mut()[place].shard = Some(shard);
        }
    }

    /// Ends a process as SIGTERM does.
    pub(super) fn stop(self: &Rc<Self>, place: usize) {
        let Some(shard) = self.slots.borrow_mut()[place].shard.take() else { return };
        let process = self.slots.borrow()[place].process;
        if self.survive(process, || shard.stop()).is_some() {
            self.bury(process);
        }
    }

    /// Kills a process: between two turns, or where it stands still.
    pub(super) fn kill(&self, place: usize) {
        let shard = self.slots.borrow_mut()[place].shard.take();
        match shard {
            Some(shard) => {
                drop(shard);
                let process = self.slots.borrow()[place].process;
                self.say(|| format!("{process:?} is killed"));
                self.bury(process);
            }
            None => self.slots.borrow_mut()[place].is_doomed = true,
        }
    }

    /// Runs a part of a process' life. None: it did not survive.
    pub(super) fn survive<T>(self: &Rc<Self>, process: Process, live: impl FnOnce() -> Result<T, WorkerError>) -> Option<T> {
        let depth = self.depth.get();
        let lived = catch_unwind(AssertUnwindSafe(live));
        self.depth.set(depth);
        match lived {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => {
                self.say(|| format!("{process:?} ends: {error}"));
                judge::check(self, process, &error);
            }
            Err(payload) if payload.is::<Killed>() => {}
            Err(payload) => resume_unwind(payload),
        }
        self.bury(process);
        None
    }

    fn bury(&self, process: Process) {
        if let Some(client) = self.clients.borrow_mut().remove(&process.id) {
            client.borrow_mut().is_closed = true;
        }
        let mut slots = self.slots.borrow_mut();
        for slot in slots.iter_mut().filter(|slot| slot.process.id == process.id) {
            slot.is_alive = false;
            self.ledger.borrow_mut().take_counts(&slot.shared.metrics);
        }
    }

    /// A worker's transaction is committed: from here on it can be seen.
    pub(super) fn decided(&self, process: Process, decided: &Decided) {
        self.say(|| format!("{process:?} has committed {decided:?}"));
        let mut broker = self.broker.borrow_mut();
        self.ledger.borrow_mut().decided(&mut broker, process.id, decided);
    }

    /// The store must never be ahead of the commit.
    pub(super) fn check_checkpoint(&self, process: Process, partition: i32, entries: &Rc<Entries>) {
        let meta = disk::meta(entries).expect("a checkpoint says what it is one of");
        self.say(|| format!("{process:?} saves partition {partition}: {meta:?}"));
        let broker = self.broker.borrow();
        self.ledger.borrow_mut().check_checkpoint(broker.log(Topic::Touchpoints, partition), partition, &meta);
    }
}
