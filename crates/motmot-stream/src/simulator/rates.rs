//! How often what goes wrong. Each run draws its own: some runs know one kind of trouble only, and much of it.

use super::random::Random;

/// In ten thousand calls, unless said otherwise.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    pub(super) kill: usize,
    pub(super) stall: usize,
    pub(super) mishap: usize,
    pub(super) disk: usize,
    /// In a thousand fetches.
    pub(super) refetch: usize,
    /// In a thousand turns of the run's own loop: what happens around the processes.
    pub(super) event: Events,
}

#[derive(Clone, Debug)]
pub(super) struct Events {
    pub(super) start: usize,
    pub(super) stop: usize,
    pub(super) kill: usize,
    pub(super) machine: usize,
    pub(super) clock: usize,
    pub(super) swap: usize,
    pub(super) sigstop: usize,
    pub(super) outage: usize,
    pub(super) disk_full: usize,
    pub(super) retention: usize,
    pub(super) expire: usize,
    pub(super) reset: usize,
}

impl Rates {
    pub(super) fn draw(random: &mut Random) -> Self {
        let mut rate = |low: usize, high: usize| *random.pick(&[0, 0, low, high]);
        Self {
            kill: rate(5, 40),
            stall: rate(5, 40),
            mishap: rate(20, 300),
            disk: rate(1, 10),
            refetch: rate(10, 200),
            event: Events {
                start: rate(5, 20),
                stop: rate(5, 20),
                kill: rate(5, 20),
                machine: rate(2, 10),
                clock: rate(5, 20),
                swap: rate(5, 30),
                sigstop: rate(5, 30),
                outage: rate(2, 10),
                disk_full: rate(2, 8),
                retention: rate(0, 1),
                expire: rate(0, 2),
                reset: rate(0, 1),
            },
        }
    }
}
