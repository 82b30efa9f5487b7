//! Business hours: `time_zone`, `calendar` and `holidays`.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::strategy::calendar::{Calendar, Shift};
use crate::yaml::{Entry, Fields, Node, Problems, Value, nearest};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const SHIFT_MEND: &str = "write opening and closing time as in `\"09:00-12:30\"`; the last minute of a day is `24:00`";

/// The calendar, and whether business hours are declared at all.
pub(super) fn calendar(fields: &mut Fields<'_>, problems: &mut Problems) -> (Option<Calendar>, bool) {
    let zone_node = fields.take("time_zone");
    let zone = zone_node.map(|node| zone(node, problems));
    let week_node = fields.take("calendar");
    let week = week_node.and_then(|node| week(node, problems));
    let holidays_node = fields.take("holidays");
    let holidays = holidays_node.map_or_else(BTreeMap::new, |node| holidays(node, problems));
    let Some(week_node) = week_node else {
        if let Some(node) = holidays_node {
            let mend = "write the usual week too, as in `calendar: {mon-sun: [\"00:00-24:00\"]}`";
            problems.report(node.place, "`holidays` stands without `calendar`", mend);
        }
        return (Some(Calendar::default()), false);
    };
    if zone_node.is_none() {
        let mend = "say where its clocks hang, as in `time_zone: Europe/Berlin` (or `UTC`)";
        problems.report(week_node.place, "`calendar` stands without `time_zone`", mend);
    }
    let calendar = match (zone.flatten(), week) {
        (Some(zone), Some(week)) => Some(Calendar::new(zone, week, holidays)),
        _ => None,
    };
    (calendar, true)
}

fn zone(node: &Node, problems: &mut Problems) -> Option<Tz> {
    let name = node.text(problems)?;
    if let Ok(zone) = name.parse::<Tz>() {
        return Some(zone);
    }
    let hint = nearest(name, TZ_VARIANTS.iter().map(|zone| zone.name()));
    let hint = hint.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    let mend = "write a name of the IANA time zone database, as in `Europe/Berlin`, `Asia/Jerusalem` or `UTC`";
    problems.report(node.place, format!("`{name}` is no known time zone{hint}"), mend);
    None
}

fn week(node: &Node, problems: &mut Problems) -> Option<[Vec<Shift>; 7]> {
    let entries = node.entries("a week of business hours", problems)?;
    let before = problems.len();
    let mut week: [Option<Vec<Shift>>; 7] = Default::default();
    for entry in entries {
        let shifts = shifts(&entry.value, problems);
        for day in days(entry, problems) {
            let Some(slot) = week.get_mut(day) else { continue };
            if slot.is_some() {
                let name = DAYS.get(day).copied().unwrap_or_default();
                let mend = "name each day once; two shifts of a day go into one list, as in `[\"09:00-12:30\", \"14:00-18:00\"]`";
                problems.report(entry.place, format!("`{name}` has hours already"), mend);
            }
            *slot = Some(shifts.clone());
        }
    }
    let week = week.map(Option::unwrap_or_default);
    if problems.len() == before && week.iter().all(Vec::is_empty) {
        let mend = "give at least one day its hours, or remove `calendar`: then every hour counts";
        problems.report(node.place, "this calendar is never open, so no limit in business hours would ever pass", mend);
    }
    (problems.len() == before).then_some(week)
}

/// The days (0 is Monday) that a key names: `mon`, or `sun-thu`.
fn days(entry: &Entry, problems: &mut Problems) -> Vec<usize> {
    let position = |name: &str| DAYS.iter().position(|day| *day == name);
    let found = match entry.key.split_once('-') {
        None => position(&entry.key).map(|day| vec![day]),
        Some((first, last)) => position(first).zip(position(last)).filter(|(first, last)| first != last).map(|(first, last)| {
            let count = (last + DAYS.len() - first) % DAYS.len();
            (0..=count).map(|step| (first + step) % DAYS.len()).collect()
        }),
    };
    found.unwrap_or_else(|| {
        let mend = "write `mon`, `tue`, `wed`, `thu`, `fri`, `sat` or `sun`, or a range as in `sun-thu`";
        problems.report(entry.place, format!("`{}` is no day and no range of days", entry.key), mend);
        Vec::new()
    })
}

/// The shifts of a day, in order.
fn shifts(node: &Node, problems: &mut Problems) -> Vec<Shift> {
    let mut shifts: Vec<(Shift, &Node)> = Vec::new();
    for element in node.list_or_single() {
        let Some(shift) = shift(element, problems) else { continue };
        if shifts.iter().any(|(other, _)| shift.from < other.to && other.from < shift.to) {
            problems.report(element.place, format!("{} overlaps another shift of the day", element.described()), "join the two");
            continue;
        }
        shifts.push((shift, element));
    }
    let mut shifts: Vec<Shift> = shifts.into_iter().map(|(shift, _)| shift).collect();
    shifts.sort_unstable();
    shifts
}

fn shift(node: &Node, problems: &mut Problems) -> Option<Shift> {
    let text = node.text(problems)?;
    let Some((from, to)) = text.split_once('-').and_then(|(from, to)| minutes(from).zip(minutes(to))) else {
        problems.report(node.place, format!("`{text}` is no shift"), SHIFT_MEND);
        return None;
    };
    if from == to {
        problems.report(node.place, format!("`{text}` is empty"), SHIFT_MEND);
        return None;
    }
    if from > to {
        let (first, second) = text.split_once('-').unwrap_or_default();
        let mend = format!("end it at midnight (`{first}-24:00`), and give the next day the rest (`00:00-{second}`)");
        problems.report(node.place, format!("`{text}` goes over midnight"), mend);
        return None;
    }
    Some(Shift { from, to })
}

/// Minutes since midnight of `HH:MM`, up to `24:00`.
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |digits: &str, length| {
        let fits = digits.len() <= length && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (number(hour, 2)?, number(minute, 2).filter(|_| minute.len() == 2)?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= 24 * 60).then_some(total)
}

fn holidays(node: &Node, problems: &mut Problems) -> BTreeMap<NaiveDate, Vec<Shift>> {
    let mut holidays = BTreeMap::new();
    for element in node.list_or_single() {
        let Some((date, shifts)) = holiday(element, problems) else { continue };
        if holidays.insert(date, shifts).is_some() {
            problems.report(element.place, format!("{date} is listed twice"), "keep one of them");
        }
    }
    holidays
}

/// A date without business hours, or with the hours that are given for it.
fn holiday(node: &Node, problems: &mut Problems) -> Option<(NaiveDate, Vec<Shift>)> {
    let Value::Map(_) = &node.value else { return Some((date(node, problems)?, Vec::new())) };
    let mut fields = node.fields("a holiday", problems)?;
    let date_node = fields.demand("date", "write it as in `{date: 2026-12-24, hours: [\"09:00-12:00\"]}`", problems);
    let date = date_node.and_then(|node| date(node, problems));
    let shifts = fields.take("hours").map_or_else(Vec::new, |node| shifts(node, problems));
    fields.finish(problems);
    Some((date?, shifts))
}

fn date(node: &Node, problems: &mut Problems) -> Option<NaiveDate> {
    let text = node.text(problems)?;
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == "2026-12-25".len());
    if date.is_none() {
        problems.report(node.place, format!("`{text}` is no date"), "write year, month and day, as in `2026-12-25`");
    }
    date
}
