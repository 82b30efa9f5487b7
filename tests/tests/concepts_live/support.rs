//! The scripts of the engine's own tests: their reader, and the words for what the tables hold in the end.

#[path = "../../../crates/motmot-core/tests/engine/support/script/mod.rs"]
pub(crate) mod script;
#[path = "../../../crates/motmot-core/tests/engine/support/story.rs"]
pub(crate) mod story;
#[path = "../../../crates/motmot-core/tests/engine/support/tables.rs"]
pub(crate) mod tables;
