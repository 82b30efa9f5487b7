//! What a mapping says, once it has been loaded and checked: trees that are evaluated row by row.
//!
//! Names are resolved at load: a column is a position in [`Mapping::columns`], a named value, time or condition one in its list. The
//! lists are in the order of dependence, so that a row evaluates each once, from the front.

use chrono::format::Item;
use motmot_core::touchpoint::{ActorKind, Audience, Initiator, Intent, Outcome, Stage};

/// How the file is cut into rows and columns.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    /// Between two fields.
    pub(crate) delimiter: u8,
    /// Around a field that holds delimiters or line ends; none: a quote is a character like any other.
    pub(crate) quote: Option<u8>,
    /// Whether the first row names the columns.
    pub(crate) header: bool,
    /// Names by position, for a file without a header.
    pub(crate) names: Vec<String>,
    /// How bytes are read as text.
    pub(crate) encoding: Encoding,
}

/// A character encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// UTF-8; anything else makes the row dead.
    Utf8,
    /// ISO 8859-1: every byte is a character.
    Latin1,
}

/// A column, as the mapping names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ColumnRef {
    /// The only column of this name.
    Name(String),
    /// The n-th column of this name, from 1.
    Occurrence(String, usize),
    /// The n-th column of the file, from 1.
    Position(usize),
}

/// Something that a row gives as text, or as nothing.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Nothing.
    Absent,
    /// The same text for every row.
    Constant(String),
    /// A column's text; nothing when it is empty.
    Column(usize),
    /// A named value.
    Named(usize),
    /// Parts put together; nothing when one of them is nothing.
    Template(Vec<Part>),
    /// A text that stands for nothing when it is one of a list.
    Unless { of: Box<Value>, absent: Vec<String> },
    /// A text by a table.
    Table { of: Box<Value>, entries: Vec<(String, Value)>, otherwise: Otherwise },
    /// The first that is there.
    FirstOf(Vec<Value>),
    /// One of two.
    If { when: Box<Condition>, then: Box<Value>, otherwise: Box<Value> },
}

/// A part of a template.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// Text as it stands.
    Text(String),
    /// A reference.
    Value(Value),
}

/// What a table says of a text that it does not list.
#[derive(Clone, Debug)]
pub(crate) enum Otherwise {
    /// The row is dead.
    Error,
    /// This.
    Value(Box<Value>),
}

/// A value that other parts of the mapping refer to by name.
#[derive(Clone, Debug)]
pub(crate) struct NamedValue {
    pub(crate) value: Value,
    /// Of every row of a cycle, the value of its first row: a position in the cycle's carried values.
    pub(crate) carried: Option<usize>,
}

/// A duration that a row gives.
#[derive(Clone, Debug)]
pub(crate) enum Span {
    /// The same for every row, in ms.
    Constant(i64),
    /// A text that names its unit, or that is a number of `unit`.
    Of { of: Value, unit: Option<Unit>, negative: Negative },
}

/// A unit of duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// So many ms.
    Millis(i64),
    /// `h:mm:ss` or `mm:ss`.
    Clock,
}

/// What a negative duration means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Negative {
    /// The row is dead.
    Error,
    /// A slip of the clock: none at all.
    Zero,
    /// It is not known.
    Absent,
}

