//! Business hours: a time zone with its changes of clock, weekly split shifts and holidays.
//!
//! An instant is open iff its local wall-clock time lies within a shift of its local date. So a shift in the hour that a
//! change of clock skips is that much shorter, and one in the hour that comes twice is that much longer.
//!
//! A touchpoint must not pay for the days that a ticket has been waiting, so the open spans of a year are laid out the
//! first time that the year is asked for, with running sums: every question is two binary searches then.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::OnceLock;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::time::Timestamp;

/// The years that a calendar knows, those of [`Timestamp::PLAUSIBLE`]. Before and after them it is never open.
const YEARS: RangeInclusive<i32> = 1900..=2199;
const MILLIS_PER_MINUTE: i64 = 60_000;

/// Open hours on one day, in minutes since local midnight; from 0 to 1440, the end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shift {
    pub(super) from: u16,
    pub(super) to: u16,
}

/// Business hours. [`Calendar::default`] is always open.
#[derive(Clone, Default)]
pub struct Calendar(Option<Hours>);

/// What the strategy declares, and what was laid out of it.
#[derive(Clone)]
pub(super) struct Hours {
    pub(super) zone: Tz,
    /// From Monday on.
    pub(super) week: [Vec<Shift>; 7],
    pub(super) holidays: BTreeMap<NaiveDate, Vec<Shift>>,
    years: Vec<OnceLock<Year>>,
}

/// The open spans of one local year, in order.
#[derive(Clone, Debug, Default)]
struct Year {
    spans: Vec<Span>,
    total: i64,
}

/// An open span, in ms since 1970, and how much of its year was open before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    from: i64,
    to: i64,
    before: i64,
}

impl Calendar {
    /// Open during the shifts of `week` (from Monday on), but on a holiday only during that holiday's shifts.
    /// The shifts of a day must be in order and must not overlap.
    pub(super) fn new(zone: Tz, week: [Vec<Shift>; 7], holidays: BTreeMap<NaiveDate, Vec<Shift>>) -> Self {
        let years = YEARS.map(|_| OnceLock::new()).collect();
        Self(Some(Hours { zone, week, holidays, years }))
    }

    /// The first instant at which `business_ms` of open time have passed since `from`: `from` itself for zero or less,
    /// [`Timestamp::MAX`] when there is not so much open time before the year 2200.
    ///
    /// ```
    /// # use motmot_core::{Timestamp, strategy::calendar::Calendar};
    /// let noon = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
    /// assert_eq!(Calendar::default().add(noon, 60_000), noon.plus(60_000));
    /// ```
    pub fn add(&self, from: Timestamp, business_ms: i64) -> Timestamp {
        let Some(hours) = &self.0 else { return from.plus(business_ms.max(0)) };
        if business_ms <= 0 {
            return from;
        }
        let first = hours.year_at(from);
        let mut wanted = hours.year(first).elapsed(from).saturating_add(business_ms);
        for number in first..=*YEARS.end() {
            let year = hours.year(number);
            if wanted <= year.total {
                return year.instant(wanted);
            }
            wanted -= year.total;
        }
        Timestamp::MAX
    }

    /// Open time from `from` to `to`, in ms; negative when `to` lies before `from`.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> i64 {
        let Some(hours) = &self.0 else { return to.since(from) };
        if to < from {
            return -self.between(to, from);
        }
        let (first, last) = (hours.year_at(from), hours.year_at(to));
        let whole_years: i64 = (first..last).map(|number| hours.year(number).total).sum();
        whole_years + hours.year(last).elapsed(to) - hours.year(first).elapsed(from)
    }

    /// Whose wall clock it goes by; UTC when it is always open.
    pub fn zone(&self) -> Tz {
        self.0.as_ref().map_or(Tz::UTC, |hours| hours.zone)
    }

    /// What was declared; none when it is always open.
    pub(super) fn hours(&self) -> Option<&Hours> {
        self.0.as_ref()
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("Calendar(always open)"),
            Some(Hours { zone, week, holidays, years: _ }) => {
                f.debug_tuple("Calendar").field(zone).field(week).field(holidays).finish()
            }
        }
    }
}

