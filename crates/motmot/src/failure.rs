//! How a failure ends the process: one paragraph on stderr, and an exit code that scripts can rely on.

use std::process::ExitCode;

use crate::config::ConfigError;

/// The command line or the configuration is at fault, not the world: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// The outcome is bad but has been told already: exit code 1, and no further words.
#[derive(Debug, thiserror::Error)]
#[error("failed")]
pub(crate) struct AlreadyTold;

/// Prints what went wrong, cause by cause, and gives the exit code: 1 failed, 2 usage or configuration.
pub(crate) fn tell(error: &anyhow::Error) -> ExitCode {
    // `motmot … | head` is no failure of motmot's.
    if error
        .chain()
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe))
    {
        return ExitCode::SUCCESS;
    }
    if error.downcast_ref::<AlreadyTold>().is_some() {
        return ExitCode::from(1);
    }
    eprintln!("motmot: {}", paragraph(error));
    let usage = error.chain().any(|cause| cause.is::<Usage>() || cause.is::<ConfigError>());
    ExitCode::from(if usage { 2 } else { 1 })
}

/// The causes from the outermost inwards, leaving out those that the one before repeats.
pub(crate) fn paragraph(error: &anyhow::Error) -> String {
    let mut paragraph = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if paragraph.is_empty() {
            paragraph = cause;
        } else if !paragraph.contains(&cause) {
            paragraph = format!("{}: {cause}", paragraph.trim_end_matches(['.', ':']));
        }
    }
    paragraph
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn causes_are_told_once_each() {
        let inner = std::io::Error::other("the disk is full");
        let error = Err::<(), _>(inner).context("cycles.jsonl cannot be written").context("the replay stopped").unwrap_err();
        assert_eq!(paragraph(&error), "the replay stopped: cycles.jsonl cannot be written: the disk is full");
        let repeated = anyhow::anyhow!("the disk is full").context("cannot write: the disk is full");
        assert_eq!(paragraph(&repeated), "cannot write: the disk is full");
    }
}
