//! Every example of docs/strategy.md is one.
#![allow(missing_docs)]

use motmot_core::Strategy;

const DOCS: &str = include_str!("../../../docs/strategy.md");

/// What a list of rules needs around it to be a strategy.
const AROUND: &str = "\
strategy: s
segments: [vip, regular]
time_zone: UTC
calendar: {mon-fri: [\"09:00-17:00\"]}
cycles: [{inactivity: 2h, grace: 5m}]
rules:
";

#[test]
fn every_example_loads() {
    let blocks = DOCS.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut kinds = std::collections::BTreeSet::new();
    for block in blocks {
        let text = if block.starts_with("- ") { format!("{AROUND}{block}") } else { block.to_owned() };
        let strategy = Strategy::load("docs/strategy.md", &text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        kinds.extend(strategy.rules.iter().map(|rule| rule.kind.name()));
    }
    assert_eq!(kinds.len(), 15, "each kind has an example: {kinds:?}");
}
