//! Schemas that a record names by a number, as Confluent's framing does: where they come from, and which are at hand.
//!
//! This crate knows no network. Whoever has a registry gives the [`crate::Reader`] a [`SchemaSource`]; what it answers once holds for good,
//! for a registry never gives a number a second time.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::error::ReadError;
use crate::schema::WriterSchema;

/// Gives the schema of a number.
pub trait SchemaSource: Send + Sync + fmt::Debug {
    /// The schema with this number in the registry. It may wait for a short while, never for long: a caller has other work.
    ///
    /// # Errors
    /// [`ReadError::Dead`] when the registry says that there is none or what it has is of no use here: its records are dead letters.
    /// [`ReadError::NotYet`] as long as nobody knows: ask again, and do nothing with the record meanwhile.
    fn schema(&self, id: u32) -> Result<Arc<WriterSchema>, ReadError>;
}

/// Schemas that a reader keeps by number; with more than these it asks its source each time.
const AT_HAND: usize = 64;

/// Room for a number and its schema.
type Slot = OnceLock<(u32, Arc<WriterSchema>)>;

/// A source, and what it gave. Clones share both.
#[derive(Clone)]
pub(crate) struct Numbered {
    source: Arc<dyn SchemaSource>,
    /// Filled from the front and never changed, so that a look needs no lock: all shards read each record through here.
    at_hand: Arc<[Slot; AT_HAND]>,
}

impl Numbered {
    pub(crate) fn new(source: Arc<dyn SchemaSource>) -> Self {
        Self { source, at_hand: Arc::new([const { OnceLock::new() }; AT_HAND]) }
    }

    #[inline]
    pub(crate) fn schema(&self, id: u32) -> Result<Held<'_>, ReadError> {
        let known = self.at_hand.iter().map_while(OnceLock::get);
        match known.into_iter().find(|(known, _)| *known == id) {
            Some((_, writer)) => Ok(Held::Kept(writer)),
            None => self.ask(id),
        }
    }

    #[cold]
    fn ask(&self, id: u32) -> Result<Held<'_>, ReadError> {
        let writer = self.source.schema(id)?;
        // Another shard may have put it there in between: twice is no harm.
        let _ = self.at_hand.iter().find(|slot| slot.get().is_none()).map(|slot| slot.set((id, Arc::clone(&writer))));
        Ok(Held::Given(writer))
    }
}

impl fmt::Debug for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

/// A writer's schema, borrowed where it is kept.
pub(crate) enum Held<'r> {
    Kept(&'r WriterSchema),
    Given(Arc<WriterSchema>),
}

impl Deref for Held<'_> {
    type Target = WriterSchema;
    #[inline]
    fn deref(&self) -> &WriterSchema {
        match self {
            Self::Kept(writer) => writer,
            Self::Given(writer) => writer,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::RecordType;

    #[derive(Debug, Default)]
    struct Counting(AtomicU32);

    impl SchemaSource for Counting {
        fn schema(&self, _: u32) -> Result<Arc<WriterSchema>, ReadError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Arc::clone(RecordType::Touchpoint.current()))
        }
    }

    #[test]
    fn a_number_is_asked_for_once_whoever_reads_and_more_than_are_kept_are_read_too() {
        let source = Arc::new(Counting::default());
        let numbered = Numbered::new(source.clone());
        let other_shard = numbered.clone();
        for _ in 0..3 {
            for id in 0..AT_HAND {
                assert!(numbered.schema(u32::try_from(id).unwrap()).is_ok());
                assert!(other_shard.schema(u32::try_from(id).unwrap()).is_ok());
            }
        }
        assert_eq!(source.0.load(Ordering::Relaxed), u32::try_from(AT_HAND).unwrap());
        assert!(numbered.schema(u32::MAX).is_ok_and(|writer| writer.record() == RecordType::Touchpoint));
    }
}
