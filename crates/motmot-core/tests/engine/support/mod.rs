//! What the tests of the engine share.

pub(crate) mod arbitrary;
pub(crate) mod play;
pub(crate) mod script;
pub(crate) mod store;
pub(crate) mod story;
pub(crate) mod tables;
