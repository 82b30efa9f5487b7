//! Alerts about customers: what the strategy's rules flag.

use motmot_core::strategy::{Kind, Paging, Rule, Severity, Strategy};

use super::LAST_ANSWER_HOLDS;
use super::rule::{Alert, PrometheusRule, quoted, verbatim};
use crate::labels::{OTHER, severities};

/// What is open, as the ready desks have it.
const OPEN: &str = "site_rule_severity:motmot_moments_open:max";
/// Since when the oldest of them is open.
const OLDEST_OPEN: &str = "site_rule_severity:motmot_moments_oldest_open_timestamp_seconds:min";
/// How long an alert outlives its last open moment, so that the next one is no new page.
const KEEP: &str = "1m";
/// A rate alert wants so many moments in 15 minutes …
const RATE_AT_LEAST: u32 = 5;
/// … and so many times as many as in the average quarter of an hour of the last day.
const RATE_TIMES_USUAL: u32 = 3;
const QUARTERS_A_DAY: u32 = 96;

/// How long the oldest of the alert's moments has been open, as a template.
const OLDEST: &str = "{{ with printf `time() - last_over_time(site_rule_severity:motmot_moments_oldest_open_timestamp_seconds:min\
    {site=%q,rule=%q,severity=%q}[30m])` $labels.site $labels.rule $labels.severity | query }}\
    {{ . | first | value | humanizeDuration }}{{ else }}an unknown time{{ end }}";

pub(super) fn rules(strategy: &Strategy) -> Vec<PrometheusRule> {
    let of_ready_desks = |aggregate: &str, metric: &str| {
        format!("{aggregate} by (site, rule, severity) ({metric} and on (job, instance) (motmot_desk_ready == 1))")
    };
    let mut rules = vec![
        PrometheusRule::Record { name: OPEN, expr: of_ready_desks("max", "motmot_moments_open") },
        PrometheusRule::Record { name: OLDEST_OPEN, expr: of_ready_desks("min", "motmot_moments_oldest_open_timestamp_seconds") },
    ];
    for rule in &strategy.rules {
        for severity in severities(rule, strategy) {
            match rule.page {
                Paging::Open if severity == Severity::Page => rules.push(PrometheusRule::Alert(open(rule, severity))),
                Paging::Rate if severity >= Severity::Critical => rules.push(PrometheusRule::Alert(rate(rule, severity))),
                Paging::Open | Paging::Rate | Paging::Never => {}
            }
        }
    }
    rules.push(PrometheusRule::Alert(of_unknown_rule()));
    rules
}

fn open(rule: &Rule, severity: Severity) -> Alert {
    let series = format!("{OPEN}{{{}}}", selector(&rule.id, severity));
    Alert {
        name: "MotmotMomentsOpen",
        expr: format!("last_over_time({series}[{LAST_ANSWER_HOLDS}]) > 0"),
        keep: KEEP,
        labels: labels(rule, severity),
        annotations: annotations(
            rule,
            format!("{{{{ $value }}}} open at {{{{ $labels.site }}}}: {}", verbatim(&rule.title)),
            format!("The oldest has been open for {OLDEST}. {}", what_to_do(rule)),
        ),
        ..Alert::default()
    }
}

fn rate(rule: &Rule, severity: Severity) -> Alert {
    let flagged = |window: &str| {
        format!(
            "max by (site, rule, severity) (increase(motmot_moments_flagged_total{{{}}}[{window}]))",
            selector(&rule.id, severity)
        )
    };
    let (now, usual) = (flagged("15m"), flagged("1d"));
    Alert {
        name: "MotmotMomentsRate",
        expr: format!("{now} >= {RATE_AT_LEAST} and {now} > {RATE_TIMES_USUAL} * {usual} / {QUARTERS_A_DAY}"),
        keep: "5m",
        labels: labels(rule, severity),
        annotations: annotations(
            rule,
            format!("{{{{ printf `%.0f` $value }}}} in 15 minutes at {{{{ $labels.site }}}}: {}", verbatim(&rule.title)),
            format!("That is more than {RATE_TIMES_USUAL} times the usual rate of the last day. {}", what_to_do(rule)),
        ),
        ..Alert::default()
    }
}

/// The worker flags by a rule that the desk does not know. Nobody's owner is known, so it goes to the SRE; under the severity of
/// the moments themselves, for a customer may be waiting.
fn of_unknown_rule() -> Alert {
    Alert {
        name: "MotmotMomentsOfUnknownRule",
        expr: format!("last_over_time({OPEN}{{rule=\"{OTHER}\"}}[{LAST_ANSWER_HOLDS}]) > 0"),
        wait: "1m",
        keep: KEEP,
        labels: vec![("owner", "sre".to_owned())],
        annotations: vec![
            ("summary", "{{ $value }} open moments at {{ $labels.site }} of a rule that the desk's strategy does not have".to_owned()),
            (
                "description",
                "Worker and desk run different strategies, so these moments page nobody else. What to do: give both the same strategy \
                 file and restart the older; then render and load the alert rules again."
                    .to_owned(),
            ),
        ],
    }
}

fn selector(rule: &str, severity: Severity) -> String {
    format!("rule={},severity={}", quoted(rule), quoted(severity.name()))
}

/// The series has the rule already. Here it tells the alerts of one owner apart for promtool, which else calls them duplicates.
fn labels(rule: &Rule, severity: Severity) -> Vec<(&'static str, String)> {
    vec![("rule", rule.id.clone()), ("severity", severity.name().to_owned()), ("owner", verbatim(&rule.owner))]
}

fn annotations(rule: &Rule, summary: String, description: String) -> Vec<(&'static str, String)> {
    let mut annotations = vec![("summary", summary), ("description", description)];
    annotations.extend(rule.runbook.as_ref().map(|runbook| ("runbook_url", verbatim(runbook))));
    annotations
}

fn what_to_do(rule: &Rule) -> String {
    format!("What to do: {} What clears it: {}.", advice(rule), verbatim(&rule.recovers_words))
}

/// What saves the customer, by the kind of rule.
fn advice(rule: &Rule) -> &'static str {
    match rule.kind {
        Kind::Slow { .. } => "serve those who wait, the oldest first; if they are many, bring in help.",
        Kind::Missing { .. } => "find out whether the step was left out, and make up for it while the customer can be reached.",
        Kind::Unmet => "offer another way to what the customer came for; if it is a system, have it mended.",
        Kind::Unverified { .. } => "ask the customer whether all is done.",
        Kind::Unacknowledged { .. } => "answer, or tell the customer when the answer will come.",
        Kind::BrokenPromise { .. } => "keep the promise now, and tell the customer why it is late.",
        Kind::Abandoned => "the customers have gone: work the call-back list, and mend what made them leave.",
        Kind::LowRating { .. } => "call the customers back, and ask what went wrong.",
        Kind::Handoffs { .. } => "give each of these customers one person who stays until the end.",
        Kind::Lacking { .. } => "remind the team of what it owes each customer.",
        Kind::OutOfOrder { .. } => "see which step came too early, and why.",
        Kind::Reopened { .. } => "find out what was left undone, and verify it with the customer this time.",
        Kind::RepeatContact { .. } => "find out why one contact was not enough, with the customer's file before you.",
        Kind::NoFollowUp { .. } => "contact these customers now, and say why you call.",
        Kind::ViciousCircle { .. } => {
            "these customers are about to leave for good: have somebody with authority call them today."
        }
    }
}
