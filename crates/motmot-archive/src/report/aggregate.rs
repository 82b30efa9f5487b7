//! Counts cycles, one at a time.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use motmot_core::cycle::{CycleRecord, CycleState, Judgement, VerdictRecord};
use motmot_core::strategy::{Dimension, Kind, Side};
use motmot_core::touchpoint::Stage;
use motmot_core::{Strategy, Timestamp};
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::chain::{Chain, Collect, Wait};
use super::column::{Cells, Column, NONE, Names};
use super::group::{CycleTally, Group, Tally, Unit};
use super::sample::Quantiles;
use crate::error::ArchiveError;

/// The most groups that a report may have: about a gigabyte of memory, and no reader would want to see more.
const MOST_GROUPS: usize = 200_000;
/// The columns of a plot of observed / limit: each a tenth of the limit wide, up to three times the limit.
const BINS: usize = 30;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// What the figures are grouped by; nothing: one group.
    pub by: Vec<Column>,
    /// Only cycles that began at this instant or later.
    pub since: Option<Timestamp>,
    /// Only cycles that began before this instant.
    pub until: Option<Timestamp>,
    /// Only verdicts with one of the values that are given for a column, in each of the columns that are given.
    pub only: Vec<(Column, String)>,
    /// Whose days, weeks and months.
    pub zone: Tz,
    /// Whether what a page plots is counted too.
    pub for_page: bool,
    /// How many critical cycles the process chain shows as examples.
    pub examples: usize,
}

/// What became of the rows that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Final cycles of the period: these have verdicts.
    #[serde(rename = "final")]
    pub counted: u64,
    /// Cycles of the period that are not final: no verdict yet.
    pub not_final: u64,
    /// Of the final ones, those outside their customer's file: nobody knows whose they are.
    pub outside_file: u64,
    /// Cycles that began before or after the period.
    pub outside_period: u64,
}

/// The figures of one group.
#[derive(Clone, Debug)]
pub struct GroupRow {
    /// A value for each column that the report is grouped by; none where the verdicts have none.
    pub values: Vec<Option<String>>,
    /// Opportunities and critical moments.
    pub tally: Tally,
    /// Cycles with a verdict in the group, each once.
    pub cycles: CycleTally,
    /// What was observed; none where nothing was, or where the group's rules measure in different units.
    pub observed: Option<(Quantiles, Unit)>,
    /// Observed / limit.
    pub ratio: Option<Quantiles>,
}

/// A rule as the page shows it.
#[derive(Clone, Debug)]
pub struct RulePage {
    /// Its id.
    pub id: String,
    /// In a supervisor's words, or the id.
    pub title: String,
    /// Over all days.
    pub tally: Tally,
    /// By the day on which the cycle began, in order.
    pub days: Vec<(String, Tally)>,
    /// Observed / limit, in tenths up to three times the limit, and one more column for what lies beyond: how many were met, and how many
    /// critical. Empty where nothing is measured.
    pub ratios: Vec<(u64, u64)>,
}

/// What a page plots.
#[derive(Clone, Debug, Default)]
pub struct PageData {
    /// The rules, the one with most critical moments first.
    pub rules: Vec<RulePage>,
    /// The levels of all cycles that count, by the day on which they began, in order.
    pub days: Vec<(String, CycleTally)>,
    /// Stage and team, with what happened there.
    pub places: Vec<(Stage, Option<String>, Tally)>,
}

/// A strategy in words.
#[derive(Clone, Debug)]
pub struct StrategyWords {
    /// Its name.
    pub name: String,
    /// Its rules, in its order.
    pub rules: Vec<RuleWords>,
}

/// A rule in words.
#[derive(Clone, Debug)]
pub struct RuleWords {
    /// Its id.
    pub id: String,
    /// In a supervisor's words.
    pub title: String,
    /// What it demands, in one sentence.
    pub demands: String,
}

/// The measured programme.
#[derive(Clone, Debug)]
pub struct Programme {
    /// The question.
    pub question: Question,
    /// The strategy in words, if it is known.
    pub strategy: Option<StrategyWords>,
    /// The hashes of the strategies that judged, in order.
    pub hashes: Vec<String>,
    /// When the first and the last of the cycles began.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What was read.
    pub counts: Counts,
    /// Over all groups.
    pub tally: Tally,
    /// The cycles that count, each once.
    pub cycles: CycleTally,
    /// The groups, in the order of their values.
    pub groups: Vec<GroupRow>,
    /// Whom customers waited for.
    pub chain: Chain,
    /// What a page plots, if that was asked for.
    pub page: Option<PageData>,
}

