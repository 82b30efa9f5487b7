//! The services that the demo can play: the bank morning with its queue, and the strategies of `examples/`.

use anyhow::Context as _;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use motmot_core::Timestamp;
use motmot_stream::Clock;

use super::dial::Dial;
use super::morning::{self, STRETCH_MS, Stretch};
use super::player;
use super::template::Service;
use crate::cli::Example;

/// The strategy and the scenes of an example, as they were when this program was built.
macro_rules! files {
    ($name:literal) => {
        (
            concat!("examples/", $name, "/strategy.yaml"),
            include_str!(concat!("../../../../examples/", $name, "/strategy.yaml")),
            include_str!(concat!("../../../../examples/", $name, "/scenes.toml")),
        )
    };
}

/// What the bank of the morning promises its customers.
pub(super) const MORNING: (&str, &str) = ("examples/demo/strategy.yaml", include_str!("../../../../examples/demo/strategy.yaml"));

/// A simulated service, ready to be played.
#[derive(Debug)]
pub(super) struct Play {
    /// Where its strategy lies, for people.
    pub(super) path: &'static str,
    /// Its strategy.
    pub(super) strategy: &'static str,
    /// What the demo calls it.
    pub(super) title: String,
    /// What a second of the demo is.
    pub(super) second: String,
    /// The clock that everything in it lives by.
    pub(super) clock: Clock,
    /// How its instants are told.
    pub(super) dial: Dial,
    /// How much of it one stretch is.
    pub(super) stretch_ms: i64,
    /// None: the morning in the bank.
    service: Option<Service>,
}

impl Play {
    /// The bank morning, in the wall's time: a second of it stands for a minute.
    pub(super) fn morning() -> Self {
        let clock = Clock::default();
        let opening = NaiveDateTime::new(NaiveDate::default(), NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default());
        Self {
            path: MORNING.0,
            strategy: MORNING.1,
            title: "A morning in a bank".to_owned(),
            second: "1 min".to_owned(),
            dial: Dial::new(clock.now(), opening, 60),
            clock,
            stretch_ms: STRETCH_MS,
            service: None,
        }
    }

    /// An example. Its touchpoints have the times that they would have in life; its clock runs faster.
    ///
    /// # Errors
    /// When the example's own files are wrong.
    pub(super) fn example(example: Example) -> anyhow::Result<Self> {
        let (path, strategy, scenes) = match example {
            Example::BankTelephone => files!("bank-telephone"),
            Example::ItHelpdesk => files!("it-helpdesk"),
            Example::OnlineShop => files!("online-shop"),
            Example::Hotel => files!("hotel"),
            Example::Clinic => files!("clinic"),
        };
        let service: Service = toml::from_str(scenes).with_context(|| path.replace("strategy.yaml", "scenes.toml"))?;
        let opened_at = Timestamp::from_millis(service.opens.timestamp_millis());
        let dial = Dial::new(opened_at, service.opens.naive_local(), 1);
        Ok(Self {
            path,
            strategy,
            title: service.title.clone(),
            second: dial.duration(i64::from(service.speed) * 1_000),
            clock: Clock::simulated(opened_at, service.speed),
            dial,
            stretch_ms: STRETCH_MS * i64::from(service.speed),
            service: Some(service),
        })
    }

    /// How many kinds of moment `--check` demands. An example's strategy has as many kinds as its service needs, and its days are long.
    pub(super) const fn kinds_wanted(&self) -> usize {
        if self.service.is_some() { 6 } else { 8 }
    }

    /// The `number`th stretch, from `start` on.
    pub(super) fn stretch(&self, seed: u64, number: usize, start: Timestamp) -> Stretch {
        match &self.service {
            None => morning::stretch(seed, number, start),
            Some(service) => player::stretch(service, seed, number, start, self.stretch_ms),
        }
    }
}
