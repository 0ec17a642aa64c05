//! Times over MessagePack: every form that Go peers write is read, and those that they read are
//! written.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::BytesMut;
use plugwire::codec::{CallConfig, Codec, MessageDecoder, MessageEncoder, TimeFormat};
use plugwire::gob::{BinaryMarshaled, Encode, GobEncoded, TextMarshaled, Time};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use support::hex;
use tokio_util::codec::{Decoder, Encoder};

fn read<T: DeserializeOwned>(value: &[u8]) -> Result<T, String> {
    // Any value does for a header.
    let mut bytes = BytesMut::from(&[0xc0][..]);
    bytes.extend_from_slice(value);
    let mut decoder = MessageDecoder::new(Codec::MsgPack);
    let message = decoder.decode(&mut bytes).unwrap();
    let body = message.expect("a whole message").body;
    body.decode().map_err(|error| error.to_string())
}

fn write<T: Encode + ?Sized>(format: TimeFormat, value: &T) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    let mut encoder = MessageEncoder::new(CallConfig::new(Codec::MsgPack).times(format));
    encoder.encode((&(), value), &mut bytes).unwrap();
    bytes[1..].to_vec()
}

fn at(seconds: i64, nanos: u32) -> Time {
    Time::from_unix(seconds, nanos).unwrap()
}

/// 2020-02-29T12:30:15 without and with a fraction, and 1900.
fn moments() -> [Time; 3] {
    [
        at(1_582_979_415, 0),
        at(1_582_979_415, 123_456_789),
        at(-2_208_988_800, 5),
    ]
}

/// `msgpackpeer -role bytes` has written them.
#[test]
fn what_each_go_codec_writes_is_read() {
    let vectors = include_str!("../vectors/msgpack.json");
    let vectors: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_str(vectors).unwrap();
    for (flavor, values) in vectors {
        for (name, expected) in ["time", "time nanos", "time 1900"].iter().zip(moments()) {
            let got = read::<Time>(&hex::decode(&values[*name]));
            assert_eq!(got.as_ref(), Ok(&expected), "{name} of {flavor}");
        }
    }
}

#[test]
fn every_form_is_read() {
    let [whole, nanos, _] = moments();
    let timestamps = [
        ("5e5a5957", whole),
        ("1d6f34545e5a5957", nanos),
        ("075bcd15 000000005e5a5957", nanos),
    ];
    for (bytes, time) in timestamps {
        let bytes = hex::decode(bytes);
        let len = bytes.len() as u8;
        let heads = [
            vec![0xc4, len],
            vec![0xc5, 0, len],
            vec![0xc6, 0, 0, 0, len],
            vec![0xa0 | len],
            vec![0xd9, len],
            vec![0xda, 0, len],
            vec![0xdb, 0, 0, 0, len],
            vec![0xc7, len, 0xff],
            vec![0xc8, 0, len, 0xff],
        ];
        for head in heads {
            let value = [&head[..], &bytes].concat();
            assert_eq!(read::<Time>(&value), Ok(time), "{value:02x?}");
        }
    }
    assert_eq!(read::<Time>(&hex::decode("d6ff 5e5a5957")), Ok(whole));
    assert_eq!(
        read::<Time>(&hex::decode("d7ff 1d6f34545e5a5957")),
        Ok(nanos)
    );

    let east = nanos.with_offset(2 * 3600).unwrap();
    let odd = nanos.with_offset(3600 + 7).unwrap();
    for (bytes, time) in [
        ("01 0000000ed5ec5057 075bcd15 ffff", nanos),
        ("01 0000000ed5ec5057 075bcd15 0078", east),
        ("02 0000000ed5ec5057 075bcd15 003c 07", odd),
    ] {
        let bytes = hex::decode(bytes);
        for head in [
            vec![0xc4, bytes.len() as u8],
            vec![0xa0 | bytes.len() as u8],
        ] {
            let value = [&head[..], &bytes].concat();
            assert_eq!(read::<Time>(&value), Ok(time), "{value:02x?}");
        }
    }

    let text = "2020-02-29T12:30:15.123456789Z";
    let value = [&[0xa0 | text.len() as u8][..], text.as_bytes()].concat();
    assert_eq!(read::<Time>(&value), Ok(nanos));
    assert_eq!(read::<Time>(&[0xc0]), Ok(Time::ZERO));
    assert_eq!(read::<Option<Time>>(&[0xc0]), Ok(None));
}

