//! The kinds that look beyond one cycle: at its next instance, or at the customer's others.

use super::Parameters;
use crate::cycle::Level;
use crate::strategy::load::customer::{MAX_CIRCLE, at_most_of, count};
use crate::strategy::load::filter::{self, some_of, words};
use crate::strategy::{Filter, Kind, PerSegment, Set};
use crate::time::exact_words_of_millis;
use crate::touchpoint::{Initiator, Stage};

/// Three in a row may make a lost customer.
const CIRCLE: usize = 3;

impl Parameters<'_, '_, '_> {
    pub(super) fn reopened(&mut self) -> Option<Kind> {
        let after_given = self.fields.take("after").is_some();
        let after = self.optional_filter("after");
        // a second check, or the farewell after it, ends the matter: it does not open it again
        let back_to_work = || Set::of(&[Stage::Greeting, Stage::NeedDetection, Stage::Fulfilment]);
        let by = match self.fields.take("by") {
            Some(_) => self.optional_filter("by"),
            None => Some(Filter { stages: back_to_work(), ..Filter::default() }),
        };
        // A filter that cannot be read must not turn into the default.
        if after_given && after.is_none() {
            return None;
        }
        Some(Kind::Reopened { after, by: by? })
    }

    pub(super) fn repeat_contact(&mut self) -> Option<Kind> {
        let within_ms = self.within_of_the_file("say within which time, as in `within: 7d`");
        let need =
            self.fields.take("need").map_or(Some("same"), |node| node.word("a choice of need", &["same", "any"], self.problems));
        Some(Kind::RepeatContact { within_ms: within_ms?, same_need: need? == "same" })
    }

    pub(super) fn no_follow_up(&mut self) -> Option<Kind> {
        let within_ms = self.within_of_the_file("say within which time of the close, as in `within: 2d`");
        let levels = self.fields.take("level").map_or_else(Set::default, |node| {
            words(some_of(node, self.problems), "a service level", Level::ALL, Level::name, self.problems)
        });
        let by = if self.fields.take("by").is_some() {
            self.optional_filter("by")
        } else {
            Some(Filter { initiated_by: Set::of(&[Initiator::Company]), ..Filter::default() })
        };
        Some(Kind::NoFollowUp { within_ms: within_ms?, business_hours: self.hours()?, levels, by: by? })
    }

    pub(super) fn vicious_circle(&mut self) -> Option<Kind> {
        let before = self.problems.len();
        let failed = count(self.fields, "failed", MAX_CIRCLE, self.problems).unwrap_or(CIRCLE);
        let of = count(self.fields, "of", MAX_CIRCLE, self.problems).unwrap_or(CIRCLE);
        if self.problems.len() > before {
            return None;
        }
        at_most_of(self.fields, "a vicious circle", ("failed", failed), of, self.problems);
        let known = self.values.declared.file.cycles;
        if of > known {
            let place = self.fields.take("of").map_or(self.fields.place(), |node| node.place);
            let message = format!("this looks at a customer's last {of} cycles, and the customer file knows {known}");
            self.problems.report(place, message, format!("write `cycles: {of}` or more in `customer_file`, or a smaller `of`"));
        }
        Some(Kind::ViciousCircle { failed, of })
    }

    fn optional_filter(&mut self, name: &'static str) -> Option<Filter> {
        filter::optional(self.fields, name, self.values.declared, self.problems)
    }

    /// A time that the customer file must remember.
    fn within_of_the_file(&mut self, mend: &str) -> Option<PerSegment<i64>> {
        let node = self.fields.demand("within", mend, self.problems)?;
        let within = self.durations(node, "`within`", 1)?;
        let keep = self.values.declared.file.keep_ms;
        let longest = within.0.iter().copied().max().unwrap_or_default();
        if longest > keep {
            let (longest, keep) = (exact_words_of_millis(longest), exact_words_of_millis(keep));
            let message = format!("the customer file forgets a cycle after {keep}, before the {longest} of `within` are over");
            let mend = format!("write `keep: {longest}` or more in `customer_file`, or a shorter `within`");
            self.problems.report(node.place, message, mend);
        }
        Some(within)
    }
}
