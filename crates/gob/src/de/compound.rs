//! How lists, maps and structs are given to visitors.

use serde::de::{Deserializer, Visitor};

use super::access::{Floats, MapAccess, SeqAccess, TupleAccess};
use super::context::{De, visit};
use super::fast::bytes;
use super::fast::positional::{self, Positional};
use super::fields::{MapAsStruct, StructAccess};
use super::fit;
use super::struct_as_map::StructAsMap;
use crate::error::DecodeError;
use crate::raw::walk;
use crate::types::{Id, StructType, Type};

impl<'de, 't> De<'_, 't, 'de> {
    /// A string from a value of another type. Kept out of line so that strings are read inline.
    #[inline(never)]
    pub(super) fn other_str<V: Visitor<'de>>(
        mut self,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if self.id == Id::INTERFACE {
            return self.concrete("a string", |de| de.deserialize_str(visitor));
        }
        match self.text()? {
            Some(text) => visitor.visit_borrowed_str(text),
            None => Err(self.mismatch("a string")),
        }
    }

    /// A sequence from a value that is not a slice. Kept out of line so that slices are read
    /// inline.
    #[inline(never)]
    pub(super) fn other_seq<V: Visitor<'de>>(
        mut self,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if self.id == Id::COMPLEX {
            return visitor.visit_seq(Floats::read(&mut self.cx.cursor)?);
        }
        if let Some(bytes) = self.counted()? {
            return bytes::visit_seq(bytes, visitor);
        }
        match self.defined() {
            Some(Type::Array { elem, len, .. }) => {
                let count = walk::array_len(&mut self.cx.cursor, *len)?;
                self.visit_seq(*elem, count, false, visitor)
            }
            _ => self.elsewhere("a sequence", |de| de.deserialize_seq(visitor)),
        }
    }

    #[inline]
    pub(super) fn visit_seq<V: Visitor<'de>>(
        self,
        elem: Id,
        left: usize,
        exact: bool,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.cx.enter()?;
        let room = self.cx.claim(left);
        let access = SeqAccess {
            cx: self.cx,
            elem,
            count: left,
            left,
            exact,
            room,
        };
        visit(access, |access| visitor.visit_seq(access))
    }

    #[inline]
    pub(super) fn visit_map<V: Visitor<'de>>(
        self,
        key: Id,
        elem: Id,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.cx.enter()?;
        let left = self.cx.cursor.count()?;
        let room = self.cx.claim(left);
        let access = MapAccess {
            cx: self.cx,
            key,
            elem,
            left,
            room,
            label: 0,
        };
        visit(access, |access| visitor.visit_map(access))
    }

    #[inline]
    pub(super) fn visit_struct<V: Visitor<'de>>(
        self,
        ty: &'t StructType,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if positional::applies(ty, typeid::of::<V>) {
            self.cx.enter()?;
            let access = Positional::new(self.cx, ty, typeid::of::<V>);
            return visit(access, |access| visitor.visit_seq(access));
        }
        self.visit_by_names(ty, name, fields, visitor)
    }

    /// Kept out of line so that [`visit_struct`](Self::visit_struct) needs less stack.
    #[inline(never)]
    fn visit_by_names<V: Visitor<'de>>(
        self,
        ty: &'t StructType,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        fit::check(self.cx, self.id, ty, (typeid::of::<V>, name), fields)?;
        self.cx.enter()?;
        let access = StructAccess::new::<V>(self.cx, ty, fields);
        visit(access, |access| visitor.visit_map(access))
    }

    /// A struct from a value that is not one.
    #[inline(never)]
    pub(super) fn other_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.defined() {
            // Arguments that Go packed into a map[string]interface{}.
            Some(Type::Map {
                key: Id::STRING,
                elem,
                ..
            }) => self.visit_map_as_struct(*elem, name, fields, visitor),
            _ => self.elsewhere(name, |de| de.deserialize_struct(name, fields, visitor)),
        }
    }

    /// A map for a receiver that is a struct. Kept out of line to save stack.
    #[inline(never)]
    fn visit_map_as_struct<V: Visitor<'de>>(
        self,
        elem: Id,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.cx.enter()?;
        let left = self.cx.cursor.count()?;
        let access = MapAsStruct::new::<V>(self.cx, (self.id, elem), left, name, fields);
        visit(access, |access| visitor.visit_map(access))
    }

    /// A struct for a receiver that does not list its fields.
    pub(super) fn visit_struct_as_map<V: Visitor<'de>>(
        self,
        ty: &'t StructType,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.cx.enter()?;
        let access = StructAsMap::new::<V>(self.cx, ty)?;
        visit(access, |access| visitor.visit_map(access))
    }

    pub(super) fn visit_tuple<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.defined() {
            Some(Type::Struct(ty)) => {
                fit::check_tuple(self.cx, self.id, ty, (typeid::of::<V>, name), len)?;
                self.cx.enter()?;
                let access = TupleAccess::new(self.cx, ty, len)?;
                visit(access, |access| visitor.visit_seq(access))
            }
            Some(Type::Array {
                elem,
                len: declared,
                ..
            }) => {
                let count = walk::array_len(&mut self.cx.cursor, *declared)?;
                self.visit_seq(*elem, count, true, visitor)
            }
            Some(Type::Slice { elem, .. }) => {
                let count = self.cx.cursor.count()?;
                self.visit_seq(*elem, count, true, visitor)
            }
            _ if self.id == Id::INTERFACE => {
                self.concrete(name, |de| de.visit_tuple(name, len, visitor))
            }
            _ => self.deserialize_seq(visitor),
        }
    }
}
