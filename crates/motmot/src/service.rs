//! A worker, a desk, or both, running in this process behind one HTTP endpoint. `worker`, `desk`, `run` and the demo are made of it.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use motmot_core::Strategy;
use motmot_desk::{Desk, DeskConfig, DeskHandle, Transition};
use motmot_stream::{Shutdown, StrategySwitch, Worker, WorkerConfig, WorkerError};
use motmot_wire::{Reader, Writer};
use prometheus::{IntCounter, IntGaugeVec, Opts, Registry};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::http::{self, Endpoint, Readiness};
use crate::lifecycle;
use crate::strategy_source::{TakeStrategy, Watch};

/// How long open connections may hold the end of the process up.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// How often it is looked whether the desk still runs.
const DESK_CHECK: Duration = Duration::from_secs(1);

/// What runs.
pub(crate) struct Service {
    role: &'static str,
    registry: Registry,
    shutdown: Shutdown,
    info: Info,
    worker: Option<RunningWorker>,
    desk: Option<Arc<DeskHandle>>,
    watch: Option<Watch>,
}

/// What this process says of itself.
#[derive(Clone)]
struct Info {
    role: &'static str,
    info: IntGaugeVec,
    rejected: IntCounter,
}

impl Info {
    fn register(role: &'static str, registry: &Registry) -> anyhow::Result<Self> {
        let info = IntGaugeVec::new(
            Opts::new("motmot_info", "1: what runs here, as labels."),
            &["version", "role", "strategy", "strategy_hash"],
        )?;
        let help = "Strategies that could not be used: the one in force stayed. The log has the reasons.";
        let rejected = IntCounter::new("motmot_strategy_rejected_total", help)?;
        registry.register(Box::new(info.clone()))?;
        registry.register(Box::new(rejected.clone()))?;
        Ok(Self { role, info, rejected })
    }

    fn set(&self, strategy: &Strategy) {
        self.info.reset();
        let labels = [env!("CARGO_PKG_VERSION"), self.role, &strategy.name, &format!("{:016x}", strategy.hash)];
        self.info.with_label_values(&labels).set(1);
    }
}

/// Whom another strategy concerns.
struct Parts {
    info: Info,
    switch: Option<StrategySwitch>,
    /// Weak: the desk ends with the service.
    desk: Option<Weak<DeskHandle>>,
}

impl TakeStrategy for Parts {
    fn take(&mut self, strategy: Strategy, text: String) -> anyhow::Result<()> {
        let strategy = Arc::new(strategy);
        if let Some(switch) = &self.switch {
            switch.swap(Arc::clone(&strategy), text)?;
        }
        if let Some(desk) = self.desk.as_ref().and_then(Weak::upgrade) {
            desk.set_strategy(Arc::clone(&strategy));
        }
        self.info.set(&strategy);
        Ok(())
    }

    fn reject(&mut self, _: &str) {
        self.info.rejected.inc();
    }
}

/// A worker's threads.
struct RunningWorker {
    switch: StrategySwitch,
    health: Arc<motmot_stream::Health>,
    ended: oneshot::Receiver<Result<(), WorkerError>>,
}

impl Service {
    /// With nothing in it yet. `role` is told on the index page.
    pub(crate) fn new(role: &'static str, strategy: &Strategy) -> anyhow::Result<Self> {
        let registry = Registry::new();
        let info = Info::register(role, &registry)?;
        info.set(strategy);
        Ok(Self { role, registry, shutdown: Shutdown::new(), info, worker: None, desk: None, watch: None })
    }

    /// Where its metrics are.
    pub(crate) fn metrics(&self) -> &Registry {
        &self.registry
    }

    /// Takes other strategies over while it runs.
    pub(crate) fn watch_strategy(&mut self, watch: Watch) {
        self.watch = Some(watch);
    }

    /// Connects a worker, checks its topics, and starts its threads. Not from within an asynchronous task: it asks and waits.
    pub(crate) fn start_worker(
        &mut self,
        config: WorkerConfig,
        strategy: Arc<Strategy>,
        text: String,
        reader: Reader,
        writer: Writer,
    ) -> anyhow::Result<()> {
        tracing::info!(
            instance = config.instance,
            shards = config.shard_count(),
            brokers = config.kafka.brokers,
            "the worker starts"
        );
        let worker = Worker::new(config, strategy, text, &self.registry)?.with_reader(reader).with_writer(writer);
        let (health, switch) = (worker.health(), worker.strategy_switch());
        let (sender, ended) = oneshot::channel();
        let shutdown = self.shutdown.clone();
        let thread = thread::Builder::new().name("motmot-worker".to_owned());
        // Nobody hears of its end only when the process is over anyway.
        thread.spawn(move || drop(sender.send(worker.run(&shutdown)))).context("the worker's thread cannot be started")?;
        self.worker = Some(RunningWorker { switch, health, ended });
        Ok(())
    }

