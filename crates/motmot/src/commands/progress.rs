//! A progress bar on a terminal; nothing in a pipe or a log.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use motmot_archive::Progress;

const TEMPLATE: &str = "{msg:<8} [{bar:40}] {percent:>3} %  {eta} left";

/// A bar on stderr. indicatif hides it where stderr is no terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar that shows nothing yet.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(bar)
    }

    /// Shows how far an import or a replay has come.
    pub(super) fn show(&self, progress: Progress) {
        let (what, done, total) = match progress {
            Progress::Reading { done, total } => ("reading", done, total),
            Progress::Folding { done, total } => ("folding", done, total),
        };
        self.set(what, done, total);
    }

    /// Shows how far something has come.
    pub(super) fn set(&self, what: &'static str, done: u64, total: u64) {
        if self.0.message() != what {
            self.0.reset();
            // Not before there is something to show.
            self.0.enable_steady_tick(Duration::from_millis(200));
            self.0.set_message(what);
        }
        self.0.set_length(total);
        self.0.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_can_be_parsed() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
