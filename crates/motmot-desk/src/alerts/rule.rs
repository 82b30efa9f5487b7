//! One rule of a Prometheus rules file, and how texts get into it unharmed.

use super::yaml::scalar;

/// A recording or an alerting rule.
#[derive(Debug)]
pub(super) enum PrometheusRule {
    /// A query whose result is kept under a name.
    Record {
        /// The name.
        name: &'static str,
        /// The query.
        expr: String,
    },
    /// A query whose result, if there is any, somebody must know.
    Alert(Alert),
}

/// An alerting rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Alert {
    /// The alert's name.
    pub(super) name: &'static str,
    /// The query.
    pub(super) expr: String,
    /// How long the query must have a result before the alert fires; empty: at once.
    pub(super) wait: &'static str,
    /// How long it goes on firing without one; empty: not at all.
    pub(super) keep: &'static str,
    /// Labels beside those of the query.
    pub(super) labels: Vec<(&'static str, String)>,
    /// Templates; see [`verbatim`].
    pub(super) annotations: Vec<(&'static str, String)>,
}

impl PrometheusRule {
    /// The rule's lines in the file.
    pub(super) fn lines(&self) -> String {
        match self {
            Self::Record { name, expr } => format!("      - record: {name}\n        expr: {}\n", scalar(expr)),
            Self::Alert(alert) => alert.lines(),
        }
    }
}

impl Alert {
    fn lines(&self) -> String {
        let mut lines = format!("      - alert: {}\n        expr: {}\n", self.name, scalar(&self.expr));
        for (field, duration) in [("for", self.wait), ("keep_firing_for", self.keep)] {
            if !duration.is_empty() {
                lines.push_str(&format!("        {field}: {duration}\n"));
            }
        }
        for (field, entries) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            lines.push_str(&format!("        {field}:\n"));
            for (name, value) in entries {
                lines.push_str(&format!("          {name}: {}\n", scalar(value)));
            }
        }
        lines
    }
}

/// A group of rules, evaluated one after the other.
pub(super) fn group(name: &str, rules: &[PrometheusRule]) -> String {
    let lines: String = rules.iter().map(PrometheusRule::lines).collect();
    format!("  - name: {name}\n    rules:\n{lines}")
}

/// A text within a template of labels or annotations: Prometheus must not take braces in a title for its own.
pub(super) fn verbatim(text: &str) -> String {
    text.replace("{{", "{{ `{{` }}")
}

/// A text as a string of a query.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
