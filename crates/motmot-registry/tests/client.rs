//! Promise: a number is asked for once, a registry that does not answer is waited for, and only its own word makes a dead letter.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use motmot_registry::{Credentials, Registry, RegistryConfig, RegistryError, Secret, Waiting};
use motmot_wire::{ReadError, Reader, RecordType, SchemaSource as _, Writer};

type Respond = dyn Fn(&str, &str) -> (u16, String) + Send + Sync;

/// A registry in this process: what it is asked goes to `respond` as a line (`GET /path`) and a body; each question is noted.
struct Fake {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    respond: Arc<Mutex<Box<Respond>>>,
}

impl Fake {
    fn new(respond: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let respond: Arc<Mutex<Box<Respond>>> = Arc::new(Mutex::new(Box::new(respond)));
        let (notes, answers) = (Arc::clone(&asked), Arc::clone(&respond));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (notes, answers) = (Arc::clone(&notes), Arc::clone(&answers));
                std::thread::spawn(move || serve(stream.unwrap(), &notes, &answers));
            }
        });
        Self { url, asked, respond }
    }

    fn turn(&self, respond: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static) {
        *self.respond.lock().unwrap() = Box::new(respond);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn config(&self) -> RegistryConfig {
        RegistryConfig { timeout: Duration::from_secs(20), ..RegistryConfig::new(&self.url) }
    }
}

fn serve(stream: TcpStream, notes: &Mutex<Vec<String>>, answers: &Mutex<Box<Respond>>) -> Option<()> {
    let mut input = BufReader::new(stream.try_clone().ok()?);
    let mut out = stream;
    loop {
        let mut request = String::new();
        input.read_line(&mut request).ok().filter(|count| *count > 0)?;
        let (mut length, mut authorization) = (0, String::new());
        loop {
            let mut header = String::new();
            input.read_line(&mut header).ok()?;
            let (name, value) = header.trim().split_once(": ").unwrap_or_default();
            match name.to_lowercase().as_str() {
                "" => break,
                "content-length" => length = value.parse().unwrap(),
                "authorization" => authorization = format!(" {value}"),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body).ok()?;
        let line = request.rsplit_once(' ').unwrap().0.to_owned() + &authorization;
        notes.lock().unwrap().push(line.clone());
        let (status, text) = answers.lock().unwrap()(&line, &String::from_utf8(body).unwrap());
        if status == 0 {
            std::thread::park_timeout(Duration::from_secs(60)); // it never answers
        }
        write!(out, "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{text}", text.len()).ok()?;
    }
}

fn schema(record: RecordType) -> (u16, String) {
    (200, serde_json::json!({ "schema": record.json() }).to_string())
}

fn not_there() -> (u16, String) {
    (404, r#"{"error_code": 40403, "message": "Schema not found"}"#.to_owned())
}

fn client(config: &RegistryConfig, waiting: Waiting) -> Registry {
    Registry::new(config, waiting, None).unwrap()
}

const LONG: Waiting = Waiting::AtMost(Duration::from_secs(90));

fn detail(registry: &Registry, id: u32) -> String {
    match registry.schema(id) {
        Err(ReadError::NotYet(not_yet)) => not_yet.detail,
        other => panic!("{other:?}"),
    }
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(90), "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn many_threads_ask_and_the_registry_hears_of_it_once() {
    let fake = Fake::new(|_, _| schema(RecordType::Touchpoint));
    let reader = Reader::new().with_registry(Arc::new(client(&fake.config(), LONG)));
    let mut value = Vec::new();
    let line = br#"{"event_id": "e1", "occurred_at": 0, "stage": "greeting", "channel": "c", "site": "s", "outcome": "none"}"#;
    let touchpoint = motmot_wire::json::parse_json_line(line).unwrap().touchpoint;
    Writer::new().with_schema_id(RecordType::Touchpoint, 7).touchpoint(&touchpoint, &mut value).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..100).for_each(|_| assert_eq!(reader.touchpoint(&value).unwrap(), touchpoint)));
        }
    });
    assert_eq!(fake.asked(), ["GET /schemas/ids/7"]);
}

