//! What a mapping makes of rows: every feature of the language, and the traps of real files.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by it")]

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use motmot_archive::import::{Imported, TouchpointSink, import};
use motmot_archive::{ArchiveError, Mapping, Source};
use motmot_core::engine::BoxError;
use motmot_core::{Timestamp, Touchpoint};

/// Writes down what it is given, a line each.
#[derive(Default)]
struct Lines(Vec<String>);

impl TouchpointSink for Lines {
    fn touchpoint(&mut self, key: &str, t: &Touchpoint<'_>, arrived_at: Timestamp) -> Result<(), BoxError> {
        let mut line = format!("{key} {} {} {} seq={}", t.occurred_at, t.stage, t.outcome, t.seq.unwrap_or(-1));
        if arrived_at != t.occurred_at {
            line.push_str(&format!(" arrived={arrived_at}"));
        }
        let texts =
            [("cycle", &t.cycle_id), ("customer", &t.customer_id), ("team", &t.team), ("need", &t.need), ("segment", &t.segment)];
        for (name, text) in texts {
            line.push_str(&text.as_ref().map(|text| format!(" {name}={text}")).unwrap_or_default());
        }
        if let Some(actor) = &t.actor {
            line.push_str(&format!(
                " {}:{}{}",
                actor.kind,
                actor.id.as_deref().unwrap_or("?"),
                if actor.named { ":named" } else { "" }
            ));
        }
        for (name, number) in [("waited", t.waited_ms), ("announced", t.announced_wait_ms), ("rating", t.rating.map(i64::from))] {
            line.push_str(&number.map(|number| format!(" {name}={number}")).unwrap_or_default());
        }
        line.push_str(&t.sentiment.map(|s| format!(" sentiment={s}")).unwrap_or_default());
        line.push_str(&t.door_open.map(|open| format!(" door_open={open}")).unwrap_or_default());
        for promise in &t.promises {
            line.push_str(&format!(" promise={}/{}/{}", promise.promise_id, promise.kind, promise.due_at));
        }
        t.kept_promises.iter().for_each(|kept| line.push_str(&format!(" kept={kept}")));
        t.added_value.iter().for_each(|added| line.push_str(&format!(" added={added}")));
        t.attributes.iter().for_each(|(name, value)| line.push_str(&format!(" {name}={value}")));
        self.0.push(line);
        Ok(())
    }
}

struct Ids(Vec<String>);

impl TouchpointSink for Ids {
    fn touchpoint(&mut self, _: &str, t: &Touchpoint<'_>, _: Timestamp) -> Result<(), BoxError> {
        self.0.push(t.event_id.to_string());
        Ok(())
    }
}

fn import_files(mapping: &str, files: &[&[u8]], sink: &mut dyn TouchpointSink) -> Result<Imported, ArchiveError> {
    let mapping = Mapping::load("m.yaml", mapping).unwrap_or_else(|problems| panic!("{problems}"));
    let dir = tempfile::tempdir().unwrap();
    let paths = files.iter().enumerate().map(|(number, bytes)| {
        let path = dir.path().join(format!("file-{number}"));
        std::fs::write(&path, bytes).unwrap();
        path
    });
    let source = Source { files: paths.collect(), mapping: Some(Arc::new(mapping)) };
    import(&source, sink, 1 << 20, &|_| {})
}

/// Maps a file and compares what comes out; dead rows are told as `line N: reason`, after the touchpoints.
fn check(mapping: &str, file: &str, expected: &[&str]) {
    check_bytes(mapping, file.as_bytes(), expected);
}

fn check_bytes(mapping: &str, file: &[u8], expected: &[&str]) {
    let mut lines = Lines::default();
    let imported = import_files(mapping, &[file], &mut lines).unwrap_or_else(|e| panic!("{e}"));
    let dead = imported.dead.listed().map(|row| format!("line {}: {}", row.line, row.reason));
    let told: Vec<String> = lines.0.into_iter().chain(dead).collect();
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "told     {told}\nexpected {expected}");
    }
}

