//! What must hold for every log, every strategy and every schedule: the engine tells what the oracle tells.
//!
//! The cases are the same in every run; `MOTMOT_SEED=7` tries others, `MOTMOT_CASES=5000` more.

use std::sync::Arc;

use motmot_core::engine::{Cold, NoCold, Position};
use motmot_core::strategy::Strategy;
use motmot_core::{Engine, Timestamp, Verdict};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::{Just, Strategy as Arbitrary, any, prop_oneof};
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestCaseError, TestRunner};

use crate::oracle::{Record, judge};
use crate::support::arbitrary::{self, Bounds, Rules, START};
use crate::support::store::Store;
use crate::support::tables::{Tables, difference};

const ANYTHING: Bounds = Bounds { patient: false, roomy: false, distinct: false };
const PATIENT: Bounds = Bounds { patient: true, roomy: true, distinct: true };
const LONGEST_LOG: usize = 40;
/// Long after everything has ended.
const END: i64 = START + 365 * 86_400_000;

fn check<T: Arbitrary>(cases: u32, input: T, property: impl Fn(T::Value) -> Result<(), TestCaseError>) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let config = Config {
        cases: number("MOTMOT_CASES").map_or(cases, |cases| u32::try_from(cases).expect("a number of cases")),
        rng_seed: RngSeed::Fixed(number("MOTMOT_SEED").unwrap_or(2026)),
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    if let Err(failure) = TestRunner::new(config).run(&input, property) {
        panic!("{failure}");
    }
}

/// What a driver does after a record.
#[derive(Clone, Copy, Debug)]
enum Beat {
    /// Nothing yet: the batch goes on.
    GoOn,
    /// The batch ends, and the clock moves to the stream time, so many deadlines at a time.
    Commit { budget: usize },
    /// The batch ends, and only so many deadlines are told: the clock may fall behind the stream time, and what is folded next does not
    /// wait for it. Then a checkpoint, and all but so many rows are forgotten, or neither.
    Portion { budget: usize, keep: Option<usize> },
    /// A tick beyond the stream time, in ms.
    Tick { ahead: i64 },
    /// Commit, checkpoint, and forget all but so many rows.
    Checkpoint { keep: usize },
}

fn beat() -> impl Arbitrary<Value = Beat> {
    prop_oneof![
        3 => Just(Beat::GoOn),
        2 => (1..4_usize).prop_map(|budget| Beat::Commit { budget }),
        2 => (1..3_usize, of(0..3_usize)).prop_map(|(budget, keep)| Beat::Portion { budget, keep }),
        1 => (0..500_000_i64).prop_map(|ahead| Beat::Tick { ahead }),
        1 => (0..3_usize).prop_map(|keep| Beat::Checkpoint { keep }),
    ]
}

fn schedule() -> impl Arbitrary<Value = Vec<Beat>> {
    vec(beat(), 1..=20)
}

/// One engine with what it has told.
struct Run<C> {
    engine: Engine<C>,
    tables: Tables,
    verdicts: Vec<Verdict>,
}

impl<C: Cold> Run<C> {
    fn new(strategy: &Arc<Strategy>, cold: C, position: Position) -> Self {
        Self { engine: Engine::new(Arc::clone(strategy), cold, position), tables: Tables::default(), verdicts: Vec::new() }
    }

    fn fold(&mut self, record: &Record) {
        let at = Timestamp::from_millis(record.arrived_at);
        match &record.touchpoint {
            None => self.engine.observe(at),
            Some(touchpoint) => {
                let verdict = self.engine.apply(&record.key, touchpoint, at, 0, &mut self.tables);
                self.verdicts.push(verdict.expect("the store is in memory"));
            }
        }
    }

    fn advance(&mut self, target: i64, budget: usize) {
        let target = Timestamp::from_millis(target);
        while !self.engine.advance(target, budget, &mut self.tables).expect("the store is in memory") {
            self.tables.commit();
        }
        self.tables.commit();
    }

    /// One call.
    fn advance_once(&mut self, budget: usize) {
        let target = self.engine.position().stream_time;
        self.engine.advance(target, budget, &mut self.tables).expect("the store is in memory");
        self.tables.commit();
    }

    fn now(&self) -> i64 {
        self.engine.position().now.as_millis()
    }

