//! Puts the demo together, and takes it apart again.

use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use motmot_core::Strategy;
use motmot_desk::{DeskConfig, Transition};
use motmot_stream::{InputTimestamps, TopicNames, WorkerConfig};
use motmot_wire::{Reader, Writer};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::broker::Broker;
use super::example::Play;
use super::narrator::{Narrator, RECOVERED_WANTED};
use super::source::Source;
use crate::cli::{Demo, Settings};
use crate::config::{Config, Origin};
use crate::failure::AlreadyTold;
use crate::output::{self, Paint};
use crate::service::Service;
use crate::{http, lifecycle};

/// `--check` without `--seconds`.
const CHECK_SECONDS: u64 = 120;
/// A group on the mock cluster takes three seconds to form.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// `motmot demo`.
pub(crate) fn run(settings: &Settings, arguments: Demo) -> anyhow::Result<()> {
    let config = settings.load_quietly()?;
    let paint = Paint::for_stdout();
    let play = Arc::new(arguments.example.map_or_else(|| Ok(Play::morning()), Play::example)?);
    let strategy = Arc::new(Strategy::load(play.path, play.strategy)?);
    let runtime = lifecycle::runtime()?;
    let listener = runtime.block_on(bind(&config))?;
    let topics = TopicNames::default();
    let broker = Broker::start(&topics)?;
    let folder = tempfile::tempdir().context("the demo needs a temporary folder; is TMPDIR writable?")?;
    output::line(greeting(&play, &paint, &http::address(&listener)?.to_string(), &broker.address()))?;

    let (lines, heard) = unbounded_channel();
    // The service opens when everybody is there; until then no touchpoint is sent, so none is told.
    let narrator = Arc::new(Mutex::new(Narrator::new(play.dial, paint)));
    let mut service = Service::new("demo", &strategy)?;
    let worker = worker(&broker, &topics, folder.path(), &play);
    service.start_worker(worker, Arc::clone(&strategy), play.strategy.to_owned(), Reader::new(), Writer::new())?;
    let desk = DeskConfig { brokers: broker.address(), topic: topics.moments.clone(), ..DeskConfig::default() };
    service.start_desk(desk, strategy, Reader::new(), observer(Arc::clone(&narrator), lines))?;
    let ready = service.readiness();
    let source = Source::new(&broker.address(), &topics.touchpoints)?;
    let (shared, playing) = (Arc::clone(&narrator), Arc::clone(&play));
    let enough = service.run(&runtime, listener, async move {
        let signal = lifecycle::signal_received();
        tokio::pin!(signal);
        tokio::select! {
            ready = wait_until(|| ready.iter().all(|(_, ready)| ready().is_ok())) => ready?,
            signal = &mut signal => return signal.map(|_| false),
        }
        locked(&shared).open(playing.clock.now());
        playing.clock.start();
        play_out(source, playing, arguments, shared, heard, signal).await
    })?;
    let summary = locked(&narrator).summary(play.clock.now());
    output::line(summary)?;
    if arguments.check && !enough {
        output::line(format!(
            "\nThe check failed: {} kinds and {RECOVERED_WANTED} recoveries were wanted.",
            play.kinds_wanted()
        ))?;
        return Err(AlreadyTold.into());
    }
    Ok(())
}

/// Where the demo serves: as configured, or, if nobody configured it and the address is taken, anywhere.
async fn bind(config: &Config) -> anyhow::Result<TcpListener> {
    match http::bind(config.text("http.listen")).await {
        Err(_) if config.origin("http.listen") == Origin::Default => http::bind("127.0.0.1:0").await,
        bound => bound,
    }
}

fn worker(broker: &Broker, topics: &TopicNames, folder: &std::path::Path, play: &Play) -> WorkerConfig {
    let mut config = WorkerConfig::new(broker.address(), "demo");
    config.topics = topics.clone();
    // The mock cluster has no clock of its own.
    config.input_timestamps = InputTimestamps::Producer;
    config.is_mock_cluster = true;
    config.clock = play.clock.clone();
    config.shards = 1;
    config.store = folder.join("store");
    config.block_cache_bytes = 16 << 20;
    config.write_buffer_bytes = 8 << 20;
    config
}

/// Turns what the desk hears into lines, on the desk's thread; they are printed elsewhere, because a terminal may block.
fn observer(narrator: Arc<Mutex<Narrator>>, lines: UnboundedSender<String>) -> impl FnMut(&Transition<'_>) + Send + 'static {
    move |transition| {
        if let Some(line) = locked(&narrator).tell(transition.change, transition.moment) {
            // After the end nobody reads them any more.
            drop(lines.send(line));
        }
    }
}

/// Plays and prints until the time is over, Ctrl-C comes, or a check has seen enough; whether enough was seen.
async fn play_out(
    source: Source,
    play: Arc<Play>,
    arguments: Demo,
    narrator: Arc<Mutex<Narrator>>,
    mut lines: UnboundedReceiver<String>,
    mut signal: Pin<&mut impl Future<Output = anyhow::Result<&'static str>>>,
) -> anyhow::Result<bool> {
    let seconds = arguments.seconds.or(arguments.check.then_some(CHECK_SECONDS));
    let (stopper, stop) = lifecycle::stop();
    let people = Arc::clone(&narrator);
    let service = Arc::clone(&play);
    let mut playing = tokio::spawn(async move {
        let opened_at = service.clock.now();
        source.play(&service, arguments.seed, opened_at, move |customers| locked(&people).meet(customers), stop).await
    });
    let time_is_over = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => pending().await,
        }
    };
    tokio::pin!(time_is_over);
    loop {
        tokio::select! {
            Some(line) = lines.recv() => output::line(line)?,
            () = &mut time_is_over => break,
            signal = &mut signal => { signal?; break; }
            played = &mut playing => { played??; }
        }
        if arguments.check && locked(&narrator).has_shown(play.kinds_wanted()) {
            break;
        }
    }
    stopper.stop();
    if !playing.is_finished() {
        playing.await??;
    }
    let enough = locked(&narrator).has_shown(play.kinds_wanted());
    Ok(enough)
}

async fn wait_until(ready: impl Fn() -> bool) -> anyhow::Result<()> {
    let waiting = async {
        while !ready() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(START_PATIENCE, waiting)
        .await
        .context("worker and desk were not ready in 30 s: this machine is very busy, or it is a fault of motmot's")
}

fn locked(narrator: &Mutex<Narrator>) -> std::sync::MutexGuard<'_, Narrator> {
    narrator.lock().unwrap_or_else(PoisonError::into_inner)
}

fn greeting(play: &Play, paint: &Paint, address: &str, broker: &str) -> String {
    let bold = |text: &str| paint.bold(text);
    format!(
        "{title}\n\n  \
         A simulated service sends touchpoints to a Kafka broker inside this process; motmot's worker reconstructs every\n  \
         customer's service cycle and flags the critical moments of truth; its desk follows them. One second here is\n  \
         {second} there. The promises: {path}\n\n  \
         metrics   {metrics}\n  readiness {ready}\n  broker    {broker}\n\n  \
         Ctrl-C ends it.\n",
        title = bold(&play.title),
        second = play.second,
        path = play.path,
        metrics = bold(&format!("http://{address}/metrics")),
        ready = bold(&format!("http://{address}/readyz")),
    )
}