#[test]
fn nonsense_is_waited_for_and_never_dead_and_it_goes_on_when_the_registry_does() {
    let nonsense: [(u16, &str, &str); 5] = [
        (200, "<html>welcome</html>", "none of a registry's"),
        (200, "{\"schema\": \"{", "none of a registry's"),
        (503, "starting", "503"),
        (404, "<html>no such page</html>", "is registry.url right"),
        (401, "", "registry.password_file"),
    ];
    let fake = Fake::new(|_, _| (500, String::new()));
    let registry = client(&fake.config(), LONG);
    for (id, (status, body, words)) in (0..).zip(nonsense) {
        fake.turn(move |_, _| (status, body.to_owned()));
        let found = detail(&registry, id);
        assert!(found.contains(words) && found.contains(&fake.url), "{found}");
        let begun = Instant::now();
        detail(&registry, id);
        assert!(begun.elapsed() < Duration::from_secs(30), "known trouble keeps nobody waiting");
        fake.turn(|_, _| schema(RecordType::Moment));
        eventually("the schema", || registry.schema(id).is_ok_and(|schema| schema.record() == RecordType::Moment));
    }
}

#[test]
fn a_slow_registry_keeps_a_shard_waiting_for_a_moment_only() {
    let fake = Fake::new(|_, _| (0, String::new()));
    let short = Duration::from_millis(50);
    let registry = client(&RegistryConfig { timeout: Duration::from_secs(3), ..fake.config() }, Waiting::AtMost(short));
    let begun = Instant::now();
    assert_eq!(detail(&registry, 1), "it has not answered yet", "long before its time-out");
    assert!(begun.elapsed() >= short, "{:?}", begun.elapsed());
    eventually("its time-out", || detail(&registry, 1).contains("no answer in time"));
}

#[test]
fn nobody_there_is_told_and_another_server_is_asked() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = format!("http://{gone}");
    assert!(detail(&client(&RegistryConfig::new(&gone), LONG), 1).contains(&gone));
    let fake = Fake::new(|_, _| schema(RecordType::Cycle));
    let both = RegistryConfig { urls: vec![gone, fake.url.clone()], ..fake.config() };
    assert!(client(&both, LONG).schema(1).is_ok());
}

