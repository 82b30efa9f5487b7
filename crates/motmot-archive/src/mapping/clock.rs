//! Reads instants, dates and times of day, and places local time in its zone.

use chrono::format::{Item, Parsed};
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use motmot_core::Timestamp;

use super::BadRow;
use super::model::{ClockFormat, InstantFormat};

pub(super) fn instant(text: &str, format: &InstantFormat, zone: Tz) -> Result<Timestamp, BadRow> {
    match format {
        InstantFormat::Rfc3339 => {
            Timestamp::parse(text).map_err(|e| BadRow::new(format!("`{text}` is no RFC 3339 instant ({e})")))
        }
        InstantFormat::Epoch(unit) => {
            let number = text.parse::<i64>().ok().and_then(|number| number.checked_mul(*unit));
            number
                .map(Timestamp::from_millis)
                .ok_or_else(|| BadRow::new(format!("`{text}` is no whole number of seconds or milliseconds since 1970")))
        }
        InstantFormat::Zoned(items) => {
            let at =
                parsed(text, items)?.to_datetime().map_err(|_| BadRow::new(format!("`{text}` is no instant that exists")))?;
            Ok(Timestamp::from_millis(at.timestamp_millis()))
        }
        InstantFormat::Local(items) => {
            let at = parsed(text, items)?.to_naive_datetime_with_offset(0);
            let at = at.map_err(|_| BadRow::new(format!("`{text}` is no date and time that exist")))?;
            Ok(in_zone(at, zone))
        }
    }
}

pub(super) fn date(text: &str, items: &[Item<'static>]) -> Result<NaiveDate, BadRow> {
    parsed(text, items)?.to_naive_date().map_err(|_| BadRow::new(format!("`{text}` is no date that exists")))
}

/// A time of day, in ms since midnight; `24:00:00` is the day's end.
pub(super) fn clock(text: &str, format: &ClockFormat) -> Result<i64, BadRow> {
    match format {
        ClockFormat::Hms => hms(text).ok_or_else(|| BadRow::new(format!("`{text}` is no time of day of the form h:mm:ss"))),
        ClockFormat::Items(items) => {
            let time = parsed(text, items)?.to_naive_time();
            let time = time.map_err(|_| BadRow::new(format!("`{text}` is no time of day that exists")))?;
            Ok(time.signed_duration_since(NaiveTime::MIN).num_milliseconds())
        }
    }
}

fn hms(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let mut number = |digits: std::ops::RangeInclusive<usize>, most: i64| {
        let part = parts.next()?;
        let wrong = !digits.contains(&part.len()) || !part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<i64>().ok().filter(|number| !wrong && *number <= most)
    };
    let (hours, minutes, seconds) = (number(1..=2, 24)?, number(2..=2, 59)?, number(2..=2, 59)?);
    let total = hours * 3_600 + minutes * 60 + seconds;
    (parts.next().is_none() && total <= 86_400).then_some(total * 1_000)
}

fn parsed(text: &str, items: &[Item<'static>]) -> Result<Parsed, BadRow> {
    let mut parsed = Parsed::new();
    match chrono::format::parse(&mut parsed, text, items.iter()) {
        Ok(()) => Ok(parsed),
        Err(e) => Err(BadRow::new(format!("`{text}` does not have the form of the mapping's time ({e})"))),
    }
}

/// `clock_ms` after the midnight with which `date` begins.
pub(super) fn at_clock(date: NaiveDate, clock_ms: i64, zone: Tz) -> Timestamp {
    let midnight = date.and_time(NaiveTime::MIN);
    let local = midnight.checked_add_signed(TimeDelta::milliseconds(clock_ms)).unwrap_or(midnight);
    in_zone(local, zone)
}

/// The local day on which `at` lies.
pub(super) fn day_of(at: Timestamp, zone: Tz) -> Result<NaiveDate, BadRow> {
    let utc = DateTime::<Utc>::from_timestamp_millis(at.as_millis());
    let utc = utc.ok_or_else(|| BadRow::new("the time is outside the calendar"))?;
    Ok(if zone == Tz::UTC { utc.date_naive() } else { utc.with_timezone(&zone).date_naive() })
}

pub(super) fn day_after(date: NaiveDate) -> NaiveDate {
    date.checked_add_days(Days::new(1)).unwrap_or(date)
}

/// Local time as an instant. Of an hour that happens twice in autumn the first is meant; a time in the hour that spring leaves
/// out is read as if the clock had not been put forward yet: both keep the order of what was written down before the change.
fn in_zone(local: NaiveDateTime, zone: Tz) -> Timestamp {
    if zone == Tz::UTC {
        return Timestamp::from_millis(local.and_utc().timestamp_millis());
    }
    let at = zone.from_local_datetime(&local).earliest().map_or_else(
        || {
            let before = local.checked_sub_signed(TimeDelta::hours(3)).unwrap_or(local);
            let offset = zone.offset_from_local_datetime(&before).earliest().map_or(0, |o| o.fix().local_minus_utc());
            local.and_utc().timestamp_millis() - i64::from(offset) * 1_000
        },
        |at| at.timestamp_millis(),
    );
    Timestamp::from_millis(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_read_strictly() {
        for (text, seconds) in [("0:00:00", 0), ("9:05:07", 32_707), ("23:59:59", 86_399), ("24:00:00", 86_400)] {
            assert_eq!(hms(text), Some(seconds * 1_000), "{text}");
        }
        for text in ["", "9:5:7", "25:00:00", "24:00:01", "-1:00:00", "9:05", "9:05:07:00", "+9:05:07", "9:60:00"] {
            assert_eq!(hms(text), None, "{text}");
        }
    }

    #[test]
    fn the_hours_of_a_change_of_clocks_have_an_answer() {
        let zone = Tz::Europe__Berlin;
        let at = |text: &str| {
            let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap();
            in_zone(local, zone).to_string()
        };
        assert_eq!(at("2026-03-29 01:59:59"), "2026-03-29T00:59:59Z");
        assert_eq!(at("2026-03-29 02:30:00"), "2026-03-29T01:30:00Z", "left out in spring");
        assert_eq!(at("2026-10-25 02:30:00"), "2026-10-25T00:30:00Z", "twice in autumn: the first");
    }
}