impl Hours {
    /// The local year of an instant, or the nearest one that the calendar knows.
    fn year_at(&self, at: Timestamp) -> i32 {
        let at = at.clamp(Timestamp::PLAUSIBLE.start, Timestamp::PLAUSIBLE.end);
        let utc = DateTime::from_timestamp_millis(at.as_millis()).unwrap_or_default().naive_utc();
        (utc + self.offset(utc)).year().clamp(*YEARS.start(), *YEARS.end())
    }

    fn year(&self, number: i32) -> &Year {
        static NEVER_OPEN: Year = Year { spans: Vec::new(), total: 0 };
        let position = usize::try_from(number - YEARS.start()).ok();
        let Some(slot) = position.and_then(|position| self.years.get(position)) else { return &NEVER_OPEN };
        slot.get_or_init(|| self.lay_out(number))
    }

    fn lay_out(&self, number: i32) -> Year {
        let mut spans = Vec::new();
        let days = NaiveDate::from_ymd_opt(number, 1, 1).into_iter().flat_map(|first| first.iter_days());
        for date in days.take_while(|date| date.year() == number) {
            self.open_spans(date, &mut spans);
        }
        // A change of clock just after midnight makes the end of one date come again after the start of the next.
        spans.sort_unstable();
        let mut total = 0;
        for span in &mut spans {
            span.before = total;
            total += span.to - span.from;
        }
        Year { spans, total }
    }

    /// The spans of instants whose local time lies in a shift of `date`.
    fn open_spans(&self, date: NaiveDate, spans: &mut Vec<Span>) {
        let shifts = match self.holidays.get(&date) {
            Some(shifts) => shifts,
            None => self.week.get(date.weekday().num_days_from_monday() as usize).map_or(&[][..], Vec::as_slice),
        };
        if shifts.is_empty() {
            return;
        }
        let midnight = date.and_time(chrono::NaiveTime::MIN);
        // No zone is further from UTC than this, so the whole local day lies in between.
        let (early, late) = (midnight - TimeDelta::hours(16), midnight + TimeDelta::hours(40));
        let (before, after) = (self.offset(early), self.offset(late));
        let change = (before != after).then(|| self.change_of_clock(early, late));
        let millis = |local: NaiveDateTime, offset: TimeDelta| (local - offset).and_utc().timestamp_millis();
        for shift in shifts {
            let opens = midnight + TimeDelta::minutes(shift.from.into());
            let length = i64::from(shift.to - shift.from) * MILLIS_PER_MINUTE;
            let mut push = |from: i64, to: i64| {
                if from < to {
                    spans.push(Span { from, to, before: 0 });
                }
            };
            let from = millis(opens, before);
            let Some(change) = change else {
                push(from, from + length);
                continue;
            };
            push(from, (from + length).min(change));
            let from = millis(opens, after);
            push(from.max(change), from + length);
        }
    }

    /// How far local time is ahead of UTC.
    fn offset(&self, utc: NaiveDateTime) -> TimeDelta {
        TimeDelta::seconds(self.zone.offset_from_utc_datetime(&utc).fix().local_minus_utc().into())
    }

    /// The instant (in ms) at which the offset of `early` ends. No zone changes its clock twice within these days.
    fn change_of_clock(&self, early: NaiveDateTime, late: NaiveDateTime) -> i64 {
        let old = self.offset(early);
        let (mut still, mut changed) = (early.and_utc().timestamp(), late.and_utc().timestamp());
        while changed - still > 1 {
            let middle = still + (changed - still) / 2;
            let same = DateTime::from_timestamp(middle, 0).is_none_or(|utc| self.offset(utc.naive_utc()) == old);
            if same { still = middle } else { changed = middle }
        }
        changed * 1_000
    }
}

impl Year {
    /// How much open time of this year has passed at an instant.
    fn elapsed(&self, at: Timestamp) -> i64 {
        let at = at.as_millis();
        let begun = self.spans.partition_point(|span| span.from <= at);
        let last = begun.checked_sub(1).and_then(|last| self.spans.get(last));
        last.map_or(0, |span| span.before + at.min(span.to) - span.from)
    }

    /// The first instant at which `elapsed` (more than zero, at most the total) has passed.
    fn instant(&self, elapsed: i64) -> Timestamp {
        let begun = self.spans.partition_point(|span| span.before < elapsed);
        let span = begun.checked_sub(1).and_then(|last| self.spans.get(last));
        span.map_or(Timestamp::MAX, |span| Timestamp::from_millis(span.from + elapsed - span.before))
    }
}
