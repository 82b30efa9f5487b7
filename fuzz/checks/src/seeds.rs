//! What the fuzzer starts from: for each target, inputs that are read to their end. They are made of the formats as they are now, so none
//! lies in the repository to grow old.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use motmot_core::codec::{self, Put};
use motmot_core::cycle::CycleRecord;
use motmot_core::engine::{Engine, NoCold, Position, RowId, Sink, Verdict};
use motmot_core::touchpoint::{Actor, ActorKind, Intent, Outcome, Promise, Stage};
use motmot_core::{Moment, Strategy, Timestamp, Touchpoint};
use motmot_store::{Checkpoint, Meta, Origin, Store, StrategyId, keys};
use motmot_wire::file::{Codec, FileWriter};
use motmot_wire::json::write_json_line;
use motmot_wire::{Arrived, DeadLetter, Evidence, RecordType, Writer};
use serde_json::Value;

use crate::borrowed::manifest::{FORMAT, FileEntry, Manifest, Name};
use crate::joined;
use crate::rows::Entries;
use crate::wire::numbered;
use crate::{bounds, formats};

pub(crate) const STRATEGY: &str = include_str!("../../../examples/bank-telephone/strategy.yaml");
const NOON: Timestamp = Timestamp::from_millis(1_764_000_000_000);
const POSITION: Position = Position { now: NOON, stream_time: NOON };
const STRATEGY_ID: StrategyId = StrategyId { rules: 0xff, text: 3 };

type Done = Result<(), Box<dyn Error + Send + Sync>>;

/// One input.
#[derive(Debug)]
pub struct Seed {
    /// The target that reads it.
    pub target: &'static str,
    /// What tells it from the target's others; fit for a file's name.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

#[derive(Default)]
struct Seeds(Vec<Seed>);

impl Seeds {
    fn add(&mut self, target: &'static str, name: impl ToString, bytes: impl Into<Vec<u8>>) {
        self.0.push(Seed { target, name: name.to_string(), bytes: bytes.into() });
    }
}

/// All of them.
///
/// # Errors
/// When an example cannot be read, or something that is written here is not written any more: then these seeds are to be mended.
pub fn all() -> Result<Vec<Seed>, Box<dyn Error + Send + Sync>> {
    let mut seeds = Seeds::default();
    touchpoint_seeds(&mut seeds)?;
    engine_seeds(&mut seeds)?;
    header_seeds(&mut seeds);
    example_seeds(&mut seeds)?;
    store_seeds(&mut seeds)?;
    Ok(seeds.0)
}

/// Touchpoints at their bounds and beyond, in each form that they come in, and mappings with each sign of a time's format: some are read, and
/// some refused.
///
/// # Errors
/// As [`all`].
pub fn at_bounds() -> Result<Vec<Seed>, Box<dyn Error + Send + Sync>> {
    let mut seeds = Seeds::default();
    let plain = touchpoints().swap_remove(0);
    for (number, touchpoint) in bounds::touchpoints(&plain).into_iter().enumerate() {
        seeds.add("avro_file", format!("bound-{number}"), file(Codec::Null, vec![touchpoint.clone()], &file_schema()?)?);
        touchpoint_forms(&mut seeds, &format!("bound-{number}"), touchpoint)?;
    }
    for (number, mapping) in formats::mappings().enumerate() {
        seeds.add("mapping", format!("format-{number}"), mapping);
    }
    Ok(seeds.0)
}

pub(crate) fn touchpoints() -> Vec<Touchpoint<'static>> {
    let plain = |event_id: &'static str, seconds: i64, stage| {
        let mut t = Touchpoint::new(event_id, NOON.plus(seconds * 1_000), stage, Outcome::Met, "phone", "north");
        (t.customer_id, t.cycle_id) = (Some("k".into()), Some("c".into()));
        t
    };
    let mut rich = plain("e2", 60, Stage::Fulfilment);
    rich.actor = Some(Actor { kind: ActorKind::Person, id: Some("p".into()), named: true });
    rich.promises = vec![Promise { promise_id: "p".into(), kind: "call_back".into(), due_at: NOON.plus(600_000) }];
    (rich.kept_promises, rich.added_value) = (vec!["q".into()], vec!["v".into()]);
    (rich.seq, rich.waited_ms, rich.announced_wait_ms) = (Some(-3), Some(90_000), Some(20_000));
    (rich.rating, rich.sentiment, rich.door_open) = (Some(2), Some(-0.25), Some(false));
    (rich.intent, rich.outcome) = (Some(Intent::Complaint), Outcome::Unmet);
    (rich.need, rich.segment, rich.team, rich.serves) =
        (Some("loan".into()), Some("vip".into()), Some("t".into()), Some("s".into()));
    rich.attributes = vec![("x".into(), "1".into())];
    vec![plain("e1", 0, Stage::Greeting), rich, plain("e3", 90, Stage::Farewell)]
}

