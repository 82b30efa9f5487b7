//! Alerts about motmot itself, to the SRE.
use super::rule::PrometheusRule;
pub(super) fn rules() -> Vec<PrometheusRule> {
    Vec::new()
}
