//! What the tests of this crate share.

use motmot_core::moment::{Moment, MomentState};
use motmot_core::strategy::{Dimension, Paging, Severity, Side, Strategy};
use motmot_core::time::Timestamp;
use motmot_core::touchpoint::{Audience, Stage};

/// Two sites, two rules: `slow` is critical or page, `unmet` is a warning.
pub(crate) fn strategy() -> Strategy {
    let text = "
strategy: test
labels: {site: [haifa, eilat]}
segments: [vip, regular]
cycles: [{inactivity: 2h, grace: 5m}]
rules:
  - id: slow
    kind: slow
    from: {stage: greeting}
    to: {stage: fulfilment}
    limit: 1m
    dimension: responsiveness
    severity: {vip: page, regular: critical}
  - {id: unmet, kind: unmet, dimension: tangibles, severity: warning}
";
    Strategy::load("test.yaml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A moment of rule `slow` at haifa that came about `raised_at` milliseconds after 1970.
pub(crate) fn moment(state: MomentState, raised_at: i64) -> Moment<'static> {
    let at = Timestamp::from_millis(raised_at);
    Moment {
        moment_id: "m".into(),
        state,
        rule: "slow".into(),
        kind: "slow".into(),
        title: "A customer waits".into(),
        key: "k".into(),
        cycle_id: "c".into(),
        instance: 1,
        customer_id: None,
        segment: "vip".into(),
        need: None,
        promise_id: None,
        stage: Stage::Greeting,
        channel: "phone".into(),
        site: "haifa".into(),
        team: None,
        audience: Audience::External,
        anchor_event_id: "e".into(),
        anchor_at: at,
        raised_at: at,
        recovered_at: None,
        expires_at: at.plus(86_400_000),
        observed: None,
        limit: None,
        recovers_by: "an answer".into(),
        severity: Severity::Page,
        dimension: Dimension::Responsiveness,
        side: Side::Systems,
        page: Paging::Open,
        owner: "supervisor".into(),
        runbook: None,
        truncated: false,
        strategy: "0123456789abcdef".into(),
    }
}
