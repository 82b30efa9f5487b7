//! Numbers in, schemas out. Each number is asked for once, by one thread, whoever waits for it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use motmot_wire::{DecodeError, NotYet, ReadError, RecordType, SchemaError, SchemaSource, Writer, WriterSchema};
use rustc_hash::FxHashMap;

use crate::answer::{No, Response};
use crate::config::RegistryConfig;
use crate::error::{Failure, Found, RegistryError};
use crate::http::Http;
use crate::metrics::Metrics;

/// How long whoever asks for a schema is kept waiting for the first answer. After that, or when the registry is known not to answer, a
/// caller is told at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// For so long at most: for a thread that has other work.
    AtMost(Duration),
    /// Until the registry answers: for a command that has nothing else to do.
    Forever,
}

/// Numbers that are kept, with their schemas or without.
const MAX_KEPT: usize = 1_000;
/// How long a registry's "there is none" holds.
const NEGATIVE: Duration = Duration::from_secs(10);
/// Between two questions about one number.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A number that nobody has asked for in so long is forgotten: the partition has gone elsewhere.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// A trouble that lasts is told again.
const TOLD_AGAIN: Duration = Duration::from_secs(30);
/// How long a start asks a registry that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client of a registry. Clones share cache and thread, which ends with the last of them.
#[derive(Clone, Debug)]
pub struct Registry {
    shared: Arc<Shared>,
    waiting: Waiting,
    _thread: Arc<EndsThread>,
}

#[derive(Debug)]
struct Shared {
    http: Http,
    auto_register: bool,
    metrics: Metrics,
    state: Mutex<State>,
    /// Somebody asks, or it is the end: for the thread.
    asked: Condvar,
    /// An answer came, or none did: for whoever waits. Apart from the other, lest those who wait wake each other.
    answered: Condvar,
}

#[derive(Debug, Default)]
struct State {
    numbers: FxHashMap<u32, Number>,
    is_ended: bool,
    told: Option<Instant>,
}

/// What is known of a number.
#[derive(Debug)]
struct Number {
    wanted: Instant,
    since: Instant,
    known: Known,
}

#[derive(Debug)]
enum Known {
    /// Not yet: how often it was asked for in vain, when it is next, and why it was in vain.
    Not {
        tries: u32,
        due: Instant,
        detail: Option<String>,
    },
    Schema(Arc<WriterSchema>),
    /// The registry's word that its records cannot be read.
    Dead(DecodeError),
}

/// Ends the thread when the last client goes.
#[derive(Debug)]
struct EndsThread(Arc<Shared>);

impl Drop for EndsThread {
    fn drop(&mut self) {
        self.0.state().is_ended = true;
        self.0.asked.notify_one();
    }
}

/// The subject of a record's schema: by topic and record name (Confluent's `TopicRecordNameStrategy`), for one topic holds several types.
pub fn subject(topic: &str, record: RecordType) -> String {
    format!("{topic}-motmot.{}", record.name())
}

impl Registry {
    /// Makes a client; nothing is asked yet. Its metrics go to `metrics`, if there is one.
    ///
    /// # Errors
    /// When the configuration cannot work.
    pub fn new(config: &RegistryConfig, waiting: Waiting, metrics: Option<&prometheus::Registry>) -> Result<Self, RegistryError> {
        let unusable = |error: &dyn std::fmt::Display| RegistryError::Config(error.to_string());
        let own = Metrics::new().map_err(|error| unusable(&error))?;
        if let Some(metrics) = metrics {
            own.register(metrics).map_err(|error| unusable(&error))?;
        }
        let shared = Arc::new(Shared {
            http: Http::new(config)?,
            auto_register: config.auto_register,
            metrics: own,
            state: Mutex::default(),
            asked: Condvar::new(),
            answered: Condvar::new(),
        });
        let thread = thread::Builder::new().name("motmot-registry".to_owned());
        let asking = Arc::clone(&shared);
        thread.spawn(move || asking.run()).map_err(|error| unusable(&error))?;
        Ok(Self { _thread: Arc::new(EndsThread(Arc::clone(&shared))), shared, waiting })
    }

    /// A writer of Confluent's framing for these records in these topics: each schema is registered, or looked up if the configuration
    /// says so, and read back. A registry that does not answer is asked again for ten seconds.
    ///
    /// # Errors
    /// When a schema has no number then.
    pub fn writer(&self, records: &[(RecordType, &str)]) -> Result<Writer, RegistryError> {
        let mut writer = Writer::new();
        for (record, topic) in records {
            let subject = subject(topic, *record);
            let id = self.number(&subject, record.json())?;
            self.read_back(*record, &subject, id)?;
            tracing::info!(subject, id, "the schema registry knows the schema");
            writer = writer.with_schema_id(*record, id);
        }
        Ok(writer)
    }

