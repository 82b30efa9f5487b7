//! A programme as a table for the terminal, CSV, JSON, Parquet, or a page of HTML.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Map, Value, json};

use super::aggregate::Programme;
use super::flat::{Cell, CellKind, cells, columns};
use super::group::{CycleTally, Tally};
use super::{html, table};
use motmot_core::cycle::Level;

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For a terminal.
    #[default]
    Table,
    /// The groups, one a line, under a header.
    Csv,
    /// Everything, as one object.
    Json,
    /// The groups.
    Parquet,
    /// One page that needs nothing else.
    Html,
}

/// Writes a programme.
///
/// # Errors
/// When `out` cannot be written.
pub fn render(programme: &Programme, format: Format, out: &mut (impl Write + Send)) -> io::Result<()> {
    match format {
        Format::Table => out.write_all(table::table(programme).as_bytes())?,
        Format::Csv => csv(programme, out)?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &json(programme))?;
            out.write_all(b"\n")?;
        }
        Format::Parquet => parquet(programme, out).map_err(io::Error::other)?,
        Format::Html => out.write_all(html::page(programme).as_bytes())?,
    }
    out.flush()
}

fn csv(programme: &Programme, out: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(columns(programme).iter().map(|(name, _)| name))?;
    for group in &programme.groups {
        writer.write_record(cells(group).into_iter().map(|cell| match cell {
            Cell::Text(text) => text.map(|text| harmless(&text)).unwrap_or_default(),
            Cell::Count(count) => count.to_string(),
            Cell::Number(number) => number.map(|number| rounded(number).to_string()).unwrap_or_default(),
        }))?;
    }
    writer.flush()
}

/// A text that no spreadsheet takes for a formula: a source's texts are not ours.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// Six decimals: more than the data can say.
fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

/// The whole programme as one object; `docs/report.md` lists its fields.
fn json(programme: &Programme) -> Value {
    let names = columns(programme);
    let group = |row| {
        let fields = names.iter().zip(cells(row)).map(|((name, _), cell)| {
            let value = match cell {
                Cell::Text(text) => json!(text),
                Cell::Count(count) => json!(count),
                Cell::Number(number) => json!(number.map(rounded)),
            };
            ((*name).to_owned(), value)
        });
        Value::Object(fields.collect::<Map<_, _>>())
    };
    let question = &programme.question;
    let only: Vec<_> = question.only.iter().map(|(column, value)| json!({"column": column.name(), "value": value})).collect();
    json!({
        "by": question.by.iter().map(|column| column.name()).collect::<Vec<_>>(),
        "since": question.since,
        "until": question.until,
        "where": only,
        "time_zone": question.zone.name(),
        "strategy": programme.strategy.as_ref().map(|strategy| &strategy.name),
        "strategy_hashes": programme.hashes,
        "first": programme.span.map(|(first, _)| first),
        "last": programme.span.map(|(_, last)| last),
        "cycles": programme.counts,
        "overall": overall(programme.tally, &programme.cycles),
        "groups": programme.groups.iter().map(group).collect::<Vec<_>>(),
        "chain": programme.chain,
    })
}

fn overall(tally: Tally, cycles: &CycleTally) -> Value {
    let levels: Map<_, _> = Level::ALL.iter().map(|level| (level.name().to_owned(), json!(cycles.of(*level)))).collect();
    json!({
        "opportunities": tally.opportunities(), "met": tally.met, "critical": tally.critical, "recovered": tally.recovered,
        "rate": tally.rate().map(rounded), "rate_low": tally.interval().map(|(low, _)| rounded(low)),
        "rate_high": tally.interval().map(|(_, high)| rounded(high)),
        "cycles": cycles.total, "cycles_in_file": cycles.in_file, "virtuous": cycles.virtuous, "vicious": cycles.vicious,
        "levels": levels,
    })
}

fn parquet(programme: &Programme, out: &mut (impl Write + Send)) -> Result<(), ParquetError> {
    let columns = columns(programme);
    let fields: String = columns
        .iter()
        .map(|(name, kind)| match kind {
            CellKind::Text => format!("optional binary {name} (UTF8);"),
            CellKind::Count => format!("required int64 {name};"),
            CellKind::Number => format!("optional double {name};"),
        })
        .collect();
    let schema = Arc::new(parse_message_type(&format!("message motmot_report {{ {fields} }}"))?);
    let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
    let mut file = SerializedFileWriter::new(out, schema, properties)?;
    let rows: Vec<Vec<Cell>> = programme.groups.iter().map(cells).collect();
    let mut group = file.next_row_group()?;
    let mut position = 0;
    while let Some(mut column) = group.next_column()? {
        let cells = rows.iter().filter_map(|row| row.get(position));
        match column.untyped() {
            ColumnWriter::ByteArrayColumnWriter(writer) => {
                let texts: Vec<Option<&str>> =
                    cells.map(|cell| if let Cell::Text(text) = cell { text.as_deref() } else { None }).collect();
                let values: Vec<ByteArray> = texts.iter().flatten().map(|text| ByteArray::from(*text)).collect();
                let defined: Vec<i16> = texts.iter().map(|text| i16::from(text.is_some())).collect();
                writer.write_batch(&values, Some(&defined), None)?;
            }
            ColumnWriter::Int64ColumnWriter(writer) => {
                let counts: Vec<i64> =
                    cells.map(|cell| if let Cell::Count(count) = cell { count.cast_signed() } else { 0 }).collect();
                writer.write_batch(&counts, None, None)?;
            }
            ColumnWriter::DoubleColumnWriter(writer) => {
                let numbers: Vec<Option<f64>> =
                    cells.map(|cell| if let Cell::Number(number) = cell { *number } else { None }).collect();
                let values: Vec<f64> = numbers.iter().copied().flatten().collect();
                let defined: Vec<i16> = numbers.iter().map(|number| i16::from(number.is_some())).collect();
                writer.write_batch(&values, Some(&defined), None)?;
            }
            _ => return Err(ParquetError::General("a column of a type that reports do not have".to_owned())),
        }
        column.close()?;
        position += 1;
    }
    group.close()?;
    file.close()?;
    Ok(())
}
