//! `motmot dead-letters`: what could not be used, and sending it again.

use std::time::Duration;

use anyhow::Context as _;
use motmot_stream::{Bound, TopicReader, TopicRecord, WorkerError};
use motmot_wire::DeadLetter;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};

use super::clients;
use super::topic::producer;
use crate::cli::{self, Settings};
use crate::config::Config;
use crate::lifecycle;
use crate::output;

/// How long the brokers may take to take a record.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(settings: &Settings, command: &cli::DeadLetters) -> anyhow::Result<()> {
    let config = settings.load()?;
    match command {
        cli::DeadLetters::List { reason, limit } => list(&config, reason.as_deref(), *limit),
        cli::DeadLetters::Resubmit { reason, yes } => resubmit(&config, reason.as_deref(), *yes),
    }
}

/// Visits the dead letters of a reason.
fn each(
    config: &Config,
    reason: Option<&str>,
    mut visit: impl FnMut(TopicRecord<'_>, DeadLetter) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let topic = clients::topics(config).dead_letters;
    let mut records = TopicReader::open(&clients::kafka(config)?, &topic, Bound::Edge, Bound::Edge)?;
    while records.read(|record| {
        let headers = headers(&record);
        let letter = DeadLetter::parse(headers.iter().map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default())));
        match letter.filter(|letter| reason.is_none_or(|reason| letter.reason == reason)) {
            Some(letter) => visit(record, letter),
            None => Ok(()), // of another reason, or not written by motmot
        }
    })? {}
    Ok(())
}

type OwnHeaders = Vec<(String, Option<Vec<u8>>)>;

fn headers(record: &TopicRecord<'_>) -> OwnHeaders {
    let mut headers = Vec::new();
    record.headers(&mut |name, value| headers.push((name.to_owned(), value.map(<[u8]>::to_vec))));
    headers
}

/// A record as it came, without what made it a dead letter.
struct Original {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: OwnHeaders,
}

fn list(config: &Config, reason: Option<&str>, limit: usize) -> anyhow::Result<()> {
    let mut count = 0;
    each(config, reason, |record, letter| {
        count += 1;
        if count <= limit {
            let DeadLetter { reason, detail, topic, partition, offset, timestamp, .. } = letter;
            let at = timestamp.map_or_else(|| "at an unknown time".to_owned(), |at| at.to_string());
            let key = String::from_utf8_lossy(record.key.unwrap_or_default()).into_owned();
            output::line(format!("{topic}-{partition}@{offset} {at} {reason} key {key:?}: {detail}"))?;
        }
        Ok(())
    })?;
    if count > limit {
        output::line(format!("… and {} more (--limit)", count - limit))?;
    }
    eprintln!("motmot: {count} dead letters");
    Ok(())
}

fn resubmit(config: &Config, reason: Option<&str>, yes: bool) -> anyhow::Result<()> {
    // All are read before the first is sent: one that dies again must not be read in the same run.
    let mut letters = Vec::new();
    each(config, reason, |record, _| {
        let headers = headers(&record).into_iter().filter(|(name, _)| !DeadLetter::is_own_header(name)).collect();
        letters.push(Original { key: record.key.map(<[u8]>::to_vec), value: record.value.map(<[u8]>::to_vec), headers });
        Ok(())
    })?;
    let topic = clients::topics(config).touchpoints;
    if !yes {
        eprintln!("motmot: {} records would be sent to {topic}; --yes sends them", letters.len());
        return Ok(());
    }
    let producer: FutureProducer = producer(&clients::kafka(config)?).create().map_err(WorkerError::ClientConfig)?;
    let runtime = lifecycle::runtime()?;
    for letter in &letters {
        runtime.block_on(send(&producer, &topic, letter))?;
    }
    producer.flush(PATIENCE).context("the brokers have not acknowledged all records")?;
    eprintln!("motmot: {} records were sent to {topic}; they stay in the dead letters until their retention ends", letters.len());
    Ok(())
}

/// Its arrival is now.
async fn send(producer: &FutureProducer, topic: &str, letter: &Original) -> anyhow::Result<()> {
    let mut headers = OwnedHeaders::new();
    for (name, value) in &letter.headers {
        headers = headers.insert(Header { key: name, value: value.as_deref() });
    }
    let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(topic).headers(headers);
    record.key = letter.key.as_deref();
    record.payload = letter.value.as_deref();
    producer.send(record, PATIENCE).await.map(drop).map_err(|(error, _)| error).context("a record was not taken")
}
