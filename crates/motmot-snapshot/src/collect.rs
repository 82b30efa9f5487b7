//! What may be deleted, while others, whom we do not know of, may be making or fetching snapshots: a worker that was stopped and goes on
//! as if nothing had been, and the one that has the partition since. The argument is in docs/decisions/0007-snapshots.md; in short:
//!
//! 1. An object is put under a name that never was and never will be used again, so a delete can only ever hit what it was meant for,
//!    however late it comes.
//! 2. A maker leans on an object that it has not put itself only if the newest manifest names it when it looks. That one is
//!    deleted at the earliest [`Graces::superseded`] after the first newer one came, and the maker has put its own, or given up, after
//!    half of that.
//! 3. What no manifest has ever named is deleted after [`Graces::unreferenced`] only, and a maker names what it has put, or gives up,
//!    after half of that.
//!
//! So when manifests are listed, each object of a snapshot that is being made, or ever will be, is named by one of them or too young.
//! All ages are differences of the store's own clock: between a manifest that was put just now and what is old.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::manifest::Name;
use crate::place::{Listed, Object};

/// How long what is not needed any more stays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Graces {
    /// A manifest, from the instant at which enough newer ones were there.
    pub(crate) superseded: Duration,
    /// An object that no manifest names.
    pub(crate) unreferenced: Duration,
}

impl Default for Graces {
    fn default() -> Self {
        Self { superseded: Duration::from_secs(15 * 60), unreferenced: Duration::from_secs(24 * 3_600) }
    }
}

fn is_older(at: DateTime<Utc>, than: Duration, now: DateTime<Utc>) -> bool {
    (now - at).to_std().is_ok_and(|age| age >= than)
}

/// The manifests that may go, of those `listed` (the newest first). `own` was put just now: those ahead of it belong to somebody who is
/// further, or to a future that was given up; they are not ours to judge.
pub(crate) fn superseded(listed: &[Listed], own: Name, keep: usize, graces: Graces) -> Vec<Listed> {
    let usable: Vec<&Listed> = listed.iter().filter(|manifest| !manifest.is_set_aside && manifest.name <= own).collect();
    let Some(now) = usable.first().filter(|newest| newest.name == own).map(|newest| newest.put_at) else { return Vec::new() };
    let is_due = |(place, _): &(usize, &&Listed)| {
        let mut newer: Vec<DateTime<Utc>> = usable.iter().take(*place).map(|manifest| manifest.put_at).collect();
        newer.sort_unstable();
        keep.checked_sub(1).and_then(|last| newer.get(last)).is_some_and(|since| is_older(*since, graces.superseded, now))
    };
    usable.iter().enumerate().filter(is_due).map(|(_, manifest)| **manifest).collect()
}

/// The objects that may go: listed before the manifests, named by none that stays, and either named by one that goes or old.
pub(crate) fn unreferenced<'o>(
    objects: &'o BTreeMap<String, Object>,
    kept: &BTreeSet<&str>,
    released: &BTreeSet<&str>,
    now: DateTime<Utc>,
    graces: Graces,
) -> Vec<&'o str> {
    let may_go = |(name, object): &(&String, &Object)| {
        !kept.contains(name.as_str()) && (released.contains(name.as_str()) || is_older(object.put_at, graces.unreferenced, now))
    };
    objects.iter().filter(may_go).map(|(name, _)| name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACES: Graces = Graces { superseded: Duration::from_secs(100), unreferenced: Duration::from_secs(1_000) };

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    /// Manifests of (offset, when it was put); a negative offset is one that was set aside.
    fn check(manifests: &[(i64, i64)], own: i64, keep: usize, expected: &[i64]) {
        let name = |offset: i64| Name { offset, unique: 0 };
        let listed =
            |(offset, second): &(i64, i64)| Listed { name: name(offset.abs()), is_set_aside: *offset < 0, put_at: at(*second) };
        let mut manifests: Vec<Listed> = manifests.iter().map(listed).collect();
        manifests.sort_unstable_by(|a, b| b.cmp(a));
        let found: Vec<i64> = superseded(&manifests, name(own), keep, GRACES).iter().map(|m| m.name.offset).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_manifest_goes_when_enough_newer_ones_have_been_there_long_enough() {
        check(&[(1, 0), (2, 10), (3, 20), (4, 119)], 4, 2, &[]);
        check(&[(1, 0), (2, 10), (3, 20), (4, 120)], 4, 2, &[1]);
        check(&[(1, 0), (2, 10), (3, 20), (4, 500)], 4, 2, &[1]);
        check(&[(1, 0), (2, 10), (3, 20), (4, 500)], 4, 1, &[2, 1]);
        check(&[(1, 0), (2, 10)], 2, 3, &[]);
    }

    #[test]
    fn what_is_ahead_set_aside_or_without_a_newest_of_ours_is_left_alone() {
        check(&[(1, 0), (2, 10), (7, 20), (8, 30), (3, 500)], 3, 2, &[]);
        check(&[(-1, 0), (2, 10), (3, 20), (4, 500)], 4, 1, &[2]);
        check(&[(1, 0), (2, 10), (3, 500)], 4, 1, &[]);
    }

    #[test]
    fn those_of_a_future_that_was_given_up_count_once_they_are_passed_but_protect_nobody_s_age() {
        // 11 and 12 are of an earlier time; 10 was made a moment ago, and 13 has just passed them all
        check(&[(9, 400), (10, 410), (11, 0), (12, 5), (13, 420)], 13, 2, &[10, 9]);
    }

    #[test]
    fn an_object_goes_with_its_last_manifest_or_when_it_is_old() {
        let object = |second| Object { size: 1, put_at: at(second) };
        let objects: BTreeMap<String, Object> = [("kept", 0), ("released", 2_000), ("both", 0), ("young", 1_001), ("old", 1_000)]
            .map(|(n, s)| (n.to_owned(), object(s)))
            .into();
        let (kept, released) = (BTreeSet::from(["kept", "both"]), BTreeSet::from(["released", "both"]));
        assert_eq!(unreferenced(&objects, &kept, &released, at(2_000), GRACES), ["old", "released"]);
    }
}
