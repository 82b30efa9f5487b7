use super::*;
use crate::strategies::swap_record::tests::swap;

/// The strategy number `n`; [`swap`] `n` leads from it to the next.
fn id(n: u64) -> StrategyId {
    StrategyId { rules: n, text: n }
}

const CONFIGURED: u64 = 9;

fn at(now: i64) -> Position {
    Position { now: Timestamp::from_millis(now), stream_time: Timestamp::from_millis(now - 1) }
}

/// A store that has seen so many swaps.
fn meta(offset: i64, now: i64, swaps: u64) -> Meta {
    Meta {
        topic_id: "id".to_owned(),
        partitions: 4,
        origin: Origin::at(0),
        offset,
        position: at(now),
        strategy: id(swaps + 1),
        swaps,
    }
}

/// A commit that has seen so many swaps.
fn commit(offset: i64, now: i64, swaps: u64) -> Commit {
    let metadata = CommitMetadata {
        position: at(now),
        strategy: id(swaps + 1),
        swaps,
        origin: Origin::at(0),
        is_swapping: false,
        is_split: false,
    };
    Commit { offset, metadata: Some(metadata) }
}

fn within(mut commit: Commit) -> Commit {
    commit.metadata.as_mut().unwrap().is_swapping = true;
    commit
}

/// `recorded`: the numbers of the swaps in the topic.
fn decided(store: Option<&Meta>, commit: Option<Commit>, log: (i64, i64), recorded: &[u64]) -> Result<Start, Refusal> {
    let swaps: Vec<SwapRecord> = recorded.iter().map(|number| swap(*number)).collect();
    let (log_start, log_end) = log;
    let configured = id(CONFIGURED);
    decide(&Facts { store, commit, log_start, log_end, topic_id: "id", partitions: 4, swaps: &swaps, configured })
}

fn check(store: Option<&Meta>, commit: Option<Commit>, log: (i64, i64), expected: Result<Start, Refusal>) {
    assert_eq!(decided(store, commit, log, &[]), expected);
}

fn speaking(offset: i64, position: Position, strategy: u64, is_first: bool) -> Result<Start, Refusal> {
    let origin = Origin::at(if is_first { offset } else { 0 });
    Ok(Start { origin, offset, position, strategy: id(strategy), swaps: 0, refold: None, is_first, clock_is_lost: false })
}

fn refolding(offset: i64, position: Position, until: i64, to: Option<Position>) -> Result<Start, Refusal> {
    let (clock, stream_time) = (to.map(|p| p.now), to.map(|p| p.stream_time));
    let refold = Some(Refold { until, clock, stream_time, steps: VecDeque::new(), is_swapping: false, ahead: None });
    Ok(Start {
        origin: Origin::at(0),
        offset,
        position,
        strategy: id(1),
        swaps: 0,
        refold,
        is_first: false,
        clock_is_lost: to.is_none(),
    })
}

#[test]
fn nothing_known_begins_at_the_logs_start_under_the_configured_strategy() {
    check(None, None, (0, 10), speaking(0, Position::START, CONFIGURED, true));
    check(None, None, (5, 10), speaking(5, Position::START, CONFIGURED, true));
}

#[test]
fn a_store_behind_the_commit_is_folded_up_in_silence() {
    check(Some(&meta(3, 30, 0)), Some(commit(8, 80, 0)), (0, 10), refolding(3, at(30), 8, Some(at(80))));
    check(Some(&meta(8, 30, 0)), Some(commit(8, 80, 0)), (8, 8), refolding(8, at(30), 8, Some(at(80))));
    check(None, Some(commit(8, 80, 0)), (0, 10), refolding(0, Position::START, 8, Some(at(80))));
}

#[test]
fn a_commit_within_a_storm_of_deadlines_says_how_far_rows_are_ahead() {
    let mut commit = commit(8, 80, 0);
    commit.metadata.as_mut().unwrap().is_split = true;
    let start = decided(Some(&meta(3, 30, 0)), Some(commit), (0, 10), &[]).unwrap();
    assert_eq!(start.refold.unwrap().ahead, Some(at(81).now));
}

#[test]
fn without_a_commit_it_goes_on_from_the_store_under_the_stores_strategy() {
    check(Some(&meta(3, 30, 0)), None, (2, 10), speaking(3, at(30), 1, false));
    check(Some(&meta(3, 30, 0)), None, (4, 10), Err(Refusal::BehindLogStart { store: 3, log_start: 4 }));
    check(Some(&meta(3, 30, 0)), None, (0, 2), Err(Refusal::BeyondEnd { place: "store", offset: 3, log_end: 2 }));
}

