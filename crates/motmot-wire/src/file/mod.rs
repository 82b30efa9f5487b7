//! Touchpoints in Avro object container files.
//!
//! A file's records are `motmot.Touchpoint`, as those of a topic, with one more field at the end: `arrived_at`, the
//! instant at which the record arrived where it was archived, or null. A file without that field is as good; so is one whose writer
//! knew fewer or more fields. Blocks are decoded one by one, on any thread: [`Blocks`] reads them, [`Block::touchpoints`] decodes.

mod error;
mod input;
mod read;
mod write;

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::arrived::ARRIVED_AT;
use crate::schema::RecordType;

pub use error::{FileError, RecordError};
pub use read::{Block, Blocks, Touchpoints};
pub use write::FileWriter;

const MAGIC: [u8; 4] = *b"Obj\x01";
const SCHEMA: &str = "avro.schema";
const CODEC: &str = "avro.codec";

/// How a file's blocks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not at all: the fastest to read.
    Null,
    /// By deflate: about a quarter of the size.
    Deflate,
}

impl Codec {
    /// Avro's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Deflate => "deflate",
        }
    }

    fn parse(name: &[u8]) -> Option<Self> {
        [Self::Null, Self::Deflate].into_iter().find(|codec| codec.name().as_bytes() == name)
    }
}

/// The schema of a file's records: a touchpoint's, and `arrived_at`.
pub fn schema() -> &'static str {
    static FILE_SCHEMA: LazyLock<String> = LazyLock::new(with_arrival);
    &FILE_SCHEMA
}

#[allow(clippy::expect_used)] // the schema is compiled in, and a test reads it
fn with_arrival() -> String {
    let mut schema: Value = serde_json::from_str(RecordType::Touchpoint.json()).expect("a schema of motmot's own");
    let fields = schema.get_mut("fields").and_then(Value::as_array_mut).expect("a record's fields");
    fields.push(json!({
        "name": ARRIVED_AT,
        "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}],
        "default": null,
        "doc": "When it arrived where it was archived, of a record of a topic its timestamp: milliseconds since 1970 in UTC, \
                within the years 1900 to 2199. Null: when it occurred.",
    }));
    schema.to_string()
}
