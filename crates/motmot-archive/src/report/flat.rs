//! A report's groups as one flat table: what CSV, Parquet and JSON have in common.

use motmot_core::cycle::Level;

use super::aggregate::{GroupRow, Programme};

/// A value of the flat table.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Text(Option<String>),
    Count(u64),
    Number(Option<f64>),
}

/// What a column of the flat table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellKind {
    Text,
    Count,
    Number,
}

/// The columns behind those of the groups.
const FIGURES: [(&str, CellKind); 18] = [
    ("opportunities", CellKind::Count),
    ("met", CellKind::Count),
    ("critical", CellKind::Count),
    ("recovered", CellKind::Count),
    ("rate", CellKind::Number),
    ("rate_low", CellKind::Number),
    ("rate_high", CellKind::Number),
    ("observations", CellKind::Count),
    ("observed_p50", CellKind::Number),
    ("observed_p90", CellKind::Number),
    ("observed_p99", CellKind::Number),
    ("observed_unit", CellKind::Text),
    ("ratio_p50", CellKind::Number),
    ("ratio_p90", CellKind::Number),
    ("ratio_p99", CellKind::Number),
    ("cycles", CellKind::Count),
    ("cycles_in_file", CellKind::Count),
    ("virtuous", CellKind::Count),
];
/// Behind these: `vicious`, and a column for each level.
const VICIOUS: &str = "vicious";

/// The columns of a report, in order.
pub(super) fn columns(programme: &Programme) -> Vec<(&'static str, CellKind)> {
    let by = programme.question.by.iter().map(|column| (column.name(), CellKind::Text));
    let levels = Level::ALL.iter().map(|level| (level.name(), CellKind::Count));
    by.chain(FIGURES).chain([(VICIOUS, CellKind::Count)]).chain(levels).collect()
}

/// A group's values, in the order of [`columns`].
pub(super) fn cells(row: &GroupRow) -> Vec<Cell> {
    let number = |value: Option<f64>| Cell::Number(value);
    let (interval, observed, ratio) = (row.tally.interval(), row.observed, row.ratio);
    let mut cells: Vec<Cell> = row.values.iter().cloned().map(Cell::Text).collect();
    cells.extend([
        Cell::Count(row.tally.opportunities()),
        Cell::Count(row.tally.met),
        Cell::Count(row.tally.critical),
        Cell::Count(row.tally.recovered),
        number(row.tally.rate()),
        number(interval.map(|(low, _)| low)),
        number(interval.map(|(_, high)| high)),
        Cell::Count(observed.map_or(0, |(quantiles, _)| quantiles.count)),
        number(observed.map(|(quantiles, _)| quantiles.p50)),
        number(observed.map(|(quantiles, _)| quantiles.p90)),
        number(observed.map(|(quantiles, _)| quantiles.p99)),
        Cell::Text(observed.map(|(_, unit)| unit.name().to_owned()).filter(|unit| !unit.is_empty())),
        number(ratio.map(|quantiles| quantiles.p50)),
        number(ratio.map(|quantiles| quantiles.p90)),
        number(ratio.map(|quantiles| quantiles.p99)),
        Cell::Count(row.cycles.total),
        Cell::Count(row.cycles.in_file),
        Cell::Count(row.cycles.virtuous),
        Cell::Count(row.cycles.vicious),
    ]);
    cells.extend(row.cycles.levels.map(Cell::Count));
    cells
}
