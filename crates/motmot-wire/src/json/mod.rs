//! Touchpoints as JSON lines: one object a line, a touchpoint's fields and, if the file knows it, `arrived_at`.
//!
//! Instants are written as RFC 3339 in UTC and read as RFC 3339 or as milliseconds since 1970. Absent fields are left out.

mod line;
mod object;
mod strict;

pub use line::{LineError, parse_json_line};
pub use object::write_json_line;
