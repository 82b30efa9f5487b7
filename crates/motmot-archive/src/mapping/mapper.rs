//! Makes the touchpoints of a row.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use motmot_core::touchpoint::{Actor, ActorKind, Audience, Initiator, Intent, Outcome, Promise, Stage};
use motmot_core::yaml::nearest;
use motmot_core::{Text, Timestamp, Touchpoint};
use xxhash_rust::xxh3::Xxh3;

use super::eval::{Carried, FirstRow, Row, number};
use super::model::{ColumnRef, Encoding, Mapping, Slot, Value, Word};
use super::{BadRow, truth};
use crate::table::Fields;

/// A touchpoint that a row gave.
#[derive(Debug)]
pub struct Mapped<'r> {
    /// The record's key.
    pub key: &'r str,
    /// When it arrived.
    pub arrived_at: Timestamp,
    /// Which of the mapping's touchpoints it is, from 0.
    pub slot: u8,
    /// The touchpoint.
    pub touchpoint: Touchpoint<'r>,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowOutcome {
    /// The mapping says that it is to be ignored.
    Ignored,
    /// It gave so many touchpoints.
    Mapped(usize),
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowAt {
    /// Its number among the file's rows, from 1, the header not counted: the touchpoints' `seq`.
    pub row: i64,
}

/// The file's header is not what the mapping asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    /// A column is not there.
    #[error(
        "the file has no column `{name}`{hint}; its columns are: {columns}. Mend the name in the mapping, or give the position, as in `{{#3}}`"
    )]
    Missing {
        /// What the mapping calls it.
        name: String,
        /// A near name, in words.
        hint: String,
        /// All names of the header.
        columns: String,
    },
    /// A name is there more than once.
    #[error(
        "{count} columns are called `{name}`: write `{{{name}#1}}` for the first, `{{{name}#2}}` for the second in the mapping"
    )]
    Ambiguous {
        /// The name.
        name: String,
        /// How many have it.
        count: usize,
    },
    /// There are not so many columns.
    #[error("the mapping asks for column {position}, and the file has {count}")]
    Position {
        /// From 1.
        position: usize,
        /// How many there are.
        count: usize,
    },
    /// A value has a column's name.
    #[error("`{name}` is a value of the mapping and a column of the file: rename the value, so that it is clear which is meant")]
    Shadowed {
        /// The name of both.
        name: String,
    },
}

/// Makes touchpoints of rows. Keep one for all files of a source: what is carried over from a cycle's first row is remembered here.
#[derive(Debug)]
pub struct Mapper {
    mapping: Arc<Mapping>,
    carried: Carried,
    /// Positions of the mapping's columns in the file that is being read.
    positions: Vec<usize>,
    /// How many fields a row of this file has.
    width: Option<usize>,
    fields: Fields,
}

impl Mapper {
    /// One that has seen no row.
    pub fn new(mapping: Arc<Mapping>) -> Self {
        Self { mapping, carried: Carried::default(), positions: Vec::new(), width: None, fields: Fields::default() }
    }

