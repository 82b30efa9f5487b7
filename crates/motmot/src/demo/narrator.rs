//! Tells moments in words as they are raised and recovered, and counts them for the summary. Pure: moments in, lines out.

use std::collections::{BTreeMap, BTreeSet};

use motmot_core::strategy::Severity;
use motmot_core::touchpoint::Audience;
use motmot_core::{Moment, Timestamp};
use motmot_desk::Change;

use super::dial::Dial;
use super::people::Customer;
use crate::output::Paint;

/// What `--check` demands.
pub(crate) const RECOVERED_WANTED: usize = 3;

/// What became of the moments of one rule.
#[derive(Clone, Debug, Default)]
struct Counts {
    kind: String,
    raised: usize,
    recovered: usize,
    ended: usize,
}

/// Knows who is who, and what has been told.
#[derive(Debug)]
pub(crate) struct Narrator {
    dial: Dial,
    customers: BTreeMap<String, Customer>,
    paint: Paint,
    counts: BTreeMap<String, Counts>,
    /// The open ones: when each was raised, and its words.
    open: BTreeMap<String, (Timestamp, String)>,
    kinds: BTreeSet<String>,
    recovered: usize,
}

impl Narrator {
    /// For a service whose instants are told by `dial`.
    pub(crate) fn new(dial: Dial, paint: Paint) -> Self {
        Self {
            dial,
            customers: BTreeMap::new(),
            paint,
            counts: BTreeMap::new(),
            open: BTreeMap::new(),
            kinds: BTreeSet::new(),
            recovered: 0,
        }
    }

    /// The service opens; clocks are told from here.
    pub(crate) fn open(&mut self, opened_at: Timestamp) {
        self.dial = self.dial.opened(opened_at);
    }

    /// More people whose names may be told.
    pub(crate) fn meet(&mut self, customers: BTreeMap<String, Customer>) {
        self.customers.extend(customers);
    }

    /// Whether enough has happened for `--check`.
    pub(crate) fn has_shown(&self, kinds: usize) -> bool {
        self.kinds.len() >= kinds && self.recovered >= RECOVERED_WANTED
    }

    /// Takes a change in, and says what should be printed about it.
    pub(crate) fn tell(&mut self, change: Change, moment: &Moment<'_>) -> Option<String> {
        let line = self.words(change, moment)?;
        self.count(change, moment);
        Some(line)
    }

    fn words(&self, change: Change, moment: &Moment<'_>) -> Option<String> {
        let paint = self.paint;
        let who = self.who(moment);
        let head = |at: Timestamp, word: String| format!("{}  {word} {}: {who}", self.dial.clock(at), paint.bold(&moment.title));
        Some(match change {
            Change::Raised => {
                let word = format!("{:<9}", moment.severity.name().to_uppercase());
                let word = match moment.severity {
                    Severity::Page | Severity::Critical => paint.red(&word),
                    Severity::Warning | Severity::Info => paint.yellow(&word),
                };
                format!("{}\n       {}", head(moment.raised_at, word), paint.faint(&self.details(moment)))
            }
            Change::Recovered => {
                let at = moment.recovered_at.unwrap_or(moment.raised_at);
                format!("{}, {} late", head(at, paint.green("recovered")), self.dial.duration(at.since(moment.raised_at)))
            }
            Change::Expired => head(moment.expires_at, paint.faint("lost     ")),
            Change::Retracted => head(moment.raised_at, paint.faint("withdrawn")),
            Change::Amended => return None,
        })
    }

    fn count(&mut self, change: Change, moment: &Moment<'_>) {
        let id = moment.moment_id.to_string();
        if change == Change::Raised {
            let words = format!("{}: {}", moment.title, self.who(moment));
            self.open.insert(id, (moment.raised_at, words));
            self.kinds.insert(moment.kind.to_string());
        } else {
            self.open.remove(&id);
        }
        let counts = self.counts.entry(moment.rule.to_string()).or_default();
        counts.kind = moment.kind.to_string();
        match change {
            Change::Raised => counts.raised += 1,
            Change::Recovered => {
                counts.recovered += 1;
                self.recovered += 1;
            }
            Change::Expired => counts.ended += 1,
            Change::Retracted | Change::Amended => {}
        }
    }

