//! Reads a script. An error names the line.

use std::path::Path;

use motmot_core::Timestamp;
use motmot_core::text::Text;
use motmot_core::touchpoint::{Actor, ActorKind, Audience, Initiator, Intent, Outcome, Promise, Stage, Touchpoint};

use super::words::{day, duration, instant};
use super::{Action, Arrival, CUSTOMER, CYCLE, Scenario, Script, Step};

/// What a rule says where the script leaves it open.
const RULE_DEFAULTS: [(&str, &str); 1] = [("dimension", "reliability")];

/// How long after a scenario's last line every deadline has run out, in ms.
const END_MS: i64 = 200 * 86_400_000;

/// Where the reader of a script stands.
struct Reading {
    /// Midnight of the day that a time without a day means, in ms.
    today: i64,
    /// Whether touchpoints name no cycle.
    assembled: bool,
    /// Whether touchpoints carry their customer's number, if they do not say otherwise.
    known: bool,
}

/// Reads a script's file. Its strategy may lie in a file beside it: `under the strategy NAME.yaml`.
pub(crate) fn read(path: &Path) -> Result<Script, String> {
    let load = |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let text = load(path)?;
    let shared = text.lines().find_map(|line| line.strip_prefix("under the strategy "));
    let Some(shared) = shared else { return parse(&text) };
    let strategy = load(&path.with_file_name(shared.trim()))?;
    // The script's own head is words for people; its lines stay numbered as they are.
    let head = text.lines().take_while(|line| !line.starts_with("scenario:")).count();
    Ok(Script { strategy, scenarios: scenarios(text.lines().enumerate().skip(head), true)? })
}

/// Reads the text of a script with its strategy.
pub(crate) fn parse(text: &str) -> Result<Script, String> {
    let mut strategy = String::new();
    let head = text.lines().take_while(|line| !line.starts_with("scenario:"));
    let head = head.inspect(|line| strategy.push_str(&(filled_in(line) + "\n"))).count();
    if !strategy.lines().any(|line| line.starts_with("strategy:")) {
        strategy.insert_str(0, "strategy: script\n");
    }
    Ok(Script { strategy, scenarios: scenarios(text.lines().enumerate().skip(head), false)? })
}

/// Reads the scenarios, from lines with their index in the file.
fn scenarios<'t>(lines: impl Iterator<Item = (usize, &'t str)>, known: bool) -> Result<Vec<Scenario>, String> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    let mut reading = Reading { today: day("2026-03-02").unwrap_or_default(), assembled: false, known };
    for (index, line) in lines {
        let number = index + 1;
        let line = line.split(" ## ").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(title) = line.strip_prefix("scenario:") {
            scenarios.push(Scenario { title: title.trim().to_owned(), day: reading.today, ..Scenario::default() });
            reading.assembled = false;
            continue;
        }
        let scenario = scenarios.last_mut().ok_or("no scenario yet")?;
        match line {
            "cycles are told" => scenario.with_cycles = true,
            "verdicts are told" => scenario.with_verdicts = true,
            "sides and dimensions are told" => scenario.with_sides = true,
            "in any order" => scenario.any_order = true,
            "no cycle ids" => reading.assembled = true,
            _ => {
                if let Some(date) = line.strip_prefix("day ") {
                    reading.today = day(date).ok_or_else(|| format!("line {number}: `{date}` is no day"))?;
                    if scenario.steps.is_empty() {
                        scenario.day = reading.today;
                    }
                } else if let Some(told) = line.strip_prefix("->") {
                    let step = scenario.steps.last_mut().ok_or_else(|| format!("line {number}: told of what?"))?;
                    step.expected.push(told.split_whitespace().collect::<Vec<_>>().join(" "));
                } else {
                    let action = action(line, number, &reading, scenario);
                    let action = action.map_err(|word| format!("line {number}: `{word}` is not understood in: {line}"))?;
                    scenario.steps.push(Step { number, action, expected: Vec::new() });
                }
            }
        }
    }
    Ok(scenarios)
}

/// A rule on one line gets what it leaves open.
fn filled_in(line: &str) -> String {
    let Some(rule) = line.trim_start().starts_with("- {id:").then(|| line.trim_end().strip_suffix('}')).flatten() else {
        return line.to_owned();
    };
    let missing = RULE_DEFAULTS.iter().filter(|(field, _)| !rule.contains(&format!("{field}:")));
    missing.fold(rule.to_owned(), |rule, (field, value)| format!("{rule}, {field}: {value}")) + "}"
}

fn action(line: &str, number: usize, reading: &Reading, scenario: &Scenario) -> Result<Action, String> {
    let today = reading.today;
    if line == "in the end" {
        let last = scenario.steps.iter().map(|step| step.action.at()).max().unwrap_or(today);
        return Ok(Action::End(last + END_MS));
    }
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
    arrival(line, number, reading, arrived).map(|arrival| Action::Arrival(Box::new(arrival)))
}

fn arrival(line: &str, number: usize, reading: &Reading, arrived: Option<i64>) -> Result<Arrival, String> {
    let today = reading.today;
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
    let cycle_id = (!reading.assembled).then(|| Text::borrowed(CYCLE));
    let touchpoint = blank(format!("line-{number}"), occurred_at, stage, outcome, cycle_id);
    let mut arrival = Arrival { key: CUSTOMER.to_owned(), arrived_at: arrived.unwrap_or(occurred_at), known: true, touchpoint };
    for part in parts {
        word(&mut arrival, part, today).ok_or_else(|| part.to_owned())?;
    }
    arrival.touchpoint.attributes.sort();
    if !arrival.known {
        arrival.key = arrival.touchpoint.cycle_id.as_deref().unwrap_or_default().to_owned();
    } else if reading.known {
        arrival.touchpoint.customer_id.get_or_insert_with(|| Text::owned(arrival.key.clone()));
    }
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
        ["gave", "no", "name"] => arrival.known = false,
        ["serves", cycle] => touchpoint.serves = text(cycle),
        ["internal"] => touchpoint.audience = Audience::Internal,
        [intent] => touchpoint.intent = Some(Intent::parse(intent)?),
        _ => return None,
    }
    Some(())
}