/// An instant that a row gives, or not.
#[derive(Clone, Debug)]
pub(crate) enum Time {
    /// A named time.
    Named(usize),
    /// A text with date, time and perhaps a zone.
    Instant { of: Value, format: InstantFormat },
    /// A date and a time of day in two texts.
    DateClock { date: Value, date_format: Vec<Item<'static>>, clock: Value, clock_format: ClockFormat },
    /// A time of day on the day of another time; on the next day when it lies more than `wrap_ms` before it.
    ClockOn { clock: Value, clock_format: ClockFormat, on: Box<Time>, wrap_ms: i64 },
    /// A time and something.
    Plus(Box<Time>, Span),
    /// The first that is known.
    FirstOf(Vec<Time>),
    /// The latest of those that are known.
    LatestOf(Vec<Time>),
    /// Known only if.
    If { when: Condition, then: Box<Time> },
}

/// How a text is read as an instant.
#[derive(Clone, Debug)]
pub(crate) enum InstantFormat {
    /// RFC 3339, with its zone.
    Rfc3339,
    /// A number of so many ms since 1970.
    Epoch(i64),
    /// chrono's notation, with an offset in the text.
    Zoned(Vec<Item<'static>>),
    /// chrono's notation, in the mapping's time zone.
    Local(Vec<Item<'static>>),
}

/// How a text is read as a time of day.
#[derive(Clone, Debug)]
pub(crate) enum ClockFormat {
    /// `h:mm:ss`, the usual one: read without chrono, as it is most of the work of a row with six of them.
    Hms,
    /// chrono's notation.
    Items(Vec<Item<'static>>),
}

/// Something that holds of a row, or not.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Named(usize),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// The text is one of these; nothing is none of them.
    In(Value, Vec<String>),
    /// The text begins with one of these.
    StartsWith(Value, Vec<String>),
    /// There is a text.
    Known(Value),
    /// The number compares so; nothing never does.
    Number(Value, Comparison, f64),
    /// The duration, in ms, compares so; nothing never does.
    Span(Span, Comparison, i64),
}

/// A comparison with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    AtMost,
    AtLeast,
    Greater,
}

impl Comparison {
    pub(crate) fn holds<T: PartialOrd>(self, value: T, limit: T) -> bool {
        match self {
            Self::Less => value < limit,
            Self::AtMost => value <= limit,
            Self::AtLeast => value >= limit,
            Self::Greater => value > limit,
        }
    }
}

/// A field with a closed set of words: known at load, or found in a row.
#[derive(Clone, Debug)]
pub(crate) enum Word<T> {
    Constant(T),
    Of(Value),
}

/// A touchpoint that a row may give.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// Part of the event_id's hash: renaming a slot makes other touchpoints.
    pub(crate) name: String,
    pub(crate) when: Option<Condition>,
    pub(crate) at: Time,
    pub(crate) stage: Word<Stage>,
    pub(crate) outcome: Word<Outcome>,
    pub(crate) intent: Option<Word<Intent>>,
    pub(crate) initiated_by: Option<Word<Initiator>>,
    pub(crate) audience: Option<Word<Audience>>,
    pub(crate) channel: Value,
    pub(crate) site: Value,
    pub(crate) customer_id: Value,
    pub(crate) team: Value,
    pub(crate) need: Value,
    pub(crate) segment: Value,
    pub(crate) serves: Value,
    pub(crate) actor: Option<ActorOf>,
    pub(crate) waited: Option<Span>,
    pub(crate) announced_wait: Option<Span>,
    pub(crate) rating: Value,
    pub(crate) sentiment: Value,
    pub(crate) door_open: Value,
    pub(crate) promises: Vec<PromiseOf>,
    pub(crate) kept_promises: Vec<Value>,
    pub(crate) added_value: Vec<Value>,
    /// Sorted by name.
    pub(crate) attributes: Vec<(String, Value)>,
}

/// Whom the customer met.
#[derive(Clone, Debug)]
pub(crate) struct ActorOf {
    pub(crate) kind: Word<ActorKind>,
    pub(crate) id: Value,
    pub(crate) named: Option<Condition>,
}

/// A promise made.
#[derive(Clone, Debug)]
pub(crate) struct PromiseOf {
    pub(crate) id: Value,
    pub(crate) kind: Value,
    /// A promise whose due instant is not known is none.
    pub(crate) due: Time,
}

/// A mapping from the rows of a file that was not made for motmot to touchpoints. `docs/mapping.md` is its reference.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Its name.
    pub name: String,
    pub(crate) format: Format,
    /// Of clock times without one.
    pub(crate) zone: chrono_tz::Tz,
    pub(crate) columns: Vec<ColumnRef>,
    pub(crate) values: Vec<NamedValue>,
    /// Names that no column may have.
    pub(crate) value_names: Vec<String>,
    pub(crate) carried: usize,
    pub(crate) times: Vec<Time>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) ignore: Vec<Condition>,
    pub(crate) key: Value,
    pub(crate) cycle_id: Value,
    /// None: a record arrived when it occurred.
    pub(crate) arrived_at: Option<Time>,
    pub(crate) slots: Vec<Slot>,
}
