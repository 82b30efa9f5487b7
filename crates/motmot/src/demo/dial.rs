//! What the demo's clock shows: the local time of the simulated service, and durations as its people would say them.

use chrono::{NaiveDateTime, TimeDelta};
use motmot_core::Timestamp;

/// Turns instants of the demo into local times of the service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dial {
    opened_at: Timestamp,
    opening: NaiveDateTime,
    /// How long, in the service, a millisecond of the touchpoints' own times is.
    stretch: i32,
}

impl Dial {
    /// At `opened_at` the service's clocks show `opening`.
    pub(crate) const fn new(opened_at: Timestamp, opening: NaiveDateTime, stretch: i32) -> Self {
        Self { opened_at, opening, stretch }
    }

    /// The same dial for a service that opens at another instant.
    pub(super) const fn opened(self, opened_at: Timestamp) -> Self {
        Self { opened_at, ..self }
    }

    /// The local time, with the day of the week after the first day.
    pub(super) fn clock(&self, at: Timestamp) -> String {
        let local = self.opening + TimeDelta::milliseconds(self.length(at.since(self.opened_at)));
        local.format(if local.date() == self.opening.date() { "%H:%M" } else { "%a %H:%M" }).to_string()
    }

    /// How long the service has been open.
    pub(super) fn open_for(&self, now: Timestamp) -> String {
        self.duration(now.since(self.opened_at))
    }

    /// A duration in words, to the minute.
    pub(super) fn duration(&self, millis: i64) -> String {
        let minutes = (self.length(millis).max(0) + 30_000) / 60_000;
        match (minutes / 1_440, minutes / 60 % 24, minutes % 60) {
            (0, 0, minutes) => format!("{minutes} min"),
            (0, hours, minutes) => format!("{hours} h {minutes:02} min"),
            (days, hours, _) => format!("{days} d {hours} h"),
        }
    }

    fn length(&self, millis: i64) -> i64 {
        millis.saturating_mul(i64::from(self.stretch))
    }
}
