//! `motmot dead-letters`: what could not be used, and sending it again.

use std::time::Duration;

use anyhow::Context as _;
use motmot_stream::WorkerError;
use motmot_wire::DeadLetter;
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};

use super::topic::{self, Stretch};
use super::clients;
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
    mut visit: impl FnMut(&BorrowedMessage<'_>, DeadLetter) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let topic = clients::topics(config).dead_letters;
    Stretch::open(&clients::kafka(config), &topic, None, None)?.read(|message| {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let letter = DeadLetter::parse(headers.map(|header| (header.key, header.value.unwrap_or_default())));
        match letter.filter(|letter| reason.is_none_or(|reason| letter.reason == reason)) {
            Some(letter) => visit(message, letter),
            None => Ok(()), // of another reason, or not written by motmot
        }
    })
}

fn list(config: &Config, reason: Option<&str>, limit: usize) -> anyhow::Result<()> {
    let mut count = 0;
    each(config, reason, |message, letter| {
        count += 1;
        if count <= limit {
            let DeadLetter { reason, detail, topic, partition, offset, timestamp, .. } = letter;
            let at = timestamp.map_or_else(|| "at an unknown time".to_owned(), |at| at.to_string());
            let key = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
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
    let mut letters: Vec<OwnedMessage> = Vec::new();
    each(config, reason, |message, _| {
        letters.push(message.detach());
        Ok(())
    })?;
    let topic = clients::topics(config).touchpoints;
    if !yes {
        eprintln!("motmot: {} records would be sent to {topic}; --yes sends them", letters.len());
        return Ok(());
    }
    let mut client = topic::client(&clients::kafka(config));
    client.set("partitioner", "murmur2_random").set("enable.idempotence", "true").set("message.max.bytes", "20971520");
    let producer: FutureProducer = client.create().map_err(WorkerError::ClientConfig)?;
    let runtime = lifecycle::runtime()?;
    for letter in &letters {
        runtime.block_on(send(&producer, &topic, letter))?;
    }
    producer.flush(PATIENCE).context("the brokers have not acknowledged all records")?;
    eprintln!("motmot: {} records were sent to {topic}; they stay in the dead letters until their retention ends", letters.len());
    Ok(())
}

/// Sends a record as it came: key, value and its own headers, without what made it a dead letter. Its arrival is now.
async fn send(producer: &FutureProducer, topic: &str, letter: &OwnedMessage) -> anyhow::Result<()> {
    let mut headers = OwnedHeaders::new();
    for header in letter.headers().into_iter().flat_map(|headers| headers.iter()).filter(|header| !DeadLetter::is_own_header(header.key)) {
        headers = headers.insert(Header { key: header.key, value: header.value });
    }
    let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(topic).headers(headers);
    record.key = letter.key();
    record.payload = letter.payload();
    producer.send(record, PATIENCE).await.map(drop).map_err(|(error, _)| error).context("a record was not taken")
}
