//! What can be wrong with a registry, in words.

use motmot_wire::SchemaError;

/// Why the schemas that are to be written have no number, or there is no client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The configuration cannot work.
    #[error("the schema registry's configuration: {0}")]
    Config(String),
    /// It does not answer, or not as a registry does.
    #[error("the schema registry cannot be used: {0}")]
    Unavailable(String),
    /// The schema is not there, and may not be registered.
    #[error(
        "the schema registry has not the schema that this version writes under {subject}: register it (schemas/ has it), or set \
         registry.auto_register = true"
    )]
    NotRegistered {
        /// The subject.
        subject: String,
    },
    /// The registry does not take the schema.
    #[error(
        "the schema registry refuses the schema that this version writes under {subject}: {detail}. Look at the subject's \
         compatibility level and at who registered what there"
    )]
    Refused {
        /// The subject.
        subject: String,
        /// The registry's words.
        detail: String,
    },
    /// The number that the registry gave does not lead back to the schema.
    #[error(
        "the schema registry gave the number {id} to the schema of {subject}, but {detail}: is it a registry, and does registry.url name one only?"
    )]
    Inconsistent {
        /// The subject.
        subject: String,
        /// The number.
        id: u32,
        /// What is there.
        detail: String,
    },
}

/// A question was not answered: nothing is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// In words, with the server's address.
    pub(crate) detail: String,
}

/// Failures as a counter has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No connection: nobody there, no TLS, no such name.
    Unreachable,
    /// It took too long.
    Timeout,
    /// 401 or 403.
    Unauthorized,
    /// Another status than a registry's answer has.
    Status,
    /// No registry's words.
    Nonsense,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Unreachable, Self::Timeout, Self::Unauthorized, Self::Status, Self::Nonsense];

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Unauthorized => "unauthorized",
            Self::Status => "status",
            Self::Nonsense => "nonsense",
        }
    }
}

/// What the registry has under a number.
pub(crate) type Found = Result<String, SchemaError>;