    fn stream_time(&self) -> i64 {
        self.engine.position().stream_time.as_millis()
    }
}

impl Run<Store> {
    fn checkpoint(&mut self) {
        let store = self.engine.cold_mut().clone();
        self.engine.checkpoint(&mut |change| store.take(&change));
    }

    fn beat(&mut self, beat: Beat) {
        match beat {
            Beat::GoOn => {}
            Beat::Commit { budget } => self.advance(self.stream_time(), budget),
            Beat::Portion { budget, keep } => {
                self.advance_once(budget);
                if let Some(keep) = keep {
                    self.checkpoint();
                    self.engine.evict(keep);
                }
            }
            Beat::Tick { ahead } => self.advance(self.stream_time() + ahead, usize::MAX),
            Beat::Checkpoint { keep } => {
                self.advance(self.stream_time(), usize::MAX);
                self.checkpoint();
                self.engine.evict(keep);
            }
        }
    }
}

/// Folds the log by a schedule, which is repeated.
fn run(log: &[Record], schedule: &[Beat], strategy: &Arc<Strategy>) -> Run<Store> {
    let mut run = Run::new(strategy, Store::default(), Position::START);
    for (record, beat) in log.iter().zip(schedule.iter().cycle()) {
        run.fold(record);
        run.beat(*beat);
    }
    run
}

fn equal(expected: &Tables, found: &Tables, what: &str) -> Result<(), TestCaseError> {
    let apart = difference(expected, found);
    if apart.is_empty() { Ok(()) } else { Err(TestCaseError::fail(format!("{what}:\n{apart}"))) }
}

/// Holds what was told against the oracle's view of the same log.
fn agree<C: Cold>(log: &[Record], run: &Run<C>, rules: &Rules, what: &str) -> Result<(), TestCaseError> {
    let mut view = judge(log, run.now(), &rules.0);
    // In a customer's file, what came back under a forgotten name, or was too long in coming, shows in the other cycles too.
    let is_certain = |of: &str| view.forgotten.iter().all(|(key, _)| of != key) && view.beyond.iter().all(|key| of != key);
    let keys = log.iter().filter(|record| record.touchpoint.is_some()).map(|record| record.key.as_str());
    let verdicts: Vec<(&Verdict, &Verdict)> =
        view.verdicts.iter().zip(&run.verdicts).zip(keys).filter(|(_, key)| is_certain(key)).map(|(pair, _)| pair).collect();
    if view.verdicts.len() != run.verdicts.len() || verdicts.iter().any(|(expected, found)| expected != found) {
        return Err(TestCaseError::fail(format!("{what}: verdicts should be {:?}, are {:?}", view.verdicts, run.verdicts)));
    }
    if let Some((_, words)) = run.tables.repeated.iter().find(|(key, _)| is_certain(key)) {
        return Err(TestCaseError::fail(format!("{what}: told again, unchanged or in one transaction: {words}")));
    }
    let mut found = run.tables.clone();
    for tables in [&mut view.tables, &mut found] {
        tables.cycles.retain(|_, row| is_certain(&row["key"]));
        tables.moments.retain(|_, row| is_certain(&row["key"]));
    }
    for tables in [&mut view.tables, &mut found] {
        for row in tables.moments.values_mut().chain(tables.cycles.values_mut()) {
            if view.crowded.iter().any(|key| row["key"] == *key) {
                row.remove("truncated");
            }
        }
    }
    equal(&view.tables, &found, what)
}

#[test]
fn the_engine_tells_what_the_oracle_tells() {
    let input = (arbitrary::strategy(ANYTHING), arbitrary::log(ANYTHING, LONGEST_LOG), vec(0..600_000_i64, 1..8));
    check(400, input, |(rules, log, ticks)| {
        let mut run = Run::new(&rules.0, NoCold, Position::START);
        for (count, (record, tick)) in log.iter().zip(ticks.iter().cycle()).enumerate() {
            run.advance(record.arrived_at, usize::MAX);
            run.fold(record);
            run.advance(run.stream_time(), usize::MAX);
            if count % 5 == 4 {
                run.advance(run.stream_time() + tick, usize::MAX);
            }
            if count % 3 == 0 || count + 1 == log.len() {
                agree(&log[..=count], &run, &rules, &format!("after record {count}, now {}", run.engine.position().now))?;
            }
        }
        run.advance(END, usize::MAX);
        agree(&log, &run, &rules, "at the end")
    });
}

