//! `motmot customer`: a customer's file, as the tables have it.

use std::collections::BTreeMap;

use anyhow::bail;
use motmot_core::cycle::{Circle, CycleRecord, Level};
use motmot_core::moment::{Moment, MomentState};
use serde_json::json;

use super::tables::{Found, Tables};
use crate::cli::{self, Settings};
use crate::output::{self, Paint};

/// The kinds of rule that are about a customer who had to come again.
const AGAIN: [&str; 2] = ["repeat_contact", "reopened"];

pub(super) fn run(settings: &Settings, arguments: &cli::Customer) -> anyhow::Result<()> {
    let config = settings.load()?;
    let tables = Tables::of(&config, arguments.replayed.as_deref());
    let cycles = tables.cycles(&arguments.key, None)?;
    if cycles.is_empty() {
        bail!(
            "{} has no cycle under the key `{}`. A cycle that goes well is told when it is final, and a customer who was not known at the \
             first contact has the cycle's id as key",
            tables.name(),
            arguments.key
        );
    }
    let key = &arguments.key;
    let moments = tables.moments(key, |moment| *moment.key == **key && moment.state != MomentState::Retracted)?;
    let rows = cycles.iter().map(Found::row).collect::<anyhow::Result<Vec<CycleRecord<'_>>>>()?;
    let told = moments.iter().map(Found::row).collect::<anyhow::Result<Vec<Moment<'_>>>>()?;
    let shown = rows.len().saturating_sub(arguments.limit);
    if arguments.json {
        let cycles = cycles.iter().skip(shown).map(Found::value).collect::<anyhow::Result<Vec<_>>>()?;
        let open = told.iter().zip(&moments).filter(|(moment, _)| moment.state == MomentState::Raised);
        let open = open.map(|(_, found)| found.value()).collect::<anyhow::Result<Vec<_>>>()?;
        let file = json!({
            "key": key, "circle": circle(&rows), "cycles_in_all": rows.len(), "levels": levels(&rows), "needs": needs(&rows),
            "repeat_contacts": again(&told), "open_moments": open, "cycles": cycles,
        });
        output::line(serde_json::to_string_pretty(&file)?)?;
        return Ok(());
    }
    output::text(&page(key, &rows, &told, shown, Paint::for_stdout()))?;
    Ok(())
}

/// The circle that the last final cycle left the customer in; else the one in which the latest began.
fn circle(cycles: &[CycleRecord<'_>]) -> Option<Circle> {
    let last_final = cycles.iter().rev().find(|cycle| cycle.is_final && cycle.customer_file);
    last_final.or(cycles.last()).and_then(|cycle| cycle.circle)
}

fn levels(cycles: &[CycleRecord<'_>]) -> BTreeMap<&'static str, usize> {
    let count = |level: &Level| cycles.iter().filter(|cycle| cycle.is_final && cycle.level == Some(*level)).count();
    Level::ALL.iter().map(|level| (level.name(), count(level))).collect()
}

fn needs<'r>(cycles: &'r [CycleRecord<'_>]) -> BTreeMap<&'r str, usize> {
    let mut needs = BTreeMap::new();
    for need in cycles.iter().flat_map(|cycle| &cycle.needs).filter_map(|need| need.need.as_deref()) {
        *needs.entry(need).or_default() += 1;
    }
    needs
}

fn again(moments: &[Moment<'_>]) -> usize {
    moments.iter().filter(|moment| AGAIN.contains(&&*moment.kind)).count()
}

fn page(key: &str, cycles: &[CycleRecord<'_>], moments: &[Moment<'_>], skipped: usize, paint: Paint) -> String {
    let mut lines = Vec::new();
    let circle = match circle(cycles) {
        Some(Circle::Vicious) => paint.red("in the vicious circle"),
        Some(Circle::Virtuous) => paint.green("in the virtuous circle"),
        Some(Circle::Neutral) => "in neither circle".to_owned(),
        None => "outside the customer file: no touchpoint names this key as its customer".to_owned(),
    };
    lines.push(format!("{}: {circle}", paint.bold(&format!("customer {key}"))));
    let levels: Vec<String> = Level::ALL.iter().filter_map(|level| words_of_level(*level, cycles)).collect();
    lines.push(format!("  {} cycles in the table; of the final ones: {}", cycles.len(), listed(levels)));
    lines.push(format!(
        "  needs: {}",
        listed(needs(cycles).into_iter().map(|(need, count)| format!("{need} ({count})")).collect())
    ));
    lines.push(format!("  came again (repeat contacts and reopened cycles): {}", again(moments)));

    let open: Vec<&Moment<'_>> = moments.iter().filter(|moment| moment.state == MomentState::Raised).collect();
    lines.push(format!("\n  {}", paint.bold(&format!("open moments: {}", open.len()))));
    for moment in open {
        let promise = moment.promise_id.as_ref().map(|promise| format!(" (promise {promise})")).unwrap_or_default();
        lines.push(format!("    {} since {}{promise}", paint.red(&moment.title), moment.raised_at));
        lines.push(format!("      would recover it: {}", moment.recovers_by));
        lines.push(format!("      {} until {}", paint.faint(&moment.moment_id), moment.expires_at));
    }
    lines.push(format!("\n  {}", paint.bold("cycles, the latest last")));
    if skipped > 0 {
        lines.push(format!("    … {skipped} earlier ones (--limit)"));
    }
    lines.extend(cycles.iter().skip(skipped).flat_map(|cycle| cycle_lines(cycle, paint)));
    lines.push(String::new());
    lines.join("\n")
}

fn words_of_level(level: Level, cycles: &[CycleRecord<'_>]) -> Option<String> {
    let count = cycles.iter().filter(|cycle| cycle.is_final && cycle.level == Some(level)).count();
    (count > 0).then(|| format!("{count} {}", level.name().replace('_', " ")))
}

fn listed(words: Vec<String>) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn cycle_lines(cycle: &CycleRecord<'_>, paint: Paint) -> Vec<String> {
    let level = cycle.level.map_or_else(|| "no level".to_owned(), |level| level.name().replace('_', " "));
    let level = if cycle.level == Some(Level::Failed) { paint.red(&level) } else { level };
    let provisional = if cycle.is_final { "" } else { ", not final" };
    let needs = listed(cycle.needs.iter().filter_map(|need| need.need.as_deref()).map(str::to_owned).collect());
    let instance = if cycle.instance > 1 { format!(" (return {})", cycle.instance) } else { String::new() };
    let mut lines = vec![format!(
        "    {} {:<9} {level}{provisional}; by {} at {}; needs: {needs}; {}{instance}",
        cycle.opened_at,
        cycle.state.name(),
        cycle.channel,
        cycle.site,
        paint.faint(&cycle.cycle_id),
    )];
    let moment = |moment: &motmot_core::cycle::MomentRef<'_>| {
        format!("      {} {} {}", moment.state.name(), moment.rule, paint.faint(&moment.moment_id))
    };
    lines.extend(cycle.moments.iter().map(moment));
    lines
}
