//! Two owners of one partition, step by step: whatever one of them does between two steps of the other, every snapshot that may be used
//! is whole.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use motmot_core::engine::Position;
use motmot_store::StrategyId;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutResult,
};
use tempfile::TempDir;

use super::*;
use crate::address::Address;
use crate::restore;

/// What is to happen right before a step of the kind that it names; the text is the step and the path.
type Hook = Box<dyn FnMut(&str) -> Option<futures_util::future::BoxFuture<'static, ()>> + Send>;

/// A store in memory whose clock the test sets, and which a test can enter between two steps.
#[derive(Clone)]
struct Stepped {
    inner: Arc<InMemory>,
    clock: Arc<AtomicI64>,
    put_at: Arc<Mutex<BTreeMap<ObjectPath, i64>>>,
    hook: Arc<Mutex<Option<Hook>>>,
    deleted: Arc<Mutex<Vec<String>>>,
}

impl std::fmt::Debug for Stepped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stepped")
    }
}

impl std::fmt::Display for Stepped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stepped")
    }
}

impl Stepped {
    fn new() -> Self {
        Self {
            inner: Arc::new(InMemory::new()),
            clock: Arc::default(),
            put_at: Arc::default(),
            hook: Arc::default(),
            deleted: Arc::default(),
        }
    }

    async fn step(&self, step: &str, path: &str) {
        let entered = self.hook.lock().unwrap().take();
        let Some(mut hook) = entered else { return };
        match hook(&format!("{step} {path}")) {
            // What is entered takes steps of its own, and is entered once.
            Some(other) => other.await,
            None => *self.hook.lock().unwrap() = Some(hook),
        }
    }

    fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    fn note(&self, path: &ObjectPath) {
        self.put_at.lock().unwrap().insert(path.clone(), self.clock.load(Ordering::SeqCst));
    }

    fn dated(&self, mut meta: ObjectMeta) -> ObjectMeta {
        let at = self.put_at.lock().unwrap().get(&meta.location).copied().unwrap_or(0);
        meta.last_modified = DateTime::<Utc>::from_timestamp(at, 0).unwrap();
        meta
    }
}

#[async_trait]
impl ObjectStore for Stepped {
    async fn put_opts(&self, path: &ObjectPath, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.step("put", path.as_ref()).await;
        let put = self.inner.put_opts(path, payload, options).await;
        self.note(path);
        put
    }
    async fn put_multipart_opts(
        &self,
        path: &ObjectPath,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.note(path);
        self.inner.put_multipart_opts(path, options).await
    }
    async fn get_opts(&self, path: &ObjectPath, options: GetOptions) -> object_store::Result<GetResult> {
        self.inner.get_opts(path, options).await
    }
    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<ObjectPath>>,
    ) -> BoxStream<'static, object_store::Result<ObjectPath>> {
        let store = self.clone();
        let paths = paths.then(move |path| {
            let store = store.clone();
            async move {
                let path = path?;
                store.step("delete", path.as_ref()).await;
                store.deleted.lock().unwrap().push(path.to_string());
                Ok(path)
            }
        });
        self.inner.delete_stream(paths.boxed())
    }
    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let store = self.clone();
        let (listed, prefix) = (self.inner.list(prefix), prefix.map(ToString::to_string).unwrap_or_default());
        let first = futures_util::stream::once(async move {
            store.step("list", &prefix).await;
            listed.map_ok(move |meta| store.dated(meta)).collect::<Vec<_>>().await
        });
        first.flat_map(futures_util::stream::iter).boxed()
    }
    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &ObjectPath, to: &ObjectPath, options: CopyOptions) -> object_store::Result<()> {
        self.note(to);
        self.inner.copy_opts(from, to, options).await
    }
}

fn owner() -> Owner {
    Owner { group: "group".to_owned(), topic: "in".to_owned(), topic_id: "id".to_owned(), partition: 3 }
}

fn meta(offset: i64) -> Meta {
    let position = Position { now: motmot_core::Timestamp::from_millis(1), stream_time: motmot_core::Timestamp::from_millis(0) };
    let strategy = StrategyId { rules: 1, text: 2 };
    Meta { topic_id: "id".to_owned(), partitions: 8, origin: motmot_store::Origin::at(0), offset, position, strategy, swaps: 0 }
}

/// Two minutes until what is superseded goes, an hour until what nobody named does.
const GRACES: Graces = Graces { superseded: Duration::from_secs(120), unreferenced: Duration::from_secs(3_600) };

/// A worker that has, or believes to have, the partition.
struct Worker {
    maker: Maker,
    folder: TempDir,
}

