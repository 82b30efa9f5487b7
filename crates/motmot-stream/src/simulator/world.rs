//! The port to the model: what a shard is given instead of Kafka, RocksDB and time.
//!
//! Every call that does something goes through [`Simulation::disturb`] before and after: there the process may be killed, or stand still
//! while all others go on.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use motmot_core::Timestamp;
use motmot_store::{Store, StoreError};

use super::broker::{Membership, Topic};
use super::client::Client;
use super::consumer::SimGroup;
use super::disk::Disk;
use super::producer::SimProducer;
use super::simulation::Simulation;
use super::snapshots::SimSnapshots;
use crate::error::WorkerError;
use crate::port::{Answer, Failure, World};
use crate::strategies::Contents;

/// One life of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    /// Never used again.
    pub(super) id: u64,
    /// Whose disk it has.
    pub(super) machine: usize,
}

pub(super) struct Sim {
    pub(super) simulation: Rc<Simulation>,
    pub(super) process: Process,
}

pub(super) fn failure(answer: Answer, detail: &str) -> Failure {
    Failure { answer, detail: detail.to_owned() }
}

pub(super) fn out_of_reach() -> Failure {
    failure(Answer::Retry, "the broker is out of reach")
}

impl Sim {
    fn ask<T>(&self, of: impl FnOnce(&Simulation) -> T) -> Result<T, Failure> {
        self.simulation.disturb(self.process);
        let answer = match self.simulation.mishap() {
            Some(_) => Err(out_of_reach()),
            None => Ok(of(&self.simulation)),
        };
        self.simulation.disturb(self.process);
        answer
    }
}

impl World for Sim {
    type Group = SimGroup;
    type Producer = SimProducer;
    type Membership = Membership;
    type Entries = Disk;
    type Snapshots = SimSnapshots;

    fn join(&self, member: &str) -> Result<SimGroup, WorkerError> {
        self.simulation.disturb(self.process);
        let client = Rc::new(RefCell::new(Client::new(member)));
        self.simulation.clients.borrow_mut().insert(self.process.id, Rc::clone(&client));
        Ok(SimGroup::new(&self.simulation, self.process, client))
    }

    fn producer(&self, member: &str) -> Result<SimProducer, WorkerError> {
        Ok(SimProducer::new(&self.simulation, self.process, member))
    }

    fn log_starts(&self, numbers: &[i32], _: Duration) -> Result<Vec<(i32, i64)>, Failure> {
        let of = |number: &i32| (*number, self.simulation.broker.borrow().log(Topic::Touchpoints, *number).start());
        self.ask(|_| numbers.iter().map(of).collect())
    }

    fn log_ends(&self, numbers: &[i32], _: Duration) -> Result<Vec<(i32, i64)>, Failure> {
        let of = |number: &i32| (*number, self.simulation.broker.borrow().log(Topic::Touchpoints, *number).end());
        self.ask(|_| numbers.iter().map(of).collect())
    }

    fn open_store(&self, number: i32) -> Result<Store<Disk>, StoreError> {
        self.simulation.disturb(self.process);
        Disk::open(&self.simulation, self.process, number)
    }

    fn give_up_store(&self, number: i32) -> Result<(), StoreError> {
        self.simulation.disturb(self.process);
        self.simulation.disks.borrow_mut().remove(&(self.process.machine, number));
        Ok(())
    }

    fn snapshots(&self, number: i32) -> SimSnapshots {
        SimSnapshots::new(&self.simulation, self.process, number)
    }

    fn strategies(&self) -> Result<Contents, WorkerError> {
        self.simulation.disturb(self.process);
        let broker = self.simulation.broker.borrow();
        let mut contents = Contents::default();
        for (_, record) in broker.log(Topic::Strategies, 0).committed() {
            let text = |bytes: &Option<Rc<[u8]>>| bytes.as_deref().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
            contents.take(&text(&record.key).unwrap_or_default(), text(&record.value).as_deref());
        }
        let log = broker.log(Topic::Strategies, 0);
        contents.is_whole = log.last_stable() >= log.end();
        Ok(contents)
    }

    fn elapsed(&self) -> Duration {
        self.simulation.elapsed()
    }

    fn now(&self) -> Timestamp {
        self.simulation.wall(self.process)
    }

    fn sleep(&self, duration: Duration) {
        self.simulation.disturb(self.process);
        self.simulation.wait(self.process, duration);
    }
}