/// Behind the marker and the fingerprint.
fn datum(value: &[u8]) -> &[u8] {
    value.get(10..).unwrap_or_default()
}

fn touchpoint_seeds(seeds: &mut Seeds) -> Done {
    for (number, touchpoint) in touchpoints().into_iter().enumerate() {
        let mut value = Vec::new();
        Writer::new().touchpoint(&touchpoint, &mut value)?;
        seeds.add("writer_schema", number, joined(without_docs(RecordType::Touchpoint.json())?.as_bytes(), datum(&value)));
        seeds.add("record", format!("confluent-{number}"), numbered(0, datum(&value)));
        seeds.add("record", format!("framed-{number}"), value);
        touchpoint_forms(seeds, &number.to_string(), touchpoint)?;
    }
    for record in RecordType::ALL {
        seeds.add("writer_schema", record, joined(without_docs(record.json())?.as_bytes(), &[]));
    }
    for codec in [Codec::Null, Codec::Deflate] {
        seeds.add("avro_file", codec.name(), file(codec, touchpoints(), &file_schema()?)?);
    }
    Ok(())
}

/// As a record of a topic, as rows keep it, and as a line of JSON.
fn touchpoint_forms(seeds: &mut Seeds, name: &str, touchpoint: Touchpoint<'static>) -> Done {
    let (mut value, mut line, mut stored) = (Vec::new(), Vec::new(), Vec::new());
    Writer::new().touchpoint(&touchpoint, &mut value)?;
    codec::encode(&touchpoint, &mut stored);
    seeds.add("stored_touchpoint", name, stored);
    seeds.add("record", format!("touchpoint-{name}"), [&[0], datum(&value)].concat());
    write_json_line(&Arrived { touchpoint, arrived_at: Some(NOON) }, &mut line)?;
    seeds.add("json_line", name, line);
    Ok(())
}

/// The schema of our files.
pub(crate) fn file_schema() -> Result<String, serde_json::Error> {
    without_docs(motmot_wire::file::schema())
}

/// An Avro file of touchpoints that says of itself that it has this schema.
pub(crate) fn file(
    codec: Codec,
    touchpoints: Vec<Touchpoint<'static>>,
    schema: &str,
) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let mut writer = FileWriter::new(Vec::new(), codec);
    for touchpoint in touchpoints {
        writer.push(&Arrived { touchpoint, arrived_at: Some(NOON) })?;
    }
    let file = writer.finish()?;
    let ours = sized(motmot_wire::file::schema())?;
    let at = file.windows(ours.len()).position(|window| window == ours).ok_or("a file without its schema")?;
    let (head, rest) = file.split_at(at);
    Ok([head, &sized(schema)?, rest.get(ours.len()..).unwrap_or_default()].concat())
}

/// A text behind its length.
fn sized(text: &str) -> Result<Vec<u8>, std::num::TryFromIntError> {
    let mut sized = Vec::new();
    sized.put_i64(i64::try_from(text.len())?);
    sized.extend_from_slice(text.as_bytes());
    Ok(sized)
}

/// A schema as short as it can be: what it says in prose would only be a long way to what it means.
fn without_docs(schema: &str) -> Result<String, serde_json::Error> {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(object) => {
                object.remove("doc");
                object.values_mut().for_each(strip);
            }
            Value::Array(entries) => entries.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::from_str(schema)?;
    strip(&mut value);
    Ok(value.to_string())
}

/// Keeps the rows that are told, as their topics have them.
#[derive(Default)]
struct Told {
    moments: Vec<Vec<u8>>,
    cycles: Vec<Vec<u8>>,
}

