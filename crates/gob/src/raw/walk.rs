//! Walking over a value without building anything: to find its end, and to skip what was not asked
//! for.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::types::definition;
use crate::types::{Id, Type, Types};
use crate::wire::Cursor;

type Result<T> = std::result::Result<T, DecodeError>;

/// Where a walk looks types up, and where it leaves definitions that it meets inside interface
/// values.
pub(crate) trait Catalog {
    fn types(&self) -> &Types;
    fn define(&mut self, id: i64, ty: Type) -> Result<()>;
    /// Checks that the definition of a value's type is complete.
    fn check(&mut self, id: Id) -> Result<()>;
}

/// A finished table: definitions inside the value are in it already.
impl Catalog for &Types {
    fn types(&self) -> &Types {
        self
    }
    fn define(&mut self, _: i64, _: Type) -> Result<()> {
        Ok(())
    }
    fn check(&mut self, _: Id) -> Result<()> {
        Ok(())
    }
}

/// What is left to do in one value that has begun.
#[derive(Debug)]
enum Frame {
    /// `next` is the number of the first field that may still come.
    Struct {
        id: Id,
        next: u64,
    },
    Items {
        elem: Id,
        left: usize,
    },
    /// `left` counts keys and elements; the next one is a key when it is even.
    Pairs {
        key: Id,
        elem: Id,
        left: usize,
    },
}

/// What comes next in the bytes.
#[derive(Debug)]
enum Next {
    Value(Id),
    /// After an interface value's name: definitions, then the type id and the value's length.
    TypeSequence,
    /// After a definition inside an interface value: the length of what follows.
    Length,
    /// Whatever the innermost frame says.
    Frame,
}

/// How a walk paused.
#[derive(Debug, PartialEq)]
pub(crate) enum Walked {
    Done,
    /// The bytes end behind a definition: Go ends a message there, and continues the value in the
    /// next.
    Message,
}

/// A walk that can pause. It keeps its own stack, so deep values cost no stack of the thread.
#[derive(Debug)]
pub(crate) struct Walker {
    stack: Vec<Frame>,
    next: Next,
    max_depth: usize,
}

impl Walker {
    pub(crate) fn new(id: Id, max_depth: usize) -> Self {
        Self {
            stack: Vec::new(),
            next: Next::Value(id),
            max_depth,
        }
    }

    pub(crate) fn run(
        &mut self,
        cursor: &mut Cursor<'_>,
        catalog: &mut impl Catalog,
    ) -> Result<Walked> {
        loop {
            match self.next {
                Next::Value(id) => {
                    self.next = Next::Frame;
                    self.value(id, cursor, catalog.types())?;
                }
                Next::TypeSequence => {
                    let id = cursor.int()?;
                    if id < 0 {
                        catalog.define(negate(id)?, definition::read(cursor)?)?;
                        self.next = Next::Length;
                    } else {
                        let id = concrete(id, catalog.types())?;
                        catalog.check(id)?;
                        cursor.uint()?;
                        self.next = Next::Value(id);
                        if !catalog.types().is_struct(id) {
                            singleton(cursor)?;
                        }
                    }
                }
                Next::Length if cursor.remaining() == 0 => return Ok(Walked::Message),
                Next::Length => {
                    cursor.uint()?;
                    self.next = Next::TypeSequence;
                }
                Next::Frame => {
                    if !self.frame(cursor, catalog.types())? {
                        return Ok(Walked::Done);
                    }
                }
            }
        }
    }

