//! The fields of structs, by name or by number.

use serde::ser::{self, Serialize};

use super::fast::plain::{self, Number};
use super::output::{Output, Piece, Slot};
use super::value::Ser;
use crate::error::{EncodeError, EncodeErrorKind, Signal};
use crate::types::{Field, Id, StructType};
use crate::wire::{Cursor, put_any_two, put_byte, put_two, put_uint};

type Result<T> = std::result::Result<T, EncodeError>;

/// A struct whose `Serialize` gives its fields one by one.
pub(crate) struct Fields<'a, 's> {
    output: &'a mut Output<'s>,
    ty: &'s StructType,
    /// The field expected next: `Serialize` and `Deserialize` nearly always agree on the order.
    next: usize,
    /// One more than the last field written.
    last: usize,
    /// Where the fields begin, and the first of their pieces, while they are being sorted.
    start: usize,
    first: usize,
}

impl<'a, 's> Fields<'a, 's> {
    #[inline]
    pub(super) fn new(output: &'a mut Output<'s>, ty: &'s StructType) -> Self {
        let (start, first) = (output.buf.len(), output.pieces.len());
        Self {
            output,
            ty,
            next: 0,
            last: 0,
            start,
            first,
        }
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<()> {
        let all = &self.ty.fields;
        let index = match all.get(self.next) {
            Some(field) if field.is_called(key) => self.next,
            _ => all
                .iter()
                .position(|field| &*field.name == key)
                .ok_or(EncodeErrorKind::UnknownField(key))?,
        };
        self.push(index, value)
    }

    /// One function for all fields of a type, for what is not usual.
    #[cold]
    fn field_apart<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<()> {
        self.field(key, value)
    }

    #[inline]
    fn push<T: Serialize + ?Sized>(&mut self, index: usize, value: &T) -> Result<()> {
        if index < self.last || self.output.reorder {
            return self.push_piece(index, value);
        }
        let field = &self.ty.fields[index];
        let slot = Slot::Field((index + 1 - self.last) as u32);
        match value.serialize(Ser {
            output: &mut *self.output,
            id: field.id,
            slot,
        }) {
            Ok(true) => self.last = index + 1,
            Ok(false) => {}
            Err(error) => return Err(error.within(&*field.name)),
        }
        self.next = index + 1;
        Ok(())
    }

    #[cold]
    fn push_piece<T: Serialize + ?Sized>(&mut self, index: usize, value: &T) -> Result<()> {
        if !self.output.reorder {
            return Err(Signal::FieldOrder.into());
        }
        let field = &self.ty.fields[index];
        let (start, count) = (self.output.buf.len(), self.output.pieces.len());
        // A placeholder of one byte for the number.
        let result = value.serialize(Ser {
            output: &mut *self.output,
            id: field.id,
            slot: Slot::Field(1),
        });
        // A nested struct that failed leaves pieces behind, and its caller may ignore the error.
        self.output.pieces.truncate(count);
        if result.map_err(|error| error.within(&*field.name))? {
            let end = self.output.buf.len();
            self.output.pieces.push(Piece {
                index,
                start: start + 1,
                end,
            });
        }
        self.next = index + 1;
        Ok(())
    }

    /// The next element of a tuple, whose elements are numbered as they come.
    #[inline]
    pub(super) fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let expected = self.ty.fields.len();
        if self.next < expected {
            return self.push(self.next, value);
        }
        let found = expected + 1;
        Err(EncodeErrorKind::Length { expected, found }.into())
    }

    #[inline]
    pub(super) fn close(self) -> Result<bool> {
        if self.output.reorder {
            sort(self.output, self.ty, self.start, self.first)?;
        }
        put_byte(self.output.buf, 0);
        Ok(true)
    }

