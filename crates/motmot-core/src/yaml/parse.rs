//! From text to [`Node`]s.

use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::{Marker, ScanError, TScalarStyle};

use super::node::{Entry, Node, Value};
use super::problems::{Place, Problems};

/// The longest text that is read, in bytes: a file of rules, not of data.
pub const MAX_TEXT: usize = 1 << 20;
/// The deepest nesting of lists and mappings that is read.
pub const MAX_DEPTH: usize = 32;

/// Reads the one document of `text`; `None` when it is no YAML at all (which is among the problems then).
///
/// Duplicate keys, anchors, aliases and tags are problems, but reading goes on after them.
pub fn parse(text: &str, problems: &mut Problems) -> Option<Node> {
    if text.len() > MAX_TEXT {
        let message = format!("the file has {} bytes; at most {MAX_TEXT} are read", text.len());
        problems.report(Place::START, message, "is it the right file? Rules and mappings are short; data belongs elsewhere");
        return None;
    }
    // A byte order mark is no content, and editors on Windows like to put one there.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder { open: Vec::new(), document: None, problems };
    let mut parser = Parser::new_from_str(text);
    loop {
        match parser.next_token() {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, marker)) => builder.event(event, place_of(&marker))?,
            Err(error) => {
                builder.syntax(&error);
                return None;
            }
        }
    }
    if builder.document.is_none() {
        builder.problems.report(Place::START, "the file is empty", "write at least the mandatory fields into it");
    }
    builder.document
}

fn place_of(marker: &Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

/// What has been opened and not closed yet.
enum Open {
    List(Place, Vec<Node>),
    Map(Place, Vec<Entry>, Option<(String, Place)>),
}

struct Builder<'p> {
    open: Vec<Open>,
    document: Option<Node>,
    problems: &'p mut Problems,
}

impl Builder<'_> {
    /// `None` when reading further makes no sense.
    fn event(&mut self, event: Event, place: Place) -> Option<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.plain_only(place, anchor, tag.is_some());
                self.scalar(place, text, style == TScalarStyle::Plain);
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain_only(place, anchor, tag.is_some());
                self.open(place, Open::List(place, Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.plain_only(place, anchor, tag.is_some());
                self.open(place, Open::Map(place, Vec::new(), None))?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(_) => {
                self.problems.report(place, "an alias (`*name`) is not read here", "write the value out where it is meant");
                self.scalar(place, String::new(), false);
            }
            Event::DocumentStart if self.document.is_some() => {
                self.problems.report(place, "a second document begins here", "one file holds one document: remove the `---`");
                return None;
            }
            Event::DocumentStart | Event::DocumentEnd | Event::StreamStart | Event::StreamEnd | Event::Nothing => {}
        }
        Some(())
    }

    fn plain_only(&mut self, place: Place, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.problems.report(
                place,
                "an anchor (`&name`) is not read here",
                "remove it, and write the value out where it is meant",
            );
        }
        if tagged {
            self.problems.report(place, "a tag (`!name`) is not read here", "remove it; to force a text, put it into quotes");
        }
    }

    fn open(&mut self, place: Place, open: Open) -> Option<()> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("lists and mappings are nested more than {MAX_DEPTH} deep");
            self.problems.report(place, message, "nothing that motmot reads is that deep: is a bracket not closed?");
            return None;
        }
        self.open.push(open);
        Some(())
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::List(place, list)) => self.value(Node::new(place, Value::List(list))),
            Some(Open::Map(place, entries, _)) => {
                // The parser sees that a mapping without braces has begun only at its first `:`.
                let place = entries.first().map_or(place, |first| first.place.min(place));
                self.value(Node::new(place, Value::Map(entries)));
            }
            None => {}
        }
    }

    fn scalar(&mut self, place: Place, text: String, plain: bool) {
        match self.open.last_mut() {
            Some(Open::Map(_, _, key @ None)) => *key = Some((text, place)),
            _ => self.value(Node::new(place, Value::Scalar { text, plain })),
        }
    }

    fn value(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.document = Some(node),
            Some(Open::List(_, list)) => list.push(node),
            Some(Open::Map(_, _, key)) => match key.take() {
                Some((key, place)) => self.entry(Entry { key, place, value: node }),
                // A list or a mapping in a key's place. A text stands in, so that its value is not taken for a key.
                None => {
                    *key = Some(("(no name)".to_owned(), node.place));
                    self.problems.report(
                        node.place,
                        "a list or a mapping cannot be a field's name",
                        "write a word before the `:`",
                    );
                }
            },
        }
    }

    fn entry(&mut self, entry: Entry) {
        let Some(Open::Map(_, entries, _)) = self.open.last_mut() else { return };
        match entries.iter().find(|earlier| earlier.key == entry.key) {
            Some(earlier) => {
                let message =
                    format!("`{}` is given twice: on line {} and on line {}", entry.key, earlier.place.line, entry.place.line);
                self.problems.report(entry.place, message, "keep one of them");
            }
            None => entries.push(entry),
        }
    }

    fn syntax(&mut self, error: &ScanError) {
        let message = format!("this is no YAML: {}", error.info());
        let mend = "look at this line and the one before it: at indentation (spaces, no tabs), `:`, brackets and quotes";
        self.problems.report(place_of(error.marker()), message, mend);
    }
}
