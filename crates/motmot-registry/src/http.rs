//! One question to a registry: to one of its servers after another, until one answers.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ureq::Agent;
use ureq::http::{Method, Request};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use crate::answer::Response;
use crate::config::{Credentials, RegistryConfig};
use crate::error::{Failure, Kind, RegistryError};

/// The longest answer that is read: a schema of the longest kind, in JSON's escapes.
const MAX_BODY: u64 = 2 << 20;
const JSON: &str = "application/vnd.schemaregistry.v1+json";

/// A connection to a registry's servers.
#[derive(Debug)]
pub(crate) struct Http {
    agent: Agent,
    urls: Vec<String>,
    credentials: Option<Credentials>,
    /// The server that answered last: it is asked first.
    good: AtomicUsize,
}

impl Http {
    pub(crate) fn new(config: &RegistryConfig) -> Result<Self, RegistryError> {
        for url in &config.urls {
            check(url).map_err(RegistryError::Config)?;
        }
        if config.urls.is_empty() {
            return Err(RegistryError::Config("registry.url names no server".to_owned()));
        }
        let roots = match &config.ca_file {
            Some(path) => certificates(path).map_err(RegistryError::Config)?,
            None => RootCerts::PlatformVerifier,
        };
        let agent = Agent::config_builder()
            .timeout_global(Some(config.timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            // Credentials go to the server that is named, and nowhere else.
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("motmot/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(roots).build())
            .build()
            .new_agent();
        Ok(Self { agent, urls: config.urls.clone(), credentials: config.credentials.clone(), good: AtomicUsize::new(0) })
    }

    /// Asks, and reads the answer by `read`. A server that fails is followed by the next. An answer that `believe` does not take must be that
    /// of all servers: one may not have heard yet of what another knows, also of what one knows that does not answer now.
    pub(crate) fn ask<T>(
        &self,
        path: &str,
        body: Option<&str>,
        read: impl Fn(&Response) -> Result<T, Failure>,
        believe: impl Fn(&T) -> bool,
    ) -> Result<T, Failure> {
        let (first, count) = (self.good.load(Ordering::Relaxed), self.urls.len());
        let (mut doubted, mut failed) = (None, None);
        for position in (0..count).map(|step| (first + step) % count) {
            let Some(url) = self.urls.get(position) else { continue };
            let asked = self.exchange(url, path, body).and_then(|response| read(&response));
            match asked {
                Ok(answer) => {
                    self.good.store(position, Ordering::Relaxed);
                    if believe(&answer) {
                        return Ok(answer);
                    }
                    doubted = Some(answer);
                }
                Err(Failure { kind, detail }) => {
                    failed.get_or_insert(Failure { kind, detail: format!("{url}: {detail}") });
                }
            }
        }
        match (doubted, failed) {
            (Some(answer), None) => Ok(answer),
            (Some(_), Some(Failure { kind, detail })) => {
                Err(Failure { kind, detail: format!("{detail} (another of its servers does not have it, which may lag behind)") })
            }
            (None, Some(failure)) => Err(failure),
            (None, None) => Err(Failure { kind: Kind::Unreachable, detail: "registry.url names no server".to_owned() }),
        }
    }

    fn exchange(&self, url: &str, path: &str, body: Option<&str>) -> Result<Response, Failure> {
        let request = Request::builder()
            .method(if body.is_some() { Method::POST } else { Method::GET })
            .uri(format!("{url}{path}"))
            .header("accept", format!("{JSON}, application/json"));
        let request = match self.authorization().map_err(|detail| Failure { kind: Kind::Unauthorized, detail })? {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        };
        // Not the error's words: they may quote a header.
        let unusable =
            |_| Failure { kind: Kind::Unreachable, detail: "its address or credentials cannot be put into a request".to_owned() };
        let answered = match body {
            Some(body) => self.agent.run(request.header("content-type", JSON).body(body).map_err(unusable)?),
            None => self.agent.run(request.body(()).map_err(unusable)?),
        };
        let mut answered = answered.map_err(|error| failure(&error))?;
        let mut text = Vec::new();
        let mut bounded = answered.body_mut().as_reader().take(MAX_BODY + 1);
        bounded.read_to_end(&mut text).map_err(|error| failure(&ureq::Error::from(error)))?;
        let is_cut = text.len() as u64 > MAX_BODY;
        Ok(Response { status: answered.status().as_u16(), body: text, is_cut })
    }

    fn authorization(&self) -> Result<Option<String>, String> {
        Ok(match &self.credentials {
            None => None,
            Some(Credentials::Basic { user, password }) => {
                Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{}", password.read()?))))
            }
            Some(Credentials::Token(token)) => Some(format!("Bearer {}", token.read()?)),
        })
    }
}

/// What is wrong with a server's address, if anything. Its words do not quote what may be a password.
fn check(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
        return Err(
            "registry.url should be http://HOST:PORT or https://HOST:PORT, with the registry's path if it has one".to_owned()
        );
    };
    if rest.split('/').next().is_some_and(|host| host.contains('@')) {
        return Err("registry.url holds a user or a password: put them into registry.user and registry.password_file".to_owned());
    }
    if rest.contains(['?', '#']) || rest.ends_with('/') || url.parse::<ureq::http::Uri>().is_err() {
        return Err(format!("registry.url `{url}` is no address of a registry: it should be http://HOST:PORT, or with a path"));
    }
    Ok(())
}

fn certificates(path: &std::path::Path) -> Result<RootCerts, String> {
    let named = |what: &dyn std::fmt::Display| format!("registry.ca_file {}: {what}", path.display());
    let pem = std::fs::read(path).map_err(|error| named(&error))?;
    let items: Result<Vec<PemItem<'static>>, _> = parse_pem(&pem).collect();
    let items = items.map_err(|error| named(&format!("this is not PEM ({error})")))?;
    let only = |item| if let PemItem::Certificate(certificate) = item { Some(certificate) } else { None };
    let certificates: Vec<Certificate<'static>> = items.into_iter().filter_map(only).collect();
    if certificates.is_empty() {
        return Err(named(&"it holds no certificate (-----BEGIN CERTIFICATE-----)"));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

fn failure(error: &ureq::Error) -> Failure {
    let kind = match error {
        ureq::Error::Timeout(_) => Kind::Timeout,
        ureq::Error::Protocol(_) | ureq::Error::Http(_) => Kind::Nonsense,
        ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::TimedOut => Kind::Timeout,
        _ => Kind::Unreachable,
    };
    let detail = match kind {
        Kind::Timeout => format!("no answer in time ({error})"),
        Kind::Nonsense => format!("its answer is no HTTP ({error}); is registry.url right?"),
        // Only OpenSSL's words tell.
        _ if error.to_string().contains("certificate") => {
            format!(
                "{error}. Check registry.ca_file, and that registry.url names the server as its certificate does, which must be in date"
            )
        }
        _ => format!("{error}"),
    };
    Failure { kind, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_password_is_refused_without_showing_it() {
        let refused = check("https://ada:hunter2@registry:8081").unwrap_err();
        assert!(refused.contains("registry.password_file") && !refused.contains("hunter2"), "{refused}");
        for wrong in ["registry:8081", "http://", "ftp://registry", "http://registry/", "http://registry?x=1"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        for good in ["http://127.0.0.1:8081", "https://registry/apis/ccompat/v7"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }
}