impl Sink for Told {
    fn moment(&mut self, moment: &Moment<'_>, _: &[i64]) {
        let mut value = Vec::new();
        if Writer::new().moment(moment, &mut value).is_ok() {
            self.moments.push(value);
        }
    }
    fn cycle(&mut self, cycle: &CycleRecord<'_>, _: &[i64]) {
        let mut value = Vec::new();
        if Writer::new().cycle(cycle, &mut value).is_ok() {
            self.cycles.push(value);
        }
    }
    fn cycle_gone(&mut self, _: &str, _: &str) {}
}

/// What an engine keeps and tells, in the course of a cycle's life, of a cycle with an id and of one that is assembled.
fn engine_seeds(seeds: &mut Seeds) -> Done {
    let strategy = Arc::new(Strategy::load("bank-telephone", STRATEGY)?);
    let (mut customer, mut told) = (Vec::new(), Told::default());
    for is_assembled in [false, true] {
        let mut engine = Engine::new(Arc::clone(&strategy), NoCold, POSITION);
        for (step, mut touchpoint) in touchpoints().into_iter().enumerate() {
            if is_assembled {
                touchpoint.cycle_id = None;
            }
            let offset = i64::try_from(step)?;
            let verdict = engine.apply("k", &touchpoint, touchpoint.occurred_at.plus(5_000), offset, &mut told)?;
            if verdict != Verdict::Folded {
                return Err(format!("{touchpoint:?} is {verdict:?}").into());
            }
            engine.advance(touchpoint.occurred_at.plus(5_000), usize::MAX, &mut told)?;
            let mut cycle = Vec::new();
            engine.checkpoint(&mut |change| {
                let value = change.value.unwrap_or_default().to_vec();
                *(if change.row.cycle_id.is_some() { &mut cycle } else { &mut customer }) = value;
            });
            seeds.add("store_row", format!("{}-{step}", u8::from(is_assembled)), joined(&customer, &cycle));
        }
        engine.advance(NOON.plus(90 * 86_400_000), usize::MAX, &mut told)?;
    }
    for (kind, rows) in [(1_u8, &told.moments), (2, &told.cycles)] {
        for (number, row) in rows.iter().enumerate().take(6) {
            seeds.add("record", format!("row-{kind}-{number}"), [&[kind], datum(row)].concat());
            seeds.add("record", format!("row-{kind}-{number}-confluent"), numbered(kind.into(), datum(row)));
        }
    }
    Ok(())
}

fn header_seeds(seeds: &mut Seeds) {
    let letter = DeadLetter {
        reason: "not_avro".to_owned(),
        detail: "it looks like JSON".to_owned(),
        topic: "t".to_owned(),
        partition: 3,
        offset: 7,
        timestamp: Some(NOON),
        version: "0".to_owned(),
    };
    let lines = letter.headers().into_iter().zip(0_u8..).map(|((_, value), name)| [vec![name], value].concat());
    seeds.add("headers", "dead-letter", lines.collect::<Vec<_>>().join(&b'\n'));
    let mut evidence = String::new();
    Evidence::write(3, &[17, 18, 42], &mut evidence);
    seeds.add("headers", "evidence", format!("{evidence}+120"));
    for (name, swaps, mark) in [("folding", 0, ""), ("swapping", 7, "swapping"), ("split", 7, "split")] {
        let origin = Origin { offset: 5, rebuilt_ms: 6 };
        seeds.add("commit_metadata", name, format!("motmot3;{};-1;{STRATEGY_ID};{swaps};{origin};{mark}", NOON.as_millis()));
    }
    let swap = format!(
        r#"{{"group":"motmot","topic":"in","partition":3,"number":4,"offset":40,"clock_ms":400,"stream_time_ms":399,"origin":"5@6","from":"{STRATEGY_ID}","to":"{STRATEGY_ID}"}}"#
    );
    seeds.add("swap_record", "swap", swap);
}

