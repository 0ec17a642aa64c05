//! What is written is read back.

use std::fmt::Debug;

use bytes::BytesMut;
use plugwire::gob::{self, Any, Decoder, Encode, Encoder, Value};
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;

use super::source::Source;
use super::types::{Color, Meters, Mood, Node};

/// Values made up from the input, and values that the input is an encoding of.
pub fn gob_roundtrip(data: &[u8]) {
    let mut source = Source(data);
    if source.byte().is_multiple_of(2) {
        made_up(&mut source);
    } else {
        received(source.0);
    }
}

fn made_up(source: &mut Source<'_>) {
    let values: Vec<Node> = (0..=source.below(3)).map(|_| node(source, 3)).collect();
    let (mut encoder, mut stream) = (Encoder::new(), BytesMut::new());
    for value in &values {
        encoder.encode(value, &mut stream).expect("a node encodes");
        encoder
            .encode(&value.any, &mut stream)
            .expect("an interface value encodes");
    }
    encoder.encode(&values, &mut stream).expect("nodes encode");
    let mut decoder = Decoder::new();
    let mut next = || {
        let value = decoder.next_value(&mut stream).expect("our own stream");
        value.expect("all of it")
    };
    for value in &values {
        same(&next().decode().expect("our own node"), value);
        let any: Any = next().decode().expect("our own value");
        assert_eq!(any_text(&any), any_text(&value.any));
    }
    let list = next();
    let nodes: Vec<Node> = list.decode().expect("our own nodes");
    assert_eq!(nodes.len(), values.len());
    nodes
        .iter()
        .zip(&values)
        .for_each(|(is, was)| same(is, was));
    list.decode::<()>().expect("what decodes can be skipped");
    list.decode::<Value>().expect("and be any value");
}

/// Interface values are equal only where their types have the same numbers, so they are compared
/// apart from the rest.
fn same(is: &Node, was: &Node) {
    let (is_bare, was_bare) = (bare(is), bare(was));
    assert_eq!(is_bare, was_bare);
    // Where the zeros of a list have signs, equal is not the same.
    let encoded = |node: &Node| gob::to_vec(node).expect("a node encodes");
    assert_eq!(encoded(&is_bare), encoded(&was_bare));
    let whole = |node: &Node| {
        let bytes = gob::to_vec(node).expect("a node encodes");
        text(&gob::from_slice(&bytes).expect("our own node"))
    };
    assert_eq!(whole(is), whole(was));
}

/// A node without interface values.
fn bare(node: &Node) -> Node {
    Node {
        child: node.child.as_deref().map(|child| Box::new(bare(child))),
        kids: node.kids.iter().map(bare).collect(),
        any: Any::Nil,
        rest: node
            .rest
            .keys()
            .map(|key| (key.clone(), Any::Nil))
            .collect(),
        ..node.clone()
    }
}

/// The values of a stream are the same after being encoded and decoded, from the second time on: a
/// zero that the sender need not have sent, and a pointer to one, are gone after the first.
fn received(data: &[u8]) {
    let (mut decoder, mut buffer) = (Decoder::new(), BytesMut::from(data));
    while let Ok(Some(value)) = decoder.next_value(&mut buffer) {
        if let Ok(node) = value.decode::<Node>() {
            stable(&node);
        }
        if let Ok(any) = value.decode::<Any>() {
            // It is encoded with the types that came with it.
            if let Some(again) = again(&any) {
                assert_eq!(again.name(), any.name());
                assert_eq!(any_text(&again), any_text(&any));
            }
        }
        if let Ok(list) = value.decode::<Vec<Any>>() {
            stable(&list);
        }
        if let Ok(dynamic) = value.decode::<Value>()
            && let Ok(bytes) = gob::to_vec_as(&value.schema(), &dynamic)
        {
            let again: Value = gob::from_slice(&bytes).expect("our own encoding");
            assert_eq!(text(&again), text(&dynamic));
        }
    }
}

fn any_text(any: &Any) -> Option<String> {
    any.decode().ok().map(|value| text(&value))
}

/// What a value is, without what may differ: the numbers of its types, and the names of opaque
/// ones, which are for messages.
fn text(value: &Value) -> String {
    let list = |items: &[Value]| items.iter().map(text).collect::<Vec<_>>().join(", ");
    match value {
        Value::Opaque { bytes, .. } => format!("{bytes:?}"),
        Value::Interface { name, value, .. } => format!("{name}: {}", text(value)),
        Value::List(items) => format!("[{}]", list(items)),
        Value::Map(entries) => {
            let entries = entries.iter();
            let entries: Vec<_> = entries
                .map(|(key, value)| (text(key), text(value)))
                .collect();
            format!("{entries:?}")
        }
        Value::Struct { name, fields } => {
            // An interface that is nil need not have been sent.
            let fields = fields
                .iter()
                .filter(|(_, value)| !matches!(value, Value::Nil));
            let fields: Vec<_> = fields.map(|(field, value)| (field, text(value))).collect();
            format!("{name} {fields:?}")
        }
        value => format!("{value:?}"),
    }
}