#[test]
fn batches_ticks_checkpoints_and_evictions_do_not_show() {
    let input = (arbitrary::strategy(ANYTHING), arbitrary::log(ANYTHING, LONGEST_LOG), schedule());
    check(400, input, |(rules, log, schedule)| {
        let mut run = run(&log, &schedule, &rules.0);
        run.advance(run.stream_time().max(run.now()), 1);
        agree(&log, &run, &rules, "after the last record")?;
        run.advance(END, 2);
        agree(&log, &run, &rules, "at the end")
    });
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let input = (arbitrary::strategy(PATIENT), arbitrary::log(PATIENT, 25), vec(any::<usize>(), 25), schedule());
    check(200, input, |(rules, mut log, picks, schedule)| {
        // All arrive at once, so that no order makes one late.
        let arrived_at = log.iter().map(|record| record.arrived_at).max().unwrap_or(START);
        log.iter_mut().for_each(|record| record.arrived_at = arrived_at);
        let mut first = run(&log, &schedule, &rules.0);
        for (index, pick) in picks.iter().enumerate().take(log.len()).skip(1) {
            log.swap(index, pick % (index + 1));
        }
        let mut other = run(&log, &schedule, &rules.0);
        let now = first.now().max(other.now()).max(arrived_at);
        for end in [now, END] {
            first.advance(end, usize::MAX);
            other.advance(end, usize::MAX);
            equal(&first.tables, &other.tables, "in another order of arrival")?;
        }
        Ok(())
    });
}

#[test]
fn copies_change_nothing() {
    let distinct = Bounds { patient: false, roomy: true, distinct: true };
    let copies = vec((any::<usize>(), 1..20_usize, any::<bool>()), 1..6);
    let input = (arbitrary::strategy(distinct), arbitrary::log(distinct, LONGEST_LOG), copies, schedule());
    check(200, input, |(rules, log, copies, schedule)| {
        let mut once = run(&log, &schedule, &rules.0);
        // A late touchpoint is forgotten, so its copy is judged anew: only what was folded has copies that change nothing.
        let touchpoints = (0..log.len()).filter(|index| log[*index].touchpoint.is_some());
        let folded = touchpoints.zip(&once.verdicts).filter(|(_, verdict)| **verdict == Verdict::Folded);
        let folded: Vec<usize> = folded.map(|(index, _)| index).collect();
        let mut inserted = Vec::new();
        for (pick, wait, renumbered) in copies.into_iter().filter(|_| !folded.is_empty()) {
            let original = folded[pick % folded.len()];
            let place = (original + wait).min(log.len());
            let mut copy = log[original].clone();
            // Stream time is a function of the whole log, so a copy must not move it.
            copy.arrived_at = log[place - 1].arrived_at.max(log[original].arrived_at);
            let stream_time = log[..place].iter().map(|record| record.arrived_at).max();
            if stream_time < Some(copy.arrived_at) {
                continue;
            }
            if let Some(touchpoint) = copy.touchpoint.as_mut().filter(|_| renumbered) {
                touchpoint.seq = Some(99);
            }
            inserted.push((place, copy));
        }
        inserted.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
        let mut repeated = log.clone();
        inserted.into_iter().for_each(|(place, copy)| repeated.insert(place, copy));
        // What was forgotten cannot be known again.
        if !judge(&repeated, END, &rules.0).forgotten.is_empty() {
            return Ok(());
        }
        let mut twice = run(&repeated, &schedule, &rules.0);
        let now = once.now().max(twice.now()).max(once.stream_time());
        for end in [now, END] {
            once.advance(end, usize::MAX);
            twice.advance(end, usize::MAX);
            equal(&once.tables, &twice.tables, "with copies")?;
        }
        let folded = |run: &Run<Store>| run.verdicts.iter().filter(|v| **v == Verdict::Folded).count();
        if folded(&once) == folded(&twice) { Ok(()) } else { Err(TestCaseError::fail("a copy was folded")) }
    });
}