impl Worker {
    fn new(store: &Stepped, keep: usize, graces: Graces) -> Self {
        let place = Place::new(&Address::of(Arc::new(store.clone())), &owner());
        let mut maker = Maker::new(place, owner(), keep, Arc::new(Semaphore::new(2)));
        let clock = Arc::clone(&store.clock);
        maker.graces = graces;
        maker.elapsed = Arc::new(move || Duration::from_secs(u64::try_from(clock.load(Ordering::SeqCst)).unwrap()));
        Self { maker, folder: tempfile::tempdir().unwrap() }
    }

    /// Makes a snapshot of these files; of each its name and its content. A table's name always has the same content, as RocksDB has it.
    async fn make(&mut self, offset: i64, files: &[(&str, &str)]) -> Result<Made, SnapshotError> {
        for (name, content) in files {
            std::fs::write(self.folder.path().join(name), content).unwrap();
        }
        for path in files_of(self.folder.path())? {
            if files.iter().all(|(name, _)| path.file_name().unwrap().to_string_lossy() != **name) {
                std::fs::remove_file(path).unwrap();
            }
        }
        self.maker.make(self.folder.path(), &meta(offset), 0).await
    }
}

/// The snapshots that can be restored, by their offsets, and those that cannot.
async fn judged(store: &Stepped) -> (Vec<i64>, Vec<i64>) {
    let place = Place::new(&Address::of(Arc::new(store.clone())), &owner());
    let (mut whole, mut broken) = (Vec::new(), Vec::new());
    for listed in place.list().await.unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = place.read(&listed).await.unwrap();
        let restored = restore::restore(&place, &listed.name.to_string(), &manifest, folder.path()).await;
        if restored.is_ok() { &mut whole } else { &mut broken }.push(listed.name.offset);
    }
    (whole, broken)
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test);
}

/// Runs `other` right before the first step of `worker` that begins so.
fn before(store: &Stepped, step: &'static str, other: impl Future<Output = ()> + Send + 'static) {
    let mut other = Some(other.boxed());
    *store.hook.lock().unwrap() = Some(Box::new(move |at: &str| if at.starts_with(step) { other.take() } else { None }));
}

use futures_util::FutureExt as _;

#[test]
fn only_what_is_new_is_sent_and_old_snapshots_go_with_their_files() {
    run(async {
        let store = Stepped::new();
        let mut worker = Worker::new(&store, 2, GRACES);
        let first = worker.make(10, &[("CURRENT", "1"), ("1.sst", "one"), ("2.sst", "two")]).await.unwrap();
        assert_eq!((first.bytes, first.sent), (7, 7));
        for (offset, third) in [(20, "three"), (30, "four"), (40, "five")] {
            store.pass(60);
            let made =
                worker.make(offset, &[("CURRENT", "1"), ("1.sst", "one"), (&format!("{offset}.sst"), third)]).await.unwrap();
            assert_eq!(made.sent, third.len() as u64, "of {offset}");
        }
        assert_eq!(judged(&store).await, (vec![40, 30, 20, 10], vec![]), "10 was superseded a minute ago");
        store.pass(60);
        worker.make(50, &[("CURRENT", "1"), ("1.sst", "one")]).await.unwrap();
        assert_eq!(judged(&store).await, (vec![50, 40, 30, 20], vec![]));
        let left = worker.maker.place.objects().await.unwrap().len();
        assert_eq!(left, 5, "of CURRENT, one, two, three, four, five only `two` went");
        // another worker takes over: it leans on what is there
        let mut next = Worker::new(&store, 2, GRACES);
        assert_eq!(next.make(60, &[("CURRENT", "1"), ("1.sst", "one"), ("9.sst", "nine")]).await.unwrap().sent, 4);
    });
}

/// A zombie looks around, and before its next step the owner supersedes what it leans on for `seconds` and collects.
fn zombie(step: &'static str, seconds: i64, graces: Graces) -> (Result<Made, SnapshotError>, Vec<i64>, Vec<i64>) {
    let mut outcome = None;
    run(async {
        let store = Stepped::new();
        let mut owner = Worker::new(&store, 1, graces);
        let mut zombie = Worker::new(&store, 5, graces);
        owner.make(10, &[("1.sst", "one"), ("CURRENT", "1")]).await.unwrap();
        let others = store.clone();
        before(&store, step, async move {
            for offset in [20, 30, 40] {
                others.pass(seconds / 3);
                owner.make(offset, &[("9.sst", "other"), ("CURRENT", "1")]).await.unwrap();
            }
        });
        let made = zombie.make(11, &[("1.sst", "one"), ("CURRENT", "1"), ("2.sst", "two")]).await;
        assert!(store.hook.lock().unwrap().is_none(), "the step `{step}` was never taken");
        let (whole, broken) = judged(&store).await;
        outcome = Some((made, whole, broken));
    });
    outcome.unwrap()
}

const STEPS: [&str; 4] =
    ["list group/in/id/3/manifests", "list group/in/id/3/files", "put group/in/id/3/files", "put group/in/id/3/manifests"];

