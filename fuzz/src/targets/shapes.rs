//! gob of types that the input makes up: our encoder against our decoder, and against Go's.

use std::sync::Mutex;

use bytes::BytesMut;
use plugwire_gob::{self as gob, Any, Decoder, Encoder, Value};
use support::gob::{Mirror, Random, Shape, canonical};

/// A stream of values, each of a type of its own, comes back.
pub fn gob_shapes(data: &[u8]) {
    let mut random = Random::of_input(data);
    let (mut encoder, mut stream) = (Encoder::new(), BytesMut::new());
    let values: Vec<_> = (0..=random.below(4))
        .map(|_| {
            let shape = Shape::random(&mut random, 0);
            let value = shape.value(&mut random, 0);
            encoder
                .encode_as(&shape.schema(), &value, &mut stream)
                .expect("a value of the type");
            value
        })
        .collect();
    let mut decoder = Decoder::new();
    for value in values {
        let received = decoder.next_value(&mut stream).expect("our own stream");
        let received = received.expect("each value");
        let back: Value = received.decode().expect("our own value");
        assert_eq!(canonical(back.clone()), canonical(value));
        received
            .decode::<()>()
            .expect("what decodes can be skipped");
        let alone = gob::to_vec_as(&received.schema(), &back).expect("what decodes encodes");
        let again: Value = gob::from_slice(&alone).expect("our own value");
        assert_eq!(canonical(again), canonical(back));
        if let Ok(any) = received.decode::<Any>() {
            gob::to_vec(&any).expect("an interface value is sent on");
        }
    }
    assert!(stream.is_empty());
}

/// Go's decoder, which lives as long as the fuzzer. `None` inside where there is no Go.
static GO: Mutex<Option<Option<Mirror>>> = Mutex::new(None);

/// A value that the input makes up goes through Go and back. Where Go is missing, it does nothing.
pub fn gob_go(data: &[u8]) {
    let mut go = GO.lock().expect("no panic in an input before");
    let go = go.get_or_insert_with(|| {
        // A running program needs no file.
        let directory = tempfile::tempdir().expect("a directory");
        Mirror::start(directory.path())
    });
    let Some(go) = go else { return };
    let mut random = Random::of_input(data);
    let shape = Shape::random(&mut random, 0);
    let value = shape.value(&mut random, 0);
    let bytes = gob::to_vec_as(&shape.schema(), &value).expect("a value of the type");
    let reply = go.ask("mirror", &shape.json(), 0, &bytes);
    let reply = reply.unwrap_or_else(|error| panic!("{error}\n{shape:?}\n{value:?}"));
    let back: Value = gob::from_slice(&reply).expect("what Go sends");
    assert_eq!(canonical(back), canonical(value), "{shape:?}");
}
