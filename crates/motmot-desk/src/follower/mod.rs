//! The thread that reads the topic of moments and keeps table and gauges.
//!
//! It lives in sessions. A session reads the topic from its beginning and follows it; it ends when it is told to stop, or when the
//! log is no longer the one that it was reading: then the next session builds the table anew. Losing the brokers ends no session,
//! librdkafka finds its way back by itself.
//!
//! While it **catches up** (at the start, and after the brokers were away) the gauges stand still, and then show the whole truth at once:
//! a moment that was raised and recovered while nobody looked must not page.

mod log;
mod progress;
mod session;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use motmot_core::time::Timestamp;
use motmot_wire::{NotYet, ReadError, Reader};
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;

use crate::config::DeskConfig;
use crate::desk::{State, warn_of_many};
use crate::error::{DeskError, Trouble, refused};
use crate::labels::Cells;
use crate::metrics::{Metrics, Unreadable, seconds_of_millis};
use crate::recent::Recent;
use crate::table::{Change, Table, Transition};

/// Between two attempts at a session.
const RETRY: Duration = Duration::from_secs(1);
/// How soon a request to stop is seen.
const NAP: Duration = Duration::from_millis(100);
/// Moments whose first telling is remembered, so that a correction of one is not counted as another: some 8 MB at most.
const REMEMBERED: usize = 1 << 18;

type Observer = Box<dyn FnMut(&Transition<'_>) + Send>;

/// What the thread owns.
pub(crate) struct Follower {
    config: DeskConfig,
    cells: Arc<Cells>,
    metrics: Metrics,
    state: Arc<State>,
    observer: Observer,
    reader: Reader,
    table: Table,
    known: Recent,
}

impl Follower {
    pub(crate) fn new(
        config: DeskConfig,
        cells: Arc<Cells>,
        metrics: Metrics,
        state: Arc<State>,
        reader: Reader,
        observer: Observer,
    ) -> Result<Self, DeskError> {
        // Made once here, so that a property that librdkafka refuses is an error of the start and no trouble to wait for.
        drop(session::consumer(&config).map_err(|e| DeskError::Consumer(refused(&e)))?);
        let table = Table::new(Arc::clone(&cells));
        Ok(Self { config, cells, metrics, state, observer, reader, table, known: Recent::new(REMEMBERED) })
    }

    /// Until it is told to stop.
    pub(crate) fn run(mut self) {
        let _ended = Ended { state: Arc::clone(&self.state), ready: self.metrics.ready.clone() };
        while !self.state.stopping() {
            match self.session() {
                Ok(()) => {} // told to stop, or to take another strategy over
                Err(trouble) => {
                    self.note(trouble);
                    self.wait(RETRY);
                }
            }
        }
        self.state.set_trouble(None);
    }

    /// Tells what is wrong with Kafka: always to the counter, to the log when it is news.
    fn note(&self, trouble: Trouble) {
        self.metrics.errors.inc();
        self.tell(trouble);
    }

    fn tell(&self, trouble: Trouble) {
        let words = trouble.to_string();
        if self.state.set_trouble(Some(trouble)) {
            tracing::warn!("{words}");
        }
    }

    fn wait(&self, time: Duration) {
        let end = Instant::now() + time;
        while !self.state.stopping() && Instant::now() < end {
            thread::sleep(NAP);
        }
    }

    /// Takes another strategy over, if one waits: which series there are follows from it.
    fn take_strategy(&mut self) {
        let Some(strategy) = self.state.take_strategy() else { return };
        self.cells = Arc::new(Cells::new(&strategy));
        warn_of_many(&self.cells);
        self.metrics.relabel(&self.cells);
        tracing::info!(
            strategy = strategy.name,
            hash = format!("{:016x}", strategy.hash),
            "the desk takes another strategy over"
        );
    }

    /// Forgets the table; the gauges go on showing it until the new one is whole.
    fn rebuild(&mut self) {
        self.table = Table::new(Arc::clone(&self.cells));
        self.metrics.rebuilds.inc();
    }

    /// Takes one record in; `catching_up`: it was told before this session began.
    ///
    /// # Errors
    /// When its schema is not known yet; nothing was done then.
    fn record(&mut self, message: &BorrowedMessage<'_>, catching_up: bool) -> Result<(), NotYet> {
        let read = match message.payload().map(|value| self.reader.moment(value)) {
            Some(Err(ReadError::NotYet(not_yet))) => return Err(not_yet),
            Some(Err(ReadError::Dead(dead))) => Some(Err(dead)),
            Some(Ok(moment)) => Some(Ok(moment)),
            None => None,
        };
        self.metrics.records.inc();
        if let Some(millis) = message.timestamp().to_millis() {
            self.metrics.last_record.set(self.metrics.last_record.get().max(seconds_of_millis(millis)));
        }
        let Some(key) = message.key() else {
            let words = "it has no key: something else than motmot writes to this topic";
            self.unreadable(message, Unreadable::NO_KEY, &words);
            return Ok(());
        };
        match read {
            None => self.table.delete(key),
            Some(Ok(moment)) => {
                let step = self.table.put(key, &moment, &mut self.known);
                if step.change == Change::Retracted && !catching_up {
                    self.metrics.retracted.inc();
                }
                if let Some(cell) = step.cell.filter(|_| step.first && !catching_up) {
                    if self.is_history(moment.raised_at) {
                        self.metrics.told_late.inc();
                    } else {
                        self.metrics.count_flagged(cell);
                    }
                }
                (self.observer)(&Transition { change: step.change, moment: &moment, catching_up });
            }
            Some(Err(dead)) => self.unreadable(message, Unreadable::from(&dead), &dead),
        }
        Ok(())
    }

    /// Whether a moment came about so long ago that a rate of now would be wrong to have it.
    fn is_history(&self, raised_at: Timestamp) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        u64::try_from(Timestamp::from_millis(now).since(raised_at)).is_ok_and(|age| age > self.config.flagged_within_ms)
    }

    /// A record that cannot be read changes nothing: the row of its key stays as it was told last.
    fn unreadable(&self, message: &BorrowedMessage<'_>, reason: Unreadable, error: &dyn std::fmt::Display) {
        self.metrics.count_unreadable(reason);
        tracing::error!(
            topic = message.topic(),
            partition = message.partition(),
            offset = message.offset(),
            "a record of the moments cannot be read, so a page may be missing or stand too long: {error}"
        );
    }

    /// Shows in the gauges what has changed in the table.
    fn publish(&mut self) {
        self.metrics.forget_stale();
        for cell in self.table.take_changed() {
            self.metrics.show(cell, self.table.level(cell));
        }
        self.metrics.truncated.set(i64::try_from(self.table.truncated()).unwrap_or(i64::MAX));
    }
}

/// However the thread ends, nobody must take its last words for the present.
struct Ended {
    state: Arc<State>,
    ready: prometheus::IntGauge,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.ready.set(0);
        self.state.set_ready(false);
        if thread::panicking() {
            self.state.set_trouble(Some(Trouble::Ended));
        }
    }
}
