//! From joining the group to leaving it: the loop.

use std::sync::Arc;
use std::time::Duration;

use motmot_core::Timestamp;

use super::assign;
use super::partition::{Partition, Tick};
use super::swap::Swap;
use super::vigil::Vigil;
use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::outbox::{Outbox, Told};
use crate::port::{Failure, Group, Rebalance, RecordError, World};
use crate::worker::Shared;

/// The longest that the loop waits for a record: rebalances, clocks and a stop are looked at as often.
const MAX_WAIT: Duration = Duration::from_millis(50);
/// Two commits are at least this far apart, also when moments are raised.
const MIN_COMMIT_INTERVAL: Duration = Duration::from_millis(10);
/// A partition this many records behind commits less often.
const FAR_BEHIND: i64 = 20_000;
/// How much less often.
const BEHIND_FACTOR: u32 = 5;
/// A transaction takes up no more deadlines after so long: it must end well before its time-out.
const MAX_ADVANCE: Duration = Duration::from_secs(2);
/// Checkpoints after one commit take about so long at most, so that they do not stand in a row.
const MAX_CHECKPOINTS: Duration = Duration::from_millis(100);
/// How long a clock waits for the end of the log before it stands until the next tick.
const MAX_ASK: Duration = Duration::from_secs(1);
/// How often the gauges are set.
const GAUGES: Duration = Duration::from_secs(1);

pub(super) struct Session<W: World> {
    pub(super) shared: Arc<Shared<W>>,
    pub(super) outbox: Outbox<W>,
    pub(super) group: W::Group,
    /// By number; the partitions of other shards are empty places.
    pub(super) partitions: Vec<Option<Partition<W>>>,
    last_commit: Duration,
    next_tick: Duration,
    next_gauges: Duration,
    pub(super) vigil: Vigil,
    is_far_behind: bool,
    /// Since it joined, or started over.
    pub(super) has_committed: bool,
    /// Some partitions were lost with the open transaction, and others were not.
    is_torn: bool,
}

impl<W: World> Session<W> {
    /// Joins the group; partitions come with its first answers.
    pub(super) fn join(shared: Arc<Shared<W>>, outbox: Outbox<W>) -> Result<Self, WorkerError> {
        let group = shared.world.join(outbox.member())?;
        let partitions = std::iter::repeat_with(|| None).take(usize::try_from(shared.partitions).unwrap_or(0)).collect();
        let now = shared.world.elapsed();
        Ok(Self {
            shared,
            outbox,
            group,
            partitions,
            last_commit: now,
            next_tick: now,
            next_gauges: now,
            vigil: Vigil::new(now),
            is_far_behind: false,
            has_committed: false,
            is_torn: false,
        })
    }

    /// One turn of the loop.
    pub(super) fn step(&mut self) -> Result<(), Interrupt> {
        self.serve_group()?;
        self.watch_membership()?;
        self.begin_swap()?;
        // More deadlines than one transaction may hold are worked off between the records; in a backlog, before more of it.
        let is_unfinished = self.partitions.iter().flatten().any(Partition::is_unfinished);
        let waits = self.is_far_behind && is_unfinished || self.partitions.iter().flatten().any(Partition::must_tell_first);
        let is_drained = !waits && self.fold_batch()?;
        if is_drained {
            self.follow_markers()?;
            self.tick();
            self.checkpoint_due()?;
        }
        self.serve_holds()?;
        if is_unfinished { self.commit() } else { self.pace(is_drained) }?;
        self.set_gauges();
        Ok(())
    }

    /// Commits and saves what there is, when nothing more is to come.
    pub(super) fn finish(&mut self) -> Result<(), Interrupt> {
        self.commit()?;
        let Self { shared, partitions, .. } = self;
        partitions.iter_mut().flatten().filter(|p| !p.is_silent()).try_for_each(|partition| partition.checkpoint(shared))
    }

    /// Gives everything back but the producer. Nothing is committed here.
    pub(super) fn leave(mut self) -> Outbox<W> {
        self.release_all();
        let Self { group, outbox, .. } = self;
        group.close();
        outbox
    }

    /// Lets go of all partitions.
    pub(super) fn release_all(&mut self) {
        let Self { shared, group, partitions, .. } = self;
        for mut partition in partitions.iter_mut().filter_map(Option::take) {
            partition.end_hold(shared, group);
            release(shared, &partition);
        }
    }

    #[cfg(test)]
    pub(super) fn standings(&self) -> Vec<Standing> {
        let of = |partition: &Partition<W>| Standing {
            number: partition.number(),
            next: partition.next(),
            position: partition.position(),
            strategy: partition.strategy.id,
            is_idle: !(partition.is_silent() || partition.is_untold() || partition.is_unfinished() || partition.is_uncommitted()),
        };
        self.partitions.iter().flatten().map(of).collect()
    }

