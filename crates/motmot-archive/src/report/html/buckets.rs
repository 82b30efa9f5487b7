//! Days put together into weeks or months, so that a plot has no more columns than an eye can tell apart.

use chrono::{Datelike, Days, Months, NaiveDate};

/// The most columns of a plot.
const MOST: usize = 120;

/// What a column of a plot stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Period {
    Day,
    Week,
    Month,
}

impl Period {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The first day of the period in which a day lies.
    fn first(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => Some(day),
            Self::Week => day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))),
            Self::Month => day.with_day(1),
        }
        .unwrap_or(day)
    }

    fn next(self, first: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => first.succ_opt(),
            Self::Week => first.checked_add_days(Days::new(7)),
            Self::Month => first.checked_add_months(Months::new(1)),
        }
    }

    /// The shortest period in which all days make few enough columns.
    pub(super) fn of<'d>(days: impl Iterator<Item = &'d str> + Clone) -> Self {
        let (Some(first), Some(last)) = (days.clone().filter_map(date).min(), days.filter_map(date).max()) else {
            return Self::Day;
        };
        let count = usize::try_from((last - first).num_days()).unwrap_or_default() + 1;
        match count {
            ..=MOST => Self::Day,
            days if days / 7 <= MOST => Self::Week,
            _ => Self::Month,
        }
    }

    /// The columns from the first to the last day, each with what lies in it; none where nothing does.
    pub(super) fn columns<T: Clone>(self, days: &[(String, T)], merge: impl Fn(&mut T, &T)) -> Vec<(String, Option<T>)> {
        let mut columns: Vec<(String, Option<T>)> = Vec::new();
        let mut next: Option<NaiveDate> = None;
        for (day, value) in days {
            let Some(first) = date(day).map(|date| self.first(date)) else { continue };
            while let Some(empty) = next.filter(|next| *next <= first) {
                columns.push((self.label(empty), None));
                next = self.next(empty);
            }
            if next.is_none() {
                columns.push((self.label(first), None));
                next = self.next(first);
            }
            match columns.last_mut() {
                Some((_, Some(sum))) => merge(sum, value),
                Some((_, none)) => *none = Some(value.clone()),
                None => {}
            }
        }
        columns
    }

    fn label(self, first: NaiveDate) -> String {
        first.format(if self == Self::Month { "%Y-%m" } else { "%Y-%m-%d" }).to_string()
    }
}

fn date(day: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(period: Period, days: &[(&str, u64)], expected: &[(&str, Option<u64>)]) {
        let days: Vec<(String, u64)> = days.iter().map(|(day, count)| ((*day).to_owned(), *count)).collect();
        let found = period.columns(&days, |sum, count| *sum += count);
        let expected: Vec<(String, Option<u64>)> = expected.iter().map(|(day, count)| ((*day).to_owned(), *count)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_is_hidden_between_two_days() {
        check(
            Period::Day,
            &[("2026-02-28", 1), ("2026-03-02", 2)],
            &[("2026-02-28", Some(1)), ("2026-03-01", None), ("2026-03-02", Some(2))],
        );
        check(
            Period::Week,
            &[("2026-03-01", 1), ("2026-03-02", 2), ("2026-03-08", 4)],
            &[("2026-02-23", Some(1)), ("2026-03-02", Some(6))],
        );
        check(
            Period::Month,
            &[("2026-01-31", 1), ("2026-03-02", 2), ("2026-03-08", 4)],
            &[("2026-01", Some(1)), ("2026-02", None), ("2026-03", Some(6))],
        );
        check(Period::Day, &[], &[]);
    }

    #[test]
    fn a_long_time_is_told_in_weeks_and_a_very_long_one_in_months() {
        let of = |last: &'static str| Period::of(["2026-01-01", last].into_iter());
        assert_eq!([of("2026-03-31"), of("2026-12-31"), of("2029-12-31")], [Period::Day, Period::Week, Period::Month]);
    }
}
