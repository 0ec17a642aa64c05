//! Writing a received value again, on another stream, where its types have other ids.

use bytes::BytesMut;

use super::any::Named;
use super::decode::{DecodeError, RawValue};
use super::encode::{EncodeError, EncodeErrorKind};
use super::intern::Interner;
use super::types::{Id, Type};
use super::walk;
use super::wire::{Cursor, close_length, put_byte, put_bytes, put_int, put_uint};

/// Appends the value as an interface value.
pub(crate) fn put_named(
    out: &mut BytesMut,
    interner: &mut Interner,
    named: &Named,
) -> Result<(), EncodeError> {
    let value = &named.value;
    let wire = interner.define(&value.types, value.id)?;
    put_bytes(out, named.name.as_bytes());
    put_int(out, i64::from(wire.0));
    // Ids occur in values only where interface values do: everything else is the same on every stream.
    if !interner.holds_interface(&value.types, value.id) {
        put_bytes(out, &value.bytes);
        return Ok(());
    }
    let mut cursor = Cursor::new(&value.bytes);
    let mut copy = Copy {
        value,
        out,
        interner,
        depth: value.max_depth,
    };
    copy.alone(&mut cursor, value.id)
}

struct Copy<'a> {
    value: &'a RawValue,
    out: &'a mut BytesMut,
    interner: &'a mut Interner,
    depth: usize,
}

impl Copy<'_> {
    /// Copies a value with its length before it.
    fn alone(&mut self, cursor: &mut Cursor<'_>, id: Id) -> Result<(), EncodeError> {
        let at = self.out.len();
        put_byte(self.out, 0);
        if !self.value.types.is_struct(id) {
            walk::singleton(cursor).map_err(malformed)?;
            put_byte(self.out, 0);
        }
        self.value(cursor, id)?;
        close_length(self.out, at, 1);
        Ok(())
    }

    fn value(&mut self, cursor: &mut Cursor<'_>, id: Id) -> Result<(), EncodeError> {
        let types = self.value.types.clone();
        if id == Id::INTERFACE {
            return self.interface(cursor);
        }
        if !self.interner.holds_interface(&types, id) {
            let start = cursor.pos;
            walk::skip(cursor, &types, id, self.depth).map_err(malformed)?;
            self.out.extend_from_slice(&cursor.data[start..cursor.pos]);
            return Ok(());
        }
        if self.depth == 0 {
            return Err(EncodeErrorKind::TooDeep.into());
        }
        self.depth -= 1;
        match walk::defined(id, &types).map_err(malformed)? {
            Type::Struct(ty) => {
                let mut next = 0;
                loop {
                    let before = next;
                    let field =
                        walk::field(cursor, &mut next, ty.fields.len()).map_err(malformed)?;
                    put_uint(self.out, if field.is_some() { next - before } else { 0 });
                    let Some(index) = field else { break };
                    self.value(cursor, ty.fields[index].id)?;
                }
            }
            Type::Array { elem, .. } | Type::Slice { elem, .. } => {
                let count = self.count(cursor)?;
                for _ in 0..count {
                    self.value(cursor, *elem)?;
                }
            }
            Type::Map { key, elem, .. } => {
                let count = self.count(cursor)?;
                for _ in 0..count {
                    self.value(cursor, *key)?;
                    self.value(cursor, *elem)?;
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

    fn interface(&mut self, cursor: &mut Cursor<'_>) -> Result<(), EncodeError> {
        let types = self.value.types.clone();
        let found = walk::interface(cursor, &types).map_err(malformed)?;
        let Some((name, id)) = found else {
            put_byte(self.out, 0);
            return Ok(());
        };
        if self.depth == 0 {
            return Err(EncodeErrorKind::TooDeep.into());
        }
        self.depth -= 1;
        let wire = self.interner.define(&types, id)?;
        put_bytes(self.out, name);
        put_int(self.out, i64::from(wire.0));
        self.alone(cursor, id)?;
        self.depth += 1;
        Ok(())
    }
}

#[cold]
fn malformed(err: DecodeError) -> EncodeError {
    EncodeErrorKind::Custom(format!("a received value is malformed: {}", err.kind())).into()
}
