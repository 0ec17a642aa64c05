//! A made-up value, as its type would deserialize it: the type asks for what it is and takes only
//! that.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::{NAMES, Type, Value, Variant};

impl<'de> DeserializeSeed<'de> for &Type {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        fn of<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
            from: D,
            make: fn(T) -> Value,
        ) -> Result<Value, D::Error> {
            T::deserialize(from).map(make)
        }
        match self {
            Type::Bool => of(from, Value::Bool),
            Type::I8 => of(from, |n: i8| Value::Int(n.into())),
            Type::I16 => of(from, |n: i16| Value::Int(n.into())),
            Type::I32 => of(from, |n: i32| Value::Int(n.into())),
            Type::I64 => of(from, |n: i64| Value::Int(n.into())),
            Type::I128 => of(from, Value::Int),
            Type::U8 => of(from, |n: u8| Value::Uint(n.into())),
            Type::U16 => of(from, |n: u16| Value::Uint(n.into())),
            Type::U32 => of(from, |n: u32| Value::Uint(n.into())),
            Type::U64 => of(from, |n: u64| Value::Uint(n.into())),
            Type::U128 => of(from, Value::Uint),
            Type::F32 => of(from, |n: f32| Value::F32(n.to_bits())),
            Type::F64 => of(from, |n: f64| Value::F64(n.to_bits())),
            Type::Char => of(from, Value::Char),
            Type::Str => of(from, Value::Str),
            Type::ByteList => of(from, Value::Bytes),
            Type::Unit => of(from, |()| Value::Unit),
            Type::Bytes => from.deserialize_byte_buf(Of(self)),
            Type::UnitStruct => from.deserialize_unit_struct("UnitStruct", Of(self)),
            Type::Option(_) => from.deserialize_option(Of(self)),
            Type::Newtype(_) => from.deserialize_newtype_struct("Newtype", Of(self)),
            Type::List(_) => from.deserialize_seq(Of(self)),
            Type::Map(..) => from.deserialize_map(Of(self)),
            Type::Tuple(types) => from.deserialize_tuple(types.len(), Of(self)),
            Type::TupleStruct(types) => {
                from.deserialize_tuple_struct("TupleStruct", types.len(), Of(self))
            }
            Type::Struct(_) => from.deserialize_struct("Struct", NAMES, Of(self)),
            Type::Enum(_) => from.deserialize_enum("Enum", NAMES, Of(self)),
        }
    }
}

/// The visitor of a type that is made of others.
struct Of<'a>(&'a Type);

impl<'de> Visitor<'de> for Of<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of {:?}", self.0)
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Value, E> {
        match self.0 {
            Type::Bytes => Ok(Value::Bytes(value.to_vec())),
            _ => Err(E::custom("bytes")),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        match self.0 {
            Type::UnitStruct => Ok(Value::Unit),
            _ => Err(E::custom("a unit")),
        }
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        match self.0 {
            Type::Option(_) => Ok(Value::None),
            _ => Err(E::custom("a none")),
        }
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        match self.0 {
            Type::Option(ty) => Ok(Value::Some(Box::new(ty.deserialize(from)?))),
            _ => Err(D::Error::custom("a some")),
        }
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        match self.0 {
            Type::Newtype(ty) => Ok(Value::Parts(vec![ty.deserialize(from)?])),
            _ => Err(D::Error::custom("a newtype")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        match self.0 {
            Type::List(ty) => {
                let mut parts = Vec::new();
                while let Some(part) = access.next_element_seed(&**ty)? {
                    parts.push(part);
                }
                Ok(Value::Parts(parts))
            }
            Type::Tuple(types) | Type::TupleStruct(types) => tuple(types, access),
            _ => Err(A::Error::custom("a list")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        match self.0 {
            Type::Map(key, value) => {
                let mut entries = Vec::new();
                while let Some(entry) = access.next_entry_seed(&**key, &**value)? {
                    entries.push(entry);
                }
                Ok(Value::Map(entries))
            }
            Type::Struct(types) => fields(types, access),
            _ => Err(A::Error::custom("a map")),
        }
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        let Type::Enum(variants) = self.0 else {
            return Err(A::Error::custom("an enum"));
        };
        let (index, data) = access.variant_seed(Name)?;
        let data = match variants.get(index) {
            None => return Err(A::Error::custom("another variant")),
            Some(Variant::Unit) => data.unit_variant().map(|()| Value::Unit)?,
            Some(Variant::Newtype(ty)) => data.newtype_variant_seed(ty)?,
            Some(Variant::Tuple(types)) => data.tuple_variant(types.len(), Data(types))?,
            Some(Variant::Struct(types)) => data.struct_variant(NAMES, Data(types))?,
        };
        Ok(Value::Variant(index, Box::new(data)))
    }
}

/// The data of a variant.
struct Data<'a>(&'a [Type]);

impl<'de> Visitor<'de> for Data<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data of {:?}", self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        tuple(self.0, access)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        fields(self.0, access)
    }
}

fn tuple<'de, A: SeqAccess<'de>>(types: &[Type], mut access: A) -> Result<Value, A::Error> {
    let mut parts = Vec::new();
    for ty in types {
        match access.next_element_seed(ty)? {
            Some(part) => parts.push(part),
            None => return Err(A::Error::custom("too few elements")),
        }
    }
    Ok(Value::Parts(parts))
}

fn fields<'de, A: MapAccess<'de>>(types: &[Type], mut access: A) -> Result<Value, A::Error> {
    let mut parts: Vec<Option<Value>> = vec![None; types.len()];
    while let Some(index) = access.next_key_seed(Name)? {
        match (types.get(index), parts.get_mut(index)) {
            (Some(ty), Some(part)) => *part = Some(access.next_value_seed(ty)?),
            _ => return Err(A::Error::custom("another field")),
        }
    }
    let parts: Option<Vec<Value>> = parts.into_iter().collect();
    parts
        .map(Value::Parts)
        .ok_or_else(|| A::Error::custom("a field is missing"))
}

/// The name of a field or variant, as its number.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<usize, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        let index = NAMES.iter().position(|&known| known == name);
        index.ok_or_else(|| E::custom("an unknown name"))
    }
}
