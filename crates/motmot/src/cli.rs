//! The command line. Help texts are for somebody who has not read the docs: what it does, then examples that work.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Config, Origin, Sources};

mod state;

pub(crate) use state::{Inspect, Rebuild, Store};

/// Reads the process's arguments. Help, version and mistakes are clap's own and end the process (exit code 0 or 2).
pub(crate) fn parse() -> anyhow::Result<Cli> {
    let mut cli = Cli::parse();
    cli.settings.options = all_sets(std::env::args());
    Ok(cli)
}

/// Every `--set` of a command line that clap has accepted. Of a global option that is given both before and after the subcommand, clap
/// keeps only the latter's values.
fn all_sets(arguments: impl Iterator<Item = String>) -> Vec<String> {
    let mut sets = Vec::new();
    let mut arguments = arguments.take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--set") {
            Some("") => sets.extend(arguments.next()),
            Some(rest) => sets.extend(rest.strip_prefix('=').map(str::to_owned)),
            None => {}
        }
    }
    sets
}

const AFTER: &str = "\
A first look, with no server at all:   motmot demo
Files:                                 motmot replay --strategy strategy.yaml touchpoints.jsonl
Kafka:                                 motmot topics --create && motmot run

Configuration: a TOML file (--config or MOTMOT_CONFIG), then the environment (worker.shards is
MOTMOT_WORKER__SHARDS), then --set worker.shards=2; `motmot config` prints the result.
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.";

/// Flags critical moments of truth: watches every customer's service cycle and says, while it can still be mended, where a need is
/// not met.
#[derive(Debug, Parser)]
#[command(name = "motmot", version, about, after_help = AFTER, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the configuration comes from.
#[derive(Args, Clone, Debug)]
pub(crate) struct Settings {
    /// The configuration file (TOML)
    #[arg(long, short, global = true, value_name = "FILE", env = "MOTMOT_CONFIG", help_heading = "Configuration")]
    pub(crate) config: Option<PathBuf>,
    /// Sets one key of the configuration, above file and environment
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", help_heading = "Configuration")]
    pub(crate) options: Vec<String>,
}

impl Settings {
    /// As [`Settings::load`], but logs warnings only unless somebody asks for more: the demo's terminal is for its story.
    pub(crate) fn load_quietly(&self) -> anyhow::Result<Config> {
        let mut quiet = self.clone();
        let said = Config::load(&Sources::of_process(self.config.clone(), self.options.clone()))?;
        if said.origin("log.level") == Origin::Default {
            quiet.options.push("log.level=warn".to_owned());
        }
        quiet.load()
    }

