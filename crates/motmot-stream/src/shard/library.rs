//! The strategies that a start needs: the configured one, the store's, and those of the topic, which is read at most when asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use motmot_store::{Store, StrategyId};

use crate::error::WorkerError;
use crate::port::World;
use crate::start::{Commit, Refusal};
use crate::strategies::{Contents, Loaded, SwapRecord};
use crate::worker::Shared;

/// How long the topic is read again for a swap that was committed and cannot be read yet: another shard's transaction, open or broken,
/// hides all that comes behind it from a read_committed reader. A broken one is aborted by its coordinator at its time-out (10 s, looked
/// at every 10 s), and a coordinator that was lost with its broker is loaded first.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is known of strategies while partitions are started.
pub(super) struct Strategies<'s, W: World> {
    shared: &'s Shared<W>,
    configured: Arc<Loaded>,
    contents: Option<Contents>,
    loaded: BTreeMap<StrategyId, Arc<Loaded>>,
}

impl<'s, W: World> Strategies<'s, W> {
    pub(super) fn new(shared: &'s Shared<W>) -> Self {
        let configured = shared.strategy.get();
        let loaded = BTreeMap::from([(configured.id, Arc::clone(&configured))]);
        Self { shared, configured, contents: None, loaded }
    }

    pub(super) fn configured(&self) -> StrategyId {
        self.configured.id
    }

    fn contents(&mut self, is_fresh: bool) -> Result<&Contents, WorkerError> {
        let known = self.contents.take().filter(|_| !is_fresh);
        let contents = match known {
            Some(contents) => contents,
            None => self.shared.world.strategies()?,
        };
        Ok(self.contents.insert(contents))
    }

    /// The recorded swaps of a partition: all that its commit has seen.
    pub(super) fn swaps(&mut self, partition: i32, commit: Option<Commit>) -> Result<Vec<SwapRecord>, WorkerError> {
        let wanted = commit.and_then(|commit| commit.metadata).map_or(0, |metadata| metadata.swaps);
        let Shared { config, world, .. } = self.shared;
        let begun = world.elapsed();
        let mut is_fresh = false;
        loop {
            let swaps = self.contents(is_fresh)?.swaps(&config.group, &config.topics.touchpoints, partition);
            let latest = swaps.last().map_or(0, |swap| swap.number);
            if latest >= wanted || world.elapsed().saturating_sub(begun) > PATIENCE {
                return Ok(swaps);
            }
            tracing::warn!(
                partition,
                wanted,
                latest,
                "a swap of the strategy was committed and cannot be read yet: trying again"
            );
            world.sleep(Duration::from_millis(200));
            is_fresh = true;
        }
    }

    /// A strategy that was in force once, from wherever its text is.
    pub(super) fn load(&mut self, id: StrategyId, store: &Store<W::Entries>, partition: i32) -> Result<Arc<Loaded>, WorkerError> {
        if let Some(loaded) = self.loaded.get(&id) {
            return Ok(Arc::clone(loaded));
        }
        let text = match store.strategy(id)? {
            Some(text) => Some(text),
            None => self.contents(false)?.texts.get(&id).cloned(),
        };
        let text = text.ok_or_else(|| "its text is neither in the store nor in the topic of strategies".to_owned());
        let again = |text| Loaded::again(id, text).map_err(|e| format!("its text cannot be used by this version: {e}"));
        let loaded = text.and_then(again).map(Arc::new).map_err(|detail| WorkerError::Refused {
            topic: self.shared.config.topics.touchpoints.clone(),
            partition,
            refusal: Refusal::UnknownStrategy { id, detail },
        })?;
        self.loaded.insert(id, Arc::clone(&loaded));
        Ok(loaded)
    }
}