    /// The closing summary.
    pub(crate) fn summary(&self, now: Timestamp) -> String {
        let lasted = self.dial.open_for(now);
        let mut lines = vec![format!("\nIt was open for {lasted}. Critical moments, by rule:\n")];
        lines.push(self.paint.faint("  rule                   kind             raised  recovered  lost"));
        for (rule, counts) in &self.counts {
            let Counts { kind, raised, recovered, ended } = counts;
            lines.push(format!("  {rule:<22} {kind:<16} {raised:>6}  {recovered:>9}  {ended:>4}"));
        }
        let raised: usize = self.counts.values().map(|counts| counts.raised).sum();
        lines.push(format!("\nRaised: {raised} moments, of kinds: {}. Recovered: {}.", self.kinds.len(), self.recovered));
        let mut open: Vec<_> = self.open.values().collect();
        open.sort();
        if !open.is_empty() {
            lines.push(format!("Still open, the oldest first ({} in all):", open.len()));
            lines.extend(open.iter().take(5).map(|(since, words)| {
                format!("  since {} ({}) {words}", self.dial.clock(*since), self.dial.duration(now.since(*since)))
            }));
        }
        lines.join("\n")
    }

    fn who(&self, moment: &Moment<'_>) -> String {
        let name = match self.customers.get(moment.key.as_str()) {
            Some(Customer { name: Some(name), .. }) => name.as_str(),
            _ if moment.audience == Audience::Internal => moment.key.as_str(),
            _ => "somebody who gave no name",
        };
        let segment = match moment.segment.as_str() {
            "vip" => " (VIP)".to_owned(),
            "regular" => String::new(),
            other => format!(" ({other})"),
        };
        format!("{name}{segment}, {}, {}", moment.channel, moment.site)
    }

    /// How long, how long was promised, what would help, and whose it is.
    fn details(&self, moment: &Moment<'_>) -> String {
        let mut parts = Vec::new();
        match (moment.kind.as_str(), moment.limit) {
            ("vicious_circle", Some(_)) => {}
            ("handoffs", Some(limit)) => parts.push(format!("at most {limit} persons were promised")),
            (_, Some(limit)) if limit > 0 => parts.push(format!("{} were promised", self.dial.duration(limit))),
            _ => {}
        }
        if !moment.recovers_by.is_empty() {
            parts.push(format!("would save it: {}", moment.recovers_by));
        }
        parts.push(format!("owed to {}, {}", moment.side, moment.dimension));
        parts.push(format!("told to {}", moment.owner));
        parts.join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use motmot_core::Text;
    use motmot_core::moment::MomentState;
    use motmot_core::strategy::{Dimension, Paging, Side};
    use motmot_core::touchpoint::Stage;

    const OPENED: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn moment(raised_s: i64, recovered_s: Option<i64>) -> Moment<'static> {
        Moment {
            moment_id: "m".into(),
            state: MomentState::Raised,
            rule: "slow-answer".into(),
            kind: "slow".into(),
            title: "Waits too long".into(),
            key: "C-1".into(),
            cycle_id: "phone-C-1".into(),
            instance: 1,
            customer_id: Some("C-1".into()),
            segment: "vip".into(),
            need: None,
            promise_id: None,
            stage: Stage::Fulfilment,
            channel: "phone".into(),
            site: "call-centre".into(),
            team: None,
            audience: Audience::External,
            anchor_event_id: "e".into(),
            anchor_at: OPENED,
            raised_at: OPENED.plus(raised_s * 1_000),
            recovered_at: recovered_s.map(|s| OPENED.plus(s * 1_000)),
            expires_at: OPENED.plus(3_600_000),
            observed: None,
            limit: Some(5_000),
            recovers_by: Text::borrowed("an agent answers"),
            severity: Severity::Page,
            dimension: Dimension::Responsiveness,
            side: Side::Systems,
            page: Paging::Open,
            owner: "supervisor".into(),
            runbook: None,
            truncated: false,
            strategy: "0".into(),
        }
    }

    #[test]
    fn a_moment_is_told_with_name_promise_and_mend_and_its_recovery_with_its_delay() {
        let mut narrator =
            Narrator::new(Dial::new(OPENED, chrono::NaiveDate::default().and_hms_opt(9, 0, 0).unwrap(), 60), Paint::none());
        narrator.meet(BTreeMap::from([(
            "C-1".to_owned(),
            Customer { key: "C-1".to_owned(), name: Some("Ada Keller".to_owned()), vip: true },
        )]));
        let raised = narrator.tell(Change::Raised, &moment(65, None)).unwrap();
        assert!(raised.starts_with("10:05  PAGE      Waits too long: Ada Keller (VIP), phone, call-centre\n"), "{raised}");
        assert!(
            raised.contains("5 min were promised · would save it: an agent answers · owed to systems, responsiveness"),
            "{raised}"
        );
        assert!(narrator.summary(OPENED.plus(70_000)).contains("since 10:05 (5 min) Waits too long: Ada Keller"));
        let recovered = narrator.tell(Change::Recovered, &moment(65, Some(72))).unwrap();
        assert_eq!(recovered, "10:12  recovered Waits too long: Ada Keller (VIP), phone, call-centre, 7 min late");
        assert!(narrator.summary(OPENED.plus(75_000)).contains("Raised: 1 moments, of kinds: 1. Recovered: 1."));
        assert!(!narrator.has_shown(1));
    }
}
