//! A deserializer that refuses fields which nothing reads, and knows where in the value it was when something went wrong.
//!
//! A record of a topic may have fields that this version does not know: a newer writer's. A line that somebody wrote by hand must
//! not: `chanel` would silently be no channel. Serde's `deny_unknown_fields` cannot be had for one format alone, so what a
//! derived implementation does with an unknown field (it asks for an ignored value) is the error here. The texts stay borrowed.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Where in the value the error is: `actor.kind`.
#[derive(Debug, Default)]
pub(super) struct Trace(RefCell<String>);

impl Trace {
    /// The error passes a field on its way out.
    #[cold]
    fn within(&self, name: &str) {
        let mut path = self.0.borrow_mut();
        let dot = if path.is_empty() { "" } else { "." };
        *path = format!("{name}{dot}{path}");
    }

    pub(super) fn into_path(self) -> String {
        self.0.into_inner()
    }
}

pub(super) struct Strict<'t, D> {
    pub(super) inner: D,
    pub(super) trace: &'t Trace,
}

macro_rules! forward {
    ($($method:ident)*) => {
        $(#[inline] fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> { self.inner.$method(visitor) })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<'_, D> {
    type Error = D::Error;

    // values without an inside; a touchpoint asks for "any" only for its instants
    forward! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_identifier
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        words: &'static [&'static str],
        v: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_enum(name, words, v)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_option(Inside { visitor, trace: self.trace })
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_seq(Inside { visitor, trace: self.trace })
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_map(Inside { visitor, trace: self.trace })
    }

    /// Objects only: a list of values without names is nothing that a person can check.
    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        v: V,
    ) -> Result<V::Value, D::Error> {
        self.deserialize_map(v)
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_newtype_struct(name, visitor)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_tuple(length, visitor)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(self, name: &'static str, length: usize, v: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_tuple_struct(name, length, v)
    }

    #[cold]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, D::Error> {
        Err(D::Error::custom("there is no such field; remove it, or put it into attributes"))
    }
}

/// Passes strictness on to what is inside a value.
struct Inside<'t, V> {
    visitor: V,
    trace: &'t Trace,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Inside<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Strict { inner, trace: self.trace })
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(Entries { inner, trace: self.trace })
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Fields { inner, trace: self.trace, name: Cow::Borrowed("") })
    }
}

struct StrictSeed<'t, S> {
    seed: S,
    trace: &'t Trace,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for StrictSeed<'_, S> {
    type Value = S::Value;
    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.seed.deserialize(Strict { inner, trace: self.trace })
    }
}

struct Entries<'t, A> {
    inner: A,
    trace: &'t Trace,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Entries<'_, A> {
    type Error = A::Error;
    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_element_seed(StrictSeed { seed, trace: self.trace })
    }
}

struct Fields<'t, 'de, A> {
    inner: A,
    trace: &'t Trace,
    /// Of the field that is being read.
    name: Cow<'de, str>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<'_, 'de, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_key_seed(NameSeed { seed, name: &mut self.name })
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let value = self.inner.next_value_seed(StrictSeed { seed, trace: self.trace });
        if value.is_err() {
            self.trace.within(&self.name);
        }
        value
    }
}

/// Hands a field's name on and keeps it.
struct NameSeed<'n, 'de, S> {
    seed: S,
    name: &'n mut Cow<'de, str>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for NameSeed<'_, 'de, S> {
    type Value = S::Value;
    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for NameSeed<'_, 'de, S> {
    type Value = S::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    #[inline]
    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<S::Value, E> {
        *self.name = Cow::Borrowed(name);
        self.seed.deserialize(BorrowedStrDeserializer::new(name))
    }

    #[inline]
    fn visit_str<E: Error>(self, name: &str) -> Result<S::Value, E> {
        *self.name = Cow::Owned(name.to_owned());
        self.seed.deserialize(StrDeserializer::new(name))
    }
}
