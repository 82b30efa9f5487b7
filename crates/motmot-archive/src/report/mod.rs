//! The measured programme: how often each promise was kept, by how much, and what it cost. `docs/report.md` defines every figure.
//!
//! [`Measure`] takes the rows of the table of cycles, one after the other and in any order, and gives a [`Programme`]; [`render()`] makes a
//! table for the terminal, CSV, JSON, Parquet or one page of HTML of it. Nothing here reads a topic, a terminal or the wall clock.
//!
//! Where to start reading: [`mod@column`] (what figures are grouped by), `aggregate` (how a cycle is counted), `group` and `sample` (what is
//! counted of a group), [`interval`] (how sure a rate is), [`chain`] (whom a customer waited for).

mod aggregate;
pub mod chain;
pub mod column;
mod flat;
mod group;
mod html;
pub mod interval;
mod read;
mod render;
mod sample;
mod table;

pub use aggregate::{Counts, GroupRow, Measure, PageData, Programme, Question, RulePage, RuleWords, StrategyWords};
pub use column::Column;
pub use group::{CycleTally, Tally, Unit};
pub use read::{LastRows, each_line, row_of};
pub use render::{Format, render};
pub use sample::{Quantiles, Sample};
