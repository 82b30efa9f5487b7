//! Whether a process had reason to end with its error.

use std::rc::Rc;

use motmot_store::StoreError;

use super::broker::Topic;
use super::simulation::Simulation;
use super::world::Process;
use crate::error::WorkerError;
use crate::start::Refusal;

/// Panics if nothing justifies the error.
pub(super) fn check(simulation: &Rc<Simulation>, process: Process, error: &WorkerError) {
    // what began while there was trouble may end of it later
    let is_rough = simulation.calm_since.get().is_none_or(|first| process.id < first);
    let is_justified = match error {
        WorkerError::Refused { partition, refusal, .. } => is_refusal_justified(simulation, process, *partition, refusal),
        // a disk that fails, or another process on the same machine
        WorkerError::Store(StoreError::Locked { .. }) => is_shared(simulation, process),
        WorkerError::Store(StoreError::Disk { .. }) | WorkerError::State { .. } => {
            simulation.rates.disk > 0 || simulation.rates.event.disk_full > 0 || was_shared(simulation, process)
        }
        // what it put in place a moment ago another one has written to
        WorkerError::Store(StoreError::Damaged { .. }) => was_shared(simulation, process),
        WorkerError::Snapshot { .. } => is_rough && simulation.depot.borrow().may_fail(),
        WorkerError::Kafka { doing: "reading the input", .. } => simulation.rates.event.retention > 0,
        WorkerError::NameTaken { .. } => has_namesake(simulation, process),
        // out of reach for longer than anybody waits
        WorkerError::Kafka { .. }
        | WorkerError::Fatal { .. }
        | WorkerError::Unanswered { .. }
        | WorkerError::AbortedTooOften { .. } => is_rough || is_named_twice(simulation),
        _ => false,
    };
    assert!(is_justified, "process {process:?} ended without a reason: {error}");
}

fn is_refusal_justified(simulation: &Simulation, process: Process, partition: i32, refusal: &Refusal) -> bool {
    let meta = simulation.disks.borrow().get(&(process.machine, partition)).and_then(super::disk::Folder::meta);
    let broker = simulation.broker.borrow();
    let start = broker.log(Topic::Touchpoints, partition).start();
    match refusal {
        Refusal::BehindLogStart { store, log_start } => {
            let is_overlooked = simulation.depot.borrow().has_overlooked(process, partition, start);
            let origin = simulation.depot.borrow().origin_told(process, partition).map(|origin| origin.offset);
            let stands = [Some(0), meta.map(|meta| meta.offset), origin];
            *log_start == start && *store < start && stands.contains(&Some(*store)) && !is_overlooked
        }
        // offsets that were set by hand, or forgotten while another machine still had a store
        Refusal::StoreAhead { .. } | Refusal::ClockAhead { .. } | Refusal::LostSwap { .. } | Refusal::OtherStrategy { .. } => {
            simulation.ledger.borrow().is_tampered
        }
        // a state was given up, and the log no longer reaches back to where the next one began
        Refusal::OtherOrigin { commit, .. } => {
            let is_overlooked = simulation.depot.borrow().has_overlooked(process, partition, start);
            simulation.ledger.borrow().is_tampered || commit.offset < start && !is_overlooked
        }
        _ => false,
    }
}

fn is_shared(simulation: &Simulation, process: Process) -> bool {
    simulation
        .slots
        .borrow()
        .iter()
        .any(|slot| slot.is_alive && slot.process.machine == process.machine && slot.process != process)
}

/// Whether another process ever had the same disk.
fn was_shared(simulation: &Simulation, process: Process) -> bool {
    let slots = simulation.slots.borrow();
    slots.iter().any(|slot| slot.process.machine == process.machine && slot.process != process)
}

/// Whether another process ever had its name.
fn has_namesake(simulation: &Simulation, process: Process) -> bool {
    let slots = simulation.slots.borrow();
    let own = slots.iter().find(|slot| slot.process == process).map(|slot| slot.name.as_str());
    slots.iter().any(|slot| slot.process != process && Some(slot.name.as_str()) == own)
}

fn is_named_twice(simulation: &Simulation) -> bool {
    let slots = simulation.slots.borrow();
    let alive = |slot: &&super::simulation::Slot| slot.is_alive;
    let mut names: Vec<&str> = slots.iter().filter(alive).map(|slot| slot.name.as_str()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    names.len() < count
}