    pub(super) fn kafka(&self, doing: &'static str, failure: Failure) -> Interrupt {
        Interrupt::End(WorkerError::Kafka { member: self.outbox.member().to_owned(), doing, detail: failure.detail })
    }

    fn place(&mut self, number: i32) -> Option<&mut Option<Partition<W>>> {
        usize::try_from(number).ok().and_then(|number| self.partitions.get_mut(number))
    }

    fn serve_group(&mut self) -> Result<(), Interrupt> {
        self.group.poll()?;
        while let Some(rebalance) = self.group.next_rebalance() {
            let answered = match &rebalance {
                Rebalance::Assigned(numbers) => self.assign(numbers),
                Rebalance::Revoked(numbers) => self.revoke(numbers),
            };
            if answered.is_err() {
                // An unanswered rebalance would keep the consumer from closing.
                self.group.put_back(rebalance);
                return answered;
            }
            // Only now: what was answered must not be put back, whatever becomes of this.
            self.reach_commits()?;
        }
        if std::mem::take(&mut self.is_torn) {
            return Err(Interrupt::Aborted("a part of the partitions was lost with the open transaction".to_owned()));
        }
        Ok(())
    }

    fn assign(&mut self, numbers: &[i32]) -> Result<(), Interrupt> {
        // Loading may take longer than an open transaction may live.
        self.commit()?;
        self.wake_coordinator(numbers)?;
        self.take_over(numbers)
    }

    /// What is committed is read next, and who is no member must not read it: others may be about to commit more.
    pub(super) fn wake_coordinator(&mut self, numbers: &[i32]) -> Result<(), Interrupt> {
        let Some(&number) = numbers.first().filter(|_| !planted!(StaleCommitTaken)) else { return Ok(()) };
        let Some(membership) = self.group.membership().filter(W::Group::is_member) else {
            self.group.poll()?; // where another has its place, it says so: that place is not to be taken back
            return Err(Interrupt::Stuck("the group has expelled this member".to_owned()));
        };
        self.outbox.wake_coordinator(number, &membership)
    }

    /// Loads partitions and begins to read them. [`Self::reach_commits`] comes next.
    pub(super) fn take_over(&mut self, numbers: &[i32]) -> Result<(), Interrupt> {
        let loaded = assign::load(&self.shared, self.outbox.member(), &mut self.group, numbers)?;
        let from: Vec<(i32, i64)> = loaded.iter().map(|partition| (partition.number(), partition.next())).collect();
        for partition in loaded {
            if let Some(place) = self.place(partition.number()) {
                *place = Some(partition);
            }
        }
        self.group.assign(&from).map_err(|e| self.kafka("taking partitions over", e))?;
        self.shared.health.joined(self.outbox.member());
        Ok(())
    }

    /// What needs no re-fold is at its commit already, and may have a swap to tell to its end.
    pub(super) fn reach_commits(&mut self) -> Result<(), Interrupt> {
        let Self { shared, outbox, partitions, .. } = self;
        partitions.iter_mut().flatten().try_for_each(|partition| partition.reach(shared, partition.next(), outbox))
    }

    fn revoke(&mut self, numbers: &[i32]) -> Result<(), Interrupt> {
        let is_lost = self.group.is_lost();
        if is_lost {
            // Others may have them already: what was not committed is theirs to tell.
            tracing::warn!(member = self.outbox.member(), "the group gave this shard's partitions away");
            self.outbox.abort()?;
        } else {
            self.commit()?;
        }
        let shared = Arc::clone(&self.shared);
        for &number in numbers {
            let Some(mut partition) = self.place(number).and_then(Option::take) else { continue };
            if !is_lost && !partition.is_silent() {
                partition.checkpoint(&shared)?;
            }
            tracing::info!(partition = number, offset = partition.next(), is_lost, "partition released");
            partition.end_hold(&shared, &mut self.group);
            release(&shared, &partition);
        }
        self.group.unassign(numbers).map_err(|e| self.kafka("giving partitions back", e))?;
        self.is_torn |= is_lost && self.partitions.iter().flatten().next().is_some();
        Ok(())
    }

    /// Takes a batch and folds it. True: nothing more lies ready.
    fn fold_batch(&mut self) -> Result<bool, Interrupt> {
        let wait = self.wait();
        let Self { shared, outbox, group, partitions, .. } = self;
        let mut result = Ok(());
        let is_drained = group.take(wait, |record| {
            if result.is_err() {
                return; // what is left of the batch will be read again
            }
            result = match record {
                Ok(record) => {
                    let place = usize::try_from(record.partition).ok().and_then(|number| partitions.get_mut(number));
                    place.and_then(Option::as_mut).map_or(Ok(()), |partition| partition.fold(shared, record, outbox))
                }
                Err(error) => judge(shared, error),
            };
        });
        result?;
        partitions.iter_mut().flatten().try_for_each(|partition| partition.save_refold(shared))?;
        let again = partitions.iter_mut().flatten().filter_map(|p| p.take_passed_over().then(|| (p.number(), p.next())));
        let again: Vec<(i32, i64)> = again.collect();
        self.rewind(&again)?;
        Ok(is_drained)
    }

