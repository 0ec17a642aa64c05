//! Writing a value again, on another stream, where its types have other ids.

use std::sync::Arc;

use bytes::BytesMut;

use super::interner::Interner;
use super::value::RawValue;
use super::walk;
use crate::error::{DecodeError, EncodeError, EncodeErrorKind};
use crate::types::{Id, Type, Types};
use crate::wire::{Cursor, close_length, put_byte, put_bytes, put_int, put_uint};

/// Appends the value as an interface value.
pub(crate) fn put_interface(
    out: &mut BytesMut,
    interner: &mut Interner,
    name: &str,
    value: &RawValue,
) -> Result<(), EncodeError> {
    let wire = interner.define(&value.types, value.id)?;
    put_bytes(out, name.as_bytes());
    put_int(out, i64::from(wire.0));
    // Ids occur in values only where interface values do: all else is the same on every stream.
    if !interner.holds_interface(&value.types, value.id) {
        put_bytes(out, &value.bytes);
        return Ok(());
    }
    let mut cursor = Cursor::new(&value.bytes);
    let mut copy = Copy {
        out,
        interner,
        ids: None,
        depth: value.bounds.max_depth as usize,
    };
    copy.alone(&mut cursor, &value.types, value.id)
}

/// Appends the value as a part of another one, in the place of a type that is the same.
pub(crate) fn put_part(
    out: &mut BytesMut,
    interner: &mut Interner,
    value: &RawValue,
) -> Result<(), EncodeError> {
    let mut cursor = Cursor::new(&value.bytes);
    if !value.types.is_struct(value.id) {
        walk::singleton(&mut cursor).map_err(malformed)?;
    }
    let mut copy = Copy {
        out,
        interner,
        ids: None,
        depth: value.bounds.max_depth as usize,
    };
    copy.value(&mut cursor, &value.types, value.id)
}

/// Appends a value that was written with the ids of `ids`, and without its own.
pub(crate) fn put_value(
    out: &mut BytesMut,
    interner: &mut Interner,
    ids: &Interner,
    (types, id): (&Arc<Types>, Id),
    value: &[u8],
) -> Result<(), EncodeError> {
    let mut cursor = Cursor::new(value);
    let mut copy = Copy {
        out,
        interner,
        ids: Some(ids),
        // The value is as deep as its Serialize made it.
        depth: usize::MAX,
    };
    copy.led(&mut cursor, types, id)
}

struct Copy<'a> {
    out: &'a mut BytesMut,
    interner: &'a mut Interner,
    /// Whose ids the interface values have. Without it they have those of the value's own table.
    ids: Option<&'a Interner>,
    depth: usize,
}

impl Copy<'_> {
    /// Copies a value with its length before it.
    fn alone(
        &mut self,
        cursor: &mut Cursor<'_>,
        types: &Arc<Types>,
        id: Id,
    ) -> Result<(), EncodeError> {
        let at = self.out.len();
        put_byte(self.out, 0);
        self.led(cursor, types, id)?;
        close_length(self.out, at, 1);
        Ok(())
    }

    /// Copies a value with the zero before it, if it is no struct.
    fn led(
        &mut self,
        cursor: &mut Cursor<'_>,
        types: &Arc<Types>,
        id: Id,
    ) -> Result<(), EncodeError> {
        if !types.is_struct(id) {
            walk::singleton(cursor).map_err(malformed)?;
            put_byte(self.out, 0);
        }
        self.value(cursor, types, id)
    }

    fn value(
        &mut self,
        cursor: &mut Cursor<'_>,
        types: &Arc<Types>,
        id: Id,
    ) -> Result<(), EncodeError> {
        if id == Id::INTERFACE {
            return self.interface(cursor, types);
        }
        if !self.interner.holds_interface(types, id) {
            let start = cursor.pos;
            walk::skip(cursor, types, id, self.depth).map_err(malformed)?;
            self.out.extend_from_slice(&cursor.data[start..cursor.pos]);
            return Ok(());
        }
        if self.depth == 0 {
            return Err(EncodeErrorKind::TooDeep.into());
        }
        self.depth -= 1;
        match walk::defined(id, types).map_err(malformed)? {
            Type::Struct(ty) => {
                let mut next = 0;
                loop {
                    let before = next;
                    let field =
                        walk::field(cursor, &mut next, ty.fields.len()).map_err(malformed)?;
                    put_uint(self.out, if field.is_some() { next - before } else { 0 });
                    let Some(index) = field else { break };
                    self.value(cursor, types, ty.fields[index].id)?;
                }
            }
            Type::Array { elem, .. } | Type::Slice { elem, .. } => {
                let count = self.count(cursor)?;
                for _ in 0..count {
                    self.value(cursor, types, *elem)?;
                }
            }
            Type::Map { key, elem, .. } => {
                let count = self.count(cursor)?;
                for _ in 0..count {
                    self.value(cursor, types, *key)?;
                    self.value(cursor, types, *elem)?;
                }
            }
            Type::Opaque { .. } => put_bytes(self.out, cursor.bytes().map_err(malformed)?),
        }
        self.depth += 1;
        Ok(())
    }

    fn count(&mut self, cursor: &mut Cursor<'_>) -> Result<usize, EncodeError> {
        let count = cursor.count().map_err(malformed)?;
        put_uint(self.out, count as u64);
        Ok(count)
    }

    fn interface(
        &mut self,
        cursor: &mut Cursor<'_>,
        types: &Arc<Types>,
    ) -> Result<(), EncodeError> {
        let found = match self.ids {
            None => walk::interface(cursor, types)
                .map(|found| found.map(|(name, id)| (name, types, id))),
            Some(ids) => own_interface(cursor, types, ids),
        };
        let Some((name, types, id)) = found.map_err(malformed)? else {
            put_byte(self.out, 0);
            return Ok(());
        };
        if self.depth == 0 {
            return Err(EncodeErrorKind::TooDeep.into());
        }
        self.depth -= 1;
        let wire = self.interner.define(types, id)?;
        put_bytes(self.out, name);
        put_int(self.out, i64::from(wire.0));
        self.alone(cursor, types, id)?;
        self.depth += 1;
        Ok(())
    }
}

/// The name and the type of an interface value.
type Concrete<'de, 'a> = (&'de [u8], &'a Arc<Types>, Id);

/// The name and the type of an interface value that has an id of `ids`, or of a basic type.
fn own_interface<'de, 'a>(
    cursor: &mut Cursor<'de>,
    types: &'a Arc<Types>,
    ids: &'a Interner,
) -> Result<Option<Concrete<'de, 'a>>, DecodeError> {
    let name = cursor.bytes()?;
    if name.is_empty() {
        return Ok(None);
    }
    let wire = Id(u32::try_from(cursor.int()?).unwrap_or_default());
    cursor.uint()?;
    let (types, id) = ids.origin(wire).unwrap_or((types, wire));
    Ok(Some((name, types, id)))
}

#[cold]
fn malformed(error: DecodeError) -> EncodeError {
    EncodeErrorKind::Custom(format!("a value is malformed: {}", error.kind())).into()
}
