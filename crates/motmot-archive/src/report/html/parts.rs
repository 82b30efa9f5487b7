//! Pieces of a page: escaped texts, tables, the heat map and the process chain.

use std::fmt::Write as _;

use motmot_core::Timestamp;
use motmot_core::time::words_of_millis;
use motmot_core::touchpoint::Stage;

use crate::report::aggregate::PageData;
use crate::report::chain::{Chain, ChainedCycle};
use crate::report::group::Tally;
use crate::report::table::{interval, millis, percent};
use crate::summary::grouped;

/// A text that is text, whatever it holds.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A table that a telephone can scroll. The first `texts` columns are texts; cells are HTML already.
pub(super) fn table(caption: &str, head: &[&str], texts: usize, rows: &[Vec<String>]) -> String {
    let mut out = format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table><caption>{0}</caption>",
        escaped(caption)
    );
    out.push_str("<thead><tr>");
    for (column, name) in head.iter().enumerate() {
        let class = if column < texts { " class=\"text\"" } else { "" };
        // writing into a String cannot fail
        let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", escaped(name));
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let _ = match column {
                0 => write!(out, "<th scope=\"row\">{cell}</th>"),
                _ if column < texts => write!(out, "<td class=\"text\">{cell}</td>"),
                _ => write!(out, "<td>{cell}</td>"),
            };
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

/// A rate on a scale from 0 to 100 %: its interval as a band, the rate as a mark.
pub(super) fn rate_bar(tally: Tally) -> String {
    let (Some(rate), Some((low, high))) = (tally.rate(), tally.interval()) else { return "–".to_owned() };
    let style = format!("--low:{:.2}%;--high:{:.2}%;--at:{:.2}%", low * 100.0, high * 100.0, rate * 100.0);
    format!("<span class=\"ci\" style=\"{style}\" aria-hidden=\"true\"><i></i><b></b></span>")
}

/// Where it happened: stage by department, the darker the more often.
pub(super) fn heat(page: &PageData) -> String {
    let stages: Vec<Stage> = Stage::ALL.iter().copied().filter(|stage| page.places.iter().any(|(at, ..)| at == stage)).collect();
    let mut teams: Vec<&Option<String>> = page.places.iter().map(|(_, team, _)| team).collect();
    teams.sort_by_key(|team| (team.is_none(), *team));
    teams.dedup();
    let most = page.places.iter().filter_map(|(.., tally)| tally.rate()).fold(0.0, f64::max);
    let mut out = String::from(
        "<div class=\"scroll heat\" tabindex=\"0\" role=\"region\" aria-label=\"Rate of critical moments by department and stage\"><table>\
         <caption>Critical moments for each opportunity, all rules together; below, how many opportunities</caption><thead><tr>\
         <th scope=\"col\" class=\"text\">department</th>",
    );
    for stage in &stages {
        let _ = write!(out, "<th scope=\"col\">{}</th>", stage.name().replace('_', " "));
    }
    out.push_str("</tr></thead><tbody>");
    for team in teams {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escaped(team.as_deref().unwrap_or("(no department)")));
        for stage in &stages {
            let place = page.places.iter().find(|(at, of, _)| at == stage && of == team);
            let _ = match place.and_then(|(.., tally)| Some((tally.rate()?, tally.opportunities()))) {
                Some((rate, opportunities)) => write!(
                    out,
                    "<td style=\"--heat:{:.3}\">{}<small>{}</small></td>",
                    if most > 0.0 { rate / most } else { 0.0 },
                    percent(rate),
                    grouped(opportunities)
                ),
                None => write!(out, "<td style=\"--heat:0\"><span class=\"soft\">–</span></td>"),
            };
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

/// The departments that customers waited for, and the longest waits as lines of time.
pub(super) fn chain(chain: &Chain) -> String {
    let mut out = format!(
        "<p>{} internal cycles name an external one that they worked for. {} of them worked for a customer with a critical moment: {} such \
         customers' cycles, on which a department inside had work to do.</p>",
        grouped(chain.internal),
        grouped(chain.joined),
        grouped(chain.chained)
    );
    for (count, why) in [
        (chain.ambiguous, "name a cycle id that stands under several keys and are joined with none"),
        (chain.left_out, "cycles were too many to be kept; what they would add is missing here"),
    ] {
        if count > 0 {
            let _ = write!(out, "<p class=\"soft\">{} {why}.</p>", grouped(count));
        }
    }
    let rows: Vec<Vec<String>> = chain
        .teams
        .iter()
        .map(|team| {
            vec![
                escaped(team.team.as_deref().unwrap_or("(no department)")),
                grouped(team.cycles),
                grouped(team.critical),
                grouped(team.waited_for),
                words_of_millis(team.overlap_ms),
                team.overlap_p50_ms.map(millis).unwrap_or_default(),
                team.overlap_p90_ms.map(millis).unwrap_or_default(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let head = [
            "department",
            "internal cycles",
            "critical themselves",
            "waited for",
            "waited in all",
            "half at most",
            "9 of 10 at most",
        ];
        out.push_str(&table("How long customers with a critical moment waited for each department", &head, 1, &rows));
    }
    chain.examples.iter().for_each(|cycle| out.push_str(&example(cycle)));
    out
}

fn example(cycle: &ChainedCycle) -> String {
    let instants = cycle.links.iter().flat_map(|link| [Some(link.opened_at), link.closed_at]);
    let own = [Some(cycle.opened_at), cycle.closed_at].into_iter();
    let all: Vec<Timestamp> = instants.chain(own).chain(cycle.waits.iter().map(|wait| Some(wait.to))).flatten().collect();
    let begin = all.iter().copied().min().unwrap_or(cycle.opened_at);
    let end = all.iter().copied().max().unwrap_or(begin);
    let bar = |from: Timestamp, to: Timestamp, class: &str| {
        let whole = end.since(begin).max(1) as f64;
        let (left, long) = (from.since(begin) as f64 / whole, to.since(from) as f64 / whole);
        format!("<i class=\"{class}\" style=\"--from:{:.2}%;--long:{:.2}%\"></i>", left * 100.0, long * 100.0)
    };
    let mut rules: Vec<&str> = cycle.waits.iter().map(|wait| &*wait.rule).collect();
    rules.dedup();
    let mut out = format!(
        "<article class=\"chain\"><h3>Waited {} <span class=\"soft\">· {} · segment {}</span></h3>\
         <p class=\"soft small\">cycle <span class=\"id\">{}</span>, {} to {}</p><ol>",
        words_of_millis(cycle.waited_ms),
        escaped(&rules.join(", ")),
        escaped(&cycle.segment),
        escaped(&cycle.cycle_id),
        begin,
        end
    );
    let waits: String = cycle.waits.iter().map(|wait| bar(wait.from, wait.to, "wait")).collect();
    let _ = write!(out, "<li><span>the customer waits</span><span class=\"bar\">{waits}</span></li>");
    for link in &cycle.links {
        let closed = link.closed_at.unwrap_or(end);
        let class = if link.is_critical { "critical" } else { "" };
        let open = link
            .closed_at
            .map_or_else(|| "still open".to_owned(), |at| format!("open {}", words_of_millis(at.since(link.opened_at))));
        let critical = if link.is_critical { ", with a critical moment of its own" } else { "" };
        let _ = write!(
            out,
            "<li><span>{}</span><span class=\"bar\">{}</span><span class=\"says\">{open}, {} of the customer's wait{critical} \
             (<span class=\"id\">{}</span>)</span></li>",
            escaped(link.team.as_deref().unwrap_or("(no department)")),
            bar(link.opened_at, closed, class),
            words_of_millis(link.overlap_ms),
            escaped(&link.cycle_id)
        );
    }
    out.push_str("</ol></article>");
    out
}

/// A rate and its interval as two cells.
pub(super) fn rate_cells(tally: Tally) -> [String; 2] {
    [tally.rate().map(percent).unwrap_or_default(), tally.interval().map(|(low, high)| interval(low, high)).unwrap_or_default()]
}
