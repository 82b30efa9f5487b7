//! The decoder: Avro's binary form in, serde out.
//!
//! It says only whether it could; what is wrong with a record is for the decoder that knows the schema to say.

use std::fmt;

use motmot_core::codec::{Damaged, Take};
use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// The bytes are no record of a current schema, or not one of the usual form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotQuick;

impl From<Damaged> for NotQuick {
    fn from(_: Damaged) -> Self {
        Self
    }
}

impl fmt::Display for NotQuick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the record must be decoded by its schema")
    }
}

impl std::error::Error for NotQuick {}

impl Error for NotQuick {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Takes values from the front of a datum.
pub(crate) struct Quick<'a>(pub(crate) Take<'a>);

impl<'a> Quick<'a> {
    #[inline]
    fn text(&mut self) -> Result<&'a str, NotQuick> {
        let length = usize::try_from(self.0.i64()?).map_err(|_| NotQuick)?;
        std::str::from_utf8(self.0.bytes(length)?).map_err(|_| NotQuick)
    }
}

macro_rules! unsupported {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NotQuick> { Err(NotQuick) })*
    };
}

impl<'de> Deserializer<'de> for &mut Quick<'de> {
    type Error = NotQuick;

    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotQuick> {
        match self.0.u8()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            _ => Err(NotQuick),
        }
    }

    #[inline]
    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotQuick> {
        visitor.visit_i32(i32::try_from(self.0.i64()?).map_err(|_| NotQuick)?)
    }

    #[inline]
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotQuick> {
        visitor.visit_i64(self.0.i64()?)
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotQuick> {
        let bytes = self.0.bytes(8)?.first_chunk().ok_or(NotQuick)?;
        visitor.visit_f64(f64::from_le_bytes(*bytes))
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotQuick> {
        visitor.visit_borrowed_str(self.text()?)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotQuick> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotQuick> {
        match self.0.u8()? {
            0 => visitor.visit_none(),
            2 => visitor.visit_some(self), // zigzag of 1, the union's second branch
            _ => Err(NotQuick),
        }
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotQuick> {
        visitor.visit_seq(Blocks { datum: self, left: 0 })
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotQuick> {
        visitor.visit_map(Blocks { datum: self, left: 0 })
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotQuick> {
        visitor.visit_seq(Fields { datum: self, left: fields.len() })
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotQuick> {
        visitor.visit_enum(Symbol(u32::try_from(self.0.i64()?).map_err(|_| NotQuick)?))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, NotQuick> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, NotQuick> {
        Err(NotQuick)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, NotQuick> {
        Err(NotQuick)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, _: V) -> Result<V::Value, NotQuick> {
        Err(NotQuick)
    }

    // no schema of motmot's has them
    unsupported! {
        deserialize_any deserialize_i8 deserialize_i16 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32
        deserialize_char deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_identifier deserialize_ignored_any
    }
}

/// A record's fields, in the schema's order.
struct Fields<'d, 'de> {
    datum: &'d mut Quick<'de>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Fields<'_, 'de> {
    type Error = NotQuick;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, NotQuick> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.datum).map(Some)
    }
}

/// The entries of a list or a map, which come in blocks, the last one empty.
struct Blocks<'d, 'de> {
    datum: &'d mut Quick<'de>,
    /// In this block.
    left: usize,
}

impl Blocks<'_, '_> {
    /// Whether there is one more entry.
    #[inline]
    fn step(&mut self) -> Result<bool, NotQuick> {
        if self.left == 0 {
            // A block with its size in bytes (a negative count) is left to the other decoder. An entry takes a byte at least: a larger
            // count is a lie, and must not cost anything.
            self.left = usize::try_from(self.datum.0.i64()?).map_err(|_| NotQuick)?;
            if self.left == 0 {
                return Ok(false);
            }
            if self.left > self.datum.0.0.len() {
                return Err(NotQuick);
            }
        }
        self.left -= 1;
        Ok(true)
    }
}

impl<'de> SeqAccess<'de> for Blocks<'_, 'de> {
    type Error = NotQuick;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, NotQuick> {
        if self.step()? { seed.deserialize(&mut *self.datum).map(Some) } else { Ok(None) }
    }
}

impl<'de> MapAccess<'de> for Blocks<'_, 'de> {
    type Error = NotQuick;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, NotQuick> {
        if self.step()? { seed.deserialize(&mut *self.datum).map(Some) } else { Ok(None) }
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NotQuick> {
        seed.deserialize(&mut *self.datum)
    }
}

/// An enum's symbol, by its position.
struct Symbol(u32);

impl<'de> EnumAccess<'de> for Symbol {
    type Error = NotQuick;
    type Variant = Unit;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Unit), NotQuick> {
        let position: U32Deserializer<NotQuick> = self.0.into_deserializer();
        Ok((seed.deserialize(position)?, Unit))
    }
}

struct Unit;

impl<'de> VariantAccess<'de> for Unit {
    type Error = NotQuick;

    #[inline]
    fn unit_variant(self) -> Result<(), NotQuick> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, NotQuick> {
        Err(NotQuick)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, NotQuick> {
        Err(NotQuick)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, NotQuick> {
        Err(NotQuick)
    }
}