/// What the strategy says of a rule.
#[derive(Clone, Copy, Debug)]
struct Known {
    position: usize,
    unit: Unit,
    /// Whether what is observed is a time that runs from the verdict's touchpoint by the clock on the wall.
    runs: bool,
}

/// Groups by one choice of columns.
#[derive(Debug)]
struct Grouping {
    by: Vec<Column>,
    measures: bool,
    groups: FxHashMap<Box<[u32]>, Group>,
    key: Vec<u32>,
}

impl Grouping {
    fn new(by: &[Column], measures: bool) -> Self {
        Self { by: by.to_vec(), measures, groups: FxHashMap::default(), key: Vec::new() }
    }

    /// Counts a verdict in its group.
    fn add(&mut self, cells: &Cells, verdict: &VerdictRecord<'_>, cycle: &CycleRecord<'_>, number: u64, unit: Unit) {
        let measured = Some(unit).filter(|_| self.measures);
        self.key.clear();
        self.key.extend(self.by.iter().map(|column| cells.get(*column)));
        match self.groups.get_mut(&*self.key) {
            Some(group) => group.add(verdict, cycle, number, measured),
            None => {
                let mut group = Group::default();
                group.add(verdict, cycle, number, measured);
                self.groups.insert(self.key.as_slice().into(), group);
            }
        }
    }
}

/// Takes cycles and counts them.
#[derive(Debug)]
pub struct Measure {
    question: Question,
    strategy: Option<StrategyWords>,
    segments: Vec<String>,
    known: FxHashMap<String, Known>,
    asked: Vec<Column>,
    only: Vec<(Column, Vec<u32>)>,
    names: Names,
    cells: Cells,
    main: Grouping,
    /// By rule, by rule and day, by stage and team: what a page plots.
    extra: Option<[Grouping; 3]>,
    days: BTreeMap<u32, CycleTally>,
    tally: Tally,
    cycles: CycleTally,
    counts: Counts,
    hashes: BTreeMap<String, u64>,
    span: Option<(Timestamp, Timestamp)>,
    chain: Collect,
}

impl Measure {
    /// Ready for the first cycle. Without the strategy rules have no words, and what they measure has no unit.
    pub fn new(question: Question, strategy: Option<&Strategy>) -> Self {
        let mut names = Names::new();
        let mut only: Vec<(Column, Vec<u32>)> = Vec::new();
        for (column, value) in &question.only {
            let number = names.number(value);
            match only.iter_mut().find(|(known, _)| known == column) {
                Some((_, values)) => values.push(number),
                None => only.push((*column, vec![number])),
            }
        }
        let extra = question.for_page.then(|| {
            [
                Grouping::new(&[Column::Rule], true),
                Grouping::new(&[Column::Rule, Column::Day], false),
                Grouping::new(&[Column::Stage, Column::Team], false),
            ]
        });
        let mut asked = vec![Column::Rule];
        let groupings = extra.iter().flatten().flat_map(|grouping| &grouping.by);
        asked.extend(question.by.iter().chain(groupings).chain(only.iter().map(|(column, _)| column)));
        let main = Grouping::new(&question.by, true);
        Self {
            strategy: strategy.map(words),
            segments: strategy.map(|strategy| strategy.segments.clone()).unwrap_or_default(),
            known: strategy.map(known).unwrap_or_default(),
            asked: Column::ALL.into_iter().filter(|column| asked.contains(column)).collect(),
            only,
            names,
            cells: Cells::default(),
            main,
            extra,
            days: BTreeMap::new(),
            tally: Tally::default(),
            cycles: CycleTally::default(),
            counts: Counts::default(),
            hashes: BTreeMap::new(),
            span: None,
            chain: Collect::default(),
            question,
        }
    }

