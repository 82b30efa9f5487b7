//! The HTTP endpoint of a process: `/metrics` for Prometheus, `/livez` and `/readyz` for the orchestrator, `/` for people.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;

use crate::failure::Usage;
use crate::lifecycle::Stop;

/// Says why a part of the process is not ready, in words.
pub(crate) type Readiness = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What a process shows of itself.
pub(crate) struct Endpoint {
    /// What the process is, in a few words: `worker`, `desk`.
    pub(crate) role: &'static str,
    /// The metrics of all its parts.
    pub(crate) registry: Registry,
    /// Its parts by name, each with its readiness.
    pub(crate) parts: Vec<(&'static str, Readiness)>,
}

impl Endpoint {
    /// What `/readyz` says: ready, or one line for each part that is not.
    pub(crate) fn readiness(&self) -> Result<(), String> {
        let lines: Vec<_> = self.parts.iter().filter_map(|(name, ready)| Some(format!("{name}: {}", ready().err()?))).collect();
        if lines.is_empty() { Ok(()) } else { Err(lines.join("\n")) }
    }

    fn router(self) -> Router {
        Router::new()
            .route("/", get(index))
            .route("/metrics", get(metrics))
            .route("/livez", get(|| async { "alive\n" }))
            .route("/readyz", get(readyz))
            .with_state(Arc::new(self))
    }
}

/// Takes the address, so that a busy one is told before anything else is started.
pub(crate) async fn bind(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let mend = "set another with `http.listen` in the configuration, MOTMOT_HTTP__LISTEN, or --set http.listen=ADDRESS:PORT";
        let why = match error.kind() {
            ErrorKind::AddrInUse => format!("the HTTP address {address} is taken by another process: stop that one, or {mend}"),
            ErrorKind::PermissionDenied => {
                format!("this user may not open the HTTP address {address}: ports below 1024 are root's; {mend}")
            }
            _ => format!("the HTTP address {address} cannot be opened ({error}); {mend}"),
        };
        Usage(why).into()
    })
}

/// Where a listener can be reached.
pub(crate) fn address(listener: &TcpListener) -> anyhow::Result<SocketAddr> {
    listener.local_addr().context("the HTTP address is unknown")
}

/// Serves until the process is to stop. It goes on while the other parts stop, so that the last scrape sees them do it.
pub(crate) async fn serve(listener: TcpListener, endpoint: Endpoint, stop: Stop) -> anyhow::Result<()> {
    axum::serve(listener, endpoint.router()).with_graceful_shutdown(stop.asked()).await.context("the HTTP endpoint failed")
}

async fn index(State(endpoint): State<Arc<Endpoint>>) -> Html<String> {
    let state = match endpoint.readiness() {
        Ok(()) => "ready".to_owned(),
        Err(why) => format!("not ready<br>{}", why.replace('&', "&amp;").replace('<', "&lt;").replace('\n', "<br>")),
    };
    Html(format!(
        "<!doctype html><meta charset=utf-8><title>motmot {role}</title><h1>motmot {role} {version}</h1><p>{state}</p><ul>\
         <li><a href=/metrics>/metrics</a>: for Prometheus; docs/metrics.md says what each one means</li>\
         <li><a href=/livez>/livez</a>: the process runs; restart it when this does not answer</li>\
         <li><a href=/readyz>/readyz</a>: it does its work, or says why not</li></ul>\n",
        role = endpoint.role,
        version = env!("CARGO_PKG_VERSION"),
    ))
}

async fn metrics(State(endpoint): State<Arc<Endpoint>>) -> Response {
    match TextEncoder::new().encode_to_string(&endpoint.registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("the metrics cannot be written: {error}\n")).into_response(),
    }
}

async fn readyz(State(endpoint): State<Arc<Endpoint>>) -> Response {
    match endpoint.readiness() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready\n{why}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn check(path: &str, ready: Result<(), String>, expected: &[&str]) {
        let registry = Registry::new();
        let gauge = prometheus::IntGauge::new("motmot_test", "A test's").unwrap();
        registry.register(Box::new(gauge)).unwrap();
        let endpoint = Endpoint { role: "worker", registry, parts: vec![("worker", Box::new(move || ready.clone()))] };
        let listener = bind("127.0.0.1:0").await.unwrap();
        let mut stream = tokio::net::TcpStream::connect(address(&listener).unwrap()).await.unwrap();
        let (stopper, stop) = crate::lifecycle::stop();
        let server = tokio::spawn(serve(listener, endpoint, stop));
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        stopper.stop();
        server.await.unwrap().unwrap();
        for words in expected {
            assert!(answer.contains(words), "`{words}` is not in {answer}");
        }
    }

    #[tokio::test]
    async fn each_path_says_what_it_is_for() {
        check("/", Ok(()), &["200", "motmot worker", "/metrics"]).await;
        check("/metrics", Ok(()), &["200", "# HELP motmot_test A test's", "motmot_test 0"]).await;
        check("/livez", Err("behind".to_owned()), &["200", "alive"]).await;
        check("/readyz", Ok(()), &["200", "ready"]).await;
        check("/readyz", Err("partition 3 is behind".to_owned()), &["503", "not ready", "worker: partition 3 is behind"]).await;
    }

    #[tokio::test]
    async fn a_busy_port_is_told_with_its_mend() {
        let taken = bind("127.0.0.1:0").await.unwrap();
        let error = bind(&address(&taken).unwrap().to_string()).await.unwrap_err();
        assert!(
            error.to_string().contains("is taken by another process") && error.to_string().contains("http.listen"),
            "{error}"
        );
        assert!(error.is::<Usage>());
    }
}