fn stable<T: Encode + DeserializeOwned + Debug>(value: &T) {
    if let Some(once) = again(value) {
        let twice = again(&once).expect("what encoded once");
        assert_eq!(format!("{twice:?}"), format!("{once:?}"));
    }
}

fn again<T: Encode + DeserializeOwned>(value: &T) -> Option<T> {
    // A received value may have what gob cannot say, such as a name for a type that is another's.
    let bytes = gob::to_vec(value).ok()?;
    Some(gob::from_slice(&bytes).expect("our own encoding"))
}

fn node(source: &mut Source<'_>, depth: u8) -> Node {
    let mut node = Node::default();
    // Most fields stay zero, as in the wild; so many that delta encoding has something to do.
    for _ in 0..source.below(12) {
        match source.below(24) {
            0 => node.name = source.text(),
            1 => node.flag = true,
            2 => node.small = source.number() as i8,
            3 => node.wide = source.number() as i64,
            4 => node.port = source.number() as u16,
            5 => node.count = source.number(),
            6 => node.half = number(f32::from_bits(source.number() as u32).into()) as f32,
            7 => node.ratio = number(f64::from_bits(source.number())),
            8 => node.letter = char::from_u32(source.number() as u32).unwrap_or('\u{10ffff}'),
            9 => node.color = [Color::None, Color::Red, Color::Green][usize::from(source.below(3))],
            10 => node.mood = Mood::Bad,
            11 => node.length = Meters(number(f64::from_bits(source.number()))),
            12 => node.octets = source.text().into_bytes(),
            13 => node.blob = ByteBuf::from(source.take(40)),
            14 => node.tags = (0..source.below(4)).map(|_| source.text()).collect(),
            15 => drop(node.scores.insert(source.text(), source.number() as i64)),
            16 => {
                let length = source.below(3);
                let float = |_| number(f64::from_bits(source.number()));
                let list = (0..length).map(float).collect();
                node.by_number.insert(source.number() as i32, list);
            }
            17 => node.pair = (source.number() as i64, source.text()),
            18 => node.grid[usize::from(source.below(2))][1] = source.number() as u16,
            // A pointer to zero arrives as nil.
            19 => node.maybe = Some(source.number() as u32).filter(|&number| number != 0),
            20 if depth > 0 => node.child = Some(Box::new(self::node(source, depth - 1))),
            21 if depth > 0 => {
                node.kids = (0..source.below(3))
                    .map(|_| self::node(source, depth - 1))
                    .collect();
            }
            22 => node.any = any(source, depth),
            23 => drop(node.rest.insert(source.text(), any(source, depth))),
            _ => {}
        }
    }
    node
}

/// NaN is not equal to itself.
fn number(value: f64) -> f64 {
    if value.is_nan() { 0.5 } else { value }
}

fn any(source: &mut Source<'_>, depth: u8) -> Any {
    match source.below(18) {
        0 => Any::Nil,
        1 => Any::Bool(source.byte() > 127),
        2 => Any::Int(source.number() as i64),
        3 => Any::Int8(source.number() as i8),
        4 => Any::Int16(source.number() as i16),
        5 => Any::Int32(source.number() as i32),
        6 => Any::Int64(source.number() as i64),
        7 => Any::Uint(source.number()),
        8 => Any::Uint8(source.number() as u8),
        9 => Any::Uint16(source.number() as u16),
        10 => Any::Uint32(source.number() as u32),
        11 => Any::Float32(number(f32::from_bits(source.number() as u32).into()) as f32),
        12 => Any::Float64(number(f64::from_bits(source.number()))),
        13 => Any::String(source.text()),
        14 => Any::Bytes(source.take(20).to_vec()),
        15 => Any::named("[]string", &vec![source.text()]).expect("strings encode"),
        16 if depth > 0 => {
            let list: Vec<Any> = (0..source.below(3))
                .map(|_| any(source, depth - 1))
                .collect();
            Any::named("[]interface {}", &list).expect("a list encodes")
        }
        _ if depth > 0 => {
            Any::named("main.Node", &node(source, depth - 1)).expect("a node encodes")
        }
        _ => Any::Nil,
    }
}
