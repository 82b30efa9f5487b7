//! One page that needs nothing else: no network, no script. Plots are inline SVG, each with its table behind it.

mod buckets;
mod parts;
mod plots;

use std::fmt::Write as _;

use motmot_core::Timestamp;
use motmot_core::cycle::Level;

use self::buckets::Period;
use self::parts::{escaped, rate_bar, rate_cells, table};
use self::plots::Point;
use super::aggregate::{GroupRow, PageData, Programme, RulePage, RuleWords};
use super::group::{CycleTally, Tally};
use super::table::{observed, percent, three};
use crate::summary::grouped;

const STYLE: &str = include_str!("style.css");

/// Groups that a page lists; more are for a spreadsheet.
const MOST_ROWS: usize = 1_000;
/// Rules whose course over time, and whose measures, are plotted.
const MOST_PLOTS: usize = 6;

/// The page.
pub(super) fn page(programme: &Programme) -> String {
    let name = programme.strategy.as_ref().map_or("", |strategy| &strategy.name);
    let title = if name.is_empty() { "The measured programme".to_owned() } else { format!("The measured programme: {name}") };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{}</title><style>\n{STYLE}</style></head><body>",
        escaped(&title)
    );
    heading(programme, &title, &mut out);
    out.push_str("<main>");
    groups(programme, &mut out);
    if let Some(page) = &programme.page {
        over_time(page, &mut out);
        levels(page, &mut out);
        measures(page, &mut out);
        if !page.places.is_empty() {
            section("places", "Where it happens", "Departments by the step of the service that they are in.", &mut out);
            out.push_str(&parts::heat(page));
        }
    }
    if programme.chain.internal > 0 {
        let what = "Behind the customer's cycle stand internal ones. A critical moment outside is often a slow one inside.";
        section("chain", "The process chain", what, &mut out);
        out.push_str(&parts::chain(&programme.chain));
    }
    words(programme, &mut out);
    out.push_str("</main></body></html>\n");
    out
}

/// The id is a text of ours.
fn section(id: &str, heading: &str, what: &str, out: &mut String) {
    // writing into a String cannot fail
    let _ = write!(out, "<h2 id=\"{id}\">{}</h2><p class=\"soft\">{}</p>", escaped(heading), escaped(what));
}

fn heading(programme: &Programme, title: &str, out: &mut String) {
    let counts = &programme.counts;
    let _ = write!(out, "<header><h1>{}</h1>", escaped(title));
    let minute = |at: &Timestamp| at.to_string().get(..16).unwrap_or_default().replace('T', " ");
    let span = match &programme.span {
        Some((first, last)) => {
            let days = match programme.question.zone {
                chrono_tz::Tz::UTC => String::new(),
                zone => format!(", days as in {}", zone.name()),
            };
            format!("Cycles that began {} to {} UTC{days}.", minute(first), minute(last))
        }
        None => "There is no final cycle here, and only final ones have verdicts.".to_owned(),
    };
    let _ = write!(out, "<p>{}</p>", escaped(&span));
    let only: Vec<String> =
        programme.question.only.iter().map(|(column, value)| format!("{} = {value}", column.name())).collect();
    if !only.is_empty() {
        let _ = write!(out, "<p>Only {}.</p>", escaped(&only.join(", ")));
    }
    let tally = programme.tally;
    let cycles = &programme.cycles;
    let good: u64 = [Level::Satisfying, Level::AddedValue, Level::Unforgettable].iter().map(|level| cycles.of(*level)).sum();
    let share = |part: u64, of: u64| if of > 0 { percent(part as f64 / of as f64) } else { "–".to_owned() };
    out.push_str("<dl class=\"figures\">");
    let mut figure = |name: &str, value: String, note: String| {
        let _ = write!(out, "<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>", escaped(name), escaped(&value), escaped(&note));
    };
    let not_final = if counts.not_final > 0 {
        format!("{} more are not final", grouped(counts.not_final))
    } else {
        "all are final".to_owned()
    };
    let [rate, interval] = rate_cells(tally);
    figure("Cycles", grouped(cycles.total), not_final);
    figure("Critical moments", grouped(tally.critical), format!("of {} opportunities", grouped(tally.opportunities())));
    figure("Rate", if rate.is_empty() { "–".to_owned() } else { rate }, format!("95 %: {interval} %"));
    figure("Recovered", share(tally.recovered, tally.critical), format!("{} of the critical", grouped(tally.recovered)));
    figure(
        "Failed cycles",
        share(cycles.of(Level::Failed), cycles.total),
        format!("{} cycles", grouped(cycles.of(Level::Failed))),
    );
    figure("Satisfying or better", share(good, cycles.total), format!("{} cycles", grouped(good)));
    figure("Vicious circle", share(cycles.vicious, cycles.in_file), format!("of {} cycles in a file", grouped(cycles.in_file)));
    figure(
        "Virtuous circle",
        share(cycles.virtuous, cycles.in_file),
        format!("{} outside any file", grouped(cycles.total - cycles.in_file)),
    );
    out.push_str("</dl></header>");
}

