//! What can be wrong with bytes.

use motmot_core::touchpoint::Invalid;

use crate::schema::RecordType;

/// Why a value is no record that this version can use. Its [`DecodeError::reason`] is a label of the dead letters' counter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The value does not begin with Avro's single-object marker.
    #[error("the value has no Avro single-object marker (C3 01): {found}; let the producer write single-object encoding")]
    NotAvro {
        /// What it looks like, in words.
        found: String,
    },
    /// The value carries the fingerprint of a schema that is not known here.
    #[error(
        "the writer's schema {:016x} is not known to this version: upgrade motmot, or name the schema's file in the configuration (input.schemas), and re-submit the record", fingerprint.swap_bytes()
    )]
    UnknownSchema {
        /// The fingerprint: CRC-64-AVRO of the schema's canonical form.
        fingerprint: u64,
    },
    /// The value is in Confluent's framing, and there is no registry to ask.
    #[error(
        "the value is in Confluent's framing (schema {id}), and no schema registry is configured: set registry.url, and re-submit the record"
    )]
    NoRegistry {
        /// The schema's number.
        id: u32,
    },
    /// The registry has no schema of this number.
    #[error(
        "the schema registry has no schema {id}: register the producer's schema (or see that registry.url names the registry that \
         the producer uses), and re-submit the record"
    )]
    UnknownId {
        /// The schema's number.
        id: u32,
    },
    /// The registry has the schema, and it is of no use.
    #[error(
        "schema {id} of the schema registry cannot be used: {source}; look at the producer, and re-submit the record when it is mended"
    )]
    UnusableSchema {
        /// The schema's number.
        id: u32,
        /// What is wrong with it.
        source: SchemaError,
    },
    /// The bytes break off early, or do not follow the schema that they name.
    #[error("the {record} is truncated or damaged: {detail}; look at the producer, the record cannot be mended here")]
    Malformed {
        /// What it claims to be.
        record: RecordType,
        /// What the decoder found.
        detail: String,
    },
    /// The bytes follow the schema, but one value cannot be used: a symbol that only a newer version knows, broken UTF-8, an attribute
    /// that is given twice, a number too large.
    #[error(
        "the {record} is whole, but one of its values cannot be used: {detail}; if a newer producer wrote it, upgrade motmot and re-submit the record"
    )]
    UnusableValue {
        /// What it is.
        record: RecordType,
        /// What the decoder found.
        detail: String,
    },
    /// There are bytes after the record's end.
    #[error(
        "{count} bytes follow the end of the {record}: a record is one value, and this one may be of another schema than it names"
    )]
    TrailingBytes {
        /// What was read before them.
        record: RecordType,
        /// How many.
        count: usize,
    },
    /// It is a record of motmot's, but of another type.
    #[error("the record is {found:#}, where {wanted:#} is expected: this version cannot use it here")]
    WrongRecord {
        /// What it is.
        found: RecordType,
        /// What was asked for.
        wanted: RecordType,
    },
    /// It is a touchpoint, but one that cannot be.
    #[error("the touchpoint cannot be: {0}")]
    Invalid(#[from] Invalid),
}

impl DecodeError {
    /// Every value of [`DecodeError::reason`], for a counter that starts with all of them at zero.
    pub const REASONS: [&str; 9] = [
        "not_avro",
        "no_registry",
        "unknown_schema",
        "unusable_schema",
        "malformed",
        "unusable_value",
        "trailing_bytes",
        "not_a_touchpoint",
        "invalid",
    ];

    /// The reason in one word: a label value, and the dead letter's `motmot.dead.reason`.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NotAvro { .. } => "not_avro",
            Self::NoRegistry { .. } => "no_registry",
            Self::UnknownSchema { .. } | Self::UnknownId { .. } => "unknown_schema",
            Self::UnusableSchema { .. } => "unusable_schema",
            Self::Malformed { .. } => "malformed",
            Self::UnusableValue { .. } => "unusable_value",
            Self::TrailingBytes { .. } => "trailing_bytes",
            Self::WrongRecord { .. } => "not_a_touchpoint", // the input topic is where reasons are counted
            Self::Invalid(_) => "invalid",
        }
    }
}

/// Why a value was not read. The two are kept apart by type: what is dead is given up, what is not known yet must be waited for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is a dead letter.
    #[error(transparent)]
    Dead(#[from] DecodeError),
    /// Its schema is not known yet.
    #[error(transparent)]
    NotYet(#[from] NotYet),
}

/// The schema that a value names has not been had from the registry: nobody knows yet what the value is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema {id} cannot be had from the schema registry: {detail}")]
pub struct NotYet {
    /// The schema's number.
    pub id: u32,
    /// What keeps the registry from answering.
    pub detail: String,
}

impl From<Invalid> for ReadError {
    fn from(invalid: Invalid) -> Self {
        Self::Dead(invalid.into())
    }
}

/// A record could not be encoded: the Rust type and its schema differ, which a test of this crate rules out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {record} cannot be written as Avro: {detail}; this is a fault of motmot's, please report it")]
pub struct EncodeError {
    /// What was to be written.
    pub record: RecordType,
    /// What the encoder found.
    pub detail: String,
}

/// A writer's schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It is no Avro schema.
    #[error("this is no Avro schema: {detail}")]
    NotASchema {
        /// What the parser found.
        detail: String,
    },
    /// It is the schema of something else.
    #[error("the schema describes {name}, which is none of motmot's records ({known}): give its fields one of these names", known = RecordType::names())]
    NotOurs {
        /// The schema's name, or its type.
        name: String,
    },
    /// It is no whole schema: parts of it lie elsewhere in the registry.
    #[error("it refers to other schemas of the registry ({names}), which motmot does not follow: register it as one schema")]
    HasReferences {
        /// The references' names.
        names: String,
    },
    /// Its records cannot be read as what this version knows.
    #[error("what is written with this schema of {record} cannot be read by this version: {detail}")]
    Incompatible {
        /// What it describes.
        record: RecordType,
        /// The field, and what is wrong with it.
        detail: String,
    },
}
