//! Nothing lost, nothing invented: every record of the input is in a final cycle, or late, or dead, by rules as plain as can be.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "support of tests: failing is its way to speak")]

use std::collections::{BTreeMap, BTreeSet};

use motmot_core::cycle::{CycleRecord, CycleState};
use motmot_core::touchpoint::{Outcome, Stage};
use motmot_wire::{DeadLetter, Evidence, Reader, evidence::EVIDENCE_HEADER};

use super::{Faults, Observed, Output};
use crate::chaos::strategy::ALLOWED_SKEW_MS;
use crate::kafka::Row;

/// A record's key, if it is one and lies where it belongs.
pub(super) fn key(row: &Row, partitions: i32) -> Option<&str> {
    let key = row.key.as_deref().filter(|key| !key.is_empty() && partition(key, partitions) == row.partition)?;
    std::str::from_utf8(key).ok()
}

/// Where Java's default partitioner puts a key: murmur2, written down once more, after Kafka's `Utils.murmur2`.
fn partition(key: &[u8], partitions: i32) -> i32 {
    let mut h: u32 = 0x9747_b28c ^ u32::try_from(key.len()).unwrap();
    for word in key.chunks(4) {
        let number = word.iter().rev().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        if word.len() < 4 {
            h = (h ^ number).wrapping_mul(0x5bd1_e995);
            continue;
        }
        let k = number.wrapping_mul(0x5bd1_e995);
        h = h.wrapping_mul(0x5bd1_e995) ^ (k ^ k >> 24).wrapping_mul(0x5bd1_e995);
    }
    h = (h ^ h >> 13).wrapping_mul(0x5bd1_e995);
    i32::try_from((h ^ h >> 15) & 0x7fff_ffff).unwrap() % partitions
}

/// A touchpoint of the input as the verifier needs it.
struct Touch {
    key: String,
    event_id: String,
    cycle_id: Option<String>,
    occurred_at: i64,
    /// The latest arrival in its partition, itself included.
    stream_time: i64,
    stage: Stage,
    outcome: Outcome,
    rating: Option<i32>,
    place: String,
}

/// What a record is: a touchpoint, or dead.
fn read(row: &Row, stream_time: i64, partitions: i32, reader: &Reader) -> Option<Touch> {
    let key = key(row, partitions)?;
    let touchpoint = reader.touchpoint(row.value.as_deref()?).ok()?;
    let occurred_at = touchpoint.occurred_at.as_millis();
    (occurred_at <= row.timestamp + ALLOWED_SKEW_MS).then(|| Touch {
        key: key.to_owned(),
        event_id: touchpoint.event_id.as_str().to_owned(),
        cycle_id: touchpoint.cycle_id.as_deref().map(str::to_owned),
        occurred_at,
        stream_time,
        stage: touchpoint.stage,
        outcome: touchpoint.outcome,
        rating: touchpoint.rating,
        place: format!("{}:{}", row.partition, row.offset),
    })
}

/// The committed records of the input: touchpoints, and the rows of those that are none.
fn sort<'o>(observed: &'o Observed, reader: &Reader) -> (Vec<Touch>, Vec<&'o Row>) {
    let (mut touches, mut dead) = (Vec::new(), Vec::new());
    let mut stream_times: BTreeMap<i32, i64> = BTreeMap::new();
    for row in observed.input.iter().filter(|row| observed.is_committed(row)) {
        let stream_time = stream_times.entry(row.partition).or_insert(i64::MIN);
        *stream_time = (*stream_time).max(row.timestamp);
        match read(row, *stream_time, observed.partitions, reader) {
            Some(touch) => touches.push(touch),
            None => dead.push(row),
        }
    }
    (touches, dead)
}