#[test]
fn a_zombie_s_snapshot_is_whole_or_is_none_wherever_it_is_overtaken() {
    for step in STEPS {
        for seconds in [0, 30, 57, 63, 117, 123, 360, 7_200, 90_000] {
            let (made, whole, broken) = zombie(step, seconds, GRACES);
            assert_eq!(broken, [0; 0], "{step} after {seconds} s: {made:?}");
            assert_eq!(made.is_ok(), whole.contains(&11), "{step} after {seconds} s: {made:?}");
            assert!(whole.contains(&40), "the owner's own: {whole:?}");
        }
    }
}

/// The graces are what holds the promise above: without them the same steps break it.
#[test]
fn without_graces_a_zombie_s_snapshot_would_be_broken() {
    let none = Graces { superseded: Duration::ZERO, unreferenced: Duration::from_secs(3_600) };
    let makers_believe = |graces: Graces| Graces { superseded: Duration::from_secs(7_200), ..graces };
    run(async {
        let store = Stepped::new();
        let mut owner = Worker::new(&store, 1, none);
        owner.maker.graces = makers_believe(none);
        owner.make(10, &[("1.sst", "one")]).await.unwrap();
        let mut zombie = Worker::new(&store, 1, makers_believe(none));
        let others = store.clone();
        before(&store, STEPS[3], async move {
            owner.make(20, &[("9.sst", "other")]).await.unwrap();
            owner.maker.graces = none; // it collects at once
            let objects = owner.maker.place.objects().await.unwrap();
            let own = owner.maker.place.list().await.unwrap()[0].name;
            owner.maker.collect(own, &objects).await.unwrap();
            drop(others);
        });
        zombie.make(11, &[("1.sst", "one"), ("2.sst", "two")]).await.unwrap();
        assert_eq!(judged(&store).await.1, [11]);
    });
}

#[test]
fn an_upload_that_takes_long_is_not_collected_from_under_its_maker() {
    run(async {
        let store = Stepped::new();
        let mut slow = Worker::new(&store, 1, GRACES);
        let mut owner = Worker::new(&store, 1, GRACES);
        let others = store.clone();
        // everything is sent, the manifest is not there yet; half an hour and many collections pass
        before(&store, STEPS[3], async move {
            for offset in 20..50 {
                others.pass(59);
                owner.make(offset, &[("9.sst", "other")]).await.unwrap();
            }
        });
        slow.make(11, &[("1.sst", "one"), ("2.sst", "two")]).await.unwrap();
        assert!(judged(&store).await.0.contains(&11));
        // what is left of a maker that died goes after a day
        let mut dead = Worker::new(&store, 1, GRACES);
        before(&store, STEPS[3], async { panic!("killed") });
        let killed = std::panic::AssertUnwindSafe(dead.make(60, &[("1.sst", "orphan")])).catch_unwind().await;
        assert!(killed.is_err());
        let count = |objects: BTreeMap<String, Object>| objects.values().filter(|object| object.size == 6).count();
        let mut next = Worker::new(&store, 1, GRACES);
        next.make(61, &[("1.sst", "x")]).await.unwrap();
        assert_eq!(count(next.maker.place.objects().await.unwrap()), 1);
        store.pass(3_600);
        next.make(62, &[("1.sst", "x")]).await.unwrap();
        assert_eq!(count(next.maker.place.objects().await.unwrap()), 0);
    });
}

#[test]
fn an_object_that_was_deleted_from_outside_is_sent_again() {
    run(async {
        let store = Stepped::new();
        let mut worker = Worker::new(&store, 1, GRACES);
        worker.make(10, &[("1.sst", "one")]).await.unwrap();
        let mut next = Worker::new(&store, 1, GRACES);
        let object = next.maker.place.objects().await.unwrap().into_keys().next().unwrap();
        next.maker.place.delete_object(&object).await.unwrap();
        assert_eq!(next.make(20, &[("1.sst", "one")]).await.unwrap().sent, 3);
        assert_eq!(judged(&store).await, (vec![20], vec![10]), "who leans on nothing that is not there heals it");
    });
}

#[test]
fn a_manifest_that_cannot_be_read_keeps_everything() {
    run(async {
        let store = Stepped::new();
        let mut worker = Worker::new(&store, 1, GRACES);
        worker.make(10, &[("1.sst", "one")]).await.unwrap();
        let path = ObjectPath::from("group/in/id/3/manifests/00000000000000000005-0000000000000000.json");
        store.put(&path, "{\"format\": 9}".into()).await.unwrap();
        store.pass(1_000);
        worker.make(20, &[("2.sst", "two")]).await.unwrap();
        store.pass(1_000);
        let made = worker.make(30, &[("3.sst", "three")]).await.unwrap();
        assert!(made.uncollected.unwrap().contains("format 9"));
        assert_eq!(*store.deleted.lock().unwrap(), [""; 0]);
    });
}
