//! Where the service strategy comes from, and how a serving process hears of another one.
//!
//! A file is read once a second and compared by its content. That sees a change in place, an editor's rename, and a Kubernetes
//! ConfigMap's symbolic link alike, on any file system; a notification of the kernel's sees each of them differently, and some
//! (network and overlay file systems) not at all. A strategy is a few kilobytes: reading it costs microseconds.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use motmot_core::Strategy;
use motmot_stream::KafkaConfig;
use motmot_stream::strategies::{Contents, Follower};
use tokio::signal::unix::{SignalKind, signal};

use crate::commands::clients;
use crate::config::Config;
use crate::failure::Usage;

/// How often the source is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Where strategies come from.
pub(crate) enum StrategySource {
    /// A file.
    File(PathBuf),
    /// What is published under a name.
    Topic { kafka: KafkaConfig, topic: String, name: String },
}

impl StrategySource {
    /// As configured.
    pub(crate) fn of(config: &Config) -> anyhow::Result<Self> {
        if config.text("strategy.source") == "file" {
            return Ok(Self::File(config.path("strategy.file")));
        }
        let name = config.text("strategy.name").trim().to_owned();
        if name.is_empty() {
            return Err(
                Usage("strategy.source is topic: set strategy.name to the name in the strategy's first line".to_owned()).into()
            );
        }
        Ok(Self::Topic { kafka: clients::kafka(config)?, topic: clients::topics(config).strategies, name })
    }

    /// The strategy to begin with, and what hears of the next ones.
    pub(crate) fn open(self) -> anyhow::Result<(Strategy, String, Watch)> {
        let (text, place, eyes) = match self {
            Self::File(path) => {
                let text = std::fs::read_to_string(&path)
                    .map_err(|e| Usage(format!("the strategy {} cannot be read: {e}; is the path right?", path.display())))?;
                (text, path.display().to_string(), Eyes::File(path))
            }
            Self::Topic { kafka, topic, name } => {
                let contents = Contents::read(&kafka, &topic)?;
                let missing = || Usage(format!("nothing is published as {name} in {topic}: motmot strategy publish FILE"));
                let text = contents.current.get(&name).cloned().ok_or_else(missing)?;
                let follower = Follower::open(&kafka, &topic, &name, &contents)?;
                (text, name, Eyes::Topic(follower))
            }
        };
        let strategy = load(&place, &text).map_err(Usage)?;
        let watch = Watch { place, eyes, seen: Seen { handled: Ok(text.clone()), last: Ok(text.clone()) } };
        Ok((strategy, text, watch))
    }
}

fn load(place: &str, text: &str) -> Result<Strategy, String> {
    Strategy::load(place, text).map_err(|problems| format!("the strategy cannot be used:\n{problems}"))
}

enum Eyes {
    File(PathBuf),
    Topic(Follower),
}

/// What a look at the source gave: the text, or in words why there is none.
type Found = Result<String, String>;

/// Hears of other strategies.
pub(crate) struct Watch {
    place: String,
    eyes: Eyes,
    seen: Seen,
}

/// What is done with a strategy that was heard of.
pub(crate) trait TakeStrategy {
    /// It is good: puts it in force. It may wait for Kafka.
    fn take(&mut self, strategy: Strategy, text: String) -> anyhow::Result<()>;
    /// It cannot be used: nothing changes.
    fn reject(&mut self, why: &str);
}

impl Watch {
    /// Looks once a second and at each SIGHUP, as long as it is not dropped.
    pub(crate) async fn run(mut self, mut to: impl TakeStrategy) -> anyhow::Result<()> {
        let mut hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be received")?;
        let mut clock = tokio::time::interval(LOOK);
        loop {
            let is_asked = tokio::select! {
                _ = hangup.recv() => true,
                _ = clock.tick() => false,
            };
            if is_asked {
                tracing::info!("SIGHUP: looking for another strategy at {}", self.place);
            }
            // The file may lie on a network, and Kafka may be away.
            tokio::task::block_in_place(|| self.look(is_asked, &mut to));
        }
    }

