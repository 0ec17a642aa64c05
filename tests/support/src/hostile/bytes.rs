//! A gob encoder that does not check what it is given.

/// An unsigned integer.
pub fn uint(value: u64) -> Vec<u8> {
    if value < 128 {
        return vec![value as u8];
    }
    let skip = value.leading_zeros() as usize / 8;
    let bytes = value.to_be_bytes();
    [&[(skip as u8).wrapping_sub(8)], &bytes[skip..]].concat()
}

/// A signed integer.
pub fn int(value: i64) -> Vec<u8> {
    uint(((value << 1) ^ (value >> 63)) as u64)
}

/// Bytes behind their length: a string, or a message.
pub fn counted(bytes: &[u8]) -> Vec<u8> {
    [uint(bytes.len() as u64), bytes.to_vec()].concat()
}

pub const BOOL: i64 = 1;
pub const INT: i64 = 2;
pub const UINT: i64 = 3;
pub const BYTES: i64 = 5;
pub const STRING: i64 = 6;
pub const INTERFACE: i64 = 8;

/// The message that defines a slice type.
pub fn slice_type(id: i64, elem: i64) -> Vec<u8> {
    definition(id, 2, &[&[1], &int(elem)[..]].concat())
}

pub fn array_type(id: i64, elem: i64, len: i64) -> Vec<u8> {
    definition(id, 1, &[&[1], &int(elem)[..], &[1], &int(len)].concat())
}

pub fn map_type(id: i64, key: i64, elem: i64) -> Vec<u8> {
    definition(id, 4, &[&[1], &int(key)[..], &[1], &int(elem)].concat())
}

pub fn struct_type(id: i64, name: &str, fields: &[(&str, i64)]) -> Vec<u8> {
    let mut list = Vec::new();
    if !fields.is_empty() {
        list = [&[1], &uint(fields.len() as u64)[..]].concat();
    }
    for (name, id) in fields {
        list.extend([&[1], &counted(name.as_bytes())[..], &[1], &int(*id), &[0]].concat());
    }
    let common = [&[1, 1], &counted(name.as_bytes())[..], &[1], &int(id), &[0]].concat();
    let common = if name.is_empty() {
        vec![1, 2, 4, 0]
    } else {
        common
    };
    counted(&[&int(-id)[..], &[3], &common, &list, &[0, 0]].concat())
}

fn definition(id: i64, kind: u8, rest: &[u8]) -> Vec<u8> {
    // The kind's field, its common part with nothing but an id, and what else it has.
    counted(&[&int(-id)[..], &[kind, 1, 2], &int(id), &[0], rest, &[0, 0]].concat())
}

/// The message that holds a struct.
pub fn struct_value(id: i64, value: &[u8]) -> Vec<u8> {
    counted(&[&int(id), value].concat())
}

/// The message that holds anything else.
pub fn value(id: i64, value: &[u8]) -> Vec<u8> {
    counted(&[&int(id)[..], &[0], value].concat())
}

/// An interface value with what is in it, of the type `id`; `zero` goes before what is no struct.
pub fn interface(name: &str, id: i64, zero: &[u8], inner: &[u8]) -> Vec<u8> {
    let length = uint((zero.len() + inner.len()) as u64);
    [
        &counted(name.as_bytes())[..],
        &int(id),
        &length,
        zero,
        inner,
    ]
    .concat()
}
