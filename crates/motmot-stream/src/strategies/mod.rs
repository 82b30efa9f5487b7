//! Strategies in Kafka: the compacted topic `motmot.strategies`, of one partition.
//!
//! | key | value |
//! | --- | --- |
//! | `text/<id>` | the text of a strategy that was in force somewhere: a re-fold of its time needs it |
//! | `current/<name>` | the text that the workers who follow this name put in force |
//! | `swap/<group>/<topic>/<partition>/<number>` | a [`SwapRecord`]: where a partition went over to another strategy |
//!
//! A swap's record is written in the very transaction that commits the swap, so the topic and the commits cannot disagree. A text is
//! written before anything rests on it.

mod publish;
pub(crate) mod swap_record;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use motmot_core::Strategy;
use motmot_store::StrategyId;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message as _, Offset, TopicPartitionList};

pub use publish::publish;
pub use swap_record::SwapRecord;

use crate::client;
use crate::config::KafkaConfig;
use crate::context::Log;
use crate::error::WorkerError;
use crate::topic_reader::{Bound, TopicReader};

const TEXT: &str = "text/";
const CURRENT: &str = "current/";

/// The topic's only partition.
pub(crate) const PARTITION: i32 = 0;

/// A strategy with its text.
#[derive(Debug)]
pub struct Loaded {
    /// Which it is.
    pub id: StrategyId,
    /// The rules.
    pub strategy: Arc<Strategy>,
    /// What they were loaded from.
    pub text: String,
}

impl Loaded {
    /// A strategy and the text that it was loaded from.
    pub fn new(strategy: Arc<Strategy>, text: String) -> Self {
        Self { id: StrategyId::of(&strategy, &text), strategy, text }
    }

    /// Loads the text of a strategy that was in force once.
    ///
    /// # Errors
    /// When this version of motmot cannot use the text, or reads other rules from it: in words.
    pub fn again(id: StrategyId, text: String) -> Result<Self, String> {
        let strategy = Strategy::load("strategy", &text).map_err(|problems| problems.to_string())?;
        let loaded = Self::new(Arc::new(strategy), text);
        if loaded.id == id { Ok(loaded) } else { Err(format!("this version of motmot reads it as {}", loaded.id)) }
    }
}

/// The strategy that a worker's partitions are to have; each of them takes it over when it can.
#[derive(Debug)]
pub(crate) struct Current(RwLock<Arc<Loaded>>);

impl Current {
    pub(crate) fn new(loaded: Loaded) -> Self {
        Self(RwLock::new(Arc::new(loaded)))
    }

    pub(crate) fn get(&self) -> Arc<Loaded> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, loaded: Loaded) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
    }
}

/// What the topic holds.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Every text, by its strategy.
    pub texts: BTreeMap<StrategyId, String>,
    /// Name → the text published under it last.
    pub current: BTreeMap<String, String>,
    swaps: BTreeMap<String, SwapRecord>,
    /// Behind the last record that was committed.
    end: i64,
    /// Nothing that had been written before it was read was hidden: behind a transaction that is open, all is from a read_committed reader.
    pub(crate) is_whole: bool,
}

impl Contents {
    /// Reads what is committed now.
    ///
    /// # Errors
    /// When no broker answers, or there is no such topic.
    pub fn read(kafka: &KafkaConfig, topic: &str) -> Result<Self, WorkerError> {
        let mut contents = Self::default();
        let mut reader = TopicReader::open(kafka, topic, Bound::Edge, Bound::Edge)?;
        contents.end = reader.end(PARTITION);
        while reader.read(|record| {
            let key = record.key.and_then(|key| std::str::from_utf8(key).ok()).unwrap_or_default();
            contents.take(key, record.value.and_then(|value| std::str::from_utf8(value).ok()));
            Ok::<(), WorkerError>(())
        })? {}
        Ok(contents)
    }

    /// Where whoever wants to know what comes next goes on.
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    /// What others write there is not ours to judge.
    pub(crate) fn take(&mut self, key: &str, value: Option<&str>) {
        if let Some(id) = key.strip_prefix(TEXT).and_then(|id| id.parse().ok()) {
            set(&mut self.texts, id, value.map(str::to_owned));
        } else if let Some(name) = key.strip_prefix(CURRENT) {
            set(&mut self.current, name.to_owned(), value.map(str::to_owned));
        } else if SwapRecord::is_key(key) {
            set(&mut self.swaps, key.to_owned(), value.and_then(SwapRecord::parse));
        }
    }

