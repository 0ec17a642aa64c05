//! Fields of a peer that the receiver's type does not have: one event for a type.

use std::collections::BTreeMap;

use bytes::BytesMut;
use plugwire::codec::{Codec, MessageDecoder, MessageEncoder};
use serde::{Deserialize, Serialize};
use support::events::{record, recorded};
use tokio_util::codec::{Decoder, Encoder};
use tracing::Level;

#[derive(Serialize, Deserialize)]
#[serde(rename = "Newer")]
struct Newer {
    name: String,
    email: String,
    phone: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Newest")]
struct Newest {
    name: String,
    email: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "OlderThanThePeer")]
struct Older {
    name: String,
}

#[test]
fn fields_that_a_type_does_not_have_are_one_event_for_a_type() {
    record();
    // Two connections, several values of each.
    for _ in 0..2 {
        let mut encoder = MessageEncoder::new(Codec::Gob);
        let mut decoder = MessageDecoder::new(Codec::Gob);
        let mut bytes = BytesMut::new();
        for _ in 0..3 {
            let text = || "x".to_owned();
            let (name, email, phone) = (text(), text(), text());
            let newer = Newer { name, email, phone };
            encoder.encode((&1u8, &newer), &mut bytes).unwrap();
            let (name, email) = (text(), text());
            let newest = Newest { name, email };
            encoder.encode((&1u8, &newest), &mut bytes).unwrap();
            // One that the receiver knows.
            let name = text();
            encoder.encode((&1u8, &Older { name }), &mut bytes).unwrap();
        }
        let mut count = 0;
        while let Some(message) = decoder.decode(&mut bytes).unwrap() {
            assert_eq!(message.body.decode::<Older>().unwrap().name, "x");
            count += 1;
        }
        assert_eq!(count, 9);
    }
    let events = recorded("plugwire::codec");
    let of = |sender: &str, fields: &str| {
        BTreeMap::from([
            (
                "message",
                "a peer sends fields that the receiver's type does not have; they are skipped",
            ),
            ("sender", sender),
            ("receiver", "OlderThanThePeer"),
            ("fields", fields),
        ])
        .into_iter()
        .map(|(key, value)| (key, value.to_owned()))
        .collect::<BTreeMap<_, _>>()
    };
    let seen: Vec<_> = events.iter().map(|event| event.fields.clone()).collect();
    let expected = [
        of("Newer", r#"["email", "phone"]"#),
        of("Newest", r#"["email"]"#),
    ];
    assert_eq!(seen, expected);
    assert!(events.iter().all(|event| event.level == Level::DEBUG));
}
