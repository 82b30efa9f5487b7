//! Three Kafka brokers as processes on loopback, each a controller as well: replication 3, `min.insync.replicas` 2. They lose their
//! process, never their disk: what a machine's crash does to pages that were not synced is Kafka's affair, and replication's.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "support of tests: failing is its way to speak")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::Metadata;

use crate::kafka::wait_for;
use crate::process::{Process, free_port, program, skip};

/// How many there are.
pub const BROKERS: usize = 3;
/// Partitions of the topics of offsets and of transactions: enough for several coordinators, few enough to load quickly.
const INTERNAL_PARTITIONS: i32 = 6;
/// How long a question to them may take.
const ASK: Duration = Duration::from_secs(5);
/// How long a broker that was asked to stop may take before it is killed.
const STOPPING: Duration = Duration::from_secs(20);
/// Small heaps, the serial collector, and no second compiler: three of them share two cores with everything else.
const JAVA: [&str; 6] = [
    "-Xmx256m",
    "-Xms64m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
];

/// The brokers. Dropped, they are killed.
pub struct Cluster {
    dir: PathBuf,
    java: PathBuf,
    jars: String,
    ports: Vec<u16>,
    processes: Vec<Option<Process>>,
    asker: BaseConsumer,
}

impl Cluster {
    /// Starts them with their folders in `dir` and waits until all are there. None: there is no Kafka here, which was said.
    ///
    /// # Panics
    /// When they do not start.
    pub fn start(dir: &Path, extra: &[(&str, &str)]) -> Option<Self> {
        let jars = jars()?;
        let Some(java) = program("java") else {
            skip("no java on the PATH: `deploy/local/setup test` brings it");
            return None;
        };
        let [ports, controllers] = [(); 2].map(|()| [(); BROKERS].map(|()| free_port()));
        let asker = client(&ports).create().unwrap();
        let mut cluster = Self {
            dir: dir.to_owned(),
            java,
            jars,
            ports: ports.to_vec(),
            processes: (0..BROKERS).map(|_| None).collect(),
            asker,
        };
        cluster.format(&controllers, extra);
        (0..BROKERS).for_each(|broker| cluster.boot(broker));
        wait_for("three brokers", || cluster.metadata().is_some_and(|found| found.brokers().len() == BROKERS));
        Some(cluster)
    }

    /// Where clients begin.
    pub fn addresses(&self) -> String {
        addresses(&self.ports)
    }

    fn format(&self, controllers: &[u16], extra: &[(&str, &str)]) {
        let formatting: Vec<_> = (0..BROKERS)
            .map(|broker| {
                std::fs::write(self.config(broker), properties(&self.folder(broker), broker, &self.ports, controllers, extra))
                    .unwrap();
                let mut command = Command::new(&self.java);
                command.args(JAVA).args(["-cp", &self.jars, "kafka.tools.StorageTool", "format"]);
                command.args(["--cluster-id", "bW90bW90LWNoYW9zLXRzdA", "--config"]).arg(self.config(broker));
                command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
            })
            .collect();
        for mut child in formatting {
            assert!(child.wait().unwrap().success(), "the folders of the brokers in {} cannot be formatted", self.dir.display());
        }
    }

    fn config(&self, broker: usize) -> PathBuf {
        self.dir.join(format!("broker-{broker}.properties"))
    }

    fn folder(&self, broker: usize) -> PathBuf {
        self.dir.join(format!("broker-{broker}"))
    }

    /// Starts a broker; one that was asked to stop and has not yet is waited for, then killed.
    pub fn boot(&mut self, broker: usize) {
        if let Some(mut before) = self.processes[broker].take() {
            let asked = Instant::now();
            while before.ended().is_none() && asked.elapsed() < STOPPING {
                std::thread::sleep(Duration::from_millis(50));
            }
            before.kill();
        }
        let mut arguments: Vec<String> = JAVA.iter().map(|argument| (*argument).to_owned()).collect();
        arguments.extend([
            "-cp".to_owned(),
            self.jars.clone(),
            "kafka.Kafka".to_owned(),
            self.config(broker).display().to_string(),
        ]);
        let process = Process::start(&format!("broker-{broker}"), &self.java, &arguments, &[], &self.dir);
        self.processes[broker] = Some(process);
    }

    /// Kills a broker.
    pub fn kill(&mut self, broker: usize) {
        if let Some(mut process) = self.processes[broker].take() {
            process.kill();
        }
    }

    /// Asks a broker to stop; [`Cluster::boot`] waits for it.
    pub fn stop(&self, broker: usize) {
        self.processes[broker].iter().for_each(|process| process.signal("TERM"));
    }

    /// Stops a broker's process as if its machine stood still.
    pub fn freeze(&self, broker: usize) {
        self.processes[broker].iter().for_each(|process| process.signal("STOP"));
    }

    /// Lets it go on.
    pub fn thaw(&self, broker: usize) {
        self.processes[broker].iter().for_each(|process| process.signal("CONT"));
    }

    /// The numbers of brokers whose process has ended by itself.
    pub fn ended(&mut self) -> Vec<usize> {
        let ended = |(_, process): &mut (usize, &mut Option<Process>)| process.as_mut().is_some_and(|p| p.ended().is_some());
        self.processes.iter_mut().enumerate().filter_map(|mut entry| ended(&mut entry).then_some(entry.0)).collect()
    }

