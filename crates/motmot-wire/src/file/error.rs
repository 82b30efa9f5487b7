//! What can be wrong with a file.

use std::io;

use crate::error::{DecodeError, SchemaError};
use crate::schema::RecordType;

/// A file, or the rest of it, cannot be read. The caller knows its name.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read at all.
    #[error("reading stopped at byte {position}: {source}")]
    Io {
        /// How far it was read.
        position: u64,
        /// What the system says.
        source: io::Error,
    },
    /// It is no Avro file.
    #[error("this is no Avro object container file: it begins with {found:02X?}, not with \"Obj\" and 01")]
    NotAvro {
        /// Its first bytes, four at most.
        found: Vec<u8>,
    },
    /// Its header is damaged.
    #[error("the file's header is damaged at byte {position}: {detail}")]
    Header {
        /// Where.
        position: u64,
        /// What was found.
        detail: String,
    },
    /// Its compression is none that is read here.
    #[error("the file's blocks are compressed by {name}; write it with the codec deflate or null")]
    Codec {
        /// Avro's name for it.
        name: String,
    },
    /// Its schema is none that can be read here.
    #[error("the file's schema cannot be used: {0}")]
    Schema(#[from] SchemaError),
    /// Its records are motmot's, but not touchpoints.
    #[error("the file's records are of the type {found}; only touchpoints can be read from files")]
    WrongRecord {
        /// What they are.
        found: RecordType,
    },
    /// A block is damaged or breaks off; those before it are whole.
    #[error(
        "block {block} (from byte {position}, first record {first_record}) is damaged: {detail}; the {first_record} records before it are whole"
    )]
    Block {
        /// The block, counted from 0.
        block: u64,
        /// Where it begins in the file.
        position: u64,
        /// The number of its first record in the file, from 0.
        first_record: u64,
        /// What was found.
        detail: String,
    },
}

/// A record of a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {record} (block {block}): {error}{}", if *lost > 1 { format!("; with it {} more records of its block are lost", lost - 1) } else { String::new() })]
pub struct RecordError {
    /// Its number in the file, from 0.
    pub record: u64,
    /// Its block, from 0.
    pub block: u64,
    /// How many records are dead with it, itself included: damage hides where the next one begins, up to the block's end.
    pub lost: u64,
    /// What is wrong with it.
    pub error: DecodeError,
}
