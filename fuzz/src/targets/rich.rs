//! The rich codec.

use bytes::BytesMut;
use plugwire::codec::{Codec, MessageDecoder, MessageEncoder};
use support::gob::Random;
use support::model::{Made, Type, with_type};
use tokio_util::codec::{Decoder, Encoder};

/// How much of an input makes up a type.
const TYPE: usize = 48;

/// A made-up value of a made-up type comes back as it was. What a type takes of any bytes is a
/// value like any other: it is written, and comes back too.
pub fn codec_rich(data: &[u8]) {
    let (recipe, bytes) = data.split_at(TYPE.min(data.len()));
    let mut random = Random::of_input(recipe);
    let ty = Type::random(&mut random, 4);
    with_type(&ty, || {
        comes_back(&Made(ty.value(&mut random)));
        comes_back(&Made(ty.value(&mut Random::of_input(bytes))));
        let (mut decoder, mut buffer) = (MessageDecoder::new(Codec::Rich), BytesMut::from(bytes));
        while let Ok(Some(message)) = decoder.decode(&mut buffer) {
            for value in [message.header, message.body] {
                if let Ok(value) = value.decode::<Made>() {
                    comes_back(&value);
                }
            }
        }
    });
}

fn comes_back(value: &Made) {
    let mut bytes = BytesMut::new();
    let mut encoder = MessageEncoder::new(Codec::Rich);
    encoder
        .encode((value, std::slice::from_ref(value)), &mut bytes)
        .expect("a value encodes");
    let message = MessageDecoder::new(Codec::Rich).decode(&mut bytes);
    let message = message.expect("our own message").expect("all of it");
    assert!(bytes.is_empty());
    assert_eq!(
        message
            .header
            .decode::<Made>()
            .as_ref()
            .expect("our own value"),
        value
    );
    let [body]: [Made; 1] = message.body.decode().expect("our own list");
    assert_eq!(body, *value);
}
