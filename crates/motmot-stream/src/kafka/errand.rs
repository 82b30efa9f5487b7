//! Calls of librdkafka that may not come back, each on a thread of its own.
//!
//! Why: a call's time-out is kept by most of them and not by all. `rd_kafka_send_offsets_to_transaction` waits for the group's
//! coordinator without end if that has left the cluster (confluentinc/librdkafka#5456, #5511: a broker that is restarted leaves it), and
//! closing a client waits for threads of which one may wait for the other. A shard that stood in such a call could neither say so nor be
//! stopped. So it waits here, for as long as it likes, and may go away: the call keeps its thread and what it holds until it comes
//! back or the process ends.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// A call that is under way.
pub(super) struct Errand<T> {
    answer: Receiver<T>,
}

impl<T: Send + 'static> Errand<T> {
    /// Makes the call, on a thread that is called `name`.
    ///
    /// # Errors
    /// When there can be no such thread.
    pub(super) fn begin(name: String, call: impl FnOnce() -> T + Send + 'static) -> std::io::Result<Self> {
        let (told, answer) = sync_channel(1);
        std::thread::Builder::new().name(name).spawn(move || {
            // Nobody may be left to hear it.
            let _ = told.send(call());
        })?;
        Ok(Self { answer })
    }

    /// Waits for its answer, for so long; none: it is still under way.
    ///
    /// # Panics
    /// When the call did.
    pub(super) fn wait(&self, wait: Duration) -> Option<T> {
        match self.answer.recv_timeout(wait) {
            Ok(answer) => Some(answer),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("a call of Kafka's client ended by a panic; its words are above"),
        }
    }
}

/// How long a client may take to close.
const CLOSING: Duration = if cfg!(test) { Duration::from_millis(1) } else { Duration::from_secs(5) };

/// Keeps the last reference to a client: when it is dropped the client closes, and nobody waits for that longer than [`CLOSING`].
pub(super) struct Last<C: Send + 'static> {
    name: String,
    client: Option<C>,
}

impl<C: Send + 'static> Last<C> {
    /// For the log: whose client it is, and what it does.
    pub(super) fn new(name: String, client: C) -> Self {
        Self { name, client: Some(client) }
    }
}

impl<C: Send + 'static> Drop for Last<C> {
    fn drop(&mut self) {
        let (client, name) = (self.client.take(), std::mem::take(&mut self.name));
        let closed = Errand::begin(format!("{name} closing"), move || drop(client)).map(|errand| errand.wait(CLOSING));
        if !matches!(closed, Ok(Some(()))) {
            tracing::warn!(
                client = name,
                seconds = CLOSING.as_secs(),
                "it does not close and is left to itself: it ends with the process"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Barrier};

    use super::*;

    #[test]
    fn a_call_that_does_not_come_back_keeps_nobody() {
        let gate = Arc::new(Barrier::new(2));
        let errand = {
            let gate = Arc::clone(&gate);
            Errand::begin("test".to_owned(), move || {
                gate.wait();
                7
            })
            .unwrap()
        };
        assert_eq!(errand.wait(Duration::from_millis(1)), None);
        assert_eq!(errand.wait(Duration::from_millis(1)), None, "it may be waited for again");
        gate.wait();
        assert_eq!(errand.wait(Duration::from_secs(60)), Some(7));
    }

    #[test]
    fn a_client_that_does_not_close_keeps_nobody() {
        struct Client(Arc<Barrier>, Arc<AtomicBool>);
        impl Drop for Client {
            fn drop(&mut self) {
                self.0.wait();
                self.1.store(true, Ordering::SeqCst);
                self.0.wait();
            }
        }
        let (gate, is_closed) = (Arc::new(Barrier::new(2)), Arc::new(AtomicBool::new(false)));
        drop(Last::new("test".to_owned(), Client(Arc::clone(&gate), Arc::clone(&is_closed))));
        assert!(!is_closed.load(Ordering::SeqCst));
        gate.wait();
        gate.wait();
        assert!(is_closed.load(Ordering::SeqCst), "it closes all the same, when it can");
    }
}
