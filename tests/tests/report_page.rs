//! Promise: a report's page can be read at a desktop and on a telephone, in light and in dark, without a network, whatever texts are in it.
//!
//! The page is opened in a real Chromium (`tests/browser/report_page.mjs`), which `deploy/local/setup test` brings.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says by a panic what broke")]

use std::path::Path;
use std::process::Command;

use motmot_tests::process::{has_programs, motmot, program, skip};
use serde_json::Value;

/// Texts of a source are not ours: they must show as they are, and do nothing.
const EVIL: &str = "<b data-injected>store</b><script>document.body.dataset.injected=1</script>";

const STRATEGY: &str = "
strategy: shop & sons
segments: [vip, regular]
cycles: [{inactivity: 1d, grace: 5m}]
rules:
  - {id: slow, title: The <i data-injected>customer</i> waits, kind: slow, from: {stage: fulfilment, outcome: pending}, to: {stage: fulfilment, outcome: met}, where: {audience: external}, limit: 30m, dimension: responsiveness}
  - {id: slow-inside, kind: slow, from: {stage: fulfilment, outcome: pending}, to: {stage: fulfilment, outcome: met}, where: {audience: internal}, limit: 20m, dimension: responsiveness}
  - {id: unverified, kind: unverified, where: {audience: external}, dimension: assurance}
";

/// Forty days of orders, each with a job in the store behind it. Every third is slow, every second is verified.
fn touchpoints() -> String {
    let mut lines = String::new();
    for order in 0..120_i64 {
        let begin = 1_772_443_200_000 + order * 8 * 3_600_000;
        let wait = if order % 3 == 0 { 70 } else { 10 + order % 20 };
        let mut touchpoint = |event: &str, minutes: i64, fields: &str| {
            let at = begin + minutes * 60_000;
            lines.push_str(&format!(
                "{{\"event_id\": \"{event}-{order}\", \"occurred_at\": {at}, \"site\": \"shop\", {fields}}}\n"
            ));
        };
        let own = format!(
            "\"customer_id\": \"c{}\", \"cycle_id\": \"order-{order}\", \"channel\": \"phone\", \"team\": \"front\"",
            order % 17
        );
        touchpoint("greeting", 0, &format!("{own}, \"stage\": \"greeting\", \"outcome\": \"none\""));
        touchpoint("asked", 1, &format!("{own}, \"stage\": \"fulfilment\", \"outcome\": \"pending\", \"need\": \"parcel\""));
        touchpoint("met", 1 + wait, &format!("{own}, \"stage\": \"fulfilment\", \"outcome\": \"met\", \"need\": \"parcel\""));
        if order % 2 == 0 {
            touchpoint(
                "checked",
                2 + wait,
                &format!("{own}, \"stage\": \"verification\", \"outcome\": \"met\", \"need\": \"parcel\""),
            );
        }
        touchpoint("bye", 3 + wait, &format!("{own}, \"stage\": \"farewell\", \"outcome\": \"met\", \"door_open\": true"));
        let job = format!(
            "\"customer_id\": \"store\", \"cycle_id\": \"job-{order}\", \"serves\": \"order-{order}\", \"audience\": \"internal\", \
             \"channel\": \"ticket\", \"team\": {}",
            Value::from(EVIL)
        );
        touchpoint("job", 2, &format!("{job}, \"stage\": \"fulfilment\", \"outcome\": \"pending\""));
        touchpoint("done", wait, &format!("{job}, \"stage\": \"fulfilment\", \"outcome\": \"met\""));
        touchpoint("closed", wait, &format!("{job}, \"stage\": \"farewell\", \"outcome\": \"met\""));
    }
    lines
}

/// The browser's answer for each view; none where there is no browser.
fn seen(folder: &Path) -> Option<Value> {
    if !has_programs(&["node", "chromium"]) {
        return None;
    }
    let Some(playwright) = std::env::var_os("MOTMOT_PLAYWRIGHT") else {
        skip("MOTMOT_PLAYWRIGHT names no playwright-core. `deploy/local/setup test` brings it, `make test` names it");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/report_page.mjs");
    let mut node = Command::new(program("node").unwrap());
    node.arg(script).arg(folder.join("report.html")).arg(folder).env("MOTMOT_PLAYWRIGHT", playwright);
    let outcome = node.output().unwrap();
    assert!(outcome.status.success(), "the browser failed: {}", String::from_utf8_lossy(&outcome.stderr));
    Some(serde_json::from_slice(&outcome.stdout).unwrap())
}

#[test]
fn a_page_is_readable_wide_and_narrow_light_and_dark_and_asks_the_network_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("strategy.yaml"), STRATEGY).unwrap();
    std::fs::write(file("touchpoints.jsonl"), touchpoints()).unwrap();
    let made = Command::new(motmot())
        .args(["report", "--by", "rule,segment", "--clock", "end", "--strategy"])
        .args([file("strategy.yaml"), file("touchpoints.jsonl"), "--out".into(), file("report.html")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let Some(seen) = seen(folder.path()) else { return };
    for view in ["desktop", "desktop-dark", "telephone", "telephone-dark"] {
        let page = &seen[view];
        assert_eq!(page["title"], "The measured programme: shop & sons", "{view}");
        let headings: Vec<&str> = page["headings"].as_array().unwrap().iter().map(|heading| heading.as_str().unwrap()).collect();
        for heading in
            ["By rule, segment", "How often, over time", "Levels of service", "Observed against the limit", "The process chain"]
        {
            assert!(headings.contains(&heading), "{view}: {headings:?}");
        }
        assert_eq!(page["scrolls_sideways"], false, "{view}: tables scroll, the page does not");
        let figures = page["figures"].as_u64().unwrap();
        assert!(figures >= 5, "{view}: {figures} figures");
        for count in ["plots", "named_plots", "figures_with_table"] {
            assert_eq!(page[count], figures, "{view}: each figure shows one plot, which has a name and a table ({count})");
        }
        assert!(page["smallest_letters_px"].as_f64().unwrap() >= 11.0, "{view}: letters of {} px", page["smallest_letters_px"]);
        for (colour, contrast) in page["contrasts"].as_object().unwrap() {
            assert!(contrast.as_f64().unwrap() >= 4.5, "{view}: {colour} has a contrast of {contrast} (WCAG AA asks for 4.5)");
        }
        assert_eq!(
            (&page["scripts"], &page["injected"]),
            (&0.into(), &0.into()),
            "{view}: a source's text became part of the page"
        );
        assert!(page["text"].as_str().unwrap().contains(EVIL), "{view}: the text shows as it is");
        assert_eq!(
            page["requests"].as_array().unwrap().len(),
            1,
            "{view}: the page itself, and nothing else: {}",
            page["requests"]
        );
        assert_eq!(page["complaints"], serde_json::json!([]), "{view}");
        assert!(page["heat_cells"].as_u64().unwrap() >= 2 && page["chain_bars"].as_u64().unwrap() >= 20, "{view}");
    }
    assert_ne!(seen["desktop"]["background"], seen["desktop-dark"]["background"]);
    assert!(std::fs::read(file("print.pdf")).unwrap().starts_with(b"%PDF"));
}
