//! A worker as a process of its own, for tests that kill it: `test-worker CONFIG.json STRATEGY.yaml`. Stdin's end stops it in order.

use std::io::Read as _;
use std::sync::Arc;

use motmot_core::Strategy;
use motmot_stream::{Shutdown, Worker, WorkerConfig};

fn main() {
    if let Err(error) = run() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: test-worker CONFIG.json STRATEGY.yaml");
    let config: WorkerConfig = serde_json::from_str(&std::fs::read_to_string(next()?)?)?;
    let text = std::fs::read_to_string(next()?)?;
    let strategy = Arc::new(Strategy::load("strategy", &text).map_err(|problems| problems.to_string())?);
    let worker = Worker::new(config, strategy, text, &prometheus::Registry::new())?;
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    std::thread::spawn(move || {
        // Whatever ends the input, ends the worker.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        stop.request();
    });
    worker.run(&shutdown)?;
    Ok(())
}