    /// Merges the sources, and starts logging as they say.
    pub(crate) fn load(&self) -> anyhow::Result<Config> {
        let config = Config::load(&Sources::of_process(self.config.clone(), self.options.clone()))?;
        crate::logging::start(&config);
        Ok(config)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Folds touchpoints from Kafka and writes the tables of moments and cycles
    #[command(
        after_help = "Examples:\n  motmot worker --config motmot.toml\n  MOTMOT_KAFKA__BROKERS=kafka:9092 motmot worker --set worker.shards=2\n\n\
        SIGTERM or Ctrl-C stops it in order. It may be killed at any instant: nothing is lost or told twice."
    )]
    Worker,
    /// Follows the tables and serves the gauges that page people
    #[command(after_help = "Example:\n  motmot desk --config motmot.toml --set http.listen=0.0.0.0:9465")]
    Desk,
    /// Worker and desk in one process, for a small installation
    #[command(after_help = "Example:\n  motmot run --config motmot.toml")]
    Run,
    /// Checks the topics, or creates the missing ones
    #[command(
        after_help = "Examples:\n  motmot topics\n  motmot topics --create --set topics.partitions=8 --set topics.replication=1"
    )]
    Topics(Topics),
    /// Checks strategy files, or prints their JSON Schema
    #[command(subcommand)]
    Strategy(Strategy),
    /// Turns files into touchpoints: JSON lines, Avro, or records of the input topic
    #[command(after_help = "Examples:\n  \
        motmot import --mapping mapping.yaml calls.csv --to touchpoints.jsonl\n  \
        motmot import --mapping mapping.yaml calls-*.txt.gz --to touchpoints.avro\n  \
        motmot import touchpoints.jsonl --to-topic motmot.history --set kafka.brokers=localhost:9092")]
    Import(Import),
    /// Folds files or a stretch of a topic with a strategy, at full speed
    #[command(after_help = "Examples:\n  \
        motmot replay --strategy strategy.yaml touchpoints.jsonl\n  \
        motmot replay --strategy strategy.yaml --mapping mapping.yaml calls.csv.gz --until end --out result\n  \
        motmot replay --strategy strategy.yaml --topic motmot.touchpoints --from 2026-03-01T00:00:00Z --to 2026-04-01T00:00:00Z\n  \
        motmot replay --strategy strategy.yaml --topic motmot.touchpoints --with-swaps\n\n\
        A replay cannot page anybody: it writes files only.")]
    Replay(Replay),
    /// The measured programme: how often each promise was kept, by how much, and what it cost
    #[command(after_help = "Examples:\n  \
        motmot report --strategy strategy.yaml touchpoints.jsonl --by team,month\n  \
        motmot report --strategy strategy.yaml --replayed result --rule wait-60 --by month,segment --out waits.csv\n  \
        motmot report --config motmot.toml --since 2026-03-01 --until 2026-04-01 --out march.html\n\n\
        Without files and without --replayed it reads the topic of cycles. Columns: rule, team, day, week, month, stage, dimension, side,\n\
        channel, audience, site, segment, need. A period is when the cycles began. docs/report.md says what each figure means.")]
    Report(Report),
    /// Tells the story of one moment: the rule, the touchpoints, the deadline, and what became of it
    #[command(
        after_help = "Examples:\n  motmot explain 0f3a9c --replayed result --strategy strategy.yaml\n  motmot explain 0f3a9c --config motmot.toml"
    )]
    Explain(Explain),
    /// Shows a customer's file: the last cycles, what is open, and the circle
    #[command(
        after_help = "Examples:\n  motmot customer 12345678 --replayed result\n  motmot customer 12345678 --config motmot.toml --json"
    )]
    Customer(Customer),
    /// Computes the digest of the output topics, to compare with a replay's
    #[command(after_help = "Example:\n  motmot digest --config motmot.toml")]
    Digest,
    /// Looks into the worker's store of a partition, or at the snapshots
    #[command(subcommand)]
    Store(Store),
    /// Gives a partition's state up, so that the next start folds it anew
    #[command(after_help = "Examples:\n  motmot rebuild --config motmot.toml\n  motmot rebuild --partition 3 --yes\n  \
        motmot rebuild --partition 3 --snapshot 00000000000004711000-0f3a9c21d5b87e64.json --yes\n\n\
        Run it when a worker that refuses to start names it, with all workers stopped, on the machine whose store it is.")]
    Rebuild(Rebuild),
    /// Lists the records that were no touchpoints, or sends them again
    #[command(subcommand, name = "dead-letters")]
    DeadLetters(DeadLetters),
    /// Renders the Prometheus alert rules of a strategy
    #[command(subcommand)]
    Alerts(Alerts),
    /// Prints the configuration: every key, its value and where it comes from
    #[command(after_help = "The output is a configuration file again. Passwords, keys and tokens show as (hidden).")]
    Config(ShowConfig),
    /// A simulated service: the whole of motmot in one process, with no other server
    #[command(after_help = "Examples:\n  motmot demo\n  motmot demo --seconds 60 --seed 7\n  motmot demo --example hotel")]
    Demo(Demo),
}

