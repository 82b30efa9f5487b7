//! A real broker for tests: topics, records in, tables out, and the replay that they are compared with.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "support of tests: failing is its way to speak")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use motmot_core::engine::{NoCold, Position};
use motmot_core::{Engine, Strategy, Timestamp};
use motmot_stream::{
    Bound, Creation, InputTimestamps, KafkaConfig, Shutdown, TopicNames, TopicReader, Worker, WorkerConfig, WorkerError,
};
use motmot_wire::{Reader, Table, Writer};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::tables::{Replayed, Tables};

/// How long anything may take on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The broker's address from `MOTMOT_TEST_KAFKA`; none: the test is to be skipped, which is said.
///
/// # Panics
/// In CI without the variable, and on a value that is no address.
pub fn broker(test: &str) -> Option<String> {
    // A failing test tells more with RUST_LOG=motmot_stream=debug. Another test of the process may have set it up.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_test_writer()
        .try_init();
    match std::env::var("MOTMOT_TEST_KAFKA") {
        Ok(address) => {
            assert!(address.contains(':'), "MOTMOT_TEST_KAFKA is `{address}`: it must be HOST:PORT");
            Some(address)
        }
        Err(_) => {
            assert!(std::env::var_os("CI").is_none(), "MOTMOT_TEST_KAFKA must be set in CI: run tests by `make test`");
            eprintln!("{test}: skipped, for MOTMOT_TEST_KAFKA names no broker (deploy/local/kafka run cargo test …)");
            None
        }
    }
}

/// A name that no other test uses, nor another run on the same broker.
pub fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    format!("{name}-{}-{nanos}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A set of topics and a group of their own.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The broker.
    pub kafka: KafkaConfig,
    /// The topics.
    pub topics: TopicNames,
    /// A name for group and instance.
    pub name: String,
    /// Partitions of each topic.
    pub partitions: i32,
    /// Reads the topics; it may know a schema registry.
    pub reader: Reader,
}

impl Bench {
    /// Makes the topics; the input's timestamps are the producers' (so that a test can set them).
    pub fn new(broker: &str, name: &str, partitions: i32) -> Self {
        let bench = Self::without_topics(broker, name, partitions);
        create(broker, &bench.topics.touchpoints, partitions, &[("retention.ms", "-1"), ("max.message.bytes", "12000000")]);
        let creation = Creation { partitions, replication: 1 };
        let report =
            motmot_stream::create_and_check(&bench.kafka, &bench.topics, InputTimestamps::Producer, Some(creation)).unwrap();
        assert_eq!((report.created.len(), report.differences.as_slice()), (4, [].as_slice()));
        bench
    }

    /// Names only.
    pub fn without_topics(broker: &str, name: &str, partitions: i32) -> Self {
        let name = unique(name);
        let topics = TopicNames {
            touchpoints: format!("{name}.touchpoints"),
            moments: format!("{name}.moments"),
            cycles: format!("{name}.cycles"),
            dead_letters: format!("{name}.dead"),
            strategies: format!("{name}.strategies"),
        };
        Self {
            kafka: KafkaConfig { brokers: broker.to_owned(), properties: BTreeMap::new() },
            topics,
            name,
            partitions,
            reader: Reader::new(),
        }
    }

    /// A worker of these topics with its store in `store`.
    pub fn worker(&self, store: &std::path::Path) -> WorkerConfig {
        WorkerConfig {
            topics: self.topics.clone(),
            input_timestamps: InputTimestamps::Producer,
            group: self.name.clone(),
            shards: 1,
            store: store.to_owned(),
            checkpoint_interval: Duration::from_millis(300),
            kafka: self.kafka.clone(),
            ..WorkerConfig::new(self.kafka.brokers.clone(), "w1")
        }
    }

    /// Committed (offset, metadata) of each partition of the input.
    pub fn committed(&self) -> BTreeMap<i32, (i64, String)> {
        self.committed_as_told_by(&self.group_client())
    }

    /// A client of the group that joins nothing. It takes half a second to find the group's coordinator.
    pub fn group_client(&self) -> BaseConsumer {
        client(&self.kafka.brokers).set("group.id", &self.name).create().unwrap()
    }

    /// [`Bench::committed`], as this client of the group is told: a few milliseconds.
    pub fn committed_as_told_by(&self, consumer: &BaseConsumer) -> BTreeMap<i32, (i64, String)> {
        let mut commits = self.commits_as_told_by(consumer);
        (0..self.partitions).for_each(|partition| _ = commits.entry(partition).or_default());
        commits
    }

    /// The same of those partitions only that have a commit, as this client of the group is told.
    pub fn commits_as_told_by(&self, consumer: &BaseConsumer) -> BTreeMap<i32, (i64, String)> {
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions {
            list.add_partition(&self.topics.touchpoints, partition);
        }
        // A broker on a busy machine loses its coordinators now and then.
        let mut found = None;
        wait_for("the committed offsets", || {
            found = consumer.committed_offsets(list.clone(), PATIENCE).ok();
            found.is_some()
        });
        let found = found.unwrap();
        let of = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
        found.elements().iter().filter_map(|e| Some((e.partition(), (of(e.offset())?, e.metadata().to_owned())))).collect()
    }

