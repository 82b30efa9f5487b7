//! The few forms of YAML that a rules file needs, written so that no text can break out of its place.

use std::fmt::Write;

/// A text as a YAML scalar on one line. Single quotes where they can hold it, so that queries stay readable; else double quotes,
/// which can hold anything.
pub(super) fn scalar(text: &str) -> String {
    if text.chars().all(is_plain) { format!("'{}'", text.replace('\'', "''")) } else { double_quoted(text) }
}

fn double_quoted(text: &str) -> String {
    let mut scalar = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => scalar.extend(['\\', c]),
            c if is_plain(c) => scalar.push(c),
            c => write!(scalar, "\\U{:08X}", u32::from(c)).unwrap_or_default(), // writing to a String cannot fail
        }
    }
    scalar.push('"');
    scalar
}

/// Printable, and no line break of any sort: the rest YAML folds, refuses, or takes for the end of the line.
fn is_plain(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_breaks_out_of_its_scalar() {
        for (text, expected) in [
            ("up == 0", "'up == 0'"),
            ("it's: # ok", "'it''s: # ok'"),
            ("{rule=\"a\"}", "'{rule=\"a\"}'"),
            ("two\nlines \"\\\"", r#""two\U0000000Alines \"\\\"""#),
            ("\u{7f}\u{85}\u{2028}", r#""\U0000007F\U00000085\U00002028""#),
        ] {
            assert_eq!(scalar(text), expected);
        }
    }
}
