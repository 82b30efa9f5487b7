//! Shared support of the benches.
