//! Where snapshots lie: an address and its options, made into a client.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStore, ObjectStoreScheme, RetryConfig};
use serde::Deserialize;
use url::Url;

use crate::error::SnapshotError;

/// What a worker must be told about its snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotConfig {
    /// `file:///FOLDER`, `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`.
    pub url: String,
    /// How often each partition makes one, in ms.
    #[serde(default = "default_interval_ms")]
    pub interval_ms: u64,
    /// How many of each partition are kept.
    #[serde(default = "default_keep")]
    pub keep: usize,
    /// Options of the client, under its own names: `aws_endpoint`, `aws_region`, `google_service_account` … They win over the variables of the
    /// environment under which each cloud's own tools find them.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

impl SnapshotConfig {
    /// All defaults, at an address.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), interval_ms: default_interval_ms(), keep: default_keep(), options: BTreeMap::new() }
    }
}

const fn default_interval_ms() -> u64 {
    60_000
}
const fn default_keep() -> usize {
    3
}

/// A store of snapshots, and where in it they lie.
#[derive(Clone, Debug)]
pub struct Address {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) prefix: Path,
}

/// How long the client itself tries again; whoever called it has patience of its own.
const RETRIES: Duration = Duration::from_secs(20);

impl Address {
    /// Makes a client; nobody is asked yet.
    ///
    /// # Errors
    /// When the address or an option is wrong.
    pub fn open(url: &str, options: &BTreeMap<String, String>) -> Result<Self, SnapshotError> {
        install_cryptography();
        let wrong = |detail: String| SnapshotError::Address { url: url.to_owned(), detail };
        let parsed = Url::parse(url).map_err(|e| wrong(e.to_string()))?;
        let (scheme, prefix) = ObjectStoreScheme::parse(&parsed).map_err(|e| wrong(e.to_string()))?;
        let retry = RetryConfig { max_retries: 4, retry_timeout: RETRIES, ..RetryConfig::default() };
        let failed = |e: object_store::Error| wrong(e.to_string());
        let store: Arc<dyn ObjectStore> = match scheme {
            ObjectStoreScheme::Local => {
                let keys: Vec<(std::convert::Infallible, String)> = keys(options, "a folder has no options")?;
                debug_assert!(keys.is_empty(), "nothing parses as no option");
                // Written to the disk before it counts, as a cloud's store does it.
                Arc::new(LocalFileSystem::new().with_fsync(true))
            }
            ObjectStoreScheme::AmazonS3 => {
                let known = "it is no option of S3; such as aws_region, aws_endpoint, aws_access_key_id, aws_allow_http";
                let keys: Vec<(AmazonS3ConfigKey, String)> = keys(options, known)?;
                let builder = AmazonS3Builder::from_env().with_url(url).with_retry(retry);
                let builder = keys.into_iter().fold(builder, |builder, (key, value)| builder.with_config(key, value));
                Arc::new(builder.build().map_err(failed)?)
            }
            ObjectStoreScheme::GoogleCloudStorage => {
                let known = "it is no option of Google's store; such as google_service_account, google_application_credentials";
                let keys: Vec<(GoogleConfigKey, String)> = keys(options, known)?;
                let builder = GoogleCloudStorageBuilder::from_env().with_url(url).with_retry(retry);
                let builder = keys.into_iter().fold(builder, |builder, (key, value)| builder.with_config(key, value));
                Arc::new(builder.build().map_err(failed)?)
            }
            ObjectStoreScheme::MicrosoftAzure => {
                let known = "it is no option of Azure's store; such as azure_storage_account_name, azure_storage_account_key";
                let keys: Vec<(AzureConfigKey, String)> = keys(options, known)?;
                let builder = MicrosoftAzureBuilder::from_env().with_url(url).with_retry(retry);
                let builder = keys.into_iter().fold(builder, |builder, (key, value)| builder.with_config(key, value));
                Arc::new(builder.build().map_err(failed)?)
            }
            _ => return Err(wrong(format!("motmot has no client for {}", parsed.scheme()))),
        };
        Ok(Self { store, prefix })
    }

    /// A store that is in hand already.
    pub fn of(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, prefix: Path::default() }
    }
}

/// Options under their own names. One that is not known would be left out in silence by the client.
fn keys<K: OptionKey>(options: &BTreeMap<String, String>, known: &str) -> Result<Vec<(K, String)>, SnapshotError> {
    let parse = |(name, value): (&String, &String)| {
        let wrong = || SnapshotError::Option { option: name.clone(), detail: known.to_owned() };
        K::parse(&name.to_ascii_lowercase()).map(|key| (key, value.clone())).ok_or_else(wrong)
    };
    options.iter().map(parse).collect()
}

trait OptionKey: Sized {
    fn parse(name: &str) -> Option<Self>;
}

impl OptionKey for std::convert::Infallible {
    fn parse(_: &str) -> Option<Self> {
        None
    }
}

/// The options of each store, and those that all clients have.
macro_rules! option_key {
    ($key:ty) => {
        impl OptionKey for $key {
            fn parse(name: &str) -> Option<Self> {
                Self::from_str(name).ok().or_else(|| ClientConfigKey::from_str(name).ok().map(Self::Client))
            }
        }
    };
}
option_key!(AmazonS3ConfigKey);
option_key!(GoogleConfigKey);
option_key!(AzureConfigKey);

/// The HTTP client asks for a process-wide choice of TLS's cryptography: ring's, which it is built with.
fn install_cryptography() {
    // An error says that the process has chosen already.
    drop(rustls::crypto::ring::default_provider().install_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, options: &[(&str, &str)], expected: &str) {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let said = Address::open(url, &options).map_or_else(|error| error.to_string(), |address| address.prefix.to_string());
        assert!(said.contains(expected), "{url}: {said}");
    }

    #[test]
    fn every_kind_of_address_has_its_client() {
        check("file:///var/lib/snapshots", &[], "var/lib/snapshots");
        let s3 =
            [("aws_region", "eu-west-1"), ("aws_access_key_id", "a"), ("aws_secret_access_key", "b"), ("allow_http", "true")];
        check("s3://bucket/some/prefix", &s3, "some/prefix");
        check("gs://bucket/prefix", &[("google_skip_signature", "true")], "prefix");
        let azure = [("azure_storage_account_name", "a"), ("azure_storage_account_key", "Yg==")];
        check("az://container/prefix", &azure, "prefix");
    }

    #[test]
    fn what_is_no_address_or_option_is_said() {
        check("snapshots", &[], "snapshots.url is `snapshots`");
        check("ftp://x/y", &[], "s3://BUCKET/PREFIX");
        check("https://example.org/x", &[], "no client for https");
        check("file:///x", &[("aws_region", "y")], "snapshots.options.aws_region: a folder has no options");
        check("s3://bucket/x", &[("aws_regoin", "y")], "snapshots.options.aws_regoin: it is no option of S3");
    }
}
