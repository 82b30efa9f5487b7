//! The closed sets of label values: which series there are, all of them known before the first event.

use std::collections::HashMap;

use motmot_core::strategy::{Rule, Severity, Strategy};

/// What stands for every value that the strategy does not declare.
pub(crate) const OTHER: &str = "other";

/// The severities that moments of `rule` can have, mildest first.
pub(crate) fn severities(rule: &Rule, strategy: &Strategy) -> Vec<Severity> {
    let mut severities: Vec<Severity> =
        (0..strategy.segments.len()).filter(|segment| rule.is_about(*segment)).map(|segment| rule.severity.of(segment)).collect();
    severities.sort_unstable();
    severities.dedup();
    severities
}

/// The position of one combination of site, rule and severity.
pub(crate) type Cell = usize;

/// All combinations of site, rule and severity that have a series.
///
/// A rule that the strategy does not know, or a severity that it does not give to that rule, is told by a worker with another
/// strategy. Both become the rule `other`, under the moment's own severity: the count stays right and no series appears late.
#[derive(Debug)]
pub(crate) struct Cells {
    sites: Vec<String>,
    site_positions: HashMap<String, usize>,
    pairs: Vec<(String, Severity)>,
    pair_positions: HashMap<String, Vec<(Severity, usize)>>,
}

impl Cells {
    pub(crate) fn new(strategy: &Strategy) -> Self {
        let mut sites = strategy.labels.site.clone();
        sites.push(OTHER.to_owned());
        sites.sort_unstable();
        sites.dedup();
        let mut pairs: Vec<(String, Severity)> = strategy
            .rules
            .iter()
            .flat_map(|rule| severities(rule, strategy).into_iter().map(|severity| (rule.id.clone(), severity)))
            .chain(Severity::ALL.iter().map(|severity| (OTHER.to_owned(), *severity)))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let site_positions = sites.iter().cloned().enumerate().map(|(position, site)| (site, position)).collect();
        let mut pair_positions: HashMap<String, Vec<(Severity, usize)>> = HashMap::new();
        for (position, (rule, severity)) in pairs.iter().enumerate() {
            pair_positions.entry(rule.clone()).or_default().push((*severity, position));
        }
        Self { sites, site_positions, pairs, pair_positions }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.sites.len() * self.pairs.len()
    }

    /// Where a moment belongs.
    pub(crate) fn place(&self, site: &str, rule: &str, severity: Severity) -> Cell {
        let site = self.site_positions.get(site).or_else(|| self.site_positions.get(OTHER)).copied().unwrap_or_default();
        let pair = self.pair(rule, severity).or_else(|| self.pair(OTHER, severity)).unwrap_or_default();
        site * self.pairs.len() + pair
    }

    fn pair(&self, rule: &str, severity: Severity) -> Option<usize> {
        self.pair_positions.get(rule)?.iter().find(|(s, _)| *s == severity).map(|(_, position)| *position)
    }

    /// Site, rule and severity of every combination, in the order of their positions.
    pub(crate) fn all(&self) -> impl Iterator<Item = [&str; 3]> {
        self.sites.iter().flat_map(|site| self.pairs.iter().map(move |(rule, severity)| [site.as_str(), rule, severity.name()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::strategy;

    fn check(site: &str, rule: &str, severity: Severity, expected: [&str; 3]) {
        let cells = Cells::new(&strategy());
        assert_eq!(cells.all().nth(cells.place(site, rule, severity)).unwrap(), expected);
    }

    #[test]
    fn every_combination_that_the_strategy_allows_is_there_and_no_other() {
        let cells = Cells::new(&strategy());
        // (haifa, eilat, other) × (slow page, slow critical, unmet warning, other × 4)
        assert_eq!((cells.count(), cells.all().count()), (21, 21));
        assert!(!cells.all().any(|labels| labels == ["haifa", "unmet", "page"]));
    }

    #[test]
    fn what_the_strategy_does_not_declare_is_other() {
        check("haifa", "slow", Severity::Page, ["haifa", "slow", "page"]);
        check("jaffa", "slow", Severity::Critical, ["other", "slow", "critical"]);
        check("haifa", "unheard", Severity::Info, ["haifa", "other", "info"]);
        check("haifa", "unmet", Severity::Page, ["haifa", "other", "page"]);
    }

    #[test]
    fn a_site_may_be_called_other() {
        let mut strategy = strategy();
        strategy.labels.site = vec!["other".to_owned()];
        assert_eq!(Cells::new(&strategy).count(), 7);
    }
}
