//! Avro's binary form of the current schemas, without looking at a schema.
//!
//! The core's types have the fields of their schemas in the schemas' order, their words in the order of the enums' symbols, and each
//! option is a union of null and a type. So Avro's binary form is what serde says, one value after another: nothing need be looked
//! up by name. Measured on touchpoints, that is several times faster than to be led by a schema, which only what an older or newer
//! writer has written needs ([`crate::read`]). The property tests hold both against the reference implementation.

mod decode;
mod encode;

pub(crate) use decode::{NotQuick, Quick};
pub(crate) use encode::Datum;