    /// The swaps of a group's partition, in their order.
    pub fn swaps(&self, group: &str, topic: &str, partition: i32) -> Vec<SwapRecord> {
        let mut swaps = self.all_swaps(group, topic);
        swaps.retain(|swap| swap.partition == partition);
        swaps
    }

    /// The swaps of all of a group's partitions; those of each in their order.
    pub fn all_swaps(&self, group: &str, topic: &str) -> Vec<SwapRecord> {
        let of = |swap: &&SwapRecord| swap.group == group && swap.topic == topic;
        let mut swaps: Vec<SwapRecord> = self.swaps.values().filter(of).cloned().collect();
        swaps.sort_by_key(|swap| (swap.partition, swap.number));
        swaps
    }
}

fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

/// The key of a strategy's text.
pub fn text_key(id: StrategyId) -> String {
    format!("{TEXT}{id}")
}

/// The key under which the workers that follow `name` find their strategy.
pub fn current_key(name: &str) -> String {
    format!("{CURRENT}{name}")
}

/// Waits for what is published under a name.
pub struct Follower {
    consumer: BaseConsumer<Log>,
    key: String,
}

impl Follower {
    /// Follows `name` from where `contents` ends.
    ///
    /// # Errors
    /// When Kafka's client refuses its configuration.
    pub fn open(kafka: &KafkaConfig, topic: &str, name: &str, contents: &Contents) -> Result<Self, WorkerError> {
        let mut config = client::reader(kafka);
        config.set("group.id", "motmot-strategies"); // librdkafka assigns only to members; it joins none
        let log = Log { client: format!("follower of {topic}") };
        let consumer: BaseConsumer<Log> = config.create_with_context(log).map_err(WorkerError::ClientConfig)?;
        let mut list = TopicPartitionList::new();
        let assigned =
            list.add_partition_offset(topic, PARTITION, Offset::Offset(contents.end)).and_then(|()| consumer.assign(&list));
        assigned.map_err(WorkerError::ClientConfig)?;
        Ok(Self { consumer, key: current_key(name) })
    }

    /// The latest text that was published since the last call, waiting for at most `wait` for one.
    pub fn next(&self, wait: Duration) -> Option<String> {
        let (mut found, mut patience) = (None, wait);
        while let Some(message) = self.consumer.poll(patience) {
            patience = Duration::ZERO;
            match message {
                Ok(message) if message.key() == Some(self.key.as_bytes()) => {
                    found = message.payload().and_then(|text| String::from_utf8(text.to_vec()).ok()).or(found);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "following the strategies' topic; Kafka's client tries again");
                    break;
                }
            }
        }
        found
    }
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT_OF_ONE: &str = "strategy: one\ncycles: [{inactivity: 10m, grace: 1m}]\nrules:\n  - {id: gone, kind: abandoned, dimension: reliability}\n";

    #[test]
    fn the_last_record_of_each_key_counts_and_strangers_do_not() {
        let swap = swap_record::tests::swap(2);
        let mut contents = Contents::default();
        let id = StrategyId { rules: 1, text: 2 };
        contents.take(&text_key(id), Some("old"));
        contents.take(&text_key(id), Some("new"));
        contents.take(&current_key("bank"), Some("one"));
        contents.take(&current_key("gone"), Some("two"));
        contents.take(&current_key("gone"), None);
        contents.take(&swap.key(), Some(&swap.value()));
        contents.take("swap/strange", Some("{}"));
        contents.take("else", Some("three"));
        assert_eq!(contents.texts, BTreeMap::from([(id, "new".to_owned())]));
        assert_eq!(contents.current, BTreeMap::from([("bank".to_owned(), "one".to_owned())]));
        assert_eq!(contents.swaps(&swap.group, &swap.topic, swap.partition), std::slice::from_ref(&swap));
        assert!(contents.swaps(&swap.group, &swap.topic, swap.partition + 1).is_empty());
    }

    #[test]
    fn a_text_is_only_taken_for_what_it_was() {
        let strategy = Arc::new(Strategy::load("test", TEXT_OF_ONE).unwrap());
        let loaded = Loaded::new(strategy, TEXT_OF_ONE.to_owned());
        assert_eq!(Loaded::again(loaded.id, loaded.text.clone()).unwrap().id, loaded.id);
        let other = StrategyId { rules: 1, ..loaded.id };
        assert!(Loaded::again(other, loaded.text.clone()).unwrap_err().contains(&loaded.id.to_string()));
        assert!(Loaded::again(loaded.id, "strategy: [".to_owned()).is_err());
    }
}