    fn number(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let versions = if self.shared.auto_register { "/versions" } else { "" };
        let path = format!("/subjects/{}{versions}", escaped(subject));
        let body = serde_json::json!({ "schema": schema }).to_string();
        let is_known = |answer: &Result<u32, No>| !matches!(answer, Err(No::NotThere));
        let answer = self.shared.persist(|http| http.ask(&path, Some(&body), Response::number, is_known))?;
        answer.map_err(|no| match no {
            No::NotThere => RegistryError::NotRegistered { subject: subject.to_owned() },
            No::Refused(detail) => RegistryError::Refused { subject: subject.to_owned(), detail },
        })
    }

    /// What a reader will find under the number must be what is written: a registry of another kind, or two behind one address, must not be
    /// noticed by those who read the topic.
    fn read_back(&self, record: RecordType, subject: &str, id: u32) -> Result<(), RegistryError> {
        let inconsistent = |detail: String| RegistryError::Inconsistent { subject: subject.to_owned(), id, detail };
        let found = self.shared.persist(|http| ask_for(http, id))?;
        let text = found.ok_or_else(|| inconsistent("has no schema of this number".to_owned()))?;
        let schema = text.and_then(|text| WriterSchema::parse(&text)).map_err(|error| inconsistent(error.to_string()))?;
        if schema.fingerprint() != record.current().fingerprint() {
            return Err(inconsistent(format!("it is the schema of another {}", schema.record())));
        }
        let mut state = self.shared.state();
        state.make_room();
        state.insert(id, Known::Schema(Arc::new(schema)));
        self.shared.count(&state);
        Ok(())
    }
}

