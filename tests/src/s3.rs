//! A real S3 server as a process on loopback: moto, which `deploy/local/setup test` brings.
#![allow(clippy::unwrap_used, reason = "support of tests: failing is its way to speak")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use motmot_snapshot::SnapshotConfig;

use crate::process::{Process, free_port, skip};

const BUCKET: &str = "snapshots";

/// A running server with one bucket.
#[derive(Debug)]
pub struct S3 {
    port: u16,
    _process: Process,
}

impl S3 {
    /// Starts one; none: it is not there, which was said.
    pub fn start(folder: &Path) -> Option<Self> {
        let Some(program) = std::env::var_os("MOTMOT_MOTO_SERVER").map(PathBuf::from) else {
            skip("MOTMOT_MOTO_SERVER names no S3 server: `deploy/local/setup test` brings it, `make test` finds it");
            return None;
        };
        let port = free_port();
        let arguments = ["-H", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned);
        let mut process = Process::start("moto", &program, &arguments, &[], folder);
        process.until("its bucket", Duration::from_secs(60), || make_bucket(port));
        Some(Self { port, _process: process })
    }

    /// Snapshots in its bucket.
    pub fn snapshots(&self) -> SnapshotConfig {
        let options = [
            ("aws_endpoint", format!("http://127.0.0.1:{}", self.port)),
            ("aws_allow_http", "true".to_owned()),
            ("aws_region", "us-east-1".to_owned()),
            ("aws_access_key_id", "test".to_owned()),
            ("aws_secret_access_key", "test".to_owned()),
        ];
        let options: BTreeMap<String, String> = options.map(|(name, value)| (name.to_owned(), value)).into();
        SnapshotConfig { options, ..SnapshotConfig::new(format!("s3://{BUCKET}/motmot/test")) }
    }
}

fn make_bucket(port: u16) -> Option<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "PUT /{BUCKET} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n").ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).ok()?;
    reply.starts_with("HTTP/1").then(|| reply.contains(" 200 ")).filter(|made| *made).map(drop)
}
