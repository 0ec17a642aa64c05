//! The time to encode and decode gob, beside MessagePack by `rmp-serde`.
//!
//! `cargo bench --bench gob` runs all rows, with criterion's options behind `--`; a part of a row's
//! name selects rows. `benches/gob/run` compares with Go. Warm rows are what a connection does
//! after its first call: the types were sent before. Cold rows are whole streams.
//!
//! `GOB_COUNT=1000 cargo bench --bench gob -- user/encode` repeats each row whose name begins like
//! that 1,000 times and measures nothing: for tools such as callgrind. `GOB_SIZES=1` prints the
//! length of each message.

#[path = "gob/values.rs"]
mod values;

use std::hint::black_box;
use std::time::Duration;

use bytes::BytesMut;
use criterion::Criterion;
use plugwire::gob::{self, Decoder, Encode, Encoder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// What is measured, by name.
type Row = (String, Box<dyn FnMut()>);

fn main() {
    if std::env::var_os("GOB_SIZES").is_some() {
        sizes();
    } else if let Ok(count) = std::env::var("GOB_COUNT") {
        repeat(count.parse().expect("GOB_COUNT is a number"));
    } else {
        measure();
    }
}

/// The rows of the values whose names are wanted.
fn rows(wanted: impl Fn(&str) -> bool) -> Vec<Row> {
    let mut rows = Vec::new();
    if wanted("user") {
        add(&mut rows, "user", values::user(42));
    }
    if wanted("users") {
        add(&mut rows, "users", values::users());
    }
    if wanted("samples") {
        add(&mut rows, "samples", values::samples());
    }
    if wanted("wide") {
        add(&mut rows, "wide", values::wides());
    }
    if wanted("numbers") {
        add(&mut rows, "numbers", values::numbers());
    }
    if wanted("texts") {
        add(&mut rows, "texts", values::texts());
    }
    if wanted("bytes") {
        add(&mut rows, "bytes", ByteBuf::from(values::bytes()));
    }
    if wanted("vec-u8") {
        add(&mut rows, "vec-u8", values::bytes());
    }
    if wanted("clone") {
        let users = values::users();
        // Without a value above the place of the clones, the heap would end there, and glibc would
        // return its pages to the system each time. The other rows have one, too.
        let place = users.clone();
        let above = users.clone();
        drop(place);
        rows.push((
            "clone/users".into(),
            Box::new(move || {
                drop(black_box(black_box(&users).clone()));
                black_box(&above);
            }),
        ));
    }
    if wanted("memcpy") {
        let bytes = values::bytes();
        rows.push((
            "memcpy/to-vec".into(),
            Box::new(move || drop(black_box(black_box(&bytes).to_vec()))),
        ));
    }
    rows
}

fn measure() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
        .configure_from_args();
    for (name, mut run) in rows(|_| true) {
        criterion.bench_function(&name, |bencher| bencher.iter(&mut run));
    }
    criterion.final_summary();
}

fn repeat(count: usize) {
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let wanted = wanted.unwrap_or_default();
    // Only rows that run are set up, because setting up counts, too.
    let rows = rows(|value| wanted.split('/').next() == Some(value) || wanted.is_empty());
    for (name, mut run) in rows {
        if name.starts_with(&wanted) {
            (0..count).for_each(|_| run());
        }
    }
}

/// The lengths of the messages, which must be the same in Go.
fn sizes() {
    fn size<T: Encode>(name: &str, value: &T) {
        println!("{name} {}", messages(value).1.len());
    }
    size("user", &values::user(42));
    size("users", &values::users());
    size("samples", &values::samples());
    size("wide", &values::wides());
    size("numbers", &values::numbers());
    size("texts", &values::texts());
    size("bytes", &values::bytes());
}

/// The messages of a new stream for a value: with definitions, then without.
fn messages<T: Encode>(value: &T) -> (BytesMut, BytesMut) {
    let (mut encoder, mut out) = (Encoder::new(), BytesMut::new());
    encoder.encode(value, &mut out).expect("it encodes");
    let first = out.split();
    encoder.encode(value, &mut out).expect("it encodes");
    (first, out)
}

/// All rows of one value.
fn add<T>(rows: &mut Vec<Row>, name: &str, value: T)
where
    T: Serialize + DeserializeOwned + Clone + PartialEq + std::fmt::Debug + 'static,
{
    let mut row = |kind: &str, run: Box<dyn FnMut()>| rows.push((format!("{name}/{kind}"), run));
    let (first, next) = messages(&value);

    let (mut encoder, mut out) = (Encoder::new(), BytesMut::new());
    let it = value.clone();
    encoder.encode(&it, &mut out).expect("it encodes");
    row(
        "encode/warm",
        Box::new(move || {
            out.clear();
            encoder
                .encode(black_box(&it), &mut out)
                .expect("it encodes");
            black_box(&out);
        }),
    );

    let (mut out, it) = (BytesMut::new(), value.clone());
    row(
        "encode/cold",
        Box::new(move || {
            out.clear();
            let mut encoder = Encoder::new();
            encoder
                .encode(black_box(&it), &mut out)
                .expect("it encodes");
            black_box(&out);
        }),
    );

    // The copy into the buffer stands for the read from the connection. Go's rows have it, too.
    let (mut decoder, mut input) = (Decoder::new(), first.clone());
    let found = read::<T>(&mut decoder, &mut input);
    assert_eq!(found, value);
    row(
        "decode/warm",
        Box::new(move || {
            input.extend_from_slice(black_box(&next));
            black_box(read::<T>(&mut decoder, &mut input));
        }),
    );

    row(
        "decode/cold",
        Box::new(move || {
            black_box(gob::from_slice::<T>(black_box(&first)).expect("it decodes"));
        }),
    );

    let packed = rmp_serde::to_vec_named(&value).expect("it encodes");
    let mut out = Vec::new();
    row(
        "encode/rmp",
        Box::new(move || {
            out.clear();
            rmp_serde::encode::write_named(&mut out, black_box(&value)).expect("it encodes");
            black_box(&out);
        }),
    );
    row(
        "decode/rmp",
        Box::new(move || {
            black_box(rmp_serde::from_slice::<T>(black_box(&packed)).expect("it decodes"));
        }),
    );
}

fn read<T: for<'de> Deserialize<'de>>(decoder: &mut Decoder, input: &mut BytesMut) -> T {
    let value = decoder.next_value(input).expect("it is well-formed");
    value.expect("it is whole").decode().expect("it decodes")
}
