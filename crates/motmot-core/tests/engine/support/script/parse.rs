//! Reads a script. An error names the line.

use motmot_core::Timestamp;
use motmot_core::text::Text;
use motmot_core::touchpoint::{Actor, ActorKind, Audience, Initiator, Intent, Outcome, Promise, Stage, Touchpoint};

use super::words::{day, duration, instant};
use super::{Action, Arrival, CUSTOMER, CYCLE, Scenario, Script, Step};

/// What a rule says where the script leaves it open.
const RULE_DEFAULTS: [(&str, &str); 1] = [("dimension", "reliability")];

/// Reads the text of a script file.
pub(crate) fn parse(text: &str) -> Result<Script, String> {
    let mut script = Script { strategy: String::new(), scenarios: Vec::new() };
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line)).peekable();
    while let Some((_, line)) = lines.next_if(|(_, line)| !line.starts_with("scenario:")) {
        script.strategy.push_str(&filled_in(line));
        script.strategy.push('\n');
    }
    if !script.strategy.lines().any(|line| line.starts_with("strategy:")) {
        script.strategy.insert_str(0, "strategy: script\n");
    }
    let mut today = day("2026-03-02").unwrap_or_default();
    let mut assembled = false;
    for (number, line) in lines {
        let line = line.split(" ## ").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(title) = line.strip_prefix("scenario:") {
            script.scenarios.push(Scenario { title: title.trim().to_owned(), day: today, ..Scenario::default() });
            assembled = false;
            continue;
        }
        let scenario = script.scenarios.last_mut().ok_or("no scenario yet")?;
        match line {
            "cycles are told" => scenario.with_cycles = true,
            "in any order" => scenario.any_order = true,
            "no cycle ids" => assembled = true,
            _ => {
                if let Some(date) = line.strip_prefix("day ") {
                    today = day(date).ok_or_else(|| format!("line {number}: `{date}` is no day"))?;
                    if scenario.steps.is_empty() {
                        scenario.day = today;
                    }
                } else if let Some(told) = line.strip_prefix("->") {
                    let step = scenario.steps.last_mut().ok_or_else(|| format!("line {number}: told of what?"))?;
                    step.expected.push(told.split_whitespace().collect::<Vec<_>>().join(" "));
                } else {
                    let action = action(line, number, today, assembled, scenario);
                    let action = action.map_err(|word| format!("line {number}: `{word}` is not understood in: {line}"))?;
                    scenario.steps.push(Step { number, action, expected: Vec::new() });
                }
            }
        }
    }
    Ok(script)
}

/// A rule on one line gets what it leaves open.
fn filled_in(line: &str) -> String {
    let Some(rule) = line.trim_start().starts_with("- {id:").then(|| line.trim_end().strip_suffix('}')).flatten() else {
        return line.to_owned();
    };
    let missing = RULE_DEFAULTS.iter().filter(|(field, _)| !rule.contains(&format!("{field}:")));
    missing.fold(rule.to_owned(), |rule, (field, value)| format!("{rule}, {field}: {value}")) + "}"
}

fn action(line: &str, number: usize, today: i64, assembled: bool, scenario: &Scenario) -> Result<Action, String> {
    if let Some(at) = line.strip_prefix("clock ") {
        return instant(at, today).map(Action::Clock).ok_or_else(|| at.to_owned());
    }
    if let Some(at) = line.strip_prefix("dead letter ") {
        return instant(at, today).map(Action::DeadLetter).ok_or_else(|| at.to_owned());
    }
    let (arrived, line) = match line.strip_prefix("arrives ") {
        Some(rest) => {
            let (at, rest) = rest.split_once(": ").ok_or_else(|| rest.to_owned())?;
            (Some(instant(at, today).ok_or_else(|| at.to_owned())?), rest)
        }
        None => (None, line),
    };
    if let Some(id) = line.strip_prefix("again #") {
        let earlier = scenario.steps.iter().rev().find_map(|step| match &step.action {
            Action::Arrival(arrival) if arrival.touchpoint.event_id.as_str() == id => Some(arrival.clone()),
            _ => None,
        });
        let mut again = earlier.ok_or_else(|| id.to_owned())?;
        again.arrived_at = arrived.unwrap_or(again.arrived_at);
        return Ok(Action::Arrival(again));
    }
    arrival(line, number, today, assembled, arrived).map(|arrival| Action::Arrival(Box::new(arrival)))
}