fn groups(programme: &Programme, out: &mut String) {
    let by: Vec<&str> = programme.question.by.iter().map(|column| column.name()).collect();
    if by.is_empty() || programme.groups.is_empty() {
        return;
    }
    section(
        "figures",
        &format!("By {}", by.join(", ")),
        "How often each promise could be broken, how often it was, and by how much.",
        out,
    );
    let figures = [
        "opportunities",
        "critical",
        "recovered",
        "rate, 95 %",
        "0 to 100 %",
        "observed p50",
        "p90",
        "p99",
        "/ limit p50",
        "p90",
        "p99",
        "cycles",
        "failed",
        "virtuous",
        "vicious",
    ];
    let head: Vec<&str> = by.iter().copied().chain(figures).collect();
    let rows: Vec<Vec<String>> = programme.groups.iter().take(MOST_ROWS).map(group).collect();
    out.push_str(&table(&format!("Figures by {}", by.join(", ")), &head, by.len(), &rows));
    if programme.groups.len() > MOST_ROWS {
        let left = grouped((programme.groups.len() - MOST_ROWS) as u64);
        let _ = write!(out, "<p class=\"soft\">{left} more groups are not listed here: a report as CSV has them all.</p>");
    }
}

fn group(row: &GroupRow) -> Vec<String> {
    let mut cells: Vec<String> =
        row.values.iter().map(|value| value.as_deref().map_or_else(|| "–".to_owned(), escaped)).collect();
    let tally = row.tally;
    cells.extend([tally.opportunities(), tally.critical, tally.recovered].map(grouped));
    let [rate, interval] = rate_cells(tally);
    cells.push(format!("{rate}<small>{interval}</small>"));
    cells.push(rate_bar(tally));
    cells.extend(observed(row.observed));
    cells.extend(three(row.ratio, |ratio| format!("{ratio:.2}×")));
    let cycles = &row.cycles;
    cells.push(grouped(cycles.total));
    cells.push(percent(cycles.of(Level::Failed) as f64 / cycles.total.max(1) as f64));
    cells.extend([cycles.virtuous, cycles.vicious].map(|part| cycles.share_of_file(part).map(percent).unwrap_or_default()));
    cells
}

/// A figure: caption, plot, and the table behind it.
fn figure(class: &str, caption: &str, note: &str, plot: &str, behind: &str, out: &mut String) {
    let _ = write!(
        out,
        "<figure class=\"{class}\"><figcaption>{}<span>{}</span></figcaption>{plot}<details><summary>The numbers</summary>{behind}</details></figure>",
        escaped(caption),
        escaped(note)
    );
}