#[derive(Args, Debug)]
pub(crate) struct Topics {
    /// Create the topics that are missing
    #[arg(long)]
    pub(crate) create: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Strategy {
    /// Checks files and tells every mistake with its line and its mend
    #[command(after_help = "Example:\n  motmot strategy check --explain strategy.yaml")]
    Check {
        /// The strategy files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Say in plain words what each rule demands
        #[arg(long)]
        explain: bool,
    },
    /// Tells in words what distinguishes two files
    #[command(after_help = "Example:\n  motmot strategy diff strategy.yaml strategy-new.yaml")]
    Diff {
        /// The strategy as it was
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The strategy as it shall be
        #[arg(value_name = "NEW")]
        new: PathBuf,
        /// Print one JSON object, for a program
        #[arg(long)]
        json: bool,
    },
    /// Publishes a file for the workers and desks with strategy.source = "topic"
    #[command(after_help = "Example:\n  motmot strategy publish strategy.yaml --config motmot.toml")]
    Publish {
        /// The strategy file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Prints the JSON Schema of the strategy file, for editors
    #[command(after_help = "Example:\n  motmot strategy schema > strategy.schema.json")]
    Schema,
}

#[derive(Args, Debug)]
pub(crate) struct Import {
    /// How the rows become touchpoints; without it the files hold touchpoints already (JSON lines or Avro)
    #[arg(long, short, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// The files; gzip is recognised
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Writes this file: JSON lines, or Avro if it ends in .avro; `-` is stdout, as JSON lines
    #[arg(long, value_name = "FILE", conflicts_with = "to_topic", required_unless_present = "to_topic")]
    pub(crate) to: Option<PathBuf>,
    /// Writes records of this topic, each with its arrival as timestamp
    #[arg(long, value_name = "TOPIC")]
    pub(crate) to_topic: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// The service strategy
    #[arg(long, short, value_name = "FILE")]
    pub(crate) strategy: PathBuf,
    /// How the files' rows become touchpoints; without it the files hold touchpoints already (JSON lines or Avro)
    #[arg(long, short, value_name = "FILE", conflicts_with = "topic")]
    pub(crate) mapping: Option<PathBuf>,
    /// The files; gzip is recognised
    #[arg(value_name = "FILE", required_unless_present = "topic", conflicts_with = "topic")]
    pub(crate) files: Vec<PathBuf>,
    /// Reads this topic instead of files
    #[arg(long, value_name = "TOPIC")]
    pub(crate) topic: Option<String>,
    /// Where to begin in the topic: an offset (of each partition) or an instant (2026-03-01T00:00:00Z); its beginning if not given
    #[arg(long, value_name = "OFFSET|INSTANT", requires = "topic")]
    pub(crate) from: Option<String>,
    /// Where to end in the topic: the first offset or instant that is not read; its present end if not given
    #[arg(long, value_name = "OFFSET|INSTANT", requires = "topic")]
    pub(crate) to: Option<String>,
    /// Where the clock stands at the end: at the `last` arrival, at the `end` of every deadline, or at an instant
    #[arg(long, value_name = "last|end|INSTANT", default_value = "last")]
    pub(crate) until: String,
    /// Puts another strategy in force at an instant of arrival, as often as needed, in any order
    #[arg(long = "swap", value_name = "INSTANT=FILE")]
    pub(crate) swaps: Vec<String>,
    /// Swaps strategies where the workers of worker.group did, as topics.strategies has it; --strategy is for partitions that they
    /// never swapped
    #[arg(long, requires = "topic", conflicts_with = "swaps")]
    pub(crate) with_swaps: bool,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t = Summary::Table)]
    pub(crate) summary: Summary,
    /// Writes cycles.jsonl and moments.jsonl into this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Threads to fold with; 0: one a core. The result is the same
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) threads: usize,
}