    /// Reads partitions again from these offsets. What was fetched before is given no more.
    fn rewind(&mut self, to: &[(i32, i64)]) -> Result<(), Interrupt> {
        if to.is_empty() {
            return Ok(());
        }
        let numbers: Vec<i32> = to.iter().map(|(number, _)| *number).collect();
        let rewound = self.group.unassign(&numbers).and_then(|()| self.group.assign(to));
        rewound.map_err(|e| self.kafka("reading again what was passed over", e))
    }

    /// Until something else than a record is due.
    fn wait(&self) -> Duration {
        let mut wait = MAX_WAIT;
        let since = self.since(self.last_commit);
        for partition in self.partitions.iter().flatten() {
            if partition.is_unfinished() {
                return Duration::ZERO;
            } else if partition.is_untold() && since < MIN_COMMIT_INTERVAL {
                wait = wait.min(MIN_COMMIT_INTERVAL.saturating_sub(since));
            } else if partition.is_uncommitted() || partition.is_untold() {
                wait = wait.min(self.commit_interval().saturating_sub(since));
            }
        }
        wait.min(self.next_tick.saturating_sub(self.shared.world.elapsed()))
    }

    fn since(&self, then: Duration) -> Duration {
        self.shared.world.elapsed().saturating_sub(then)
    }

    fn commit_interval(&self) -> Duration {
        let interval = self.shared.config.commit_interval;
        if self.is_far_behind { interval * BEHIND_FACTOR } else { interval }
    }

    /// Transaction markers take offsets too and are never given: Kafka's client knows when they have been passed.
    fn follow_markers(&mut self) -> Result<(), Interrupt> {
        let mut waiting = self.partitions.iter().flatten();
        if !waiting.any(|p| p.is_silent() || p.tick.as_ref().is_some_and(|tick| p.next() < tick.end)) {
            return Ok(());
        }
        let positions = self.group.positions().filter(|_| !planted!(MarkersNotPassed)).unwrap_or_default();
        let Self { shared, outbox, partitions, .. } = self;
        for (number, offset) in positions {
            let place = usize::try_from(number).ok().and_then(|number| partitions.get_mut(number));
            let is_beyond = |p: &&mut Partition<W>| offset > p.next() && (p.hold.is_none() || planted!(MarkersBeyondHold));
            if let Some(partition) = place.and_then(Option::as_mut).filter(is_beyond) {
                partition.reach(shared, offset, outbox)?;
            }
        }
        Ok(())
    }