#[test]
fn a_commit_without_a_clock_is_said() {
    let foreign = Commit { offset: 8, metadata: None };
    check(Some(&meta(3, 30, 0)), Some(foreign), (0, 10), refolding(3, at(30), 8, None));
}

#[test]
fn what_does_not_fit_is_refused() {
    let log_start = 0;
    check(Some(&meta(9, 90, 0)), Some(commit(8, 80, 0)), (0, 10), Err(Refusal::StoreAhead { store: 9, commit: 8, log_start }));
    let ahead = Refusal::ClockAhead { store: at(81).now, commit: at(80).now, log_start };
    check(Some(&meta(8, 81, 0)), Some(commit(8, 80, 0)), (0, 10), Err(ahead));
    check(Some(&meta(3, 30, 0)), Some(commit(8, 80, 0)), (4, 10), Err(Refusal::BehindLogStart { store: 3, log_start: 4 }));
    check(None, Some(commit(8, 80, 0)), (1, 10), Err(Refusal::BehindLogStart { store: 0, log_start: 1 }));
    let beyond = Refusal::BeyondEnd { place: "commit", offset: 8, log_end: 7 };
    check(Some(&meta(3, 30, 0)), Some(commit(8, 80, 0)), (0, 7), Err(beyond));
    let other = Meta { topic_id: "other".to_owned(), ..meta(3, 30, 0) };
    let refusal = Refusal::OtherTopic { store: "other".to_owned(), found: "id".to_owned() };
    check(Some(&other), Some(commit(8, 80, 0)), (0, 10), Err(refusal));
    let grown = Meta { partitions: 2, ..meta(3, 30, 0) };
    check(Some(&grown), None, (0, 10), Err(Refusal::OtherPartitions { store: 2, found: 4 }));
    let other = Meta { strategy: id(5), ..meta(3, 30, 0) };
    let refusal = Refusal::OtherStrategy { store: id(5), commit: id(1) };
    check(Some(&other), Some(commit(8, 80, 0)), (0, 10), Err(refusal));
}

#[test]
fn a_topic_id_that_nobody_knows_is_no_difference() {
    let unknown = Meta { topic_id: String::new(), ..meta(3, 30, 0) };
    check(Some(&unknown), None, (0, 10), speaking(3, at(30), 1, false));
}

/// What was decided: the strategy that it begins with, the offsets of the swaps on the way, and whether the last is told again.
fn check_way(
    store: Option<&Meta>,
    commit: Option<Commit>,
    recorded: &[u64],
    strategy: u64,
    offsets: &[i64],
    is_told_again: bool,
) {
    let start = decided(store, commit, (0, 100), recorded).unwrap();
    let refold = start.refold.unwrap();
    assert_eq!(start.strategy, id(strategy));
    assert_eq!(start.swaps, store.map_or(0, |meta| meta.swaps));
    assert_eq!(refold.steps.iter().map(|step| step.offset).collect::<Vec<_>>(), offsets);
    assert!(refold.steps.iter().all(|step| step.clock.as_millis() == step.offset * 10 && step.to.rules > strategy));
    assert_eq!(refold.is_swapping, is_told_again);
}

#[test]
fn a_refold_swaps_where_the_swaps_were() {
    check_way(Some(&meta(3, 30, 0)), Some(commit(25, 250, 2)), &[1, 2], 1, &[10, 20], false);
    check_way(Some(&meta(12, 120, 1)), Some(commit(25, 250, 2)), &[1, 2], 2, &[20], false);
    check_way(Some(&meta(22, 220, 2)), Some(commit(25, 250, 2)), &[], 3, &[], false);
    // without a store the first swap says what was in force before
    check_way(None, Some(commit(25, 250, 2)), &[1, 2], 1, &[10, 20], false);
    // a later swap was recorded when the commit was read already: it is not on the way
    check_way(Some(&meta(3, 30, 0)), Some(commit(15, 150, 1)), &[1, 2], 1, &[10], false);
}

#[test]
fn a_swap_that_was_not_told_to_its_end_is_told_again() {
    check_way(Some(&meta(3, 30, 0)), Some(within(commit(10, 100, 1))), &[1], 1, &[10], true);
    check_way(None, Some(within(commit(20, 200, 2))), &[1, 2], 1, &[10, 20], true);
}

#[test]
fn a_forgotten_commit_is_found_in_the_last_swap() {
    check_way(Some(&meta(3, 30, 0)), None, &[1, 2], 1, &[10, 20], true);
    check_way(None, None, &[1], 1, &[10], true);
    let start = decided(Some(&meta(12, 120, 1)), None, (0, 100), &[1]).unwrap();
    assert_eq!((start.refold, start.strategy, start.swaps), (None, id(2), 1), "nothing was swapped since the store");
    let foreign = Commit { offset: 15, metadata: None };
    check_way(Some(&meta(3, 30, 0)), Some(foreign), &[1, 2], 1, &[10], false);
}

