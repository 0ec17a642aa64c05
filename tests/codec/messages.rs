//! The message codecs: pure, and indifferent to how the bytes are cut.

use bytes::BytesMut;
use plugwire::codec::{CallConfig, Codec, EncodeError, Limits, MessageDecoder, MessageEncoder};
use serde::{Deserialize, Serialize};
use support::causes::assert_fails;
use tokio_util::codec::{Decoder, Encoder};

const CODECS: [Codec; 3] = [Codec::Gob, Codec::MsgPack, Codec::Rich];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Header {
    service_method: String,
    seq: u64,
}

fn header(seq: u64) -> Header {
    Header {
        service_method: "Plugin.Greet".into(),
        seq,
    }
}

/// Three messages, the second with a large body.
fn three(codec: Codec) -> BytesMut {
    let mut encoder = MessageEncoder::new(codec);
    let mut bytes = BytesMut::new();
    encoder.encode((&header(0), "one"), &mut bytes).unwrap();
    let large = vec!["two".to_owned(); 300];
    encoder.encode((&header(1), &large), &mut bytes).unwrap();
    encoder.encode((&header(2), &()), &mut bytes).unwrap();
    bytes
}

fn check(messages: Vec<plugwire::codec::Message>) {
    assert_eq!(messages.len(), 3);
    for (seq, message) in messages.iter().enumerate() {
        assert_eq!(
            message.header.decode::<Header>().unwrap(),
            header(seq as u64)
        );
    }
    assert_eq!(messages[0].body.decode::<String>().unwrap(), "one");
    let large: Vec<String> = messages[1].body.decode().unwrap();
    assert_eq!(large, vec!["two".to_owned(); 300]);
    messages[2].body.decode::<()>().unwrap();
}

#[test]
fn the_same_bytes_cut_anywhere_give_the_same_messages() {
    for codec in CODECS {
        let bytes = three(codec);
        for cut in 0..=bytes.len() {
            let mut decoder = MessageDecoder::new(codec);
            let mut buffer = BytesMut::new();
            let mut messages = Vec::new();
            for part in [&bytes[..cut], &bytes[cut..]] {
                buffer.extend_from_slice(part);
                while let Some(message) = decoder.decode(&mut buffer).unwrap() {
                    messages.push(message);
                }
            }
            assert!(buffer.is_empty());
            check(messages);
        }
    }
}

#[test]
fn bytes_that_come_one_by_one_give_the_same_messages() {
    for codec in CODECS {
        let mut decoder = MessageDecoder::new(codec);
        let mut buffer = BytesMut::new();
        let mut messages = Vec::new();
        for byte in three(codec) {
            buffer.extend_from_slice(&[byte]);
            messages.extend(decoder.decode(&mut buffer).unwrap());
        }
        check(messages);
    }
}

/// MessagePack says nowhere how long a message is, so its end is looked for; but not from the front
/// with each piece.
#[test]
fn what_has_been_looked_at_is_not_looked_at_again() {
    /// Begins no value: an error for its reader.
    const RESERVED: u8 = 0xc1;
    /// The marker and the length of what comes next are read in one step.
    const STEP: usize = 5;

    let bytes = three(Codec::MsgPack);
    let mut hidden = 0;
    for cut in 0..bytes.len() {
        let mut decoder = MessageDecoder::new(Codec::MsgPack);
        let mut buffer = BytesMut::from(&bytes[..cut]);
        let mut messages = Vec::new();
        while let Some(message) = decoder.decode(&mut buffer).unwrap() {
            messages.push(message);
        }
        let arrived = buffer.clone();
        let seen = buffer.len().saturating_sub(STEP);
        buffer[..seen].fill(RESERVED);
        hidden += seen;
        assert!(decoder.decode(&mut buffer).unwrap().is_none(), "{cut}");
        buffer[..seen].copy_from_slice(&arrived[..seen]);
        buffer.extend_from_slice(&bytes[cut..]);
        while let Some(message) = decoder.decode(&mut buffer).unwrap() {
            messages.push(message);
        }
        check(messages);
    }
    assert!(hidden > bytes.len(), "{hidden}");
}

#[test]
fn a_body_that_cannot_be_written_leaves_no_trace() {
    #[derive(Serialize, Deserialize)]
    enum Data {
        None,
        Some(i32),
    }
    // As the first message, whose header is defined in front of it, and as a later one.
    for earlier in [0, 1] {
        let mut encoder = MessageEncoder::new(Codec::Gob);
        let mut bytes = BytesMut::new();
        for seq in 0..earlier {
            encoder.encode((&header(seq), "fine"), &mut bytes).unwrap();
        }
        let before = bytes.clone();
        let failed = encoder.encode((&header(9), &Data::Some(1)), &mut bytes);
        assert!(matches!(failed, Err(EncodeError::Gob(_))));
        let _ = Data::None;
        assert_eq!(bytes, before);
        encoder
            .encode((&header(earlier), "fine"), &mut bytes)
            .unwrap();
        let mut decoder = MessageDecoder::new(Codec::Gob);
        for seq in 0..=earlier {
            let message = decoder.decode(&mut bytes).unwrap().unwrap();
            assert_eq!(message.header.decode::<Header>().unwrap(), header(seq));
            assert_eq!(message.body.decode::<String>().unwrap(), "fine");
        }
    }
}

/// Go's decoder cannot skip a nil `interface{}` that stands alone: it takes a type and a length
/// from what follows. Both follow within the message here.
#[test]
fn a_nil_interface_can_be_skipped_by_go() {
    let mut encoder = MessageEncoder::new(Codec::Gob);
    let mut bytes = BytesMut::new();
    encoder.encode((&header(1), &()), &mut bytes).unwrap();
    assert!(bytes.ends_with(&[5, 0x10, 0, 0, 4, 0]));
    let mut decoder = MessageDecoder::new(Codec::Gob);
    let message = decoder.decode(&mut bytes).unwrap().unwrap();
    assert!(message.body.decode::<Option<i64>>().unwrap().is_none());
    assert!(bytes.is_empty());
}

#[test]
fn a_message_past_the_limit_is_refused_as_soon_as_its_length_is_known() {
    for codec in CODECS {
        let limits = Limits::default().max_message(1000);
        let mut decoder = MessageDecoder::new(CallConfig::new(codec).limits(limits));
        let mut bytes = BytesMut::new();
        let mut encoder = MessageEncoder::new(codec);
        encoder
            .encode((&header(0), &vec![7_u8; 900]), &mut bytes)
            .unwrap();
        assert!(decoder.decode(&mut bytes).unwrap().is_some());
        encoder
            .encode((&header(1), &vec![7_u8; 1100]), &mut bytes)
            .unwrap();
        // The header and the first bytes of the body are enough.
        bytes.truncate(bytes.len() - 1000);
        assert_fails(decoder.decode(&mut bytes), "a message of ");
    }
}