    /// Starts a desk. `observer` runs on its thread and must not block.
    pub(crate) fn start_desk(
        &mut self,
        config: DeskConfig,
        strategy: Arc<Strategy>,
        reader: Reader,
        observer: impl FnMut(&Transition<'_>) + Send + 'static,
    ) -> anyhow::Result<()> {
        tracing::info!(topic = config.topic, brokers = config.brokers, "the desk starts");
        self.desk = Some(Arc::new(Desk::start_with(config, strategy, reader, &self.registry, observer)?));
        Ok(())
    }

    /// Whether all that was started does its work; else what it waits for.
    pub(crate) fn readiness(&self) -> Vec<(&'static str, Readiness)> {
        let mut parts: Vec<(&'static str, Readiness)> = Vec::new();
        if let Some(worker) = &self.worker {
            let health = Arc::clone(&worker.health);
            parts.push(("worker", Box::new(move || health.obstacle().map_or(Ok(()), Err))));
        }
        if let Some(desk) = &self.desk {
            let desk = Arc::clone(desk);
            parts.push(("desk", Box::new(move || desk_readiness(&desk))));
        }
        parts
    }

    /// Serves until `until` comes to its end or a part fails; then stops everything in order. What `until` said is the outcome.
    pub(crate) fn run<T>(
        mut self,
        runtime: &Runtime,
        listener: TcpListener,
        until: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let endpoint = Endpoint { role: self.role, registry: self.registry.clone(), parts: self.readiness() };
        let (stopper, stop) = lifecycle::stop();
        let parts = Parts {
            info: self.info.clone(),
            switch: self.worker.as_ref().map(|worker| worker.switch.clone()),
            desk: self.desk.as_ref().map(Arc::downgrade),
        };
        let watch = self.watch.take();
        runtime.block_on(async {
            let watching = watch.map(|watch| tokio::spawn(watch.run(parts)));
            let mut server = tokio::spawn(http::serve(listener, endpoint, stop));
            let outcome = tokio::select! {
                said = until => said,
                failed = self.failure() => Err(failed),
                served = &mut server => Err(served.map_err(anyhow::Error::from).and_then(|served| served).err()
                    .unwrap_or_else(|| anyhow!("the HTTP endpoint ended by itself"))),
            };
            if let Some(watching) = watching {
                watching.abort();
            }
            let stopped = self.stop().await;
            stopper.stop();
            if !server.is_finished() {
                // Too late is no failure: whoever asks so slowly gets no answer.
                drop(tokio::time::timeout(LAST_ANSWERS, server).await);
            }
            tracing::info!("stopped");
            outcome.and_then(|said| stopped.map(|()| said))
        })
    }

    /// Comes to its end only when a part does.
    async fn failure(&mut self) -> anyhow::Error {
        let desk = self.desk.clone();
        let desk_ends = async move {
            while desk.as_ref().is_none_or(|desk| desk.alive()) {
                tokio::time::sleep(DESK_CHECK).await;
            }
            anyhow!(motmot_desk::Trouble::Ended)
        };
        let worker_ends = async {
            match &mut self.worker {
                None => std::future::pending().await,
                Some(worker) => match (&mut worker.ended).await {
                    Ok(Err(error)) => anyhow!(error),
                    Ok(Ok(())) | Err(_) => anyhow!("the worker ended by itself: this is a fault of motmot's, please report it"),
                },
            }
        };
        tokio::select! {
            failed = worker_ends => {
                self.worker = None;
                failed
            }
            failed = desk_ends => failed,
        }
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        self.shutdown.request();
        let Some(worker) = self.worker.take() else { return Ok(()) };
        worker
            .ended
            .await
            .unwrap_or(Ok(()))
            .context("the worker did not stop in order; the next start reads again what it had not saved")
    }
}

fn desk_readiness(desk: &DeskHandle) -> Result<(), String> {
    match desk.trouble() {
        // A desk that was ready stays so: cut off, it still shows what it knew last.
        _ if desk.ready() && desk.alive() => Ok(()),
        Some(trouble) => Err(trouble.to_string()),
        None => Err("it has not yet read everything that was told before it started".to_owned()),
    }
}

/// Returns when the process is asked to stop.
pub(crate) async fn until_signal() -> anyhow::Result<()> {
    let signal = lifecycle::signal_received().await?;
    tracing::info!("{signal}: stopping");
    Ok(())
}
