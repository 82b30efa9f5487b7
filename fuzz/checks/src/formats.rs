//! Mappings with each sign that a time's format may have, and a table of what may stand there.

use crate::joined;

/// What may follow a `%`, as [`chrono::format::strftime`](https://docs.rs/chrono/latest/chrono/format/strftime/) has it; and some that may not.
const SIGNS: &str = "A a B b C c D d e F f .f .3f .6f .9f 3f 6f 9f G g H h I j k l M m n P p q Q R r S s T t U u V v W w X x Y y Z z :z ::z \
                     :::z #z + % -d _d 0d -H _H 0H ? . : # .4f 5f -Y L N E Ey Od";

/// What stands before the sign, in the format and in each cell: nothing, a day, all but a fraction and a zone.
const BEFORE: [(&str, &str); 3] = [("", ""), ("%Y-%m-%d ", "2024-02-29 "), ("%Y-%m-%dT%H:%M:%S", "2024-02-29T13:07:09")];

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

/// All of them.
pub(crate) fn mappings() -> impl Iterator<Item = Vec<u8>> {
    SIGNS.split_whitespace().flat_map(|sign| BEFORE.map(|(format, cell)| mapping(&format!("{format}%{sign}"), cell)))
}

fn mapping(format: &str, before: &str) -> Vec<u8> {
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
    let rows = VALUES.iter().enumerate().map(|(number, value)| format!("{number},{before}{value}\n"));
    joined(text.as_bytes(), ["a,t\n".to_owned()].into_iter().chain(rows).collect::<String>().as_bytes())
}
