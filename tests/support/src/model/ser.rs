//! A made-up value, as its type would serialize it.

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{NAMES, Type, Typed, Value, Variant};

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Typed(ty, value) = *self;
        // Some collections know their length and some do not.
        let known = |len: usize| len.is_multiple_of(2).then_some(len);
        match (ty, value) {
            (Type::Bool, Value::Bool(value)) => to.serialize_bool(*value),
            (Type::I8, Value::Int(value)) => to.serialize_i8(*value as i8),
            (Type::I16, Value::Int(value)) => to.serialize_i16(*value as i16),
            (Type::I32, Value::Int(value)) => to.serialize_i32(*value as i32),
            (Type::I64, Value::Int(value)) => to.serialize_i64(*value as i64),
            (Type::I128, Value::Int(value)) => to.serialize_i128(*value),
            (Type::U8, Value::Uint(value)) => to.serialize_u8(*value as u8),
            (Type::U16, Value::Uint(value)) => to.serialize_u16(*value as u16),
            (Type::U32, Value::Uint(value)) => to.serialize_u32(*value as u32),
            (Type::U64, Value::Uint(value)) => to.serialize_u64(*value as u64),
            (Type::U128, Value::Uint(value)) => to.serialize_u128(*value),
            (Type::F32, Value::F32(bits)) => to.serialize_f32(f32::from_bits(*bits)),
            (Type::F64, Value::F64(bits)) => to.serialize_f64(f64::from_bits(*bits)),
            (Type::Char, Value::Char(value)) => to.serialize_char(*value),
            (Type::Str, Value::Str(value)) => to.serialize_str(value),
            (Type::Bytes, Value::Bytes(value)) => to.serialize_bytes(value),
            (Type::ByteList, Value::Bytes(value)) => value.serialize(to),
            (Type::Unit, Value::Unit) => to.serialize_unit(),
            (Type::UnitStruct, Value::Unit) => to.serialize_unit_struct("UnitStruct"),
            (Type::Option(_), Value::None) => to.serialize_none(),
            (Type::Option(ty), Value::Some(value)) => to.serialize_some(&Typed(ty, value)),
            (Type::Newtype(ty), Value::Parts(parts)) => {
                to.serialize_newtype_struct("Newtype", &Typed(ty, &parts[0]))
            }
            (Type::List(ty), Value::Parts(parts)) => {
                let mut list = to.serialize_seq(known(parts.len()))?;
                for part in parts {
                    list.serialize_element(&Typed(ty, part))?;
                }
                list.end()
            }
            (Type::Map(key, of), Value::Map(entries)) => {
                let mut map = to.serialize_map(known(entries.len()))?;
                for entry in entries {
                    map.serialize_entry(&Typed(key, &entry.0), &Typed(of, &entry.1))?;
                }
                map.end()
            }
            (Type::Tuple(types), Value::Parts(parts)) => {
                let mut tuple = to.serialize_tuple(parts.len())?;
                for (ty, part) in types.iter().zip(parts) {
                    tuple.serialize_element(&Typed(ty, part))?;
                }
                tuple.end()
            }
            (Type::TupleStruct(types), Value::Parts(parts)) => {
                let mut tuple = to.serialize_tuple_struct("TupleStruct", parts.len())?;
                for (ty, part) in types.iter().zip(parts) {
                    tuple.serialize_field(&Typed(ty, part))?;
                }
                tuple.end()
            }
            (Type::Struct(types), Value::Parts(parts)) => {
                let mut fields = to.serialize_struct("Struct", parts.len())?;
                for (name, (ty, part)) in NAMES.iter().zip(types.iter().zip(parts)) {
                    fields.serialize_field(name, &Typed(ty, part))?;
                }
                fields.end()
            }
            (Type::Enum(variants), Value::Variant(index, data)) => {
                let (number, name) = (*index as u32, NAMES[*index]);
                match (&variants[*index], &**data) {
                    (Variant::Unit, _) => to.serialize_unit_variant("Enum", number, name),
                    (Variant::Newtype(ty), value) => {
                        to.serialize_newtype_variant("Enum", number, name, &Typed(ty, value))
                    }
                    (Variant::Tuple(types), Value::Parts(parts)) => {
                        let mut tuple =
                            to.serialize_tuple_variant("Enum", number, name, parts.len())?;
                        for (ty, part) in types.iter().zip(parts) {
                            tuple.serialize_field(&Typed(ty, part))?;
                        }
                        tuple.end()
                    }
                    (Variant::Struct(types), Value::Parts(parts)) => {
                        let mut fields =
                            to.serialize_struct_variant("Enum", number, name, parts.len())?;
                        for (name, (ty, part)) in NAMES.iter().zip(types.iter().zip(parts)) {
                            fields.serialize_field(name, &Typed(ty, part))?;
                        }
                        fields.end()
                    }
                    _ => Err(S::Error::custom("no value of the variant")),
                }
            }
            _ => Err(S::Error::custom("no value of the type")),
        }
    }
}
