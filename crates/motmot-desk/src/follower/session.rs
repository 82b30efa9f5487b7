//! One session: assign, catch up, follow.

use std::time::{Duration, Instant, SystemTime};

use motmot_wire::NotYet;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::log::Logging;
use super::progress::Progress;
use super::{Follower, NAP, RETRY};
use crate::config::DeskConfig;
use crate::error::Trouble;
use crate::metrics::seconds_of;

/// How long a question to the brokers may take; so long can a request to stop remain unseen.
const ANSWER: Duration = Duration::from_secs(3);
/// Records that are taken in before the gauges are shown and the clocks looked at.
const BATCH: usize = 10_000;
/// A thread that did not run for so long (the machine slept) is treated as if the brokers had been away.
const ASLEEP: Duration = Duration::from_secs(20);

type DeskConsumer = BaseConsumer<Logging>;

/// The desk's consumer. It joins no group and commits nothing.
pub(super) fn consumer(config: &DeskConfig) -> KafkaResult<DeskConsumer> {
    let mut properties = ClientConfig::new();
    for (name, value) in &config.properties {
        properties.set(name, value);
    }
    properties
        .set("bootstrap.servers", &config.brokers)
        .set("group.id", "motmot-desk") // librdkafka wants a name to assign partitions by hand; no group of it comes into being
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed") // a moment of an aborted transaction was never told
        .set("enable.partition.eof", "true") // the only sign of the end behind a transaction's marker
        .set("auto.offset.reset", "error") // a log that moved must be noticed, not skipped
        .create_with_context(Logging)
}

/// A session's state beside the table.
struct Session {
    consumer: DeskConsumer,
    topic: String,
    progress: Progress,
    /// When the ends were asked for that the reader is on its way to.
    aimed_at: Option<SystemTime>,
    /// The table is being read from the beginning.
    rebuilding: bool,
    /// The gauges stand still until the aim is reached.
    held: bool,
    in_contact: bool,
    next_probe: Instant,
    next_search: Instant,
    last_turn: Instant,
}

impl Follower {
    /// Follows the topic from its beginning; returns when it is told to stop, or to take another strategy over.
    pub(super) fn session(&mut self) -> Result<(), Trouble> {
        self.take_strategy();
        self.rebuild();
        let mut session = self.open()?;
        while !(self.state.stopping() || self.state.has_strategy()) {
            session.mind_the_gap();
            self.read(&mut session)?;
            self.arrive(&mut session);
            if Instant::now() >= session.next_search {
                self.search(&mut session)?;
            }
            if Instant::now() >= session.next_probe {
                self.probe(&mut session);
                self.arrive(&mut session);
            }
        }
        Ok(())
    }

    fn open(&self) -> Result<Session, Trouble> {
        let consumer = consumer(&self.config).map_err(|e| self.no_contact(&e))?;
        let now = Instant::now();
        let mut session = Session {
            consumer,
            topic: self.config.topic.clone(),
            progress: Progress::default(),
            aimed_at: None,
            rebuilding: true,
            held: true,
            in_contact: true,
            next_probe: now + self.config.probe_interval(),
            next_search: now + self.config.partitions_interval(),
            last_turn: now,
        };
        for partition in 0..session.partition_count().map_err(|e| self.no_contact(&e))?.ok_or_else(|| self.no_topic())? {
            session.progress.add(partition);
        }
        // The ends first: what the reader meets later cannot be mistaken for them.
        session.ask_ends().map_err(|e| self.no_contact(&e))?;
        session
            .consumer
            .assign(&session.list(session.progress.partitions(), Offset::Beginning))
            .map_err(|e| self.no_contact(&e))?;
        self.state.set_trouble(None);
        tracing::info!(
            topic = session.topic,
            partitions = session.progress.count(),
            records = session.progress.lag(),
            "the desk reads the moments"
        );
        Ok(session)
    }

