//! From joining the group to leaving it: the loop.

use std::ffi::CString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use motmot_core::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::assign;
use super::partition::{Partition, Tick};
use super::rebalance::{Group, Rebalance};
use super::swap::Swap;
use crate::client;
use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::native::{BatchQueue, RecordError, high_watermark};
use crate::outbox::Outbox;
use crate::worker::{Shared, Shutdown};

/// Records a batch.
pub(super) const BATCH: usize = 2_000;
/// The longest that the loop waits for a record: rebalances, clocks and a stop are looked at as often.
const MAX_WAIT: Duration = Duration::from_millis(50);
/// Two commits are at least this far apart, also when moments are raised.
const MIN_COMMIT_INTERVAL: Duration = Duration::from_millis(10);
/// A partition this many records behind commits less often.
const FAR_BEHIND: i64 = 20_000;
/// How much less often.
const BEHIND_FACTOR: u32 = 5;
/// A transaction takes up no more deadlines once it has so many rows …
const MAX_ROWS: u64 = 200_000;
/// … or after so long: it must end well before its time-out.
const MAX_ADVANCE: Duration = Duration::from_secs(2);
/// Checkpoints after one commit take about so long at most, so that they do not stand in a row.
const MAX_CHECKPOINTS: Duration = Duration::from_millis(100);
/// How long a clock waits for the end of the log before it stands until the next tick.
const MAX_ASK: Duration = Duration::from_secs(1);
/// How often the gauges are set.
const GAUGES: Duration = Duration::from_secs(1);

pub(super) struct Session<'s> {
    pub(super) shared: &'s Shared,
    pub(super) member: &'s str,
    pub(super) outbox: &'s mut Outbox,
    topic: CString,
    /// Before the consumer: a queue must not outlive its client.
    pub(super) queue: BatchQueue<Group>,
    pub(super) consumer: Arc<BaseConsumer<Group>>,
    /// By number; the partitions of other shards are empty places.
    pub(super) partitions: Vec<Option<Partition>>,
    last_commit: Instant,
    next_tick: Instant,
    next_gauges: Instant,
    is_far_behind: bool,
    /// Since it joined, or started over.
    pub(super) has_committed: bool,
    /// Some partitions were lost with the open transaction, and others were not.
    is_torn: bool,
}

impl<'s> Session<'s> {
    /// Joins the group; partitions come with its first answers.
    pub(super) fn join(shared: &'s Shared, member: &'s str, outbox: &'s mut Outbox) -> Result<Self, WorkerError> {
        let name = &shared.config.topics.touchpoints;
        let consumer: BaseConsumer<Group> = client::consumer(&shared.config, member)
            .create_with_context(Group::new(member))
            .map_err(WorkerError::ClientConfig)?;
        let consumer = Arc::new(consumer);
        let failed = |doing, detail: String| WorkerError::Kafka { member: member.to_owned(), doing, detail };
        let topic = CString::new(name.as_str()).map_err(|e| failed("reading the input topic's name", e.to_string()))?;
        let queue =
            BatchQueue::new(Arc::clone(&consumer), BATCH).ok_or_else(|| failed("making a queue", "no memory".to_owned()))?;
        consumer.subscribe(&[name]).map_err(|e| failed("subscribing to the input topic", e.to_string()))?;
        let partitions = std::iter::repeat_with(|| None).take(usize::try_from(shared.partitions).unwrap_or(0)).collect();
        let now = Instant::now();
        Ok(Self {
            shared,
            member,
            outbox,
            topic,
            queue,
            consumer,
            partitions,
            last_commit: now,
            next_tick: now,
            next_gauges: now,
            is_far_behind: false,
            has_committed: false,
            is_torn: false,
        })
    }