#[derive(Args, Debug)]
pub(crate) struct Report {
    /// The service strategy: touchpoints are judged by it; of judged cycles it gives the rules' words, order and units. If not given,
    /// the configuration's, if that names one
    #[arg(long, short, value_name = "FILE")]
    pub(crate) strategy: Option<PathBuf>,
    /// How the files' rows become touchpoints; without it the files hold touchpoints already (JSON lines or Avro)
    #[arg(long, short, value_name = "FILE", requires = "files")]
    pub(crate) mapping: Option<PathBuf>,
    /// Files of touchpoints, which are folded with the strategy; gzip is recognised
    #[arg(value_name = "FILE", conflicts_with = "replayed")]
    pub(crate) files: Vec<PathBuf>,
    /// Reads what `motmot replay --out` wrote: the folder, or its cycles.jsonl
    #[arg(long, value_name = "FOLDER")]
    pub(crate) replayed: Option<PathBuf>,
    /// Of files: where the clock stands at the end: at the `last` arrival, at the `end` of every deadline, or at an instant
    #[arg(long, value_name = "last|end|INSTANT", default_value = "last", requires = "files")]
    pub(crate) clock: String,
    /// What the figures are grouped by; empty: one group
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', default_value = "rule")]
    pub(crate) by: Vec<String>,
    /// Figures per person, too
    #[arg(long)]
    pub(crate) by_person: bool,
    /// Only cycles that began at this instant or later (a day is one in UTC)
    #[arg(long, value_name = "INSTANT")]
    pub(crate) since: Option<String>,
    /// Only cycles that began before this instant
    #[arg(long, value_name = "INSTANT")]
    pub(crate) until: Option<String>,
    /// Only this rule; may be given several times
    #[arg(long = "rule", value_name = "ID")]
    pub(crate) rules: Vec<String>,
    /// Only where a column has this value; may be given several times: any of one column's, all of several columns'
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    pub(crate) only: Vec<String>,
    /// Whose days, weeks and months; if not given, those of the strategy's business hours, else UTC
    #[arg(long, value_name = "NAME")]
    pub(crate) time_zone: Option<String>,
    /// How many critical cycles the process chain shows as examples
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) examples: usize,
    /// The form; if not given, by the ending of --out, else a table
    #[arg(long, value_enum)]
    pub(crate) format: Option<ReportFormat>,
    /// Writes this file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For a terminal.
    Table,
    /// The groups, one a line.
    Csv,
    /// Everything, as one object.
    Json,
    /// The groups.
    Parquet,
    /// One page with plots that needs nothing else.
    Html,
}

#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The moment's id, or its first digits (six at least)
    pub(crate) moment: String,
    /// Reads what `motmot replay --out` wrote instead of the topics
    #[arg(long, value_name = "FOLDER")]
    pub(crate) replayed: Option<PathBuf>,
    /// The service strategy, for the rule in words; if not given, the configuration's, if that names one
    #[arg(long, short, value_name = "FILE")]
    pub(crate) strategy: Option<PathBuf>,
    /// As one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Customer {
    /// The key of the customer's records: the customer id
    pub(crate) key: String,
    /// Reads what `motmot replay --out` wrote instead of the topics
    #[arg(long, value_name = "FOLDER")]
    pub(crate) replayed: Option<PathBuf>,
    /// At most so many cycles, the latest
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    /// As one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a replay's summary is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Summary {
    /// For people.
    Table,
    /// One JSON object.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// Lists them: where each came from and what is wrong with it
    List {
        /// Only this reason
        #[arg(long)]
        reason: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
    },
    /// Sends them to the input topic again, as they came: after the cause has been mended
    Resubmit {
        /// Only this reason
        #[arg(long)]
        reason: Option<String>,
        /// Send them; without it, only say what would be sent
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Alerts {
    /// Prints the alert rules for Prometheus' `rule_files`
    #[command(after_help = "Example:\n  motmot alerts render --strategy strategy.yaml --out motmot-rules.yaml")]
    Render {
        /// The service strategy
        #[arg(long, short, value_name = "FILE")]
        strategy: PathBuf,
        /// Writes this file instead of stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct ShowConfig {
    /// With the meaning, the form and the variable of each key
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Demo {
    /// Plays this example of examples/ instead of the morning in a bank
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) example: Option<Example>,
    /// Ends after so many seconds; without it, Ctrl-C does
    #[arg(long, value_name = "N")]
    pub(crate) seconds: Option<u64>,
    /// Fails unless 8 kinds of moment are raised (of an example: 6) and 3 moments recovered; ends as soon as they are (within 120 seconds if
    /// --seconds says nothing else)
    #[arg(long)]
    pub(crate) check: bool,
    /// Another seed is another morning; the same seed the same one
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// The strategies of `examples/` that come with scenes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Example {
    /// A bank's telephone service.
    BankTelephone,
    /// An IT help desk, for the departments of its own company.
    ItHelpdesk,
    /// An online shop with delivery.
    OnlineShop,
    /// A hotel, from the booking to the taxi.
    Hotel,
    /// A clinic's reception.
    Clinic,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definitions_agree_with_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_set_counts_wherever_it_stands() {
        let line = "motmot --set a=1 topics --create --set=b=2 --set c=3 -- --set d=4";
        assert_eq!(all_sets(line.split(' ').map(str::to_owned)), ["a=1", "b=2", "c=3"]);
    }
}
