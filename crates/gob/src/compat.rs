//! Facts about types that serde does not offer and that are found out all the same.
//!
//! Each rests on an assumption about how serde, `serde_derive` or the standard library is written.
//! The tests below hold the assumptions: where one of them fails, the function above it needs
//! another way, and the documentation of each says what is lost until then.

use std::any::TypeId;
use std::fmt;
use std::sync::LazyLock;

pub(crate) use plugwire_base::field_quirks::field_of_key;
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// Whether a type that asks for a tuple is an array, `[T; N]`, whose Go type is `[N]T`.
///
/// serde asks for a tuple for both. The assumption: [`type_name`](std::any::type_name) of an array,
/// and of no other sized type, begins with a bracket. Were it to fail, arrays would be sent as
/// structs. The explicit way is [`array`](mod@crate::array).
pub(crate) fn is_array<T>() -> bool {
    std::any::type_name::<T>().starts_with('[')
}

/// The type of serde's visitor of `Vec<u8>`.
///
/// The assumption: a `Vec` asks for a sequence, with a visitor whose value is the `Vec`. Were it to
/// fail, a `Vec<u8>` would be read byte by byte.
pub(crate) fn byte_vec_visitor() -> Option<TypeId> {
    static VISITOR: LazyLock<Option<TypeId>> =
        LazyLock::new(|| visitor_of::<Vec<u8>>().map(|(visitor, _)| visitor));
    *VISITOR
}

/// Whether the name of a visitor's type is one that `serde_derive` gives to the visitor of a
/// struct.
///
/// The assumption: that name is `path::_::<impl Deserialize for Type>::deserialize::__Visitor`.
/// Were it to change, structs would be read by names only, which takes two or three times as long.
pub(crate) fn is_derived_visitor(visitor: &str) -> bool {
    let Some((path, implementation)) = visitor.split_once("::_::<impl ") else {
        return false;
    };
    let Some((_, parameters)) = implementation.rsplit_once(">::deserialize::__Visitor") else {
        return false;
    };
    // The name of another type with a derived visitor as a parameter begins otherwise.
    !path.contains('<')
        && (parameters.is_empty() || parameters.starts_with('<') && parameters.ends_with('>'))
}

/// The visitor with which a type asks for a sequence or a struct: its type, and the type's name.
fn visitor_of<T: DeserializeOwned>() -> Option<(TypeId, &'static str)> {
    T::deserialize(VisitorOf).err()?.0
}

/// Takes note of the visitor and gives it nothing.
struct VisitorOf;

