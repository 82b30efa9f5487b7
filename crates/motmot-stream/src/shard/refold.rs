//! Folding what was committed already: in silence, up to the commit's offset, clock and strategy.

use std::collections::BTreeMap;
use std::sync::Arc;

use motmot_core::Timestamp;
use motmot_core::engine::Position;
use motmot_store::StrategyId;

use super::partition::{DEADLINES, Partition, Phase};
use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::outbox::Outbox;
use crate::port::World;
use crate::start::{Refold, Refusal, Step};
use crate::strategies::Loaded;
use crate::worker::Shared;

/// Strategies by their ids.
pub(super) type Known = BTreeMap<StrategyId, Arc<Loaded>>;

/// What is left of a re-fold.
pub(super) struct Silent {
    pub(super) refold: Refold,
    /// The strategies on the way.
    pub(super) known: Known,
}

impl<W: World> Partition<W> {
    /// Notes that everything before `offset` has been given: what lies between are markers of transactions, or nothing.
    pub(super) fn reach(&mut self, shared: &Shared<W>, offset: i64, outbox: &mut Outbox<W>) -> Result<(), Interrupt> {
        while let Phase::Silent(silent) = &mut self.phase {
            let is_step = silent.refold.steps.front().is_some_and(|step| offset >= step.offset);
            if let Some(step) = silent.refold.steps.pop_front_if(|_| is_step) {
                let strategy = silent.known.get(&step.to).cloned();
                let is_told_again = silent.refold.is_swapping && silent.refold.steps.is_empty();
                self.pass(shared, step, strategy, is_told_again.then_some(&mut *outbox))?;
            } else if offset >= silent.refold.until {
                self.next = self.next.max(silent.refold.until);
                let Refold { clock, stream_time, .. } = silent.refold;
                self.finish_refold(shared, clock, stream_time)?;
            } else {
                break;
            }
        }
        self.next = self.next.max(offset);
        Ok(())
    }

    /// Swaps where it was swapped. The last swap ends the re-fold if it was not told to its end: it is told again through `outbox`.
    fn pass(
        &mut self,
        shared: &Shared<W>,
        step: Step,
        strategy: Option<Arc<Loaded>>,
        outbox: Option<&mut Outbox<W>>,
    ) -> Result<(), Interrupt> {
        let strategy = strategy.ok_or_else(|| WorkerError::Refused {
            topic: shared.config.topics.touchpoints.clone(),
            partition: self.number,
            refusal: Refusal::UnknownStrategy { id: step.to, detail: "its text was not loaded".to_owned() },
        })?;
        self.next = self.next.max(step.offset);
        self.advance_in_silence(shared, step.clock)?;
        if let Some(outbox) = outbox {
            let Position { now, stream_time } = self.engine.position();
            self.finish_refold(shared, Some(now), Some(stream_time))?;
            return self.swap_aloud(shared, strategy, outbox);
        }
        if planted!(SwapNotRefolded) {
            return Ok(());
        }
        self.put_in_force(shared, strategy, &mut Silence)?;
        self.advance_in_silence(shared, step.clock)?;
        self.hush_swap();
        Ok(())
    }

    /// The last act of a re-fold: the clock. From here on the state is that of the commit, and all of it has been told.
    fn finish_refold(
        &mut self,
        shared: &Shared<W>,
        clock: Option<Timestamp>,
        committed: Option<Timestamp>,
    ) -> Result<(), Interrupt> {
        let ahead = match &self.phase {
            Phase::Silent(silent) if !silent.refold.is_swapping => silent.refold.ahead,
            _ => None,
        };
        let Position { stream_time, .. } = self.engine.position();
        self.advance_in_silence(shared, clock.filter(|_| !planted!(ClockForgotten)).unwrap_or(stream_time))?;
        if let Some(committed) = committed.filter(|committed| *committed != stream_time) {
            tracing::warn!(
                partition = self.number,
                found = %stream_time,
                %committed,
                "the records up to the commit give another stream time than was committed: records of the topic were deleted or changed"
            );
        }
        self.phase = Phase::Speaking;
        self.committed_position = self.position();
        self.is_untold = false;
        // A storm of deadlines is worked off before anything else, above all before a swap: what is final by the clock and not by the stream time
        // would be judged by both strategies.
        let Position { now, stream_time } = self.committed_position;
        self.is_unfinished = (ahead.is_some() || now < stream_time) && !planted!(StormForgotten);
        if let Some(until) = ahead.filter(|_| self.is_unfinished && !planted!(FoldAhead)) {
            self.phase = Phase::Resuming { until };
        }
        self.oldest_arrival = None;
        let seconds = shared.world.elapsed().saturating_sub(self.assigned).as_secs_f64();
        shared.metrics.refold_seconds.observe(seconds);
        shared.metrics.refolding.dec();
        tracing::info!(partition = self.number, offset = self.next, seconds, "folded up to the last commit");
        Ok(())
    }

    fn advance_in_silence(&mut self, shared: &Shared<W>, target: Timestamp) -> Result<(), Interrupt> {
        while !self.engine.advance(target, DEADLINES, &mut Silence).map_err(|source| self.state_error(shared, source))? {}
        Ok(())
    }

    /// A checkpoint within a re-fold, which may be long: what is folded lies behind the commit, so it may be saved.
    pub(super) fn save_refold(&mut self, shared: &Shared<W>) -> Result<(), Interrupt> {
        let Phase::Silent(Silent { refold, .. }) = &self.phase else { return Ok(()) };
        if self.records_since_checkpoint < shared.config.checkpoint_records {
            return Ok(());
        }
        let stream_time = self.engine.position().stream_time;
        self.advance_in_silence(shared, refold.clock.map_or(stream_time, |clock| clock.min(stream_time)))?;
        self.checkpoint(shared)
    }
}

/// Hears nothing.
struct Silence;

impl motmot_core::engine::Sink for Silence {
    fn moment(&mut self, _: &motmot_core::Moment<'_>, _: &[i64]) {}
    fn cycle(&mut self, _: &motmot_core::cycle::CycleRecord<'_>, _: &[i64]) {}
    fn cycle_gone(&mut self, _: &str, _: &str) {}
}
