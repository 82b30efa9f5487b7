//! The rows of the engine's state, as bytes: a checkpoint writes them, a cold read reads them.
//!
//! The first byte is the version of the form. What follows from the touchpoints is not stored: it is folded again.

use crate::codec::{Damaged, Put, Take};
use crate::moment::MomentState;
use crate::strategy::Strategy;
use crate::time::Timestamp;

use crate::cycle::Level;

use super::cycle::Cycle;
use super::file::{End, Entry, Facts, File};
use super::kinds::Carried;
use super::shelf::{Body, Customer, Remains};
use super::tell::Told;
use super::touchpoints::Touchpoints;

const VERSION: u8 = 2;
const CYCLE: u8 = 1;
const REMAINS: u8 = 2;
const CUSTOMER: u8 = 3;

const ASSEMBLED: u64 = 1;
const TRUNCATED: u64 = 2;
const UNFILED: u64 = 4;

/// Writes a row's value. `wake_at` is part of it: a row that is read again must know when it is due.
pub(super) fn write(body: &Body, wake_at: Timestamp, strategy: &Strategy, out: &mut Vec<u8>) {
    out.push(VERSION);
    match body {
        Body::Cycle(cycle) => {
            out.push(CYCLE);
            out.put_i64(wake_at.as_millis());
            write_cycle(cycle, strategy, out);
        }
        Body::Remains(remains) => {
            out.push(REMAINS);
            out.put_i64(wake_at.as_millis());
            out.put_i64(i64::from(remains.instance));
            out.put_i64(remains.final_at.as_millis());
            write_carried(&remains.carried, out);
        }
        Body::Customer(customer) => {
            out.push(CUSTOMER);
            out.put_i64(wake_at.as_millis());
            out.put_i64(customer.frozen_until.as_millis());
            out.put_u64(customer.assembled.len() as u64);
            customer.assembled.iter().for_each(|id| out.put_text(id));
            out.put_u64(customer.file.entries.len() as u64);
            customer.file.entries.iter().for_each(|entry| write_entry(entry, out));
        }
    }
}

fn write_carried(carried: &[Carried], out: &mut Vec<u8>) {
    out.put_u64(carried.len() as u64);
    for Carried { rule, after, done } in carried {
        out.extend_from_slice(&rule.to_le_bytes());
        out.put_i64(after.as_millis());
        out.push(u8::from(*done));
    }
}

fn write_entry(entry: &Entry, out: &mut Vec<u8>) {
    let Facts { opened_at, base_final_at, segment, needs, contacts, answers, kept } = &entry.facts;
    out.put_text(&entry.id);
    out.put_i64(i64::from(entry.instance));
    out.put_i64(opened_at.as_millis());
    out.put_i64(base_final_at.as_millis());
    let segment = segment.map(|(at, name)| (name, at));
    for instants in [segment.as_slice(), contacts.as_slice(), answers.as_slice(), kept.as_slice()] {
        out.put_u64(instants.len() as u64);
        for (hash, at) in instants {
            out.extend_from_slice(&hash.to_le_bytes());
            out.put_i64(at.as_millis());
        }
    }
    out.put_u64(needs.len() as u64);
    needs.iter().for_each(|need| out.extend_from_slice(&need.to_le_bytes()));
    out.push(entry.end.map_or(u8::MAX, |end| end.level as u8));
    out.put_i64(entry.end.map_or(0, |end| end.settled_at.as_millis()));
}

fn write_cycle(cycle: &Cycle, strategy: &Strategy, out: &mut Vec<u8>) {
    out.put_i64(i64::from(cycle.instance));
    out.put_i64(cycle.frozen_until.as_millis());
    out.put_u64(mark(cycle.assembled, ASSEMBLED) | mark(cycle.truncated, TRUNCATED) | mark(cycle.unfiled, UNFILED));
    write_carried(&cycle.carried, out);
    out.extend_from_slice(&cycle.told_row.to_le_bytes());
    out.put_u64(cycle.told.len() as u64);
    for told in &cycle.told {
        out.extend_from_slice(&told.id.to_le_bytes());
        out.extend_from_slice(&told.said.to_le_bytes());
        out.put_text(strategy.rules.get(told.rule).map_or("", |rule| &rule.id));
        out.extend_from_slice(&told.anchor.to_le_bytes());
        for text in [&told.need, &told.promise] {
            out.push(u8::from(text.is_some()));
            text.iter().for_each(|text| out.put_text(text));
        }
        out.push(told.state as u8);
        out.put_i64(told.raised_at.as_millis());
        out.put_i64(told.expires_at.as_millis());
        for number in [told.recovered_at.map(Timestamp::as_millis), told.observed, told.limit] {
            out.push(u8::from(number.is_some()));
            number.into_iter().for_each(|number| out.put_i64(number));
        }
    }
    cycle.touchpoints.write(out);
}