    /// Works until asked to stop; then commits and saves what there is.
    pub(super) fn run(&mut self, shutdown: &Shutdown) -> Result<(), Interrupt> {
        while !shutdown.is_requested() {
            self.serve_group()?;
            self.begin_swap()?;
            // More deadlines than one transaction may hold come before more records.
            let is_unfinished = self.partitions.iter().flatten().any(Partition::is_unfinished);
            let is_drained = !is_unfinished && self.fold_batch()?;
            if is_drained {
                self.follow_markers()?;
                self.tick();
                self.checkpoint_due()?;
            }
            self.serve_holds()?;
            if is_unfinished { self.commit() } else { self.pace(is_drained) }?;
            self.set_gauges();
        }
        self.commit()?;
        self.partitions
            .iter_mut()
            .flatten()
            .filter(|p| !p.is_silent())
            .try_for_each(|partition| partition.checkpoint(self.shared))
    }

    /// Gives everything back. Nothing is committed here.
    pub(super) fn close(self) {
        let Self { shared, consumer, mut partitions, queue, .. } = self;
        for mut partition in partitions.iter_mut().filter_map(Option::take) {
            release(shared, &mut partition);
        }
        consumer.context().close(&consumer);
        drop(queue);
        drop(consumer);
    }

    pub(super) fn kafka(&self, doing: &'static str, error: &KafkaError) -> Interrupt {
        Interrupt::End(WorkerError::Kafka { member: self.member.to_owned(), doing, detail: error.to_string() })
    }