/// Every dead record has its letter, byte for byte, once; and nothing else has one.
pub(super) fn check_dead_letters(observed: &Observed, reader: &Reader) -> Faults {
    let mut faults = Vec::new();
    let mut letters: BTreeMap<(i32, i64), &Row> = BTreeMap::new();
    for row in observed.rows(Output::Dead) {
        let headers = row.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        match DeadLetter::parse(headers) {
            Some(letter) if letter.topic == observed.topic && letter.partition == row.partition => {
                if letters.insert((letter.partition, letter.offset), row).is_some() {
                    faults.push(format!("the record at {}:{} has two letters", letter.partition, letter.offset));
                }
            }
            letter => faults.push(format!("the letter at {}:{} is of no record: {letter:?}", row.partition, row.offset)),
        }
    }
    for row in sort(observed, reader).1 {
        match letters.remove(&(row.partition, row.offset)) {
            None => faults.push(format!("the record at {}:{} is dead and has no letter", row.partition, row.offset)),
            Some(letter) if (&letter.key, &letter.value) != (&row.key, &row.value) => {
                faults.push(format!("the letter of {}:{} has other bytes than the record", row.partition, row.offset));
            }
            Some(_) => {}
        }
    }
    faults.extend(
        letters.keys().map(|(partition, offset)| format!("the record at {partition}:{offset} is not dead and has a letter")),
    );
    faults
}

/// What a row rests on is there, belongs to its key, and was committed with it. The last
/// word of a cycle that was joined with another rests on nothing.
pub(super) fn check_evidence(observed: &Observed, reader: &Reader) -> Faults {
    let input: BTreeMap<(i32, i64), Option<&[u8]>> = observed
        .input
        .iter()
        .filter(|row| observed.is_committed(row))
        .map(|row| ((row.partition, row.offset), row.key.as_deref()))
        .collect();
    let mut faults = Vec::new();
    let rests_on_touchpoints = |row: &&Row| {
        row.value.as_deref().is_some_and(|value| reader.cycle(value).is_ok_and(|cycle| cycle.state != CycleState::Merged))
    };
    for row in observed.rows(Output::Cycles).iter().filter(rests_on_touchpoints) {
        let place = format!("the cycle's row at {}:{}", row.partition, row.offset);
        let header = row.headers.iter().find(|(name, _)| name == EVIDENCE_HEADER);
        let Some(evidence) = header.and_then(|(_, value)| Evidence::parse(value)) else {
            faults.push(format!("{place} has no evidence: {}", super::tables::words(Output::Cycles, row, reader)));
            continue;
        };
        let key = row.key.as_deref().and_then(|key| key.split(|byte| *byte == 0).next());
        let is_of_key = |offset: &i64| input.get(&(evidence.partition, *offset)).is_some_and(|found| *found == key);
        if evidence.partition != row.partition || !evidence.offsets.iter().all(is_of_key) {
            faults.push(format!("{place} rests on {evidence:?}, which is not all of its key, or not committed"));
        }
    }
    faults
}

/// A final cycle, as it was told last.
struct FinalCycle {
    cycle_id: String,
    final_at: i64,
    touchpoints: Vec<(String, i64, Stage, Outcome)>,
}

/// By key: every final cycle that was told and not taken back, each return under the same id of its own.
type FinalCycles = BTreeMap<String, Vec<FinalCycle>>;

fn final_cycles(observed: &Observed, reader: &Reader, faults: &mut Faults) -> FinalCycles {
    let mut last: BTreeMap<(&[u8], i32), CycleRecord<'_>> = BTreeMap::new();
    for row in observed.rows(Output::Cycles) {
        let key = row.key.as_deref().unwrap_or_default();
        let Some(value) = row.value.as_deref() else {
            last.retain(|(known, _), _| *known != key);
            continue;
        };
        match reader.cycle(value) {
            Ok(cycle) if cycle.state == CycleState::Merged => drop(last.remove(&(key, cycle.instance))),
            Ok(cycle) => drop(last.insert((key, cycle.instance), cycle)),
            Err(error) => faults.push(format!("the cycle's row at {}:{} cannot be read: {error}", row.partition, row.offset)),
        }
    }
    let mut cycles = FinalCycles::new();
    for cycle in last.into_values() {
        if !cycle.is_final {
            faults.push(format!("cycle {} of {} was never told as final", cycle.cycle_id, cycle.key));
        }
        let touchpoints = cycle.touchpoints.iter();
        let touchpoints =
            touchpoints.map(|t| (t.event_id.as_str().to_owned(), t.occurred_at.as_millis(), t.stage, t.outcome)).collect();
        let (cycle_id, final_at) = (cycle.cycle_id.as_str().to_owned(), cycle.final_at.as_millis());
        cycles.entry(cycle.key.as_str().to_owned()).or_default().push(FinalCycle { cycle_id, final_at, touchpoints });
    }
    cycles
}

