//! A member's place in the model's group, and what it reads there.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::broker::{Membership, Seen, Stored, Topic};
use super::client::Client;
use super::simulation::Simulation;
use super::world::{Process, failure};
use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::port::{Answer, Failure, Group, Headers, Rebalance, Record, RecordError};

pub(super) struct SimGroup {
    simulation: Rc<Simulation>,
    process: Process,
    client: Rc<RefCell<Client>>,
}

impl SimGroup {
    pub(super) fn new(simulation: &Rc<Simulation>, process: Process, client: Rc<RefCell<Client>>) -> Self {
        Self { simulation: Rc::clone(simulation), process, client }
    }
}

impl Group for SimGroup {
    type Membership = Membership;

    fn poll(&mut self) -> Result<(), Interrupt> {
        self.simulation.disturb(self.process);
        if self.client.borrow().is_fenced {
            let member = self.client.borrow().membership.instance.clone();
            return Err(Interrupt::End(WorkerError::NameTaken { member }));
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
        for &(number, offset) in from {
            client.read_from(number, offset);
        }
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

    fn rest(&mut self, number: i32, offset: i64) -> Result<(), Failure> {
        self.simulation.disturb(self.process);
        let mut client = self.client.borrow_mut();
        client.positions.insert(number, offset);
        if self.simulation.mishap().is_some() {
            return Err(failure(Answer::Retry, "it could not be told to rest"));
        }
        client.positions.remove(&number);
        client.resting.insert(number, offset);
        Ok(())
    }

    fn resume(&mut self, number: i32) -> Result<(), Failure> {
        self.simulation.disturb(self.process);
        let mut client = self.client.borrow_mut();
        if let Some(offset) = client.resting.remove(&number) {
            client.read_from(number, offset);
        }
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

    fn committed(&self, numbers: &[i32], _: Duration) -> Result<Vec<(i32, i64, Option<String>)>, Failure> {
        self.simulation.disturb(self.process);
        let broker = self.simulation.broker.borrow();
        let is_silent = self.client.borrow().is_deaf || self.simulation.mishap().is_some();
        if is_silent || numbers.iter().any(|number| broker.transactions.is_unstable(*number)) {
            return Err(failure(Answer::Retry, "offsets are not stable"));
        }
        let mut depot = self.simulation.depot.borrow_mut();
        numbers.iter().for_each(|number| depot.told(self.process, *number, broker.committed(*number)));
        let of = |number: &i32| broker.committed(*number).map(|(offset, text)| (*number, *offset, Some(text.clone())));
        Ok(numbers.iter().filter_map(of).collect())
    }

    fn membership(&self) -> Option<Membership> {
        self.simulation.disturb(self.process);
        Some(self.client.borrow().membership.clone())
    }

    fn is_member(membership: &Membership) -> bool {
        membership.member.is_some() && membership.generation >= 0
    }

    fn close(self) {
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
        if client.is_deaf {
            return (Vec::new(), true);
        }
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
