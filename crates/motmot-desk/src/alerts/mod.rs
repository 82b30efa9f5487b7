//! The alerting rules of Prometheus, rendered from a strategy.
//!
//! Alerts rest on state, and on the desk's gauges only. What that asks of the rules:
//!
//! - **Several desks** hold the same table: `max` over those that are ready. A desk that still reads is not asked.
//! - **No desk** is no answer. While none is ready the last answer holds, for up to [`LAST_ANSWER_HOLDS`], and another alert tells the
//!   SRE. A bare `keep_firing_for` of that length would hold every page as long after the customer was served.
//! - **`keep_firing_for`** is short: it joins the moments of one busy hour to one page.
//! - **One page per real problem**: one alert for each site, rule and severity, whatever the number of customers.

mod health;
mod moments;
mod rule;
mod yaml;

use motmot_core::strategy::Strategy;

use rule::group;

/// How long the last answer of a desk holds while no desk is ready.
pub const LAST_ANSWER_HOLDS: &str = "30m";

/// The Prometheus rules file for a strategy.
///
/// - `MotmotMomentsOpen` for each rule with `page: open` that can be of severity `page`.
/// - `MotmotMomentsRate` for each rule with `page: rate` and each of its severities from `critical` up: the severity tells
///   Alertmanager whether it may wake somebody.
/// - `MotmotMomentsOfUnknownRule`, when worker and desk do not have the same strategy.
/// - The pipeline's own health, to owner `sre`.
pub fn render(strategy: &Strategy) -> String {
    format!(
        "# Rendered by `motmot alerts render` from the strategy {}: render it again instead of editing it.\ngroups:\n{}{}",
        yaml::scalar(&strategy.name),
        group("motmot-moments", &moments::rules(strategy)),
        group("motmot-health", &health::rules()),
    )
}
