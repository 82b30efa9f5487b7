//! `motmot explain`: the story of one moment, from the touchpoints to what became of it.

use std::fmt::Write as _;

use anyhow::bail;
use motmot_core::Strategy;
use motmot_core::cycle::{CycleRecord, TouchpointRecord};
use motmot_core::moment::{Moment, MomentState};
use motmot_core::time::{Timestamp, words_of_millis};
use serde_json::{Value, json};

use super::tables::{self, Found, Tables};
use crate::cli::{self, Settings};
use crate::failure::Usage;
use crate::output::{self, Paint};

/// The fewest digits of an id that are looked for, and how many it has.
const FEWEST_DIGITS: usize = 6;
const DIGITS: usize = 32;
/// How many candidates are named when the digits are not enough.
const NAMED: usize = 8;

pub(super) fn run(settings: &Settings, arguments: &cli::Explain) -> anyhow::Result<()> {
    let config = settings.load()?;
    let strategy = tables::strategy(&config, arguments.strategy.as_deref())?;
    let tables = Tables::of(&config, arguments.replayed.as_deref());
    let found = find(&tables, &arguments.moment)?;
    let moment: Moment<'_> = found.row()?;
    let cycles = tables.cycles(&moment.key, Some(&moment.cycle_id))?;
    let in_table = cycles.first();
    let cycle: Option<CycleRecord<'_>> = in_table.map(Found::row).transpose()?;
    let story = Story {
        rule: rule(&moment, strategy.as_ref()),
        cycle: cycle.as_ref().filter(|cycle| cycle.instance == moment.instance),
        moment: &moment,
    };
    if arguments.json {
        let told = json!({
            "moment": found.value()?, "rule": story.rule.words(), "cause": story.cause(), "deadline": story.deadline(),
            "outcome": story.outcome(), "line": story.line().iter().map(|event| event.value(story.begin())).collect::<Vec<_>>(),
            "cycle": in_table.map(Found::value).transpose()?,
        });
        output::line(serde_json::to_string_pretty(&told)?)?;
        return Ok(());
    }
    let cycle_evidence = in_table.filter(|_| story.cycle.is_some()).map(|found| &found.evidence[..]).unwrap_or_default();
    output::text(&story.page(&found.evidence, cycle_evidence, Paint::for_stdout()))?;
    Ok(())
}

/// The one moment whose id begins so.
fn find(tables: &Tables<'_>, digits: &str) -> anyhow::Result<Found> {
    let digits = digits.to_ascii_lowercase();
    let is_id = digits.bytes().all(|digit| digit.is_ascii_hexdigit()) && (FEWEST_DIGITS..=DIGITS).contains(&digits.len());
    if !is_id {
        bail!(Usage(format!("`{digits}` is no moment: give its id, {DIGITS} hex digits, or the first {FEWEST_DIGITS} at least")));
    }
    let mut found = tables.moments(&digits, |moment| moment.moment_id.starts_with(&digits))?;
    if found.len() > 1 {
        let ids: Vec<String> = found
            .iter()
            .take(NAMED)
            .map(|found| found.row::<Moment<'_>>().map(|moment| moment.moment_id.to_string()))
            .collect::<anyhow::Result<_>>()?;
        bail!("{} moments begin with {digits}, among them {}: give more digits", found.len(), ids.join(", "));
    }
    found.pop().ok_or_else(|| {
        anyhow::anyhow!(
            "{} has no moment that begins with {digits}; a replay's output has none that was retracted",
            tables.name()
        )
    })
}

/// What the strategy says of the moment's rule.
enum Rule {
    /// No strategy was named.
    Unnamed,
    /// The strategy has no such rule.
    NotInIt,
    Words {
        words: String,
        is_same: bool,
    },
}

fn rule(moment: &Moment<'_>, strategy: Option<&Strategy>) -> Rule {
    let Some(strategy) = strategy else { return Rule::Unnamed };
    let is_same = format!("{:016x}", strategy.hash) == *moment.strategy;
    match strategy.rules.iter().find(|rule| rule.id == *moment.rule) {
        Some(rule) => Rule::Words { words: rule.words(&strategy.segments), is_same },
        None => Rule::NotInIt,
    }
}

impl Rule {
    fn words(&self) -> Option<&str> {
        if let Self::Words { words, .. } = self { Some(words) } else { None }
    }
}

/// A moment in its cycle.
struct Story<'s> {
    moment: &'s Moment<'s>,
    /// None where the table has none, or only a later return under the same id.
    cycle: Option<&'s CycleRecord<'s>>,
    rule: Rule,
}

/// Something on the line of touchpoints. Of one instant, a touchpoint comes first.
struct Event {
    at: Timestamp,
    is_touchpoint: bool,
    is_anchor: bool,
    words: String,
    event_id: Option<String>,
}