#[test]
fn what_is_no_time_is_refused() {
    for (value, why) in [
        ("c400", "no bytes"),
        ("c403 010203", "wrong length"),
        ("c405 0302030405", "unknown version"),
        // A billion nanoseconds.
        ("d7ff ee6b280000000000", "no time"),
        ("c40c 3b9aca00 0000000000000000", "no time"),
        // More seconds than Go counts.
        ("c40c 00000000 7fffffffffffffff", "no time"),
        // Extensions of another type.
        ("d605 5e5a5957", "type 5"),
        ("c70c01 00000000 0000000000000000", "type 1"),
        ("a9 796573746572646179", "unknown version"),
        ("05", "a time"),
        ("93 010203", "a time"),
        ("80", "a time"),
    ] {
        let error = read::<Time>(&hex::decode(value)).unwrap_err();
        assert!(error.contains(why), "{value}: {error}");
    }
}

#[test]
fn the_form_written_is_the_one_chosen() {
    let nanos = moments()[1].with_offset(2 * 3600).unwrap();
    let written = write(TimeFormat::Timestamp, &nanos);
    assert_eq!(written, hex::decode("c40c 075bcd15 000000005e5a5957"));
    assert_eq!(read::<Time>(&written), Ok(nanos.utc()));
    let written = write(TimeFormat::MarshalBinary, &nanos);
    assert_eq!(
        written,
        hex::decode("c40f 01 0000000ed5ec5057 075bcd15 0078")
    );
    assert_eq!(read::<Time>(&written), Ok(nanos));
    assert_eq!(TimeFormat::default(), TimeFormat::Timestamp);
    let zero = write(TimeFormat::Timestamp, &Time::ZERO);
    assert_eq!(zero, hex::decode("c40c 00000000 fffffff1886e0900"));
}

/// Embedded in the struct that Go has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Base {
    since: Time,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everywhere {
    at: Time,
    maybe: Option<Time>,
    none: Option<Time>,
    list: Vec<Time>,
    named: BTreeMap<String, Time>,
    pair: (Time, u8),
    event: Event,
    tagged: Tagged,
    #[serde(flatten)]
    base: Base,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Event {
    At(Time),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Begun { at: Time },
}

fn everywhere(at: Time) -> Everywhere {
    Everywhere {
        at,
        maybe: Some(at),
        none: None,
        list: vec![at, Time::ZERO],
        named: BTreeMap::from([("x".into(), at)]),
        pair: (at, 1),
        event: Event::At(at),
        tagged: Tagged::Begun { at },
        base: Base { since: at },
    }
}

#[test]
fn times_pass_in_every_position() {
    for time in moments() {
        let time = time.with_offset(3600).unwrap();
        let written = write(TimeFormat::Timestamp, &everywhere(time));
        assert_eq!(read(&written), Ok(everywhere(time.utc())));
        let written = write(TimeFormat::MarshalBinary, &everywhere(time));
        assert_eq!(read(&written), Ok(everywhere(time)));
    }
    let texts = serde_json::to_string(&everywhere(moments()[0])).unwrap();
    assert_eq!(
        texts.matches("\"2020-02-29T12:30:15Z\"").count(),
        8,
        "{texts}"
    );
}

#[test]
fn extensions_are_read_in_what_serde_flattens() {
    // {"since": a timestamp as an extension}
    for value in [
        "81 a573696e6365 d6ff 5e5a5957",
        "81 a573696e6365 c70cff 00000000 000000005e5a5957",
        "81 a573696e6365 c40c 00000000 000000005e5a5957",
    ] {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Flat {
            #[serde(flatten)]
            base: Base,
        }
        let base = Base {
            since: moments()[0],
        };
        assert_eq!(read(&hex::decode(value)), Ok(Flat { base }));
    }
}

#[test]
fn a_time_that_was_left_out_is_zero() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Stamped {
        at: Time,
        label: String,
    }
    let stamped = Stamped {
        at: Time::ZERO,
        label: "x".into(),
    };
    // {"label": "x"}, and with {"at": nil}
    assert_eq!(
        read(&hex::decode("81 a56c6162656c a178")).as_ref(),
        Ok(&stamped)
    );
    assert_eq!(
        read(&hex::decode("82 a56c6162656c a178 a26174 c0")),
        Ok(stamped)
    );
}

/// Not times, but read in the same way.
#[test]
fn nil_is_zero_for_all_types_with_an_encoding_of_their_own() {
    #[track_caller]
    fn zero<T: DeserializeOwned + Default + PartialEq + Debug>() {
        assert_eq!(read::<T>(&[0xc0]), Ok(T::default()));
    }
    zero::<BinaryMarshaled<[u8; 2]>>();
    zero::<BinaryMarshaled>();
    zero::<GobEncoded<[u8; 16]>>();
    zero::<TextMarshaled<String>>();
    let two = BinaryMarshaled([1, 2]);
    for value in ["c402 0102", "a2 0102", "d505 0102", "92 01 02"] {
        assert_eq!(read(&hex::decode(value)), Ok(two), "{value}");
    }
    assert_eq!(
        read(&hex::decode("a2 6162")),
        Ok(TextMarshaled("ab".to_owned()))
    );
}
