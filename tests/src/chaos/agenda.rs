//! Doing a fault, and undoing later what must be undone, while others happen.

use std::time::{Duration, Instant};

use super::cluster::{BROKERS, Cluster};
use super::deck::Fault;
use super::diary::Diary;
use super::fleet::{Fleet, GROUP};
use super::{run, strategy};
use crate::service::Dice;

/// The session's time-out is 10 s: whoever stands still for longer is expelled, and does not know it.
const FROZEN: std::ops::Range<i64> = 11_500..15_000;
/// A broker's is 4 s here: for a while it is expelled and does not know it, and what clients have asked it meanwhile has timed out.
const BROKER_FROZEN: std::ops::Range<i64> = 9_500..13_000;
/// How long a broker is gone.
const GONE: std::ops::Range<i64> = 2_000..9_000;

/// What must be done later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Later {
    Thaw(usize),
    ThawBroker(usize),
    Boot(usize),
}

/// What is broken, and by what it is mended.
pub struct Agenda {
    dice: Dice,
    later: Vec<(Instant, Later)>,
    variant: usize,
}

impl Agenda {
    /// Nothing is broken yet.
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), later: Vec::new(), variant: 0 }
    }

    fn between(&mut self, range: &std::ops::Range<i64>) -> Duration {
        let millis = range.start + self.dice.below(range.end - range.start);
        Duration::from_millis(millis.unsigned_abs())
    }

    /// How long until the next fault.
    pub fn pause(&mut self) -> Duration {
        self.between(&(800..4_000))
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let place = self.dice.below(i64::try_from(all.len()).ok()?.max(1));
        all.get(usize::try_from(place).ok()?).copied()
    }

    fn defer(&mut self, by: Duration, what: Later) {
        self.later.push((Instant::now() + by, what));
    }

    /// Whether brokers are missing.
    pub fn has_broken_brokers(&self) -> bool {
        self.later.iter().any(|(_, later)| matches!(later, Later::Boot(_) | Later::ThawBroker(_)))
    }

    /// Mends what is due; with `now`, everything.
    pub fn mend(&mut self, cluster: &mut Cluster, fleet: &mut Fleet, diary: &Diary, now: bool) {
        let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|(at, _)| now || *at <= Instant::now());
        self.later = later;
        for (_, what) in due {
            match what {
                Later::Thaw(worker) => {
                    diary.note(&format!("{} goes on", fleet.name(worker)));
                    fleet.thaw(worker);
                }
                Later::ThawBroker(broker) => {
                    diary.note(&format!("broker {broker} goes on"));
                    cluster.thaw(broker);
                }
                Later::Boot(broker) => {
                    diary.note(&format!("broker {broker} starts"));
                    cluster.boot(broker);
                }
            }
        }
    }

    /// Breaks something; false: there is nothing to be broken just now.
    pub fn strike(&mut self, fault: Fault, cluster: &mut Cluster, fleet: &mut Fleet, diary: &Diary) -> bool {
        let running = fleet.running();
        let victim = self.one_of(&running);
        let what = match (fault, victim) {
            (Fault::KillWorker, Some(worker)) => {
                let pause = self.between(&(0..3_000));
                fleet.kill(worker, pause);
                format!("{} is killed, to come back in {pause:?}", fleet.name(worker))
            }
            (Fault::FreezeWorker, Some(worker)) => {
                let pause = self.between(&FROZEN);
                fleet.freeze(worker);
                self.defer(pause, Later::Thaw(worker));
                format!("{} is frozen for {pause:?}", fleet.name(worker))
            }
            (Fault::RestartWorker, Some(worker)) => {
                fleet.stop(worker, true);
                format!("{} is restarted in order", fleet.name(worker))
            }
            (Fault::JoinOrLeave, _) => self.join_or_leave(fleet),
            (Fault::KillAllWorkers, _) => {
                running.iter().for_each(|worker| fleet.kill(*worker, Duration::ZERO));
                format!("{} workers are killed at once", running.len())
            }
            (Fault::RestartAllWorkers, _) => {
                running.iter().for_each(|worker| fleet.stop(*worker, true));
                format!("{} workers are restarted at once, in order", running.len())
            }
            (Fault::KillGroupCoordinator, _) => {
                let Some(broker) = cluster.group_coordinator(GROUP) else { return false };
                self.kill(broker, "coordinates the group", cluster)
            }
            (Fault::KillTransactionCoordinator, Some(worker)) => {
                let id = fleet.transactional_id(worker);
                let Some(broker) = cluster.transaction_coordinator(&id) else { return false };
                self.kill(broker, &format!("coordinates the transactions of {id}"), cluster)
            }
            (Fault::KillLeader, _) => {
                let partition = i32::try_from(self.dice.below(i64::from(run::PARTITIONS))).unwrap_or(0);
                let topic = self.one_of(&["motmot.touchpoints", "motmot.moments", "motmot.cycles"]).unwrap_or_default();
                let Some(broker) = cluster.leader(topic, partition) else { return false };
                self.kill(broker, &format!("leads {topic}-{partition}"), cluster)
            }
            (Fault::FreezeBroker, _) => {
                let Some(broker) = cluster.group_coordinator(GROUP) else { return false };
                let pause = self.between(&BROKER_FROZEN);
                cluster.freeze(broker);
                self.defer(pause, Later::ThawBroker(broker));
                format!("broker {broker}, which coordinates the group, is frozen for {pause:?}")
            }
            (Fault::RestartBroker, _) => {
                let broker = self.one_of(&[0, 1, 2]).unwrap_or(0);
                cluster.stop(broker);
                self.defer(Duration::from_secs(4), Later::Boot(broker));
                format!("broker {broker} is restarted in order")
            }
            (Fault::KillAllBrokers, _) => {
                let pause = self.between(&(0..3_000));
                (0..BROKERS).for_each(|broker| {
                    cluster.kill(broker);
                    self.defer(pause, Later::Boot(broker));
                });
                format!("all brokers are killed at once, to come back in {pause:?}")
            }
            (Fault::Swap, _) => {
                self.variant += 1 + usize::try_from(self.dice.below(2)).unwrap_or(0);
                fleet.put_strategy(&strategy::text(self.variant));
                format!("variant {} of the strategy is put in force", self.variant % strategy::VARIANTS)
            }
            (_, None) => return false,
        };
        diary.count(fault.name(), &what);
        true
    }

    fn kill(&mut self, broker: usize, why: &str, cluster: &mut Cluster) -> String {
        let pause = self.between(&GONE);
        cluster.kill(broker);
        self.defer(pause, Later::Boot(broker));
        format!("broker {broker}, which {why}, is killed, to come back in {pause:?}")
    }

    fn join_or_leave(&mut self, fleet: &mut Fleet) -> String {
        const GUEST: usize = run::WORKERS;
        if fleet.is_away(GUEST) {
            fleet.start(GUEST);
            return format!("{} joins", fleet.name(GUEST));
        }
        if self.dice.below(2) == 0 {
            fleet.kill_for_good(GUEST);
            return format!("{} is killed for good", fleet.name(GUEST));
        }
        fleet.stop(GUEST, false);
        format!("{} leaves in order", fleet.name(GUEST))
    }
}
