//! Type definitions on the wire: values of Go's `wireType`, whose own type both sides know.

use std::sync::Arc;

use bytes::BytesMut;

use super::kinds::{Marshaler, Type};
use super::structs::{Field, Id, StructType};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::wire::{Cursor, put_byte, put_bytes, put_int, put_uint};

type Result<T> = std::result::Result<T, DecodeError>;

// Field numbers of `wireType`.
const ARRAY: u64 = 0;
const SLICE: u64 = 1;
const STRUCT: u64 = 2;
const MAP: u64 = 3;
const GOB_ENCODER: u64 = 4;
const BINARY_MARSHALER: u64 = 5;
const TEXT_MARSHALER: u64 = 6;

/// Reads a definition. Elements may name ids that are defined later.
pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Type> {
    let mut found = None;
    each_field(cursor, |field, cursor| {
        if found.is_some() {
            return Err(malformed("more than one kind of type"));
        }
        found = Some(match field {
            ARRAY => {
                let [elem, len] = read_ints(cursor)?;
                let len = u64::try_from(len).map_err(|_| malformed("negative array length"))?;
                let elem = id(elem)?;
                Type::Array { elem, len }
            }
            SLICE => {
                let [elem] = read_ints(cursor)?;
                Type::Slice { elem: id(elem)? }
            }
            STRUCT => read_struct(cursor)?,
            MAP => {
                let [key, elem] = read_ints(cursor)?;
                let (key, elem) = (id(key)?, id(elem)?);
                Type::Map { key, elem }
            }
            GOB_ENCODER => read_opaque(cursor, Marshaler::Gob)?,
            BINARY_MARSHALER => read_opaque(cursor, Marshaler::Binary)?,
            TEXT_MARSHALER => read_opaque(cursor, Marshaler::Text)?,
            _ => return Err(malformed("unknown kind of type")),
        });
        Ok(())
    })?;
    found.ok_or_else(|| malformed("no kind of type"))
}

/// The fields behind the common one, which are integers.
fn read_ints<const N: usize>(cursor: &mut Cursor<'_>) -> Result<[i64; N]> {
    let mut values = [0; N];
    each_field(cursor, |field, cursor| {
        match (field as usize).checked_sub(1) {
            None => drop(read_common(cursor)?),
            Some(at) => match values.get_mut(at) {
                Some(value) => *value = cursor.int()?,
                None => return Err(malformed("unknown field of a type")),
            },
        }
        Ok(())
    })?;
    Ok(values)
}

fn read_struct(cursor: &mut Cursor<'_>) -> Result<Type> {
    let (mut name, mut fields) = (Arc::default(), Vec::new());
    each_field(cursor, |field, cursor| {
        match field {
            0 => name = read_common(cursor)?,
            1 => {
                let count = cursor.count()?;
                // Each takes six bytes or more: no room is made for more than can be there.
                fields.reserve_exact(count.min(cursor.remaining() / 6));
                for _ in 0..count {
                    fields.push(read_field(cursor)?);
                }
            }
            _ => return Err(malformed("unknown field of a struct type")),
        }
        Ok(())
    })?;
    Ok(Type::Struct(StructType::new(name, fields).into()))
}

fn read_field(cursor: &mut Cursor<'_>) -> Result<Field> {
    let (mut name, mut ty) = (None, 0);
    each_field(cursor, |field, cursor| {
        match field {
            0 => name = Some(read_name(cursor)?),
            1 => ty = cursor.int()?,
            _ => return Err(malformed("unknown field of a struct field")),
        }
        Ok(())
    })?;
    let name: Arc<str> = name
        .filter(|name: &Arc<str>| !name.is_empty())
        .ok_or_else(|| malformed("a struct field without a name"))?;
    Ok(Field::new(name, id(ty)?))
}

fn read_opaque(cursor: &mut Cursor<'_>, kind: Marshaler) -> Result<Type> {
    let mut name = Arc::default();
    each_field(cursor, |field, cursor| {
        match field {
            0 => name = read_common(cursor)?,
            _ => return Err(malformed("unknown field of an opaque type")),
        }
        Ok(())
    })?;
    Ok(Type::Opaque { name, kind })
}

