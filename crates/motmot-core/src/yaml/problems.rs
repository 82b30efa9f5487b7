//! What is wrong with a file: all of it, each problem with its place and its mend.

use std::fmt;

/// Where something stands in a file; both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Place {
    /// The file's first character: the place of what concerns the file as a whole.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub mend: String,
}

/// Everything that is wrong with one file.
///
/// Its text is `FILE:LINE:COLUMN: message`, then a line `  mend: …`, for each problem, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    file: String,
    list: Vec<Problem>,
}

impl Problems {
    /// None yet, of a file of that name.
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), list: Vec::new() }
    }

    /// Adds one. Both texts are made fit for a terminal: one line, not endless, without control characters.
    pub fn report(&mut self, place: Place, message: impl AsRef<str>, mend: impl AsRef<str>) {
        self.list.push(Problem { place, message: fit_for_a_terminal(message.as_ref()), mend: fit_for_a_terminal(mend.as_ref()) });
    }

    /// The file's name, as it was given.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// All of them, in the order of the file.
    pub fn sorted(&self) -> Vec<&Problem> {
        let mut sorted: Vec<&Problem> = self.list.iter().collect();
        sorted.sort();
        sorted.dedup();
        sorted
    }

    /// `value` if nothing is wrong, else what is.
    ///
    /// # Errors
    /// The problems. A value that is absent without a problem is a mistake in the reader; it is told as such.
    pub fn or_value<T>(mut self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            None if self.is_empty() => {
                self.report(
                    Place::START,
                    "the file could not be read, and motmot cannot say why",
                    "report this as a bug of motmot",
                );
                Err(self)
            }
            _ => Err(self),
        }
    }
}

/// What stands in the file is quoted in messages, and it may be anything.
fn fit_for_a_terminal(text: &str) -> String {
    const MOST: usize = 1_000;
    let mut shown: String = text.chars().take(MOST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.sorted().into_iter().enumerate() {
            let Problem { place: Place { line, column }, message, mend } = problem;
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{line}:{column}: {message}\n  mend: {mend}", self.file)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
