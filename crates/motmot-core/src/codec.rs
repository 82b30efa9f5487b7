//! The compact binary form in which touchpoints are kept: in a cycle's row, and in the spool of a replay.
//!
//! It is a private format: rows carry a version of their own, so it may change. Numbers are variable-length (zigzag where they may
//! be negative), texts carry their length, absent fields cost one bit of a bitmap.

use crate::text::Text;
use crate::time::Timestamp;
use crate::touchpoint::{Actor, ActorKind, Audience, Initiator, Intent, Outcome, Promise, Stage, Touchpoint};

/// The bytes are no such value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value is damaged or of another version")]
pub struct Damaged;

/// Appends primitive values to a buffer.
pub trait Put {
    /// An unsigned number.
    fn put_u64(&mut self, value: u64);
    /// A number that may be negative.
    fn put_i64(&mut self, value: i64);
    /// A text.
    fn put_text(&mut self, text: &str);
}

impl Put for Vec<u8> {
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the low seven bits are what is meant
    fn put_u64(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }

    #[inline]
    #[allow(clippy::cast_sign_loss)] // zigzag
    fn put_i64(&mut self, value: i64) {
        self.put_u64(((value << 1) ^ (value >> 63)) as u64);
    }

    #[inline]
    fn put_text(&mut self, text: &str) {
        self.put_u64(text.len() as u64);
        self.extend_from_slice(text.as_bytes());
    }
}

/// Takes primitive values from the front of a slice.
#[derive(Clone, Copy, Debug)]
pub struct Take<'a>(pub &'a [u8]);

impl<'a> Take<'a> {
    /// One byte.
    ///
    /// # Errors
    /// At the end of the slice.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, Damaged> {
        let (first, rest) = self.0.split_first().ok_or(Damaged)?;
        self.0 = rest;
        Ok(*first)
    }

    /// An unsigned number.
    ///
    /// # Errors
    /// At the end of the slice, or beyond 64 bits.
    #[inline]
    pub fn u64(&mut self) -> Result<u64, Damaged> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Damaged)
    }

    /// A number that may be negative.
    ///
    /// # Errors
    /// As [`Take::u64`].
    #[inline]
    #[allow(clippy::cast_possible_wrap)] // zigzag
    pub fn i64(&mut self) -> Result<i64, Damaged> {
        let value = self.u64()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A count of things that take at least a byte each: one that the slice cannot hold is no count.
    ///
    /// # Errors
    /// When it exceeds what is left of the slice.
    #[inline]
    pub fn count(&mut self) -> Result<usize, Damaged> {
        usize::try_from(self.u64()?).ok().filter(|n| *n <= self.0.len()).ok_or(Damaged)
    }

    /// So many bytes.
    ///
    /// # Errors
    /// At the end of the slice.
    #[inline]
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Damaged> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(Damaged)?;
        self.0 = rest;
        Ok(head)
    }

    /// A text.
    ///
    /// # Errors
    /// At the end of the slice, or when it is not UTF-8.
    #[inline]
    pub fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = self.count()?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Damaged)
    }
}

const CUSTOMER: u64 = 1 << 1;
const CYCLE: u64 = 1 << 2;
const INTENT: u64 = 1 << 3;
const COMPANY: u64 = 1 << 4;
const TEAM: u64 = 1 << 5;
const ACTOR: u64 = 1 << 6;
const ACTOR_ID: u64 = 1 << 7;
const NAMED: u64 = 1 << 8;
const NEED: u64 = 1 << 9;
const SEGMENT: u64 = 1 << 10;
const INTERNAL: u64 = 1 << 11;
const SERVES: u64 = 1 << 12;
const WAITED: u64 = 1 << 13;
const ANNOUNCED: u64 = 1 << 14;
const RATING: u64 = 1 << 15;
const SENTIMENT: u64 = 1 << 16;
const PROMISES: u64 = 1 << 17;
const KEPT: u64 = 1 << 18;
const ADDED: u64 = 1 << 19;
const DOOR: u64 = 1 << 20;
const DOOR_OPEN: u64 = 1 << 21;
const ATTRIBUTES: u64 = 1 << 22;