    /// Takes in what is there, at most a batch; waits a moment when there is nothing.
    fn read(&mut self, session: &mut Session) -> Result<(), Trouble> {
        let mut patience = NAP;
        for _ in 0..BATCH {
            match session.consumer.poll(patience) {
                None => break,
                Some(Ok(message)) => {
                    let before = session.rebuilding && session.progress.is_before_aim(message.partition(), message.offset());
                    while let Err(not_yet) = self.record(&message, before) {
                        self.await_schema(session, &message, &not_yet);
                        if self.state.stopping() || self.state.has_strategy() {
                            return Ok(()); // either ends the session
                        }
                    }
                    session.progress.read(message.partition(), message.offset());
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => session.progress.ended(partition),
                Some(Err(error)) => self.judge(&error)?,
            }
            patience = Duration::ZERO;
        }
        self.metrics.lag.set(session.progress.lag());
        self.metrics.partitions.set(i64::try_from(session.progress.count()).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Waits a while for the schema of a record: nobody knows what it is, and a page may hang on it.
    fn await_schema(&mut self, session: &Session, message: &BorrowedMessage<'_>, not_yet: &NotYet) {
        let (partition, offset) = (message.partition(), message.offset());
        self.tell(Trouble::NoSchema { topic: session.topic.clone(), partition, offset, detail: not_yet.to_string() });
        if !session.held {
            self.publish(); // what came before it must not wait with it
        }
        self.wait(RETRY);
    }

    /// Which errors end the session, and which only want patience. Whether the brokers are there, the probe finds out.
    fn judge(&self, error: &KafkaError) -> Result<(), Trouble> {
        let code = error.rdkafka_error_code();
        match code {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                Err(self.log_moved(error.to_string()))
            }
            Some(
                RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownPartition,
            ) => Err(self.no_topic()),
            Some(RDKafkaErrorCode::Fatal) => Err(self.no_contact(error)),
            _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => Err(self.no_contact(error)),
            _ => {
                self.note(self.no_contact(error));
                Ok(())
            }
        }
    }

    /// When the aim is reached the view is whole; while there is none, or it is a mere probe, each batch is shown at once.
    fn arrive(&mut self, session: &mut Session) {
        if session.in_contact
            && session.progress.has_arrived()
            && let Some(at) = session.aimed_at.take()
        {
            self.metrics.caught_up.set(seconds_of(at));
            session.rebuilding = false;
            if std::mem::take(&mut session.held) {
                tracing::info!(topic = session.topic, "the desk has caught up");
            }
        }
        if !session.held {
            self.publish();
            if self.metrics.ready.get() == 0 {
                self.metrics.ready.set(1);
                self.state.set_ready(true);
            }
        }
    }

    /// Asks for the ends: it shows the lag, whether the brokers are there, and how fresh the view is.
    fn probe(&self, session: &mut Session) {
        match session.ask_ends() {
            Ok(()) => {
                session.in_contact = true;
                self.state.set_trouble(None);
                self.metrics.lag.set(session.progress.lag());
            }
            Err(error) => {
                self.note(self.no_contact(&error));
                session.lose_contact();
            }
        }
        session.next_probe = Instant::now() + self.config.probe_interval();
    }

    /// Looks for partitions that were added to the topic, and reads them from their beginning.
    fn search(&self, session: &mut Session) -> Result<(), Trouble> {
        session.next_search = Instant::now() + self.config.partitions_interval();
        let known = session.progress.count();
        let count = match session.partition_count() {
            Ok(Some(count)) => count,
            Ok(None) => return Err(self.no_topic()),
            Err(_) => return Ok(()), // the probe tells it
        };
        let new: Vec<i32> = (0..count).skip(known).collect();
        if usize::try_from(count).is_ok_and(|count| count < known) {
            return Err(self.log_moved(format!("{known} partitions have become {count}")));
        }
        if new.is_empty() {
            return Ok(());
        }
        tracing::info!(topic = session.topic, partitions = ?new, "the topic has new partitions");
        let list = session.list(new.iter().copied(), Offset::Beginning);
        session.consumer.incremental_assign(&list).map_err(|e| self.no_contact(&e))?;
        new.iter().for_each(|partition| session.progress.add(*partition));
        Ok(())
    }

    fn no_contact(&self, error: &KafkaError) -> Trouble {
        Trouble::NoContact { topic: self.config.topic.clone(), brokers: self.config.brokers.clone(), detail: error.to_string() }
    }

    fn no_topic(&self) -> Trouble {
        Trouble::NoTopic { topic: self.config.topic.clone() }
    }

    fn log_moved(&self, detail: String) -> Trouble {
        Trouble::LogMoved { topic: self.config.topic.clone(), detail }
    }
}

impl Session {
    /// How many partitions the topic has; none: there is no such topic.
    fn partition_count(&self) -> KafkaResult<Option<i32>> {
        let metadata = self.consumer.fetch_metadata(Some(&self.topic), ANSWER)?;
        let Some(topic) = metadata.topics().first() else { return Ok(None) };
        match topic.error().map(RDKafkaErrorCode::from) {
            None => Ok(i32::try_from(topic.partitions().len()).ok().filter(|count| *count > 0)),
            Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => Ok(None),
            Some(code) => Err(KafkaError::MetadataFetch(code)),
        }
    }

    /// Asks for the end of each partition, in one request per broker. Unless an older aim is still ahead, they become the aim.
    fn ask_ends(&mut self) -> KafkaResult<()> {
        let asked_at = SystemTime::now();
        let ends = self.consumer.offsets_for_times(self.list(self.progress.partitions(), Offset::End), ANSWER)?;
        for element in ends.elements() {
            element.error()?;
            if let Offset::Offset(end) = element.offset() {
                self.progress.set_end(element.partition(), end);
            }
        }
        if self.aimed_at.is_none() {
            self.progress.aim();
            self.aimed_at = Some(asked_at);
        }
        Ok(())
    }

    fn list(&self, partitions: impl Iterator<Item = i32>, offset: Offset) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.topic, partition).set_offset(offset).ok(); // Beginning and End are always taken
        }
        list
    }

    /// What comes next may be a backlog: shown only when it has been read to its end.
    fn lose_contact(&mut self) {
        self.in_contact = false;
        self.held = true;
        self.aimed_at = None;
        self.progress.lost_contact();
    }

    fn mind_the_gap(&mut self) {
        let turn = Instant::now();
        if turn.duration_since(self.last_turn) > ASLEEP {
            self.lose_contact();
            self.next_probe = turn;
        }
        self.last_turn = turn;
    }
}