#[test]
fn after_a_crash_it_goes_on_as_if_nothing_had_happened() {
    let points = (any::<usize>(), any::<usize>());
    let input = (arbitrary::strategy(ANYTHING), arbitrary::log(ANYTHING, LONGEST_LOG), schedule(), points, schedule());
    check(300, input, |(rules, log, schedule, (a, b), other_schedule)| {
        let (saved, killed) = (a % (log.len() + 1), b % (log.len() + 1));
        let (saved, killed) = (saved.min(killed), saved.max(killed));
        let mut whole = run(&log[..saved], &schedule, &rules.0);
        whole.advance(whole.stream_time(), usize::MAX);
        whole.checkpoint();
        let (store, position) = (whole.engine.cold_mut().snapshot(), whole.engine.position());
        for (record, beat) in log[saved..killed].iter().zip(schedule.iter().cycle()) {
            whole.fold(record);
            whole.beat(*beat);
        }
        whole.advance(whole.stream_time(), usize::MAX);
        // Killed here. The new one folds silently, in its own batches, up to the committed offset and clock.
        let mut born_again = Run::new(&rules.0, store, position);
        for (record, beat) in log[saved..killed].iter().zip(other_schedule.iter().cycle()) {
            born_again.fold(record);
            if !matches!(beat, Beat::Tick { .. }) {
                born_again.beat(*beat);
            }
        }
        born_again.advance(whole.now(), usize::MAX);
        // From here on both must say the same, word for word.
        let mut told = [Vec::new(), Vec::new()];
        for (run, told) in [&mut whole, &mut born_again].into_iter().zip(&mut told) {
            for (record, beat) in log[killed..].iter().zip(schedule.iter().cycle()) {
                run.tables = Tables::default();
                run.fold(record);
                // With a budget, `now` may stop at other instants on its way, and so may say more.
                let has_budget = matches!(beat, Beat::Commit { .. } | Beat::Portion { .. });
                run.beat(if has_budget { Beat::Commit { budget: usize::MAX } } else { *beat });
                told.push(run.tables.told_sorted());
            }
            run.tables = Tables::default();
            run.advance(END, usize::MAX);
            told.push(run.tables.told_sorted());
        }
        let [expected, found] = told;
        for (step, (expected, found)) in expected.iter().zip(&found).enumerate() {
            if expected != found {
                let message = format!("step {step} after the crash at {killed} (saved at {saved}):\n{expected:#?}\n{found:#?}");
                return Err(TestCaseError::fail(message));
            }
        }
        Ok(())
    });
}

#[test]
fn after_a_crash_in_a_storm_of_deadlines_the_tables_are_right() {
    let points = (any::<usize>(), any::<usize>());
    let input = (arbitrary::strategy(ANYTHING), arbitrary::log(ANYTHING, LONGEST_LOG), schedule(), points, 1..3_usize);
    check(400, input, |(rules, log, schedule, (a, b), budget)| {
        let (saved, killed) = (a % (log.len() + 1), b % (log.len() + 1));
        let (saved, killed) = (saved.min(killed), saved.max(killed));
        // A checkpoint, and a commit where it is killed, both with the clock behind the stream time.
        let mut whole = run(&log[..saved], &schedule, &rules.0);
        whole.advance_once(1);
        whole.checkpoint();
        let (store, position) = (whole.engine.cold_mut().snapshot(), whole.engine.position());
        for record in &log[saved..killed] {
            whole.fold(record);
        }
        whole.advance_once(budget);
        // The new one folds silently up to the committed offset and clock, then says again what may have been said ahead of it.
        let mut born_again = Run::new(&rules.0, store, position);
        for record in &log[saved..killed] {
            born_again.fold(record);
        }
        born_again.advance(whole.now(), budget);
        (born_again.tables, born_again.verdicts) = (whole.tables, whole.verdicts);
        let (ahead, split) = (whole.engine.position().stream_time, i64::from(whole.engine.is_split()));
        let until = ahead.max(Timestamp::from_millis(born_again.now() + split));
        while !born_again.engine.resume(until, budget, &mut born_again.tables).expect("in memory") {
            born_again.tables.commit();
        }
        born_again.tables.commit();
        for (count, record) in log.iter().enumerate().skip(killed) {
            born_again.fold(record);
            born_again.advance(born_again.stream_time(), budget);
            born_again.tables.repeated.clear(); // rows are told whole: what is said again changes nothing
            agree(&log[..=count], &born_again, &rules, &format!("after record {count}, killed at {killed}, saved at {saved}"))?;
        }
        Ok(())
    });
}