    fn look(&mut self, is_asked: bool, to: &mut impl TakeStrategy) {
        let found = match &self.eyes {
            Eyes::File(path) => std::fs::read_to_string(path).map_err(|e| format!("{} cannot be read: {e}", path.display())),
            Eyes::Topic(follower) => match follower.next(Duration::ZERO) {
                Some(text) => Ok(text),
                None => self.seen.last.clone(),
            },
        };
        // A record is written whole; a file may be caught half written.
        let is_whole = is_asked || matches!(self.eyes, Eyes::Topic(_));
        let Some(found) = self.seen.news(found, is_whole, is_asked) else { return };
        let loaded = found.and_then(|text| load(&self.place, &text).map(|strategy| (strategy, text)));
        match loaded {
            Ok((strategy, text)) => {
                if let Err(error) = to.take(strategy, text) {
                    tracing::error!("the strategy at {} is not in force yet, trying again: {error:#}", self.place);
                    self.seen.again();
                }
            }
            Err(why) => {
                to.reject(&why);
                tracing::error!("the strategy at {} is rejected, the one in force stays: {why}", self.place);
            }
        }
    }
}

/// What was seen, and what has been dealt with.
struct Seen {
    handled: Found,
    last: Found,
}

impl Seen {
    /// Whether what was found is to be dealt with now. What may be half written is waited for until it has stood for a look.
    /// `is_asked`: what was rejected is told again.
    fn news(&mut self, found: Found, is_whole: bool, is_asked: bool) -> Option<Found> {
        let stands = is_whole || self.last == found;
        self.last = found.clone();
        let is_news = self.handled != found || is_asked && self.is_rejected(&found);
        if !(stands && is_news) {
            return None;
        }
        self.handled = found.clone();
        Some(found)
    }

    fn is_rejected(&self, found: &Found) -> bool {
        found.as_ref().map_or(true, |text| load("", text).is_err())
    }

    /// The next look deals with it again.
    fn again(&mut self) {
        self.handled = Err(String::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Found {
        Ok(text.to_owned())
    }

    fn seen() -> Seen {
        Seen { handled: text("one"), last: text("one") }
    }

    #[test]
    fn a_change_counts_once_it_has_stood_for_a_look() {
        let mut seen = seen();
        assert_eq!(seen.news(text("one"), false, false), None);
        assert_eq!(seen.news(text("tw"), false, false), None, "half written");
        assert_eq!(seen.news(text("two"), false, false), None);
        assert_eq!(seen.news(text("two"), false, false), Some(text("two")));
        assert_eq!(seen.news(text("two"), false, false), None);
    }

    #[test]
    fn whoever_asks_is_answered_at_once() {
        let mut seen = seen();
        assert_eq!(seen.news(text("two"), true, true), Some(text("two")));
        assert_eq!(seen.news(text("two"), true, true), Some(text("two")), "what is no strategy is rejected again");
        assert_eq!(seen.news(text("two"), false, false), None);
    }

    #[test]
    fn what_vanishes_and_comes_back_is_no_other_strategy() {
        let mut seen = seen();
        let gone = || Err("gone".to_owned());
        assert_eq!(seen.news(gone(), false, false), None, "an editor's rename");
        assert_eq!(seen.news(text("one"), false, false), None);
        assert_eq!(seen.news(gone(), false, false), None);
        assert_eq!(seen.news(gone(), false, false), Some(gone()));
        assert_eq!(seen.news(text("one"), true, false), Some(text("one")), "whether it is in force is not known here");
    }

    #[test]
    fn what_failed_is_tried_again() {
        let mut seen = seen();
        assert_eq!(seen.news(text("two"), true, false), Some(text("two")));
        seen.again();
        assert_eq!(seen.news(text("two"), true, false), Some(text("two")));
    }
}