    fn serve_group(&mut self) -> Result<(), Interrupt> {
        match self.consumer.poll(Duration::ZERO) {
            None => {}
            // Forwarding sends every record to the queue. If one ever came here it would be missing there: read it again.
            Some(Ok(_)) => return Err(Interrupt::Aborted("a record came beside its queue".to_owned())),
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                let detail = format!("{code}: another member has this name, or the group expelled it");
                return Err(Interrupt::End(WorkerError::Fatal {
                    member: self.member.to_owned(),
                    doing: "reading the topic",
                    detail,
                }));
            }
            Some(Err(error)) => tracing::warn!(member = self.member, %error, "Kafka's client reports"),
        }
        while let Some(rebalance) = self.consumer.context().next() {
            let answered = match &rebalance {
                Rebalance::Assigned(list) => self.assign(list),
                Rebalance::Revoked(list) => self.revoke(list),
            };
            if answered.is_err() {
                // An unanswered rebalance would keep the consumer from closing.
                self.consumer.context().put_back(rebalance);
                return answered;
            }
        }
        if std::mem::take(&mut self.is_torn) {
            return Err(Interrupt::Aborted("a part of the partitions was lost with the open transaction".to_owned()));
        }
        Ok(())
    }

    fn assign(&mut self, list: &TopicPartitionList) -> Result<(), Interrupt> {
        // Loading may take longer than an open transaction may live.
        self.commit()?;
        let numbers: Vec<i32> = list.elements().iter().map(|element| element.partition()).collect();
        self.take_over(&numbers)
    }

    /// Loads partitions and begins to read them.
    pub(super) fn take_over(&mut self, numbers: &[i32]) -> Result<(), Interrupt> {
        let loaded = assign::load(self.shared, self.member, &self.consumer, numbers)?;
        let name = &self.shared.config.topics.touchpoints;
        let mut offsets = TopicPartitionList::with_capacity(loaded.len());
        for partition in loaded {
            let number = partition.number();
            self.queue.forward(name, number);
            offsets
                .add_partition_offset(name, number, Offset::Offset(partition.next()))
                .map_err(|e| self.kafka("taking partitions over", &e))?;
            if let Some(place) = usize::try_from(number).ok().and_then(|number| self.partitions.get_mut(number)) {
                *place = Some(partition);
            }
        }
        self.consumer.incremental_assign(&offsets).map_err(|e| self.kafka("taking partitions over", &e))?;
        self.shared.health.joined(self.member);
        // What needs no re-fold is at its commit already.
        let Self { shared, outbox, partitions, .. } = self;
        partitions.iter_mut().flatten().try_for_each(|partition| partition.reach(shared, partition.next(), outbox))
    }

    fn revoke(&mut self, list: &TopicPartitionList) -> Result<(), Interrupt> {
        let is_lost = self.consumer.assignment_lost();
        if is_lost {
            // Others may have them already: what was not committed is theirs to tell.
            tracing::warn!(member = self.member, "the group gave this shard's partitions away");
            self.outbox.abort()?;
        } else {
            self.commit()?;
        }
        for element in list.elements() {
            let place = usize::try_from(element.partition()).ok().and_then(|number| self.partitions.get_mut(number));
            let Some(mut partition) = place.and_then(Option::take) else { continue };
            if !is_lost && !partition.is_silent() {
                partition.checkpoint(self.shared)?;
            }
            tracing::info!(partition = partition.number(), offset = partition.next(), is_lost, "partition released");
            partition.wake(&self.shared.config.topics.touchpoints, &self.consumer);
            release(self.shared, &mut partition);
        }
        self.consumer.incremental_unassign(list).map_err(|e| self.kafka("giving partitions back", &e))?;
        self.is_torn |= is_lost && self.partitions.iter().flatten().next().is_some();
        Ok(())
    }

    /// Takes a batch and folds it. True: nothing more lies ready.
    fn fold_batch(&mut self) -> Result<bool, Interrupt> {
        let wait = self.wait();
        let Self { shared, outbox, queue, partitions, .. } = self;
        let mut result = Ok(());
        let mut of = |number: i32, act: &mut dyn FnMut(&mut Partition) -> Result<(), Interrupt>| {
            let partition = usize::try_from(number).ok().and_then(|number| partitions.get_mut(number)?.as_mut());
            partition.map_or(Ok(()), act)
        };
        let count = queue.take(wait, |record| {
            if result.is_err() {
                return; // what is left of the batch will be read again
            }
            result = match record {
                Ok(record) => of(record.partition(), &mut |partition| partition.fold(shared, record, outbox)),
                Err(RecordError { partition, code }) => judge(shared, partition, code),
            };
        });
        result?;
        self.partitions.iter_mut().flatten().try_for_each(|partition| partition.save_refold(self.shared))?;
        Ok(count < BATCH)
    }

    /// Until something else than a record is due.
    fn wait(&self) -> Duration {
        let mut wait = MAX_WAIT;
        let since = self.last_commit.elapsed();
        for partition in self.partitions.iter().flatten() {
            if partition.is_untold() && since < MIN_COMMIT_INTERVAL {
                wait = wait.min(MIN_COMMIT_INTERVAL.saturating_sub(since));
            } else if partition.is_uncommitted() || partition.is_untold() {
                wait = wait.min(self.commit_interval().saturating_sub(since));
            }
        }
        wait.min(self.next_tick.saturating_duration_since(Instant::now()))
    }

    fn commit_interval(&self) -> Duration {
        let interval = self.shared.config.commit_interval;
        if self.is_far_behind { interval * BEHIND_FACTOR } else { interval }
    }

    /// Transaction markers take offsets too and are never given: librdkafka knows when they have been passed.
    fn follow_markers(&mut self) -> Result<(), Interrupt> {
        let mut waiting = self.partitions.iter().flatten();
        if !waiting.any(|p| p.is_silent() || p.tick.as_ref().is_some_and(|tick| p.next() < tick.end)) {
            return Ok(());
        }
        let Ok(positions) = self.consumer.position() else { return Ok(()) };
        for element in positions.elements() {
            let Offset::Offset(offset) = element.offset() else { continue };
            let place = usize::try_from(element.partition()).ok().and_then(|number| self.partitions.get_mut(number));
            if let Some(partition) =
                place.and_then(Option::as_mut).filter(|partition| partition.hold.is_none() && offset > partition.next())
            {
                partition.reach(self.shared, offset, self.outbox)?;
            }
        }
        Ok(())
    }

    /// Reads the wall clock, *then* asks for the end of the log: when everything before that end is folded, the reading is the clock.
    fn tick(&mut self) {
        if Instant::now() >= self.next_tick {
            self.next_tick = Instant::now() + self.shared.config.tick_interval;
            let waiting: Vec<i32> = self
                .partitions
                .iter()
                .flatten()
                .filter(|partition| partition.tick.is_none() && !partition.is_silent())
                .map(Partition::number)
                .collect();
            if !waiting.is_empty() {
                self.ask_for_the_end(&waiting);
            }
        }
        self.partitions.iter_mut().flatten().for_each(Partition::settle_tick);
    }

    fn ask_for_the_end(&mut self, waiting: &[i32]) {
        let reading = self.shared.config.clock.now();
        let ends = match assign::ask_offsets(self.shared, waiting, Offset::End, MAX_ASK) {
            Ok(ends) => ends,
            Err((doing, error)) => {
                // The clocks stand until the brokers answer: a backlog must not look like silence.
                tracing::warn!(member = self.member, %error, "{doing}");
                return;
            }
        };
        for (number, end) in ends {
            let place = usize::try_from(number).ok().and_then(|number| self.partitions.get_mut(number));
            if let Some(partition) = place.and_then(Option::as_mut) {
                partition.tick = Some(Tick { reading, end });
            }
        }
    }

    /// Tells and commits when it is time: at once for moments at the log's head, else by the interval.
    fn pace(&mut self, is_drained: bool) -> Result<(), Interrupt> {
        let since = self.last_commit.elapsed();
        if since >= self.commit_interval() {
            return self.commit();
        }
        if !is_drained || since < MIN_COMMIT_INTERVAL {
            return Ok(());
        }
        let before = self.outbox.told().moments;
        for partition in self.partitions.iter_mut().flatten().filter(|partition| partition.is_untold()) {
            let end = high_watermark(self.consumer.client(), &self.topic, partition.number());
            if end.is_none_or(|end| partition.next() >= end) {
                partition.advance(self.shared, self.outbox)?;
            }
        }
        if self.outbox.told().moments > before { self.commit() } else { Ok(()) }
    }

    /// Tells what is untold, and ends the transaction with the offsets and clocks of all partitions that have moved.
    pub(super) fn commit(&mut self) -> Result<(), Interrupt> {
        let begun = Instant::now();
        for partition in self.partitions.iter_mut().flatten() {
            if partition.is_swapping() {
                partition.advance(self.shared, self.outbox)?; // a portion a transaction
                continue;
            }
            while partition.is_untold()
                || partition.is_unfinished() && self.outbox.told().rows() < MAX_ROWS && begun.elapsed() < MAX_ADVANCE
            {
                partition.advance(self.shared, self.outbox)?;
            }
        }
        let name = &self.shared.config.topics.touchpoints;
        let mut offsets = TopicPartitionList::new();
        for partition in self.partitions.iter().flatten().filter(|p| p.is_uncommitted()) {
            let mut entry = offsets.add_partition(name, partition.number());
            let metadata = partition.metadata();
            entry.set_offset(Offset::Offset(partition.next())).map_err(|e| self.kafka("committing", &e))?;
            entry.set_metadata(metadata.encode());
        }
        if offsets.count() == 0 && !self.outbox.is_open() {
            self.last_commit = begun;
            return Ok(());
        }
        let group = self.consumer.group_metadata();
        let group = group.ok_or_else(|| Interrupt::Aborted("the consumer has no group metadata".to_owned()))?;
        let told = self.outbox.commit(&offsets, &group)?;
        self.last_commit = Instant::now();
        self.has_committed = true;
        self.after_commit(begun, &told);
        self.checkpoint_due()
    }

    fn after_commit(&mut self, begun: Instant, told: &crate::outbox::Told) {
        let metrics = &self.shared.metrics;
        metrics.commits.inc();
        metrics.commit_seconds.observe(begun.elapsed().as_secs_f64());
        metrics.told_moments.inc_by(told.moments);
        metrics.told_cycles.inc_by(told.cycles);
        metrics.outside_customer_file.inc_by(told.outside_customer_file);
        let now = self.shared.config.clock.now().as_millis();
        self.is_far_behind = false;
        for partition in self.partitions.iter_mut().flatten().filter(|partition| !partition.is_silent()) {
            let lag =
                high_watermark(self.consumer.client(), &self.topic, partition.number()).map_or(0, |end| end - partition.next());
            self.is_far_behind |= lag > FAR_BEHIND;
            // What a swap raises has been due for as long as its cycle is old.
            if lag <= 0 && partition.swap == Swap::None {
                // A deadline's moment is caused by its deadline, any other by a record, none of which came before the oldest one here.
                let oldest = partition.oldest_arrival.unwrap_or(i64::MIN);
                for (_, raised_at) in told.raised.iter().filter(|(number, _)| *number == partition.number()) {
                    let millis = i32::try_from(now.saturating_sub(oldest.max(*raised_at)).max(0)).unwrap_or(i32::MAX);
                    metrics.event_to_flag_seconds.observe(f64::from(millis) / 1_000.0);
                }
            }
            partition.committed(self.shared);
        }
    }

    /// Saves partitions whose checkpoint is due and whose state is all committed, the longest waiting first.
    fn checkpoint_due(&mut self) -> Result<(), Interrupt> {
        let begun = Instant::now();
        while begun.elapsed() < MAX_CHECKPOINTS {
            let due = self.partitions.iter_mut().flatten().filter(|p| p.is_checkpoint_due(self.shared));
            let Some(partition) = due.max_by_key(|partition| partition.since_checkpoint()) else { break };
            partition.checkpoint(self.shared)?;
        }
        Ok(())
    }

    fn set_gauges(&mut self) {
        if Instant::now() < self.next_gauges {
            return;
        }
        self.next_gauges = Instant::now() + GAUGES;
        let metrics = &self.shared.metrics;
        for partition in self.partitions.iter().flatten() {
            let label = partition.number().to_string();
            let set = |gauge: &prometheus::IntGaugeVec, value: i64| gauge.with_label_values(&[&label]).set(value);
            let end = high_watermark(self.consumer.client(), &self.topic, partition.number());
            set(&metrics.lag, end.map_or(0, |end| (end - partition.next()).max(0)));
            let position = partition.position();
            if position.stream_time > Timestamp::MIN {
                set(&metrics.stream_time, position.stream_time.as_millis().div_euclid(1_000));
            }
            if position.now > Timestamp::MIN {
                set(&metrics.clock, position.now.as_millis().div_euclid(1_000));
            }
            set(&metrics.store_bytes, i64::try_from(partition.store().size_bytes()).unwrap_or(i64::MAX));
            set(&metrics.hot_rows, i64::try_from(partition.hot()).unwrap_or(i64::MAX));
        }
    }
}