    fn metadata(&self) -> Option<Metadata> {
        self.asker.fetch_metadata(None, ASK).ok()
    }

    /// Whether every partition of every topic has all its replicas.
    pub fn is_in_sync(&self) -> bool {
        self.metadata().is_some_and(|metadata| {
            let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
            metadata.brokers().len() == BROKERS
                && partitions.all(|p| p.leader() >= 0 && p.isr().len() == BROKERS && p.error().is_none())
        })
    }

    /// What the brokers have in force for a setting of a topic: not what their files say.
    ///
    /// # Panics
    /// When they do not say.
    pub fn topic_setting(&self, topic: &str, name: &str) -> String {
        let admin: AdminClient<DefaultClientContext> = client(&self.ports).create().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (asked, options) = ([ResourceSpecifier::Topic(topic)], AdminOptions::new().request_timeout(Some(ASK)));
        let found = runtime.block_on(admin.describe_configs(&asked, &options)).unwrap().into_iter().next().unwrap().unwrap();
        found.get(name).and_then(|entry| entry.value.clone()).unwrap_or_default()
    }

    /// Waits until it is so.
    pub fn until_in_sync(&self) {
        wait_for("all replicas of all partitions", || self.is_in_sync());
    }

    /// The broker that leads a partition.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<usize> {
        let metadata = self.asker.fetch_metadata(Some(topic), ASK).ok()?;
        let partitions = metadata.topics().first()?.partitions();
        let leader = partitions.iter().find(|p| p.id() == partition)?.leader();
        usize::try_from(leader - 1).ok() // nodes are numbered from 1
    }

    /// The broker that coordinates a consumer group: the leader of the partition of the offsets' topic where the group belongs.
    pub fn group_coordinator(&self, group: &str) -> Option<usize> {
        self.leader("__consumer_offsets", internal_partition(group))
    }

    /// The broker that coordinates the transactions of an id.
    pub fn transaction_coordinator(&self, id: &str) -> Option<usize> {
        self.leader("__transaction_state", internal_partition(id))
    }

    /// The folder of a partition's log at its leader.
    pub fn log(&self, topic: &str, partition: i32) -> Option<PathBuf> {
        Some(self.folder(self.leader(topic, partition)?).join(format!("{topic}-{partition}")))
    }
}

/// The jars' class path, if they are here.
fn jars() -> Option<String> {
    let versions = include_str!("../../../deploy/local/versions");
    let version = versions.lines().find_map(|line| line.strip_prefix("kafka_version=")).unwrap();
    let cache = std::env::var_os("MOTMOT_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/motmot")))?;
    let jars = cache.join(format!("kafka-{version}/libs"));
    if jars.is_dir() {
        return Some(jars.join("*").display().to_string());
    }
    skip(&format!("no Kafka in {}: `deploy/local/setup test` brings it", jars.display()));
    None
}

fn addresses(ports: &[u16]) -> String {
    ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
}

/// A client that learns of a change soon, and holds on to no broker that is gone.
fn client(ports: &[u16]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", addresses(ports)).set("reconnect.backoff.max.ms", "500");
    config
}

/// Where a group or a transactional id belongs: `String.hashCode`, as Java has it.
pub fn internal_partition(id: &str) -> i32 {
    let hash = id.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0) % INTERNAL_PARTITIONS
}

fn properties(folder: &Path, broker: usize, ports: &[u16], controllers: &[u16], extra: &[(&str, &str)]) -> String {
    let voters: Vec<String> = controllers.iter().enumerate().map(|(i, port)| format!("{}@127.0.0.1:{port}", i + 1)).collect();
    let (port, controller) = (ports[broker], controllers[broker]);
    let mut text = format!(
        "process.roles=broker,controller\nnode.id={}\ncontroller.quorum.voters={}\ncontroller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\nlog.dirs={}\n",
        broker + 1,
        voters.join(","),
        folder.display()
    );
    let internal = INTERNAL_PARTITIONS.to_string();
    let settings = [
        ("default.replication.factor", "3"),
        ("min.insync.replicas", "2"),
        ("offsets.topic.replication.factor", "3"),
        ("offsets.topic.num.partitions", &internal),
        ("transaction.state.log.replication.factor", "3"),
        ("transaction.state.log.min.isr", "2"),
        ("transaction.state.log.num.partitions", &internal),
        ("share.coordinator.state.topic.replication.factor", "3"),
        ("share.coordinator.state.topic.min.isr", "2"),
        ("group.initial.rebalance.delay.ms", "0"),
        ("auto.create.topics.enable", "false"),
        // A dead broker is noticed after 4 s instead of 9, so that a minute holds more than three of them.
        ("broker.session.timeout.ms", "4000"),
        ("broker.heartbeat.interval.ms", "500"),
        ("num.network.threads", "2"),
        ("num.io.threads", "4"),
        ("background.threads", "2"),
        ("log.cleaner.dedupe.buffer.size", "8388608"),
    ];
    for (name, value) in settings.iter().chain(extra) {
        let _ = writeln!(text, "{name}={value}");
    }
    text
}
