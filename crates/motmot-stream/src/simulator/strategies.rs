//! The strategies of a run: every kind of rule, limits that are short, and bounds that are met.

use std::sync::{Arc, OnceLock};

use motmot_core::Strategy;

use crate::strategies::Loaded;

const HEAD: &str =
    "segments: [vip, regular]\ntime_zone: Europe/Berlin\ncalendar: {mon-sun: [\"00:00-07:02\", \"07:03-24:00\"]}\n";

/// What all waits for: promises, follow-ups, circles, returns.
const CUSTOMERS: &str = "limits: {max_touchpoints: 8, max_moments: 100, clock_tolerance: 10s, allowed_skew: 60s, reopen_window: 2000s}
customer_file: {keep: 2000s}
circle: {of: 2, failed: 1, satisfying: 1}
levels: {satisfying: {stages: [fulfilment], door_open: false, verified: false}}
cycles:
  - {where: {channel: email}, inactivity: 600s, grace: 100s}
  - {inactivity: 100s, grace: 100s}
rules:
  - {id: promise, dimension: reliability, severity: page, kind: broken_promise}
  - {id: called-back, dimension: reliability, severity: critical, open_for: 60s, kind: broken_promise, promises: [call_back], limit: 20s, recovers_by: {initiated_by: company}}
  - {id: again, dimension: reliability, severity: page, kind: repeat_contact, within: {vip: 20s, regular: 300s}, need: any}
  - {id: follow, dimension: empathy, severity: page, kind: no_follow_up, within: 60s}
  - {id: circle, dimension: assurance, severity: page, kind: vicious_circle, failed: 1, of: 1, recovers_by: {initiated_by: company}}
  - {id: reopened, dimension: reliability, severity: critical, kind: reopened}
  - {id: gone, dimension: reliability, severity: critical, kind: abandoned}
";

/// What is due within a cycle.
const DEADLINES: &str = "limits: {max_touchpoints: 1000, max_moments: 3, clock_tolerance: 0s, allowed_skew: 60s, reopen_window: 7d}
cycles: [{inactivity: 400s, grace: 10s}]
rules:
  - {id: slow, dimension: responsiveness, severity: page, kind: slow, from: {stage: fulfilment, outcome: pending}, to: {stage: fulfilment, outcome: met}, limit: {vip: 20s, regular: 60s}}
  - {id: slow-need, dimension: responsiveness, severity: page, open_for: 60s, kind: slow, from: {stage: need_detection}, to: {stage: fulfilment}, limit: 20s, each: need}
  - {id: hours, dimension: responsiveness, severity: info, kind: slow, from: {stage: greeting}, to: {stage: farewell}, limit: 150s, hours: business}
  - {id: unchecked, dimension: assurance, severity: critical, kind: unverified, times: 2, within: 60s}
  - {id: unheard, dimension: responsiveness, severity: page, kind: unacknowledged, limit: 20s}
  - {id: missing, dimension: reliability, severity: page, kind: missing, expects: {stage: fulfilment}, after: {stage: need_detection}, within: 60s}
  - {id: missing-at-all, dimension: reliability, severity: page, kind: missing, expects: {stage: verification}}
";

/// What a touchpoint says at once.
const POINTS: &str = "limits: {max_touchpoints: 3, max_moments: 100, clock_tolerance: 10s, allowed_skew: 60s, reopen_window: 2000s}
customer_file: {keep: 1000s}
cycles: [{inactivity: 30s, grace: 500s}]
rules:
  - {id: unmet, dimension: reliability, severity: page, kind: unmet, recovers_by: {stage: fulfilment, outcome: met}}
  - {id: rated, dimension: empathy, severity: critical, kind: low_rating, rating_below: 3}
  - {id: passed-on, dimension: empathy, severity: critical, kind: handoffs, more_than: {vip: 1, regular: 2}}
  - {id: nameless, dimension: empathy, severity: info, kind: lacking, where: {stage: [greeting, farewell]}, demands: [named]}
  - {id: order, dimension: reliability, severity: critical, kind: out_of_order, where: {stage: fulfilment}, before: {stage: need_detection}}
  - {id: gone, dimension: reliability, severity: critical, open_for: 60s, kind: abandoned, recovers_by: {initiated_by: company}}
";

/// The first with another limit, one rule less, and one more.
const OTHER: &str = "limits: {max_touchpoints: 8, max_moments: 100, clock_tolerance: 10s, allowed_skew: 60s, reopen_window: 2000s}
customer_file: {cycles: 40, keep: 3000s}
levels: {failed: {by: page}, basic: {stages: [], dimensions: []}, satisfying: {stages: [greeting, fulfilment], rating: 2}, unforgettable: {rating: 3}}
cycles: [{inactivity: 100s, grace: 100s}]
rules:
  - {id: promise, dimension: reliability, severity: info, kind: broken_promise}
  - {id: again, dimension: reliability, severity: page, kind: repeat_contact, within: 60s}
  - {id: follow, dimension: empathy, severity: page, kind: no_follow_up, within: 150s, level: [failed, satisfying, added_value]}
  - {id: slow, dimension: responsiveness, severity: page, kind: slow, from: {stage: greeting}, to: {}, limit: 10s}
  - {id: checked, dimension: assurance, severity: page, kind: unverified}
  - {id: gone, dimension: reliability, severity: critical, kind: abandoned}
";

/// All of them. The last differs from the one before by its name alone, which is no rule. Nor are titles, but a row has those of the day when it
/// was told last: two schedules may differ in them where a moment was something else for an instant.
pub(super) fn all() -> &'static [Loaded] {
    static ALL: OnceLock<Vec<Loaded>> = OnceLock::new();
    ALL.get_or_init(|| {
        let named =
            [("customers", CUSTOMERS), ("deadlines", DEADLINES), ("points", POINTS), ("other", OTHER), ("other-name", OTHER)];
        named.into_iter().map(|(name, rules)| load(format!("strategy: {name}\n{HEAD}{rules}"))).collect()
    })
}

fn load(text: String) -> Loaded {
    let strategy = Strategy::load("simulated.yaml", &text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    Loaded::new(Arc::new(strategy), text)
}

/// A copy: the worker wants one of its own.
pub(super) fn copy(loaded: &Loaded) -> Loaded {
    Loaded { id: loaded.id, strategy: Arc::clone(&loaded.strategy), text: loaded.text.clone() }
}