#[test]
fn a_store_that_was_only_begun_binds_nobody_to_its_strategy() {
    let begun = Meta { offset: 0, position: Position::START, strategy: id(CONFIGURED), ..meta(0, 0, 0) };
    let start = decided(Some(&begun), Some(commit(8, 80, 0)), (0, 10), &[]).unwrap();
    assert_eq!((start.strategy, start.offset), (id(1), 0));
    check_way(Some(&begun), Some(commit(25, 250, 2)), &[1, 2], 1, &[10, 20], false);
}

#[test]
fn a_swap_that_is_not_recorded_is_refused() {
    let lost = |missing| Err(Refusal::LostSwap { store: 0, commit: 2, missing });
    let store = meta(3, 30, 0);
    assert_eq!(decided(Some(&store), Some(commit(25, 250, 2)), (0, 100), &[1]), lost(2));
    assert_eq!(decided(Some(&store), Some(commit(25, 250, 2)), (0, 100), &[2]), lost(1));
    assert_eq!(decided(Some(&store), Some(commit(15, 150, 2)), (0, 100), &[1, 2]), lost(2), "it lies behind the commit");
    assert_eq!(
        decided(Some(&meta(11, 110, 0)), Some(commit(25, 250, 2)), (0, 100), &[1, 2]),
        lost(1),
        "it lies before the store"
    );
    let ahead = Err(Refusal::StoreAhead { store: 12, commit: 12, log_start: 0 });
    assert_eq!(decided(Some(&meta(12, 120, 1)), Some(commit(12, 120, 0)), (0, 100), &[1]), ahead);
}

#[test]
fn the_record_of_swaps_is_read_only_where_it_is_needed() {
    assert!(!needs_swaps(Some(&meta(3, 30, 2)), Some(commit(8, 80, 2))));
    assert!(!needs_swaps(None, Some(commit(8, 80, 0))));
    assert!(needs_swaps(None, Some(commit(8, 80, 1))));
    assert!(needs_swaps(Some(&meta(3, 30, 0)), Some(commit(8, 80, 1))));
    assert!(needs_swaps(Some(&meta(3, 30, 0)), None));
    assert!(needs_swaps(None, Some(Commit { offset: 8, metadata: None })));
    // what a former state has seen is not what the present one has
    let former = Meta { origin: rebuilt(0), ..meta(3, 30, 1) };
    assert!(needs_swaps(Some(&former), Some(commit(8, 80, 1))));
}

/// What is made of the store on the disk, of which it is said how far behind the commit it may be and still be near.
fn check_judged(store: Option<&Meta>, commit: Option<Commit>, log: (i64, i64), near: i64, expected: &Result<Local, Refusal>) {
    let (log_start, log_end) = log;
    let facts =
        Facts { store, commit, log_start, log_end, topic_id: "id", partitions: 4, swaps: &[], configured: id(CONFIGURED) };
    assert_eq!(judge(&facts, near), *expected);
}

#[test]
fn a_store_near_the_commit_is_the_way_and_a_far_one_gives_way_to_a_newer_snapshot() {
    let start = refolding(3, at(30), 8, Some(at(80))).unwrap();
    check_judged(Some(&meta(3, 30, 0)), Some(commit(8, 80, 0)), (0, 10), 5, &Ok(Local::Near(start.clone())));
    check_judged(Some(&meta(3, 30, 0)), Some(commit(8, 80, 0)), (0, 10), 4, &Ok(Local::Far(start)));
    let start = speaking(3, at(30), 1, false).unwrap();
    check_judged(Some(&meta(3, 30, 0)), None, (0, 10), 5, &Ok(Local::Far(start)));
    let start = refolding(0, Position::START, 2, Some(at(80))).unwrap();
    check_judged(None, Some(commit(2, 80, 0)), (0, 10), 5, &Ok(Local::Far(start)));
    let start = speaking(5, Position::START, CONFIGURED, true).unwrap();
    check_judged(None, None, (5, 10), 5, &Ok(Local::Far(start)));
}

#[test]
fn a_store_ahead_of_the_commit_is_folded_again_if_the_log_reaches_back() {
    let refusal = |log_start| Refusal::StoreAhead { store: 9, commit: 8, log_start };
    let again = refolding(0, Position::START, 8, Some(at(80))).ok();
    let useless = |log_start, again| Ok(Local::Useless { refusal: refusal(log_start), again });
    check_judged(Some(&meta(9, 90, 0)), Some(commit(8, 80, 0)), (0, 10), 5, &useless(0, again));
    check_judged(Some(&meta(9, 90, 0)), Some(commit(8, 80, 0)), (1, 10), 5, &useless(1, None));
}

