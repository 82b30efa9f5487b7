//! Instants and durations as people write them.

const DAY_MS: i64 = 86_400_000;

/// A day (`2026-03-02`) in ms since 1970.
pub(crate) fn day(text: &str) -> Option<i64> {
    let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}

/// An instant: `09:00`, `09:00:10`, `09:00:10.250`, with or without a day before it.
pub(crate) fn instant(text: &str, today: i64) -> Option<i64> {
    match text.trim().split_once(' ') {
        Some((date, clock)) => Some(day(date)? + time_of_day(clock.trim())?),
        None => Some(today + time_of_day(text.trim())?),
    }
}

fn time_of_day(text: &str) -> Option<i64> {
    let (hours, rest) = text.split_once(':')?;
    let (minutes, rest) = rest.split_once(':').unwrap_or((rest, "0"));
    let (seconds, millis) = rest.split_once('.').unwrap_or((rest, "0"));
    let number = |digits: &str| digits.parse::<u32>().ok().map(i64::from);
    Some(((number(hours)? * 60 + number(minutes)?) * 60 + number(seconds)?) * 1000 + number(millis)?)
}

/// An instant in the shortest words, with the day where it is not `today`.
pub(crate) fn instant_words(millis: i64, today: i64) -> String {
    let date = chrono::DateTime::from_timestamp_millis(millis).unwrap_or_default();
    let form = match (millis.rem_euclid(1000), millis.rem_euclid(60_000)) {
        (0, 0) => "%H:%M",
        (0, _) => "%H:%M:%S",
        _ => "%H:%M:%S%.3f",
    };
    let form = if (today..today + DAY_MS).contains(&millis) { form.to_owned() } else { format!("%Y-%m-%d {form}") };
    date.format(&form).to_string()
}

/// A duration: `90s`, `5m`, `2h`, `1d`, `500ms`.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY_MS,
        _ => return None,
    };
    Some(number.parse::<i64>().ok()? * unit)
}

/// A duration, or a number of something, in the shortest words: `2m`, `1m 30s`, `3`.
pub(crate) fn duration_words(millis: i64) -> String {
    let mut rest = millis;
    let mut words = Vec::new();
    for (unit, length) in [("d", DAY_MS), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if rest >= length {
            words.push(format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if rest > 0 || words.is_empty() {
        words.push(rest.to_string());
    }
    words.join(" ")
}
