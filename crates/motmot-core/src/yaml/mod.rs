//! A strict reader of small YAML files: the strategy and the import mapping.
//!
//! Every value knows its place, and whoever reads collects [`Problems`], so that a person who writes such a file sees all
//! mistakes at once, each with its line, its column and its mend. It takes text and reads no file.
//!
//! Start with [`parse`]; then [`Node::fields`] for a mapping with fixed names, [`Node::entries`] for one with free names,
//! [`Node::list_or_single`] and the typed scalars of [`Node`].
//!
//! It stands on yaml-rust2's events and not on a ready-made tree, because a tree keeps only one of two equal keys, follows
//! anchors and stops at the first surprise. Anchors, aliases and tags are refused: in a file of rules they hide what is
//! said, and an alias may blow up a small text into a huge one.
//!
//! ```
//! use motmot_core::yaml::{self, Problems};
//!
//! let mut problems = Problems::new("shop.yaml");
//! let document = yaml::parse("limit: 90\n", &mut problems).unwrap();
//! let mut fields = document.fields("the file", &mut problems).unwrap();
//! let limit = fields.take("limit").and_then(|node| node.duration(&mut problems));
//! fields.finish(&mut problems);
//! assert_eq!(limit, None);
//! assert!(problems.to_string().starts_with("shop.yaml:1:8: `90` has no unit\n  mend: "));
//! ```

mod duration;
mod fields;
mod node;
mod parse;
mod problems;
mod suggest;

pub use duration::parse_duration;
pub use fields::Fields;
pub use node::{Entry, Node, Value};
pub use parse::{MAX_DEPTH, MAX_TEXT, parse};
pub use problems::{Place, Problem, Problems};
pub use suggest::{listed, nearest};
