//! How values with interfaces in them cross, where serde has no say.
//!
//! `Arc<dyn Trait>` cannot implement serde's traits, which are other crates', and `None` in place
//! of an interface is the id 0, which serde's `Option` does not know. So a type that holds one is
//! described by a *shape*, a type that has the same structure: `ListOf<Id>` for
//! `Vec<Arc<dyn Trait>>`, `TupleOf<(Id, Same)>` for `(Reader, u32)`. The attribute makes it from
//! the tokens of a parameter or result, [`Nested`] from a type.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use super::Interface;
use super::leaf::{self, Leaf};

/// How a value of the type `T` crosses.
pub trait Shape<T> {
    /// Writes the value.
    ///
    /// # Errors
    ///
    /// Those of the serializer, and when a part of the value cannot be lent.
    fn serialize<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads a value.
    ///
    /// # Errors
    ///
    /// Those of the deserializer, and when an id is not one that can be connected to.
    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error>;
}

/// As serde has it.
#[derive(Debug)]
pub struct Same;

/// A broker id.
#[derive(Debug)]
pub struct Id;

/// A broker id, or 0 for `None`.
#[derive(Debug)]
pub struct MaybeId;

/// An `Option` of what is itself no id.
#[derive(Debug)]
pub struct OptionOf<S>(PhantomData<S>);

/// A `Box`.
#[derive(Debug)]
pub struct BoxOf<S>(PhantomData<S>);

/// A `Vec` or `VecDeque`.
#[derive(Debug)]
pub struct ListOf<S>(PhantomData<S>);

/// The values of a `HashMap` or `BTreeMap`.
#[derive(Debug)]
pub struct MapOf<S>(PhantomData<S>);

/// A tuple.
#[derive(Debug)]
pub struct TupleOf<S>(PhantomData<S>);

/// A `Result`.
#[derive(Debug)]
pub struct ResultOf<S, E>(PhantomData<(S, E)>);

/// A reference to a value, which serializes in its shape.
struct Ref<'a, T, S>(&'a T, PhantomData<S>);

impl<'a, T, S> Ref<'a, T, S> {
    fn new(value: &'a T) -> Self {
        Ref(value, PhantomData)
    }
}

impl<T, S: Shape<T>> Serialize for Ref<'_, T, S> {
    fn serialize<R: Serializer>(&self, serializer: R) -> Result<R::Ok, R::Error> {
        S::serialize(self.0, serializer)
    }
}

/// A value in its shape: what the attribute's code sends in place of a whole argument or reply.
#[derive(Debug)]
pub struct Shaped<T, S>(T, PhantomData<fn() -> S>);

impl<T, S> Shaped<T, S> {
    /// The value, to be sent.
    pub fn new(value: T) -> Self {
        Shaped(value, PhantomData)
    }

    /// The value that was received.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T, S: Shape<T>> Serialize for Shaped<T, S> {
    fn serialize<R: Serializer>(&self, serializer: R) -> Result<R::Ok, R::Error> {
        S::serialize(&self.0, serializer)
    }
}

impl<'de, T, S: Shape<T>> Deserialize<'de> for Shaped<T, S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        S::deserialize(deserializer).map(Self::new)
    }
}

/// Functions for `#[serde(with)]` on a field in a shape.
#[derive(Debug)]
pub struct As<S>(PhantomData<S>);

impl<S> As<S> {
    /// Writes the field.
    ///
    /// # Errors
    ///
    /// As [`Shape::serialize`].
    pub fn serialize<T, R>(value: &T, serializer: R) -> Result<R::Ok, R::Error>
    where
        S: Shape<T>,
        R: Serializer,
    {
        S::serialize(value, serializer)
    }

    /// Reads the field.
    ///
    /// # Errors
    ///
    /// As [`Shape::deserialize`].
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        S: Shape<T>,
        D: Deserializer<'de>,
    {
        S::deserialize(deserializer)
    }
}

impl<T: Serialize + DeserializeOwned> Shape<T> for Same {
    fn serialize<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}

