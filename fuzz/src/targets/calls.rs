//! Sequences of calls that the input makes up.

use std::collections::BTreeMap;

use bytes::BytesMut;
use plugwire::codec::{Codec, MessageDecoder, MessageEncoder};
use plugwire::gob::Any;
use plugwire::rpc::Server;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use support::gob::Random;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::codec::{Decoder, Encoder};

use super::session::{echo, run, within};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    service_method: String,
    seq: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Response {
    service_method: String,
    seq: u64,
    error: String,
}

const METHODS: [&str; 8] = [
    "Plugin.Node",
    "Plugin.Any",
    "Plugin.Nothing",
    "Plugin.Wait",
    "Plugin.Hi",
    "Other.Node",
    "Plugin",
    "",
];

/// Each of several well-formed calls, with an argument of any type, gets one answer with its number
/// and method.
pub fn calls(data: &[u8]) {
    run(async {
        let mut random = Random::of_input(data);
        let (here, there) = tokio::io::duplex(4096);
        let server = Server::new().register("Plugin", echo());
        let serving = tokio::spawn(async move { drop(server.serve(here, Codec::Gob).await) });
        let mut encoder = MessageEncoder::new(Codec::Gob);
        let mut bytes = BytesMut::new();
        let mut asked = BTreeMap::new();
        for seq in 0..=random.below(12) as u64 {
            let method = *random.pick(&METHODS);
            let request = Request {
                service_method: method.to_owned(),
                seq,
            };
            // An argument as the method has it, or of any other type.
            let text = random.text();
            let sent = match random.below(8) {
                0 => encoder.encode((&request, &text), &mut bytes),
                1 => encoder.encode((&request, &random.bits()), &mut bytes),
                2 => encoder.encode((&request, &random.float()), &mut bytes),
                3 => encoder.encode((&request, &()), &mut bytes),
                4 => encoder.encode((&request, &vec![Some(text)]), &mut bytes),
                5 => encoder.encode((&request, &BTreeMap::from([(text, seq)])), &mut bytes),
                6 => encoder.encode((&request, &Any::from(text)), &mut bytes),
                _ => encoder.encode((&request, &ByteBuf::from(text)), &mut bytes),
            };
            if sent.is_ok() {
                asked.insert(seq, method);
            }
        }
        let (mut read, mut write) = tokio::io::split(there);
        let writing = async {
            // An error is the server hanging up first.
            let _ = write.write_all(&bytes).await;
            let _ = write.shutdown().await;
        };
        let mut answers = Vec::new();
        let _ = within(async { tokio::join!(read.read_to_end(&mut answers), writing) }).await;
        within(serving).await.expect("no panic");
        let (mut decoder, mut answers) = (MessageDecoder::new(Codec::Gob), answers[..].into());
        while let Some(message) = decoder.decode(&mut answers).expect("well-formed answers") {
            let response: Response = message.header.decode().expect("a response");
            let method = asked
                .remove(&response.seq)
                .expect("an answer to a call, once");
            assert_eq!(response.service_method, method);
            let known = method
                .strip_prefix("Plugin.")
                .is_some_and(|name| name != "Hi");
            assert!(known || !response.error.is_empty(), "{response:?}");
        }
        assert_eq!(asked, BTreeMap::new(), "calls without an answer");
    });
}
