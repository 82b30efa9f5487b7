//! What a shard needs of the world: a place in a group, transactions, stores, and time.
//!
//! A shard is written against these traits and nothing else. The worker gives it [`Kafka`](crate::kafka::Kafka); the simulator a model of
//! it, in which every call may be the last. So the rules of the port are Kafka's own, with its three answers to a failed call.
//! No call of a record is dynamic: a [`Record`] borrows from whoever fetched it.

use std::time::Duration;

use motmot_core::Timestamp;
use motmot_snapshot::SnapshotError;
use motmot_store::{KeyValue, Meta, Store, StoreError};

use crate::error::WorkerError;
use crate::interrupt::Interrupt;
use crate::strategies::Contents;

/// Everything outside a shard.
pub(crate) trait World: Sized {
    /// A member's place in the consumer group.
    type Group: Group<Membership = Self::Membership>;
    /// A transactional producer.
    type Producer: Producer<Membership = Self::Membership>;
    /// Which member of which generation: what a commit is judged by.
    type Membership;
    /// What lies under a store.
    type Entries: KeyValue;
    /// A partition's snapshots.
    type Snapshots: Snapshots<Self::Entries>;

    /// Joins the group; partitions come with its first answers.
    fn join(&self, member: &str) -> Result<Self::Group, WorkerError>;

    /// Makes a producer. It may not send before [`Producer::init`].
    fn producer(&self, member: &str) -> Result<Self::Producer, WorkerError>;

    /// The first offsets that the logs of these partitions still have.
    fn log_starts(&self, numbers: &[i32], patience: Duration) -> Result<Vec<(i32, i64)>, Failure>;

    /// The offsets after their last records, open transactions included.
    fn log_ends(&self, numbers: &[i32], patience: Duration) -> Result<Vec<(i32, i64)>, Failure>;

    /// Opens a partition's store.
    fn open_store(&self, number: i32) -> Result<Store<Self::Entries>, StoreError>;

    /// Takes a store away that must not be used any more; it is not open. Another one can be opened in its place.
    fn give_up_store(&self, number: i32) -> Result<(), StoreError>;

    /// The snapshots of a partition, from its assignment to its end.
    fn snapshots(&self, number: i32) -> Self::Snapshots;

    /// What the topic of strategies holds now.
    fn strategies(&self) -> Result<Contents, WorkerError>;

    /// How long it is since some beginning: never goes back.
    fn elapsed(&self) -> Duration;

    /// The wall clock, which may.
    fn now(&self) -> Timestamp;

    /// Waits.
    fn sleep(&self, duration: Duration);
}

/// A partition's snapshots as its owner sees them. What takes long calls `meanwhile` now and then.
pub(crate) trait Snapshots<K> {
    /// What one is found by again.
    type Found;

    /// Those that are there and that may be used, the newest first: of each its offset. None where there are to be none.
    fn list(&mut self, meanwhile: &mut dyn FnMut()) -> Result<Vec<(i64, Self::Found)>, SnapshotError>;

    /// What one is a checkpoint of.
    fn meta(&mut self, found: &Self::Found, meanwhile: &mut dyn FnMut()) -> Result<Meta, SnapshotError>;

    /// Brings one to this machine, whole, but not in the store's place.
    fn fetch(&mut self, found: &Self::Found, meanwhile: &mut dyn FnMut()) -> Result<(), SnapshotError>;

    /// Puts what was fetched in the place of the store, which is given up; it is not open.
    fn put_in_place(&mut self) -> Result<(), StoreError>;

    /// Whether it is time for another one.
    fn is_due(&self) -> bool;

    /// Takes one of what the store holds, and sends it on its way. Whatever goes wrong is counted; nothing waits for it.
    fn take(&mut self, store: &Store<K>, now: Timestamp);
}

/// A member's place in the consumer group, and what it reads there.
pub(crate) trait Group {
    /// See [`World::Membership`].
    type Membership;

    /// Hears the group, so that it does not take this member for dead. What it wants comes from [`Group::next_rebalance`].
    fn poll(&mut self) -> Result<(), Interrupt>;

    /// What the group gives or takes, and waits for: answered by [`Group::assign`] or [`Group::unassign`].
    fn next_rebalance(&mut self) -> Option<Rebalance>;

    /// Leaves a rebalance to [`Group::close`].
    fn put_back(&mut self, rebalance: Rebalance);

    /// The group gave this member's partitions away already: it may not commit for them any more.
    fn is_lost(&self) -> bool;

    /// Reads these partitions too, each from its offset.
    fn assign(&mut self, from: &[(i32, i64)]) -> Result<(), Failure>;

    /// Reads these no more.
    fn unassign(&mut self, numbers: &[i32]) -> Result<(), Failure>;

