//! Promise: a report's figures are those that somebody would count by hand from the rows of the table of cycles.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::collections::BTreeMap;

use motmot_archive::report::{Column, Format, Measure, Programme, Question, render};
use motmot_core::cycle::{Circle, CycleRecord, CycleState, Judgement, Level, NeedRecord, TouchpointRecord, VerdictRecord};
use motmot_core::strategy::{Dimension, Side};
use motmot_core::touchpoint::{Audience, Outcome, Stage};
use motmot_core::{Strategy, Timestamp};

const STRATEGY: &str = "
strategy: shop
time_zone: Europe/Berlin
calendar: {mon-sun: [\"00:00-24:00\"]}
segments: [vip, regular]
cycles: [{inactivity: 2h, grace: 5m}]
rules:
  - id: slow
    title: A customer waits <b>too</b> long
    kind: slow
    from: {stage: greeting}
    to: {stage: fulfilment, outcome: met}
    limit: 60s
    dimension: responsiveness
  - {id: many, kind: handoffs, more_than: 2, dimension: reliability}
";

fn strategy() -> Strategy {
    Strategy::load("shop.yaml", STRATEGY).unwrap_or_else(|problems| panic!("{problems}"))
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A final external cycle of ten minutes without verdicts, in its customer's file.
fn cycle(id: &'static str, opened_at: &str) -> CycleRecord<'static> {
    let opened_at = at(opened_at);
    CycleRecord {
        key: "anna".into(),
        cycle_id: id.into(),
        instance: 1,
        state: CycleState::Farewell,
        merged_into: None,
        is_final: true,
        customer_id: Some("anna".into()),
        segment: "regular".into(),
        audience: Audience::External,
        serves: None,
        site: "haifa".into(),
        channel: "phone".into(),
        opened_at,
        closed_at: Some(opened_at.plus(600_000)),
        final_at: opened_at.plus(900_000),
        outcome: Some(Outcome::Met),
        truncated: false,
        level: Some(Level::Basic),
        circle: Some(Circle::Neutral),
        customer_file: true,
        needs: Vec::new(),
        touchpoints: Vec::new(),
        moments: Vec::new(),
        verdicts: Vec::new(),
        strategy: "00000000000000aa".into(),
    }
}

fn verdict(
    rule: &'static str,
    judgement: Judgement,
    cycle: &CycleRecord<'_>,
    measured: Option<(i64, i64)>,
) -> VerdictRecord<'static> {
    VerdictRecord {
        rule: rule.into(),
        need: None,
        judgement,
        at: cycle.opened_at.plus(60_000),
        stage: Stage::Fulfilment,
        channel: "phone".into(),
        team: Some("agents".into()),
        person: Some("avni".into()),
        dimension: Dimension::Responsiveness,
        side: Side::Personnel,
        observed: measured.map(|(observed, _)| observed),
        limit: measured.map(|(_, limit)| limit),
    }
}

/// A cycle with one verdict of the rule `slow`.
fn slow(id: &'static str, opened_at: &str, judgement: Judgement, observed: i64) -> CycleRecord<'static> {
    let cycle = cycle(id, opened_at);
    CycleRecord { verdicts: vec![verdict("slow", judgement, &cycle, Some((observed, 60_000)))], ..cycle }
}

/// An internal cycle of ten minutes that works for another.
fn inside(id: &'static str, serves: &'static str, team: &'static str, opened_at: &str) -> CycleRecord<'static> {
    let touchpoint = TouchpointRecord {
        event_id: "e".into(),
        occurred_at: at(opened_at),
        stage: Stage::Fulfilment,
        channel: "ticket".into(),
        team: Some(team.into()),
        actor_kind: None,
        actor_id: None,
        need: None,
        outcome: Outcome::Pending,
        waited_ms: None,
    };
    let (audience, serves) = (Audience::Internal, Some(serves.into()));
    CycleRecord { key: team.into(), audience, serves, touchpoints: vec![touchpoint], ..cycle(id, opened_at) }
}

fn measured(question: Question, cycles: &[CycleRecord<'_>]) -> Programme {
    let strategy = strategy();
    let mut measure = Measure::new(question, Some(&strategy));
    cycles.iter().for_each(|cycle| measure.cycle(cycle).unwrap());
    measure.finish()
}

fn by(columns: &[Column]) -> Question {
    Question { by: columns.to_vec(), examples: 9, ..Question::default() }
}

fn text(programme: &Programme, format: Format) -> String {
    let mut out = Vec::new();
    render(programme, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Checks the groups: values, then (opportunities, met, critical, recovered).
fn check(programme: &Programme, expected: &[(&[&str], [u64; 4])]) {
    let found: Vec<(Vec<&str>, [u64; 4])> = programme
        .groups
        .iter()
        .map(|group| {
            let tally = group.tally;
            let values = group.values.iter().map(|value| value.as_deref().unwrap_or("–")).collect();
            (values, [tally.opportunities(), tally.met, tally.critical, tally.recovered])
        })
        .collect();
    let expected: Vec<(Vec<&str>, [u64; 4])> = expected.iter().map(|(values, figures)| (values.to_vec(), *figures)).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_was_recovered_was_critical_all_the_same() {
    let cycles = [
        slow("a", "2026-03-01T10:00:00Z", Judgement::Met, 60_000),
        slow("b", "2026-03-01T10:00:00Z", Judgement::Critical, 90_000),
        slow("c", "2026-03-01T10:00:00Z", Judgement::Recovered, 120_000),
        slow("d", "2026-03-01T10:00:00Z", Judgement::Met, 30_000),
    ];
    let programme = measured(by(&[Column::Rule, Column::Team]), &cycles);
    check(&programme, &[(&["slow", "agents"], [4, 2, 2, 1])]);
    let group = &programme.groups[0];
    assert_eq!(group.tally.rate(), Some(0.5));
    let (low, high) = group.tally.interval().unwrap();
    assert!((low - 0.1500).abs() < 1e-4 && (high - 0.8500).abs() < 1e-4, "{low}, {high}");
    let (observed, unit) = group.observed.unwrap();
    assert_eq!((observed.p50, observed.p90, observed.p99, unit.name()), (60_000.0, 120_000.0, 120_000.0, "ms"));
    let ratio = group.ratio.unwrap();
    assert_eq!((ratio.count, ratio.p50, ratio.p99), (4, 1.0, 2.0));
}

#[test]
fn groups_come_in_the_strategys_order_and_a_day_is_the_strategys() {
    let mut late = slow("a", "2026-02-28T23:30:00Z", Judgement::Met, 1);
    late.segment = "vip".into();
    let mut other = slow("b", "2026-03-05T10:00:00Z", Judgement::Critical, 1);
    other.verdicts.insert(0, verdict("many", Judgement::Critical, &other, Some((3, 2))));
    other.verdicts[0].team = None;
    let question =
        Question { zone: strategy().calendar.zone(), ..by(&[Column::Rule, Column::Segment, Column::Month, Column::Team]) };
    let programme = measured(question, &[other, late]);
    check(
        &programme,
        &[
            (&["slow", "vip", "2026-03", "agents"], [1, 1, 0, 0]),
            (&["slow", "regular", "2026-03", "agents"], [1, 0, 1, 0]),
            (&["many", "regular", "2026-03", "–"], [1, 0, 1, 0]),
        ],
    );
    let units: Vec<&str> = programme.groups.iter().map(|group| group.observed.unwrap().1.name()).collect();
    assert_eq!(units, ["ms", "ms", "count"]);
}

#[test]
fn milliseconds_and_persons_are_not_added_up() {
    let mut both = slow("a", "2026-03-01T10:00:00Z", Judgement::Met, 30_000);
    both.verdicts.push(verdict("many", Judgement::Critical, &both, Some((3, 2))));
    let programme = measured(by(&[]), &[both]);
    check(&programme, &[(&[], [2, 1, 1, 0])]);
    assert_eq!(programme.groups[0].observed, None);
    assert_eq!(programme.groups[0].ratio.unwrap().p99, 1.5, "ratios have no unit");
}

#[test]
fn a_cycle_counts_once_in_each_of_its_groups_and_only_a_file_has_circles() {
    let mut two = slow("a", "2026-03-01T10:00:00Z", Judgement::Critical, 61_000);
    two.verdicts.push(VerdictRecord { need: Some("card".into()), ..two.verdicts[0].clone() });
    (two.level, two.circle) = (Some(Level::Failed), Some(Circle::Vicious));
    let mut anonymous = slow("b", "2026-03-01T10:00:00Z", Judgement::Met, 1);
    (anonymous.customer_file, anonymous.circle) = (false, None);
    let without_verdicts = cycle("c", "2026-03-01T10:00:00Z");
    let programme = measured(by(&[Column::Rule]), &[two, anonymous, without_verdicts]);
    let cycles = programme.groups[0].cycles;
    assert_eq!((cycles.total, cycles.levels, cycles.in_file, cycles.vicious), (2, [1, 1, 0, 0, 0], 1, 1));
    assert_eq!(cycles.share_of_file(cycles.vicious), Some(1.0));
    assert_eq!((programme.cycles.total, programme.cycles.of(Level::Basic), programme.cycles.in_file), (3, 2, 2));
    assert_eq!((programme.counts.counted, programme.counts.outside_file), (3, 1));
}

#[test]
fn only_final_cycles_of_the_period_count_and_the_others_are_counted() {
    let mut open = cycle("a", "2026-03-01T10:00:00Z");
    (open.is_final, open.state) = (false, CycleState::Open);
    let mut merged = cycle("b", "2026-03-01T10:00:00Z");
    merged.state = CycleState::Merged;
    let cycles = [
        open,
        merged,
        slow("c", "2026-03-01T00:00:00Z", Judgement::Met, 1),
        slow("d", "2026-02-28T23:59:59Z", Judgement::Met, 1),
        slow("e", "2026-04-01T00:00:00Z", Judgement::Met, 1),
    ];
    let (since, until) = (Some(at("2026-03-01T00:00:00Z")), Some(at("2026-04-01T00:00:00Z")));
    let programme = measured(Question { since, until, ..by(&[]) }, &cycles);
    let counts = programme.counts;
    assert_eq!((counts.counted, counts.not_final, counts.outside_period), (1, 1, 2));
    check(&programme, &[(&[], [1, 1, 0, 0])]);
}

#[test]
fn conditions_choose_verdicts_any_of_one_column_all_of_several() {
    let mut vip = slow("a", "2026-03-01T10:00:00Z", Judgement::Critical, 61_000);
    vip.segment = "vip".into();
    let regular = slow("b", "2026-03-01T10:00:00Z", Judgement::Met, 1);
    let mut other = cycle("c", "2026-03-01T10:00:00Z");
    other.verdicts = vec![verdict("many", Judgement::Met, &other, Some((1, 2)))];
    let cycles = [vip, regular, other];
    let only = |conditions: &[(Column, &str)]| {
        let only = conditions.iter().map(|(column, value)| (*column, (*value).to_owned())).collect();
        let programme = measured(Question { only, ..by(&[]) }, &cycles);
        (programme.tally.opportunities(), programme.cycles.total)
    };
    assert_eq!(only(&[]), (3, 3));
    assert_eq!(only(&[(Column::Rule, "slow")]), (2, 2));
    assert_eq!(only(&[(Column::Rule, "slow"), (Column::Segment, "vip")]), (1, 1));
    assert_eq!(only(&[(Column::Segment, "vip"), (Column::Segment, "regular")]), (3, 3));
    assert_eq!(only(&[(Column::Rule, "absent")]), (0, 0));
}

#[test]
fn a_need_is_the_verdicts_or_the_cycles_only_one() {
    let need = |name: &'static str| NeedRecord {
        need: Some(name.into()),
        opened_at: at("2026-03-01T10:00:00Z"),
        fulfilled_at: None,
        verified_at: None,
    };
    let mut one = slow("a", "2026-03-01T10:00:00Z", Judgement::Met, 1);
    one.needs = vec![need("card")];
    let mut several = slow("b", "2026-03-01T10:00:00Z", Judgement::Met, 1);
    several.needs = vec![need("card"), need("loan")];
    several.verdicts.push(VerdictRecord { need: Some("loan".into()), ..several.verdicts[0].clone() });
    let none = slow("c", "2026-03-01T10:00:00Z", Judgement::Met, 1);
    let programme = measured(by(&[Column::Need]), &[one, several, none]);
    check(
        &programme,
        &[(&["(several)"], [1, 1, 0, 0]), (&["card"], [1, 1, 0, 0]), (&["loan"], [1, 1, 0, 0]), (&["–"], [1, 1, 0, 0])],
    );
}

#[test]
fn a_critical_cycle_shows_the_department_that_it_waited_for() {
    // Waits from 10:01 for four minutes. The store works from 10:02 to 10:12, billing before and after.
    let cycles = [
        inside("job-1", "a", "store", "2026-03-01T10:02:00Z"),
        slow("a", "2026-03-01T10:00:00Z", Judgement::Critical, 240_000),
        inside("job-2", "a", "billing", "2026-03-01T09:50:00Z"),
        inside("job-3", "good", "store", "2026-03-01T10:00:00Z"),
        slow("good", "2026-03-01T10:00:00Z", Judgement::Met, 1),
    ];
    let chain = measured(by(&[]), &cycles).chain;
    assert_eq!((chain.internal, chain.joined, chain.chained, chain.ambiguous), (3, 2, 1, 0));
    let teams: Vec<_> =
        chain.teams.iter().map(|team| (team.team.as_deref().unwrap(), team.cycles, team.waited_for, team.overlap_ms)).collect();
    assert_eq!(teams, [("store", 1, 1, 180_000), ("billing", 1, 0, 0)]);
    let example = &chain.examples[0];
    assert_eq!((&*example.cycle_id, example.waited_ms), ("a", 240_000));
    assert_eq!(example.links.iter().map(|link| &*link.cycle_id).collect::<Vec<_>>(), ["job-2", "job-1"]);
}

#[test]
fn an_internal_cycle_is_not_joined_by_guessing() {
    let mut twin = slow("a", "2026-03-01T10:00:00Z", Judgement::Critical, 240_000);
    twin.key = "ben".into();
    let mut of_ben = inside("job-2", "a", "store", "2026-03-01T10:02:00Z");
    of_ben.key = "ben".into();
    let cycles = [
        slow("a", "2026-03-01T10:00:00Z", Judgement::Critical, 240_000),
        twin,
        inside("job-1", "a", "store", "2026-03-01T10:02:00Z"),
        of_ben,
    ];
    let chain = measured(by(&[]), &cycles).chain;
    assert_eq!((chain.internal, chain.joined, chain.ambiguous), (2, 1, 1), "one has the key of its customer, the other nobody's");
}

#[test]
fn what_two_moments_share_of_a_wait_counts_once() {
    let mut two = slow("a", "2026-03-01T10:00:00Z", Judgement::Critical, 240_000);
    two.verdicts.push(verdict("slow", Judgement::Recovered, &two, Some((300_000, 60_000))));
    let chain = measured(by(&[]), &[two, inside("job", "a", "store", "2026-03-01T10:02:00Z")]).chain;
    assert_eq!((chain.examples[0].waited_ms, chain.examples[0].links[0].overlap_ms), (300_000, 240_000));
}

#[test]
fn the_flat_forms_agree_and_csv_starts_no_formula() {
    let mut evil = slow("a", "2026-03-01T10:00:00Z", Judgement::Critical, 61_000);
    evil.verdicts[0].team = Some("=cmd|' /C calc'!A0".into());
    let programme = measured(by(&[Column::Rule, Column::Team]), &[evil, slow("b", "2026-03-01T10:00:00Z", Judgement::Met, 1)]);
    let csv = text(&programme, Format::Csv);
    let lines: Vec<&str> = csv.lines().collect();
    assert!(
        lines[0].starts_with("rule,team,opportunities,met,critical,recovered,rate,rate_low,rate_high,observations,observed_p50")
    );
    assert!(
        lines[1].starts_with("slow,'=cmd|' /C calc'!A0,1,0,1,0,1,0.206549,1,1,61000,61000,61000,ms,1.016667,"),
        "{}",
        lines[1]
    );
    assert_eq!(lines.len(), 3);
    let json: serde_json::Value = serde_json::from_str(&text(&programme, Format::Json)).unwrap();
    assert_eq!(json["groups"][0]["team"], "=cmd|' /C calc'!A0");
    assert_eq!((&json["groups"][1]["opportunities"], &json["overall"]["critical"]), (&1.into(), &1.into()));
    assert_eq!(json["overall"]["levels"]["basic"], 2);
}

#[test]
fn parquet_is_read_back_by_a_reader_of_parquet() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;
    let mut nobody = slow("a", "2026-03-01T10:00:00Z", Judgement::Critical, 61_000);
    nobody.verdicts[0].team = None;
    nobody.verdicts[0].observed = None;
    let programme = measured(by(&[Column::Team]), &[slow("b", "2026-03-01T10:00:00Z", Judgement::Met, 30_000), nobody]);
    let mut file = tempfile::tempfile().unwrap();
    render(&programme, Format::Parquet, &mut file).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    let names: BTreeMap<String, usize> =
        rows[0].get_column_iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].get_string(0).unwrap().as_str(), rows[0].get_long(names["met"]).unwrap()), ("agents", 1));
    assert_eq!(rows[0].get_double(names["observed_p50"]).unwrap(), 30_000.0);
    assert!(rows[1].get_string(0).is_err() && rows[1].get_double(names["observed_p50"]).is_err(), "absent, not zero");
    assert_eq!(rows[1].get_long(names["critical"]).unwrap(), 1);
}

#[test]
fn a_page_tells_the_met_from_the_critical_in_each_tenth_of_the_limit() {
    let cycles = [
        slow("a", "2026-03-01T10:00:00Z", Judgement::Met, 60_000),
        slow("b", "2026-03-03T10:00:00Z", Judgement::Recovered, 60_001),
        slow("c", "2026-03-03T10:00:00Z", Judgement::Critical, 600_000),
    ];
    let page = measured(Question { for_page: true, ..by(&[]) }, &cycles).page.unwrap();
    let ratios = &page.rules[0].ratios;
    assert_eq!((ratios.len(), ratios[9], ratios[10], ratios[30]), (31, (1, 0), (0, 1), (0, 1)), "exactly the limit is met");
    assert_eq!(
        page.days.iter().map(|(day, cycles)| (&**day, cycles.total)).collect::<Vec<_>>(),
        [("2026-03-01", 1), ("2026-03-03", 2)]
    );
    assert_eq!(page.places.len(), 1);
}

#[test]
fn a_page_escapes_what_it_shows_and_asks_for_nothing() {
    let mut evil = slow("<img src=x onerror=alert(1)>", "2026-03-01T10:00:00Z", Judgement::Critical, 240_000);
    evil.verdicts[0].team = Some("</table><script>alert(1)</script>".into());
    let job = inside("job", "<img src=x onerror=alert(1)>", "<b>store</b>", "2026-03-01T10:02:00Z");
    let question = Question { for_page: true, ..by(&[Column::Team]) };
    let page = text(&measured(question, &[evil, job]), Format::Html);
    for forbidden in ["<script", "<img", "<b>store", "<b>too", "http:", "https:", "url(", "@import"] {
        assert!(!page.replace("http://www.w3.org/2000/svg", "").contains(forbidden), "the page has {forbidden}");
    }
    assert!(page.contains("&lt;b&gt;store&lt;/b&gt;") && page.contains("waits &lt;b&gt;too&lt;/b&gt; long"));
    assert_eq!(page.matches("<figure").count(), page.matches("<details>").count(), "each plot has its table");
}

#[test]
fn nothing_at_all_is_said_in_every_form() {
    let programme = measured(Question { for_page: true, ..by(&[Column::Rule]) }, &[]);
    assert!(text(&programme, Format::Table).contains("no final cycle"));
    assert!(text(&programme, Format::Html).contains("There is no final cycle here"));
    assert_eq!(text(&programme, Format::Csv).lines().count(), 1);
    assert!(text(&programme, Format::Json).contains("\"groups\": []"));
    let mut parquet = Vec::new();
    render(&programme, Format::Parquet, &mut parquet).unwrap();
    assert!(parquet.starts_with(b"PAR1"));
}
