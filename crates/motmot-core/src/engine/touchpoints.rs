//! The set of touchpoints of one cycle, in their order, and compact.
#![allow(clippy::indexing_slicing, reason = "positions and ranges are this set's own, checked when it is read from a row")]

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::codec::{self, Damaged, Put, Take};
use crate::text::Text;
use crate::time::Timestamp;
use crate::touchpoint::{Stage, Touchpoint};

/// What the order, the search for duplicates and the evidence need of a touchpoint without decoding it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) at: Timestamp,
    /// Absent sorts first.
    seq: Option<i64>,
    pub(super) stage: Stage,
    pub(super) id_hash: u64,
    content: u64,
    pub(super) offset: i64,
    start: u32,
    length: u32,
}

/// Touchpoints up to which a search through all of them is as fast as an index.
const UNINDEXED: usize = 64;

/// The touchpoints of a cycle: encoded one after the other in the order of arrival, indexed in the cycle's order.
#[derive(Clone, Debug, Default)]
pub(super) struct Touchpoints {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    /// Of a long cycle, the hashes of all ids: a touchpoint that is new, as nearly all are, is not searched for among ten thousand.
    ids: HashTable<u64>,
}

impl Touchpoints {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The touchpoint at a position of the cycle's order.
    pub(super) fn get(&self, index: usize) -> Touchpoint<'_> {
        let entry = self.entries[index]; // positions come from this very list
        codec::decode(&mut Take(self.encoded(&entry))).expect("written by `insert`, or checked by `read`")
    }

    /// The id of the touchpoint at a position of the cycle's order.
    pub(super) fn event_id(&self, index: usize) -> &str {
        codec::event_id(self.encoded(&self.entries[index])).expect("written by `insert`, or checked by `read`")
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Touchpoint<'_>> + ExactSizeIterator {
        (0..self.entries.len()).map(|index| self.get(index))
    }

    /// The position of a touchpoint by the hash of its id.
    pub(super) fn find(&self, id_hash: u64) -> Option<usize> {
        self.entries.iter().position(|entry| entry.id_hash == id_hash)
    }

    fn encoded(&self, entry: &Entry) -> &[u8] {
        let start = entry.start as usize;
        &self.bytes[start..start + entry.length as usize]
    }

    /// Of a touchpoint whose id is there already, whether the content is the same too: a duplicate, or a conflict.
    pub(super) fn known(&self, touchpoint: &Touchpoint<'_>) -> Option<bool> {
        let id_hash = xxh3_64(touchpoint.event_id.as_bytes());
        if self.entries.len() > UNINDEXED && self.ids.find(id_hash, |known| *known == id_hash).is_none() {
            return None;
        }
        let same_id =
            |entry: &&Entry| entry.id_hash == id_hash && codec::event_id(self.encoded(entry)) == Ok(touchpoint.event_id.as_str());
        let entry = self.entries.iter().find(same_id)?;
        let mut copy = Vec::with_capacity(entry.length as usize);
        let content = codec::encode(touchpoint, &mut copy);
        Some(xxh3_64(&copy[..content]) == entry.content)
    }

    /// Adds a touchpoint that is not [`known`](Self::known); returns its position in the cycle's order.
    pub(super) fn insert(&mut self, touchpoint: &Touchpoint<'_>, offset: i64) -> usize {
        let start = self.bytes.len();
        let content = codec::encode(touchpoint, &mut self.bytes);
        let entry = Entry {
            at: touchpoint.occurred_at,
            seq: touchpoint.seq,
            stage: touchpoint.stage,
            id_hash: xxh3_64(touchpoint.event_id.as_bytes()),
            content: xxh3_64(&self.bytes[start..start + content]),
            offset,
            start: u32::try_from(start).expect("max_touchpoints × the bounds of a touchpoint"),
            length: u32::try_from(self.bytes.len() - start).expect("bounds of a touchpoint"),
        };
        let position = self.position_of(&entry);
        self.entries.insert(position, entry);
        self.note_id(entry.id_hash);
        position
    }

    /// Keeps the set of ids, once it is needed, complete.
    fn note_id(&mut self, id_hash: u64) {
        let ids = &mut self.ids;
        let mut note = |id_hash| _ = ids.insert_unique(id_hash, id_hash, |hash| *hash);
        match self.entries.len() {
            ..=UNINDEXED => {}
            length if length == UNINDEXED + 1 => self.entries.iter().for_each(|entry| note(entry.id_hash)),
            _ => note(id_hash),
        }
    }

    /// Where an entry belongs: behind all that are not greater by (occurred_at, seq, stage, event_id).
    fn position_of(&self, new: &Entry) -> usize {
        let key = |entry: &Entry| (entry.at, entry.seq, entry.stage);
        match self.entries.last() {
            None => 0,
            Some(last) if key(last) < key(new) => self.entries.len(),
            Some(_) => self.entries.partition_point(|old| self.is_before(old, new)),
        }
    }

    /// The order of a cycle's touchpoints: by (occurred_at, seq, stage, event_id).
    fn is_before(&self, one: &Entry, other: &Entry) -> bool {
        let key = |entry: &Entry| (entry.at, entry.seq, entry.stage);
        let id = |entry: &Entry| codec::event_id(self.encoded(entry)).expect("written by `insert`, or checked by `read`");
        key(one).cmp(&key(other)).then_with(|| id(one).cmp(id(other))).is_lt()
    }

    /// The sets that begin at these positions, the first of which is 0.
    pub(super) fn split(&self, starts: &[usize]) -> Vec<Self> {
        let ends = starts.iter().skip(1).copied().chain([self.entries.len()]);
        let piece = |(start, end): (&usize, usize)| {
            let mut piece = Self::default();
            self.entries[*start..end].iter().for_each(|entry| piece.push_encoded(*entry, self.encoded(entry)));
            piece
        };
        starts.iter().zip(ends).map(piece).collect()
    }

    /// Appends another set, all of which lies behind this one.
    pub(super) fn append(&mut self, other: &Self) {
        other.entries.iter().for_each(|entry| self.push_encoded(*entry, other.encoded(entry)));
    }

    fn push_encoded(&mut self, mut entry: Entry, encoded: &[u8]) {
        entry.start = u32::try_from(self.bytes.len()).expect("max_touchpoints × the bounds of a touchpoint");
        self.bytes.extend_from_slice(encoded);
        self.entries.push(entry);
        self.note_id(entry.id_hash);
    }

    /// Appends the set to a row.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.put_u64(self.entries.len() as u64);
        for entry in &self.entries {
            out.put_i64(entry.offset);
            out.extend_from_slice(&entry.content.to_le_bytes());
            out.put_u64(u64::from(entry.length));
            out.extend_from_slice(self.encoded(entry));
        }
    }

    /// Reads a set from a row, and checks every touchpoint in it, and that each lies behind the one before it. A cycle has at least one.
    pub(super) fn read(from: &mut Take<'_>) -> Result<Self, Damaged> {
        let mut read = Self::default();
        for _ in 0..from.count()? {
            let offset = from.i64()?;
            let content = u64::from_le_bytes(from.bytes(8)?.try_into().map_err(|_| Damaged)?);
            let length = from.count()?;
            let encoded = from.bytes(length)?;
            let mut rest = Take(encoded);
            let touchpoint = codec::decode(&mut rest)?;
            let Touchpoint { occurred_at: at, seq, stage, ref event_id, .. } = touchpoint;
            let id_hash = xxh3_64(event_id.as_bytes());
            let length = u32::try_from(length).map_err(|_| Damaged)?;
            read.push_encoded(Entry { at, seq, stage, id_hash, content, offset, start: 0, length }, encoded);
            let is_in_order = match read.entries.as_slice() {
                [.., before, last] => read.is_before(before, last),
                _ => true,
            };
            if !(rest.0.is_empty() && is_in_order) {
                return Err(Damaged);
            }
        }
        if read.entries.is_empty() { Err(Damaged) } else { Ok(read) }
    }
}

/// The id of an assembled cycle: its key, and the event_id of its earliest touchpoint.
pub(super) fn assembled_id(key: &str, first: &Text<'_>) -> String {
    format!("{key}@{first}")
}
