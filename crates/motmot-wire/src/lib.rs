//! What motmot's records look like outside the process: Avro with its schemas, JSON lines, files, headers, and the digest.
//!
//! It turns bytes into the core's types and back. It must never trust a byte: whatever a record or a file holds, the answer is
//! a value or an error that says what was found and what to do, at a cost bounded by the length of the input. It knows no Kafka and no
//! network: a schema that a record names by number comes through [`registry::SchemaSource`].
//!
//! Where to start reading: [`schema`] (what the records are), [`read`] and [`mod@write`] (one record of a topic), [`arrived`],
//! [`json`] and [`mod@file`] (touchpoints in files), [`dead_letter`] and [`evidence`] (headers), [`digest`] (are two tables equal).

pub mod arrived;
mod datum;
pub mod dead_letter;
pub mod digest;
mod error;
pub mod evidence;
pub mod file;
pub mod json;
pub mod read;
pub mod registry;
pub mod schema;
pub mod write;

pub use arrived::Arrived;
pub use dead_letter::DeadLetter;
pub use digest::{Digest, DigestTable, Table, cycle_key};
pub use error::{DecodeError, EncodeError, NotYet, ReadError, SchemaError};
pub use evidence::Evidence;
pub use read::Reader;
pub use registry::SchemaSource;
pub use schema::{RecordType, WriterSchema};
pub use write::Writer;
