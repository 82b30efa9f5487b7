//! What figures may be grouped by, and how a verdict and its cycle say it.

use chrono::{DateTime, Datelike, TimeZone as _};
use chrono_tz::Tz;
use motmot_core::Timestamp;
use motmot_core::cycle::{CycleRecord, VerdictRecord};
use rustc_hash::FxHashMap;

/// A column that figures may be grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// The rule's id.
    Rule,
    /// The department: that of the verdict's touchpoint.
    Team,
    /// The local day on which the cycle began.
    Day,
    /// The ISO week in which it began.
    Week,
    /// The month in which it began.
    Month,
    /// The verdict's touchpoint's stage.
    Stage,
    /// The dimension that the rule guards.
    Dimension,
    /// The side of the service triangle.
    Side,
    /// The verdict's touchpoint's channel.
    Channel,
    /// The cycle's audience: external, or internal.
    Audience,
    /// The cycle's site.
    Site,
    /// The customer's segment.
    Segment,
    /// The verdict's need, else the cycle's only one.
    Need,
    /// The person of the verdict's touchpoint: only on demand.
    Person,
}

/// What stands for the need of a verdict about a cycle that has several.
const SEVERAL: &str = "(several)";

impl Column {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Rule,
        Self::Team,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Stage,
        Self::Dimension,
        Self::Side,
        Self::Channel,
        Self::Audience,
        Self::Site,
        Self::Segment,
        Self::Need,
        Self::Person,
    ];

    /// Its word, on the command line and in the outputs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Team => "team",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Stage => "stage",
            Self::Dimension => "dimension",
            Self::Side => "side",
            Self::Channel => "channel",
            Self::Audience => "audience",
            Self::Site => "site",
            Self::Segment => "segment",
            Self::Need => "need",
            Self::Person => "person",
        }
    }

    /// The column of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == word)
    }

    /// Whether all verdicts of a cycle have the same value.
    const fn is_of_cycle(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Month | Self::Audience | Self::Site | Self::Segment)
    }

    const fn slot(self) -> usize {
        self as usize
    }
}

/// Values as numbers, so that a group's key costs no text. 0 stands for "none".
#[derive(Debug)]
pub(super) struct Names {
    numbers: FxHashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
    /// The number of each local day that was seen.
    days: FxHashMap<i32, [u32; 3]>,
}

/// The value that is none.
pub(super) const NONE: u32 = 0;

impl Names {
    pub(super) fn new() -> Self {
        Self { numbers: FxHashMap::default(), texts: vec!["".into()], days: FxHashMap::default() }
    }

    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.into(), number);
        self.texts.push(text.into());
        number
    }

    /// The text of a number; none for "none".
    pub(super) fn text(&self, number: u32) -> Option<&str> {
        usize::try_from(number).ok().filter(|number| *number > 0).and_then(|number| self.texts.get(number)).map(|text| &**text)
    }

    fn optional(&mut self, text: Option<&str>) -> u32 {
        text.map_or(NONE, |text| self.number(text))
    }

    /// Day, week and month in which an instant lies.
    fn dates(&mut self, at: Timestamp, zone: Tz) -> [u32; 3] {
        let utc = DateTime::from_timestamp_millis(at.as_millis()).unwrap_or_default().naive_utc();
        let date = zone.from_utc_datetime(&utc).date_naive();
        if let Some(known) = self.days.get(&date.num_days_from_ce()) {
            return *known;
        }
        let week = date.iso_week();
        let numbers = [
            self.number(&date.format("%Y-%m-%d").to_string()),
            self.number(&format!("{:04}-W{:02}", week.year(), week.week())),
            self.number(&date.format("%Y-%m").to_string()),
        ];
        self.days.insert(date.num_days_from_ce(), numbers);
        numbers
    }
}

/// The values of one verdict, by column; only those that are asked for.
#[derive(Debug, Default)]
pub(super) struct Cells([u32; Column::ALL.len()]);

impl Cells {
    pub(super) fn get(&self, column: Column) -> u32 {
        self.0.get(column.slot()).copied().unwrap_or(NONE)
    }

    fn set(&mut self, column: Column, value: u32) {
        if let Some(cell) = self.0.get_mut(column.slot()) {
            *cell = value;
        }
    }

    /// Takes what all verdicts of a cycle have in common.
    pub(super) fn cycle(&mut self, cycle: &CycleRecord<'_>, asked: &[Column], zone: Tz, names: &mut Names) {
        for column in asked.iter().copied().filter(|column| column.is_of_cycle()) {
            let value = match column {
                Column::Audience => names.number(cycle.audience.name()),
                Column::Site => names.number(&cycle.site),
                Column::Segment => names.number(&cycle.segment),
                date => {
                    let [day, week, month] = names.dates(cycle.opened_at, zone);
                    match date {
                        Column::Week => week,
                        Column::Month => month,
                        _ => day,
                    }
                }
            };
            self.set(column, value);
        }
    }

    /// Takes what a verdict says.
    pub(super) fn verdict(&mut self, verdict: &VerdictRecord<'_>, cycle: &CycleRecord<'_>, asked: &[Column], names: &mut Names) {
        for column in asked.iter().copied().filter(|column| !column.is_of_cycle()) {
            let value = match column {
                Column::Rule => names.number(&verdict.rule),
                Column::Stage => names.number(verdict.stage.name()),
                Column::Dimension => names.number(verdict.dimension.name()),
                Column::Side => names.number(verdict.side.name()),
                Column::Channel => names.number(&verdict.channel),
                Column::Need => names.optional(need(verdict, cycle)),
                Column::Person => names.optional(verdict.person.as_deref()),
                _ => names.optional(verdict.team.as_deref()),
            };
            self.set(column, value);
        }
    }
}

/// The need that a verdict is about.
fn need<'r>(verdict: &'r VerdictRecord<'_>, cycle: &'r CycleRecord<'_>) -> Option<&'r str> {
    if let Some(need) = &verdict.need {
        return Some(need);
    }
    let mut needs = cycle.needs.iter().filter_map(|need| need.need.as_deref());
    let first = needs.next()?;
    Some(if needs.all(|need| need == first) { first } else { SEVERAL })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_its_own_word_and_slot() {
        for (position, column) in Column::ALL.into_iter().enumerate() {
            assert_eq!((Column::parse(column.name()), column.slot()), (Some(column), position));
        }
        assert_eq!(Column::parse("weekday"), None);
    }

    #[test]
    fn a_day_is_the_local_one_and_a_week_the_calendars() {
        let check = |at: &str, zone: Tz, expected: [&str; 3]| {
            let mut names = Names::new();
            let numbers = names.dates(Timestamp::parse(at).unwrap(), zone);
            assert_eq!(numbers.map(|number| names.text(number).unwrap().to_owned()), expected);
        };
        check("2026-01-31T23:30:00Z", Tz::UTC, ["2026-01-31", "2026-W05", "2026-01"]);
        check("2026-01-31T23:30:00Z", Tz::Europe__Berlin, ["2026-02-01", "2026-W05", "2026-02"]);
        check("2027-01-01T12:00:00Z", Tz::UTC, ["2027-01-01", "2026-W53", "2027-01"]);
    }
}