    /// Begins a file. `header` are the names in its first row, if the format has one.
    ///
    /// # Errors
    /// When a column that the mapping names is not there, or not clear.
    pub fn begin(&mut self, header: Option<&[String]>) -> Result<(), BadHeader> {
        let mapping = &self.mapping;
        let given = header.unwrap_or(&mapping.format.names);
        self.width = (header.is_some() || !given.is_empty()).then_some(given.len());
        if let Some(name) = mapping.value_names.iter().find(|name| header.is_some() && given.contains(name)) {
            return Err(BadHeader::Shadowed { name: name.clone() });
        }
        self.positions = mapping.columns.iter().map(|column| position_of(column, given, self.width)).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Makes the touchpoints of a row and gives them to `emit`: all of them, or, of a row with a bad value, none.
    ///
    /// # Errors
    /// Why the row is dead.
    pub fn map(&mut self, record: &[u8], at: RowAt, mut emit: impl FnMut(Mapped<'_>)) -> Result<RowOutcome, BadRow> {
        let mapping = Arc::clone(&self.mapping);
        let text = decoded(record, mapping.format.encoding)?;
        self.fields.split(&text, mapping.format.delimiter, mapping.format.quote);
        let width = *self.width.get_or_insert(self.fields.len());
        if self.fields.len() != width {
            let (count, delimiter) = (self.fields.len(), char::from(mapping.format.delimiter));
            return Err(BadRow::new(format!(
                "the row has {count} fields, and the file {width} columns (delimiter {delimiter:?})"
            )));
        }
        let values: Vec<OnceCell<_>> = mapping.values.iter().map(|_| OnceCell::new()).collect();
        let times: Vec<OnceCell<_>> = mapping.times.iter().map(|_| OnceCell::new()).collect();
        let row = Row {
            mapping: &mapping,
            record: &text,
            fields: &self.fields,
            positions: &self.positions,
            carried: &self.carried,
            values: &values,
            times: &times,
        };
        for condition in &mapping.ignore {
            if row.holds(condition)? {
                return Ok(RowOutcome::Ignored);
            }
        }
        let touchpoints = touchpoints(&row, record, at)?;
        let count = touchpoints.len();
        touchpoints.into_iter().for_each(&mut emit);
        if let Some((cycle, first)) = first_of_cycle(&row)? {
            self.carried.insert(cycle, first);
        }
        Ok(RowOutcome::Mapped(count))
    }
}

/// The names in a file's first row.
pub(crate) fn header_names(record: &[u8], mapping: &Mapping) -> Vec<String> {
    let text = String::from_utf8_lossy(record);
    let text = if mapping.format.encoding == Encoding::Latin1 { decoded(record, Encoding::Latin1).unwrap_or(text) } else { text };
    let mut fields = Fields::default();
    fields.split(&text, mapping.format.delimiter, mapping.format.quote);
    (0..fields.len()).map(|at| fields.get(&text, at).unwrap_or_default().to_owned()).collect()
}

fn position_of(column: &ColumnRef, names: &[String], width: Option<usize>) -> Result<usize, BadHeader> {
    let places =
        |wanted: &str| -> Vec<usize> { names.iter().enumerate().filter(|(_, name)| *name == wanted).map(|(at, _)| at).collect() };
    let missing = |name: &str| BadHeader::Missing {
        name: name.to_owned(),
        hint: nearest(name, names.iter().map(String::as_str)).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default(),
        columns: names.join(", "),
    };
    match column {
        ColumnRef::Position(position) => match width {
            Some(count) if *position > count => Err(BadHeader::Position { position: *position, count }),
            _ => Ok(position - 1),
        },
        ColumnRef::Name(name) => match places(name)[..] {
            [] => Err(missing(name)),
            [at] => Ok(at),
            ref several => Err(BadHeader::Ambiguous { name: name.clone(), count: several.len() }),
        },
        ColumnRef::Occurrence(name, nth) => places(name).get(nth - 1).copied().ok_or_else(|| missing(&format!("{name}#{nth}"))),
    }
}

fn decoded(record: &[u8], encoding: Encoding) -> Result<Cow<'_, str>, BadRow> {
    match (std::str::from_utf8(record), encoding) {
        (Ok(text), _) if encoding == Encoding::Utf8 || record.is_ascii() => Ok(Cow::Borrowed(text)),
        (_, Encoding::Latin1) => Ok(record.iter().copied().map(char::from).collect::<String>().into()),
        (_, Encoding::Utf8) => {
            Err(BadRow::new("the row is not UTF-8; if the file is older, say `encoding: latin-1` in the mapping"))
        }
    }
}

/// The cycle, and what is to be carried over from this row, if it is the cycle's first.
fn first_of_cycle(row: &Row<'_>) -> Result<Option<(String, FirstRow)>, BadRow> {
    if row.mapping.carried == 0 || row.first_row()?.is_some() {
        return Ok(None);
    }
    let Some(cycle) = row.value(&row.mapping.cycle_id)? else { return Ok(None) };
    let mut first = vec![None; row.mapping.carried].into_boxed_slice();
    for (name, named) in row.mapping.values.iter().enumerate() {
        if let Some(place) = named.carried.and_then(|position| first.get_mut(position)) {
            *place = row.named(name)?.map(Cow::into_owned);
        }
    }
    Ok(Some((cycle.into_owned(), first)))
}

fn touchpoints<'r>(row: &'r Row<'r>, record: &[u8], at: RowAt) -> Result<Vec<Mapped<'r>>, BadRow> {
    let mut all = Vec::with_capacity(row.mapping.slots.len());
    let key = row.borrowed(&row.mapping.key)?.ok_or_else(|| BadRow::new("the row gives no key"))?;
    let cycle_id = row.borrowed(&row.mapping.cycle_id)?;
    if cycle_id.is_none() && !matches!(row.mapping.cycle_id, Value::Absent) {
        return Err(BadRow::new("the row gives no cycle id"));
    }
    for (slot, number) in row.mapping.slots.iter().zip(0_u8..) {
        let applies = slot.when.as_ref().map_or(Ok(true), |when| row.holds(when)).map_err(|bad| bad.within(&slot.name))?;
        if !applies {
            continue;
        }
        let event_id = event_id(cycle_id.unwrap_or(key), &slot.name, record);
        let touchpoint = touchpoint(row, slot, cycle_id, event_id, at).map_err(|bad| bad.within(&slot.name))?;
        let arrived_at = match &row.mapping.arrived_at {
            None => touchpoint.occurred_at,
            Some(time) => row.time(time)?.ok_or_else(|| BadRow::new("the row gives no arrival"))?,
        };
        if !Timestamp::PLAUSIBLE.contains(&arrived_at) {
            return Err(BadRow::new(format!("the arrival {arrived_at} lies outside the years 1900 to 2199")));
        }
        all.push(Mapped { key, arrived_at, slot: number, touchpoint });
    }
    if all.is_empty() {
        return Err(BadRow::new("none of the mapping's touchpoints applies; if such rows mean nothing, add them to `ignore`"));
    }
    Ok(all)
}

/// A hash of the cycle, the slot and the row itself, never of its position: the same row read twice, or from a file that was cut
/// otherwise, is the same touchpoint.
fn event_id(cycle: &str, slot: &str, record: &[u8]) -> String {
    let mut hash = Xxh3::new();
    for part in [cycle.as_bytes(), slot.as_bytes(), record] {
        hash.update(part);
        hash.update(b"\xff");
    }
    format!("{:016x}", hash.digest())
}

fn touchpoint<'r>(
    row: &'r Row<'r>,
    slot: &'r Slot,
    cycle_id: Option<&'r str>,
    event_id: String,
    at: RowAt,
) -> Result<Touchpoint<'r>, BadRow> {
    let touchpoint = Touchpoint {
        event_id: Text::owned(event_id),
        occurred_at: row.time(&slot.at)?.ok_or_else(|| BadRow::new("the row gives no time for it"))?,
        seq: Some(at.row),
        customer_id: row.text(&slot.customer_id)?,
        cycle_id: cycle_id.map(Text::borrowed),
        stage: row.word(&slot.stage, "stage", Stage::parse)?.ok_or_else(|| BadRow::new("the row gives no stage"))?,
        intent: row.optional_word(slot.intent.as_ref(), "intent", Intent::parse)?,
        initiated_by: row
            .optional_word(slot.initiated_by.as_ref(), "initiated_by", Initiator::parse)?
            .unwrap_or(Initiator::Customer),
        channel: row.text(&slot.channel)?.unwrap_or_default(),
        site: row.text(&slot.site)?.unwrap_or_default(),
        team: row.text(&slot.team)?,
        actor: actor(row, slot)?,
        need: row.text(&slot.need)?,
        outcome: row.word(&slot.outcome, "outcome", Outcome::parse)?.ok_or_else(|| BadRow::new("the row gives no outcome"))?,
        segment: row.text(&slot.segment)?,
        audience: row.optional_word(slot.audience.as_ref(), "audience", Audience::parse)?.unwrap_or(Audience::External),
        serves: row.text(&slot.serves)?,
        waited_ms: slot.waited.as_ref().map_or(Ok(None), |span| row.span(span))?,
        announced_wait_ms: slot.announced_wait.as_ref().map_or(Ok(None), |span| row.span(span))?,
        rating: rating(row, slot)?,
        sentiment: row.value(&slot.sentiment)?.map(|text| number(&text)).transpose()?,
        promises: promises(row, slot)?,
        kept_promises: texts(row, &slot.kept_promises)?,
        added_value: texts(row, &slot.added_value)?,
        door_open: row.truth(&slot.door_open)?,
        attributes: attributes(row, slot)?,
    };
    touchpoint.validate().map_err(|invalid| BadRow::new(invalid.to_string()))?;
    Ok(touchpoint)
}