pub(super) fn release(shared: &Shared, partition: &mut Partition) {
    partition.end_hold(shared);
    shared.metrics.partitions.dec();
    if partition.is_silent() {
        shared.metrics.refolding.dec();
    }
    shared.metrics.forget(partition.number());
    shared.metrics.in_force(partition.number(), Some(partition.strategy.id.rules), None);
}

/// Whether a partition's error is one that passes.
fn judge(shared: &Shared, partition: i32, code: RDKafkaErrorCode) -> Result<(), Interrupt> {
    use RDKafkaErrorCode as Code;
    let topic = &shared.config.topics.touchpoints;
    let detail = match code {
        Code::AutoOffsetReset | Code::OffsetOutOfRange => {
            "the log no longer has the next offset: retention deleted records that were never folded"
        }
        Code::UnknownTopicOrPartition | Code::UnknownPartition | Code::UnknownTopic => "it is gone: the topic was deleted",
        Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed => "this user may not read it",
        _ => {
            tracing::warn!(partition, %code, "reading the partition failed; Kafka's client tries again");
            return Ok(());
        }
    };
    let doing = "reading the input";
    Err(Interrupt::End(WorkerError::Kafka {
        member: format!("{topic}-{partition}"),
        doing,
        detail: format!("{detail} ({code})"),
    }))
}
