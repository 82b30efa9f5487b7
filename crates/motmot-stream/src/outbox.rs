//! What a shard says: rows of the tables and dead letters, each in the transaction that is open.

use std::sync::Arc;
use std::time::Duration;

use motmot_core::Moment;
use motmot_core::cycle::CycleRecord;
use motmot_core::engine::Sink;
use motmot_core::moment::MomentState;
use motmot_wire::evidence::EVIDENCE_HEADER;
use motmot_wire::{DeadLetter, Evidence, Writer, cycle_key};

use crate::client::FAILOVER;
use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::patience::Patience;
use crate::port::{Answer, Failure, Message, Producer, Record, World};
use crate::strategies::{self, SwapRecord};
use crate::worker::Shared;

/// How long each step of a transaction is waited for. Its coordinator aborts the transaction after as long, whatever still comes; and a
/// client that gives no answer for so long may never give one: librdkafka waits without end for a group coordinator that left the
/// cluster (confluentinc/librdkafka#5456 and #5511).
const PERSISTENCE: Duration = FAILOVER;
/// How long the start of transactions is waited for: what a predecessor left open ends first.
const STARTING: Duration = Duration::from_secs(60);
/// How long the producer may take for a flush before it is asked again.
const SLICE: Duration = Duration::from_millis(500);

/// A shard's transactional producer, with the rows of the open transaction.
pub(crate) struct Outbox<W: World> {
    shared: Arc<Shared<W>>,
    producer: W::Producer,
    member: String,
    writer: Writer,
    value: Vec<u8>,
    key: Vec<u8>,
    evidence: String,
    is_open: bool,
    told: Told,
    /// A sink cannot return an error: it lies here until the next look.
    failed: Option<Interrupt>,
}

/// What the open transaction holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) moments: u64,
    pub(crate) cycles: u64,
    /// Final rows of cycles that are in no customer's file.
    pub(crate) outside_customer_file: u64,
    /// Rows of cycles that had no room for all their lists.
    pub(crate) truncated: u64,
    /// (partition, the moment's own instant in ms) of moments that were raised, up to a bound: they are measured, not counted.
    pub(crate) raised: Vec<(i32, i64)>,
}

impl Told {
    const MAX_RAISED: usize = 1_000;

    /// Rows of both tables.
    pub(crate) fn rows(&self) -> u64 {
        self.moments + self.cycles
    }
}

impl<W: World> Outbox<W> {
    /// Connects, and ends whatever transaction a predecessor of the same name left open.
    pub(crate) fn open(shared: Arc<Shared<W>>, member: String) -> Result<Self, WorkerError> {
        let outbox = Self {
            producer: shared.world.producer(&member)?,
            writer: shared.writer.clone(),
            shared,
            member,
            value: Vec::new(),
            key: Vec::new(),
            evidence: String::new(),
            is_open: false,
            told: Told::default(),
            failed: None,
        };
        let starting = "starting its transactions";
        outbox.repeat(starting, STARTING, || outbox.producer.init()).map_err(|failure| match failure.answer {
            Answer::Retry => WorkerError::Unanswered { member: outbox.member.clone(), detail: format!("{starting}: {failure}") },
            Answer::Abort | Answer::Renew | Answer::Cede | Answer::Give => outbox.fatal(starting, failure.detail),
        })?;
        Ok(outbox)
    }

    /// The shard's name in the group and of its transactions.
    pub(crate) fn member(&self) -> &str {
        &self.member
    }

    /// What the open transaction holds.
    pub(crate) fn told(&self) -> &Told {
        &self.told
    }