    fn value(&mut self, id: Id, cursor: &mut Cursor<'_>, types: &Types) -> Result<()> {
        match id {
            Id::BOOL | Id::INT | Id::UINT | Id::FLOAT => drop(cursor.uint()?),
            Id::COMPLEX => {
                cursor.uint()?;
                cursor.uint()?;
            }
            Id::BYTES | Id::STRING => drop(cursor.bytes()?),
            Id::INTERFACE => {
                if !cursor.bytes()?.is_empty() {
                    // A level of its own: it can hold another interface value, and that the next
                    // one.
                    self.push(Frame::Items { elem: id, left: 0 })?;
                    self.next = Next::TypeSequence;
                }
            }
            _ => {
                let frame = match defined(id, types)? {
                    Type::Opaque { .. } => {
                        cursor.bytes()?;
                        return Ok(());
                    }
                    Type::Struct(_) => Frame::Struct { id, next: 0 },
                    Type::Slice { elem } => {
                        let (elem, left) = (*elem, cursor.count()?);
                        Frame::Items { elem, left }
                    }
                    Type::Array { elem, len } => {
                        let (elem, left) = (*elem, array_len(cursor, *len)?);
                        Frame::Items { elem, left }
                    }
                    Type::Map { key, elem } => {
                        let (key, elem, left) = (*key, *elem, cursor.count()? * 2);
                        Frame::Pairs { key, elem, left }
                    }
                };
                self.push(frame)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, frame: Frame) -> Result<()> {
        let max = self.max_depth;
        if self.stack.len() >= max {
            return Err(DecodeErrorKind::TooDeep { max }.into());
        }
        self.stack.push(frame);
        Ok(())
    }

    /// One step in the innermost frame; false when none is left.
    fn frame(&mut self, cursor: &mut Cursor<'_>, types: &Types) -> Result<bool> {
        let Some(frame) = self.stack.last_mut() else {
            return Ok(false);
        };
        let child = match frame {
            Frame::Struct { id, next } => {
                let Type::Struct(ty) = defined(*id, types)? else {
                    return Err(DecodeErrorKind::BadFieldNumber.into());
                };
                field(cursor, next, ty.fields.len())?.map(|index| ty.fields[index].id)
            }
            Frame::Items { left: 0, .. } | Frame::Pairs { left: 0, .. } => None,
            Frame::Items { elem, left } => {
                *left -= 1;
                Some(*elem)
            }
            Frame::Pairs { key, elem, left } => {
                *left -= 1;
                Some(if *left % 2 == 1 { *key } else { *elem })
            }
        };
        match child {
            Some(id) => self.next = Next::Value(id),
            None => drop(self.stack.pop()),
        }
        Ok(true)
    }
}

/// Reads a field delta; the field's index, or None at the end of the struct.
#[inline]
pub(crate) fn field(
    cursor: &mut Cursor<'_>,
    next: &mut u64,
    fields: usize,
) -> Result<Option<usize>> {
    let delta = cursor.uint()?;
    if delta == 0 {
        return Ok(None);
    }
    match next.checked_add(delta) {
        Some(number) if number <= fields as u64 => *next = number,
        _ => return Err(DecodeErrorKind::BadFieldNumber.into()),
    }
    Ok(Some(*next as usize - 1))
}

/// Reads an array's count, which must say what its type says.
pub(crate) fn array_len(cursor: &mut Cursor<'_>, len: u64) -> Result<usize> {
    let count = cursor.count()?;
    match count as u64 {
        count if count != len => Err(DecodeErrorKind::ArrayLength { count, len }.into()),
        _ => Ok(count),
    }
}

pub(crate) fn defined(id: Id, types: &Types) -> Result<&Type> {
    types.get(id).ok_or_else(|| undefined(id))
}

#[cold]
pub(crate) fn undefined(id: Id) -> DecodeError {
    let id = i64::from(id.0);
    DecodeErrorKind::UndefinedType { id }.into()
}

/// A type id that a value may have: basic, or defined by now.
pub(crate) fn concrete(id: i64, types: &Types) -> Result<Id> {
    let undefined = || DecodeErrorKind::UndefinedType { id };
    let known = Id(u32::try_from(id).map_err(|_| undefined())?);
    if known.is_basic() || types.get(known).is_some() {
        Ok(known)
    } else {
        Err(undefined().into())
    }
}

/// A definition's id is sent negated, and must fit Go's 32 bits.
pub(crate) fn negate(id: i64) -> Result<i64> {
    match id.checked_neg() {
        Some(id) if id <= i64::from(i32::MAX) => Ok(id),
        _ => Err(DecodeErrorKind::UndefinedType { id }.into()),
    }
}

/// Reads an interface value up to its concrete value; the name and the type of that, None for nil.
///
/// Definitions on the way are in the table already.
pub(crate) fn interface<'de>(
    cursor: &mut Cursor<'de>,
    types: &Types,
) -> Result<Option<(&'de [u8], Id)>> {
    let name = cursor.bytes()?;
    if name.is_empty() {
        return Ok(None);
    }
    loop {
        let id = cursor.int()?;
        // Behind a definition comes the length of what follows, and behind the type id the length
        // of the value, without the definitions inside of it. Neither is needed.
        if id >= 0 {
            let id = concrete(id, types)?;
            cursor.uint()?;
            return Ok(Some((name, id)));
        }
        definition::read(cursor)?;
        cursor.uint()?;
    }
}

/// The zero before a value that stands alone and is no struct.
pub(crate) fn singleton(cursor: &mut Cursor<'_>) -> Result<()> {
    match cursor.uint()? {
        0 => Ok(()),
        _ => Err(DecodeErrorKind::BadFieldNumber.into()),
    }
}

/// Skips a value. Scalars, the common case, need no walker.
#[inline]
pub(crate) fn skip(
    cursor: &mut Cursor<'_>,
    mut types: &Types,
    id: Id,
    max_depth: usize,
) -> Result<()> {
    match id {
        Id::BOOL | Id::INT | Id::UINT | Id::FLOAT => drop(cursor.uint()?),
        Id::STRING | Id::BYTES => drop(cursor.bytes()?),
        _ => match Walker::new(id, max_depth).run(cursor, &mut types)? {
            Walked::Done => {}
            Walked::Message => return Err(DecodeErrorKind::UnexpectedEnd.into()),
        },
    }
    Ok(())
}