    /// Counts a row of the table of cycles.
    ///
    /// # Errors
    /// When there are more groups than a report may have.
    pub fn cycle(&mut self, cycle: &CycleRecord<'_>) -> Result<(), ArchiveError> {
        if cycle.state == CycleState::Merged {
            return Ok(());
        }
        // An internal cycle may have begun before the period in which its customer waited.
        self.chain.internal(cycle);
        let Question { since, until, .. } = self.question;
        if since.is_some_and(|since| cycle.opened_at < since) || until.is_some_and(|until| cycle.opened_at >= until) {
            self.counts.outside_period += 1;
            return Ok(());
        }
        if !cycle.is_final {
            self.counts.not_final += 1;
            return Ok(());
        }
        self.counts.counted += 1;
        self.counts.outside_file += u64::from(!cycle.customer_file);
        self.final_cycle(cycle);
        if self.main.groups.len() > MOST_GROUPS {
            let by = self.question.by.iter().map(|column| column.name()).collect::<Vec<_>>().join(",");
            return Err(ArchiveError::TooManyGroups { by, most: MOST_GROUPS });
        }
        Ok(())
    }

    fn final_cycle(&mut self, cycle: &CycleRecord<'_>) {
        let (number, zone) = (self.counts.counted, self.question.zone);
        self.cells.cycle(cycle, &self.asked, zone, &mut self.names);
        let mut passed = false;
        let mut waits = Vec::new();
        for verdict in &cycle.verdicts {
            self.cells.verdict(verdict, cycle, &self.asked, &mut self.names);
            if !self.only.iter().all(|(column, values)| values.contains(&self.cells.get(*column))) {
                continue;
            }
            passed = true;
            self.verdict(verdict, cycle, number);
            if verdict.judgement != Judgement::Met {
                waits.push(self.wait(verdict, cycle));
            }
        }
        if !passed && !self.only.is_empty() {
            return;
        }
        self.cycles.add(cycle);
        if self.question.for_page {
            self.days.entry(self.cells.get(Column::Day)).or_default().add(cycle);
        }
        match self.hashes.get_mut(&*cycle.strategy) {
            Some(count) => *count += 1,
            None => drop(self.hashes.insert(cycle.strategy.to_string(), 1)),
        }
        let (first, last) = self.span.unwrap_or((cycle.opened_at, cycle.opened_at));
        self.span = Some((first.min(cycle.opened_at), last.max(cycle.opened_at)));
        self.chain.external(cycle, waits);
    }

    fn verdict(&mut self, verdict: &VerdictRecord<'_>, cycle: &CycleRecord<'_>, number: u64) {
        let unit = self.known.get(&*verdict.rule).map_or(Unit::OfRule(self.cells.get(Column::Rule)), |known| known.unit);
        self.tally.add(verdict.judgement);
        for grouping in std::iter::once(&mut self.main).chain(self.extra.iter_mut().flatten()) {
            grouping.add(&self.cells, verdict, cycle, number, unit);
        }
    }

    /// How long the customer waited because of a critical moment.
    fn wait(&self, verdict: &VerdictRecord<'_>, cycle: &CycleRecord<'_>) -> Wait {
        let closed = cycle.closed_at.unwrap_or(cycle.final_at);
        let runs = self.known.get(&*verdict.rule).is_some_and(|known| known.runs);
        let measured = verdict.observed.filter(|_| runs).map(|observed| verdict.at.plus(observed));
        Wait { rule: verdict.rule.to_string(), from: verdict.at, to: measured.unwrap_or(closed).max(verdict.at) }
    }

    /// The programme.
    pub fn finish(mut self) -> Programme {
        let main = std::mem::replace(&mut self.main, Grouping::new(&[], false));
        let mut groups: Vec<(Vec<Rank>, GroupRow)> =
            main.groups.into_iter().map(|(key, group)| self.row(&main.by, &key, group)).collect();
        groups.sort_by(|(a, _), (b, _)| a.cmp(b));
        let page = self.extra.take().map(|extra| self.page(extra));
        let chain = std::mem::take(&mut self.chain).finish(self.question.examples);
        Programme {
            strategy: self.strategy,
            hashes: self.hashes.into_keys().collect(),
            span: self.span,
            counts: self.counts,
            tally: self.tally,
            cycles: self.cycles,
            groups: groups.into_iter().map(|(_, row)| row).collect(),
            chain,
            page,
            question: self.question,
        }
    }

    fn row(&self, by: &[Column], key: &[u32], mut group: Group) -> (Vec<Rank>, GroupRow) {
        let columns = by.iter().copied().zip(key.iter().copied());
        let ranks = columns.clone().map(|(column, value)| self.rank(column, value)).collect();
        let values = columns.map(|(_, value)| self.names.text(value).map(str::to_owned)).collect();
        let (observed, ratio) = (group.observed(), group.ratios());
        (ranks, GroupRow { values, tally: group.tally, cycles: group.cycles, observed, ratio })
    }

