//! Starting and stopping the desk, and asking it how it is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use motmot_core::strategy::Strategy;
use motmot_wire::Reader;
use prometheus::Registry;

use crate::config::DeskConfig;
use crate::error::{DeskError, Trouble};
use crate::follower::Follower;
use crate::labels::Cells;
use crate::metrics::Metrics;
use crate::table::Transition;

/// A chart of more series than this loads slowly, and each desk has four of them.
const MANY_CELLS: usize = 20_000;

/// The read side: follows the moments and keeps the gauges.
#[derive(Debug)]
pub struct Desk;

impl Desk {
    /// Starts a desk on a thread of its own. Brokers that cannot be reached and a topic that is not there yet are no errors: the
    /// desk goes on trying, and [`DeskHandle::trouble`] says what it waits for.
    ///
    /// ```no_run
    /// # fn run(strategy: std::sync::Arc<motmot_core::Strategy>) -> Result<(), motmot_desk::DeskError> {
    /// let registry = prometheus::Registry::new();
    /// let desk = motmot_desk::Desk::start(motmot_desk::DeskConfig::default(), strategy, &registry)?;
    /// println!("ready: {}, trouble: {:?}", desk.ready(), desk.trouble());
    /// desk.stop();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What no retry can mend: a wrong property, a second desk in one registry, no thread.
    pub fn start(config: DeskConfig, strategy: Arc<Strategy>, registry: &Registry) -> Result<DeskHandle, DeskError> {
        Self::start_with(config, strategy, Reader::new(), registry, |_| {})
    }

    /// As [`Desk::start`], with a reader that may know a schema registry, and tells `observer` of every transition. It runs on the desk's thread: it must not block.
    ///
    /// # Errors
    /// As [`Desk::start`].
    pub fn start_with(
        config: DeskConfig,
        strategy: Arc<Strategy>,
        reader: Reader,
        registry: &Registry,
        observer: impl FnMut(&Transition<'_>) + Send + 'static,
    ) -> Result<DeskHandle, DeskError> {
        let cells = Arc::new(Cells::new(&strategy));
        warn_of_many(&cells);
        let metrics = Metrics::new(&cells, registry)?;
        let state = Arc::new(State::default());
        let follower = Follower::new(config, cells, metrics, Arc::clone(&state), reader, Box::new(observer))?;
        let thread =
            thread::Builder::new().name("motmot-desk".to_owned()).spawn(move || follower.run()).map_err(DeskError::Thread)?;
        Ok(DeskHandle { state, thread: Some(thread) })
    }
}

pub(crate) fn warn_of_many(cells: &Cells) {
    if cells.count() > MANY_CELLS {
        tracing::warn!(
            combinations = cells.count(),
            "the strategy declares very many combinations of site, rule and severity, and each has series of its own"
        );
    }
}

/// What the thread and its handle share.
#[derive(Debug, Default)]
pub(crate) struct State {
    ready: AtomicBool,
    stop: AtomicBool,
    trouble: Mutex<Option<Trouble>>,
    /// Another strategy, until the thread has taken it over.
    strategy: Mutex<Option<Arc<Strategy>>>,
}

impl State {
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Whether another strategy waits.
    pub(crate) fn has_strategy(&self) -> bool {
        self.strategy.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The strategy that waits.
    pub(crate) fn take_strategy(&self) -> Option<Arc<Strategy>> {
        self.strategy.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Notes what keeps the desk from its work; whether that is news.
    pub(crate) fn set_trouble(&self, trouble: Option<Trouble>) -> bool {
        let mut current = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *current != trouble;
        *current = trouble;
        news
    }
}

/// A running desk. Dropping it stops it.
#[derive(Debug)]
pub struct DeskHandle {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

impl DeskHandle {
    /// Whether the desk has read everything that was told before it started. Once it has, it stays so while it runs: cut off from
    /// Kafka it shows what it knew last, which is better than nothing, and its metrics say how old that is.
    pub fn ready(&self) -> bool {
        self.state.ready.load(Ordering::Acquire)
    }

    /// What keeps the desk from its work now, in words; none: nothing does.
    pub fn trouble(&self) -> Option<Trouble> {
        self.state.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows the sites, rules and severities of another strategy from now on. The topic is read again for it; meanwhile the gauges stand
    /// still. Returns before it is done.
    pub fn set_strategy(&self, strategy: Arc<Strategy>) {
        *self.state.strategy.lock().unwrap_or_else(PoisonError::into_inner) = Some(strategy);
    }

    /// Whether the desk's thread runs. When it does not, and nobody stopped it, the process is not alive in any useful sense.
    pub fn alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Stops the desk and waits for it: at most a few seconds.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.state.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic has been told by the panic hook and by the state.
            drop(thread.join());
        }
    }
}

impl Drop for DeskHandle {
    fn drop(&mut self) {
        self.end();
    }
}