#[test]
fn what_the_log_has_lost_only_a_snapshot_gives_back() {
    let useless = |store, log_start| Ok(Local::Useless { refusal: Refusal::BehindLogStart { store, log_start }, again: None });
    check_judged(Some(&meta(3, 30, 0)), Some(commit(8, 80, 0)), (4, 10), 5, &useless(3, 4));
    check_judged(None, Some(commit(8, 80, 0)), (4, 10), 5, &useless(0, 4));
    check_judged(Some(&meta(3, 30, 0)), None, (4, 10), 5, &useless(3, 4));
}

#[test]
fn what_no_snapshot_mends_is_refused_at_once() {
    let beyond = Refusal::BeyondEnd { place: "commit", offset: 8, log_end: 7 };
    check_judged(Some(&meta(3, 30, 0)), Some(commit(8, 80, 0)), (0, 7), 5, &Err(beyond));
    let other = Meta { topic_id: "other".to_owned(), ..meta(3, 30, 0) };
    let refusal = Refusal::OtherTopic { store: "other".to_owned(), found: "id".to_owned() };
    check_judged(Some(&other), Some(commit(8, 80, 0)), (0, 10), 5, &Err(refusal));
    let other = Meta { strategy: id(5), ..meta(3, 30, 0) };
    let refusal = Refusal::OtherStrategy { store: id(5), commit: id(1) };
    check_judged(Some(&other), Some(commit(8, 80, 0)), (0, 10), 5, &Err(refusal));
}

/// A state that was begun anew at this offset.
fn rebuilt(offset: i64) -> Origin {
    Origin { offset, rebuilt_ms: 77 }
}

#[test]
fn a_rebuild_begins_where_it_says_whatever_is_on_the_disk() {
    for offset in [4, 2] {
        let origin = rebuilt(offset);
        let anew = Commit { offset, metadata: Some(CommitMetadata::anew(origin)) };
        let begin = Start { origin, ..speaking(offset, Position::START, CONFIGURED, true).unwrap() };
        check_judged(None, Some(anew), (2, 10), 5, &Ok(Local::Far(begin.clone())));
        let former = Meta { origin: Origin::at(2), ..meta(3, 30, 0) };
        let refusal = Refusal::OtherOrigin { store: Origin::at(2), commit: origin };
        let useless = Ok(Local::Useless { refusal, again: Some(begin) });
        check_judged(Some(&former), Some(anew), (2, 10), 5, &useless);
        check_judged(Some(&Meta { offset: 9, swaps: 2, ..former }), Some(anew), (2, 10), 5, &useless);
    }
    let anew = Commit { offset: 4, metadata: Some(CommitMetadata::anew(rebuilt(4))) };
    let refusal = Refusal::BehindLogStart { store: 4, log_start: 5 };
    check_judged(None, Some(anew), (5, 10), 5, &Ok(Local::Useless { refusal, again: None }));
}

#[test]
fn a_store_from_before_a_rebuild_is_no_store_of_what_was_committed_since() {
    // also where both begin at the same offset
    for offset in [4, 0] {
        let origin = rebuilt(offset);
        let mut commit = commit(8, 80, 0);
        commit.metadata.as_mut().unwrap().origin = origin;
        let refusal = Refusal::OtherOrigin { store: Origin::at(0), commit: origin };
        let again = Start { origin, ..refolding(offset, Position::START, 8, Some(at(80))).unwrap() };
        let useless = |again| Ok(Local::Useless { refusal: refusal.clone(), again });
        check_judged(Some(&meta(6, 60, 0)), Some(commit), (offset, 10), 5, &useless(Some(again.clone())));
        check_judged(Some(&meta(6, 60, 0)), Some(commit), (5, 10), 5, &useless(None));
        check_judged(None, Some(commit), (offset, 10), 5, &Ok(Local::Far(again)));
        let since = Meta { origin, ..meta(6, 60, 0) };
        let start = Start { origin, ..refolding(6, at(60), 8, Some(at(80))).unwrap() };
        check_judged(Some(&since), Some(commit), (5, 10), 5, &Ok(Local::Near(start)));
    }
}

#[test]
fn a_commit_that_says_no_clock_never_takes_back_what_a_store_has_told() {
    let foreign = Commit { offset: 8, metadata: None };
    let clock = |commit| {
        let start = decided(None, Some(commit), (0, 10), &[]).unwrap().not_before(Timestamp::from_millis(90));
        start.refold.unwrap().clock.map(Timestamp::as_millis)
    };
    assert_eq!(clock(foreign), Some(90));
    assert_eq!(clock(commit(8, 80, 0)), Some(80), "what was committed is known better");
}