    /// Where a value stands among the others of its column: where the strategy or the theory puts it, else by the alphabet; none last.
    fn rank(&self, column: Column, value: u32) -> Rank {
        let Some(text) = self.names.text(value) else { return (usize::MAX, String::new()) };
        let position = match column {
            Column::Rule => self.known.get(text).map(|known| known.position),
            Column::Stage => Stage::parse(text).map(|stage| stage as usize),
            Column::Dimension => Dimension::parse(text).map(|dimension| dimension as usize),
            Column::Side => Side::parse(text).map(|side| side as usize),
            Column::Segment => self.segments.iter().position(|segment| segment == text),
            _ => None,
        };
        (position.unwrap_or(usize::MAX - 1), text.to_owned())
    }

    fn page(&self, [rules, days, places]: [Grouping; 3]) -> PageData {
        let text = |number: u32| self.names.text(number).unwrap_or_default().to_owned();
        let mut by_rule: FxHashMap<u32, Vec<(String, Tally)>> = FxHashMap::default();
        for (key, group) in &days.groups {
            if let [rule, day] = **key {
                by_rule.entry(rule).or_default().push((text(day), group.tally));
            }
        }
        let words = self.strategy.iter().flat_map(|strategy| &strategy.rules);
        let titles: FxHashMap<&str, &str> = words.map(|rule| (&*rule.id, &*rule.title)).collect();
        let mut pages: Vec<RulePage> = Vec::new();
        for (key, group) in &rules.groups {
            let [rule] = **key else { continue };
            let (id, mut days) = (text(rule), by_rule.remove(&rule).unwrap_or_default());
            days.sort_by(|(a, _), (b, _)| a.cmp(b));
            let ratios = ratios(group);
            let title = titles.get(&*id).map_or_else(|| id.clone(), |title| (*title).to_owned());
            pages.push(RulePage { id, title, tally: group.tally, days, ratios });
        }
        pages.sort_by(|a, b| b.tally.critical.cmp(&a.tally.critical).then_with(|| a.id.cmp(&b.id)));
        let mut days: Vec<(String, CycleTally)> = self.days.iter().map(|(day, cycles)| (text(*day), *cycles)).collect();
        days.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut heat: Vec<(Stage, Option<String>, Tally)> = places
            .groups
            .iter()
            .filter_map(|(key, group)| match **key {
                [stage, team] => Some((Stage::parse(&text(stage))?, Some(text(team)).filter(|_| team != NONE), group.tally)),
                _ => None,
            })
            .collect();
        heat.sort_by(|a, b| (a.0, a.1.is_none(), &a.1).cmp(&(b.0, b.1.is_none(), &b.1)));
        PageData { rules: pages, days, places: heat }
    }
}

/// How many were met and how many critical, by observed / limit.
fn ratios(group: &Group) -> Vec<(u64, u64)> {
    if group.ratio.is_empty() {
        return Vec::new();
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a hundred thousand
    let tenth = (super::group::RATIO / 10.0).round() as u64;
    let (all, broken) = (group.ratio.bins(tenth, BINS), group.broken.bins(tenth, BINS));
    all.into_iter().zip(broken).map(|(all, broken)| (all.saturating_sub(broken), broken)).collect()
}

/// A group's place: by position, then by text.
type Rank = (usize, String);

fn words(strategy: &Strategy) -> StrategyWords {
    let rule = |rule: &motmot_core::strategy::Rule| RuleWords {
        id: rule.id.clone(),
        title: rule.title.clone(),
        demands: rule.words(&strategy.segments),
    };
    StrategyWords { name: strategy.name.clone(), rules: strategy.rules.iter().map(rule).collect() }
}

fn known(strategy: &Strategy) -> FxHashMap<String, Known> {
    let of = |(position, rule): (usize, &motmot_core::strategy::Rule)| {
        let unit = match rule.kind {
            Kind::Handoffs { .. } | Kind::ViciousCircle { .. } => Unit::Count,
            _ => Unit::Millis,
        };
        let runs =
            matches!(rule.kind, Kind::Slow { business_hours: false, .. } | Kind::Unacknowledged { business_hours: false, .. });
        (rule.id.clone(), Known { position, unit, runs })
    };
    strategy.rules.iter().enumerate().map(of).collect()
}
