//! HTTP on the loopback interface, as much of it as Prometheus, Alertmanager and these tests use.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says by a panic what broke")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// Serves on a free port until the process ends: `answer` gets the path and the body of each request and gives the body of the reply.
///
/// # Panics
/// When no port can be opened.
pub fn serve(answer: impl Fn(&str, &str) -> String + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A caller that hangs up in the middle is no failure of the test.
            reply(stream, &answer).ok();
        }
    });
    port
}

fn reply(mut stream: TcpStream, answer: &impl Fn(&str, &str) -> String) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = first.split(' ').nth(1).unwrap_or("/");
    let text = answer(path, &String::from_utf8_lossy(&body));
    let kind = if text.starts_with('{') { "application/json" } else { "text/plain; version=0.0.4" };
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len())
}

/// The status and the body that a GET gives; none: nobody answers.
pub fn get(port: u16, path: &str) -> Option<(u16, String)> {
    ask(port, &format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"))
}

/// The status and the body that a POST of JSON gives; none: nobody answers.
pub fn post(port: u16, path: &str, body: &str) -> Option<(u16, String)> {
    let length = body.len();
    let head = "Host: 127.0.0.1\r\nContent-Type: application/json";
    ask(port, &format!("POST {path} HTTP/1.0\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}"))
}

fn ask(port: u16, request: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    // HTTP/1.0: the reply comes in one piece and ends with the connection.
    stream.write_all(request.as_bytes()).ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).ok()?;
    let (head, body) = reply.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// `text` as a part of an address's query.
pub fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
