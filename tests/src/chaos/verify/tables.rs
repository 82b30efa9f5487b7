//! The tables: what holds is what one fold tells, and no moment lives a life that none may.

use std::collections::BTreeMap;

use motmot_core::cycle::CycleState;
use motmot_core::moment::{Moment, MomentState};
use motmot_wire::Reader;

use super::replayed::is_raised_again;
use super::{Faults, Held, Observed, Output};
use crate::kafka::Row;

/// The last row of each key, those left out that count as absent; and what cannot be read.
pub(super) fn held(observed: &Observed) -> (Held, Faults) {
    let reader = Reader::new();
    let (mut held, mut faults) = (Held::new(), Vec::new());
    for output in [Output::Moments, Output::Cycles] {
        for row in observed.rows(output) {
            let counts = row.value.as_deref().map_or(Ok(false), |value| match output {
                Output::Moments => reader.moment(value).map(|moment| moment.state != MomentState::Retracted),
                _ => reader.cycle(value).map(|cycle| cycle.state != CycleState::Merged),
            });
            let counts = counts.unwrap_or_else(|error| {
                faults.push(format!("{output:?} at {}:{} cannot be read: {error}", row.partition, row.offset));
                true
            });
            let place = (output, row.key.clone().unwrap_or_default());
            match row.value.clone().filter(|_| counts) {
                Some(value) => held.insert(place, value),
                None => held.remove(&place),
            };
        }
    }
    (held, faults)
}

/// Which return under its id a cycle's row is about. The last word of one and the first of the next may share a transaction: two rows under
/// one key.
pub(super) fn instance(output: Output, row: &Row, reader: &Reader) -> i32 {
    let value = row.value.as_deref().filter(|_| output == Output::Cycles);
    value.and_then(|value| reader.cycle(value).ok()).map_or(0, |cycle| cycle.instance)
}

/// A row in words.
pub(super) fn words(output: Output, row: &Row, reader: &Reader) -> String {
    row.value.as_deref().map_or_else(|| "nothing: a tombstone".to_owned(), |value| words_of(output, value, reader))
}

fn words_of(output: Output, value: &[u8], reader: &Reader) -> String {
    match output {
        Output::Moments => format!("{:?}", reader.moment(value)),
        Output::Cycles => format!("{:?}", reader.cycle(value)),
        Output::Dead => format!("{} bytes", value.len()),
    }
}

/// Compares row by row, to the byte.
pub(super) fn check_equal(observed: &Observed, reader: &Reader) -> Faults {
    let (held, mut faults) = held(observed);
    let words = |place: &(Output, Vec<u8>), value: &[u8]| words_of(place.0, value, reader);
    let name = |place: &(Output, Vec<u8>)| format!("{:?} {}", place.0, String::from_utf8_lossy(&place.1).replace('\0', " / "));
    for (place, expected) in &observed.replayed.held {
        match held.get(place) {
            Some(found) if found == expected => {}
            Some(found) => {
                faults.push(format!(
                    "{} is\n    {}\n  and should be\n    {}",
                    name(place),
                    words(place, found),
                    words(place, expected)
                ));
            }
            None => faults.push(format!("{} is missing; it should be\n    {}", name(place), words(place, expected))),
        }
    }
    for (place, found) in held.iter().filter(|(place, _)| !observed.replayed.held.contains_key(*place)) {
        faults.push(format!("{} should not be there; it is\n    {}", name(place), words(place, found)));
    }
    faults
}

/// Of moments, by their ids: by which states each went, and where.
type Lives = BTreeMap<Vec<u8>, Vec<(MomentState, String)>>;

/// Of every moment that was ever told.
fn lives(observed: &Observed, reader: &Reader) -> Lives {
    let mut lives = Lives::new();
    for row in observed.rows(Output::Moments) {
        let Some(moment) = row.value.as_deref().and_then(|value| reader.moment(value).ok()) else { continue };
        let place = format!("{}:{}, rule {}, strategy {}", row.partition, row.offset, moment.rule, moment.strategy);
        lives.entry(row.key.clone().unwrap_or_default()).or_default().push((moment.state, place));
    }
    lives
}

/// How many moments were told and taken back.
pub(super) fn retracted(observed: &Observed) -> usize {
    let lives = lives(observed, &Reader::new());
    lives.values().filter(|life| matches!(life.last(), Some((MomentState::Retracted, _)))).count()
}

/// A moment is raised, then recovered, retracted or expired. Late touchpoints and other strategies may mend how it ended; but nothing is
/// taken back that was never told, nothing that had ended is raised again where no fold does so, and what was told is not told again
/// unchanged, but after a start.
pub(super) fn check_lives(observed: &Observed, reader: &Reader) -> Faults {
    let mut faults = Vec::new();
    let lives = lives(observed, reader);
    for (id, life) in &lives {
        let name = String::from_utf8_lossy(id);
        if let Some((MomentState::Retracted, place)) = life.first() {
            faults.push(format!("{name} is taken back at {place}, and was never told"));
        }
        let mut raised_again = Vec::new();
        for (index, pair) in life.windows(2).enumerate() {
            let [(before, _), (after, place)] = pair else { continue };
            // a tick that is a moment ahead of the log: `check_versions` looks whether the same words are taken back
            let is_taken_back = life.get(index + 2).is_some_and(|(next, _)| *next == MomentState::Retracted);
            if matches!((before, after), (MomentState::Retracted, MomentState::Retracted)) {
                faults.push(format!("{name} is taken back twice, the second time at {place}"));
            }
            if is_raised_again(Some(*before), *after) && !is_taken_back {
                raised_again.push(place.as_str());
            }
        }
        let explained = observed.replayed.raised_again.get(id).copied().unwrap_or(0);
        if raised_again.len() > explained {
            faults.push(format!("{name} had ended and is raised again at {raised_again:?}; one fold does so {explained} times"));
        }
    }
    faults.extend(check_versions(observed, &lives, reader));
    for (output, row, is_after_start) in repeated(observed) {
        if !is_after_start {
            let key = String::from_utf8_lossy(row.key.as_deref().unwrap_or_default()).replace('\0', " / ");
            faults.push(format!("{output:?} {key} is told again unchanged at {}:{}", row.partition, row.offset));
        }
    }
    faults
}