fn actor<'r>(row: &Row<'r>, slot: &'r Slot) -> Result<Option<Actor<'r>>, BadRow> {
    let Some(actor) = &slot.actor else { return Ok(None) };
    let Some(kind) = row.word(&actor.kind, "actor", ActorKind::parse)? else { return Ok(None) };
    let named = actor.named.as_ref().map_or(Ok(false), |named| row.holds(named))?;
    Ok(Some(Actor { kind, id: row.text(&actor.id)?, named }))
}

fn rating<'r>(row: &Row<'r>, slot: &'r Slot) -> Result<Option<i32>, BadRow> {
    let Some(text) = row.value(&slot.rating)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| BadRow::new(format!("the rating `{text}` is no whole number from 1 to 5")))
}

fn promises<'r>(row: &Row<'r>, slot: &'r Slot) -> Result<Vec<Promise<'r>>, BadRow> {
    let mut promises = Vec::new();
    for promise in &slot.promises {
        let (id, kind) = (row.text(&promise.id)?, row.text(&promise.kind)?);
        if let (Some(promise_id), Some(kind), Some(due_at)) = (id, kind, row.time(&promise.due)?) {
            promises.push(Promise { promise_id, kind, due_at });
        }
    }
    Ok(promises)
}

fn texts<'r>(row: &Row<'r>, values: &'r [Value]) -> Result<Vec<Text<'r>>, BadRow> {
    values.iter().filter_map(|value| row.text(value).transpose()).collect()
}