impl SchemaSource for Registry {
    fn schema(&self, id: u32) -> Result<Arc<WriterSchema>, ReadError> {
        let mut state = self.shared.state();
        loop {
            let number = state.wanted(id);
            let (tries, detail) = match &number.known {
                Known::Schema(schema) => return Ok(Arc::clone(schema)),
                Known::Dead(dead) => return Err(dead.clone().into()),
                Known::Not { tries, detail, .. } => (*tries, detail.clone()),
            };
            let left = match self.waiting {
                Waiting::Forever => TOLD_AGAIN,
                Waiting::AtMost(time) if tries == 0 => time.saturating_sub(number.since.elapsed()),
                Waiting::AtMost(_) => Duration::ZERO,
            };
            if left.is_zero() {
                let detail = detail.unwrap_or_else(|| "it has not answered yet".to_owned());
                return Err(NotYet { id, detail }.into());
            }
            self.shared.asked.notify_one();
            state = self.shared.answered.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    /// What is known of a number that somebody wants now.
    fn wanted(&mut self, id: u32) -> &mut Number {
        let now = Instant::now();
        let is_stale = |number: &Number| matches!(number.known, Known::Dead(_)) && number.since.elapsed() > NEGATIVE;
        if self.numbers.get(&id).is_none_or(is_stale) {
            self.numbers.remove(&id);
            self.make_room();
        }
        let known = Known::Not { tries: 0, due: now, detail: None };
        let number = self.numbers.entry(id).or_insert(Number { wanted: now, since: now, known });
        number.wanted = now;
        number
    }

    fn insert(&mut self, id: u32, known: Known) {
        let now = Instant::now();
        self.numbers.insert(id, Number { wanted: now, since: now, known });
    }

    /// Forgets what is of least use when it is full: what nobody has wanted for the longest time. What is forgotten is asked for again.
    fn make_room(&mut self) {
        if self.numbers.len() >= MAX_KEPT
            && let Some(oldest) = self.numbers.iter().min_by_key(|(_, number)| number.wanted).map(|(id, _)| *id)
        {
            self.numbers.remove(&oldest);
        }
    }

    /// The number that is to be asked for now; else when one will be.
    fn due(&mut self) -> Result<u32, Option<Instant>> {
        self.numbers.retain(|_, number| !matches!(number.known, Known::Not { .. }) || number.wanted.elapsed() < FORGOTTEN);
        let asked = self.numbers.iter().filter_map(|(id, number)| match number.known {
            Known::Not { due, .. } => Some((due, *id)),
            _ => None,
        });
        match asked.min() {
            Some((due, id)) if due <= Instant::now() => Ok(id),
            next => Err(next.map(|(due, _)| due)),
        }
    }

    /// Notes an answer, or that there was none; an answer to what was forgotten meanwhile is dropped.
    fn note(&mut self, id: u32, answer: Result<Option<Found>, Failure>) {
        let Some(number) = self.numbers.get_mut(&id) else { return };
        let before = match number.known {
            Known::Not { tries, .. } => tries,
            _ => return,
        };
        let unusable = |source: SchemaError| Known::Dead(DecodeError::UnusableSchema { id, source });
        number.known = match answer {
            Ok(None) => Known::Dead(DecodeError::UnknownId { id }),
            Ok(Some(Err(error))) => unusable(error),
            Ok(Some(Ok(text))) => WriterSchema::parse(&text).map_or_else(unusable, |schema| Known::Schema(Arc::new(schema))),
            Err(Failure { detail, .. }) => {
                let pause = FIRST_PAUSE.saturating_mul(1 << before.min(10)).min(LONGEST_PAUSE);
                Known::Not { tries: before + 1, due: Instant::now() + pause, detail: Some(detail) }
            }
        };
        if !matches!(number.known, Known::Not { .. }) {
            number.since = Instant::now();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: asks for what is due, one number after another.
    fn run(&self) {
        let mut state = self.state();
        while !state.is_ended {
            let due = state.due();
            self.count(&state);
            match due {
                Ok(id) => {
                    drop(state);
                    let answer = self.exchange(|http| ask_for(http, id));
                    state = self.state();
                    state.note(id, answer);
                    self.answered.notify_all();
                }
                Err(next) => {
                    let pause = next.map_or(FORGOTTEN, |due| due.saturating_duration_since(Instant::now()));
                    state = self.asked.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// Asks once, and lets log and metrics know how it went.
    fn exchange<T>(&self, ask: impl FnOnce(&Http) -> Result<T, Failure>) -> Result<T, Failure> {
        self.metrics.requests.inc();
        let answer = ask(&self.http);
        let mut state = self.state();
        match &answer {
            Ok(_) => {
                self.metrics.up.set(1);
                if state.told.take().is_some() {
                    tracing::info!("the schema registry answers again");
                }
            }
            Err(Failure { kind, detail }) => {
                self.metrics.failed(*kind);
                if state.told.is_none_or(|told| told.elapsed() >= TOLD_AGAIN) {
                    state.told = Some(Instant::now());
                    tracing::warn!("the schema registry does not answer, and what needs it waits: {detail}");
                }
            }
        }
        answer
    }

    /// Asks until there is an answer, or for so long that a start should say so.
    fn persist<T>(&self, ask: impl Fn(&Http) -> Result<T, Failure>) -> Result<T, RegistryError> {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            match self.exchange(&ask) {
                Ok(answer) => return Ok(answer),
                Err(Failure { detail, .. }) if begun.elapsed() + pause > PATIENCE => {
                    return Err(RegistryError::Unavailable(detail));
                }
                Err(_) => thread::sleep(pause),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn count(&self, state: &State) {
        let of = |is: fn(&Known) -> bool| {
            i64::try_from(state.numbers.values().filter(|number| is(&number.known)).count()).unwrap_or(i64::MAX)
        };
        self.metrics.schemas.set(of(|known| matches!(known, Known::Schema(_))));
        self.metrics.waiting.set(of(|known| matches!(known, Known::Not { .. })));
    }
}

/// One of several servers may lag behind: that there is no such schema counts only if all of them say so.
fn ask_for(http: &Http, id: u32) -> Result<Option<Found>, Failure> {
    http.ask(&format!("/schemas/ids/{id}"), None, Response::schema, Option::is_some)
}

/// A subject in a path. Topics have only letters, digits, dots, underscores and dashes, all of which may stand there; whatever else a
/// configuration holds is escaped.
fn escaped(subject: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    subject.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_the_topic_and_the_records_name() {
        assert_eq!(subject("motmot.moments", RecordType::Moment), "motmot.moments-motmot.Moment");
        assert_eq!(escaped("a b/c-motmot.Moment"), "a%20b%2Fc-motmot.Moment");
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_nobody_wants_goes_first() {
        let mut state = State::default();
        for id in 0..3_000 {
            state.wanted(id);
            state.wanted(0);
            assert!(state.numbers.len() <= MAX_KEPT);
        }
        assert!(state.numbers.contains_key(&0) && state.numbers.contains_key(&2_999) && !state.numbers.contains_key(&1));
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        let mut state = State::default();
        state.wanted(1);
        let failure = || Failure { kind: crate::error::Kind::Status, detail: String::new() };
        for _ in 0..100 {
            state.note(1, Err(failure()));
        }
        assert!(state.due().unwrap_err().is_some_and(|due| due <= Instant::now() + LONGEST_PAUSE));
    }
}