/// The rows that say what the one before them said, and whether somebody else had taken the partition over in between: who starts in a storm
/// of deadlines tells once more what was due in it.
pub(super) fn repeated(observed: &Observed) -> Vec<(Output, &Row, bool)> {
    let mut repeated = Vec::new();
    for output in [Output::Moments, Output::Cycles] {
        let transactions = observed.transactions.iter().filter(|((of, _), _)| *of == output);
        let reigns: BTreeMap<(i32, i64), usize> = transactions
            .flat_map(|((_, partition), all)| all.iter().map(move |one| (*partition, one)))
            .flat_map(|(partition, one)| one.offsets.iter().map(move |offset| ((partition, *offset), one.reign)))
            .collect();
        let mut last: BTreeMap<&[u8], &Row> = BTreeMap::new();
        for row in observed.rows(output) {
            let reign = |row: &Row| reigns.get(&(row.partition, row.offset));
            let before = last.insert(row.key.as_deref().unwrap_or_default(), row);
            if let Some(before) = before.filter(|before| before.value == row.value) {
                repeated.push((output, row, reign(before) != reign(row)));
            }
        }
    }
    repeated
}

/// Every row that a moment ever had, also one that a later row has replaced, is one that the fold tells of it; but for those that were taken
/// back or measured anew next: a tick may be a moment ahead of the log.
fn check_versions(observed: &Observed, lives: &Lives, reader: &Reader) -> Faults {
    let mut unexplained: BTreeMap<&[u8], &Row> = BTreeMap::new();
    let mut faults = Vec::new();
    for row in observed.rows(Output::Moments) {
        let (id, value) = (row.key.as_deref().unwrap_or_default(), row.value.as_deref().unwrap_or_default());
        let before = unexplained.remove(id);
        let is_mended = |before: &&Row| is_taken_back(before, row, reader) || is_measured_anew(observed, before, row, reader);
        faults.extend(before.filter(|before| !is_mended(before)).map(|before| unknown(observed, lives, before, reader)));
        if !is_retracted(row, reader) && !observed.replayed.moments.contains(&(id.to_vec(), value.to_vec())) {
            unexplained.insert(id, row);
        }
    }
    faults.extend(unexplained.into_values().map(|row| unknown(observed, lives, row, reader)));
    faults
}

/// Whether a row says that its moment never was one.
pub(super) fn is_retracted(row: &Row, reader: &Reader) -> bool {
    row.value.as_deref().is_some_and(|value| reader.moment(value).is_ok_and(|moment| moment.state == MomentState::Retracted))
}

/// Whether a row takes back exactly what the one before it said.
fn is_taken_back(before: &Row, row: &Row, reader: &Reader) -> bool {
    let moment = |row: &'_ Row| {
        row.value.clone().and_then(|value| {
            reader.moment(&value).ok().map(|moment| format!("{:?}", Moment { state: MomentState::Retracted, ..moment }))
        })
    };
    is_retracted(row, reader) && moment(before).is_some() && moment(before) == moment(row)
}

/// How long a record may have been in the log, with its time, before it could be read: until the other brokers had it.
const UNREAD: i64 = 1_000;

/// Whether a row says of a moment that has expired what the one before it said, but for what was measured, and a record of the customer's that
/// was in the log by then may not have been to be read yet.
fn is_measured_anew(observed: &Observed, before: &Row, row: &Row, reader: &Reader) -> bool {
    let (Some(Ok(old)), Some(Ok(new))) =
        (before.value.as_deref().map(|value| reader.moment(value)), row.value.as_deref().map(|value| reader.moment(value)))
    else {
        return false;
    };
    let by = old.expires_at.as_millis();
    let is_overtaken = |record: &Row| {
        record.key.as_deref() == Some(old.key.as_bytes()) && record.timestamp <= by && record.timestamp > by - UNREAD
    };
    old.state == MomentState::Expired
        && observed.input.iter().any(is_overtaken)
        && format!("{:?}", Moment { observed: new.observed, ..old.clone() }) == format!("{new:?}")
}

fn unknown(observed: &Observed, lives: &Lives, row: &Row, reader: &Reader) -> String {
    let id = row.key.clone().unwrap_or_default();
    let life = lives.get(&id);
    let versions = observed.replayed.moments.range((id.clone(), Vec::new())..).take_while(|(of, _)| *of == id);
    let versions: Vec<_> = versions.map(|(_, value)| words_of(Output::Moments, value, reader)).collect();
    format!(
        "the moment's row at {}:{} is none that one fold ever tells:\n    {}\n  it went by {life:?}, and what one fold tells of it is\n    {}",
        row.partition,
        row.offset,
        words(Output::Moments, row, reader),
        versions.join("\n    ")
    )
}