/// Reads a row's value.
pub(super) fn read(key: &str, cycle_id: Option<&str>, value: &[u8], strategy: &Strategy) -> Result<(Body, Timestamp), Damaged> {
    let mut from = Take(value);
    if from.u8()? != VERSION {
        return Err(Damaged);
    }
    let form = from.u8()?;
    let wake_at = Timestamp::from_millis(from.i64()?);
    let body = match (form, cycle_id) {
        (CYCLE, Some(id)) => Body::Cycle(Box::new(read_cycle(key, id, &mut from, strategy)?)),
        (REMAINS, Some(id)) => {
            let instance = i32::try_from(from.i64()?).map_err(|_| Damaged)?;
            let final_at = Timestamp::from_millis(from.i64()?);
            Body::Remains(Remains { key: key.into(), id: id.into(), instance, final_at, carried: read_carried(&mut from)? })
        }
        (CUSTOMER, None) => {
            let frozen_until = Timestamp::from_millis(from.i64()?);
            let assembled = (0..from.count()?).map(|_| from.text().map(Into::into)).collect::<Result<_, _>>()?;
            let entries = (0..from.count()?).map(|_| read_entry(&mut from)).collect::<Result<_, _>>()?;
            // what its cycles know is not stored: they are to be asked again
            let file = File { entries, stale: true };
            Body::Customer(Box::new(Customer { key: key.into(), frozen_until, assembled, file, complete_at: None }))
        }
        _ => return Err(Damaged),
    };
    if from.0.is_empty() { Ok((body, wake_at)) } else { Err(Damaged) }
}

fn read_carried(from: &mut Take<'_>) -> Result<Vec<Carried>, Damaged> {
    let one = |from: &mut Take<'_>| {
        Ok(Carried { rule: u64_le(from)?, after: Timestamp::from_millis(from.i64()?), done: from.u8()? != 0 })
    };
    (0..from.count()?).map(|_| one(from)).collect()
}

fn read_entry(from: &mut Take<'_>) -> Result<Entry, Damaged> {
    let id = from.text()?.into();
    let instance = i32::try_from(from.i64()?).map_err(|_| Damaged)?;
    let opened_at = Timestamp::from_millis(from.i64()?);
    let base_final_at = Timestamp::from_millis(from.i64()?);
    let segment = read_instants(from)?.first().map(|(name, at)| (*at, *name));
    let (contacts, answers, kept) = (read_instants(from)?.into(), read_instants(from)?.into(), read_instants(from)?.into());
    let needs = (0..from.count()?).map(|_| u64_le(from)).collect::<Result<_, _>>()?;
    let level = from.u8()?;
    let settled_at = Timestamp::from_millis(from.i64()?);
    let end = match level {
        u8::MAX => None,
        level => Some(End { settled_at, level: Level::from_index(level).ok_or(Damaged)? }),
    };
    let facts = Facts { opened_at, base_final_at, segment, needs, contacts, answers, kept };
    Ok(Entry { id, instance, facts, end })
}

fn read_instants(from: &mut Take<'_>) -> Result<Vec<(u64, Timestamp)>, Damaged> {
    (0..from.count()?).map(|_| Ok((u64_le(from)?, Timestamp::from_millis(from.i64()?)))).collect()
}

fn read_cycle(key: &str, id: &str, from: &mut Take<'_>, strategy: &Strategy) -> Result<Cycle, Damaged> {
    let instance = i32::try_from(from.i64()?).map_err(|_| Damaged)?;
    let frozen_until = Timestamp::from_millis(from.i64()?);
    let flags = from.u64()?;
    let carried = read_carried(from)?;
    let told_row = u64_le(from)?;
    let told = (0..from.count()?).map(|_| read_told(from, strategy)).collect::<Result<_, _>>()?;
    let touchpoints = Touchpoints::read(from)?;
    let mut cycle = Cycle::new(strategy, key, id, instance, touchpoints);
    cycle.assembled = flags & ASSEMBLED != 0;
    cycle.truncated = flags & TRUNCATED != 0;
    cycle.unfiled = flags & UNFILED != 0;
    (cycle.frozen_until, cycle.carried, cycle.told, cycle.told_row) = (frozen_until, carried, told, told_row);
    Ok(cycle)
}

fn read_told(from: &mut Take<'_>, strategy: &Strategy) -> Result<Told, Damaged> {
    let id = u128::from_le_bytes(from.bytes(16)?.try_into().map_err(|_| Damaged)?);
    let said = u64_le(from)?;
    let rule_id = from.text()?;
    let rule = strategy.rules.iter().position(|rule| rule.id == rule_id).ok_or(Damaged)?;
    let anchor = u64_le(from)?;
    let mut text = || Ok((from.u8()? != 0).then(|| from.text()).transpose()?.map(Into::into));
    let (need, promise) = (text()?, text()?);
    let state = MomentState::from_index(from.u8()?).ok_or(Damaged)?;
    let raised_at = Timestamp::from_millis(from.i64()?);
    let expires_at = Timestamp::from_millis(from.i64()?);
    let mut number = || (from.u8()? != 0).then(|| from.i64()).transpose();
    let (recovered_at, observed, limit) = (number()?.map(Timestamp::from_millis), number()?, number()?);
    Ok(Told { id, said, rule, anchor, need, promise, raised_at, recovered_at, expires_at, observed, limit, state })
}

fn mark(is: bool, flag: u64) -> u64 {
    if is { flag } else { 0 }
}

fn u64_le(from: &mut Take<'_>) -> Result<u64, Damaged> {
    Ok(u64::from_le_bytes(from.bytes(8)?.try_into().map_err(|_| Damaged)?))
}
