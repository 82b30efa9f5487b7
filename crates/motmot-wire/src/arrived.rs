//! A touchpoint of a file: with its own arrival, if the file has one.

use std::fmt;

use motmot_core::touchpoint::Invalid;
use motmot_core::{Timestamp, Touchpoint};
use serde::de::value::StrDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

/// The name of the field that a file's records may have beside a touchpoint's.
pub const ARRIVED_AT: &str = "arrived_at";

/// A touchpoint, and when it arrived.
///
/// It is read as one flat record. Serde's own `flatten` would copy every text of it, so the touchpoint's fields are
/// handed through to its own implementation, all but `arrived_at`.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrived<'a> {
    /// When it arrived, if the file says so; else it arrived when it occurred.
    pub arrived_at: Option<Timestamp>,
    /// The touchpoint.
    pub touchpoint: Touchpoint<'a>,
}

impl Arrived<'_> {
    /// When it arrived: its own arrival, else its occurrence.
    pub fn instant(&self) -> Timestamp {
        self.arrived_at.unwrap_or(self.touchpoint.occurred_at)
    }

    /// Checks what the types cannot, of the touchpoint and of its arrival.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.touchpoint.validate()?;
        match self.arrived_at.filter(|at| !Timestamp::PLAUSIBLE.contains(at)) {
            Some(at) => Err(Invalid::Implausible { field: ARRIVED_AT, at }),
            None => Ok(()),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Arrived<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ArrivedVisitor)
    }
}

struct ArrivedVisitor;

impl<'de> Visitor<'de> for ArrivedVisitor {
    type Value = Arrived<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a touchpoint")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut arrived_at = None;
        let touchpoint = Touchpoint::deserialize(Fields { map, arrived_at: &mut arrived_at })?;
        Ok(Arrived { arrived_at: arrived_at.flatten(), touchpoint })
    }
}

/// The record's fields without `arrived_at`, which is put aside.
struct Fields<'f, A> {
    map: A,
    arrived_at: &'f mut Option<Option<Timestamp>>,
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Fields<'_, A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let mut seed = seed;
        loop {
            match self.map.next_key_seed(Name(seed))? {
                None => return Ok(None),
                Some(Key::Field(field)) => return Ok(Some(field)),
                Some(Key::ArrivedAt(unused)) => {
                    if self.arrived_at.replace(self.map.next_value()?).is_some() {
                        return Err(A::Error::duplicate_field(ARRIVED_AT));
                    }
                    seed = unused;
                }
            }
        }
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// A field's name: `arrived_at` gives the seed back, any other one goes to it.
struct Name<K>(K);

enum Key<F, K> {
    ArrivedAt(K),
    Field(F),
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for Name<K> {
    type Value = Key<K::Value, K>;
    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de, K: DeserializeSeed<'de>> Visitor<'de> for Name<K> {
    type Value = Key<K::Value, K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    #[inline]
    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        if name == ARRIVED_AT {
            Ok(Key::ArrivedAt(self.0))
        } else {
            self.0.deserialize(StrDeserializer::new(name)).map(Key::Field)
        }
    }
}
