//! Takes bytes in every way there is.

use std::collections::{BTreeMap, HashMap};

use bytes::BytesMut;
use plugwire_gob::{self as gob, Any, Decoder, RawValue, Value};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use support::hostile::contained;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Node {
    pub name: String,
    pub value: i64,
    pub kids: Vec<Node>,
    pub next: Option<Box<Node>>,
    pub map: BTreeMap<String, Node>,
    pub any: Any,
    pub pair: (u64, [i8; 2]),
}

#[derive(Debug, Deserialize)]
pub struct Empty {}

/// All values of a stream, up to what is wrong with it: whether anything was.
pub fn stream(input: impl Into<BytesMut>, mut each: impl FnMut(&RawValue)) -> bool {
    let (mut decoder, mut buffer) = (Decoder::new(), input.into());
    loop {
        match decoder.next_value(&mut buffer) {
            Ok(Some(value)) => each(&value),
            Ok(None) => return false,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return true;
            }
        }
    }
}

fn as_type<T: DeserializeOwned>(value: &RawValue) -> bool {
    value
        .decode::<T>()
        .map_err(|error| assert!(error.to_string().len() < 1 << 20))
        .is_ok()
}

/// Decodes a value as every kind of type: how many took it.
pub fn as_everything(value: &RawValue) -> usize {
    let took = [
        as_type::<Node>(value),
        as_type::<Vec<Node>>(value),
        as_type::<BTreeMap<String, Node>>(value),
        as_type::<HashMap<String, Vec<u8>>>(value),
        as_type::<Vec<Vec<i64>>>(value),
        as_type::<(i64, String)>(value),
        as_type::<[u8; 4]>(value),
        as_type::<i8>(value),
        as_type::<u64>(value),
        as_type::<f32>(value),
        as_type::<char>(value),
        as_type::<String>(value),
        as_type::<serde_bytes::ByteBuf>(value),
        as_type::<Option<bool>>(value),
        as_type::<Value>(value),
        as_type::<Any>(value),
        as_type::<Vec<Any>>(value),
        as_type::<()>(value),
        as_type::<IgnoredAny>(value),
        as_type::<Empty>(value),
    ];
    assert!(value.go_type().len() < 1 << 20);
    took.iter().filter(|&&took| took).count()
}

/// A gob stream in every way: as a stream, and as one value.
pub fn every_way(name: &str, input: &[u8]) {
    contained(name, input, |buffer| {
        stream(buffer, |value| {
            as_everything(value);
        });
    });
    contained(name, input, |_| {
        let _ = gob::from_slice::<Node>(input);
        let _ = gob::from_slice::<Value>(input);
        let _ = gob::from_slice::<()>(input);
    });
}