    /// Whether a transaction is open.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Speaks for a partition; a silent voice drops all that it is told.
    pub(crate) fn voice(&mut self, partition: i32, is_silent: bool) -> Voice<'_, W> {
        Voice { outbox: self, partition, is_silent }
    }

    /// What went wrong within a sink.
    pub(crate) fn check(&mut self) -> Result<(), Interrupt> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Sends a record on as it came, with the reason why it could not be used.
    pub(crate) fn dead_letter(&mut self, record: Record<'_>, letter: &DeadLetter) -> Result<(), Interrupt> {
        let mut headers: Vec<(String, Option<&[u8]>)> = Vec::new();
        record.headers.each(&mut |name, value| {
            if !DeadLetter::is_own_header(name) {
                headers.push((name.to_owned(), value));
            }
        });
        let own = letter.headers();
        let foreign = headers.iter().map(|(name, value)| (name.as_str(), *value));
        let headers: Vec<(&str, Option<&[u8]>)> =
            foreign.chain(own.iter().map(|(name, value)| (*name, Some(value.as_slice())))).collect();
        self.begin()?;
        let Record { partition, key, value, .. } = record;
        self.send(Message { topic: &self.shared.config.topics.dead_letters, partition, key, value, headers: &headers })
    }

    /// Records where a strategy was swapped, in the transaction that commits it.
    pub(crate) fn swap(&mut self, swap: &SwapRecord) -> Result<(), Interrupt> {
        self.begin()?;
        let (key, value) = (swap.key(), swap.value());
        self.send(Message {
            topic: &self.shared.config.topics.strategies,
            partition: strategies::PARTITION,
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &[],
        })
    }

    fn begin(&mut self) -> Result<(), Interrupt> {
        if !self.is_open {
            self.persist("beginning a transaction", || self.producer.begin())?;
            self.is_open = true;
        }
        Ok(())
    }

    fn send(&self, message: Message<'_>) -> Result<(), Interrupt> {
        self.producer.send(message).map_err(|failure| self.judge("writing its outputs", failure))
    }

    /// Ends the transaction: outputs, offsets and what lies beside them become visible together.
    pub(crate) fn commit(&mut self, offsets: &[(i32, i64, String)], membership: &W::Membership) -> Result<Told, Interrupt> {
        self.begin()?;
        self.persist("flushing its outputs", || self.producer.flush(SLICE))?;
        self.persist("adding offsets to a transaction", || self.producer.send_offsets(offsets, membership))?;
        self.persist("committing a transaction", || self.producer.commit())?;
        self.is_open = false;
        Ok(std::mem::take(&mut self.told))
    }

    /// Lets the group's coordinator append to its log: the offset of a partition in a transaction that is aborted at once.
    ///
    /// A coordinator that has loaded its log answers from what was replicated when it had read it; what is replicated between that and its
    /// first listening for more it learns of with the next append (`CoordinatorRuntime` of Kafka 4.1). Seen after all brokers were lost at
    /// once: it told offsets from seconds before the last commit, and all since would have been told again.
    pub(crate) fn wake_coordinator(&mut self, number: i32, membership: &W::Membership) -> Result<(), Interrupt> {
        self.begin()?;
        let offset = [(number, 0, String::new())];
        self.persist("waking the group's coordinator", || self.producer.send_offsets(&offset, membership))?;
        self.abort()
    }

    /// Throws away what was said since the last commit.
    pub(crate) fn abort(&mut self) -> Result<(), Interrupt> {
        self.told = Told::default();
        self.failed = None;
        if !std::mem::take(&mut self.is_open) {
            return Ok(());
        }
        let aborting = "aborting a transaction";
        self.repeat(aborting, PERSISTENCE, || self.producer.abort()).map_err(|failure| match failure.answer {
            // An abort that wants an abort is none that can be had from this client.
            Answer::Abort => self.judge(aborting, Failure { answer: Answer::Renew, ..failure }),
            Answer::Retry | Answer::Renew | Answer::Cede | Answer::Give => self.judge(aborting, failure),
        })
    }

    /// Repeats what may be repeated, for as long as `bound`.
    fn repeat(&self, doing: &'static str, bound: Duration, mut call: impl FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
        let mut patience = Patience::new(&self.shared, &self.member, doing, bound);
        loop {
            let Err(failure) = call() else { return Ok(()) };
            if failure.answer != Answer::Retry || !patience.lasts(&failure) {
                return Err(failure);
            }
            self.shared.world.sleep(Duration::from_millis(20));
        }
    }

    fn persist(&self, doing: &'static str, call: impl FnMut() -> Result<(), Failure>) -> Result<(), Interrupt> {
        self.repeat(doing, PERSISTENCE, call).map_err(|failure| self.judge(doing, failure))
    }

    fn judge(&self, doing: &'static str, failure: Failure) -> Interrupt {
        match failure.answer {
            Answer::Abort => Interrupt::Aborted(format!("{doing}: {failure}")),
            // In both cases the outcome may be unknown: the broker says it to the next producer of this name.
            Answer::Renew => Interrupt::Spent(format!("{doing}: {failure}")),
            Answer::Retry => Interrupt::Stuck(format!("{doing}: {failure}")),
            Answer::Cede => Interrupt::End(WorkerError::NameTaken { member: self.member.clone() }),
            Answer::Give => Interrupt::End(self.fatal(doing, failure.detail)),
        }
    }

    fn fatal(&self, doing: &'static str, detail: String) -> WorkerError {
        WorkerError::Fatal { member: self.member.clone(), doing, detail }
    }
}

