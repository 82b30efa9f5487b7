//! What a shard says: rows of the tables and dead letters, each in the transaction that is open.

use std::time::{Duration, Instant};

use motmot_core::Moment;
use motmot_core::cycle::CycleRecord;
use motmot_core::engine::Sink;
use motmot_core::moment::MomentState;
use motmot_wire::evidence::EVIDENCE_HEADER;
use motmot_wire::{DeadLetter, Evidence, Writer, cycle_key};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use crate::client::{self, REQUEST_TIMEOUT};
use crate::config::{TopicNames, WorkerConfig};
use crate::context::Log;
use crate::error::WorkerError;
use crate::interrupt::{Answer, Interrupt, answer};
use crate::native::Record;
use crate::strategies::{self, SwapRecord};

/// How long a transaction's end is asked for again before the shard is given up.
const PERSISTENCE: Duration = Duration::from_secs(120);
/// A shard's transactional producer, with the rows of the open transaction.
pub(crate) struct Outbox {
    producer: ThreadedProducer<Log>,
    member: String,
    topics: TopicNames,
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

impl Outbox {
    /// Connects, and ends whatever transaction a predecessor of the same name left open.
    pub(crate) fn open(
        config: &WorkerConfig,
        member: &str,
        max_message_bytes: usize,
        writer: Writer,
    ) -> Result<Self, WorkerError> {
        let mut client = client::producer(config, member);
        client.set("message.max.bytes", max_message_bytes.to_string());
        let log = Log { client: format!("{member} producer") };
        let producer: ThreadedProducer<Log> = client.create_with_context(log).map_err(WorkerError::ClientConfig)?;
        let outbox = Self {
            producer,
            member: member.to_owned(),
            topics: config.topics.clone(),
            writer,
            value: Vec::new(),
            key: Vec::new(),
            evidence: String::new(),
            is_open: false,
            told: Told::default(),
            failed: None,
        };
        outbox.persist("starting its transactions", || outbox.producer.init_transactions(REQUEST_TIMEOUT)).map_err(
            |interrupt| match interrupt {
                Interrupt::End(error) => error,
                Interrupt::Aborted(detail) => outbox.fatal("starting its transactions", detail),
            },
        )?;
        Ok(outbox)
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
    pub(crate) fn voice(&mut self, partition: i32, is_silent: bool) -> Voice<'_> {
        Voice { outbox: self, partition, is_silent }
    }

    /// What went wrong within a sink.
    pub(crate) fn check(&mut self) -> Result<(), Interrupt> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Sends a record on as it came, with the reason why it could not be used.
    pub(crate) fn dead_letter(&mut self, record: Record<'_>, letter: &DeadLetter) -> Result<(), Interrupt> {
        let mut headers = OwnedHeaders::new();
        record.headers(&mut |name, value| {
            if !DeadLetter::is_own_header(name) {
                let taken = std::mem::take(&mut headers);
                headers = taken.insert(Header { key: name, value });
            }
        });
        for (name, value) in letter.headers() {
            headers = headers.insert(Header { key: name, value: Some(&value) });
        }
        self.begin()?;
        let mut message = BaseRecord::<[u8], [u8]>::to(&self.topics.dead_letters).partition(record.partition()).headers(headers);
        message.key = record.key();
        message.payload = record.value();
        self.send(message)
    }

    /// Records where a strategy was swapped, in the transaction that commits it.
    pub(crate) fn swap(&mut self, swap: &SwapRecord) -> Result<(), Interrupt> {
        self.begin()?;
        let (key, value) = (swap.key(), swap.value());
        let message = BaseRecord::<[u8], [u8]>::to(&self.topics.strategies).partition(strategies::PARTITION);
        self.send(message.key(key.as_bytes()).payload(value.as_bytes()))
    }

    fn begin(&mut self) -> Result<(), Interrupt> {
        if !self.is_open {
            self.persist("beginning a transaction", || self.producer.begin_transaction())?;
            self.is_open = true;
        }
        Ok(())
    }

    fn send(&self, mut message: BaseRecord<'_, [u8], [u8]>) -> Result<(), Interrupt> {
        loop {
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    // The producer's own thread empties it; a broker that is gone ends this by the transaction's time-out.
                    message = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(self.judge("writing its outputs", &error)),
            }
        }
    }