/// The name out of a `CommonType`. Its id repeats the message's, and Go ignores it, too.
fn read_common(cursor: &mut Cursor<'_>) -> Result<Arc<str>> {
    let mut name = Arc::default();
    each_field(cursor, |field, cursor| {
        match field {
            0 => name = read_name(cursor)?,
            1 => drop(cursor.int()?),
            _ => return Err(malformed("unknown field of the common part")),
        }
        Ok(())
    })?;
    Ok(name)
}

fn read_name(cursor: &mut Cursor<'_>) -> Result<Arc<str>> {
    let bytes = cursor.bytes()?;
    std::str::from_utf8(bytes)
        .map(Arc::from)
        .map_err(|_| malformed("a name that is not UTF-8"))
}

fn id(value: i64) -> Result<Id> {
    match i32::try_from(value) {
        Ok(id) if id > 0 => Ok(Id(id as u32)),
        _ => Err(DecodeErrorKind::UndefinedType { id: value }.into()),
    }
}

/// Calls back for each field of a struct that is present, at its value.
fn each_field<'de>(
    cursor: &mut Cursor<'de>,
    mut read: impl FnMut(u64, &mut Cursor<'de>) -> Result<()>,
) -> Result<()> {
    let mut next = 0u64;
    loop {
        let delta = cursor.uint()?;
        if delta == 0 {
            return Ok(());
        }
        next = next
            .checked_add(delta)
            .ok_or(DecodeErrorKind::BadFieldNumber)?;
        read(next - 1, cursor)?;
    }
}

fn malformed(what: &'static str) -> DecodeError {
    DecodeErrorKind::BadDefinition(what).into()
}

/// Appends the pair of negated id and definition; the message's length is the caller's.
///
/// `name` stands in for the type's own name, which only structs always have.
pub(crate) fn write(out: &mut BytesMut, id: Id, ty: &Type, name: &str, wire: impl Fn(Id) -> Id) {
    let put_id = |out: &mut BytesMut, delta: u64, id: Id| {
        put_uint(out, delta);
        put_int(out, i64::from(id.0));
    };
    put_int(out, -i64::from(id.0));
    let kind = match ty {
        Type::Array { .. } => ARRAY,
        Type::Slice { .. } => SLICE,
        Type::Map { .. } => MAP,
        Type::Struct(_) => STRUCT,
        Type::Opaque { kind, .. } => match kind {
            Marshaler::Gob => GOB_ENCODER,
            Marshaler::Binary => BINARY_MARSHALER,
            Marshaler::Text => TEXT_MARSHALER,
        },
    };
    put_uint(out, kind + 1);

    // CommonType, a struct-valued first field of every kind.
    put_byte(out, 1);
    if name.is_empty() {
        put_id(out, 2, id);
    } else {
        put_byte(out, 1);
        put_bytes(out, name.as_bytes());
        put_id(out, 1, id);
    }
    put_byte(out, 0);

    match ty {
        Type::Array { elem, len, .. } => {
            put_id(out, 1, wire(*elem));
            if *len > 0 {
                put_byte(out, 1);
                put_int(out, *len as i64);
            }
        }
        Type::Slice { elem, .. } => put_id(out, 1, wire(*elem)),
        Type::Map { key, elem, .. } => {
            put_id(out, 1, wire(*key));
            put_id(out, 1, wire(*elem));
        }
        Type::Struct(ty) if ty.fields.is_empty() => {}
        Type::Struct(ty) => {
            put_byte(out, 1);
            put_uint(out, ty.fields.len() as u64);
            for field in &ty.fields {
                put_byte(out, 1);
                put_bytes(out, field.name.as_bytes());
                put_id(out, 1, wire(field.id));
                put_byte(out, 0);
            }
        }
        Type::Opaque { .. } => {}
    }
    out.extend_from_slice(&[0, 0]);
}