fn bits(t: &Touchpoint<'_>) -> u64 {
    let actor = t.actor.as_ref();
    [
        (t.customer_id.is_some(), CUSTOMER),
        (t.cycle_id.is_some(), CYCLE),
        (t.intent.is_some(), INTENT),
        (t.initiated_by == Initiator::Company, COMPANY),
        (t.team.is_some(), TEAM),
        (actor.is_some(), ACTOR),
        (actor.is_some_and(|a| a.id.is_some()), ACTOR_ID),
        (actor.is_some_and(|a| a.named), NAMED),
        (t.need.is_some(), NEED),
        (t.segment.is_some(), SEGMENT),
        (t.audience == Audience::Internal, INTERNAL),
        (t.serves.is_some(), SERVES),
        (t.waited_ms.is_some(), WAITED),
        (t.announced_wait_ms.is_some(), ANNOUNCED),
        (t.rating.is_some(), RATING),
        (t.sentiment.is_some(), SENTIMENT),
        (!t.promises.is_empty(), PROMISES),
        (!t.kept_promises.is_empty(), KEPT),
        (!t.added_value.is_empty(), ADDED),
        (t.door_open.is_some(), DOOR),
        (t.door_open == Some(true), DOOR_OPEN),
        (!t.attributes.is_empty(), ATTRIBUTES),
    ]
    .into_iter()
    .fold(0, |bits, (set, bit)| bits | if set { bit } else { 0 })
}

/// Appends a touchpoint's compact form to `out`; returns how many of its bytes are its content, that is, all but `seq`, which two copies
/// of one touchpoint may differ in.
pub fn encode(t: &Touchpoint<'_>, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.put_u64(bits(t));
    out.push(t.stage as u8 | (t.outcome as u8) << 4);
    out.put_text(&t.event_id);
    out.put_i64(t.occurred_at.as_millis());
    out.put_text(&t.channel);
    out.put_text(&t.site);
    for text in [&t.customer_id, &t.cycle_id, &t.team, &t.need, &t.segment, &t.serves].into_iter().flatten() {
        out.put_text(text);
    }
    if let Some(intent) = t.intent {
        out.push(intent as u8);
    }
    if let Some(actor) = &t.actor {
        out.push(actor.kind as u8);
        if let Some(id) = &actor.id {
            out.put_text(id);
        }
    }
    for millis in [t.waited_ms, t.announced_wait_ms, t.rating.map(i64::from)].into_iter().flatten() {
        out.put_i64(millis);
    }
    if let Some(sentiment) = t.sentiment {
        out.extend_from_slice(&sentiment.to_bits().to_le_bytes());
    }
    encode_lists(t, out);
    let content = out.len() - start;
    match t.seq {
        None => out.push(0),
        Some(seq) => {
            out.push(1);
            out.put_i64(seq);
        }
    }
    content
}

/// The event_id of an encoded touchpoint, without decoding the rest.
///
/// # Errors
/// When the bytes are no touchpoint of this version.
pub fn event_id(encoded: &[u8]) -> Result<&str, Damaged> {
    let mut from = Take(encoded);
    from.u64()?;
    from.u8()?;
    from.text()
}

fn encode_lists(t: &Touchpoint<'_>, out: &mut Vec<u8>) {
    if !t.promises.is_empty() {
        out.put_u64(t.promises.len() as u64);
        for promise in &t.promises {
            out.put_text(&promise.promise_id);
            out.put_text(&promise.kind);
            out.put_i64(promise.due_at.as_millis());
        }
    }
    for list in [&t.kept_promises, &t.added_value] {
        if !list.is_empty() {
            out.put_u64(list.len() as u64);
            list.iter().for_each(|text| out.put_text(text));
        }
    }
    if !t.attributes.is_empty() {
        out.put_u64(t.attributes.len() as u64);
        for (name, value) in &t.attributes {
            out.put_text(name);
            out.put_text(value);
        }
    }
}