    /// The field expected next, when it has this name and can be written where it stands.
    #[inline(always)]
    fn expected(&self, key: &'static str) -> Option<&'s Field> {
        let field = self.ty.fields.get(self.next)?;
        (field.is_called(key) && !self.output.reorder).then_some(field)
    }

    /// Writes the field expected next, when it has this name and the number's type.
    #[inline(never)]
    fn plain_number(&mut self, key: &'static str, number: Number) -> bool {
        match self.expected(key) {
            Some(field) if field.id == number.id => {}
            _ => return false,
        }
        let next = self.next;
        self.next = next + 1;
        if number.bits != 0 {
            put_any_two(self.output.buf, (next + 1 - self.last) as u64, number.bits);
            self.last = next + 1;
        }
        true
    }

    /// The same for a string.
    #[inline(never)]
    fn plain_text(&mut self, key: &'static str, text: &str) -> bool {
        match self.expected(key) {
            Some(field) if matches!(field.id, Id::STRING | Id::BYTES) => {}
            _ => return false,
        }
        let next = self.next;
        self.next = next + 1;
        if !text.is_empty() {
            let delta = (next + 1 - self.last) as u64;
            put_two(self.output.buf, delta, text.len() as u64);
            self.output.buf.extend_from_slice(text.as_bytes());
            self.last = next + 1;
        }
        true
    }
}

/// Not by reference to the fields, which would have to be copied for that.
#[cold]
fn sort(output: &mut Output<'_>, ty: &StructType, start: usize, first: usize) -> Result<()> {
    output.pieces[first..].sort_by_key(|piece| piece.index);
    let scattered = output.buf.split_off(start);
    let mut last = 0;
    for piece in output.pieces.drain(first..) {
        if piece.index + 1 == last {
            let name = &ty.fields[piece.index].name;
            return Err(EncodeErrorKind::Custom(format!("field `{name}` given twice")).into());
        }
        put_uint(output.buf, (piece.index + 1 - last) as u64);
        let range = piece.start - start..piece.end - start;
        output.buf.extend_from_slice(&scattered[range]);
        last = piece.index + 1;
    }
    Ok(())
}

impl ser::SerializeStruct for Fields<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<()> {
        let written = match (plain::number(value), plain::text(value)) {
            (Some(number), _) => self.plain_number(key, number),
            (_, Some(text)) => self.plain_text(key, text),
            _ => return self.field(key, value),
        };
        match written {
            true => Ok(()),
            false => self.field_apart(key, value),
        }
    }

    #[inline]
    fn end(self) -> Result<bool> {
        self.close()
    }
}

/// A struct that serde serializes as a map, as it does where a field is flattened.
pub(crate) struct FieldsByKey<'a, 's> {
    fields: Fields<'a, 's>,
    /// The field whose value comes next.
    index: usize,
}

impl<'a, 's> FieldsByKey<'a, 's> {
    pub(super) fn new(fields: Fields<'a, 's>) -> Self {
        Self { fields, index: 0 }
    }
}

impl ser::SerializeMap for FieldsByKey<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    /// Finds the field that the key names.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        let Fields {
            output, ty, next, ..
        } = &mut self.fields;
        // Written as a string and taken back, a key needs no serializer of its own.
        let start = output.buf.len();
        key.serialize(Ser {
            output,
            id: Id::STRING,
            slot: Slot::Elem,
        })?;
        let mut cursor = Cursor::new(&output.buf[start..]);
        let name = cursor.bytes().unwrap_or_default();
        let is_named = |field: &Field| field.name.as_bytes() == name;
        let found = match ty.fields.get(*next).is_some_and(is_named) {
            true => Some(*next),
            false => ty.fields.iter().position(is_named),
        };
        let Some(index) = found else {
            let name = String::from_utf8_lossy(name);
            let what = format!("the type {} has no field `{name}`", ty.name);
            return Err(EncodeErrorKind::Custom(what).into());
        };
        output.buf.truncate(start);
        self.index = index;
        Ok(())
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.fields.push(self.index, value)
    }

    fn end(self) -> Result<bool> {
        self.fields.close()
    }
}
