//! The clock that a worker lives by: the wall's, or that of a simulation, which runs faster.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use motmot_core::Timestamp;

/// Tells what time it is. Clones tell the same.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Simulated>>);

impl PartialEq for Clock {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Eq for Clock {}

#[derive(Debug)]
struct Simulated {
    begins_at: Timestamp,
    speed: u32,
    started: OnceLock<Instant>,
}

impl Clock {
    /// Stands at `begins_at` until it is started, and then runs `speed` times as fast as the wall's (at least once).
    pub fn simulated(begins_at: Timestamp, speed: u32) -> Self {
        Self(Some(Arc::new(Simulated { begins_at, speed: speed.max(1), started: OnceLock::new() })))
    }

    /// Starts a simulation's clock; a second start changes nothing.
    pub fn start(&self) {
        if let Some(simulated) = &self.0 {
            simulated.started.get_or_init(Instant::now);
        }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            None => wall_clock(),
            Some(simulated) => {
                let elapsed = simulated.started.get().map_or(Duration::ZERO, Instant::elapsed);
                simulated.begins_at.plus(millis(elapsed.saturating_mul(simulated.speed)))
            }
        }
    }

    /// How long it is until then, for who waits by the wall's clock.
    pub fn wait_until(&self, at: Timestamp) -> Duration {
        let wait = Duration::from_millis(u64::try_from(at.since(self.now())).unwrap_or_default());
        wait / self.0.as_ref().map_or(1, |simulated| simulated.speed)
    }
}

/// The only look at the wall clock.
fn wall_clock() -> Timestamp {
    Timestamp::from_millis(millis(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_s_clock_stands_until_it_is_started_and_then_runs_faster() {
        let begins_at = Timestamp::from_millis(1_800_000_000_000);
        let clock = Clock::simulated(begins_at, 3_600_000);
        assert_eq!(clock.now(), begins_at);
        assert_eq!(clock.wait_until(begins_at.plus(7_200_000)), Duration::from_millis(2));
        let other = clock.clone();
        clock.start();
        while other.now() < begins_at.plus(3_600_000) {
            std::thread::yield_now(); // a millisecond, which is an hour
        }
        assert_eq!(other.wait_until(begins_at), Duration::ZERO);
    }
}