/// Reads a touchpoint's compact form from the front of `from`; its texts borrow from there.
///
/// # Errors
/// When the bytes are no touchpoint of this version.
pub fn decode<'a>(from: &mut Take<'a>) -> Result<Touchpoint<'a>, Damaged> {
    let bits = from.u64()?;
    let has = |bit: u64| bits & bit != 0;
    let words = from.u8()?;
    let stage = Stage::from_index(words & 0xf).ok_or(Damaged)?;
    let outcome = Outcome::from_index(words >> 4).ok_or(Damaged)?;
    let event_id = Text::borrowed(from.text()?);
    let occurred_at = Timestamp::from_millis(from.i64()?);
    let channel = Text::borrowed(from.text()?);
    let site = Text::borrowed(from.text()?);
    let mut text = |bit| has(bit).then(|| from.text().map(Text::borrowed)).transpose();
    let (customer_id, cycle_id, team) = (text(CUSTOMER)?, text(CYCLE)?, text(TEAM)?);
    let (need, segment, serves) = (text(NEED)?, text(SEGMENT)?, text(SERVES)?);
    let intent = has(INTENT).then(|| Intent::from_index(from.u8()?).ok_or(Damaged)).transpose()?;
    let actor = has(ACTOR).then(|| decode_actor(from, has(ACTOR_ID), has(NAMED))).transpose()?;
    let mut number = |bit| has(bit).then(|| from.i64()).transpose();
    let (waited_ms, announced_wait_ms, rating) = (number(WAITED)?, number(ANNOUNCED)?, number(RATING)?);
    let rating = rating.map(i32::try_from).transpose().map_err(|_| Damaged)?;
    let sentiment = has(SENTIMENT)
        .then(|| from.bytes(8).and_then(|b| b.try_into().map_err(|_| Damaged)).map(|b| f64::from_bits(u64::from_le_bytes(b))))
        .transpose()?;
    let promises = list(from, has(PROMISES), |from| {
        Ok(Promise {
            promise_id: Text::borrowed(from.text()?),
            kind: Text::borrowed(from.text()?),
            due_at: Timestamp::from_millis(from.i64()?),
        })
    })?;
    let kept_promises = list(from, has(KEPT), |from| from.text().map(Text::borrowed))?;
    let added_value = list(from, has(ADDED), |from| from.text().map(Text::borrowed))?;
    let attributes = list(from, has(ATTRIBUTES), |from| Ok((Text::borrowed(from.text()?), Text::borrowed(from.text()?))))?;
    let seq = (from.u8()? != 0).then(|| from.i64()).transpose()?;
    Ok(Touchpoint {
        event_id,
        occurred_at,
        seq,
        customer_id,
        cycle_id,
        stage,
        intent,
        initiated_by: if has(COMPANY) { Initiator::Company } else { Initiator::Customer },
        channel,
        site,
        team,
        actor,
        need,
        outcome,
        segment,
        audience: if has(INTERNAL) { Audience::Internal } else { Audience::External },
        serves,
        waited_ms,
        announced_wait_ms,
        rating,
        sentiment,
        promises,
        kept_promises,
        added_value,
        door_open: has(DOOR).then_some(has(DOOR_OPEN)),
        attributes,
    })
}

fn decode_actor<'a>(from: &mut Take<'a>, has_id: bool, named: bool) -> Result<Actor<'a>, Damaged> {
    let kind = ActorKind::from_index(from.u8()?).ok_or(Damaged)?;
    let id = has_id.then(|| from.text().map(Text::borrowed)).transpose()?;
    Ok(Actor { kind, id, named })
}

fn list<'a, T>(
    from: &mut Take<'a>,
    there: bool,
    mut entry: impl FnMut(&mut Take<'a>) -> Result<T, Damaged>,
) -> Result<Vec<T>, Damaged> {
    if !there {
        return Ok(Vec::new());
    }
    let count = from.count()?;
    (0..count).map(|_| entry(from)).collect()
}