fn ids(mapping: &str, files: &[&[u8]]) -> Vec<String> {
    let mut ids = Ids(Vec::new());
    import_files(mapping, files, &mut ids).unwrap();
    ids.0.sort();
    ids.0
}

/// A narrow mapping of `c,k,at,x`; `more` are further fields of its touchpoint, `top` of the mapping.
fn narrow(top: &str, more: &str) -> String {
    format!(
        "mapping: m\nformat: {{kind: csv}}\nkey: \"{{k}}\"\ncycle_id: \"{{c}}\"\n{top}touchpoints:\n  - {{slot: s, at: {{instant: \"{{at}}\"}}, \
         stage: greeting, outcome: met, channel: ch, site: here{more}}}\n"
    )
}

const HEAD: &str = "c,k,at,x\n";
const AT: &str = "2026-03-01T10:00:00Z";

fn rows(fields: &[&str]) -> String {
    let rows = fields.iter().map(|x| format!("c1,anna,{AT},{x}\n"));
    HEAD.to_owned() + &rows.collect::<String>()
}

#[test]
fn a_row_becomes_a_touchpoint() {
    check(&narrow("", ""), &rows(&[""]), &["anna 2026-03-01T10:00:00Z greeting met seq=1 cycle=c1"]);
}

#[test]
fn files_of_all_habits_are_read() {
    let one = ["anna 2026-03-01T10:00:00Z greeting met seq=1 cycle=c1 team=x y"];
    let mapping = narrow("", ", team: \"{x}\"");
    check_bytes(&mapping, b"\xef\xbb\xbfc,k,at,x\r\n\r\nc1, anna ,2026-03-01T10:00:00Z, x y \r\n\r\n", &one);
    check_bytes(&mapping, b"c,k,at,x\nc1,\"anna\",2026-03-01T10:00:00Z,\"x y\"", &one);
    let semicolon = mapping.replace("{kind: csv}", "{delimiter: \";\"}");
    check_bytes(&semicolon, b"c;k;at;x\nc1;anna;2026-03-01T10:00:00Z;x y\n", &one);
    let tsv = mapping.replace("{kind: csv}", "{kind: tsv}");
    check_bytes(
        &tsv,
        b"c\tk\tat\tx\nc1\tanna\t2026-03-01T10:00:00Z\t\"x\" y\n",
        &["anna 2026-03-01T10:00:00Z greeting met seq=1 cycle=c1 team=\"x\" y"],
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(b"c,k,at,x\nc1,anna,2026-03-01T10:00:00Z,x y\n").unwrap();
    check_bytes(&mapping, &gzip.finish().unwrap(), &one);
    let nameless = mapping.replace("{kind: csv}", "{kind: csv, header: false, columns: [c, k, at]}").replace("{x}", "{#4}");
    check_bytes(
        &nameless.replace(", columns: [c, k, at]", ", columns: [c, k, at, x]"),
        b"c1,anna,2026-03-01T10:00:00Z,x y\n",
        &one,
    );
}

#[test]
fn quoted_fields_hold_delimiters_quotes_and_line_ends() {
    let mapping = narrow("", ", team: \"{x}\"");
    let file = format!("{HEAD}c1,anna,{AT},\"a, \"\"b\"\"\nc\"\nc2,bert,{AT},d\n");
    check(
        &mapping,
        &file,
        &[
            "anna 2026-03-01T10:00:00Z greeting met seq=1 cycle=c1 team=a, \"b\"\nc",
            "bert 2026-03-01T10:00:00Z greeting met seq=2 cycle=c2 team=d",
        ],
    );
}

#[test]
fn texts_of_other_encodings_are_refused_or_read() {
    let file = b"c,k,at,x\nc1,anna,2026-03-01T10:00:00Z,caf\xe9\n";
    check_bytes(&narrow("", ", team: \"{x}\""), file, &["line 2: the row is not UTF-8"]);
    let latin = narrow("", ", team: \"{x}\"").replace("{kind: csv}", "{kind: csv, encoding: latin-1}");
    check_bytes(&latin, file, &["anna 2026-03-01T10:00:00Z greeting met seq=1 cycle=c1 team=café"]);
}

#[test]
fn a_row_with_a_wrong_number_of_fields_is_dead() {
    let file = format!("{HEAD}c1,anna,{AT}\nc1,anna,{AT},x,y\nc1,anna,{AT},\n");
    check(
        &narrow("", ""),
        &file,
        &[
            "anna 2026-03-01T10:00:00Z greeting met seq=3",
            "line 2: the row has 3 fields, and the file 4 columns",
            "line 3: the row has 5 fields",
        ],
    );
}

#[test]
fn columns_are_named_or_counted() {
    let mapping = narrow("", ", team: \"{k#2}\", need: \"{#4}\"").replace("\"{k}\"", "\"{k#1}\"");
    let file = format!("c,k,at,k\nc1,anna,{AT},v\n");
    check(&mapping, &file, &["anna 2026-03-01T10:00:00Z greeting met seq=1 cycle=c1 team=v need=v"]);
    let refuse = |mapping: &str, file: &str, words: &str| {
        let error = import_files(mapping, &[file.as_bytes()], &mut Lines::default()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refuse(&narrow("", ""), &file, "2 columns are called `k`: write `{k#1}` for the first, `{k#2}` for the second");
    refuse(&narrow("", ", team: \"{xx}\""), &rows(&[""]), "no column `xx`; did you mean `x`?; its columns are: c, k, at, x");
    refuse(&narrow("", ", team: \"{#5}\""), &rows(&[""]), "the mapping asks for column 5, and the file has 4");
    refuse(&narrow("values: {x: y}\n", ""), &rows(&[""]), "`x` is a value of the mapping and a column of the file");
}

#[test]
fn values_are_found_in_many_ways() {
    let more = ", team: {of: \"{x}\", table: {a: alpha, b: ~}, otherwise: other}, need: {of: \"{x}\", absent: [\"0\", b]}, \
                segment: {first_of: [{of: \"{x}\", absent: [a]}, \"none-{x}\"]}, customer_id: {when: {of: \"{x}\", equals: a}, then: A, otherwise: \"B{{}}\"}";
    check(
        &narrow("", more),
        &rows(&["a", "b", "0", ""]),
        &[
            "anna 2026-03-01T10:00:00Z greeting met seq=1 cycle=c1 customer=A team=alpha need=a segment=none-a",
            "anna 2026-03-01T10:00:00Z greeting met seq=2 cycle=c1 customer=B{} segment=b",
            "anna 2026-03-01T10:00:00Z greeting met seq=3 cycle=c1 customer=B{} team=other segment=0",
            "anna 2026-03-01T10:00:00Z greeting met seq=4 cycle=c1 customer=B{} team=other",
        ],
    );
}

#[test]
fn a_table_without_an_answer_makes_the_row_dead() {
    let mapping = narrow("", "").replace("stage: greeting", "stage: {of: \"{x}\", table: {hi: greeting, bye: farewell}}");
    check(
        &mapping,
        &rows(&["hi", "what", ""]),
        &[
            "anna 2026-03-01T10:00:00Z greeting met seq=1",
            "line 3: s: `what` is not in the mapping's table",
            "line 4: s: the row gives no stage",
        ],
    );
}

#[test]
fn a_word_found_in_a_row_is_checked_there() {
    let mapping = narrow("", ", intent: \"{x}\"");
    check(&mapping, &rows(&["question", "", "shout"]), &["anna", "anna", "line 4: s: `shout` is no value of intent"]);
}

#[test]
fn conditions_choose_rows_and_touchpoints() {
    let top = "conditions:\n  busy: {of: \"{x}\", at_least: 10}\nignore:\n  - {of: \"{x}\", in: [skip, drop]}\n  - {of: \"{x}\", starts_with: \"#\"}\n";
    let mapping = narrow(top, ", when: {any: [{not: busy}, {of: \"{x}\", equals: \"11\"}]}");
    check(
        &mapping,
        &rows(&["9", "skip", "#5", "10.5", "11", "many"]),
        &[
            "anna 2026-03-01T10:00:00Z greeting met seq=1",
            "anna 2026-03-01T10:00:00Z greeting met seq=5",
            "line 5: none of the mapping's touchpoints applies",
            "line 7: s: `many` is no number",
        ],
    );
    let imported = import_files(&mapping, &[rows(&["9", "skip", "#5"]).as_bytes()], &mut Lines::default()).unwrap();
    assert_eq!(
        (imported.counts.rows, imported.counts.ignored_rows, imported.counts.dead_rows, imported.counts.touchpoints),
        (3, 2, 0, 1)
    );
}

#[test]
fn durations_have_units_and_an_answer_when_negative() {
    let wait =
        |waited: &str, of: &[&str], expected: &[&str]| check(&narrow("", &format!(", waited: {waited}")), &rows(of), expected);
    wait(
        "\"{x} s\"",
        &["90", "1.5", "", "x"],
        &[
            "anna 2026-03-01T10:00:00Z greeting met seq=1 cycle=c1 waited=90000",
            "anna 2026-03-01T10:00:00Z greeting met seq=2 cycle=c1 waited=1500",
            "anna 2026-03-01T10:00:00Z greeting met seq=3 cycle=c1",
            "line 5: s: `x` is no number",
        ],
    );
    wait(
        "{of: \"{x}\", unit: clock}",
        &["0:01:30", "01:30", "100:00:00", "90"],
        &[
            "anna 2026-03-01T10:00:00Z greeting met seq=1 cycle=c1 waited=90000",
            "anna 2026-03-01T10:00:00Z greeting met seq=2 cycle=c1 waited=90000",
            "anna 2026-03-01T10:00:00Z greeting met seq=3 cycle=c1 waited=360000000",
            "line 5: s: `90` is no duration of the form h:mm:ss",
        ],
    );
    wait("{of: \"{x}\"}", &["1m 30s"], &["anna 2026-03-01T10:00:00Z greeting met seq=1 cycle=c1 waited=90000"]);
    wait(
        "\"{x} s\"",
        &["-1"],
        &["line 2: s: the duration `-1` is negative; if such are slips of the clock, say `negative: zero`"],
    );
    wait("{of: \"{x}\", unit: s, negative: zero}", &["-1"], &["anna 2026-03-01T10:00:00Z greeting met seq=1 cycle=c1 waited=0"]);
    wait("{of: \"{x}\", unit: s, negative: absent}", &["-1"], &["anna 2026-03-01T10:00:00Z greeting met seq=1 cycle=c1"]);
    wait(
        "{of: \"{x}\", table: {v: 60s}, otherwise: 2m}",
        &["v", "w"],
        &[
            "anna 2026-03-01T10:00:00Z greeting met seq=1 cycle=c1 waited=60000",
            "anna 2026-03-01T10:00:00Z greeting met seq=2 cycle=c1 waited=120000",
        ],
    );
    let top = "conditions: {long: {duration: \"{x} m\", greater: 1h}}\n";
    check(&narrow(top, ", when: long"), &rows(&["61"]), &["anna"]);
}

#[test]
fn clock_times_may_lie_past_midnight() {
    let mapping = "mapping: m\nformat: {kind: csv}\ntime_zone: Europe/Berlin\nkey: k\ncycle_id: c\ntimes:\n  entry: {date: \"{d}\", date_format: \"%y%m%d\", clock: \"{e}\"}\n  \
                   left: {first_of: [{clock: {of: \"{l}\", absent: [\"0:00:00\"]}, on_day_of: entry, past_midnight: 12h}, {start: entry, plus: \"{s} s\"}]}\n  \
                   end: {latest_of: [entry, left, {time: left, when: {of: \"{s}\", known: false}}]}\ntouchpoints:\n  - {slot: a, at: end, stage: farewell, outcome: met, channel: c, site: s}\n";
    check(
        mapping,
        "d,e,l,s\n260301,23:59:50,0:00:10,5\n260301,23:59:50,0:00:00,15\n260302,9:00:00,8:59:58,5\n260303,9:00:00,9:05,5\n260304,9:00:00,,\n",
        &[
            "k 2026-03-01T23:00:05Z farewell met seq=2",
            "k 2026-03-01T23:00:10Z farewell met seq=1",
            "k 2026-03-02T08:00:00Z farewell met seq=3",
            "k 2026-03-04T08:00:00Z farewell met seq=5",
            "line 5: a: `9:05` is no time of day of the form h:mm:ss",
        ],
    );
}

#[test]
fn instants_are_read_in_their_formats() {
    let at = |format: &str, text: &str, expected: &str| {
        let mapping = narrow("time_zone: Asia/Jerusalem\n", "")
            .replace("{instant: \"{at}\"}", &format!("{{instant: \"{{at}}\", format: \"{format}\"}}"));
        check(&mapping, &format!("{HEAD}c1,anna,{text},\n"), &[expected]);
    };
    at("%Y/%m/%d %H:%M:%S%.f", "2012/10/09 14:50:17.250", "anna 2012-10-09T12:50:17.250Z");
    at("%d.%m.%Y %H:%M %z", "01.03.2026 10:00 +0100", "anna 2026-03-01T09:00:00Z");
    at("epoch_ms", "1000", "anna 1970-01-01T00:00:01Z");
    at("epoch_s", "1000", "anna 1970-01-01T00:16:40Z");
    at("rfc3339", "2026-03-01T10:00:00+01:00", "anna 2026-03-01T09:00:00Z");
    at("%Y-%m-%d %H:%M", "yesterday", "line 2: s: `yesterday` does not have the form");
    at("%Y-%m-%d %H:%M", "2026-02-30 10:00", "line 2: s: `2026-02-30 10:00`");
    at("epoch_ms", "99999999999999999", "line 2: s: occurred_at is");
}

#[test]
fn what_the_first_row_of_a_cycle_says_is_carried_over() {
    let mapping = narrow(
        "values: {first: {of: \"{x}\", carry: first}}\nignore: {of: \"{k}\", equals: nobody}\n",
        ", team: \"{first}\", need: \"{x}\"",
    )
    .replace("key: \"{k}\"", "key: \"{first}\"");
    let file = format!("{HEAD}c1,nobody,{AT},zero\nc1,a,bad,wrong\nc1,a,{AT},one\nc2,a,{AT},two\nc1,a,{AT},three\n");
    check(
        &mapping,
        &file,
        &[
            "one 2026-03-01T10:00:00Z greeting met seq=3 cycle=c1 team=one need=one",
            "two 2026-03-01T10:00:00Z greeting met seq=4 cycle=c2 team=two need=two",
            "one 2026-03-01T10:00:00Z greeting met seq=5 cycle=c1 team=one need=three",
            "line 3: s: `bad` is no RFC 3339 instant",
        ],
    );
    let mut lines = Lines::default();
    let next = format!("{HEAD}c1,a,{AT},four\n");
    import_files(&mapping, &[file.as_bytes(), next.as_bytes()], &mut lines).unwrap();
    assert!(
        lines.0.iter().any(|line| line.contains("seq=1 cycle=c1 team=one need=four")),
        "into the next file too: {:?}",
        lines.0
    );
}

#[test]
fn every_field_of_a_touchpoint_can_be_given() {
    let more = ", intent: complaint, initiated_by: company, audience: internal, serves: other, actor: {kind: person, id: \"{x}\", named: {of: \"{x}\", known: true}}, \
                announced_wait: 2m, rating: 4, sentiment: -0.5, door_open: yes, promises: [{id: \"p-{c}\", kind: call_back, due: {start: {instant: \"{at}\"}, plus: 1h}}], \
                kept_promises: [\"q-{c}\"], added_value: gift, attributes: {b: \"{x}\", a: one, empty: ~}";
    check(
        &narrow("common: {team: T, attributes: {a: zero, z: Z}}\n", more),
        &rows(&["eva"]),
        &[
            "anna 2026-03-01T10:00:00Z greeting met seq=1 cycle=c1 team=T person:eva:named announced=120000 rating=4 sentiment=-0.5 door_open=true \
           promise=p-c1/call_back/2026-03-01T11:00:00Z kept=q-c1 added=gift a=one b=eva z=Z",
        ],
    );
    let arrival = narrow("arrived_at: {instant: \"{x}\"}\n", "");
    check(
        &arrival,
        &rows(&["2026-03-01T10:05:00Z", ""]),
        &["anna 2026-03-01T10:00:00Z greeting met seq=1 arrived=2026-03-01T10:05:00Z", "line 3: the row gives no arrival"],
    );
}

#[test]
fn a_row_with_one_bad_value_is_dead_as_a_whole() {
    let mapping = narrow("", "")
        + "  - {slot: t, at: {instant: \"{at}\"}, stage: farewell, outcome: met, channel: ch, site: here, rating: \"{x}\"}\n";
    check(
        &mapping,
        &rows(&["5", "6"]),
        &[
            "anna 2026-03-01T10:00:00Z greeting met seq=1",
            "anna 2026-03-01T10:00:00Z farewell met seq=1 cycle=c1 rating=5",
            "line 3: t: rating is 6, outside 1 to 5",
        ],
    );
}

#[test]
fn an_event_id_does_not_depend_on_where_the_row_stands() {
    let mapping =
        narrow("", "") + "  - {slot: t, at: {instant: \"{at}\"}, stage: farewell, outcome: met, channel: ch, site: here}\n";
    let (one, two) = (format!("c1,anna,{AT},1\n"), format!("c1,anna,{AT},2\n"));
    let file = |rows: &[&str]| (HEAD.to_owned() + &rows.concat()).into_bytes();
    let both = ids(&mapping, &[&file(&[&one, &two])]);
    assert_eq!(ids(&mapping, &[&file(&[&two, &one])]), both);
    assert_eq!(ids(&mapping, &[&file(&[&one]), &file(&[&two])]), both);
    assert_eq!(
        ids(
            &mapping,
            &[&file(&[&one, &two])
                .iter()
                .flat_map(|b| if *b == b'\n' { vec![b'\r', b'\n'] } else { vec![*b] })
                .collect::<Vec<u8>>()]
        ),
        both
    );
    let mut distinct = both.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), 4, "a row and a slot make an id");
    assert_ne!(ids(&mapping.replace("slot: t", "slot: u"), &[&file(&[&one, &two])]), both);
}

#[test]
fn what_cannot_be_read_to_its_end_stops_the_import() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(rows(&["a"; 50]).as_bytes()).unwrap();
    let mut cut = gzip.finish().unwrap();
    cut.truncate(cut.len() - 12);
    let error = import_files(&narrow("", ""), &[&cut], &mut Lines::default()).unwrap_err();
    assert!(matches!(error, ArchiveError::Read { .. }), "{error}");
    let source = Source { files: vec![Path::new("/nowhere/file.csv").to_owned()], mapping: None };
    assert!(matches!(import(&source, &mut Lines::default(), 1, &|_| {}).unwrap_err(), ArchiveError::Open { .. }));
    let unclosed = format!("{HEAD}c1,anna,{AT},\"{}", "x\n".repeat(600_000));
    let error =
        import_files(&narrow("", ""), &[unclosed.as_bytes()], &mut Lines::default()).map(|imported| imported.counts).unwrap_err();
    assert!(error.to_string().contains("line 2 begins a record of over 1048576 bytes: is a quote never closed?"), "{error}");
}
