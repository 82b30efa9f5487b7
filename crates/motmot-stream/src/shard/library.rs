//! The strategies that a start needs: the configured one, the store's, and those of the topic, which is read at most when asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use motmot_store::{Store, StrategyId};

use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::patience::Patience;
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
    member: &'s str,
    configured: Arc<Loaded>,
    contents: Option<Contents>,
    loaded: BTreeMap<StrategyId, Arc<Loaded>>,
}

impl<'s, W: World> Strategies<'s, W> {
    pub(super) fn new(shared: &'s Shared<W>, member: &'s str) -> Self {
        let configured = shared.strategy.get();
        let loaded = BTreeMap::from([(configured.id, Arc::clone(&configured))]);
        Self { shared, member, configured, contents: None, loaded }
    }

    pub(super) fn configured(&self) -> StrategyId {
        self.configured.id
    }

    fn contents(&mut self, is_fresh: bool) -> Result<&Contents, Interrupt> {
        let known = self.contents.take().filter(|_| !is_fresh);
        let contents = match known {
            Some(contents) => contents,
            None => self.read()?,
        };
        Ok(self.contents.insert(contents))
    }

    fn read(&self) -> Result<Contents, Interrupt> {
        const DOING: &str = "reading the topic of strategies";
        let mut patience = Patience::new(self.shared, self.member, DOING, PATIENCE);
        loop {
            match self.shared.world.strategies() {
                Ok(contents) => return Ok(contents),
                Err(error @ WorkerError::Unreachable { .. }) if patience.lasts(&error) => {}
                Err(error @ WorkerError::Unreachable { .. }) => return Err(Interrupt::Stuck(format!("{DOING}: {error}"))),
                Err(error) => return Err(error.into()),
            }
            self.shared.world.sleep(Duration::from_millis(100));
        }
    }

    /// The recorded swaps of a partition: all that its commit has seen.
    pub(super) fn swaps(&mut self, partition: i32, commit: Option<Commit>) -> Result<Vec<SwapRecord>, Interrupt> {
        let wanted = commit.and_then(|commit| commit.metadata).map_or(0, |metadata| metadata.swaps);
        let Shared { config, world, .. } = self.shared;
        let mut patience = Patience::new(self.shared, self.member, "reading where the strategy was swapped", PATIENCE);
        let mut is_fresh = false;
        loop {
            let swaps = self.contents(is_fresh)?.swaps(&config.group, &config.topics.touchpoints, partition);
            let latest = swaps.last().map_or(0, |swap| swap.number);
            let why = format_args!("partition {partition} was swapped {wanted} times, and {latest} can be read");
            if latest >= wanted || !patience.lasts(&why) {
                return Ok(swaps);
            }
            world.sleep(Duration::from_millis(200));
            is_fresh = true;
        }
    }

    /// A strategy that was in force once, from wherever its text is.
    pub(super) fn load(&mut self, id: StrategyId, store: &Store<W::Entries>, partition: i32) -> Result<Arc<Loaded>, Interrupt> {
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
