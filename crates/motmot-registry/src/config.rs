//! What a client must be told.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where a secret is. It is read when it is used, so that a file may be replaced while a process runs.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The secret itself.
    Value(String),
    /// A file that holds it; white space around it does not count.
    File(PathBuf),
}

impl Secret {
    /// The secret.
    ///
    /// # Errors
    /// In words that name the file, when it cannot be read or is empty.
    pub fn read(&self) -> Result<String, String> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
                Ok(_) => Err(format!("the file {} is empty; it should hold a password or a token", path.display())),
                Err(error) => Err(format!("the file {} cannot be read: {error}", path.display())),
            },
        }
    }
}

/// Never the secret, also not its length.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("(hidden)"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// How the client says who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// HTTP's basic authentication.
    Basic {
        /// The user's name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A bearer token.
    Token(Secret),
}

/// How to reach a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryConfig {
    /// Its servers, without a slash at the end: `https://registry:8081`, or with a path. When one does not answer, the next is asked.
    pub urls: Vec<String>,
    /// Who is asking.
    pub credentials: Option<Credentials>,
    /// The certificates (PEM) that a server's must be signed by; none: those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long one question to one server may take.
    pub timeout: Duration,
    /// Register the schemas that are written; otherwise they must be there.
    pub auto_register: bool,
}

impl RegistryConfig {
    /// How long a question may take unless something else is said.
    pub const TIMEOUT: Duration = Duration::from_secs(5);

    /// One server, no credentials.
    pub fn new(url: impl Into<String>) -> Self {
        Self { urls: vec![url.into()], credentials: None, ca_file: None, timeout: Self::TIMEOUT, auto_register: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let password = Secret::Value("hunter2".to_owned());
        let basic = Credentials::Basic { user: "ada".to_owned(), password: password.clone() };
        for credentials in [basic, Credentials::Token(password)] {
            let words = format!("{:?}", RegistryConfig { credentials: Some(credentials), ..RegistryConfig::new("http://r") });
            assert!(words.contains("(hidden)") && !words.contains("hunter2"), "{words}");
        }
    }

    #[test]
    fn a_file_is_read_when_it_is_used_and_missed_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let secret = Secret::File(folder.path().join("token"));
        assert!(secret.read().unwrap_err().contains("cannot be read"));
        for (text, expected) in [("one\n", Ok("one".to_owned())), (" two ", Ok("two".to_owned()))] {
            std::fs::write(folder.path().join("token"), text).unwrap();
            assert_eq!(secret.read(), expected);
        }
        std::fs::write(folder.path().join("token"), "\n").unwrap();
        assert!(secret.read().unwrap_err().contains("is empty"));
    }
}
