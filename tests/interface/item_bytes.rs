//! Streams of items from a peer that writes them by hand, right and wrong.

use bytes::BytesMut;
use plugwire::gob;
use plugwire::interface::ItemError;
use plugwire::rpc::{CallConfig, Codec};
use plugwire::{Error, Stream};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Pair;
use support::within;

/// How the peer leaves its stream.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leave {
    Finished,
    Reset,
}

/// What this side receives of a peer that writes these bytes.
async fn receive<T>(pair: &Pair, bytes: &[u8], leave: Leave) -> (Vec<T>, Option<Error>)
where
    T: Serialize + serde::de::DeserializeOwned + Send + 'static,
{
    let id = pair.plugin.next_id();
    let writing = async {
        let mut peer = pair.plugin.accept(id).await.unwrap();
        // A receiver that has seen enough may be gone.
        let _ = peer.write_all(bytes).await;
        match leave {
            Leave::Finished => {
                let _ = peer.shutdown().await;
                // Until the other side has closed, too.
                let _ = peer.read_to_end(&mut Vec::new()).await;
            }
            Leave::Reset => peer.reset(),
        }
    };
    let receiving = async {
        let mut stream: Stream<T> = plugwire::interface::dial(&pair.host, id).await.unwrap();
        let mut items = Vec::new();
        let mut end = None;
        while let Some(item) = stream.next().await {
            match item {
                Ok(item) => items.push(item),
                Err(error) => end = Some(error),
            }
        }
        (items, end)
    };
    let (received, ()) = within(async { tokio::join!(receiving, writing) }).await;
    received
}

