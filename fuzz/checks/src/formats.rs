//! Mappings with each sign that a time's format may have, and a table of what may stand there.

use crate::joined;

/// What may follow a `%`, as [`chrono::format::strftime`](https://docs.rs/chrono/latest/chrono/format/strftime/) has it; and some that may not.
const SIGNS: &str = "A a B b C c D d e F f .f .3f .6f .9f 3f 6f 9f G g H h I j k l M m n P p q Q R r S s T t U u V v W w X x Y y Z z :z ::z \
                     :::z #z + % -d _d 0d -H _H 0H ? . : # .4f 5f -Y L N E Ey Od";

/// What stands before the sign, in the format and in each cell: nothing, a day, all but a fraction and a zone.
const BEFORE: [(&str, &str); 3] = [("", ""), ("%Y-%m-%d ", "2024-02-29 "), ("%Y-%m-%dT%H:%M:%S", "2024-02-29T13:07:09")];

/// Formats, and a text that each of them reads.
const WHOLE: [(&str, &str); 30] = [
    ("rfc3339", "2024-02-29T13:07:09.123456789-05:30"),
    ("%+", "2024-02-29 13:07:09.5 +05:30"),
    ("%c", "Thu Feb 29 13:07:09 2024"),
    ("%s", "1709212029"),
    ("%s %Y", "1709212029 2024"),
    ("%s %z", "1709212029 +0530"),
    ("%x %X", "02/29/24 13:07:09"),
    ("%v %T", "29-Feb-2024 13:07:09"),
    ("%D %r", "02/29/24 01:07:09 PM"),
    ("%y%m%d%H%M%S", "240229130709"),
    ("%C%y-%j %T", "2024-060 13:07:09"),
    ("%q %Y-%m-%d %H:%M", "1 2024-02-29 13:07"),
    ("%G-W%V-%u %H:%M", "2024-W09-4 13:07"),
    ("%g-W%V-%a %H:%M", "24-W09-Thu 13:07"),
    ("%Y %U %a %H:%M", "2024 08 Thu 13:07"),
    ("%Y %W %A %I:%M %p", "2024 09 Thursday 01:07 PM"),
    ("%Y %W %w %I:%M %P", "2024 09 4 01:07 pm"),
    ("%F %A %j %u %w %U %W %G %V %T", "2024-02-29 Thursday 060 4 4 08 09 2024 09 13:07:09"),
    ("%d %b %Y %R", "29 Feb 2024 13:07"),
    ("%e %B %Y %k:%M", "29 February 2024 13:07"),
    ("%h %e %Y %l:%M %p", "Feb 29 2024  1:07 PM"),
    ("%Y-%m-%d%n%H:%M%t%%", "2024-02-29 13:07 %"),
    ("%Y-%m-%d %H:%M:%S %z", "2024-02-29 13:07:09 +0530"),
    ("%Y-%m-%d %H:%M:%S%:z", "2024-02-29 13:07:09+05:30"),
    ("%Y-%m-%d %H:%M:%S%::z", "2024-02-29 13:07:09+05:30:15"),
    ("%Y-%m-%d %H:%M:%S%:::z", "2024-02-29 13:07:09+05"),
    ("%Y-%m-%d %H:%M:%S%#z", "2024-02-29 13:07:09\u{2212}05"),
    ("%Y-%m-%d %H:%M:%S%.f", "2024-02-29 13:07:60.1234567891"),
    ("%Y-%m-%d %H:%M:%S%.3f", "-0001-12-31 23:59:59.123"),
    ("%Y-%m-%d %H:%M:%S.%9f", "+20244-02-29 13:07:09.123456789"),
];

const NAMES: &str = "January February March April May June July August September October November December \
                     Monday Tuesday Wednesday Thursday Friday Saturday Sunday";

const VALUES: [&str; 48] = [
    "",
    "x",
    " ",
    "%",
    "0",
    "1",
    "1 ",
    " 9",
    "-1",
    "+1",
    "12",
    "24",
    "29",
    "60",
    "61",
    "99",
    "060",
    "366",
    "367",
    "2024",
    "-2024",
    "+20244",
    "1709212029",
    "999999999999999999999",
    ".1",
    ".123",
    ".123456789",
    "123456789",
    "2024-02-29",
    "2024-02-30",
    "02/29/24",
    "13:07",
    "13:07:09",
    "01:07:09 PM",
    "am",
    "pM",
    "Thu",
    "Thursday",
    "thurs",
    "Feb",
    "February",
    "febr",
    "Z",
    "UTC",
    "+05:30",
    "-0530",
    "+05",
    "+5:3",
];

/// All of them: each sign with each value, and each format with its text damaged at each place and with each name.
pub(crate) fn mappings() -> impl Iterator<Item = Vec<u8>> {
    let signs = SIGNS.split_whitespace().flat_map(|sign| BEFORE.map(|before| (sign, before)));
    let signs =
        signs.map(|(sign, (format, cell))| mapping(&format!("{format}%{sign}"), VALUES.map(|value| format!("{cell}{value}"))));
    signs.chain(WHOLE.into_iter().map(|(format, text)| mapping(format, damaged(text).chain(named(text)))))
}

fn damaged(text: &str) -> impl Iterator<Item = String> {
    let places = text.char_indices().map(|(at, letter)| (text.split_at(at).0, text.split_at(at + letter.len_utf8()).1));
    let others = |(before, behind): (&str, &str)| ["", "x", "9", "-", " ", ":"].map(|other| format!("{before}{other}{behind}"));
    let cut = places.clone().map(|(before, _)| before.to_owned());
    [text.to_owned()].into_iter().chain(places.flat_map(others)).chain(cut)
}

/// With each month and day, cut and whole, in place of its own.
fn named(text: &str) -> impl Iterator<Item = String> {
    let own = text.split([' ', '-']).find(|word| word.len() > 2 && word.chars().all(char::is_alphabetic));
    let instead = move |own: &str| {
        let forms =
            |name: &str| [name.to_owned(), name.to_uppercase(), name.chars().take(3).collect(), name.chars().take(4).collect()];
        NAMES.split_whitespace().flat_map(forms).map(|name| text.replacen(own, &name, 1)).collect::<Vec<_>>()
    };
    own.into_iter().flat_map(instead)
}

fn mapping(format: &str, cells: impl IntoIterator<Item = String>) -> Vec<u8> {
    let text = format!(
        "mapping: m\n\
         format: {{kind: csv}}\n\
         time_zone: UTC\n\
         cycle_id: \"{{a}}\"\n\
         key: \"{{a}}\"\n\
         times: {{t: {{instant: \"{{t}}\", format: \"{format}\"}}}}\n\
         touchpoints:\n\
         \x20 - {{slot: greeting, at: t, stage: greeting, outcome: met, site: w, channel: c}}\n"
    );
    let rows = cells.into_iter().enumerate().map(|(number, cell)| format!("{number},{cell}\n"));
    joined(text.as_bytes(), ["a,t\n".to_owned()].into_iter().chain(rows).collect::<String>().as_bytes())
}
