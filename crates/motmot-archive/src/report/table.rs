//! A programme for the terminal.

use std::fmt::Write as _;

use motmot_core::cycle::Level;
use motmot_core::time::words_of_millis;

use super::aggregate::{GroupRow, Programme};
use super::group::{CycleTally, Unit};
use super::sample::Quantiles;
use crate::summary::grouped;

/// Internal departments and examples of the chain that a terminal shows.
const CHAIN_ROWS: usize = 12;

pub(super) fn table(programme: &Programme) -> String {
    let mut out = heading(programme);
    groups(programme, &mut out);
    chain(programme, &mut out);
    out
}

fn heading(programme: &Programme) -> String {
    let mut out = String::new();
    let counts = &programme.counts;
    // writing into a String cannot fail
    let _ = match &programme.span {
        Some((first, last)) => writeln!(out, "  cycles that began {first} to {last}"),
        None => writeln!(out, "  no final cycle: only final ones have verdicts"),
    };
    let mut line = |name: &str, count: u64, note: &str| {
        let _ = writeln!(out, "  {name:<26}{:>13}  {note}", grouped(count));
    };
    line("final cycles", counts.counted, "");
    if counts.not_final > 0 {
        line("not final yet", counts.not_final, "no verdict yet: not in any figure");
    }
    if counts.outside_period > 0 {
        line("outside the period", counts.outside_period, "");
    }
    if counts.outside_file > 0 {
        line("outside a customer file", counts.outside_file, "nobody knows whose they are: not in the circles");
    }
    line("opportunities", programme.tally.opportunities(), "");
    line("critical", programme.tally.critical, &rate(programme.tally.rate(), programme.tally.interval()));
    line("recovered", programme.tally.recovered, "of the critical");
    let _ = writeln!(out, "  {:<26}{}", "levels", levels(&programme.cycles));
    let share = |part| programme.cycles.share_of_file(part).map_or_else(|| "–".to_owned(), percent);
    let _ = writeln!(
        out,
        "  {:<26}virtuous {}, vicious {} of {} in a customer file",
        "circles",
        share(programme.cycles.virtuous),
        share(programme.cycles.vicious),
        grouped(programme.cycles.in_file)
    );
    if programme.hashes.len() > 1 {
        let _ = writeln!(out, "  judged by {} strategies: {}", programme.hashes.len(), programme.hashes.join(", "));
    }
    out
}

