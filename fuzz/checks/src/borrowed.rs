//! Files of other crates, without these: what reads a mapping, a manifest and the text beside an offset needs no Parquet, object store
//! or librdkafka, and these would be compiled with coverage and looked through in every run. Nor must more be public there for it.
//!
//! They are the files themselves, so what is fuzzed is what is built.
#![allow(dead_code, missing_docs, unreachable_pub, unused_imports, reason = "they are what other crates need")]

#[path = "../../../crates/motmot-snapshot/src/manifest.rs"]
pub(crate) mod manifest;
#[path = "../../../crates/motmot-archive/src/mapping/mod.rs"]
pub(crate) mod mapping;
#[path = "../../../crates/motmot-stream/src/metadata.rs"]
pub(crate) mod metadata;
#[path = "../../../crates/motmot-stream/src/strategies/swap_record.rs"]
pub(crate) mod swap_record;
#[path = "../../../crates/motmot-archive/src/table.rs"]
pub(crate) mod table;

/// What a manifest is refused with; the rest of motmot-snapshot's errors are the object store's.
pub(crate) mod error {
    #[derive(Debug, thiserror::Error)]
    pub(crate) enum SnapshotError {
        #[error("the snapshot {name} is damaged: {detail}")]
        Damaged { name: String, detail: String },
        #[error("the snapshot {name} has format {found}, not {known}")]
        Format { name: String, found: u32, known: u32 },
    }
}
