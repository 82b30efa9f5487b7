//! Business hours, against an oracle that looks at each minute.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use chrono::{DateTime, Datelike, NaiveDate, TimeZone, Timelike};
use chrono_tz::Tz;
use motmot_core::strategy::calendar::Calendar;
use motmot_core::{Strategy, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn calendar(zone: &str, week: &str, holidays: &str) -> Calendar {
    let text = format!(
        "strategy: s\ntime_zone: {zone}\ncalendar: {week}\nholidays: {holidays}\ncycles: [{{inactivity: 1h, grace: 1m}}]\nrules: []\n"
    );
    Strategy::load("s.yaml", &text).unwrap_or_else(|problems| panic!("{problems}")).calendar
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Checks both directions at once: `elapsed` of open time lies between two instants.
fn check(calendar: &Calendar, from: &str, elapsed_ms: i64, until: &str) {
    assert_eq!(calendar.add(at(from), elapsed_ms), at(until), "{from} + {elapsed_ms} ms");
    assert_eq!(calendar.between(at(from), at(until)), elapsed_ms, "{from} to {until}");
    assert_eq!(calendar.between(at(until), at(from)), -elapsed_ms, "{until} back to {from}");
}

#[test]
fn without_a_calendar_every_hour_counts() {
    check(&Calendar::default(), "2026-01-01T00:00:00Z", 36 * HOUR, "2026-01-02T12:00:00Z");
}

#[test]
fn split_shifts_nights_and_weekends_do_not_count() {
    let shop = calendar("Europe/Berlin", r#"{mon-fri: ["09:00-12:30", "14:00-18:00"], sat: "09:00-13:00"}"#, "[]");
    check(&shop, "2026-01-07T12:00:00+01:00", HOUR, "2026-01-07T14:30:00+01:00"); // over lunch
    check(&shop, "2026-01-07T17:30:00+01:00", HOUR, "2026-01-08T09:30:00+01:00"); // over night
    check(&shop, "2026-01-10T12:30:00+01:00", HOUR, "2026-01-12T09:30:00+01:00"); // over Sunday
    check(&shop, "2026-01-11T03:00:00+01:00", MINUTE, "2026-01-12T09:01:00+01:00"); // from a closed hour
    check(&shop, "2026-01-07T17:30:00+01:00", HOUR / 2, "2026-01-07T18:00:00+01:00"); // up to closing time
    check(&shop, "2026-01-11T03:00:00+01:00", 0, "2026-01-11T03:00:00+01:00");
    check(&shop, "2025-12-31T17:59:59.999+01:00", 2, "2026-01-01T09:00:00.001+01:00"); // over the year's end
}

#[test]
fn holidays_are_closed_or_have_hours_of_their_own() {
    let shop =
        calendar("Europe/Berlin", r#"{mon-fri: ["09:00-17:00"]}"#, r#"[2026-12-25, {date: 2026-12-24, hours: ["09:00-12:00"]}]"#);
    check(&shop, "2026-12-24T11:00:00+01:00", 2 * HOUR, "2026-12-28T10:00:00+01:00");
}

#[test]
fn an_hour_that_the_clock_skips_is_not_open_and_one_that_comes_twice_is_open_twice() {
    let night = calendar("Europe/Berlin", r#"{sun: ["01:00-04:00"]}"#, "[]");
    check(&night, "2026-03-29T01:00:00+01:00", 2 * HOUR, "2026-03-29T04:00:00+02:00");
    check(&night, "2026-10-25T01:00:00+02:00", 4 * HOUR, "2026-10-25T04:00:00+01:00");
    // Within the hour that comes twice, the shift is open in both.
    let twice = calendar("Europe/Berlin", r#"{sun: ["02:15-02:45"]}"#, "[]");
    check(&twice, "2026-10-25T00:00:00+02:00", 45 * MINUTE, "2026-10-25T02:30:00+01:00");
    // Within the hour that is skipped, it is not open at all.
    check(&twice, "2026-03-28T00:00:00+01:00", MINUTE, "2026-04-05T02:16:00+02:00");
}

#[test]
fn a_day_that_a_zone_skipped_is_not_open() {
    // Samoa went over the date line: there was no 30 December 2011.
    let samoa = calendar("Pacific/Apia", r#"{mon-sun: ["10:00-11:00"]}"#, "[]");
    check(&samoa, "2011-12-29T11:00:00-10:00", HOUR, "2011-12-31T11:00:00+14:00");
}

#[test]
fn open_time_ends_with_the_years_that_touchpoints_may_have() {
    let shop = calendar("UTC", r#"{mon: ["09:00-10:00"]}"#, "[]");
    assert_eq!(shop.add(at("2199-12-01T00:00:00Z"), 100 * HOUR), Timestamp::MAX);
    for extreme in [Timestamp::MIN, Timestamp::MAX, Timestamp::from_millis(8_210_266_876_799_999)] {
        assert_eq!(shop.between(extreme, extreme), 0);
    }
    assert!(shop.between(Timestamp::MIN, Timestamp::MAX) > 300 * 50 * HOUR);
    assert_eq!(shop.add(Timestamp::MAX, 1), Timestamp::MAX);
}

/// Shifts in minutes for each weekday from Monday, and holidays: the oracle's own idea of a calendar.
#[derive(Clone, Debug)]
struct Plan {
    zone: Tz,
    week: Vec<Vec<(u32, u32)>>,
    holidays: Vec<NaiveDate>,
}

impl Plan {
    fn is_open(&self, millis: i64) -> bool {
        let local = self.zone.from_utc_datetime(&DateTime::from_timestamp_millis(millis).unwrap().naive_utc());
        if self.holidays.contains(&local.date_naive()) {
            return false;
        }
        let minute = local.hour() * 60 + local.minute();
        let shifts = &self.week[local.weekday().num_days_from_monday() as usize];
        shifts.iter().any(|(from, to)| (*from..*to).contains(&minute))
    }

    fn between(&self, from: Timestamp, to: Timestamp) -> i64 {
        let (mut at, end, mut sum) = (from.as_millis(), to.as_millis(), 0);
        while at < end {
            let next = ((at.div_euclid(MINUTE) + 1) * MINUTE).min(end);
            if self.is_open(at) {
                sum += next - at;
            }
            at = next;
        }
        sum
    }

    fn calendar(&self) -> Calendar {
        const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let time = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
        let day =
            |shifts: &Vec<(u32, u32)>| shifts.iter().map(|(f, t)| format!("\"{}-{}\"", time(*f), time(*t))).collect::<Vec<_>>();
        let week: Vec<_> =
            DAYS.iter().zip(&self.week).map(|(name, shifts)| format!("{name}: [{}]", day(shifts).join(", "))).collect();
        let holidays: Vec<_> = self.holidays.iter().map(ToString::to_string).collect();
        calendar(self.zone.name(), &format!("{{{}}}", week.join(", ")), &format!("[{}]", holidays.join(", ")))
    }
}

/// Some days around a change of clock, or around a year's end.
fn starts() -> impl Generator<Value = (Tz, i64)> {
    let changes = |zone, days: &'static [&'static str]| {
        (Just(zone), prop::sample::select(days), 0..4 * 24 * HOUR)
            .prop_map(|(zone, day, ms)| (zone, at(day).as_millis() - 2 * 24 * HOUR + ms))
    };
    prop_oneof![
        changes(
            Tz::Asia__Jerusalem,
            &["1999-09-03T00:00:00Z", "2026-03-27T00:00:00Z", "2026-10-25T00:00:00Z", "2026-12-31T22:00:00Z"]
        ),
        changes(Tz::Europe__Berlin, &["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2027-01-01T00:00:00Z"]),
    ]
}

/// Up to three shifts a day, some of them at the hours at which clocks change.
fn shifts() -> impl Generator<Value = Vec<(u32, u32)>> {
    prop::collection::btree_set(prop_oneof![0u32..=1440, prop::sample::select(vec![0, 60, 120, 150, 180, 240, 1440])], 0..6)
        .prop_map(|edges| edges.into_iter().collect::<Vec<_>>().chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}

fn plans() -> impl Generator<Value = (Plan, Timestamp)> {
    let week = prop::collection::vec(shifts(), 7).prop_filter("never open", |week| week.iter().any(|day| !day.is_empty()));
    (starts(), week, prop::collection::btree_set(0u64..6, 0..3)).prop_map(|((zone, start), week, days)| {
        let first = DateTime::from_timestamp_millis(start).unwrap().date_naive();
        let holidays = days.into_iter().map(|day| first + chrono::Days::new(day)).collect();
        (Plan { zone, week, holidays }, Timestamp::from_millis(start))
    })
}

use proptest::strategy::Strategy as Generator;

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, rng_seed: RngSeed::Fixed(20_260_329), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn between_is_what_a_look_at_each_minute_finds((plan, from) in plans(), length in 0..5 * 24 * HOUR) {
        let to = from.plus(length);
        prop_assert_eq!(plan.calendar().between(from, to), plan.between(from, to));
    }

    #[test]
    fn add_finds_the_first_instant_after_so_much_open_time((plan, from) in plans(), open_ms in 1..40 * HOUR) {
        let calendar = plan.calendar();
        let due = calendar.add(from, open_ms);
        prop_assert_eq!(calendar.between(from, due), open_ms);
        prop_assert_eq!(calendar.between(from, due.plus(-1)), open_ms - 1, "an earlier instant would do");
        if due.since(from) < 10 * 24 * HOUR {
            prop_assert_eq!(plan.between(from, due), open_ms);
        }
    }

    #[test]
    fn more_time_is_never_less_open_time((plan, from) in plans(), a in 0..20 * 24 * HOUR, b in 0..20 * 24 * HOUR) {
        let calendar = plan.calendar();
        let (near, far) = (a.min(b), a.max(b));
        prop_assert!(calendar.between(from, from.plus(near)) <= calendar.between(from, from.plus(far)));
        prop_assert!(calendar.add(from, near) <= calendar.add(from, far));
        prop_assert!(calendar.add(from, near) <= calendar.add(from.plus(far), near));
        let middle = from.plus(near);
        prop_assert_eq!(
            calendar.between(from, middle) + calendar.between(middle, from.plus(far)),
            calendar.between(from, from.plus(far))
        );
    }
}