/// Values one after another, and where each ends.
struct Written {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

fn gobs(write: impl FnOnce(&mut dyn FnMut(&dyn Fn(&mut gob::Encoder, &mut BytesMut)))) -> Written {
    let mut encoder = gob::Encoder::new();
    let mut bytes = BytesMut::new();
    let mut ends = vec![0];
    write(&mut |put| {
        put(&mut encoder, &mut bytes);
        ends.push(bytes.len());
    });
    Written {
        bytes: bytes.to_vec(),
        ends,
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    name: String,
    numbers: Vec<i64>,
}

fn events() -> [Event; 3] {
    [("one", 1), ("two", 2), ("three", 3)].map(|(name, n)| Event {
        name: name.to_owned(),
        numbers: vec![n; n as usize],
    })
}

fn written(codec: Codec) -> Written {
    match codec {
        Codec::Gob => gobs(|put| {
            for event in events() {
                put(&|encoder, bytes| encoder.encode(&event, bytes).unwrap());
            }
        }),
        _ => {
            let mut written = Written {
                bytes: Vec::new(),
                ends: vec![0],
            };
            for event in events() {
                let event = rmp_serde::to_vec_named(&event).unwrap();
                written.bytes.extend(event);
                written.ends.push(written.bytes.len());
            }
            written
        }
    }
}

const CODECS: [Codec; 2] = [Codec::Gob, Codec::MsgPack];

/// How many cuts there are in both codecs.
const CUTS: usize = 170;

/// Between two items a finished stream is at its end; everywhere else it was cut.
#[tokio::test]
async fn a_stream_that_is_cut_at_any_byte_is_an_error() {
    let mut cuts = 0;
    for codec in CODECS {
        let pair = Pair::speaking(codec);
        let written = written(codec);
        for cut in 0..=written.bytes.len() {
            cuts += 1;
            for leave in [Leave::Finished, Leave::Reset] {
                let (items, error) = receive::<Event>(&pair, &written.bytes[..cut], leave).await;
                let whole = written.ends.iter().filter(|end| **end <= cut).count() - 1;
                let is_end = leave == Leave::Finished && written.ends.contains(&cut);
                assert_eq!(items, events()[..whole], "cut at {cut}");
                match error {
                    None => assert!(is_end, "{codec:?}, {leave:?} at {cut}"),
                    Some(Error::Item(ItemError::CutOff { items, source, .. })) => {
                        assert!(!is_end, "{codec:?}, {leave:?} at {cut}");
                        assert_eq!(items, whole as u64);
                        assert_eq!(source.is_some(), leave == Leave::Reset);
                    }
                    Some(other) => panic!("{codec:?}, {leave:?} at {cut}: {other:?}"),
                }
            }
        }
    }
    assert_eq!(cuts, CUTS, "docs/robustness.md has the number");
}

/// It is an error of the stream, or other items, and always an end. Items in front of the bit are
/// as they were.
#[tokio::test]
async fn a_flipped_bit_is_seen_and_spoils_no_earlier_item() {
    for codec in CODECS {
        let pair = Pair::speaking(codec);
        let written = written(codec);
        let (mut errors, mut unseen) = (0, 0);
        for at in 0..written.bytes.len() {
            for bit in 0..8 {
                let mut bytes = written.bytes.clone();
                bytes[at] ^= 1 << bit;
                let (items, error) = receive::<Event>(&pair, &bytes, Leave::Finished).await;
                let of = format!("{codec:?}: bit {bit} of byte {at}: {items:?}, {error:?}");
                let before = written.ends.iter().filter(|end| **end <= at).count() - 1;
                assert!(items.len() >= before, "{of}");
                assert_eq!(items[..before], events()[..before], "{of}");
                match error {
                    Some(Error::Item(_)) => errors += 1,
                    Some(_) => panic!("{of}"),
                    None if items == events() => {
                        // In gob's description of the type: its name, and what has no use here.
                        assert!(codec == Codec::Gob && at < written.ends[1], "{of}");
                        unseen += 1;
                    }
                    None => {}
                }
            }
        }
        // Most are errors in gob, and few have no effect. In MessagePack most bytes are those of
        // texts and numbers, and make others.
        let bits = 8 * written.bytes.len();
        let least = if codec == Codec::Gob {
            bits / 2
        } else {
            bits / 4
        };
        assert!(errors > least, "{codec:?}: {errors} of {bits}");
        assert!(unseen < bits / 5, "{codec:?}: {unseen} of {bits}");
    }
}

#[tokio::test]
async fn an_item_of_another_type_is_named_by_its_number() {
    let pair = Pair::new();
    let written = gobs(|put| {
        put(&|encoder, bytes| encoder.encode(&1i64, bytes).unwrap());
        put(&|encoder, bytes| encoder.encode(&2i64, bytes).unwrap());
        put(&|encoder, bytes| encoder.encode("three", bytes).unwrap());
        put(&|encoder, bytes| encoder.encode(&4i64, bytes).unwrap());
    });
    let (items, error) = receive::<i64>(&pair, &written.bytes, Leave::Finished).await;
    assert_eq!(items, [1, 2]);
    let error = error.unwrap();
    assert_eq!(error.to_string(), "cannot decode item 3 of the stream");
    let Error::Item(ItemError::Decode { item: 3, .. }) = error else {
        panic!("{error:?}");
    };
}

#[tokio::test]
async fn an_item_over_the_limit_is_an_error() {
    for codec in CODECS {
        let limits = gob::Limits::default().max_message(1_000);
        let pair = Pair::with(CallConfig::new(codec).limits(limits), 64 * 1024);
        let long = "x".repeat(2_000);
        let bytes = match codec {
            Codec::Gob => {
                gobs(|put| {
                    put(&|encoder, bytes| encoder.encode("short", bytes).unwrap());
                    put(&|encoder, bytes| encoder.encode(&*long, bytes).unwrap());
                })
                .bytes
            }
            _ => [
                rmp_serde::to_vec("short").unwrap(),
                rmp_serde::to_vec(&long).unwrap(),
            ]
            .concat(),
        };
        // Its length is enough.
        let begun = &bytes[..bytes.len() - 1_900];
        let (items, error) = receive::<String>(&pair, begun, Leave::Finished).await;
        assert_eq!(items, ["short"], "{codec:?}");
        let error = error.unwrap();
        let Error::Item(ItemError::Decode { item: 2, source }) = error else {
            panic!("{error:?}");
        };
        assert!(source.to_string().contains("1000"), "{source}");
    }
}

/// As Go's authors write an error: a struct of its own, or the item's with a further field.
#[tokio::test]
async fn an_error_is_known_by_its_field() {
    #[derive(Serialize, Deserialize)]
    struct StreamError {
        #[serde(rename = "StreamError")]
        text: String,
    }

    #[derive(Default, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct EventOrError {
        stream_error: String,
        name: String,
        numbers: Vec<i64>,
    }

    let error = StreamError {
        text: "no more paper".into(),
    };
    let or_error = |event: Event| EventOrError {
        stream_error: String::new(),
        name: event.name,
        numbers: event.numbers,
    };
    let failed = || EventOrError {
        stream_error: "no more paper".into(),
        ..EventOrError::default()
    };
    for codec in CODECS {
        let pair = Pair::speaking(codec);
        let [one, two, _] = events();
        let by_itself = match codec {
            Codec::Gob => {
                gobs(|put| {
                    put(&|encoder, bytes| encoder.encode(&one, bytes).unwrap());
                    put(&|encoder, bytes| encoder.encode(&two, bytes).unwrap());
                    put(&|encoder, bytes| encoder.encode(&error, bytes).unwrap());
                })
                .bytes
            }
            _ => [
                rmp_serde::to_vec_named(&one).unwrap(),
                rmp_serde::to_vec_named(&two).unwrap(),
                rmp_serde::to_vec_named(&error).unwrap(),
            ]
            .concat(),
        };
        let values = [or_error(one.clone()), or_error(two.clone()), failed()];
        let in_items = match codec {
            Codec::Gob => {
                gobs(|put| {
                    for value in &values {
                        put(&|encoder, bytes| encoder.encode(value, bytes).unwrap());
                    }
                })
                .bytes
            }
            _ => values
                .iter()
                .flat_map(|value| rmp_serde::to_vec_named(value).unwrap())
                .collect(),
        };
        for bytes in [by_itself, in_items] {
            // Whatever comes behind it.
            let bytes = [&bytes[..], b"more"].concat();
            let (items, error) = receive::<Event>(&pair, &bytes, Leave::Finished).await;
            assert_eq!(items, [one.clone(), two.clone()], "{codec:?}");
            assert_eq!(error.unwrap().to_string(), "no more paper", "{codec:?}");
        }
    }
}