/// Not a failure: it carries what was found.
#[derive(Debug)]
struct Found(Option<(TypeId, &'static str)>);

impl Found {
    fn visitor<V>() -> Self {
        Self(Some((typeid::of::<V>(), std::any::type_name::<V>())))
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Found {}

impl de::Error for Found {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(None)
    }
}

impl<'de> Deserializer<'de> for VisitorOf {
    type Error = Found;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found(None))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found::visitor::<V>())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Found> {
        Err(Found::visitor::<V>())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf option unit unit_struct newtype_struct tuple
        tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::de::value::{Error, StrDeserializer};
    use serde::de::{Deserialize, DeserializeSeed, MapAccess};

    use super::*;

    #[test]
    fn arrays_are_recognised_by_their_names() {
        struct Named<T>(std::marker::PhantomData<T>);

        assert!(is_array::<[u8; 0]>());
        assert!(is_array::<[String; 3]>());
        assert!(is_array::<[[i64; 2]; 2]>());
        for other in [
            is_array::<()>(),
            is_array::<(u8,)>(),
            is_array::<([u8; 2], [u8; 2])>(),
            is_array::<Vec<[u8; 2]>>(),
            is_array::<Box<[u8]>>(),
            is_array::<&[u8]>(),
            is_array::<Named<[u8; 2]>>(),
        ] {
            assert!(!other);
        }
    }

    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only its keys are of interest")]
    struct Aliased {
        #[serde(alias = "one", alias = "eins")]
        first: u8,
        second: u8,
    }

    /// The groups of the keys that a derived struct makes of these names.
    fn groups(names: &'static [&'static str]) -> Vec<u64> {
        struct Names(&'static [&'static str], Vec<u64>);

        impl<'de> MapAccess<'de> for &mut Names {
            type Error = Error;

            fn next_key_seed<K: DeserializeSeed<'de>>(
                &mut self,
                seed: K,
            ) -> Result<Option<K::Value>, Error> {
                let Some((name, rest)) = self.0.split_first() else {
                    return Err(Error::custom("the end of the names"));
                };
                self.0 = rest;
                let key = seed.deserialize(StrDeserializer::<Error>::new(name))?;
                self.1.push(field_of_key(&key));
                Ok(Some(key))
            }

            fn next_value_seed<V: DeserializeSeed<'de>>(
                &mut self,
                seed: V,
            ) -> Result<V::Value, Error> {
                seed.deserialize(serde::de::value::U8Deserializer::new(0))
            }
        }

        struct Fields<'a>(&'a mut Names);

        impl<'de> Deserializer<'de> for Fields<'_> {
            type Error = Error;

            fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                visitor.visit_map(self.0)
            }

            forward_to_deserialize_any! {
                bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
                bytes byte_buf option unit unit_struct newtype_struct seq tuple
                tuple_struct map struct enum identifier ignored_any
            }
        }

        use serde::de::Error as _;
        let mut names = Names(names, Vec::new());
        let _: fmt::Result = match Aliased::deserialize(Fields(&mut names)) {
            Ok(_) => Ok(()),
            Err(_) => Err(fmt::Error),
        };
        names.1
    }

    #[test]
    fn aliases_are_in_the_group_of_their_field() {
        for name in [&["first"][..], &["one"], &["eins"]] {
            assert_eq!(groups(name), groups(&["first"]), "{name:?}");
        }
        let different = groups(&["first", "second", "other"]);
        assert_eq!(different.len(), 3);
        assert!(different[0] != different[1] && different[1] != different[2]);
        assert_eq!(groups(&["other", "another"])[0], groups(&["another"])[0]);
    }

    #[test]
    fn the_names_of_derived_visitors_are_known() {
        let derived =
            "a::_::<impl serde_core::de::Deserialize for a::User>::deserialize::__Visitor";
        assert!(is_derived_visitor(derived));
        assert!(is_derived_visitor(&format!(
            "{derived}<alloc::string::String>"
        )));
        assert!(is_derived_visitor(&format!("{derived}<'_>")));
        for other in [
            "a::Visitor".to_owned(),
            "a::__Visitor".to_owned(),
            format!("b::Wrap<{derived}>"),
            format!("{derived}Two"),
            derived.replace("__Visitor", "Fields"),
            derived.replace("::_::", "::"),
        ] {
            assert!(!is_derived_visitor(&other), "{other}");
        }
    }

    #[test]
    fn the_visitor_of_a_byte_vec_is_known() {
        assert!(byte_vec_visitor().is_some());
        assert_ne!(
            byte_vec_visitor(),
            visitor_of::<Vec<i8>>().map(|found| found.0)
        );
    }

    #[test]
    fn visitors_of_derived_structs_have_the_name_that_is_looked_for() {
        #[derive(serde::Deserialize)]
        #[expect(dead_code, reason = "only its visitor is of interest")]
        struct Generic<T> {
            value: T,
        }

        let name = |found: Option<(TypeId, &'static str)>| found.unwrap().1;
        assert!(is_derived_visitor(name(visitor_of::<Aliased>())));
        assert!(is_derived_visitor(name(visitor_of::<Generic<Vec<u8>>>())));
        assert!(!is_derived_visitor(name(visitor_of::<Vec<u8>>())));
    }
}
