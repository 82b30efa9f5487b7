//! What was done when, for whoever must find out why.

#![allow(clippy::print_stdout, reason = "support of tests: what it did is its output")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

/// The run's log and its counts.
#[derive(Debug)]
pub struct Diary {
    begun: Instant,
    counts: RefCell<BTreeMap<String, usize>>,
}

impl Default for Diary {
    fn default() -> Self {
        Self { begun: Instant::now(), counts: RefCell::default() }
    }
}

impl Diary {
    /// Writes down what happens.
    pub fn note(&self, what: &str) {
        println!("[{:7.1} s] {what}", self.begun.elapsed().as_secs_f64());
    }

    /// Writes down what is done, and counts it as `kind`.
    pub fn count(&self, kind: &str, what: &str) {
        *self.counts.borrow_mut().entry(kind.to_owned()).or_default() += 1;
        self.note(what);
    }

    /// How often each kind of thing was done.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.counts.borrow().clone()
    }
}