    /// Ends the transaction: outputs, offsets and what lies beside them become visible together.
    pub(crate) fn commit(&mut self, offsets: &TopicPartitionList, group: &ConsumerGroupMetadata) -> Result<Told, Interrupt> {
        self.begin()?;
        // rdkafka's own flush polls in steps of 100 ms for an event that the producer's thread takes: own steps of 1 ms instead.
        let begun = Instant::now();
        while let Err(error) = self.producer.flush(Duration::from_millis(1)) {
            if answer(&error) != Answer::Retry || begun.elapsed() > PERSISTENCE {
                return Err(self.judge("flushing its outputs", &error));
            }
        }
        self.persist("adding offsets to a transaction", || {
            self.producer.send_offsets_to_transaction(offsets, group, REQUEST_TIMEOUT)
        })?;
        self.persist("committing a transaction", || self.producer.commit_transaction(REQUEST_TIMEOUT))?;
        self.is_open = false;
        Ok(std::mem::take(&mut self.told))
    }

    /// Throws away what was said since the last commit.
    pub(crate) fn abort(&mut self) -> Result<(), WorkerError> {
        self.told = Told::default();
        self.failed = None;
        if !std::mem::take(&mut self.is_open) {
            return Ok(());
        }
        self.persist("aborting a transaction", || self.producer.abort_transaction(REQUEST_TIMEOUT)).map_err(|interrupt| {
            match interrupt {
                Interrupt::End(error) => error,
                Interrupt::Aborted(detail) => self.fatal("aborting a transaction", detail),
            }
        })
    }

    /// Repeats what may be repeated.
    fn persist(&self, doing: &'static str, mut call: impl FnMut() -> KafkaResult<()>) -> Result<(), Interrupt> {
        let begun = Instant::now();
        loop {
            let Err(error) = call() else { return Ok(()) };
            if answer(&error) != Answer::Retry || begun.elapsed() > PERSISTENCE {
                return Err(self.judge(doing, &error));
            }
            tracing::warn!(member = self.member.as_str(), %error, "{doing}: trying again");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn judge(&self, doing: &'static str, error: &KafkaError) -> Interrupt {
        match answer(error) {
            Answer::Abort => Interrupt::Aborted(format!("{doing}: {error}")),
            // The outcome may be unknown: the broker will say it at the next start.
            Answer::Retry | Answer::Give => Interrupt::End(self.fatal(doing, error.to_string())),
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
pub(crate) struct Voice<'o> {
    outbox: &'o mut Outbox,
    partition: i32,
    is_silent: bool,
}

impl Voice<'_> {
    /// Sends the row whose key and value were prepared.
    fn tell(&mut self, table: Table, has_value: bool, evidence: &[i64]) {
        if let Err(interrupt) = self.outbox.begin() {
            self.outbox.failed.get_or_insert(interrupt);
            return;
        }
        let outbox = &mut *self.outbox;
        let topic = match table {
            Table::Moments => &outbox.topics.moments,
            Table::Cycles => &outbox.topics.cycles,
        };
        let mut message = BaseRecord::<[u8], [u8]>::to(topic).partition(self.partition).key(outbox.key.as_slice());
        if has_value {
            message = message.payload(outbox.value.as_slice());
        }
        Evidence::write(self.partition, evidence, &mut outbox.evidence);
        if !outbox.evidence.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(1);
            message = message.headers(headers.insert(Header { key: EVIDENCE_HEADER, value: Some(&outbox.evidence) }));
        }
        if let Err(interrupt) = outbox.send(message) {
            outbox.failed.get_or_insert(interrupt);
        }
    }

    fn encode(&mut self, encode: impl FnOnce(&mut Writer, &mut Vec<u8>) -> Result<(), motmot_wire::EncodeError>) -> bool {
        if self.is_silent || self.outbox.failed.is_some() {
            return false;
        }
        self.outbox.value.clear();
        let written = encode(&mut self.outbox.writer, &mut self.outbox.value);
        let partition = self.partition;
        written.map_err(|source| self.outbox.failed = Some(Interrupt::End(WorkerError::Encode { partition, source }))).is_ok()
    }
}

impl Sink for Voice<'_> {
    fn moment(&mut self, moment: &Moment<'_>, evidence: &[i64]) {
        if !self.encode(|writer, out| writer.moment(moment, out)) {
            return;
        }
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
        if !self.encode(|writer, out| writer.cycle(cycle, out)) {
            return;
        }
        cycle_key(&cycle.key, &cycle.cycle_id, &mut self.outbox.key);
        self.tell(Table::Cycles, true, evidence);
        self.outbox.told.cycles += 1;
        self.outbox.told.outside_customer_file += u64::from(cycle.is_final && !cycle.customer_file);
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
