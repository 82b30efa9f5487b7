//! `motmot import`: files of any kind become motmot's own touchpoints, in a file or in a topic.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use motmot_archive::{FileFormat, FileSink, TouchpointSink};
use motmot_core::engine::BoxError;
use motmot_core::{Timestamp, Touchpoint};
use motmot_registry::Waiting;
use motmot_stream::{Bound, TopicReader, WorkerError};
use motmot_wire::{RecordType, Writer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Message as _};

use super::progress::Bar;
use super::topic::producer;
use super::{clients, sources};
use crate::cli::{Import, Settings};
use crate::config::Config;
use crate::failure::Usage;
use crate::output::thousands;

/// Bytes of touchpoints in memory before temporary files are used.
const MEMORY: u64 = 512 << 20;
/// How long the brokers may take to acknowledge what was sent last.
const LAST_ANSWERS: Duration = Duration::from_secs(60);

pub(super) fn run(settings: &Settings, arguments: &Import) -> anyhow::Result<()> {
    let config = settings.load()?;
    let source = sources::source(&arguments.files, arguments.mapping.as_deref())?;
    let mut sink: Box<dyn TouchpointSink> = match (&arguments.to, &arguments.to_topic) {
        (Some(path), _) => Box::new(FileSink::create(path.clone(), format_of(path))?),
        (None, Some(topic)) => Box::new(TopicSink::open(&config, topic)?),
        (None, None) => return Err(Usage("say where to: --to FILE or --to-topic TOPIC".to_owned()).into()),
    };
    let bar = Bar::new();
    let imported = motmot_archive::import(&source, sink.as_mut(), MEMORY, &|progress| bar.show(progress))?;
    drop(bar);
    sources::tell_dead(&imported.dead);
    let dead: u64 = imported.counts.dead.values().sum();
    let (rows, touchpoints) = (thousands(imported.counts.rows), thousands(imported.counts.touchpoints - dead));
    eprintln!("motmot: {touchpoints} touchpoints of {rows} rows went to {}", target(arguments));
    Ok(())
}

fn target(arguments: &Import) -> String {
    let file = arguments
        .to
        .as_ref()
        .map(|path: &PathBuf| if path.as_os_str() == "-" { "stdout".to_owned() } else { path.display().to_string() });
    file.or_else(|| arguments.to_topic.as_ref().map(|topic| format!("the topic {topic}"))).unwrap_or_default()
}

/// By the file's name.
fn format_of(path: &Path) -> FileFormat {
    let name = path.to_string_lossy().to_lowercase();
    if name.ends_with(".avro") {
        FileFormat::AvroDeflate
    } else if name.ends_with(".gz") {
        FileFormat::JsonLinesGzip
    } else {
        FileFormat::JsonLines
    }
}

/// Records of a topic, each under its key, with its arrival as timestamp.
struct TopicSink {
    producer: ThreadedProducer<Deliveries>,
    topic: String,
    writer: Writer,
    value: Vec<u8>,
}

/// Notes the first record that no broker took.
#[derive(Clone, Default)]
struct Deliveries(Arc<Mutex<Option<String>>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let key = String::from_utf8_lossy(message.key().unwrap_or_default());
            let words = format!("no broker took the record of key `{key}`: {error}; what came before it may be in the topic");
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(words);
        }
    }
}

impl TopicSink {
    fn open(config: &Config, topic: &str) -> anyhow::Result<Self> {
        let kafka = &clients::kafka(config)?;
        // The topic must be there: a broker that makes it by itself makes one that no worker accepts.
        drop(TopicReader::open(kafka, topic, Bound::Edge, Bound::Edge)?);
        let producer = producer(kafka).create_with_context(Deliveries::default()).map_err(WorkerError::ClientConfig)?;
        let registry = clients::registry(config, Waiting::Forever, None)?;
        let writer = clients::writer(registry.as_ref(), &[(RecordType::Touchpoint, topic)])?;
        Ok(Self { producer, topic: topic.to_owned(), writer, value: Vec::new() })
    }

    fn check(&self) -> Result<(), BoxError> {
        let failed = self.producer.context().0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        failed.map_or(Ok(()), |words| Err(words.into()))
    }
}

impl TouchpointSink for TopicSink {
    fn touchpoint(&mut self, key: &str, touchpoint: &Touchpoint<'_>, arrived_at: Timestamp) -> Result<(), BoxError> {
        self.check()?;
        self.value.clear();
        self.writer.touchpoint(touchpoint, &mut self.value)?;
        let mut record = BaseRecord::to(&self.topic).key(key).payload(&self.value).timestamp(arrived_at.as_millis());
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                // The queue is full: the brokers are slower than the files.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    std::thread::sleep(Duration::from_millis(10));
                    record = again;
                    self.check()?;
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        self.producer.flush(LAST_ANSWERS).context("the brokers have not acknowledged all records in a minute")?;
        self.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_the_format() {
        let format = |name: &str| format_of(Path::new(name));
        assert_eq!(format("a.avro"), FileFormat::AvroDeflate);
        assert_eq!(format("a.jsonl.gz"), FileFormat::JsonLinesGzip);
        assert_eq!([format("a.jsonl"), format("-")], [FileFormat::JsonLines; 2]);
    }
}