fn over_time(page: &PageData, out: &mut String) {
    let critical = page.rules.iter().filter(|rule| rule.tally.critical > 0);
    // What is critical every time has no course: either a promise that is never kept, or a rule whose only opportunity is its breach.
    let (always, rules): (Vec<&RulePage>, Vec<&RulePage>) = critical.partition(|rule| rule.tally.met == 0);
    if rules.is_empty() && always.is_empty() {
        return;
    }
    let period = Period::of(page.days.iter().map(|(day, _)| &**day));
    let what = format!(
        "Critical moments for each opportunity, by the {} on which the cycle began; the band is the 95 % interval.",
        period.name()
    );
    section("time", "How often, over time", &what, out);
    out.push_str("<div class=\"plots\">");
    for rule in rules.iter().take(MOST_PLOTS) {
        let columns = period.columns(&over(&page.days, &rule.days), |sum: &mut Tally, more| sum.merge(*more));
        let labels: Vec<String> = columns.iter().map(|(label, _)| label.clone()).collect();
        let point = |tally: &Option<Tally>| {
            let (rate, (low, high)) = tally.and_then(|tally| Some((tally.rate()?, tally.interval()?)))?;
            Some(Point { rate, low, high })
        };
        let points: Vec<Option<Point>> = columns.iter().map(|(_, tally)| point(tally)).collect();
        let rows: Vec<Vec<String>> = columns
            .iter()
            .filter_map(|(label, tally)| {
                let tally = tally.filter(|tally| tally.opportunities() > 0)?;
                let [rate, interval] = rate_cells(tally);
                Some(vec![escaped(label), grouped(tally.opportunities()), grouped(tally.critical), rate, interval])
            })
            .collect();
        let head = [period.name(), "opportunities", "critical", "rate", "95 %"];
        let behind = table(&format!("{} by {}", rule.title, period.name()), &head, 1, &rows);
        let note = format!("{} · {} of {}", rule.id, grouped(rule.tally.critical), grouped(rule.tally.opportunities()));
        figure("", &rule.title, &note, &plots::rates(&format!("{} over time", rule.title), &labels, &points), &behind, out);
    }
    out.push_str("</div>");
    not_drawn("with fewer critical moments", rules.iter().skip(MOST_PLOTS), out);
    not_drawn("because critical at every opportunity", always.iter(), out);
}

/// A rule's days with the first and the last day of all: plots of one page have one axis of time.
fn over(all: &[(String, CycleTally)], days: &[(String, Tally)]) -> Vec<(String, Tally)> {
    let mut days = days.to_vec();
    for (end, _) in all.first().into_iter().chain(all.last()) {
        if let Err(position) = days.binary_search_by(|(day, _)| day.cmp(end)) {
            days.insert(position, (end.clone(), Tally::default()));
        }
    }
    days
}

fn not_drawn<'r>(why: &str, rules: impl Iterator<Item = &'r &'r RulePage>, out: &mut String) {
    let others: Vec<String> = rules.map(|rule| format!("{} ({})", rule.id, grouped(rule.tally.critical))).collect();
    if !others.is_empty() {
        let _ = write!(out, "<p class=\"soft small\">Not drawn, {why}: {}.</p>", escaped(&others.join(", ")));
    }
}