#[test]
fn every_touchpoint_has_one_verdict_and_every_folded_one_its_place() {
    let input = (arbitrary::strategy(ANYTHING), arbitrary::log(ANYTHING, LONGEST_LOG), schedule());
    check(150, input, |(rules, log, schedule)| {
        let mut run = run(&log, &schedule, &rules.0);
        let touchpoints = log.iter().filter(|record| record.touchpoint.is_some()).count();
        let mut counted = 0;
        for verdict in
            [Verdict::Folded, Verdict::Duplicate, Verdict::Conflicting, Verdict::Late, Verdict::Overflow, Verdict::TooFarAhead]
        {
            counted += run.verdicts.iter().filter(|v| **v == verdict).count();
        }
        run.advance(END, usize::MAX);
        // At the end every cycle is final and has its row; earlier instances of a cycle id have had theirs replaced.
        let forgotten = !judge(&log, END, &rules.0).forgotten.is_empty();
        let folded = run.verdicts.iter().filter(|v| **v == Verdict::Folded).count();
        let only_first = run.tables.cycles.values().all(|row| row["instance"] == "1");
        let placed: usize = run.tables.cycles.values().map(|row| row["touchpoints"].split(' ').count()).sum();
        if counted != touchpoints || placed > folded || (only_first && !forgotten && placed != folded) {
            let message = format!("{touchpoints} touchpoints, {counted} verdicts, {folded} folded, {placed} in cycles");
            return Err(TestCaseError::fail(message));
        }
        Ok(())
    });
}

/// Folds a log with a swap before the record at `at`, the clock `ahead` ms before the stream time; `restarted`: from the store alone.
fn run_with_swap(
    log: &[Record],
    (at, ahead): (usize, i64),
    [old, new]: [&Rules; 2],
    schedule: &[Beat],
    restarted: bool,
) -> Run<Store> {
    // until the swap no tick may put the clock elsewhere: where it stands is part of the swap
    let calm: Vec<Beat> =
        schedule.iter().map(|beat| if matches!(beat, Beat::Tick { .. }) { Beat::GoOn } else { *beat }).collect();
    let mut run = run(&log[..at], &calm, &old.0);
    run.advance(run.stream_time() + ahead, usize::MAX);
    if restarted {
        run.checkpoint();
        let (store, position) = (run.engine.cold_mut().snapshot(), run.engine.position());
        let tables = std::mem::take(&mut run.tables);
        run = Run { tables, ..Run::new(&old.0, store, position) };
    }
    run.engine.swap(Arc::clone(&new.0), &mut run.tables).expect("the store is in memory");
    run.advance(run.now(), if restarted { 1 } else { usize::MAX });
    for (record, beat) in log[at..].iter().zip(schedule.iter().cycle()) {
        run.fold(record);
        run.beat(*beat);
    }
    run.advance(END, usize::MAX);
    run
}

#[test]
fn a_swap_is_where_it_is_whatever_was_in_memory() {
    let rules = (arbitrary::strategy(ANYTHING), arbitrary::strategy(ANYTHING));
    let swap = (any::<usize>(), prop_oneof![Just(0), 0..500_000_i64]);
    let input = (rules, arbitrary::log(ANYTHING, LONGEST_LOG), swap, schedule(), schedule());
    check(300, input, |((old, new), log, (at, ahead), schedule, other)| {
        let swap = (at % (log.len() + 1), ahead);
        let straight = run_with_swap(&log, swap, [&old, &new], &schedule, false);
        let restarted = run_with_swap(&log, swap, [&old, &new], &other, true);
        equal(&straight.tables, &restarted.tables, "swapped from the store, in portions")
    });
}

#[test]
fn a_swap_before_anything_is_final_is_as_if_the_new_strategy_had_always_been() {
    let rules = (arbitrary::strategy(PATIENT), arbitrary::strategy(PATIENT));
    let input = (rules, arbitrary::log(PATIENT, 25), any::<usize>(), schedule());
    check(200, input, |((old, new), log, at, schedule)| {
        let swapped = run_with_swap(&log, (at % (log.len() + 1), 0), [&old, &new], &schedule, false);
        let mut always = run(&log, &schedule, &new.0);
        always.advance(END, usize::MAX);
        equal(&always.tables, &swapped.tables, "swapped before anything was final")
    });
}
