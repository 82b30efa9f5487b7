//! Durations for people: `90s`, `5m`, `4h`, `60d`, `1h 30m`.

/// The units, the largest first; a duration names them in this order, each at most once.
const UNITS: [(&str, i64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Parses a duration into milliseconds, never negative.
///
/// A number without a unit is none: nobody can tell whether 90 were seconds or minutes.
///
/// # Errors
/// What is wrong and its mend, in words.
///
/// ```
/// assert_eq!(motmot_core::yaml::parse_duration("1h 30m"), Ok(5_400_000));
/// assert!(motmot_core::yaml::parse_duration("90").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<i64, (String, String)> {
    const FORM: &str = "write a whole number and a unit, as in `90s`, `5m`, `4h`, `60d` or `1h 30m`";
    let wrong = |what: &str, mend: String| Err((format!("`{text}` {what}"), mend));
    let mut rest = text.trim();
    if rest.starts_with('-') {
        return wrong("is negative", "write a duration of zero or more, as in `90s`".to_owned());
    }
    let mut total: i64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        if number.is_empty() || after.starts_with(['.', ',']) {
            return wrong("is no duration", FORM.to_owned());
        }
        if unit.is_empty() {
            let mend = format!("say which is meant: `{number}s`, `{number}m`, `{number}h` or `{number}d`");
            return if after.is_empty() { wrong("has no unit", mend) } else { wrong("is no duration", FORM.to_owned()) };
        }
        let Some((_, millis)) = units.by_ref().find(|(name, _)| *name == unit) else {
            let known = UNITS.iter().any(|(name, _)| *name == unit);
            let what = if known {
                "does not name its units once each, the larger first"
            } else {
                "has a unit that motmot does not know"
            };
            let mend =
                if known { FORM.to_owned() } else { "the units are `d`, `h`, `m`, `s` and `ms`, as in `1h 30m`".to_owned() };
            return wrong(what, mend);
        };
        let part = number.parse::<i64>().ok().and_then(|number| number.checked_mul(*millis));
        let Some(sum) = part.and_then(|part| total.checked_add(part)) else {
            return wrong("is longer than any duration can be", FORM.to_owned());
        };
        total = sum;
        rest = after.trim_start();
    }
    if text.trim().is_empty() { wrong("is no duration", FORM.to_owned()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units_only() {
        for (text, millis) in [
            ("90s", 90_000),
            ("5m", 300_000),
            ("4h", 14_400_000),
            ("60d", 5_184_000_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("1d 2h 3m 4s 5ms", 93_784_005),
            ("0s", 0),
            (" 10 m ", 600_000),
        ] {
            assert_eq!(parse_duration(text), Ok(millis), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_why() {
        for (text, why) in [
            ("90", "has no unit"),
            ("1h 30", "has no unit"),
            ("-5m", "is negative"),
            ("", "is no duration"),
            ("soon", "is no duration"),
            ("1.5h", "is no duration"),
            ("1h,5m", "is no duration"),
            ("5 weeks", "unit that motmot does not know"),
            ("30m 1h", "the larger first"),
            ("1h 1h", "once each"),
            ("9999999999999999999d", "longer than any"),
            ("99999999999999999d", "longer than any"),
        ] {
            let (message, _) = parse_duration(text).expect_err(text);
            assert!(message.contains(why), "{text}: {message}");
        }
    }

    #[test]
    fn a_duration_told_in_words_reads_back() {
        for millis in [1, 999, 1_000, 61_000, 3_600_000, 5_400_000, 93_600_000, 5_184_000_000] {
            assert_eq!(parse_duration(&crate::time::words_of_millis(millis)), Ok(millis));
        }
    }
}