/// Every touchpoint is in exactly one final cycle, or was late for one; every touchpoint of a cycle was written; every rating below the
/// limit is a moment, and no other is.
pub(super) fn check_nothing_lost(observed: &Observed, reader: &Reader) -> Faults {
    let mut faults = Vec::new();
    let cycles = final_cycles(observed, reader, &mut faults);
    let (touches, _) = sort(observed, reader);
    let mut written: BTreeMap<(&str, &str), Vec<&Touch>> = BTreeMap::new();
    for touch in &touches {
        written.entry((&touch.key, &touch.event_id)).or_default().push(touch);
    }
    let mut told = BTreeSet::new();
    for (key, cycle) in cycles.iter().flat_map(|(key, cycles)| cycles.iter().map(move |cycle| (key.as_str(), cycle))) {
        for (event_id, occurred_at, stage, outcome) in &cycle.touchpoints {
            if !told.insert((key, event_id.as_str())) {
                faults.push(format!("touchpoint {event_id} of {key} is in two cycles, or twice in {}", cycle.cycle_id));
            }
            let is_so = |touch: &&Touch| (touch.occurred_at, touch.stage, touch.outcome) == (*occurred_at, *stage, *outcome);
            if !written.get(&(key, event_id.as_str())).is_some_and(|touches| touches.iter().any(is_so)) {
                faults.push(format!("touchpoint {event_id} of {key} is in cycle {} and was never written so", cycle.cycle_id));
            }
        }
    }
    for ((key, event_id), touches) in &written {
        let all = cycles.get(*key).map_or(&[][..], Vec::as_slice);
        if !told.contains(&(*key, *event_id)) && !touches.iter().all(|touch| is_late(touch, all)) {
            faults.push(format!("touchpoint {event_id} of {key} at {} is in no final cycle and was not late", touches[0].place));
        }
    }
    check_ratings(observed, reader, &written, &told, &mut faults);
    faults
}

/// Late for a cycle that was final when it arrived; or for the one that it alone would have been.
fn is_late(touch: &Touch, cycles: &[FinalCycle]) -> bool {
    // The shortest inactivity and grace of the strategies.
    let (inactivity, grace) = (4_000, 2_000);
    let alone = touch.occurred_at + grace + if touch.stage == Stage::Farewell { 0 } else { inactivity };
    let is_final = |cycle: &FinalCycle| {
        touch.cycle_id.as_ref().is_none_or(|id| *id == cycle.cycle_id)
            && cycle.final_at <= touch.stream_time
            && touch.occurred_at <= cycle.final_at
    };
    cycles.iter().any(is_final) || alone <= touch.stream_time
}

/// The verifier's own judge, of the plainest rule: a rating below the limit.
fn check_ratings(
    observed: &Observed,
    reader: &Reader,
    written: &BTreeMap<(&str, &str), Vec<&Touch>>,
    told: &BTreeSet<(&str, &str)>,
    faults: &mut Faults,
) {
    use crate::chaos::strategy::{RATING_BELOW, RATING_RULE};
    let mut flagged = BTreeSet::new();
    for ((_, _), value) in super::tables::held(observed).0.iter().filter(|((output, _), _)| *output == Output::Moments) {
        let Ok(moment) = reader.moment(value) else { continue };
        if moment.rule.as_str() == RATING_RULE {
            flagged.insert((moment.key.as_str().to_owned(), moment.anchor_event_id.as_str().to_owned()));
        }
    }
    for (place, touches) in written.iter().filter(|(place, _)| told.contains(*place)) {
        let is_low = touches.iter().any(|touch| touch.rating.is_some_and(|rating| rating < RATING_BELOW));
        let is_flagged = flagged.remove(&(place.0.to_owned(), place.1.to_owned()));
        if is_low != is_flagged {
            faults.push(format!("touchpoint {} of {}: rated low: {is_low}; a moment: {is_flagged}", place.1, place.0));
        }
    }
    faults.extend(
        flagged.iter().map(|(key, event_id)| format!("a rating of {key} is flagged at {event_id}, which is in no cycle")),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lie_where_javas_producers_put_them() {
        // from Kafka's UtilsTest.testMurmur2
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("abc", 479_470_107),
        ] {
            assert_eq!(partition(key.as_bytes(), 1_000_003), (hash & 0x7fff_ffff) % 1_000_003, "{key}");
        }
    }
}