#[test]
fn dead_is_what_the_registry_says_is_not_there_or_has_no_use() {
    let fake = Fake::new(|line, _| match line {
        "GET /schemas/ids/1" => not_there(),
        "GET /schemas/ids/2" => (200, r#"{"schema": "\"long\""}"#.to_owned()),
        "GET /schemas/ids/3" => (200, r#"{"schema": "{"}"#.to_owned()),
        "GET /schemas/ids/4" => (200, r#"{"schema": "\"a.B\"", "references": [{"name": "a.B"}]}"#.to_owned()),
        _ => schema(RecordType::Touchpoint),
    });
    let registry = client(&fake.config(), LONG);
    for (id, reason, words) in [
        (1, "unknown_schema", "has no schema 1"),
        (2, "unusable_schema", "none of motmot's records"),
        (3, "unusable_schema", "no Avro schema"),
        (4, "unusable_schema", "a.B"),
    ] {
        match registry.schema(id) {
            Err(ReadError::Dead(dead)) => assert!(dead.reason() == reason && dead.to_string().contains(words), "{dead}"),
            other => panic!("{other:?}"),
        }
    }
    let before = fake.asked().len();
    assert!(registry.schema(1).is_err());
    assert_eq!(fake.asked().len(), before, "a no holds for a while");
}

#[test]
fn one_of_several_servers_may_lag_behind() {
    let (behind, ahead) = (Fake::new(|_, _| not_there()), Fake::new(|_, _| schema(RecordType::Touchpoint)));
    let both = RegistryConfig { urls: vec![behind.url.clone(), ahead.url.clone()], ..behind.config() };
    assert!(client(&both, LONG).schema(1).is_ok());
    // The one that knows does not answer: the other's no is not the registry's.
    ahead.turn(|_, _| (503, String::new()));
    let registry = client(&both, LONG);
    let words = detail(&registry, 1);
    assert!(words.contains(&ahead.url) && words.contains("503") && words.contains("lag behind"), "{words}");
    ahead.turn(|_, _| not_there());
    eventually("the no of both", || matches!(registry.schema(1), Err(ReadError::Dead(_))));
}

#[test]
fn credentials_go_with_each_question_and_a_token_may_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "first\n").unwrap();
    let fake = Fake::new(|_, _| schema(RecordType::Touchpoint));
    let bearer = RegistryConfig { credentials: Some(Credentials::Token(Secret::File(token.clone()))), ..fake.config() };
    let registry = client(&bearer, LONG);
    assert!(registry.schema(1).is_ok());
    std::fs::write(&token, "second\n").unwrap();
    assert!(registry.schema(2).is_ok());
    let basic = Credentials::Basic { user: "ada".to_owned(), password: Secret::Value("open sesame".to_owned()) };
    assert!(client(&RegistryConfig { credentials: Some(basic), ..fake.config() }, LONG).schema(3).is_ok());
    let questions =
        ["GET /schemas/ids/1 Bearer first", "GET /schemas/ids/2 Bearer second", "GET /schemas/ids/3 Basic YWRhOm9wZW4gc2VzYW1l"];
    assert_eq!(fake.asked(), questions);
}

#[test]
fn a_writer_registers_or_looks_up_and_reads_back() {
    let registered = |line: &str, body: &str| match line {
        "POST /subjects/t-motmot.Moment/versions" | "POST /subjects/t-motmot.Moment" => {
            assert!(body.contains("motmot") && body.contains("schema"));
            (200, r#"{"id": 17}"#.to_owned())
        }
        "GET /schemas/ids/17" => schema(RecordType::Moment),
        _ => (404, r#"{"error_code": 40401, "message": "Subject not found"}"#.to_owned()),
    };
    let fake = Fake::new(registered);
    let looking = RegistryConfig { auto_register: false, ..fake.config() };
    let (registry, looking) = (client(&fake.config(), LONG), client(&looking, LONG));
    assert!(registry.writer(&[(RecordType::Moment, "t")]).is_ok());
    assert!(looking.writer(&[(RecordType::Moment, "t")]).is_ok());
    assert!(registry.schema(17).is_ok());
    let lookups = fake.asked().iter().filter(|line| *line == "GET /schemas/ids/17").count();
    assert_eq!(lookups, 2, "what was read back is known");
    let missing = looking.writer(&[(RecordType::Cycle, "t")]).unwrap_err();
    assert_eq!(missing, RegistryError::NotRegistered { subject: "t-motmot.Cycle".to_owned() });
    fake.turn(|_, _| (409, r#"{"error_code": 409, "message": "it is incompatible"}"#.to_owned()));
    let refused = registry.writer(&[(RecordType::Moment, "t")]).unwrap_err();
    assert!(matches!(refused, RegistryError::Refused { .. }) && refused.to_string().contains("it is incompatible"), "{refused}");
    fake.turn(|line, _| if line.starts_with("POST") { (200, r#"{"id": 3}"#.to_owned()) } else { schema(RecordType::Cycle) });
    let other = registry.writer(&[(RecordType::Moment, "t")]).unwrap_err();
    assert!(matches!(other, RegistryError::Inconsistent { id: 3, .. }), "{other}");
}

#[test]
fn metrics_say_how_it_goes() {
    let fake = Fake::new(|_, _| (503, String::new()));
    let metrics = prometheus::Registry::new();
    let registry = Registry::new(&fake.config(), LONG, Some(&metrics)).unwrap();
    let value = |name: &str| {
        let families = metrics.gather();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        family.get_metric().iter().map(|metric| metric.get_gauge().get_value() + metric.get_counter().get_value()).sum::<f64>()
    };
    assert_eq!(value("motmot_registry_up"), 1.0, "who was not asked is not down");
    detail(&registry, 1);
    assert_eq!((value("motmot_registry_up"), value("motmot_registry_waiting_schemas")), (0.0, 1.0));
    assert!(value("motmot_registry_failures_total") >= 1.0);
    fake.turn(|_, _| schema(RecordType::Touchpoint));
    eventually("the schema", || registry.schema(1).is_ok());
    eventually("the gauges", || value("motmot_registry_schemas") == 1.0 && value("motmot_registry_waiting_schemas") == 0.0);
    assert_eq!(value("motmot_registry_up"), 1.0);
}
