//! What the tests of the engine share.

pub(crate) mod arbitrary;
pub(crate) mod script;
pub(crate) mod store;
pub(crate) mod tables;