    /// Sets the group's offset of a partition, as a tool would: without what a worker writes beside it.
    pub fn reset(&self, partition: i32, offset: i64) {
        let consumer = self.group_client();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topics.touchpoints, partition, Offset::Offset(offset)).unwrap();
        // A static member that was not expelled yet keeps the group from being empty.
        wait_for("the reset", || consumer.commit(&list, rdkafka::consumer::CommitMode::Sync).is_ok());
    }

    /// The committed clock of each partition.
    pub fn clocks(&self) -> BTreeMap<i32, i64> {
        self.committed().into_iter().map(|(partition, (_, metadata))| (partition, clock_of(&metadata))).collect()
    }

    /// Waits until everything in the input is committed, and the clocks have passed `clock`.
    pub fn wait_until_committed(&self, clock: i64) {
        self.wait_until(clock, || ());
    }

    /// The same, doing something each time that it is not so yet.
    pub fn wait_until(&self, clock: i64, meanwhile: impl FnMut()) {
        self.wait_long_until(clock, PATIENCE, meanwhile);
    }

    /// The same with other patience.
    pub fn wait_long_until(&self, clock: i64, patience: Duration, mut meanwhile: impl FnMut()) {
        let consumer = self.group_client();
        let ends: BTreeMap<i32, i64> = (0..self.partitions)
            .map(|p| (p, consumer.fetch_watermarks(&self.topics.touchpoints, p, PATIENCE).unwrap().1))
            .collect();
        wait_long_for(&format!("the commit of {ends:?} with clocks past {clock}"), patience, || {
            meanwhile();
            let committed = self.committed_as_told_by(&consumer);
            ends.iter().all(|(p, end)| committed[p].0 >= *end && clock_of(&committed[p].1) >= clock)
        });
    }

    /// The records of a topic, in order within each partition, as a read_committed reader has them.
    pub fn read(&self, topic: &str) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut opened = None;
        // a broker on a busy machine forgets for a moment who leads a topic that was just made
        wait_for(&format!("{topic} to be opened"), || {
            opened = TopicReader::open(&self.kafka, topic, Bound::Edge, Bound::Edge).ok();
            opened.is_some()
        });
        let mut reader = opened.unwrap();
        loop {
            let more = reader.read(|record| {
                let mut headers = Vec::new();
                record.headers(&mut |name, value| headers.push((name.to_owned(), value.unwrap_or_default().to_vec())));
                rows.push(Row {
                    partition: record.partition,
                    offset: record.offset,
                    timestamp: record.timestamp.map_or(-1, Timestamp::as_millis),
                    key: record.key.map(<[u8]>::to_vec),
                    value: record.value.map(<[u8]>::to_vec),
                    headers,
                });
                Ok::<(), WorkerError>(())
            });
            if !more.unwrap() {
                return rows;
            }
        }
    }

    /// Both output tables, as their topics have them.
    pub fn tables(&self) -> Tables {
        let mut tables = Tables::read_by(self.reader.clone());
        for (table, topic) in [(Table::Moments, &self.topics.moments), (Table::Cycles, &self.topics.cycles)] {
            for row in self.read(topic) {
                tables.tell(table, row.key.unwrap(), row.value);
            }
        }
        tables
    }

    /// The tables that a replay of the input gives, each partition's clock at `clocks`. None of the worker's code has a part in it.
    pub fn replay(&self, strategy: &Arc<Strategy>, clocks: &BTreeMap<i32, i64>) -> Tables {
        self.replay_swapping(strategy, clocks, |_| Vec::new())
    }

    /// The same, told of swaps: of each partition the offset, the clock and the strategy, in their order.
    pub fn replay_swapping(
        &self,
        strategy: &Arc<Strategy>,
        clocks: &BTreeMap<i32, i64>,
        swaps: impl Fn(i32) -> Vec<(i64, i64, Arc<Strategy>)>,
    ) -> Tables {
        let mut swaps: BTreeMap<i32, VecDeque<_>> = clocks.keys().map(|p| (*p, swaps(*p).into())).collect();
        let mut tables = Replayed { writer: Writer::new(), tables: Tables::default() };
        let mut engines: BTreeMap<i32, Engine<NoCold>> =
            clocks.keys().map(|p| (*p, Engine::new(Arc::clone(strategy), NoCold, Position::START))).collect();
        let reader = &self.reader;
        for row in self.read(&self.topics.touchpoints) {
            let engine = engines.get_mut(&row.partition).unwrap();
            let swaps = swaps.get_mut(&row.partition).unwrap();
            while let Some((_, clock, strategy)) = swaps.pop_front_if(|(offset, ..)| *offset <= row.offset) {
                swap(engine, clock, strategy, &mut tables);
            }
            let arrived_at = Timestamp::from_millis(row.timestamp);
            match reader.touchpoint(row.value.as_deref().unwrap_or_default()) {
                Ok(t) => {
                    let key = String::from_utf8(row.key.unwrap()).unwrap();
                    engine.advance(arrived_at, usize::MAX, &mut tables).unwrap();
                    engine.apply(&key, &t, arrived_at, row.offset, &mut tables).unwrap();
                }
                Err(_) => engine.observe(arrived_at),
            }
        }
        for (partition, engine) in &mut engines {
            for (_, clock, strategy) in swaps.remove(partition).unwrap() {
                swap(engine, clock, strategy, &mut tables);
            }
            while !engine.advance(Timestamp::from_millis(clocks[partition]), usize::MAX, &mut tables).unwrap() {}
        }
        tables.tables
    }
}

