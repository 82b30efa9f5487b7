//! Starting and stopping a process that serves: the runtime, and what SIGTERM and Ctrl-C mean.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Becomes true when the process is to stop. Cheap to clone; every part of the process holds one.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

/// Ends what holds the [`Stop`].
#[derive(Debug)]
pub(crate) struct Stopper(watch::Sender<bool>);

/// A stop and who can call it.
pub(crate) fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Asks everybody to stop. Nothing happens the second time.
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Returns when the process is to stop.
    pub(crate) async fn asked(mut self) {
        // The sender gone means the same: nobody is left who could ask.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// A runtime for commands that serve. Two threads: all heavy work has threads of its own. From here on a SIGHUP does not end the process.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context(
            "the process cannot start its threads; is its limit of threads or open files reached (ulimit -u, ulimit -n)?",
        )?;
    // Whoever tells all workers of another strategy also tells those that are still looking for their brokers. They read it anyway.
    let _within = runtime.enter();
    drop(signal(SignalKind::hangup()).context("SIGHUP cannot be received")?);
    Ok(runtime)
}

/// Returns at the first SIGTERM or Ctrl-C. The second one ends the process on the spot: whoever presses it twice means it, and a
/// killed worker loses nothing.
pub(crate) async fn signal_received() -> anyhow::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "Ctrl-C",
    };
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        eprintln!("motmot: stopped at once, as asked a second time; what was not committed is done again at the next start");
        std::process::exit(130);
    });
    Ok(name)
}
