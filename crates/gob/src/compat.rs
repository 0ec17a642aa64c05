//! Facts about types that serde does not offer and that are found out all the same.
//!
//! Each rests on an assumption about how serde, `serde_derive` or the standard library is written.
//! The tests below hold the assumptions: where one of them fails, the function above it needs
//! another way, and the documentation of each says what is lost until then.

pub(crate) use plugwire_base::field_quirks::field_of_key;

/// Whether a type that asks for a tuple is an array, `[T; N]`, whose Go type is `[N]T`.
///
/// serde asks for a tuple for both. The assumption: [`type_name`](std::any::type_name) of an array,
/// and of no other sized type, begins with a bracket. Were it to fail, arrays would be sent as
/// structs. The explicit way is [`array`](mod@crate::array).
pub(crate) fn is_array<T>() -> bool {
    std::any::type_name::<T>().starts_with('[')
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use serde::de::value::{Error, StrDeserializer};
    use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
    use serde::forward_to_deserialize_any;

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
}
