//! A door before a registry: TLS, and a name and a password. What comes in by it is passed on as it is.
#![allow(clippy::unwrap_used, reason = "support of tests: it says by a panic what broke")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use openssl::ssl::{SslAcceptor, SslMethod};

use crate::secure::Identity;

/// Who may pass.
pub const USER: &str = "ada";
/// And by which password.
pub const PASSWORD: &str = "0pen-plover-7";

/// The door; it stands as long as the process.
#[derive(Debug)]
pub struct Gate {
    /// Of the host that its certificate names.
    pub port: u16,
    /// What its certificate is signed by.
    pub authority: PathBuf,
}

impl Gate {
    /// Opens one before `port`, with its certificate in `folder`.
    ///
    /// # Panics
    /// When there is no port, or no certificate can be made.
    pub fn before(port: u16, folder: &Path) -> Self {
        let identity = Identity::new(folder, "gate", 1);
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
        acceptor.set_private_key(&identity.key).unwrap();
        acceptor.set_certificate(&identity.certificate).unwrap();
        let (acceptor, listener) = (Arc::new(acceptor.build()), TcpListener::bind("127.0.0.1:0").unwrap());
        let own = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let acceptor = Arc::clone(&acceptor);
                // Who does not like the certificate hangs up; that is the caller's to say.
                thread::spawn(move || acceptor.accept(stream).ok().and_then(|stream| pass(stream, port).ok()));
            }
        });
        Self { port: own, authority: identity.file }
    }
}

/// One request and its answer.
fn pass(stream: impl Read + Write, port: u16) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut head, mut length, mut authorization) = (String::new(), 0, String::new());
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let (name, value) = line.trim().split_once(": ").unwrap_or_default();
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => value.clone_into(&mut authorization),
            _ => {}
        }
        if line.trim().is_empty() {
            break;
        }
        if !name.eq_ignore_ascii_case("connection") {
            head += &line;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let answer = if authorization == format!("Basic {}", BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"))) {
        let mut registry = TcpStream::connect(("127.0.0.1", port))?;
        registry.write_all(&[head.as_bytes(), b"Connection: close\r\n\r\n", &body].concat())?;
        let mut answer = Vec::new();
        registry.read_to_end(&mut answer)?;
        answer
    } else {
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
    };
    stream.get_mut().write_all(&answer)
}