    /// Goes back to `offset` and gives nothing of the partition until [`Group::resume`]; what was fetched beyond is forgotten, and
    /// [`Group::positions`] does not name it. It stays the member's.
    fn rest(&mut self, number: i32, offset: i64) -> Result<(), Failure>;

    /// Gives records again, from the offset at which it rests.
    fn resume(&mut self, number: i32) -> Result<(), Failure>;

    /// Forgets what was fetched and not taken. All partitions must be unassigned.
    fn discard_fetched(&mut self) -> Result<(), Interrupt>;

    /// Hands what was fetched to `visit`, at most a batch, waiting for at most `wait` if there is nothing. True: no more lies ready.
    fn take(&mut self, wait: Duration, visit: impl FnMut(Result<Record<'_>, RecordError>)) -> bool;

    /// Where the reading stands, behind markers of transactions where they have been passed; none: not known now.
    fn positions(&self) -> Option<Vec<(i32, i64)>>;

    /// The offset after the partition's last record as of the last fetch; none before the first one.
    fn high_watermark(&self, number: i32) -> Option<i64>;

    /// The committed offsets of these partitions, with what lies beside them if it is text.
    fn committed(&self, numbers: &[i32], patience: Duration) -> Result<Vec<(i32, i64, Option<String>)>, Failure>;

    /// To be read when it is used, so that it is of the generation that owns what is committed; none: not known.
    fn membership(&self) -> Option<Self::Membership>;

    /// Whether it is one of a generation. A member that was expelled has none until it has joined again, **and Kafka takes what such a one
    /// commits if the group is empty**: a shard that stood still for longer than its successor lived would tell everything once more.
    fn is_member(membership: &Self::Membership) -> bool;

    /// Gives all back and leaves; a static member keeps its place for a while. It does not wait for long.
    fn close(self);
}

/// What the group wants; not answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rebalance {
    /// These partitions are the member's from now on.
    Assigned(Vec<i32>),
    /// These are not.
    Revoked(Vec<i32>),
}

/// A record of the input, in the memory of whoever fetched it.
#[derive(Clone, Copy)]
pub(crate) struct Record<'m> {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Milliseconds since 1970 by the broker's or the producer's clock; −1 where the record has none.
    pub(crate) timestamp: i64,
    pub(crate) key: Option<&'m [u8]>,
    pub(crate) value: Option<&'m [u8]>,
    pub(crate) headers: &'m dyn Headers,
}

/// A record's headers: read of dead letters only.
pub(crate) trait Headers {
    /// Hands each to `visit`: its name, and its value, which may be null.
    fn each<'m>(&'m self, visit: &mut dyn FnMut(&str, Option<&'m [u8]>));
}

/// Why a partition gives no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecordError {
    /// It passes: the client tries again.
    Passing { partition: i32, detail: String },
    /// It does not, and this says what happened.
    Lasting { partition: i32, detail: String },
}

/// A transactional producer.
pub(crate) trait Producer {
    /// See [`World::Membership`].
    type Membership;

    /// Ends whatever transaction a predecessor of the same name left open, and shuts the predecessor out.
    fn init(&self) -> Result<(), Failure>;
    /// Begins a transaction.
    fn begin(&self) -> Result<(), Failure>;
    /// Adds a record to it. That it was written is known after [`Producer::flush`].
    fn send(&self, message: Message<'_>) -> Result<(), Failure>;
    /// Waits until all that was sent is written, or has failed: a while, and [`Answer::Retry`] if it needs longer.
    fn flush(&self, wait: Duration) -> Result<(), Failure>;
    /// Adds offsets to it, each with what is to lie beside it.
    fn send_offsets(&self, offsets: &[(i32, i64, String)], membership: &Self::Membership) -> Result<(), Failure>;
    /// Makes it visible. When the answer is [`Answer::Retry`] it may have been done.
    fn commit(&self) -> Result<(), Failure>;
    /// Throws it away.
    fn abort(&self) -> Result<(), Failure>;
}

/// A record to be sent.
#[derive(Clone, Copy)]
pub(crate) struct Message<'m> {
    pub(crate) topic: &'m str,
    pub(crate) partition: i32,
    pub(crate) key: Option<&'m [u8]>,
    pub(crate) value: Option<&'m [u8]>,
    pub(crate) headers: &'m [(&'m str, Option<&'m [u8]>)],
}

/// A call that failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) answer: Answer,
    pub(crate) detail: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

/// What a failure asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Do the same once more: it has failed, or it is still under way. Nothing else may be done with this producer before.
    Retry,
    /// Abort the transaction.
    Abort,
    /// The client is of no more use, and another one is to take its place.
    Renew,
    /// The group knows another member by this name: the place is that one's.
    Cede,
    /// Nothing mends it that a shard could do.
    Give,
}
