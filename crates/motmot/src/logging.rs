//! Logging to stderr, as lines for people or as JSON. What each level promises stands in docs/operations.md.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::Config;

/// What the schema registry's client is made of: at `trace` it logs each request to the byte, its password or token included.
const SPILLS: &str = "ureq_proto";

/// The filter of `log.level`. Libraries below motmot speak from `warn` on only, unless they are named; one that spills secrets never does.
pub(crate) fn filter(level: &str) -> Result<EnvFilter, Invalid> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    // EnvFilter takes an unknown word for a module's name: a misspelt level would silence everything.
    if !level.contains('=') && !level.split(',').all(|word| LEVELS.contains(&word.trim().to_lowercase().as_str())) {
        return Err(Invalid::Level);
    }
    if level.contains(SPILLS) {
        return Err(Invalid::Spills);
    }
    let quiet = "librdkafka=warn,rdkafka=warn,hyper=warn,h2=warn,ureq=warn";
    EnvFilter::builder().parse(format!("{quiet},{level},{SPILLS}=off")).map_err(Invalid::Directive)
}

/// What is wrong with a filter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Invalid {
    /// Not a level.
    #[error("this is no level")]
    Level,
    /// A module that shows secrets.
    #[error("{SPILLS} cannot be logged: it would show passwords and tokens; leave it out")]
    Spills,
    /// What the filter's own parser says.
    #[error(transparent)]
    Directive(ParseError),
}

/// Starts logging as `log.level` and `log.format` say. Only the first call of a process has an effect.
pub(crate) fn start(config: &Config) {
    let Ok(filter) = filter(config.text("log.level")) else { return };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start can only come from a test of two commands in one process; the first one's logging stays.
    let _ = match config.text("log.format") {
        "json" => builder.json().flatten_event(true).try_init(),
        _ => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
            builder.with_ansi(colours).compact().try_init()
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_is_an_error() {
        assert!(filter("info").is_ok() && filter("DEBUG").is_ok() && filter("info,motmot_stream=debug").is_ok());
        assert!(filter("ureq_proto::util=trace").is_err_and(|error| error.to_string().contains("passwords")));
        assert!(filter("inof").is_err() && filter("").is_err() && filter("motmot_stream=loud").is_err());
    }
}
