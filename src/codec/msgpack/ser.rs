//! Writing MessagePack as Go's codecs read it.
//!
//! rmp-serde writes nearly everything as Go reads it. [`Plain`] stands between a type and
//! rmp-serde's serializer for the rest:
//!
//! | type | rmp-serde | here |
//! | --- | --- | --- |
//! | an empty `Vec<u8>` | an empty list, which old peers do not read as bytes | empty bytes |
//! | a list that begins with a byte and goes on otherwise | an error | a list |
//! | `char` | a string | a number, as Go's rune is |
//! | `i128`, `u128` | 16 bytes | a number, as for gob; 16 bytes only beyond 64 bits |
//! | a unit struct | an empty list | an empty map, as Go's `struct{}` is |
//! | [`Time`](crate::gob::Time) | a string | bytes, in the peer's form ([`TimeFormat`]) |

use serde::ser::{self, Serialize, Serializer};

use super::time::Moment;
use crate::codec::TimeFormat;
use crate::codec::lenient::EXTENSION;
use crate::gob::__private::TIME;

/// A serializer that writes what Go reads.
pub(super) struct Plain<S> {
    pub(super) inner: S,
    pub(super) times: TimeFormat,
}

/// A value within another one.
struct Part<'a, T: ?Sized>(&'a T, TimeFormat);

impl<T: Serialize + ?Sized> Serialize for Part<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Plain {
            inner: serializer,
            times: self.1,
        })
    }
}

/// What writes the parts of what has been begun.
fn parts<P, E>(begun: Result<P, E>, times: TimeFormat) -> Result<Plain<P>, E> {
    begun.map(|inner| Plain { inner, times })
}

fn is_byte<T>() -> bool {
    let id = typeid::of::<T>();
    id == typeid::of::<u8>() || id == typeid::of::<&u8>()
}

macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {$(
        fn $method(self, $($name: $type),*) -> Result<S::Ok, S::Error> {
            self.inner.$method($($name),*)
        }
    )*};
}

impl<S: Serializer> Serializer for Plain<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Plain<S::SerializeSeq>;
    type SerializeTuple = Plain<S::SerializeTuple>;
    type SerializeTupleStruct = Plain<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Plain<S::SerializeTupleVariant>;
    type SerializeMap = Plain<S::SerializeMap>;
    type SerializeStruct = Plain<S::SerializeStruct>;
    type SerializeStructVariant = Plain<S::SerializeStructVariant>;

    forward! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_f32(value: f32);
        serialize_f64(value: f64);
        serialize_str(value: &str);
        serialize_bytes(value: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    fn serialize_char(self, value: char) -> Result<S::Ok, S::Error> {
        self.inner.serialize_u32(value.into())
    }

    fn serialize_i128(self, value: i128) -> Result<S::Ok, S::Error> {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => self.inner.serialize_i64(value),
            (_, Ok(value)) => self.inner.serialize_u64(value),
            _ => self.inner.serialize_i128(value),
        }
    }

    fn serialize_u128(self, value: u128) -> Result<S::Ok, S::Error> {
        match u64::try_from(value) {
            Ok(value) => self.inner.serialize_u64(value),
            Err(_) => self.inner.serialize_u128(value),
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.serialize_some(&Part(value, self.times))
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<S::Ok, S::Error> {
        ser::SerializeMap::end(self.inner.serialize_map(Some(0))?)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        if name == EXTENSION {
            // Its parts are for rmp-serde.
            return self.inner.serialize_newtype_struct(name, value);
        }
        if name == TIME {
            return value.serialize(Moment(self.inner, self.times));
        }
        self.inner
            .serialize_newtype_struct(name, &Part(value, self.times))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner
            .serialize_newtype_variant(name, index, variant, &Part(value, self.times))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        parts(self.inner.serialize_seq(len), self.times)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        parts(self.inner.serialize_tuple(len), self.times)
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        parts(self.inner.serialize_tuple_struct(name, len), self.times)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        parts(
            self.inner
                .serialize_tuple_variant(name, index, variant, len),
            self.times,
        )
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        parts(self.inner.serialize_map(len), self.times)
    }

    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStruct, S::Error> {
        parts(self.inner.serialize_struct(name, len), self.times)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        parts(
            self.inner
                .serialize_struct_variant(name, index, variant, len),
            self.times,
        )
    }

    fn collect_seq<I>(self, items: I) -> Result<S::Ok, S::Error>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        let items = items.into_iter();
        let len = match items.size_hint() {
            (low, Some(high)) if low == high => Some(low),
            _ => None,
        };
        if is_byte::<I::Item>() {
            return match len {
                Some(0) => self.inner.serialize_bytes(&[]),
                // rmp-serde makes bytes of it, without a copy.
                _ => self.inner.collect_seq(items),
            };
        }
        let mut list = self.serialize_seq(len)?;
        for item in items {
            ser::SerializeSeq::serialize_element(&mut list, &item)?;
        }
        ser::SerializeSeq::end(list)
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! parts {
    ($($trait:ident: $method:ident;)*) => {$(
        impl<S: ser::$trait> ser::$trait for Plain<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                self.inner.$method(&Part(value, self.times))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

macro_rules! fields {
    ($($trait:ident)*) => {$(
        impl<S: ser::$trait> ser::$trait for Plain<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), S::Error> {
                self.inner.serialize_field(key, &Part(value, self.times))
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
                self.inner.skip_field(key)
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

fields! {
    SerializeStruct
    SerializeStructVariant
}

impl<S: ser::SerializeMap> ser::SerializeMap for Plain<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.inner.serialize_key(&Part(key, self.times))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.inner.serialize_value(&Part(value, self.times))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}
