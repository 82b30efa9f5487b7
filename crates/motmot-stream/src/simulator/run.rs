//! A run from its seed to its verdict.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use motmot_core::Timestamp;
use motmot_store::Origin;
use motmot_wire::{Reader, Writer};
use prometheus::Registry;

use super::broker::{Stored, Topic};
use super::random::Random;
use super::schemas::Heard;
use super::simulation::{Simulation, Slot};
use super::strategies;
use super::workload::PARTITIONS;
use super::world::{Process, Sim};
use crate::config::WorkerConfig;
use crate::metadata::CommitMetadata;
use crate::metrics::Metrics;
use crate::shard::{Shard, Standing};
use crate::strategies::{Current, Loaded, text_key};
use crate::worker::{Health, Shared, Shutdown};

/// Turns of the loop, before all faults cease.
const TURNS: usize = 500;
/// After these everything must be settled.
const MAX_CALM_TURNS: usize = 3_000;
/// Machines, and as many names.
const MACHINES: usize = 3;

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    pub(super) commits: u64,
    pub(super) processes: u64,
    /// Snapshots that were put in a store's place.
    pub(super) restored: u64,
    /// Retention took what was needed: the worker refused, as it should.
    pub(super) is_refused: bool,
}

/// Runs a seed; panics if a law is broken.
pub(super) fn run(seed: u64) -> Outcome {
    let mut run = Run::new(seed);
    for _ in 0..TURNS {
        run.turn();
    }
    run.settle()
}

