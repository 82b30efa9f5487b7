//! Reading one line.

use motmot_core::touchpoint::Invalid;
use serde::Deserialize;

use super::strict::{Strict, Trace};
use crate::arrived::Arrived;

/// Why a line is no touchpoint. The caller knows the file and the line's number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It is not JSON, or not of a touchpoint's shape.
    #[error("column {column}{}{field}: {detail}", if field.is_empty() { "" } else { ", field " })]
    Unreadable {
        /// The field's path (`actor.kind`); empty where no single field is at fault.
        field: String,
        /// The column, from 1, at which reading stopped.
        column: usize,
        /// What was found.
        detail: String,
    },
    /// It is a touchpoint, but one that cannot be.
    #[error("the touchpoint cannot be: {0}")]
    Invalid(#[from] Invalid),
}

impl LineError {
    /// The reason in one word, as [`crate::DecodeError::reason`] has it.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "malformed",
            Self::Invalid(_) => "invalid",
        }
    }
}

/// Reads a line (with or without its end), and validates the touchpoint. Texts borrow from the line but where they are escaped.
///
/// ```
/// let line = br#"{"event_id": "e1", "occurred_at": "2026-03-01T09:30:00Z", "stage": "greeting", "channel": "phone",
///     "site": "voice", "outcome": "none", "arrived_at": "2026-03-01T09:30:02Z"}"#;
/// let arrived = motmot_wire::json::parse_json_line(line)?;
/// assert_eq!(arrived.instant().since(arrived.touchpoint.occurred_at), 2_000);
/// # Ok::<(), motmot_wire::json::LineError>(())
/// ```
///
/// # Errors
/// When it is not JSON, has a field that a touchpoint does not have, lacks one that it must have, or a value cannot be.
pub fn parse_json_line(line: &[u8]) -> Result<Arrived<'_>, LineError> {
    // Checked once for the line: from bytes, the parser would check each of its thirty texts.
    let line = std::str::from_utf8(line).map_err(|e| LineError::Unreadable {
        field: String::new(),
        column: e.valid_up_to() + 1,
        detail: "the line is not UTF-8".to_owned(),
    })?;
    let trace = Trace::default();
    let mut json = serde_json::Deserializer::from_str(line);
    let read = Arrived::deserialize(Strict { inner: &mut json, trace: &trace }).and_then(|arrived| json.end().map(|()| arrived));
    let arrived = match read {
        Ok(arrived) => arrived,
        Err(e) => return Err(unreadable(&e, trace)),
    };
    arrived.validate()?;
    Ok(arrived)
}

#[cold]
fn unreadable(error: &serde_json::Error, trace: Trace) -> LineError {
    let words = error.to_string();
    let detail = words.rsplit_once(" at line ").map_or(words.as_str(), |(detail, _)| detail);
    LineError::Unreadable { field: trace.into_path(), column: error.column(), detail: detail.to_owned() }
}