fn swap(engine: &mut Engine<NoCold>, clock: i64, strategy: Arc<Strategy>, tables: &mut Replayed) {
    let clock = Timestamp::from_millis(clock);
    while !engine.advance(clock, usize::MAX, tables).unwrap() {}
    engine.swap(strategy, tables).unwrap();
    while !engine.advance(clock, usize::MAX, tables).unwrap() {}
}

/// The clock in what a worker writes beside an offset.
fn clock_of(metadata: &str) -> i64 {
    metadata.split(';').nth(1).and_then(|now| now.parse().ok()).unwrap_or(i64::MIN)
}

/// A record of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct Row {
    pub partition: i32,
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Runs a worker while `meanwhile` goes on, then stops it in order; also when `meanwhile` panics.
///
/// # Panics
/// When the worker ends with an error.
pub fn while_running<T>(worker: &Worker, meanwhile: impl FnOnce() -> T) -> T {
    beside(|shutdown| worker.run(shutdown), meanwhile)
}

/// The same with a supervisor: in the place of a worker that ends with what `passes` there comes another, until it is to stop.
///
/// # Panics
/// When one ends with another error.
pub fn while_supervised<T>(
    worker: impl Fn() -> Result<Worker, WorkerError> + Send,
    passes: impl Fn(&WorkerError) -> bool + Send,
    meanwhile: impl FnOnce() -> T,
) -> T {
    let supervise = move |shutdown: &Shutdown| loop {
        match worker().and_then(|worker| worker.run(shutdown)) {
            Err(error) if passes(&error) && !shutdown.is_requested() => eprintln!("started again after: {error}"),
            ended => return ended,
        }
    };
    beside(supervise, meanwhile)
}

fn beside<T>(run: impl FnOnce(&Shutdown) -> Result<(), WorkerError> + Send, meanwhile: impl FnOnce() -> T) -> T {
    struct Stops<'s>(&'s Shutdown);
    impl Drop for Stops<'_> {
        fn drop(&mut self) {
            self.0.request();
        }
    }
    let shutdown = Shutdown::new();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&shutdown).inspect_err(|error| eprintln!("the worker ended: {error}")));
        let result = {
            let _stops = Stops(&shutdown);
            meanwhile()
        };
        running.join().unwrap().unwrap();
        result
    })
}

/// Asks again and again until it is so.
///
/// # Panics
/// When it is not within [`PATIENCE`].
pub fn wait_for(what: &str, is_so: impl FnMut() -> bool) {
    wait_long_for(what, PATIENCE, is_so);
}

fn wait_long_for(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < patience, "waited {patience:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn client(broker: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker);
    config
}

/// Makes a topic with settings of its own.
pub fn create(broker: &str, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> = client(broker).create().unwrap();
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for (name, value) in settings {
        new = new.set(name, value);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let made = runtime.block_on(admin.create_topics([&new], &AdminOptions::new().operation_timeout(Some(PATIENCE))));
    made.unwrap().into_iter().next().unwrap().unwrap();
    let consumer: BaseConsumer = client(broker).create().unwrap();
    wait_for("the new topic", || {
        consumer
            .fetch_metadata(Some(topic), PATIENCE)
            .is_ok_and(|found| found.topics().iter().all(|t| t.error().is_none() && !t.partitions().is_empty()))
    });
}

/// A record to be produced.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // the names say it
pub struct Out {
    /// None: where its key belongs.
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub timestamp: i64,
    pub headers: Vec<(&'static str, &'static str)>,
}

/// Produces records, in order, as Java producers place their keys.
pub fn produce(broker: &str, topic: &str, records: &[Out]) {
    let producer: ThreadedProducer<rdkafka::producer::DefaultProducerContext> = client(broker)
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .set("message.max.bytes", "12000000")
        .set("queue.buffering.max.messages", "1000000")
        .set("linger.ms", "20")
        .set("compression.type", "lz4")
        .create()
        .unwrap();
    for out in records {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).timestamp(out.timestamp);
        record.partition = out.partition;
        record.key = out.key.as_deref();
        record.payload = out.value.as_deref();
        if !out.headers.is_empty() {
            let mut headers = rdkafka::message::OwnedHeaders::new();
            for (key, value) in &out.headers {
                headers = headers.insert(rdkafka::message::Header { key, value: Some(*value) });
            }
            record = record.headers(headers);
        }
        producer.send(record).map_err(|(e, _)| e).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}
