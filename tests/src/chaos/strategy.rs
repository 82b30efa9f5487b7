//! The promises of the service under chaos: limits of seconds, so that deadlines pass for real while things break.

use std::collections::BTreeMap;
use std::sync::Arc;

use motmot_core::Strategy;
use motmot_store::StrategyId;

/// Everything that a run puts in force, one after another: the rules change, limits change, and once only a title.
pub const VARIANTS: usize = 4;

/// After the last touchpoint, how long until every deadline has passed and every cycle is final, in ms.
pub const ALL_OVER_MS: i64 = 45_000;

/// Below this a rating is a critical moment, under every variant.
pub const RATING_BELOW: i32 = 3;
/// The rule that says so.
pub const RATING_RULE: &str = "unhappy";
/// How far ahead of its arrival a touchpoint may have occurred.
pub const ALLOWED_SKEW_MS: i64 = 60_000;

/// The text of a variant.
pub fn text(variant: usize) -> String {
    let (slow, title, more) = match variant % VARIANTS {
        0 => ("3s", "A customer waits", ""),
        1 => ("1s 500ms", "A customer waits", ""),
        2 => ("1s 500ms", "A customer waits too long", ""),
        _ => ("5s", "A customer waits too long", MORE),
    };
    format!(
        "{HEAD}{RULES}  - {{id: slow, kind: slow, title: {title}, from: {{stage: fulfilment, outcome: pending}}, to: {{stage: fulfilment, outcome: met}}, limit: {slow}, dimension: responsiveness, severity: page, open_for: 10s}}\n{more}"
    )
}

/// All variants by their ids.
///
/// # Panics
/// When a text is no strategy.
pub fn all() -> BTreeMap<StrategyId, Arc<Strategy>> {
    let load = |text: String| {
        let strategy = Strategy::load("chaos", &text).unwrap_or_else(|problems| panic!("{problems}"));
        (StrategyId::of(&strategy, &text), Arc::new(strategy))
    };
    (0..VARIANTS).map(|variant| load(text(variant))).collect()
}

const HEAD: &str = "
strategy: chaos
segments: [vip, regular]
cycles:
  - {where: {channel: chat}, inactivity: 4s, grace: 2s}
  - {inactivity: 8s, grace: 4s}
customer_file: {cycles: 16, keep: 5m}
limits: {clock_tolerance: 500ms, allowed_skew: 1m, reopen_window: 10m}
rules:
";

const RULES: &str = "  - {id: unhappy, kind: low_rating, rating_below: 3, dimension: empathy, open_for: 8s}
  - {id: unchecked, kind: missing, expects: {stage: verification}, dimension: reliability, open_for: 6s}
  - {id: gone, kind: abandoned, dimension: reliability, open_for: 6s}
  - {id: call-back, kind: broken_promise, promises: call_back, dimension: reliability, severity: page, open_for: 10s}
  - {id: announced, kind: broken_promise, promises: wait, dimension: responsiveness, open_for: 8s}
  - {id: failed, kind: unmet, dimension: reliability, open_for: 8s}
  - {id: unheard, kind: unacknowledged, limit: {vip: 1s, regular: 2s}, dimension: empathy, open_for: 8s}
  - {id: handed-around, kind: handoffs, more_than: 2, dimension: reliability, open_for: 6s}
  - {id: nameless, kind: lacking, where: {stage: greeting}, demands: [named], dimension: empathy, severity: info, open_for: 6s}
  - {id: reopened, kind: reopened, dimension: reliability, open_for: 6s}
  - {id: again, kind: repeat_contact, within: 1m, need: any, dimension: reliability, severity: warning, open_for: 6s}
  - {id: silence, kind: no_follow_up, level: failed, within: 5s, dimension: empathy, open_for: 8s}
  - {id: leaving, kind: vicious_circle, dimension: empathy, severity: page, open_for: 10s}
";

const MORE: &str = "  - {id: unproven, kind: unverified, within: 2s, dimension: assurance, open_for: 6s}
  - {id: blind, kind: out_of_order, where: {stage: fulfilment}, before: {stage: need_detection}, dimension: assurance, open_for: 6s}
";
