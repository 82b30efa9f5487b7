//! Times.

use chrono::format::{Item, Parsed, StrftimeItems};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime};
use motmot_core::yaml::{self, Fields, Node, Place};

use super::super::model::{ClockFormat, InstantFormat, Time};
use super::value::Expected;
use super::{Definition, Loader, names_of};

/// What a format must give.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gives {
    Instant,
    Date,
    Clock,
}

impl<'n> Loader<'n, '_> {
    /// A time: a name, or a mapping that says how it is found.
    pub(super) fn time(&mut self, node: &'n Node) -> Option<Time> {
        if !matches!(node.value, yaml::Value::Map(_)) {
            let name = node.text(self.problems)?;
            if !self.time_names.contains_key(name) {
                let known = names_of(&self.time_names);
                self.unknown_name("time", name, node.place, known);
                return None;
            }
            return self.named_time(name, node.place);
        }
        let mut fields = node.fields("a time", self.problems)?;
        let time = self.time_of(&mut fields);
        let when = fields.take("when").map(|node| self.condition(node));
        fields.finish(self.problems);
        match when {
            Some(when) => Some(Time::If { when: when?, then: Box::new(time?) }),
            None => time,
        }
    }

    fn time_of(&mut self, fields: &mut Fields<'n>) -> Option<Time> {
        let place = fields.place();
        let (instant, clock, start) = (fields.take("instant"), fields.take("clock"), fields.take("start"));
        let (first_of, latest_of, time) = (fields.take("first_of"), fields.take("latest_of"), fields.take("time"));
        let given = [instant, clock, start, first_of, latest_of, time].into_iter().flatten().count();
        if given != 1 {
            let mend = "write exactly one of `instant`, `clock` (with `date` or `on_day_of`), `start` (with `plus`), `first_of`, `latest_of` and `time`";
            self.report(place, "it is not clear how this time is found", mend);
            return None;
        }
        if let Some(instant) = instant {
            return self.instant(instant, fields);
        }
        if let Some(clock) = clock {
            return self.clock(clock, fields);
        }
        if let Some(start) = start {
            let plus = fields
                .demand("plus", "say what is added: `plus: \"{ser_time} s\"`", self.problems)
                .and_then(|node| self.span(node));
            return Some(Time::Plus(Box::new(self.time(start)?), plus?));
        }
        if let Some(time) = time {
            return self.time(time);
        }
        let list = first_of.or(latest_of)?;
        let times: Vec<Option<Time>> = list.list_or_single().iter().map(|node| self.time(node)).collect();
        let times: Vec<Time> = times.into_iter().collect::<Option<_>>()?;
        Some(if first_of.is_some() { Time::FirstOf(times) } else { Time::LatestOf(times) })
    }

    fn instant(&mut self, instant: &'n Node, fields: &mut Fields<'n>) -> Option<Time> {
        let of = self.value(instant, Expected::Text);
        let format = match fields.take("format") {
            None => Some(InstantFormat::Rfc3339),
            Some(node) => match node.text(self.problems)? {
                "rfc3339" => Some(InstantFormat::Rfc3339),
                "epoch_ms" => Some(InstantFormat::Epoch(1)),
                "epoch_s" => Some(InstantFormat::Epoch(1_000)),
                text => self
                    .items(text, node.place, Gives::Instant)
                    .map(|items| if is_zoned(&items) { InstantFormat::Zoned(items) } else { InstantFormat::Local(items) }),
            },
        };
        Some(Time::Instant { of: of?, format: format? })
    }

    fn clock(&mut self, clock: &'n Node, fields: &mut Fields<'n>) -> Option<Time> {
        let place = fields.place();
        let clock = self.value(clock, Expected::Text);
        let clock_format = match fields.take("clock_format") {
            None => Some(ClockFormat::Hms),
            Some(node) => match node.text(self.problems)? {
                "%H:%M:%S" => Some(ClockFormat::Hms),
                text => self.items(text, node.place, Gives::Clock).map(ClockFormat::Items),
            },
        };
        match (fields.take("date"), fields.take("on_day_of")) {
            (Some(date), None) => {
                let date = self.value(date, Expected::Text);
                let mend = "say how the date is written: `date_format: \"%Y-%m-%d\"`";
                let format = fields.demand("date_format", mend, self.problems);
                let text = format.and_then(|node| Some((node.text(self.problems)?, node.place)));
                let date_format = text.and_then(|(text, place)| self.items(text, place, Gives::Date));
                Some(Time::DateClock { date: date?, date_format: date_format?, clock: clock?, clock_format: clock_format? })
            }
            (None, Some(on)) => {
                let on = self.time(on);
                let wrap = fields.take("past_midnight").map(|node| node.duration_within(0..=86_400_000, self.problems));
                // Without it a time of day stays on its day: no wrap is as far away as a whole day.
                let wrap_ms = wrap.unwrap_or(Some(i64::MAX))?;
                Some(Time::ClockOn { clock: clock?, clock_format: clock_format?, on: Box::new(on?), wrap_ms })
            }
            _ => {
                let mend = "add `date` with `date_format`, or `on_day_of` with the name of a time";
                self.report(place, "a time of day has no day", mend);
                None
            }
        }
    }

    /// A format in chrono's notation, which must give all that is needed: a sample is written and read back.
    fn items(&mut self, text: &str, place: Place, gives: Gives) -> Option<Vec<Item<'static>>> {
        let Ok(items) = StrftimeItems::new(text).parse_to_owned() else {
            let mend = "use %Y %m %d %H %M %S %.f %z and the like: see docs/mapping.md";
            self.report(place, format!("`{text}` is no time format"), mend);
            return None;
        };
        if gives_all(&items, gives) {
            return Some(items);
        }
        let (what, mend) = match gives {
            Gives::Instant => ("a date and a time of day", "as in `%Y-%m-%d %H:%M:%S`; times of day alone go into `clock`"),
            Gives::Date => ("a date", "as in `%Y-%m-%d`"),
            Gives::Clock => ("a time of day", "as in `%H:%M:%S`"),
        };
        self.report(place, format!("`{text}` does not give {what}"), mend);
        None
    }

    pub(super) fn named_time(&mut self, name: &str, place: Place) -> Option<Time> {
        let (&name, &definition) = self.time_names.get_key_value(name)?;
        match definition {
            Definition::At(position) => Some(Time::Named(position)),
            Definition::Broken => None,
            Definition::Open => {
                self.circle("time", name, place);
                None
            }
            Definition::Waiting(node) => {
                self.time_names.insert(name, Definition::Open);
                let position = self.time(node).map(|time| {
                    self.times.push(time);
                    self.times.len() - 1
                });
                self.time_names.insert(name, position.map_or(Definition::Broken, Definition::At));
                position.map(Time::Named)
            }
        }
    }
}

fn is_zoned(items: &[Item<'_>]) -> bool {
    let sample = sample().naive_utc();
    // A format that asks for an offset cannot write an instant that has none.
    use std::fmt::Write as _;
    write!(String::new(), "{}", sample.format_with_items(items.iter())).is_err()
}

fn gives_all(items: &[Item<'_>], gives: Gives) -> bool {
    use std::fmt::Write as _;
    let mut text = String::new();
    if write!(text, "{}", sample().format_with_items(items.iter())).is_err() {
        return false;
    }
    let mut parsed = Parsed::new();
    if chrono::format::parse(&mut parsed, &text, items.iter()).is_err() {
        return false;
    }
    let (date, clock) = (parsed.to_naive_date().is_ok(), parsed.to_naive_time().is_ok());
    match gives {
        Gives::Instant => (date && clock) || parsed.timestamp().is_some(),
        Gives::Date => date,
        Gives::Clock => clock,
    }
}

fn sample() -> DateTime<FixedOffset> {
    let day = NaiveDate::from_ymd_opt(1999, 1, 31).unwrap_or_default();
    day.and_time(NaiveTime::default()).and_utc().fixed_offset()
}
