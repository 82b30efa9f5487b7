//! The mapping: how rows of a file that was not made for motmot become touchpoints.
//!
//! `load` reads and checks the mapping file, `model` is what it says, `eval` finds in a row what it asks for, [`Mapper`] makes a
//! row's touchpoints. `docs/mapping.md` is the reference for people.

mod clock;
mod eval;
mod load;
mod mapper;
mod model;

pub(crate) use mapper::header_names;
pub use mapper::{BadHeader, Mapped, Mapper, RowAt, RowOutcome};
pub use model::Mapping;

use motmot_core::yaml::Problems;

impl Mapping {
    /// Reads and checks a mapping; `file` is its name, for messages.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with line, column and mend.
    ///
    /// ```
    /// use motmot_archive::Mapping;
    ///
    /// let problems = Mapping::load("shop.yaml", "mapping: shop\nformat: {kind: cvs}\n").unwrap_err();
    /// assert!(problems.to_string().contains("shop.yaml:2:16: `cvs` is not a kind of file; did you mean `csv`?"));
    /// ```
    pub fn load(file: &str, text: &str) -> Result<Self, Problems> {
        load::load(text, file)
    }
}

/// Why a row gives no touchpoints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadRow(Box<str>);

impl BadRow {
    pub(crate) fn new(reason: impl Into<Box<str>>) -> Self {
        Self(reason.into())
    }

    fn within(self, place: &str) -> Self {
        Self(format!("{place}: {self}").into())
    }
}

/// Words for yes and no, as files write them.
fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "yes" | "y" | "1" | "TRUE" | "True" | "Yes" | "Y" => Some(true),
        "false" | "no" | "n" | "0" | "FALSE" | "False" | "No" | "N" => Some(false),
        _ => None,
    }
}
