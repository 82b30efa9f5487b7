//! The worker: what its shards share, and their threads.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use motmot_core::Strategy;
use motmot_wire::{Reader, Writer};
use prometheus::Registry;

use crate::config::WorkerConfig;
use crate::error::WorkerError;
use crate::kafka::Kafka;
use crate::metrics::Metrics;
use crate::strategies::{self, Current, Loaded};
use crate::{shard, topics};

/// A request to stop that many threads can see. Clones are the same request.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<AtomicBool>);

impl Shutdown {
    /// Not requested yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop: what is folded is committed and saved first.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was asked for.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What `/readyz` asks: whether every shard has joined the group and told its first assignment.
#[derive(Debug)]
pub struct Health {
    shards: usize,
    joined: Mutex<BTreeSet<String>>,
    refolding: prometheus::IntGauge,
    waiting: prometheus::IntGauge,
}

impl Health {
    pub(crate) fn new(shards: usize, metrics: &Metrics) -> Self {
        Self { shards, joined: Mutex::default(), refolding: metrics.refolding.clone(), waiting: metrics.waiting.clone() }
    }

    pub(crate) fn joined(&self, member: &str) {
        let mut joined = self.joined.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !joined.contains(member) {
            joined.insert(member.to_owned());
        }
    }

    /// Why the worker is not ready; none: it is.
    pub fn obstacle(&self) -> Option<String> {
        let joined = self.joined.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len();
        let refolding = self.refolding.get();
        if joined < self.shards {
            return Some(format!("{joined} of {} shards have joined the group", self.shards));
        }
        let waiting = self.waiting.get();
        if waiting > 0 {
            return Some(format!("{waiting} partitions wait for the schema registry; the log says for which schema and why"));
        }
        (refolding > 0).then(|| format!("{refolding} partitions are folding up to the last commit"))
    }
}

/// What all shards of a worker have in common.
pub(crate) struct Shared<W> {
    pub(crate) world: W,
    pub(crate) config: WorkerConfig,
    /// What the partitions are to have; each has its own until it has been swapped.
    pub(crate) strategy: Current,
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    pub(crate) metrics: Metrics,
    pub(crate) health: Arc<Health>,
    /// A stop of this worker, whoever asked for it.
    pub(crate) stop: Shutdown,
    /// The input topic's.
    pub(crate) partitions: i32,
    pub(crate) topic_id: String,
}

/// Rows that are worth a checkpoint, however few may be in memory.
const LEAST_DIRTY_ROWS: usize = 10_000;

impl<W> Shared<W> {
    /// The bound on rows in memory is a shard's; its partitions share it as they are shared among the shards.
    pub(crate) fn hot_rows_per_partition(&self) -> usize {
        let partitions = usize::try_from(self.partitions).unwrap_or(1).max(1);
        let shards = self.config.shard_count();
        (self.config.max_hot_cycles.saturating_mul(shards) / partitions).max(1)
    }

    /// So many rows of a partition may wait for a checkpoint: they cannot leave memory before it, however many are hot already.
    pub(crate) fn dirty_rows_per_partition(&self) -> usize {
        (self.hot_rows_per_partition() / 16).max(LEAST_DIRTY_ROWS)
    }
}

/// Folds the input's partitions that its group gives it.
///
/// ```no_run
/// # fn f(strategy: std::sync::Arc<motmot_core::Strategy>, text: String) -> Result<(), motmot_stream::WorkerError> {
/// use motmot_stream::{Shutdown, Worker, WorkerConfig};
/// let shutdown = Shutdown::new(); // a clone goes to whoever hears SIGTERM
/// let worker = Worker::new(WorkerConfig::new("localhost:9092", "worker-1"), strategy, text, &prometheus::Registry::new())?;
/// worker.run(&shutdown)
/// # }
/// ```
pub struct Worker {
    shared: Arc<Shared<Kafka>>,
}

impl Worker {
    /// Connects and checks the topics; nothing is read yet. `strategy_text` is the file that `strategy` was loaded from.
    ///
    /// # Errors
    /// When no broker answers, a topic is missing or not as it must be, or the metrics are registered already.
    pub fn new(
        config: WorkerConfig,
        strategy: Arc<Strategy>,
        strategy_text: String,
        registry: &Registry,
    ) -> Result<Self, WorkerError> {
        let metrics = Metrics::register(registry)?;
        let input = topics::inspect(&config)?;
        let loaded = Loaded::new(strategy, strategy_text);
        keep_text(&config, &loaded)?;
        let health = Health::new(config.shard_count(), &metrics);
        let shared = Shared {
            world: Kafka::new(&config, &input, &metrics.snapshots)?,
            strategy: Current::new(loaded),
            reader: Reader::new(),
            writer: Writer::new(),
            metrics,
            health: Arc::new(health),
            stop: Shutdown::new(),
            partitions: input.partitions,
            topic_id: input.topic_id,
            config,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Reads records with `reader`, which may know newer writers' schemas or a registry. Before [`Worker::run`].
    #[must_use]
    pub fn with_reader(mut self, reader: Reader) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.reader = reader;
        }
        self
    }