    /// Reads the wall clock, *then* asks for the end of the log: when everything before that end is folded, the reading is the clock.
    fn tick(&mut self) {
        let now = self.shared.world.elapsed();
        if now >= self.next_tick {
            self.next_tick = now + self.shared.config.tick_interval;
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
        let reading = self.shared.world.now();
        let ends = match self.shared.world.log_ends(waiting, MAX_ASK) {
            Ok(ends) => ends,
            Err(failure) => {
                // The clocks stand until the brokers answer: a backlog must not look like silence.
                tracing::warn!(member = self.outbox.member(), %failure, "asking for the log's ends");
                return;
            }
        };
        let reading = if planted!(TickAfterEnd) { self.shared.world.now() } else { reading };
        for (number, end) in ends {
            if let Some(partition) = self.place(number).and_then(Option::as_mut) {
                partition.tick = Some(Tick { reading, end });
            }
        }
    }

    /// Tells and commits when it is time: at the log's head as soon as there is something to tell, else by the interval.
    fn pace(&mut self, is_drained: bool) -> Result<(), Interrupt> {
        let since = self.since(self.last_commit);
        if since >= self.commit_interval() {
            return self.commit();
        }
        if !is_drained || since < MIN_COMMIT_INTERVAL {
            return Ok(());
        }
        let before = self.outbox.told().rows();
        let Self { shared, outbox, group, partitions, .. } = self;
        for partition in partitions.iter_mut().flatten().filter(|partition| partition.is_untold()) {
            if group.high_watermark(partition.number()).is_none_or(|end| partition.next() >= end) {
                partition.advance(shared, outbox)?;
            }
        }
        // Were it left open, what comes next might tell a row of it once more.
        let has_told = self.outbox.told().rows() > before && !planted!(TransactionLeftOpen);
        if has_told { self.commit() } else { Ok(()) }
    }

    /// Tells what is untold, and ends the transaction with the offsets and clocks of all partitions that have moved.
    pub(super) fn commit(&mut self) -> Result<(), Interrupt> {
        let begun = self.shared.world.elapsed();
        let Self { shared, outbox, partitions, .. } = self;
        let has_time = || shared.world.elapsed().saturating_sub(begun) < MAX_ADVANCE;
        for partition in partitions.iter_mut().flatten() {
            if partition.is_swapping() {
                partition.advance(shared, outbox)?; // a portion a transaction
                continue;
            }
            // Deadlines with nothing to say need no transaction of their own; any other portion does, for the next may say it otherwise.
            while partition.is_untold() || partition.is_unfinished() && !partition.has_told() && has_time() {
                partition.advance(shared, outbox)?;
            }
        }
        let entry = |partition: &Partition<W>| (partition.number(), partition.next(), partition.metadata().encode());
        let offsets: Vec<_> = partitions.iter().flatten().filter(|p| p.is_uncommitted()).map(entry).collect();
        if offsets.is_empty() && !outbox.is_open() {
            self.last_commit = begun;
            return Ok(());
        }
        let membership = self.group.membership().filter(|m| W::Group::is_member(m) || planted!(CommitOfExpelled));
        let membership = membership.ok_or_else(|| Interrupt::Aborted("the group has expelled this member".to_owned()))?;
        let told = self.outbox.commit(&offsets, &membership)?;
        self.last_commit = self.shared.world.elapsed();
        self.has_committed = true;
        self.after_commit(begun, &told);
        self.checkpoint_due()
    }

    fn after_commit(&mut self, begun: Duration, told: &Told) {
        let Self { shared, group, partitions, .. } = self;
        let metrics = &shared.metrics;
        metrics.commits.inc();
        metrics.commit_seconds.observe(self.last_commit.saturating_sub(begun).as_secs_f64());
        metrics.told_moments.inc_by(told.moments);
        metrics.told_cycles.inc_by(told.cycles);
        metrics.outside_customer_file.inc_by(told.outside_customer_file);
        metrics.truncated.inc_by(told.truncated);
        let now = shared.world.now().as_millis();
        self.is_far_behind = false;
        for partition in partitions.iter_mut().flatten().filter(|partition| !partition.is_silent()) {
            let lag = group.high_watermark(partition.number()).map_or(0, |end| end - partition.next());
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
            partition.committed(shared);
        }
    }

    /// Saves partitions whose checkpoint is due and whose state is all committed, the longest waiting first.
    fn checkpoint_due(&mut self) -> Result<(), Interrupt> {
        let Self { shared, partitions, .. } = self;
        let begun = shared.world.elapsed();
        while shared.world.elapsed().saturating_sub(begun) < MAX_CHECKPOINTS {
            let due = partitions.iter_mut().flatten().filter(|partition| partition.is_checkpoint_due(shared));
            let Some(partition) = due.max_by_key(|partition| partition.since_checkpoint(shared)) else { break };
            partition.checkpoint(shared)?;
        }
        partitions.iter_mut().flatten().for_each(|partition| partition.snapshot_due(shared));
        Ok(())
    }

    fn set_gauges(&mut self) {
        let now = self.shared.world.elapsed();
        if now < self.next_gauges {
            return;
        }
        self.next_gauges = now + GAUGES;
        let metrics = &self.shared.metrics;
        for partition in self.partitions.iter().flatten() {
            let label = partition.number().to_string();
            let set = |gauge: &prometheus::IntGaugeVec, value: i64| gauge.with_label_values(&[&label]).set(value);
            let end = self.group.high_watermark(partition.number());
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

/// Where a partition stands, for the simulator.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) number: i32,
    pub(crate) next: i64,
    pub(crate) position: motmot_core::engine::Position,
    pub(crate) strategy: motmot_store::StrategyId,
    /// All that it knows is told and committed.
    pub(crate) is_idle: bool,
}

pub(super) fn release<W: World>(shared: &Shared<W>, partition: &Partition<W>) {
    shared.metrics.partitions.dec();
    if partition.is_silent() {
        shared.metrics.refolding.dec();
    }
    shared.metrics.forget(partition.number());
    shared.metrics.in_force(partition.number(), Some(partition.strategy.id.rules), None);
}

fn judge<W: World>(shared: &Shared<W>, error: RecordError) -> Result<(), Interrupt> {
    match error {
        RecordError::Passing { partition, detail } => {
            tracing::warn!(partition, detail, "reading the partition failed; Kafka's client tries again");
            Ok(())
        }
        RecordError::Lasting { partition, detail } => {
            let member = format!("{}-{partition}", shared.config.topics.touchpoints);
            Err(Interrupt::End(WorkerError::Kafka { member, doing: "reading the input", detail }))
        }
    }
}