fn attributes<'r>(row: &Row<'r>, slot: &'r Slot) -> Result<Vec<(Text<'r>, Text<'r>)>, BadRow> {
    let all = slot.attributes.iter().map(|(name, value)| Ok((Text::borrowed(name), row.text(value)?)));
    all.filter_map(|entry: Result<_, BadRow>| entry.map(|(name, text)| text.map(|text| (name, text))).transpose()).collect()
}

impl<'r> Row<'r> {
    fn text(&self, value: &'r Value) -> Result<Option<Text<'r>>, BadRow> {
        Ok(self.value(value)?.map(|text| match text {
            Cow::Borrowed(text) => Text::borrowed(text),
            Cow::Owned(text) => Text::owned(text),
        }))
    }

    /// A value that is a constant, a column or a named value: those live as long as the row.
    fn borrowed(&self, value: &'r Value) -> Result<Option<&'r str>, BadRow> {
        match self.value(value)? {
            None => Ok(None),
            Some(Cow::Borrowed(text)) => Ok(Some(text)),
            Some(Cow::Owned(text)) => Err(BadRow::new(format!(
                "`{text}` was not found once for the row; this is a fault of motmot's, please report it"
            ))),
        }
    }

    fn word<T: Copy>(&self, word: &'r Word<T>, field: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, BadRow> {
        match word {
            Word::Constant(value) => Ok(Some(*value)),
            Word::Of(value) => match self.value(value)? {
                None => Ok(None),
                Some(text) => parse(&text).map(Some).ok_or_else(|| BadRow::new(format!("`{text}` is no value of {field}"))),
            },
        }
    }

    fn optional_word<T: Copy>(
        &self,
        word: Option<&'r Word<T>>,
        field: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, BadRow> {
        word.map_or(Ok(None), |word| self.word(word, field, parse))
    }

    fn truth(&self, value: &'r Value) -> Result<Option<bool>, BadRow> {
        let Some(text) = self.value(value)? else { return Ok(None) };
        truth(&text).map(Some).ok_or_else(|| BadRow::new(format!("`{text}` is neither true nor false")))
    }
}