    /// Writes the tables' rows with `writer`, which may know their schemas' numbers in a registry. Before [`Worker::run`].
    #[must_use]
    pub fn with_writer(mut self, writer: Writer) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.writer = writer;
        }
        self
    }

    /// What puts another strategy in force while it runs.
    pub fn strategy_switch(&self) -> StrategySwitch {
        StrategySwitch(Arc::clone(&self.shared))
    }

    /// Whether it is ready, for as long as it runs.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.shared.health)
    }

    /// Runs the shards until `shutdown` is requested or one of them ends; then stops the others in order. To be called once.
    ///
    /// After `shutdown` it returns within 50 s, whatever the brokers do: a shard that waits for them gives up what it has not committed,
    /// and the next start reads it again.
    ///
    /// # Errors
    /// The first shard's error.
    pub fn run(&self, shutdown: &Shutdown) -> Result<(), WorkerError> {
        // Another worker of the process may share `shutdown`: a shard that ends stops its own worker only.
        let stop = &self.shared.stop;
        let mut first = Ok(());
        std::thread::scope(|scope| {
            let shards = (0..self.shared.config.shard_count()).map(|index| self.spawn(scope, index)).collect::<Vec<_>>();
            while !shutdown.is_requested() && shards.iter().flatten().any(|shard| !shard.is_finished()) && !stop.is_requested() {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            stop.request();
            for (index, shard) in shards.into_iter().enumerate() {
                let thread = |what: String| WorkerError::Thread { member: self.shared.config.member(index), what };
                let ended = match shard {
                    Ok(shard) => shard.join().unwrap_or_else(|_| Err(thread("ended by a panic; its words are above".to_owned()))),
                    Err(e) => Err(thread(format!("could not be started as a thread: {e}"))),
                };
                if let Err(error) = ended {
                    tracing::error!(member = self.shared.config.member(index), "{error}");
                    first = std::mem::replace(&mut first, Ok(())).and(Err(error));
                }
            }
        });
        first
    }

    fn spawn<'scope>(
        &self,
        scope: &'scope std::thread::Scope<'scope, '_>,
        index: usize,
    ) -> std::io::Result<std::thread::ScopedJoinHandle<'scope, Result<(), WorkerError>>> {
        let shared = Arc::clone(&self.shared);
        std::thread::Builder::new().name(self.shared.config.member(index)).spawn_scoped(scope, move || {
            let _end = EndsAll(shared.stop.clone());
            shard::run(&shared, index)
        })
    }
}

/// Puts another strategy in force on a running worker.
#[derive(Clone)]
pub struct StrategySwitch(Arc<Shared<Kafka>>);

impl StrategySwitch {
    /// From now on each partition goes over to `strategy`, one at a time in each shard, at a commit: its cycles that are not final are
    /// judged anew, and what differs is told. `text` is what it was loaded from. Returns before it is done.
    ///
    /// # Errors
    /// When the text cannot be kept in the topic of strategies; the worker then goes on with the strategy that it has.
    pub fn swap(&self, strategy: Arc<Strategy>, text: String) -> Result<(), WorkerError> {
        let loaded = Loaded::new(strategy, text);
        if loaded.id == self.0.strategy.get().id {
            return Ok(());
        }
        keep_text(&self.0.config, &loaded)?;
        tracing::info!(strategy = loaded.strategy.name, id = %loaded.id, "a new strategy: the partitions go over to it, one after another");
        self.0.strategy.set(loaded);
        Ok(())
    }
}

impl std::fmt::Debug for StrategySwitch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StrategySwitch").field(&self.0.strategy).finish()
    }
}

/// Keeps the text of a strategy for those who must fold again what was folded under it: before anything rests on it.
fn keep_text(config: &WorkerConfig, loaded: &Loaded) -> Result<(), WorkerError> {
    let record = (strategies::text_key(loaded.id), Some(loaded.text.as_str()));
    strategies::publish(&config.kafka, &config.topics.strategies, &[record])
}

/// A shard that ends, however it does, ends the worker: its partitions must not be left without a word.
struct EndsAll(Shutdown);

impl Drop for EndsAll {
    fn drop(&mut self) {
        self.0.request();
    }
}