impl Event {
    fn value(&self, begin: Timestamp) -> Value {
        json!({"at": self.at, "after_ms": self.at.since(begin), "is_anchor": self.is_anchor, "what": self.words, "event_id": self.event_id})
    }
}

impl Story<'_> {
    /// From when times are counted: the cycle's first touchpoint.
    fn begin(&self) -> Timestamp {
        let first = self.cycle.and_then(|cycle| cycle.touchpoints.first());
        first.map_or(self.moment.anchor_at, |touchpoint| touchpoint.occurred_at)
    }

    fn after(&self, at: Timestamp) -> String {
        let after = at.since(self.begin());
        if after < 0 { words_of_millis(after) } else { format!("+{}", words_of_millis(after)) }
    }

    /// The last instant at which the promise could still have been kept, where the rule has such a one: it is the moment's own instant.
    fn deadline(&self) -> Option<Timestamp> {
        let has_one = matches!(
            &*self.moment.kind,
            "slow" | "missing" | "unverified" | "unacknowledged" | "broken_promise" | "no_follow_up"
        );
        (has_one && self.moment.limit.is_some()).then_some(self.moment.raised_at)
    }

    /// Why it was raised.
    fn cause(&self) -> String {
        let Moment { observed, limit, kind, .. } = self.moment;
        let limited = limit.map_or_else(|| "the limit".to_owned(), words_of_millis);
        let took = observed.map(|observed| format!(": {}", words_of_millis(observed))).unwrap_or_default();
        match &**kind {
            "slow" => format!("From there it took longer than the promised {limited}{took}."),
            "missing" => "What was promised to happen had not happened by then.".to_owned(),
            "unmet" => "There the customer's need was not met.".to_owned(),
            "unverified" => "The need was fulfilled there, and nobody verified it in time.".to_owned(),
            "unacknowledged" => format!("The customer complained or asked there, and had no answer within {limited}."),
            "broken_promise" => "What was promised there was not kept when it was due.".to_owned(),
            "abandoned" => "The customer left without being served.".to_owned(),
            "low_rating" => "There the customer rated the service lower than the strategy accepts.".to_owned(),
            "handoffs" => format!(
                "There the customer met one person too many: {} in all, where {} were promised at most.",
                observed.unwrap_or_default(),
                limit.unwrap_or_default()
            ),
            "lacking" => "That touchpoint lacks what the strategy demands of it.".to_owned(),
            "out_of_order" => "It came before what should have preceded it.".to_owned(),
            "reopened" => format!("What was held to be done was taken up again there{}.", self.later("after")),
            "repeat_contact" => {
                format!("The customer had to get in touch again{}, within {limited}.", self.later("after the contact before,"))
            }
            "no_follow_up" => format!("Nobody followed the cycle up within {limited} of its close."),
            "vicious_circle" => format!("{} of the customer's last final cycles failed.", observed.unwrap_or_default()),
            other => format!("A rule of the kind {other} was broken."),
        }
    }

    fn later(&self, after: &str) -> String {
        self.moment.observed.map(|observed| format!(", {after} {}", words_of_millis(observed))).unwrap_or_default()
    }

    /// What became of it.
    fn outcome(&self) -> String {
        let Moment { state, raised_at, recovered_at, expires_at, recovers_by, .. } = self.moment;
        match state {
            MomentState::Raised => format!("Open until {expires_at}. What would recover it: {recovers_by}."),
            MomentState::Recovered => {
                let at = recovered_at.unwrap_or(*expires_at);
                format!(
                    "Recovered {} after it was raised, at {at}, by what it takes: {recovers_by}.",
                    words_of_millis(at.since(*raised_at))
                )
            }
            MomentState::Expired => format!("Expired at {expires_at}: nothing recovered it. What would have: {recovers_by}."),
            MomentState::Retracted => {
                "Retracted: a touchpoint that came late showed that it never was a critical moment. It counts as absent."
                    .to_owned()
            }
        }
    }

    /// The cycle's touchpoints and the moment's own instants, in order.
    fn line(&self) -> Vec<Event> {
        let touchpoints = self.cycle.map(|cycle| &cycle.touchpoints[..]).unwrap_or_default();
        let mut line: Vec<Event> = touchpoints.iter().map(|touchpoint| self.touchpoint(touchpoint)).collect();
        let moment = self.moment;
        let mut mark = |at: Timestamp, words: &str| {
            line.push(Event { at, is_touchpoint: false, is_anchor: false, words: words.to_owned(), event_id: None });
        };
        mark(moment.raised_at, "the moment is raised");
        match (moment.state, moment.recovered_at) {
            (MomentState::Recovered, Some(at)) => mark(at, "the moment is recovered"),
            (MomentState::Expired, _) => mark(moment.expires_at, "the moment expires"),
            _ => {}
        }
        // Stable: touchpoints of one instant stay in the cycle's order.
        line.sort_by_key(|event| (event.at, !event.is_touchpoint));
        line
    }

    fn touchpoint(&self, touchpoint: &TouchpointRecord<'_>) -> Event {
        let mut words = format!("{:<14} {:<10}", touchpoint.stage.name(), touchpoint.outcome.name());
        let mut add = |part: String| {
            words.push(' ');
            words.push_str(&part);
        };
        add(format!("by {}", touchpoint.channel));
        if let Some(kind) = touchpoint.actor_kind {
            add(format!("with {kind}{}", touchpoint.actor_id.as_ref().map(|id| format!(" {id}")).unwrap_or_default()));
        }
        if let Some(team) = &touchpoint.team {
            add(format!("of {team}"));
        }
        if let Some(need) = &touchpoint.need {
            add(format!("for {need}"));
        }
        if let Some(waited) = touchpoint.waited_ms {
            add(format!("after a wait of {}", words_of_millis(waited)));
        }
        Event {
            at: touchpoint.occurred_at,
            is_touchpoint: true,
            is_anchor: touchpoint.event_id == self.moment.anchor_event_id,
            words,
            event_id: Some(touchpoint.event_id.to_string()),
        }
    }

    /// The story for a terminal.
    fn page(&self, evidence: &[String], cycle_evidence: &[String], paint: Paint) -> String {
        let moment = self.moment;
        let mut out = String::new();
        // writing into a String cannot fail
        let _ = writeln!(out, "{}  {}", paint.bold(&moment.title), paint.faint(&moment.moment_id));
        let state = match moment.state {
            MomentState::Raised => paint.red("open"),
            MomentState::Recovered => paint.green("recovered"),
            other => paint.yellow(other.name()),
        };
        let _ = writeln!(
            out,
            "  {state}; {} for {}, owed to {} ({}); site {}, team {}, segment {}",
            moment.severity,
            moment.owner,
            moment.side,
            moment.dimension,
            moment.site,
            moment.team.as_deref().unwrap_or("–"),
            moment.segment
        );
        let customer = moment.customer_id.as_deref().unwrap_or("not known");
        let _ = writeln!(out, "  customer {customer}, cycle {}, instance {}", moment.cycle_id, moment.instance);
        let _ =
            writeln!(out, "\n  {}\n    {}", paint.bold(&format!("The rule {} ({})", moment.rule, moment.kind)), self.rule_line());
        self.line_into(&mut out, paint);
        let _ = writeln!(out, "\n  {}\n    {}", paint.bold("Why"), self.cause());
        if let Some(deadline) = self.deadline() {
            let _ = writeln!(
                out,
                "    The deadline was {} ({deadline}); exactly at it would have been in time.",
                self.after(deadline)
            );
        }
        let _ = writeln!(out, "    {}", self.outcome());
        let _ = writeln!(out, "\n  {}", paint.bold("Evidence"));
        let _ = writeln!(out, "    the moment rests on {}", listed(evidence));
        if !cycle_evidence.is_empty() {
            let _ = writeln!(out, "    the cycle on         {}", listed(cycle_evidence));
        }
        out
    }

    fn rule_line(&self) -> String {
        match &self.rule {
            Rule::Words { words, is_same: true } => words.clone(),
            Rule::Words { words, is_same: false } => format!(
                "{words}\n    (so says the strategy that was named; it is not the one that judged, {}: its words may differ)",
                self.moment.strategy
            ),
            Rule::NotInIt => {
                format!("The strategy that was named has no such rule; the one that judged is {}.", self.moment.strategy)
            }
            Rule::Unnamed => "Name the strategy with --strategy to read it in words.".to_owned(),
        }
    }

    fn line_into(&self, out: &mut String, paint: Paint) {
        let _ = writeln!(out, "\n  {}", paint.bold(&format!("The cycle, from {}", self.begin())));
        if self.cycle.is_none() {
            let _ = writeln!(out, "    (the table has no row of this cycle: only the moment's own instants are known)");
        }
        for event in self.line() {
            let mark = if event.is_anchor { "▶" } else { " " };
            let words = if event.is_touchpoint { event.words } else { paint.red(&format!("── {}", event.words)) };
            let anchor = if event.is_anchor { paint.faint("   ◀ the moment hangs on this") } else { String::new() };
            let _ = writeln!(out, "  {mark} {:>12}  {words}{anchor}", self.after(event.at));
        }
    }
}

fn listed(evidence: &[String]) -> String {
    if evidence.is_empty() { "(no coordinates were kept)".to_owned() } else { evidence.join("; ") }
}