fn arrival(line: &str, number: usize, today: i64, assembled: bool, arrived: Option<i64>) -> Result<Arrival, String> {
    let mut parts = line.split(',').map(str::trim);
    let head: Vec<&str> = parts.next().unwrap_or_default().split_whitespace().collect();
    let (when, what) = match head.as_slice() {
        [date, clock, what @ ..] if date.contains('-') => (format!("{date} {clock}"), what),
        [clock, what @ ..] => ((*clock).to_owned(), what),
        [] => return Err(line.to_owned()),
    };
    let occurred_at = instant(&when, today).ok_or_else(|| when.clone())?;
    let (stage, outcome) = match what {
        ["need", "detection", outcome @ ..] => (Stage::NeedDetection, outcome),
        [stage, outcome @ ..] => (Stage::parse(stage).ok_or_else(|| (*stage).to_owned())?, outcome),
        [] => return Err(line.to_owned()),
    };
    let outcome = match outcome.join("_").as_str() {
        "" => Outcome::None,
        word => Outcome::parse(word).ok_or_else(|| word.to_owned())?,
    };
    let cycle_id = (!assembled).then(|| Text::borrowed(CYCLE));
    let touchpoint = blank(format!("line-{number}"), occurred_at, stage, outcome, cycle_id);
    let mut arrival = Arrival { key: CUSTOMER.to_owned(), arrived_at: arrived.unwrap_or(occurred_at), touchpoint };
    for part in parts {
        word(&mut arrival, part, today).ok_or_else(|| part.to_owned())?;
    }
    arrival.touchpoint.attributes.sort();
    Ok(arrival)
}

/// A touchpoint that says no more than it must.
pub(crate) fn blank(
    event_id: String,
    occurred_at: i64,
    stage: Stage,
    outcome: Outcome,
    cycle_id: Option<Text<'static>>,
) -> Touchpoint<'static> {
    let occurred_at = Timestamp::from_millis(occurred_at);
    Touchpoint { cycle_id, ..Touchpoint::new(event_id, occurred_at, stage, outcome, "phone", "north") }
}

/// Takes one of the words after the first comma into the touchpoint.
fn word(arrival: &mut Arrival, part: &str, today: i64) -> Option<()> {
    let touchpoint = &mut arrival.touchpoint;
    let words: Vec<&str> = part.split_whitespace().collect();
    let text = |word: &str| Some(Text::owned(word.to_owned()));
    match words.as_slice() {
        [id] if id.starts_with('#') => touchpoint.event_id = text(id.trim_start_matches('#'))?,
        ["customer", key] => arrival.key = (*key).to_owned(),
        ["known", "as", id] => touchpoint.customer_id = text(id),
        ["cycle", id] => touchpoint.cycle_id = text(id),
        ["number", seq] => touchpoint.seq = Some(seq.parse().ok()?),
        ["by", "the", "company"] => touchpoint.initiated_by = Initiator::Company,
        ["by", kind, rest @ ..] => {
            let id = rest.first().filter(|id| **id != "named").and_then(|id| text(id));
            touchpoint.actor = Some(Actor { kind: ActorKind::parse(kind)?, id, named: rest.last() == Some(&"named") });
        }
        ["need", need] => touchpoint.need = text(need),
        ["segment", segment] => touchpoint.segment = text(segment),
        ["site", site] => touchpoint.site = text(site)?,
        ["team", team] => touchpoint.team = text(team),
        ["channel", channel] => touchpoint.channel = text(channel)?,
        ["waited", wait] => touchpoint.waited_ms = Some(duration(wait)?),
        ["announced", wait] => touchpoint.announced_wait_ms = Some(duration(wait)?),
        ["rating", rating] => touchpoint.rating = Some(rating.parse().ok()?),
        ["sentiment", sentiment] => touchpoint.sentiment = Some(sentiment.parse().ok()?),
        ["promises", kind, id, "by", due @ ..] => {
            let due_at = Timestamp::from_millis(instant(&due.join(" "), today)?);
            touchpoint.promises.push(Promise { promise_id: text(id)?, kind: text(kind)?, due_at });
        }
        ["keeps", id] => touchpoint.kept_promises.push(text(id)?),
        ["adds", value] => touchpoint.added_value.push(text(value)?),
        ["door", state] => touchpoint.door_open = Some(*state == "open"),
        ["attribute", name, value] => touchpoint.attributes.push((text(name)?, text(value)?)),
        ["internal"] => touchpoint.audience = Audience::Internal,
        [intent] => touchpoint.intent = Some(Intent::parse(intent)?),
        _ => return None,
    }
    Some(())
}