/// Made-up tables for the mappings of the examples.
const TABLES: [(&str, &str); 3] = [
    (
        "anonymous-bank",
        "vru+line\tcall_id\tcustomer_id\tpriority\ttype\tdate\tvru_entry\tvru_exit\tvru_time\tq_start\tq_exit\tq_time\toutcome\tser_start\tser_exit\t\
         ser_time\tserver\n\
         AA0101\t1\t7\t2\tPS\t990101\t10:00:00\t10:00:06\t6\t10:00:06\t10:01:00\t54\tAGENT\t10:01:00\t10:03:00\t120\tZOHARI\n\
         AA0101\t2\t0\t0\tPS\t990101\t23:59:50\t0:00:10\t20\t0:00:00\t0:00:00\t0\tHANG\t0:00:00\t0:00:00\t0\tNO_SERVER\n",
    ),
    (
        "helpdesk",
        "Case ID,Activity,Resource,Complete Timestamp,customer,product,seriousness_2,service_level,service_type,workgroup,support_section\n\
         Case 1,Insert ticket,V1,2012/10/09 14:50:17.000,C1,P1,S1,L1,T1,W1,X1\n\
         Case 1,Closed,V2,2012/11/09 12:54:39.000,\"C,2\",P1,S1,L1,T1,W1,X1\n",
    ),
    ("first-csv", include_str!("../../../examples/first-csv/repairs.csv")),
];

/// Rows for `everything.yaml`.
const EVERYTHING: &str = "1;2024-02-29T13:07:09Z;29.02.24;m;3;13:07:09\n2;2024-03-31T02:30:00+01:00;29.02.24;gold;-3;0:00:00\n\
                          '3;';1;29.02.24;u;x;1:07 PM\n4;;;;;\n5;1;2\n";

/// The strategies and mappings of the examples, the mappings with a table.
fn example_seeds(seeds: &mut Seeds) -> Done {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for example in std::fs::read_dir(&examples)? {
        let example = example?.path();
        if let Ok(text) = std::fs::read(example.join("strategy.yaml")) {
            let name = example.file_name().unwrap_or_default().to_string_lossy();
            seeds.add("strategy", name, text);
        }
    }
    for (example, table) in TABLES {
        let text = std::fs::read(examples.join(example).join("mapping.yaml"))?;
        let rows: Vec<&str> = table.lines().take(4).collect();
        seeds.add("mapping", example, joined(&text, rows.join("\n").as_bytes()));
    }
    seeds.add("mapping", "everything", joined(include_bytes!("everything.yaml"), EVERYTHING.as_bytes()));
    Ok(())
}

fn store_seeds(seeds: &mut Seeds) -> Done {
    let meta = Meta {
        topic_id: "id".to_owned(),
        partitions: 8,
        origin: Origin { offset: 5, rebuilt_ms: 6 },
        offset: 42,
        position: POSITION,
        strategy: STRATEGY_ID,
        swaps: 1,
    };
    let entries = Entries::default();
    Store::over(entries.clone(), "seed".into())?.write(Checkpoint::new(), meta.clone(), "text")?;
    let meta_value = entries.0.borrow().get(keys::META.as_slice()).cloned().unwrap_or_default();
    let (mut wake, mut row) = (Vec::new(), Vec::new());
    keys::wake(&mut wake, NOON, RowId { key: "k", cycle_id: Some("c") });
    keys::row(&mut row, RowId { key: "k", cycle_id: None });
    for (name, key) in [("wake", wake), ("row", row), ("strategy", keys::strategy(STRATEGY_ID.text).to_vec())] {
        seeds.add("store_entries", name, joined(&meta_value, &key));
    }
    let sha256 = "0f".repeat(32);
    let file = FileEntry { name: "000007.sst".to_owned(), size: 9, object: format!("{sha256}-{:016x}", 1), sha256 };
    let manifest = Manifest {
        format: FORMAT,
        group: "motmot".to_owned(),
        topic: "in".to_owned(),
        topic_id: meta.topic_id,
        partition: 3,
        partitions: meta.partitions,
        origin: meta.origin.to_string(),
        offset: meta.offset,
        clock_ms: 5,
        stream_time_ms: 4,
        strategy: STRATEGY_ID.to_string(),
        swaps: meta.swaps,
        made_at_ms: 7,
        motmot: "0.1.0".to_owned(),
        files: vec![file],
    };
    seeds.add("manifest", "manifest", serde_json::to_vec(&manifest)?);
    seeds.add("manifest", "name", Name { offset: 42, unique: 7 }.to_string());
    Ok(())
}