fn levels(page: &PageData, out: &mut String) {
    if page.days.is_empty() {
        return;
    }
    let period = Period::of(page.days.iter().map(|(day, _)| &**day));
    let what = format!("What customers made of their cycles as a whole, by the {} on which they began.", period.name());
    section("levels", "Levels of service", &what, out);
    let columns = period.columns(&page.days, |sum: &mut CycleTally, more| sum.merge(more));
    let labels: Vec<String> = columns.iter().map(|(label, _)| label.clone()).collect();
    let shares: Vec<Option<[f64; 5]>> = columns
        .iter()
        .map(|(_, cycles)| {
            let cycles = cycles.as_ref()?;
            let judged: u64 = cycles.levels.iter().sum();
            (judged > 0).then(|| cycles.levels.map(|count| count as f64 / judged as f64))
        })
        .collect();
    let rows: Vec<Vec<String>> = columns
        .iter()
        .filter_map(|(label, cycles)| {
            let cycles = cycles.as_ref()?;
            Some([escaped(label), grouped(cycles.total)].into_iter().chain(cycles.levels.map(grouped)).collect())
        })
        .collect();
    let names: Vec<String> = Level::ALL.iter().map(|level| level.name().replace('_', " ")).collect();
    let head: Vec<&str> = [period.name(), "cycles"].into_iter().chain(names.iter().map(|name| &**name)).collect();
    let behind = table(&format!("Levels by {}", period.name()), &head, 1, &rows);
    let legend: String = names
        .iter()
        .enumerate()
        .map(|(number, name)| format!("<li><i style=\"background:var(--l{number})\"></i>{}</li>", escaped(name)))
        .collect();
    let plot = format!(
        "<ul class=\"legend\" aria-label=\"Levels, the worst first\">{legend}</ul>{}",
        plots::levels("Levels of service over time", &labels, &shares)
    );
    figure("alone", "The mix of levels", "The worst at the bottom; each column adds up to 100 %", &plot, &behind, out);
}

fn measures(page: &PageData, out: &mut String) {
    let mut rules: Vec<&RulePage> = page.rules.iter().filter(|rule| !rule.ratios.is_empty()).collect();
    if rules.is_empty() {
        return;
    }
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.tally.critical));
    let what = "What was promised and what was achieved: how many lie in each tenth of the limit, which is the upright line. What was met is \
                blue, what was critical red.";
    section("limits", "Observed against the limit", what, out);
    out.push_str("<div class=\"plots\">");
    for rule in rules.iter().take(MOST_PLOTS) {
        let count: u64 = rule.ratios.iter().map(|(met, critical)| met + critical).sum();
        let label = |tenth: usize| match tenth + 1 == rule.ratios.len() {
            true => format!("more than {}×", tenth as f64 / 10.0),
            false => format!("up to {}×", (tenth + 1) as f64 / 10.0),
        };
        let row = |(tenth, (met, critical)): (usize, &(u64, u64))| vec![label(tenth), grouped(*met), grouped(*critical)];
        let rows: Vec<Vec<String>> = rule.ratios.iter().enumerate().map(row).collect();
        let behind =
            table(&format!("{}: observed against the limit", rule.title), &["of the limit", "met", "critical"], 1, &rows);
        let note = format!("{} · {} measured", rule.id, grouped(count));
        figure(
            "",
            &rule.title,
            &note,
            &plots::ratios(&format!("{}: observed against the limit", rule.title), &rule.ratios),
            &behind,
            out,
        );
    }
    out.push_str("</div>");
    not_drawn("with fewer critical moments", rules.iter().skip(MOST_PLOTS), out);
}

fn words(programme: &Programme, out: &mut String) {
    section("words", "What is counted", "", out);
    out.push_str(
        "<p class=\"small\">A final cycle has one verdict for each rule that could be broken in it: an opportunity. It was met, or it became a \
         critical moment; a critical moment may have been recovered later. The rate is critical / opportunities, with Wilson's 95 % score \
         interval. p50, p90 and p99 are values that half, nine in ten and 99 in a hundred observations do not exceed (nearest rank). A cycle \
         counts in every group in which it has a verdict, once, and on the day on which it began. Circles are of cycles in a customer's file \
         only.</p>",
    );
    if let Some(strategy) = &programme.strategy {
        out.push_str("<dl class=\"words small\">");
        for RuleWords { id, title, demands } in &strategy.rules {
            let _ = write!(out, "<dt>{} <code>{}</code></dt><dd>{}</dd>", escaped(title), escaped(id), escaped(demands));
        }
        out.push_str("</dl>");
    }
    if !programme.hashes.is_empty() {
        let _ = write!(
            out,
            "<p class=\"soft small\">Judged by the strategy <code>{}</code>.</p>",
            escaped(&programme.hashes.join(", "))
        );
    }
}
