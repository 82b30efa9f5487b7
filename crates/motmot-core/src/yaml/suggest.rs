//! "Did you mean …?"

use strsim::osa_distance;

/// Letters of the longest word that is looked at. To compare two takes time by the length of the one times that of the other, and what is longer
/// is no slip.
const LONGEST: usize = 64;

/// The candidate that `word` is most likely a slip of, if there is one near enough: about one slip in three letters. A slip is a letter too many,
/// too few, another one, or swapped with its neighbour; letter case and `-` for `_` are free.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let letters = word.chars().count();
    if letters > LONGEST {
        return None;
    }
    let allowed = (letters / 3).max(1);
    let fold = |text: &str| text.to_lowercase().replace('-', "_");
    let word = fold(word);
    let near = candidates.into_iter().filter(|candidate| candidate.chars().count().abs_diff(letters) <= allowed);
    let by_distance = near.map(|candidate| (osa_distance(&word, &fold(candidate)), candidate));
    by_distance.filter(|(distance, _)| *distance <= allowed).min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// Names for a message: "`a`, `b` or `c`".
pub fn listed<'c>(names: impl IntoIterator<Item = &'c str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let names = ["severity", "segment", "site", "open_for"];
        for (word, expected) in [
            ("severty", Some("severity")),
            ("segmnet", Some("segment")),
            ("Site", Some("site")),
            ("open-for", Some("open_for")),
            ("runbook", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, names), expected, "{word}");
        }
    }

    #[test]
    fn a_word_too_long_for_a_slip_is_compared_with_nothing() {
        let of = |letters: usize| "s".repeat(letters);
        assert_eq!(nearest(&of(64), [of(63).as_str()]), Some(of(63).as_str()));
        assert_eq!(nearest(&of(65), [of(64).as_str()]), None);
    }

    #[test]
    fn names_are_listed_as_people_do() {
        assert_eq!(listed([]), "nothing");
        assert_eq!(listed(["a"]), "`a`");
        assert_eq!(listed(["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
