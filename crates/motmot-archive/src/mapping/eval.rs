//! What a row gives: values, times, durations and conditions.
//!
//! Named values and times are found when they are first asked for, and once a row: what no touchpoint of the row needs
//! cannot make the row dead.

use std::borrow::Cow;
use std::cell::OnceCell;

use motmot_core::Timestamp;
use motmot_core::yaml::parse_duration;
use rustc_hash::FxHashMap;

use super::model::{Condition, Mapping, Negative, Otherwise, Part, Span, Time, Unit, Value};
use super::{BadRow, clock};
use crate::table::Fields;

/// The values that a cycle's first row gives to all its rows.
pub(super) type FirstRow = Box<[Option<String>]>;
/// Of every cycle, the values carried over from its first row.
pub(super) type Carried = FxHashMap<String, FirstRow>;

pub(super) type Found<'r> = Result<Option<Cow<'r, str>>, BadRow>;
pub(super) type FoundTime = Result<Option<Timestamp>, BadRow>;

/// A row, with what has been found in it so far.
pub(super) struct Row<'r> {
    pub(super) mapping: &'r Mapping,
    pub(super) record: &'r str,
    pub(super) fields: &'r Fields,
    /// Positions of [`Mapping::columns`] in this file.
    pub(super) positions: &'r [usize],
    pub(super) carried: &'r Carried,
    pub(super) values: &'r [OnceCell<Found<'r>>],
    pub(super) times: &'r [OnceCell<FoundTime>],
}

impl<'r> Row<'r> {
    /// A text that is not empty, or nothing.
    pub(super) fn value(&self, value: &'r Value) -> Found<'r> {
        match value {
            Value::Absent => Ok(None),
            Value::Constant(text) => Ok(Some(Cow::Borrowed(text))),
            Value::Column(column) => Ok(self.column(*column).filter(|text| !text.is_empty()).map(Cow::Borrowed)),
            Value::Named(name) => self.named(*name),
            Value::Template(parts) => self.template(parts),
            Value::Unless { of, absent } => Ok(self.value(of)?.filter(|text| !absent.iter().any(|a| a == text))),
            Value::Table { of, entries, otherwise } => {
                let Some(text) = self.value(of)? else {
                    // What is not there is not in the table either; a missing text is no unknown one.
                    return match otherwise {
                        Otherwise::Error => Ok(None),
                        Otherwise::Value(value) => self.value(value),
                    };
                };
                match (entries.iter().find(|(entry, _)| *entry == text), otherwise) {
                    (Some((_, value)), _) => self.value(value),
                    (None, Otherwise::Value(value)) => self.value(value),
                    (None, Otherwise::Error) => Err(BadRow::new(format!(
                        "`{text}` is not in the mapping's table: add it there, or give the table an `otherwise`"
                    ))),
                }
            }
            Value::FirstOf(list) => {
                list.iter().map(|value| self.value(value)).find(|found| !matches!(found, Ok(None))).unwrap_or(Ok(None))
            }
            Value::If { when, then, otherwise } => self.value(if self.holds(when)? { then } else { otherwise }),
        }
    }

    fn column(&self, column: usize) -> Option<&'r str> {
        self.positions.get(column).and_then(|position| self.fields.get(self.record, *position))
    }

    fn template(&self, parts: &'r [Part]) -> Found<'r> {
        let mut text = String::with_capacity(32);
        for part in parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Value(value) => match self.value(value)? {
                    Some(part) => text.push_str(&part),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(Cow::Owned(text)))
    }

    pub(super) fn named(&self, name: usize) -> Found<'r> {
        let (Some(cell), Some(named)) = (self.values.get(name), self.mapping.values.get(name)) else { return Ok(None) };
        let found = cell.get_or_init(|| match named.carried {
            None => self.value(&named.value),
            Some(position) => match self.first_row()? {
                Some(first) => Ok(first.get(position).and_then(|text| text.as_deref()).map(Cow::Borrowed)),
                None => self.value(&named.value),
            },
        });
        match found {
            Ok(text) => Ok(text.as_deref().map(Cow::Borrowed)),
            Err(bad) => Err(bad.clone()),
        }
    }

