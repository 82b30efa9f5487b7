//! The encoder: serde in, Avro's binary form out.
//!
//! An encoder that is led by the schema was tried (`serde_avro_fast`): it calls itself a format for people, so instants would come
//! out as texts.

use std::fmt;

use motmot_core::codec::Put;
use serde::ser::{self, Impossible, Serialize, Serializer};

/// What a type has that no schema of motmot's can have.
#[derive(Debug)]
pub(crate) struct Unsupported(String);

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unsupported {}

impl ser::Error for Unsupported {
    fn custom<T: fmt::Display>(words: T) -> Self {
        Self(words.to_string())
    }
}

type Done = Result<(), Unsupported>;

/// Appends to a buffer.
pub(crate) struct Datum<'o>(pub(crate) &'o mut Vec<u8>);

/// A list, map or record that has been begun. A list or map that is not empty ends with an empty block.
pub(crate) struct Inside<'o> {
    out: &'o mut Vec<u8>,
    closed_by_zero: bool,
}

impl Inside<'_> {
    #[inline]
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(Datum(self.out))
    }

    #[inline]
    fn close(self) {
        if self.closed_by_zero {
            self.out.push(0);
        }
    }
}

impl<'o> Datum<'o> {
    /// Begins the only block of a list or map.
    fn block(self, length: Option<usize>) -> Result<Inside<'o>, Unsupported> {
        let length = length.ok_or_else(|| Unsupported("a list of unknown length".to_owned()))?;
        self.0.put_u64((length as u64) << 1); // zigzag of a number that is not negative
        Ok(Inside { out: self.0, closed_by_zero: length > 0 })
    }
}

macro_rules! unsupported {
    ($($method:ident($($argument:ty),*) -> $result:ty),* $(,)?) => {
        $(fn $method(self $(, _: $argument)*) -> $result {
            Err(Unsupported(concat!(stringify!($method), " has no place in motmot's schemas").to_owned()))
        })*
    };
}

impl<'o> Serializer for Datum<'o> {
    type Ok = ();
    type Error = Unsupported;
    type SerializeSeq = Inside<'o>;
    type SerializeTuple = Impossible<(), Unsupported>;
    type SerializeTupleStruct = Impossible<(), Unsupported>;
    type SerializeTupleVariant = Impossible<(), Unsupported>;
    type SerializeMap = Inside<'o>;
    type SerializeStruct = Inside<'o>;
    type SerializeStructVariant = Impossible<(), Unsupported>;

    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Done {
        self.0.push(u8::from(value));
        Ok(())
    }

    #[inline]
    fn serialize_i32(self, value: i32) -> Done {
        self.serialize_i64(i64::from(value))
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Done {
        self.0.put_i64(value);
        Ok(())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Done {
        self.0.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Done {
        self.0.put_u64((value.len() as u64) << 1);
        self.0.extend_from_slice(value.as_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Done {
        self.0.push(0);
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        self.0.push(2); // zigzag of 1, the union's second branch
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Done {
        self.serialize_i64(i64::from(index))
    }

    #[inline]
    fn serialize_seq(self, length: Option<usize>) -> Result<Inside<'o>, Unsupported> {
        self.block(length)
    }

    #[inline]
    fn serialize_map(self, length: Option<usize>) -> Result<Inside<'o>, Unsupported> {
        self.block(length)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside<'o>, Unsupported> {
        Ok(Inside { out: self.0, closed_by_zero: false })
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(self, _: &'static str, _: u32, _: &'static str, _: &T) -> Done {
        Err(Unsupported("an enum with values has no place in motmot's schemas".to_owned()))
    }

    unsupported! {
        serialize_i8(i8) -> Done,
        serialize_i16(i16) -> Done,
        serialize_u8(u8) -> Done,
        serialize_u16(u16) -> Done,
        serialize_u32(u32) -> Done,
        serialize_u64(u64) -> Done,
        serialize_f32(f32) -> Done,
        serialize_char(char) -> Done,
        serialize_bytes(&[u8]) -> Done,
        serialize_unit() -> Done,
        serialize_unit_struct(&'static str) -> Done,
        serialize_tuple(usize) -> Result<Self::SerializeTuple, Unsupported>,
        serialize_tuple_struct(&'static str, usize) -> Result<Self::SerializeTupleStruct, Unsupported>,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Result<Self::SerializeTupleVariant, Unsupported>,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Result<Self::SerializeStructVariant, Unsupported>,
    }
}

impl ser::SerializeSeq for Inside<'_> {
    type Ok = ();
    type Error = Unsupported;
    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.push(value)
    }
    #[inline]
    fn end(self) -> Done {
        self.close();
        Ok(())
    }
}

impl ser::SerializeMap for Inside<'_> {
    type Ok = ();
    type Error = Unsupported;
    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        self.push(key)
    }
    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.push(value)
    }
    #[inline]
    fn end(self) -> Done {
        self.close();
        Ok(())
    }
}

impl ser::SerializeStruct for Inside<'_> {
    type Ok = ();
    type Error = Unsupported;
    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Done {
        self.push(value)
    }
    #[inline]
    fn end(self) -> Done {
        self.close();
        Ok(())
    }
}