/// The topic of a row.
#[derive(Clone, Copy)]
enum Table {
    Moments,
    Cycles,
}

/// Speaks for one partition: what the engine tells goes to that partition's number in the output topics.
pub(crate) struct Voice<'o, W: World> {
    outbox: &'o mut Outbox<W>,
    partition: i32,
    is_silent: bool,
}

impl<W: World> Voice<'_, W> {
    /// Sends the row whose key and value were prepared.
    fn tell(&mut self, table: Table, has_value: bool, evidence: &[i64]) {
        if let Err(interrupt) = self.outbox.begin() {
            self.outbox.failed.get_or_insert(interrupt);
            return;
        }
        let outbox = &mut *self.outbox;
        Evidence::write(self.partition, evidence, &mut outbox.evidence);
        let evidence = [(EVIDENCE_HEADER, Some(outbox.evidence.as_bytes()))];
        let topics = &outbox.shared.config.topics;
        let message = Message {
            topic: match table {
                Table::Moments => &topics.moments,
                Table::Cycles => &topics.cycles,
            },
            partition: self.partition,
            key: Some(&outbox.key),
            value: has_value.then_some(&outbox.value),
            headers: if outbox.evidence.is_empty() { &[] } else { &evidence },
        };
        if let Err(interrupt) = outbox.send(message) {
            outbox.failed.get_or_insert(interrupt);
        }
    }

    /// What `encode` gives; none if nothing is to be told.
    fn encode<T>(&mut self, encode: impl FnOnce(&mut Writer, &mut Vec<u8>) -> Result<T, motmot_wire::EncodeError>) -> Option<T> {
        if self.is_silent || self.outbox.failed.is_some() {
            return None;
        }
        self.outbox.value.clear();
        let written = encode(&mut self.outbox.writer, &mut self.outbox.value);
        let partition = self.partition;
        written.map_err(|source| self.outbox.failed = Some(Interrupt::End(WorkerError::Encode { partition, source }))).ok()
    }
}

impl<W: World> Sink for Voice<'_, W> {
    fn moment(&mut self, moment: &Moment<'_>, evidence: &[i64]) {
        let Some(()) = self.encode(|writer, out| writer.moment(moment, out)) else { return };
        self.outbox.key.clear();
        self.outbox.key.extend_from_slice(moment.moment_id.as_bytes());
        self.tell(Table::Moments, true, evidence);
        let told = &mut self.outbox.told;
        told.moments += 1;
        if moment.state == MomentState::Raised && told.raised.len() < Told::MAX_RAISED {
            told.raised.push((self.partition, moment.raised_at.as_millis()));
        }
    }

    fn cycle(&mut self, cycle: &CycleRecord<'_>, evidence: &[i64]) {
        let Some(is_whole) = self.encode(|writer, out| writer.cycle(cycle, out)) else { return };
        cycle_key(&cycle.key, &cycle.cycle_id, &mut self.outbox.key);
        self.tell(Table::Cycles, true, evidence);
        self.outbox.told.cycles += 1;
        self.outbox.told.outside_customer_file += u64::from(cycle.is_final && !cycle.customer_file);
        self.outbox.told.truncated += u64::from(!is_whole);
    }

    fn cycle_gone(&mut self, key: &str, cycle_id: &str) {
        if self.is_silent || self.outbox.failed.is_some() {
            return;
        }
        cycle_key(key, cycle_id, &mut self.outbox.key);
        self.tell(Table::Cycles, false, &[]);
        self.outbox.told.cycles += 1;
    }
}