fn groups(programme: &Programme, out: &mut String) {
    if programme.question.by.is_empty() {
        return;
    }
    let mut rows: Vec<Vec<String>> = Vec::with_capacity(programme.groups.len() + 1);
    let names = programme.question.by.iter().map(|column| column.name().to_owned());
    let figures =
        ["opportunities", "critical", "recovered", "rate", "95 %", "observed p50", "p90", "p99", "/limit p50", "p90", "p99"];
    let others = ["cycles", "levels f/b/s/a/u %", "virt.", "vic."];
    rows.push(names.chain(figures.into_iter().chain(others).map(str::to_owned)).collect());
    rows.extend(programme.groups.iter().map(row));
    let by = programme.question.by.len();
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    out.push('\n');
    for row in &rows {
        let mut line = String::new();
        for (column, (text, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if column < by { write!(line, "  {text:<width$}") } else { write!(line, "  {text:>width$}") };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn row(group: &GroupRow) -> Vec<String> {
    let mut cells: Vec<String> = group.values.iter().map(|value| value.clone().unwrap_or_else(|| "–".to_owned())).collect();
    let tally = group.tally;
    cells.extend([tally.opportunities(), tally.critical, tally.recovered].map(grouped));
    cells.push(tally.rate().map(percent).unwrap_or_default());
    cells.push(tally.interval().map(|(low, high)| interval(low, high)).unwrap_or_default());
    cells.extend(observed(group.observed));
    cells.extend(three(group.ratio, |ratio| format!("{ratio:.2}")));
    let cycles = &group.cycles;
    cells.push(grouped(cycles.total));
    let mix = cycles.levels.map(|count| format!("{:.0}", count as f64 * 100.0 / cycles.total.max(1) as f64));
    cells.push(mix.join("/"));
    cells.extend([cycles.virtuous, cycles.vicious].map(|part| cycles.share_of_file(part).map(percent).unwrap_or_default()));
    cells
}

pub(super) fn three(quantiles: Option<Quantiles>, words: impl Fn(f64) -> String) -> [String; 3] {
    quantiles.map_or_else(Default::default, |q| [q.p50, q.p90, q.p99].map(words))
}

/// Percentiles of what was observed, in words.
pub(super) fn observed(observed: Option<(Quantiles, Unit)>) -> [String; 3] {
    let unit = observed.map(|(_, unit)| unit);
    three(observed.map(|(quantiles, _)| quantiles), |value| {
        #[allow(clippy::cast_possible_truncation)] // a duration is a whole number of milliseconds
        let whole = value.round() as i64;
        if unit == Some(Unit::Millis) { words_of_millis(whole) } else { whole.to_string() }
    })
}

/// 12.3 %; of what is rare, as many digits as say something.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 1.0 { format!("{percent:.2} %") } else { format!("{percent:.1} %") }
}

pub(super) fn interval(low: f64, high: f64) -> String {
    let digits = if high < 0.01 { 2 } else { 1 };
    format!("{:.digits$}–{:.digits$}", low * 100.0, high * 100.0)
}

fn rate(rate: Option<f64>, bounds: Option<(f64, f64)>) -> String {
    let (Some(rate), Some((low, high))) = (rate, bounds) else { return String::new() };
    format!("{} of the opportunities (95 %: {})", percent(rate), interval(low, high))
}

pub(super) fn levels(cycles: &CycleTally) -> String {
    let of = |level: &Level| {
        let share = cycles.of(*level) as f64 / cycles.total.max(1) as f64;
        format!("{} {}", level.name().replace('_', " "), percent(share))
    };
    Level::ALL.iter().map(of).collect::<Vec<_>>().join(", ")
}

fn chain(programme: &Programme, out: &mut String) {
    let chain = &programme.chain;
    if chain.internal == 0 {
        return;
    }
    let _ = writeln!(
        out,
        "\n  process chain: {} internal cycles, {} of them for the {} critical external ones that have any",
        grouped(chain.internal),
        grouped(chain.joined),
        grouped(chain.chained)
    );
    for (count, why) in
        [(chain.ambiguous, "name an id that several cycles have"), (chain.left_out, "cycles are beyond what is kept")]
    {
        if count > 0 {
            let _ = writeln!(out, "    {} {why}", grouped(count));
        }
    }
    for team in chain.teams.iter().take(CHAIN_ROWS) {
        let half = team.overlap_p50_ms.map(millis).unwrap_or_default();
        let _ = writeln!(
            out,
            "    {:<20} {} cycles, {} critical, customers waited for {} of them, {} in all, half of them at most {half}",
            team.team.as_deref().unwrap_or("–"),
            grouped(team.cycles),
            grouped(team.critical),
            grouped(team.waited_for),
            words_of_millis(team.overlap_ms),
        );
    }
    for cycle in chain.examples.iter().take(CHAIN_ROWS) {
        let rules: Vec<&str> = cycle.waits.iter().map(|wait| &*wait.rule).collect();
        let _ = writeln!(out, "    {} ({}) waited {}", cycle.cycle_id, rules.join(", "), words_of_millis(cycle.waited_ms));
        for link in &cycle.links {
            let open = link.closed_at.map_or_else(|| "still open".to_owned(), |at| words_of_millis(at.since(link.opened_at)));
            let critical = if link.is_critical { ", critical itself" } else { "" };
            let (team, overlap) = (link.team.as_deref().unwrap_or("–"), words_of_millis(link.overlap_ms));
            let _ = writeln!(out, "      {team}: open {open}, {overlap} of the wait{critical} ({})", link.cycle_id);
        }
    }
}

#[allow(clippy::cast_possible_truncation)] // a duration is a whole number of milliseconds
pub(super) fn millis(value: f64) -> String {
    words_of_millis(value.round() as i64)
}
