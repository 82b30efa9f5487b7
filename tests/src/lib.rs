//! Shared support of the tests.

pub mod admin;
pub mod chaos;
pub mod desk;
pub mod gate;
pub mod http;
pub mod installed;
pub mod kafka;
pub mod moments;
pub mod others;
pub mod process;
pub mod prometheus;
pub mod registry;
pub mod s3;
pub mod secure;
pub mod service;
pub mod storms;
pub mod tables;
