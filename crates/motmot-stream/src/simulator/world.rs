//! The port to the model: what a shard is given instead of Kafka, RocksDB and time.
//!
//! Every call that does something goes through [`Simulation::disturb`] before and after: there the process may be killed, or stand still
//! while all others go on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use motmot_core::Timestamp;
use motmot_store::{Store, StoreError};

use super::broker::{Denied, Membership, ProducerId, Seen, Stored, Topic};
use super::client::Client;
use super::disk::Disk;
use super::simulation::{Mishap, Simulation};
use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::port::{Answer, Failure, Group, Headers, Message, Producer, Rebalance, Record, RecordError, World};
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

fn failure(answer: Answer, detail: &str) -> Failure {
    Failure { answer, detail: detail.to_owned() }
}

fn out_of_reach() -> Failure {
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

    fn join(&self, member: &str) -> Result<SimGroup, WorkerError> {
        self.simulation.disturb(self.process);
        let client = Rc::new(RefCell::new(Client::new(member)));
        self.simulation.clients.borrow_mut().insert(self.process.id, Rc::clone(&client));
        Ok(SimGroup { simulation: Rc::clone(&self.simulation), process: self.process, client })
    }

    fn producer(&self, member: &str) -> Result<SimProducer, WorkerError> {
        Ok(SimProducer {
            simulation: Rc::clone(&self.simulation),
            process: self.process,
            name: member.to_owned(),
            id: Cell::new(None),
            unsent: RefCell::default(),
            failed: RefCell::default(),
        })
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

    fn strategies(&self) -> Result<Contents, WorkerError> {
        self.simulation.disturb(self.process);
        let broker = self.simulation.broker.borrow();
        let mut contents = Contents::default();
        for (_, record) in broker.log(Topic::Strategies, 0).committed() {
            let text = |bytes: &Option<Rc<[u8]>>| bytes.as_deref().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
            contents.take(&text(&record.key).unwrap_or_default(), text(&record.value).as_deref());
        }
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

pub(super) struct SimGroup {
    simulation: Rc<Simulation>,
    process: Process,
    client: Rc<RefCell<Client>>,
}

impl Group for SimGroup {
    type Membership = Membership;

    fn poll(&mut self) -> Result<(), Interrupt> {
        self.simulation.disturb(self.process);
        if self.client.borrow().is_fenced {
            let member = self.client.borrow().membership.instance.clone();
            let detail = "another member has this name".to_owned();
            return Err(Interrupt::End(WorkerError::Fatal { member, doing: "reading the topic", detail }));
        }
        Ok(())
    }

    fn next_rebalance(&mut self) -> Option<Rebalance> {
        self.client.borrow_mut().next_rebalance()
    }

    fn put_back(&mut self, rebalance: Rebalance) {
        self.client.borrow_mut().put_back(rebalance);
    }

    fn is_lost(&self) -> bool {
        self.client.borrow().is_lost
    }

    fn assign(&mut self, from: &[(i32, i64)]) -> Result<(), Failure> {
        self.simulation.disturb(self.process);
        let mut client = self.client.borrow_mut();
        client.positions.extend(from.iter().copied());
        client.answer();
        Ok(())
    }

    fn unassign(&mut self, numbers: &[i32]) -> Result<(), Failure> {
        self.simulation.disturb(self.process);
        let mut client = self.client.borrow_mut();
        client.positions.retain(|number, _| !numbers.contains(number));
        client.answer();
        Ok(())
    }

    fn discard_fetched(&mut self) -> Result<(), Interrupt> {
        Ok(())
    }

    fn take(&mut self, wait: Duration, mut visit: impl FnMut(Result<Record<'_>, RecordError>)) -> bool {
        self.simulation.disturb(self.process);
        let (mut fetched, mut is_all) = self.fetch();
        if fetched.is_empty() {
            self.simulation.wait(self.process, wait);
            (fetched, is_all) = self.fetch();
        }
        for record in &fetched {
            visit(match record {
                Ok((partition, offset, stored)) => Ok(Record {
                    partition: *partition,
                    offset: *offset,
                    timestamp: stored.timestamp,
                    key: stored.key.as_deref(),
                    value: stored.value.as_deref(),
                    headers: stored,
                }),
                Err(error) => Err(error.clone()),
            });
        }
        is_all
    }

    fn positions(&self) -> Option<Vec<(i32, i64)>> {
        self.simulation.disturb(self.process);
        let client = self.client.borrow();
        let broker = self.simulation.broker.borrow();
        let behind_markers = |(number, position): (&i32, &i64)| {
            let log = broker.log(Topic::Touchpoints, *number);
            let is_nothing = |offset: &i64| matches!(log.at(*offset), Some(Seen::Nothing));
            let passed = (*position..).take_while(is_nothing).count();
            (*number, *position + i64::try_from(passed).unwrap())
        };
        Some(client.positions.iter().map(behind_markers).collect())
    }

    fn high_watermark(&self, number: i32) -> Option<i64> {
        self.client.borrow().watermarks.get(&number).copied()
    }

    fn committed(&self, numbers: &[i32]) -> Result<Vec<(i32, i64, Option<String>)>, Failure> {
        self.simulation.disturb(self.process);
        let broker = self.simulation.broker.borrow();
        if self.simulation.mishap().is_some() || numbers.iter().any(|number| broker.transactions.is_unstable(*number)) {
            return Err(failure(Answer::Retry, "offsets are not stable"));
        }
        let of = |number: &i32| broker.offsets.get(number).map(|(offset, text)| (*number, *offset, Some(text.clone())));
        Ok(numbers.iter().filter_map(of).collect())
    }

    fn membership(&self) -> Option<Membership> {
        self.simulation.disturb(self.process);
        Some(self.client.borrow().membership.clone())
    }

    fn is_member(membership: &Membership) -> bool {
        membership.generation >= 0
    }

    fn close(&mut self) {
        self.client.borrow_mut().is_closed = true;
    }
}

type Fetched = Vec<Result<(i32, i64, Stored), RecordError>>;

impl SimGroup {
    /// A few records, and whether nothing more lies ready.
    fn fetch(&self) -> (Fetched, bool) {
        let broker = self.simulation.broker.borrow();
        let mut random = self.simulation.random.borrow_mut();
        let mut client = self.client.borrow_mut();
        let Client { positions, watermarks, .. } = &mut *client;
        let (mut fetched, mut left) = (Vec::new(), 1 + random.below(8));
        let mut is_all = true;
        for (number, position) in positions {
            let log = broker.log(Topic::Touchpoints, *number);
            watermarks.insert(*number, log.end());
            if *position < log.start() {
                let detail = "the log no longer has the next offset".to_owned();
                fetched.push(Err(RecordError::Lasting { partition: *number, detail }));
                continue;
            }
            // what was fetched before the partition was assigned anew
            let again = if random.per_mille(self.simulation.rates.refetch) { random.between(1, 4) } else { 0 };
            let mut offset = (*position - again).max(log.start());
            while let Some(seen) = log.at(offset) {
                if left == 0 {
                    is_all = false;
                    break;
                }
                if let Seen::Record(record) = seen {
                    fetched.push(Ok((*number, offset, record.clone())));
                    left -= 1;
                    *position = (*position).max(offset + 1);
                }
                offset += 1;
            }
        }
        (fetched, is_all)
    }
}

impl Headers for Stored {
    fn each<'m>(&'m self, visit: &mut dyn FnMut(&str, Option<&'m [u8]>)) {
        self.headers.iter().for_each(|(name, value)| visit(name, value.as_deref()));
    }
}

pub(super) struct SimProducer {
    simulation: Rc<Simulation>,
    process: Process,
    name: String,
    id: Cell<Option<ProducerId>>,
    unsent: RefCell<Vec<(Topic, i32, Stored)>>,
    /// librdkafka's state: nothing but an abort, or nothing at all, is possible.
    failed: RefCell<Option<Failure>>,
}

impl SimProducer {
    fn id(&self) -> ProducerId {
        self.id.get().expect("a producer is not used before it is started")
    }

    fn fail(&self, failure: Failure) -> Failure {
        self.failed.borrow_mut().get_or_insert(failure).clone()
    }

    fn deny(&self, denied: Denied) -> Failure {
        self.fail(failure(Answer::Give, &format!("{denied:?}")))
    }

    /// The markers of the transaction before come first.
    fn catch_up(&self) {
        while self.simulation.broker.borrow_mut().write_marker(Some(self.id()), 0) {}
    }

    fn deliver(&self) -> Result<(), Failure> {
        if let Some(failed) = &*self.failed.borrow() {
            return Err(failed.clone());
        }
        let unsent = std::mem::take(&mut *self.unsent.borrow_mut());
        for (topic, partition, record) in unsent {
            self.catch_up();
            let now = self.simulation.elapsed();
            let mut broker = self.simulation.broker.borrow_mut();
            let transaction = broker.transactions.add(self.id(), topic, partition, now).map_err(|denied| self.deny(denied))?;
            let (key, value) = (record.key.clone(), record.value.clone());
            broker.log_mut(topic, partition).append(record, Some(transaction), now);
            self.simulation.ledger.borrow_mut().wrote(transaction, topic, partition, key, value);
        }
        Ok(())
    }

    /// What may go wrong with a call before it does anything.
    fn before(&self) -> Result<Option<Mishap>, Failure> {
        self.simulation.disturb(self.process);
        if let Some(failed) = &*self.failed.borrow() {
            return Err(failed.clone());
        }
        match self.simulation.mishap() {
            Some(Mishap::Before) => Err(out_of_reach()),
            Some(Mishap::Abort) => Err(self.fail(failure(Answer::Abort, "the transaction must be aborted"))),
            Some(Mishap::Give) => Err(self.fail(failure(Answer::Give, "the client has a fatal error"))),
            mishap => Ok(mishap),
        }
    }

    fn after(&self, mishap: Option<Mishap>) -> Result<(), Failure> {
        self.simulation.disturb(self.process);
        if mishap.is_some() { Err(out_of_reach()) } else { Ok(()) }
    }
}

impl Producer for SimProducer {
    type Membership = Membership;

    fn init(&self) -> Result<(), Failure> {
        let mishap = self.before()?;
        let id = self.simulation.broker.borrow_mut().transactions.init(&self.name);
        self.id.set(Some(id));
        self.catch_up();
        self.after(mishap)
    }

    fn begin(&self) -> Result<(), Failure> {
        self.failed.borrow().clone().map_or(Ok(()), Err)
    }

    fn send(&self, message: Message<'_>) -> Result<(), Failure> {
        if let Some(failed) = &*self.failed.borrow() {
            // librdkafka says by the abort which way it failed
            return Err(failure(Answer::Abort, &failed.detail));
        }
        let record = Stored {
            timestamp: self.simulation.broker_wall(),
            key: message.key.map(Rc::from),
            value: message.value.map(Rc::from),
            headers: message.headers.iter().map(|(name, value)| ((*name).to_owned(), value.map(<[u8]>::to_vec))).collect(),
        };
        let topic = self.simulation.topic(message.topic);
        self.unsent.borrow_mut().push((topic, message.partition, record));
        if self.simulation.random.borrow_mut().per_mille(200) {
            self.simulation.disturb(self.process);
            // a delivery that fails is told by the next call
            let _ = self.deliver();
        }
        Ok(())
    }

    fn flush(&self, _: Duration) -> Result<(), Failure> {
        // librdkafka's flush ends when nothing is on its way, delivered or not
        self.simulation.disturb(self.process);
        let _ = self.deliver();
        Ok(())
    }

    fn send_offsets(&self, offsets: &[(i32, i64, String)], membership: &Membership) -> Result<(), Failure> {
        let mishap = self.before()?;
        if offsets.is_empty() {
            return self.after(mishap);
        }
        self.catch_up();
        {
            let now = self.simulation.elapsed();
            let mut broker = self.simulation.broker.borrow_mut();
            if !broker.group.accepts(membership) && !planted!(ZombieCommit) {
                return Err(self.fail(failure(Answer::Abort, "the group's generation is another one")));
            }
            broker.transactions.add_offsets(self.id(), offsets, now).map_err(|denied| self.deny(denied))?;
        }
        self.after(mishap)
    }

    fn commit(&self) -> Result<(), Failure> {
        let mishap = self.before()?;
        self.deliver()?;
        let decided = self.simulation.broker.borrow_mut().transactions.end(self.id(), true);
        if let Some(decided) = decided.map_err(|denied| self.deny(denied))? {
            self.simulation.decided(self.process, &decided);
        }
        self.after(mishap)?;
        self.simulation.ledger.borrow_mut().answered(self.process.id);
        Ok(())
    }

    fn abort(&self) -> Result<(), Failure> {
        self.simulation.disturb(self.process);
        self.failed.borrow_mut().take_if(|failed| failed.answer == Answer::Abort);
        if let Some(failed) = &*self.failed.borrow() {
            return Err(failed.clone());
        }
        if self.simulation.mishap().is_some() {
            return Err(out_of_reach());
        }
        self.unsent.borrow_mut().clear();
        let aborted = self.simulation.broker.borrow_mut().transactions.end(self.id(), false);
        aborted.map_err(|denied| self.deny(denied))?;
        self.after(None)
    }
}