struct Run {
    simulation: Rc<Simulation>,
    /// The run's own.
    random: Random,
    processes: u64,
    retained: BTreeSet<i32>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let simulation = Simulation::new(seed, PARTITIONS, MACHINES);
        let known = strategies::all().iter().map(|loaded| (loaded.id, Arc::clone(&loaded.strategy))).collect();
        simulation.ledger.borrow_mut().strategies = known;
        let mut run = Self {
            simulation: Rc::clone(&simulation),
            random: Random::new(seed ^ 0x00ac_7104),
            processes: 0,
            retained: BTreeSet::new(),
        };
        let names = 1 + run.random.below(MACHINES);
        for name in 0..names {
            run.start(name, name);
        }
        run
    }

    /// Starts a worker of this name.
    fn start(&mut self, name: usize, machine: usize) {
        self.processes += 1;
        let process = Process { id: self.processes, machine };
        let loaded = strategies::copy(self.random.pick(strategies::all()));
        self.publish(&loaded);
        let mut config = WorkerConfig::new("simulated", format!("w{name}"));
        config.shards = 1;
        let interval = |random: &mut Random, values: &[u64]| Duration::from_millis(*random.pick(values));
        config.commit_interval = interval(&mut self.random, &[20, 200, 1_000]);
        config.checkpoint_interval = interval(&mut self.random, &[10, 500, 10_000]);
        config.tick_interval = interval(&mut self.random, &[50, 200, 5_000]);
        config.checkpoint_records = *self.random.pick(&[3, 20, 500_000]);
        config.max_hot_cycles = *self.random.pick(&[1, 12, 200_000]);
        let metrics = Metrics::register(&Registry::new()).unwrap();
        #[allow(clippy::arc_with_non_send_sync, reason = "a shard has an Arc of it, and here all shards have one thread")]
        let shared = Arc::new(Shared {
            world: Sim { simulation: Rc::clone(&self.simulation), process },
            strategy: Current::new(loaded),
            reader: Reader::new().with_registry(Heard::nothing_yet(&self.simulation.schemas)),
            writer: Writer::new(),
            health: Arc::new(Health::new(1, &metrics)),
            metrics,
            stop: Shutdown::new(),
            partitions: PARTITIONS,
            topic_id: "simulated".to_owned(),
            config,
        });
        let name = format!("w{name}");
        self.simulation.say(|| format!("{process:?} starts as {name}"));
        let slot =
            Slot { process, name, shared: Arc::clone(&shared), shard: None, is_alive: true, is_doomed: false, is_stopped: false };
        self.simulation.slots.borrow_mut().push(slot);
        let place = self.simulation.slots.borrow().len() - 1;
        if let Some(shard) = self.simulation.survive(process, || Shard::start(&shared, 0)) {
            self.simulation.slots.borrow_mut()[place].shard = Some(shard);
        }
    }

    /// A text is in the topic before anything rests on it.
    fn publish(&self, loaded: &Loaded) {
        let bytes = |text: &str| Some(Rc::from(text.as_bytes()));
        let (key, value) = (bytes(&text_key(loaded.id)), bytes(&loaded.text));
        let record = Stored { timestamp: self.simulation.broker_wall(), key, value, headers: Rc::default() };
        self.simulation.broker.borrow_mut().log_mut(Topic::Strategies, 0).append(record, None, self.simulation.elapsed());
    }

    fn alive(&self) -> Vec<usize> {
        let slots = self.simulation.slots.borrow();
        (0..slots.len()).filter(|place| slots[*place].shard.is_some()).collect()
    }

    fn turn(&mut self) {
        match self.random.below(20) {
            0..13 => self.simulation.step_any(),
            13..16 => self.simulation.produce(),
            16..18 => {
                let pause = *self.random.pick(&[1, 10, 50, 200, 200, 1_000, 1_000, 4_000, 20_000]);
                self.simulation.advance(Duration::from_millis(pause));
            }
            18 => self.quiet_hour(),
            _ => self.simulation.upstream(true),
        }
        self.event();
    }

    /// Everybody works off what there is, and then nothing happens for a while: deadlines pass.
    fn quiet_hour(&mut self) {
        for _ in 0..self.random.below(12) {
            self.simulation.step_any();
            self.simulation.advance(Duration::from_millis(100));
        }
        let pause = *self.random.pick(&[8_000, 30_000, 100_000, 100_000, 400_000]);
        self.simulation.advance(Duration::from_millis(pause));
    }

    fn event(&mut self) {
        let rates = self.simulation.rates.event.clone();
        let random = &mut self.random;
        let mut happens = |rate: usize| random.per_mille(rate);
        let [start, stop, kill, machine, clock, swap] =
            [rates.start, rates.stop, rates.kill, rates.machine, rates.clock, rates.swap].map(&mut happens);
        let [sigstop, outage, disk, retention, expire, reset] =
            [rates.sigstop, rates.outage, rates.disk_full, rates.retention, rates.expire, rates.reset].map(&mut happens);
        let alive = self.alive();
        let any = (!alive.is_empty()).then(|| alive[self.random.below(alive.len())]);
        if start || alive.is_empty() && self.random.per_mille(300) {
            self.start_one();
        }
        match any {
            Some(place) if stop => self.simulation.stop(place),
            Some(place) if kill => self.simulation.kill(place),
            Some(place) if swap => self.swap(place),
            Some(place) if sigstop => self.sigstop(place),
            _ => {}
        }
        if machine {
            self.crash_machine();
        }
        if self.simulation.depot.borrow_mut().loses_disk() {
            self.lose_disk();
        }
        if self.simulation.depot.borrow_mut().is_given_up() {
            self.rebuild();
        }
        if clock {
            let place = self.random.below(MACHINES + 1);
            let skew = *self.random.pick(&[0, 0, -1, 500, -500, 30_000, -30_000, 200_000, -200_000]);
            self.simulation.skews.borrow_mut()[place] = skew;
        }
        let until = |random: &mut Random, seconds: i64| {
            self.simulation.elapsed() + Duration::from_millis(random.between(100, seconds * 1_000).unsigned_abs())
        };
        if outage {
            self.simulation.is_away_until.set(until(&mut self.random, 90));
            self.simulation.broker.borrow_mut().group.is_behind = true;
        }
        if disk {
            self.simulation.disk_fails_until.set(until(&mut self.random, 3));
        }
        if retention {
            self.retain();
        }
        if expire || reset {
            self.tamper(reset);
        }
        self.simulation.schemas.turn();
    }

    /// A worker of a name that is not at work, or, seldom, of one that is; on its own machine, or, seldom, on another.
    fn start_one(&mut self) {
        let name = self.random.below(MACHINES);
        let is_there = self.simulation.slots.borrow().iter().any(|slot| slot.is_alive && slot.name == format!("w{name}"));
        if is_there && !self.random.per_mille(100) {
            return;
        }
        let machine = if self.random.per_mille(150) { self.random.below(MACHINES) } else { name };
        self.start(name, machine);
    }

    fn swap(&mut self, place: usize) {
        let loaded = strategies::copy(self.random.pick(strategies::all()));
        self.publish(&loaded);
        self.simulation.slots.borrow()[place].shared.strategy.set(loaded);
    }

    fn sigstop(&mut self, place: usize) {
        let (id, is_stopped) = {
            let slots = self.simulation.slots.borrow();
            (slots[place].process.id, slots[place].is_stopped)
        };
        self.simulation.set_stopped(id, !is_stopped);
    }

    fn kill_all_of(&self, machine: usize) {
        let places: Vec<usize> = {
            let slots = self.simulation.slots.borrow();
            (0..slots.len()).filter(|place| slots[*place].process.machine == machine).collect()
        };
        places.into_iter().for_each(|place| self.simulation.kill(place));
    }

    /// A machine is replaced by one with an empty disk.
    fn lose_disk(&mut self) {
        let machine = self.random.below(MACHINES);
        self.kill_all_of(machine);
        self.simulation.disks.borrow_mut().retain(|(of, _), _| *of != machine);
    }

    /// A machine loses its power: its processes are gone, and what its disk was about to write.
    fn crash_machine(&mut self) {
        let machine = self.random.below(MACHINES);
        self.kill_all_of(machine);
        let lost = self.random.below(6);
        let mut disks = self.simulation.disks.borrow_mut();
        for ((of, _), folder) in disks.iter_mut() {
            if *of == machine {
                folder.lose(lost);
            } else if self.random.per_mille(300) {
                folder.sync();
            }
        }
    }

    /// Retention takes some of what is committed: up to the commit, which may be more than a store has.
    fn retain(&mut self) {
        let partition = i32::try_from(self.random.below(3)).unwrap();
        let mut broker = self.simulation.broker.borrow_mut();
        let Some((offset, _)) = broker.offsets.get(&partition).cloned() else { return };
        let start = self.random.between(0, offset + 1);
        broker.log_mut(Topic::Touchpoints, partition).retain_from(start);
        self.retained.insert(partition);
    }

    /// The group's offsets expire, or somebody sets them.
    fn tamper(&mut self, is_reset: bool) {
        let mut broker = self.simulation.broker.borrow_mut();
        // a group's offsets expire, and can be set, when it has no members
        if broker.group.names().next().is_some() || !broker.transactions.is_quiet() {
            return;
        }
        self.simulation.say(|| format!("the group's offsets {}", if is_reset { "are reset by hand" } else { "expire" }));
        self.simulation.ledger.borrow_mut().is_tampered = true;
        if is_reset {
            let partition = i32::try_from(self.random.below(3)).unwrap();
            if let Some((offset, metadata)) = broker.offsets.get_mut(&partition) {
                *offset = self.random.between(0, *offset + 1);
                metadata.clear();
            }
        } else {
            broker.offsets.clear();
        }
    }

    /// All workers are stopped, and a partition begins anew from what its log has, as `motmot rebuild` lets it. Stores and snapshots of before
    /// stay where nobody has looked.
    fn rebuild(&mut self) {
        self.alive().into_iter().for_each(|place| self.simulation.stop(place));
        self.simulation.advance(Duration::from_secs(60));
        let partition = i32::try_from(self.random.below(3)).unwrap();
        let rebuilt_ms = self.simulation.broker_wall();
        let mut broker = self.simulation.broker.borrow_mut();
        let is_at_rest = broker.group.names().next().is_none() && broker.transactions.is_quiet();
        if !is_at_rest || !broker.offsets.contains_key(&partition) {
            return;
        }
        let mut ledger = self.simulation.ledger.borrow_mut();
        for swap in &ledger.account(partition).swaps {
            let key = Some(Rc::from(swap.key().as_bytes()));
            let gone = Stored { timestamp: rebuilt_ms, key, value: None, headers: Rc::default() };
            broker.log_mut(Topic::Strategies, 0).append(gone, None, self.simulation.elapsed());
        }
        let origin = Origin { offset: broker.log(Topic::Touchpoints, partition).start(), rebuilt_ms };
        self.simulation.say(|| format!("partition {partition} is begun anew at {origin}"));
        broker.offsets.insert(partition, (origin.offset, CommitMetadata::anew(origin).encode()));
        self.simulation.depot.borrow_mut().set_aside(partition);
        ledger.rebuilt(partition, origin);
    }

    /// All faults cease, everything is worked off, and the laws of the end are held against it.
    fn settle(mut self) -> Outcome {
        self.calm_down();
        let mut is_refused = false;
        for round in 0..2 {
            let from = self.simulation.broker_wall();
            for turn in 0.. {
                assert!(turn < MAX_CALM_TURNS, "nothing settles: {}", self.words());
                if self.is_settled(from) {
                    break;
                }
                if self.alive().is_empty() {
                    is_refused |= turn > 0 || round > 0;
                    if is_refused && !self.retained.is_empty() || self.simulation.ledger.borrow().is_tampered {
                        return self.outcome(true);
                    }
                    self.start(0, 0);
                }
                self.alive().into_iter().for_each(|place| self.simulation.step(place));
                self.simulation.advance(Duration::from_millis(100));
                // a static member that restarts between the two steps of a cooperative rebalance leaves a partition without an owner
                if turn % 500 == 499 {
                    self.simulation.broker.borrow_mut().group.shake();
                }
            }
            if round == 0 {
                self.simulation.advance(Duration::from_secs(1_000));
            }
        }
        self.check();
        self.outcome(false)
    }

    fn calm_down(&mut self) {
        let latest = self.simulation.ledger.borrow().accounts.iter().filter_map(|a| Some(a.commit?.1.position.now)).max();
        self.simulation.is_calm.set(true);
        self.simulation.schemas.calm_down();
        self.simulation.calm_since.set(Some(self.processes + 1));
        self.simulation.skews.borrow_mut().iter_mut().for_each(|skew| *skew = 0);
        // every clock is past all that any process has ever read
        self.simulation.advance(Duration::from_secs(250));
        let behind = latest.map_or(0, |latest| latest.as_millis().saturating_sub(self.simulation.broker_wall()));
        self.simulation.advance(Duration::from_millis(u64::try_from(behind).unwrap_or(0)));
        self.simulation.upstream(false);
        let slots = self.simulation.slots.borrow().len();
        for place in 0..slots {
            let id = self.simulation.slots.borrow()[place].process.id;
            self.simulation.set_stopped(id, false);
        }
        // of two of one name the group lets one go: nobody has to be killed for it
        let last = strategies::all().first().unwrap();
        self.publish(last);
        for slot in self.simulation.slots.borrow().iter() {
            slot.shared.strategy.set(strategies::copy(last));
        }
    }

    fn standings(&self) -> Vec<Standing> {
        self.simulation.slots.borrow().iter().filter_map(|slot| slot.shard.as_ref()).flat_map(Shard::standings).collect()
    }

    fn is_settled(&self, from: i64) -> bool {
        let standings = self.standings();
        let broker = self.simulation.broker.borrow();
        let is_settled = |standing: &Standing| {
            standing.is_idle
                && standing.next >= broker.log(Topic::Touchpoints, standing.number).end()
                && standing.position.now > Timestamp::from_millis(from)
                && self
                    .simulation
                    .slots
                    .borrow()
                    .iter()
                    .any(|s| s.shard.is_some() && s.shared.strategy.get().id == standing.strategy)
        };
        let numbers: BTreeSet<i32> = standings.iter().map(|standing| standing.number).collect();
        let all = standings.len() == numbers.len() && i32::try_from(numbers.len()) == Ok(PARTITIONS);
        all && standings.iter().all(is_settled) && broker.transactions.is_quiet()
    }

    fn words(&self) -> String {
        let broker = self.simulation.broker.borrow();
        let logs: Vec<_> = (0..PARTITIONS).map(|n| (broker.log(Topic::Touchpoints, n).end(), broker.offsets.get(&n))).collect();
        let quiet = broker.transactions.is_quiet();
        format!("{:?}; logs and commits {logs:?}; transactions quiet: {quiet}; group {:?}", self.standings(), broker.group)
    }

    fn check(&self) {
        let broker = self.simulation.broker.borrow();
        for standing in self.standings() {
            self.simulation.ledger.borrow().check_tables(&broker, standing.number, standing.next, standing.position.now);
        }
        drop(broker);
        self.alive().into_iter().for_each(|place| self.simulation.kill(place));
        self.simulation.ledger.borrow().check_counts();
    }

    fn outcome(&self, is_refused: bool) -> Outcome {
        // what holds the simulation is held by it: a run ends with nothing left
        self.alive().into_iter().for_each(|place| self.simulation.kill(place));
        self.simulation.slots.borrow_mut().clear();
        self.simulation.clients.borrow_mut().clear();
        let (commits, restored) = (self.simulation.ledger.borrow().commits, self.simulation.depot.borrow().restored);
        Outcome { commits, processes: self.processes, restored, is_refused }
    }
}
