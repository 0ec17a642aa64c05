//! The gob decoder, into values of every kind.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use bytes::BytesMut;
use plugwire::gob::{self, Any, Complex, DecodeErrorKind, Decoder, RawValue, Time, Value};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_bytes::ByteBuf;

use super::source::Source;
use super::types::{
    Borrowed, Cause, Chain, Color, Either, Empty, Failure, Flat, Knot, Meeting, Mood, Node, Tagged,
    Unit,
};

/// The values of a stream, up to what is wrong with it.
fn values(data: &[u8]) -> (Vec<RawValue>, Option<DecodeErrorKind>) {
    drain(&mut Decoder::new(), &mut BytesMut::from(data))
}

fn drain(decoder: &mut Decoder, buffer: &mut BytesMut) -> (Vec<RawValue>, Option<DecodeErrorKind>) {
    let mut values = Vec::new();
    loop {
        match decoder.next_value(buffer) {
            Ok(Some(value)) => values.push(value),
            Ok(None) => return (values, None),
            Err(error) => return (values, Some(error.kind().clone())),
        }
    }
}

/// Decodes as `T`; an error has to have a text.
fn try_as<'a, T: Deserialize<'a> + Debug>(value: &'a RawValue) -> Option<T> {
    match value.decode::<T>() {
        Ok(decoded) => Some(decoded),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

/// Into types of every shape.
pub fn gob_typed(data: &[u8]) {
    let (values, _) = values(data);
    for value in &values {
        macro_rules! decode {
            ($($ty:ty,)*) => {$( let _ = try_as::<$ty>(value); )*};
        }
        decode! {
            Node, Vec<Node>, BTreeMap<String, Node>, Option<Box<Node>>,
            HashMap<i64, ByteBuf>, BTreeMap<Color, Vec<Vec<f32>>>, BTreeMap<(i64, String), bool>,
            (i64, String, f64), (Color, (u8, [bool; 2]), Option<char>), [i8; 3], [Color; 2],
            char, Color, Mood, Vec<Mood>, u8, i16, u32, i128, u128, f32, ByteBuf, Vec<u8>, String,
            &str, &[u8], Borrowed<'_>, Flat, Either, Tagged, Knot, Chain, Vec<Option<Any>>,
            std::time::Duration, Time, Option<Time>,
            Vec<Complex>, Failure, Vec<Failure>, BTreeMap<String, Failure>, Cause, Meeting,
            std::net::IpAddr, std::ops::Range<i64>, Result<i64, String>,
        }
    }
    for time in values.iter().filter_map(try_as::<Time>) {
        // Every time has a text, and those in its form are read from it.
        let again = time.to_string().parse::<Time>();
        assert!(
            again.is_err() || again.is_ok_and(|again| again.subsec_nanos() == time.subsec_nanos())
        );
        let _ = std::time::SystemTime::try_from(time);
    }
    let alone = gob::from_slice::<Node>(data).is_ok();
    if let Some(first) = values.first() {
        assert_eq!(alone, first.decode::<Node>().is_ok());
    } else {
        assert!(!alone);
    }
}

/// Into values of whatever type came.
pub fn gob_dynamic(data: &[u8]) {
    let (values, _) = values(data);
    for value in &values {
        assert!(!value.go_type().is_empty());
        let dynamic = try_as::<Value>(value);
        if let Some(any) = try_as::<Any>(value) {
            // What is inside decodes as it did in place.
            drop(any.decode::<Node>());
            drop(any.decode::<Any>());
            assert_eq!(any.clone().name(), any.name());
            if dynamic.is_some() && !any.is_nil() {
                any.decode::<Value>().expect("what decoded in place");
            }
        }
        for list in try_as::<Vec<Any>>(value).into_iter().flatten() {
            drop((
                list.as_i64(),
                list.as_u64(),
                list.as_f64(),
                format!("{list:?}"),
            ));
        }
        let _ = try_as::<BTreeMap<String, Any>>(value);
        let _ = try_as::<Vec<Value>>(value);
        let _ = try_as::<HashMap<i64, Value>>(value);
        assert_eq!(
            format!("{:?}", value.decode::<Value>().ok()),
            format!("{dynamic:?}")
        );
    }
}

/// Into nothing.
pub fn gob_skip(data: &[u8]) {
    let (values, _) = values(data);
    for value in &values {
        let skipped = try_as::<()>(value).is_some();
        assert_eq!(try_as::<IgnoredAny>(value).is_some(), skipped);
        // Whatever can be read can be skipped.
        assert!(skipped || try_as::<Value>(value).is_none());
        let _ = try_as::<Empty>(value);
        let _ = try_as::<Unit>(value);
        let _ = try_as::<Vec<IgnoredAny>>(value);
        let _ = try_as::<BTreeMap<String, ()>>(value);
        let _ = try_as::<(IgnoredAny,)>(value);
        let _ = try_as::<BTreeMap<Color, Empty>>(value);
    }
}

/// A stream says the same however it is cut.
pub fn gob_stream(data: &[u8]) {
    let whole = values(data.get(1..).unwrap_or_default());
    let (mut decoder, mut buffer) = (Decoder::new(), BytesMut::new());
    let (mut found, mut failed) = (Vec::new(), None);
    for piece in Source::pieces(data) {
        buffer.extend_from_slice(piece);
        let (values, error) = drain(&mut decoder, &mut buffer);
        // Holding on to them makes the decoder share its types.
        found.extend(values);
        if error.is_some() {
            failed = error;
            break;
        }
    }
    assert_eq!(failed, whole.1);
    assert_eq!(found.len(), whole.0.len());
    for (cut, whole) in found.iter().zip(&whole.0) {
        assert_eq!(cut.go_type(), whole.go_type());
        assert_eq!(
            format!(
                "{:?}",
                cut.decode::<Value>().map_err(|error| error.to_string())
            ),
            format!(
                "{:?}",
                whole.decode::<Value>().map_err(|error| error.to_string())
            )
        );
    }
}
