//! A transactional producer of the model: it sends when it likes, and fails as librdkafka does.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::broker::{Denied, Membership, ProducerId, Stored, Topic};
use super::simulation::{Mishap, Simulation};
use super::world::{Process, failure, out_of_reach};
use crate::port::{Answer, Failure, Message, Producer};

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
    pub(super) fn new(simulation: &Rc<Simulation>, process: Process, name: &str) -> Self {
        Self {
            simulation: Rc::clone(simulation),
            process,
            name: name.to_owned(),
            id: Cell::new(None),
            unsent: RefCell::default(),
            failed: RefCell::default(),
        }
    }

    fn id(&self) -> ProducerId {
        self.id.get().expect("a producer is not used before it is started")
    }

    fn fail(&self, failure: Failure) -> Failure {
        self.failed.borrow_mut().get_or_insert(failure).clone()
    }

    fn deny(&self, denied: Denied) -> Failure {
        self.fail(failure(Answer::Renew, &format!("{denied:?}")))
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
            Some(Mishap::Give) => Err(self.fail(failure(Answer::Renew, "the client has a fatal error"))),
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
        self.simulation.ledger.borrow_mut().gave_up(self.process.id);
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
            if broker.group.is_replaced(membership) && !planted!(ZombieCommit) {
                return Err(self.fail(failure(Answer::Cede, "the group knows another member by this name")));
            }
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