    /// What the cycle's first row gave, unless this is it.
    pub(super) fn first_row(&self) -> Result<Option<&'r [Option<String>]>, BadRow> {
        let cycle = self.value(&self.mapping.cycle_id)?;
        Ok(cycle.and_then(|cycle| self.carried.get(cycle.as_ref())).map(AsRef::as_ref))
    }

    pub(super) fn time(&self, time: &'r Time) -> FoundTime {
        match time {
            Time::Named(name) => {
                let (Some(cell), Some(time)) = (self.times.get(*name), self.mapping.times.get(*name)) else { return Ok(None) };
                cell.get_or_init(|| self.time(time)).clone()
            }
            Time::Instant { of, format } => {
                self.value(of)?.map(|text| clock::instant(&text, format, self.mapping.zone)).transpose()
            }
            Time::DateClock { date, date_format, clock, clock_format } => {
                let (Some(date), Some(clock)) = (self.value(date)?, self.value(clock)?) else { return Ok(None) };
                let (date, clock) = (clock::date(&date, date_format)?, clock::clock(&clock, clock_format)?);
                Ok(Some(clock::at_clock(date, clock, self.mapping.zone)))
            }
            Time::ClockOn { clock, clock_format, on, wrap_ms } => {
                let (Some(clock), Some(on)) = (self.value(clock)?, self.time(on)?) else { return Ok(None) };
                let clock = clock::clock(&clock, clock_format)?;
                let day = clock::day_of(on, self.mapping.zone)?;
                let at = clock::at_clock(day, clock, self.mapping.zone);
                let is_past_midnight = on.since(at) > *wrap_ms;
                Ok(Some(if is_past_midnight { clock::at_clock(clock::day_after(day), clock, self.mapping.zone) } else { at }))
            }
            Time::Plus(start, span) => {
                let (Some(start), Some(span)) = (self.time(start)?, self.span(span)?) else { return Ok(None) };
                Ok(Some(start.plus(span)))
            }
            Time::FirstOf(list) => {
                list.iter().map(|time| self.time(time)).find(|found| !matches!(found, Ok(None))).unwrap_or(Ok(None))
            }
            Time::LatestOf(list) => list.iter().try_fold(None, |latest, time| Ok(latest.max(self.time(time)?))),
            Time::If { when, then } => {
                if self.holds(when)? {
                    self.time(then)
                } else {
                    Ok(None)
                }
            }
        }
    }

    /// A duration in ms.
    pub(super) fn span(&self, span: &'r Span) -> Result<Option<i64>, BadRow> {
        match span {
            Span::Constant(millis) => Ok(Some(*millis)),
            Span::Of { of, unit, negative } => {
                let Some(text) = self.value(of)? else { return Ok(None) };
                let millis = duration(&text, *unit)?;
                match negative {
                    _ if millis >= 0 => Ok(Some(millis)),
                    Negative::Zero => Ok(Some(0)),
                    Negative::Absent => Ok(None),
                    Negative::Error => Err(BadRow::new(format!(
                        "the duration `{text}` is negative; if such are slips of the clock, say `negative: zero` in the mapping"
                    ))),
                }
            }
        }
    }

    pub(super) fn holds(&self, condition: &'r Condition) -> Result<bool, BadRow> {
        match condition {
            Condition::Named(name) => self.mapping.conditions.get(*name).map_or(Ok(false), |condition| self.holds(condition)),
            Condition::Not(condition) => Ok(!self.holds(condition)?),
            Condition::All(list) => {
                for condition in list {
                    if !self.holds(condition)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Any(list) => {
                for condition in list {
                    if self.holds(condition)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            // Nothing compares like the empty text, so that a person can ask for it.
            Condition::In(value, list) => {
                let text = self.value(value)?.unwrap_or_default();
                Ok(list.iter().any(|entry| *entry == text))
            }
            Condition::StartsWith(value, list) => {
                Ok(self.value(value)?.is_some_and(|text| list.iter().any(|start| text.starts_with(start))))
            }
            Condition::Known(value) => Ok(self.value(value)?.is_some()),
            Condition::Number(value, comparison, limit) => match self.value(value)? {
                None => Ok(false),
                Some(text) => Ok(comparison.holds(number(&text)?, *limit)),
            },
            Condition::Span(span, comparison, limit) => {
                Ok(self.span(span)?.is_some_and(|millis| comparison.holds(millis, *limit)))
            }
        }
    }
}

pub(super) fn number(text: &str) -> Result<f64, BadRow> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| BadRow::new(format!("`{text}` is no number")))
}

fn duration(text: &str, unit: Option<Unit>) -> Result<i64, BadRow> {
    match unit {
        None => parse_duration(text).map_err(|(message, mend)| BadRow::new(format!("{message}: {mend}"))),
        Some(Unit::Clock) => {
            clock_duration(text).ok_or_else(|| BadRow::new(format!("`{text}` is no duration of the form h:mm:ss")))
        }
        Some(Unit::Millis(unit)) => match text.parse::<i64>() {
            Ok(number) => number.checked_mul(unit).ok_or_else(|| BadRow::new(format!("the duration `{text}` is too long"))),
            Err(_) => fraction(number(text)?, unit),
        },
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // checked to lie within what is exact
fn fraction(number: f64, unit: i64) -> Result<i64, BadRow> {
    let millis = (number * unit as f64).round();
    if millis.abs() < 9e15 { Ok(millis as i64) } else { Err(BadRow::new(format!("the duration `{number}` is too long"))) }
}

/// `h:mm:ss` or `mm:ss`, hours without a limit, perhaps negative.
fn clock_duration(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let mut seconds = 0_i64;
    let mut parts = 0;
    for part in digits.split(':') {
        let is_number = (1..=6).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let number = part.parse::<i64>().ok().filter(|number| is_number && (parts == 0 || *number < 60))?;
        seconds = seconds * 60 + number;
        parts += 1;
    }
    matches!(parts, 2 | 3).then_some(sign * seconds * 1_000)
}
