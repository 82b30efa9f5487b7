//! Seeds with one place damaged: cut there, a byte another one, a byte or a sign too many. What breaks off within each field, what is no number,
//! no text and no kind in each of them: a fuzzer comes upon these one by one, for it changes what it likes.

use std::ops::RangeInclusive;

use crate::seeds::Seed;
use crate::{halves, joined};

/// What a byte can be instead: small lengths and kinds, as numbers of variable length have them, and the ends of what one byte can say.
const BYTES: [u8; 16] = [0, 1, 2, 3, 4, 6, 8, 10, 12, 0x14, 0x20, 0x7f, 0x80, 0x81, 0xfe, 0xff];

/// A number that is longer than 64 bits, the largest and the least that are not.
const NUMBERS: [&[u8]; 3] =
    [&[0xff; 11], b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"];

/// What means something in YAML, in CSV or in JSON, and letters of each length.
const SIGNS: [&str; 44] = [
    "\n",
    "\r",
    "\t",
    " ",
    "\n  ",
    ":",
    ": ",
    "- ",
    "? ",
    "\"",
    "'",
    "# ",
    "&a ",
    "*a",
    "!t ",
    "!!str ",
    "!<t:x> ",
    "|\n",
    ">\n",
    "|2-\n   ",
    ">+\n\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    "@",
    "%",
    "%YAML 1.2\n---\n",
    "%TAG ! t:x\n---\n",
    "---\n",
    "...\n",
    "<<: *a\n",
    "~",
    "\u{feff}",
    "\0",
    "é",
    "€",
    "𝄞",
    "\u{85}",
    "\u{2028}",
    "\\",
    "\"\\x41\\u20ac\\U0001d11e\\e\\_\\N\\L\\\n \\/\\t\"",
    "0x7f",
];

/// The inputs that come of a seed: of binary ones, and of the shortest of those that are text.
pub fn damaged(seed: &Seed) -> Vec<Vec<u8>> {
    match (seed.target, seed.name.as_str()) {
        ("record", _) => places(&seed.bytes).flat_map(|(before, behind)| bytes_at(before, behind)).collect(),
        ("avro_file", _) => {
            // The schema is a text; it is bent.
            let of_schema = schema_in(&seed.bytes);
            let places = places(&seed.bytes).filter(|(before, _)| !of_schema.contains(&before.len()));
            places.flat_map(|(before, behind)| bytes_at(before, behind)).collect()
        }
        ("strategy", "first-csv") => signs(&seed.bytes),
        ("mapping", "first-csv") => {
            let (text, table) = halves(&seed.bytes);
            let of_text = signs(text).into_iter().map(|text| joined(&text, table));
            of_text.chain(signs(table).into_iter().map(|table| joined(text, &table))).collect()
        }
        _ => Vec::new(),
    }
}

/// Where the schema stands in a file of Avro.
fn schema_in(file: &[u8]) -> RangeInclusive<usize> {
    file.iter().position(|b| *b == b'{').unwrap_or(0)..=file.iter().rposition(|b| *b == b'}').unwrap_or(0)
}

fn places(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    (0..bytes.len()).map(|at| bytes.split_at(at))
}

fn bytes_at(before: &[u8], behind: &[u8]) -> Vec<Vec<u8>> {
    let Some((byte, rest)) = behind.split_first() else { return Vec::new() };
    let instead = |other: &[u8]| [before, other, rest].concat();
    let others = BYTES.into_iter().chain([byte ^ 1, byte ^ 0x80]).map(|other| instead(&[other]));
    let numbers = NUMBERS.into_iter().map(instead);
    others.chain(numbers).chain([before.to_vec(), instead(&[]), [before, &[0], behind].concat()]).collect()
}

fn signs(text: &[u8]) -> Vec<Vec<u8>> {
    let at = |(before, behind): (&[u8], &[u8])| {
        let inserted = SIGNS.iter().map(|sign| [before, sign.as_bytes(), behind].concat());
        inserted.chain([before.to_vec(), [before, behind.get(1..).unwrap_or_default()].concat()]).collect::<Vec<_>>()
    };
    places(text).flat_map(at).collect()
}