impl<B: Leaf> Shape<B> for Id {
    fn serialize<S: Serializer>(value: &B, serializer: S) -> Result<S::Ok, S::Error> {
        leaf::serialize(value, serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<B, D::Error> {
        leaf::deserialize(deserializer)
    }
}

impl<B: Leaf> Shape<Option<B>> for MaybeId {
    fn serialize<S: Serializer>(value: &Option<B>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => leaf::serialize(value, serializer),
            None => serializer.serialize_u32(0),
        }
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<B>, D::Error> {
        match u32::deserialize(deserializer)? {
            0 => Ok(None),
            id => leaf::received(id).map(Some).map_err(D::Error::custom),
        }
    }
}

impl<T, I: Shape<T>> Shape<Option<T>> for OptionOf<I> {
    fn serialize<S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        let value = value.as_ref().map(Ref::<T, I>::new);
        value.serialize(serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        let value = Option::<Shaped<T, I>>::deserialize(deserializer)?;
        Ok(value.map(Shaped::into_inner))
    }
}

impl<T, I: Shape<T>> Shape<Box<T>> for BoxOf<I> {
    fn serialize<S: Serializer>(value: &Box<T>, serializer: S) -> Result<S::Ok, S::Error> {
        I::serialize(value, serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<T>, D::Error> {
        I::deserialize(deserializer).map(Box::new)
    }
}

macro_rules! lists {
    ($($list:ident),*) => {$(
        impl<T, I: Shape<T>> Shape<$list<T>> for ListOf<I> {
            fn serialize<S: Serializer>(list: &$list<T>, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(list.iter().map(Ref::<T, I>::new))
            }

            fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<$list<T>, D::Error> {
                let list = $list::<Shaped<T, I>>::deserialize(deserializer)?;
                Ok(list.into_iter().map(Shaped::into_inner).collect())
            }
        }
    )*};
}

lists!(Vec, VecDeque);

impl<K, T, I, H> Shape<HashMap<K, T, H>> for MapOf<I>
where
    K: Serialize + DeserializeOwned + Eq + Hash,
    I: Shape<T>,
    H: BuildHasher + Default,
{
    fn serialize<S: Serializer>(map: &HashMap<K, T, H>, serializer: S) -> Result<S::Ok, S::Error> {
        let values = map
            .iter()
            .map(|(key, value)| (key, Ref::<T, I>::new(value)));
        serializer.collect_map(values)
    }

    fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<HashMap<K, T, H>, D::Error> {
        let map = HashMap::<K, Shaped<T, I>, H>::deserialize(deserializer)?;
        Ok(map.into_iter().map(|(key, value)| (key, value.0)).collect())
    }
}

impl<K, T, I> Shape<BTreeMap<K, T>> for MapOf<I>
where
    K: Serialize + DeserializeOwned + Ord,
    I: Shape<T>,
{
    fn serialize<S: Serializer>(map: &BTreeMap<K, T>, serializer: S) -> Result<S::Ok, S::Error> {
        let values = map
            .iter()
            .map(|(key, value)| (key, Ref::<T, I>::new(value)));
        serializer.collect_map(values)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<K, T>, D::Error> {
        let map = BTreeMap::<K, Shaped<T, I>>::deserialize(deserializer)?;
        Ok(map.into_iter().map(|(key, value)| (key, value.0)).collect())
    }
}

impl<T, E, I: Shape<T>, J: Shape<E>> Shape<Result<T, E>> for ResultOf<I, J> {
    fn serialize<S: Serializer>(value: &Result<T, E>, serializer: S) -> Result<S::Ok, S::Error> {
        let value = value.as_ref().map(Ref::<T, I>::new);
        value.map_err(Ref::<E, J>::new).serialize(serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Result<T, E>, D::Error> {
        let value = Result::<Shaped<T, I>, Shaped<E, J>>::deserialize(deserializer)?;
        Ok(value.map(Shaped::into_inner).map_err(Shaped::into_inner))
    }
}

macro_rules! tuples {
    ($($($type:ident $shape:ident $index:tt)+;)*) => {$(
        impl<$($type, $shape: Shape<$type>),+> Shape<($($type,)+)> for TupleOf<($($shape,)+)> {
            fn serialize<To: Serializer>(
                value: &($($type,)+),
                serializer: To,
            ) -> Result<To::Ok, To::Error> {
                ($(Ref::<$type, $shape>::new(&value.$index),)+).serialize(serializer)
            }

            fn deserialize<'de, From: Deserializer<'de>>(
                deserializer: From,
            ) -> Result<($($type,)+), From::Error> {
                let parts = <($(Shaped<$type, $shape>,)+)>::deserialize(deserializer)?;
                Ok(($(parts.$index.0,)+))
            }
        }

        impl<$($type: Nested),+> Nested for ($($type,)+) {
            type Shape = TupleOf<($($type::Shape,)+)>;
            type Optional = OptionOf<Self::Shape>;
        }
    )*};
}

/// Types that have a field with `#[serde(with = "plugwire::brokered")]`: interfaces, readers,
/// writers and streams, and `Option`s, lists, maps, tuples, boxes and `Result`s of these.
///
/// This is a closed set: the trait exists to be named in bounds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no interface that crosses as a broker id",
    note = "`plugwire::brokered` is for `Arc<dyn Trait>` with `#[plugwire::interface]` on the \
            trait, for readers, writers and streams, and for `Option`, `Vec`, maps, tuples, \
            `Box` and `Result` of them; a type of your own has the attribute on its own fields"
)]
pub trait Nested: Sized {
    /// How a value crosses.
    #[doc(hidden)]
    type Shape: Shape<Self>;

    /// How an `Option` of it crosses.
    #[doc(hidden)]
    type Optional: Shape<Option<Self>>;
}

impl<I: Interface + ?Sized> Nested for Arc<I> {
    type Shape = Id;
    type Optional = MaybeId;
}

impl<T: Nested> Nested for Option<T> {
    type Shape = T::Optional;
    type Optional = OptionOf<Self::Shape>;
}

/// The shape of a type.
type Of<T> = <T as Nested>::Shape;

macro_rules! containers {
    ($($shape:ty: impl[$($params:tt)*] $container:ty;)*) => {$(
        impl<$($params)*> Nested for $container {
            type Shape = $shape;
            type Optional = OptionOf<$shape>;
        }
    )*};
}

containers! {
    BoxOf<Of<T>>: impl[T: Nested] Box<T>;
    ListOf<Of<T>>: impl[T: Nested] Vec<T>;
    ListOf<Of<T>>: impl[T: Nested] VecDeque<T>;
    MapOf<Of<T>>: impl[
        K: Serialize + DeserializeOwned + Eq + Hash,
        T: Nested,
        H: BuildHasher + Default
    ] HashMap<K, T, H>;
    MapOf<Of<T>>: impl[K: Serialize + DeserializeOwned + Ord, T: Nested] BTreeMap<K, T>;
    ResultOf<Of<T>, Of<E>>: impl[T: Nested, E: Nested] Result<T, E>;
}

macro_rules! same {
    ($($type:ty),*) => {$(
        impl Nested for $type {
            type Shape = Same;
            type Optional = OptionOf<Same>;
        }
    )*};
}

// So that they may be beside an interface in a tuple. Not `u8`, of which a `Vec` are bytes.
same!(
    (),
    bool,
    char,
    i8,
    i16,
    i32,
    i64,
    i128,
    u16,
    u32,
    u64,
    u128,
    f32,
    f64,
    String
);

tuples! {
    A SA 0;
    A SA 0 B SB 1;
    A SA 0 B SB 1 C SC 2;
    A SA 0 B SB 1 C SC 2 D SD 3;
    A SA 0 B SB 1 C SC 2 D SD 3 E SE 4;
    A SA 0 B SB 1 C SC 2 D SD 3 E SE 4 F SF 5;
    A SA 0 B SB 1 C SC 2 D SD 3 E SE 4 F SF 5 G SG 6;
    A SA 0 B SB 1 C SC 2 D SD 3 E SE 4 F SF 5 G SG 6 H SH 7;
}
