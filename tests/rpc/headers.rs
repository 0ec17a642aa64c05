//! The headers of calls, byte for byte: a peer that agreed to no more sees Go's, and so does one
//! that did where there is no more to say.

use std::time::Duration;

use bytes::BytesMut;
use plugwire::CallContext;
use plugwire::broker::{BrokerConfig, MuxBroker};
use plugwire::codec::{Codec, Message, MessageDecoder, MessageEncoder};
use plugwire::handshake::Extensions;
use plugwire::mux::{self, Session, Stream};
use plugwire::rpc::{CallConfig, Client, Empty, Server, Service};
use serde::{Deserialize, Serialize};
use support::{until, within};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;
use tokio_util::codec::{Decoder, Encoder};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const ALL: Extensions = Extensions::supported();

/// The headers as they were before there were extensions.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    service_method: String,
    seq: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    service_method: String,
    seq: u64,
    error: String,
}

/// What this crate's peers say to each other, as a peer in another language would write it down.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Extended {
    service_method: String,
    seq: u64,
    #[serde(rename = "PlugwireDeadline")]
    deadline: i64,
    #[serde(rename = "PlugwireTrace")]
    trace: String,
    #[serde(rename = "PlugwireCancel")]
    cancel: u64,
    #[serde(rename = "PlugwireWants")]
    wants: u64,
    #[serde(rename = "PlugwireWords")]
    words: String,
}

fn extended(service_method: &str, seq: u64) -> Extended {
    Extended {
        service_method: service_method.into(),
        seq,
        ..Extended::default()
    }
}

fn codecs() -> Vec<Codec> {
    vec![
        Codec::Gob,
        #[cfg(feature = "msgpack")]
        Codec::MsgPack,
    ]
}

fn request(method: &str, seq: u64) -> Request {
    Request {
        service_method: method.into(),
        seq,
    }
}

/// Two requests as they were always written.
fn gos_requests(codec: Codec) -> BytesMut {
    let (mut encoder, mut bytes) = (MessageEncoder::new(codec), BytesMut::new());
    for seq in 0..2 {
        let message = (&request("Plugin.Echo", seq), &seq.to_string());
        encoder.encode(message, &mut bytes).unwrap();
    }
    bytes
}

async fn read(from: &mut (impl AsyncRead + Unpin), count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    within(from.read_exact(&mut bytes)).await.unwrap();
    bytes
}

/// Two calls with all that could be said of them. The second waits for its answer in vain.
async fn say_all(client: &Client) {
    let context = CallContext::default()
        .with_deadline(Instant::now() + Duration::from_secs(60))
        .with_traceparent(TRACE)
        .unwrap();
    for seq in 0..2 {
        let client = client.with_timeout(Duration::from_millis(1));
        let call = async move { client.call::<_, ()>("Plugin.Echo", &seq.to_string()).await };
        let error = within(context.clone().scope(call)).await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
    }
}

#[tokio::test]
async fn a_peer_that_did_not_agree_sees_gos_requests() {
    for codec in codecs() {
        let expected = gos_requests(codec);
        // A cancel would be behind them, and would not fit.
        let (here, mut there) = tokio::io::duplex(expected.len());
        let client = Client::new(here, codec);
        say_all(&client).await;
        client.close();
        let mut seen = Vec::new();
        within(there.read_to_end(&mut seen)).await.unwrap();
        assert_eq!(seen, expected, "{codec:?}");
    }
}

/// A client over a session that agreed on `extensions`, and the peer's end of its stream.
async fn dialed(codec: Codec, extensions: Extensions) -> (MuxBroker, Session, Client, Stream) {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let config = mux::Config::default();
    let host = Session::client(here, config.clone());
    let peer = Session::server(there, config);
    let broker = BrokerConfig::default().codec(codec);
    let host = MuxBroker::new_as(host, broker, extensions);
    let client = within(host.dial_client(7)).await.unwrap();
    let mut stream = within(peer.accept()).await.unwrap();
    assert_eq!(read(&mut stream, 4).await, 7u32.to_le_bytes());
    stream.write_all(&7u32.to_le_bytes()).await.unwrap();
    (host, peer, client, stream)
}

#[tokio::test]
async fn a_session_that_did_not_agree_sees_gos_requests() {
    for codec in codecs() {
        let expected = gos_requests(codec);
        let (_host, _peer, client, mut stream) = dialed(codec, Extensions::NONE).await;
        say_all(&client).await;
        client.close();
        let mut seen = Vec::new();
        within(stream.read_to_end(&mut seen)).await.unwrap();
        assert_eq!(seen, expected, "{codec:?}");
    }
}

#[tokio::test]
async fn a_call_with_no_more_to_say_is_gos_between_peers_that_agreed() {
    for codec in codecs() {
        let expected = gos_requests(codec);
        let (_host, _peer, client, mut stream) = dialed(codec, ALL).await;
        let calls: Vec<_> = (0..2)
            .map(|seq: u64| {
                let client = client.clone();
                tokio::spawn(
                    async move { client.call::<_, ()>("Plugin.Echo", &seq.to_string()).await },
                )
            })
            .collect();
        assert_eq!(
            read(&mut stream, expected.len()).await,
            expected,
            "{codec:?}"
        );
        drop(calls);
    }
}

/// Reads messages of the peer.
struct Messages<R> {
    from: R,
    decoder: MessageDecoder,
    bytes: BytesMut,
}

impl<R: AsyncRead + Unpin> Messages<R> {
    fn new(from: R, codec: Codec) -> Self {
        Messages {
            from,
            decoder: MessageDecoder::new(codec),
            bytes: BytesMut::new(),
        }
    }

    async fn next(&mut self) -> Message {
        loop {
            if let Some(message) = self.decoder.decode(&mut self.bytes).unwrap() {
                return message;
            }
            let read = within(self.from.read_buf(&mut self.bytes)).await.unwrap();
            assert_ne!(read, 0, "the peer has closed the stream");
        }
    }

    async fn header(&mut self) -> Extended {
        self.next().await.header.decode().unwrap()
    }
}

#[tokio::test]
async fn deadlines_traces_and_cancels_are_behind_gos_fields() {
    for codec in codecs() {
        let (_host, _peer, client, stream) = dialed(codec, ALL).await;
        let mut messages = Messages::new(stream, codec);
        say_all(&client).await;
        for seq in [0, 1] {
            let said = messages.header().await;
            assert!((1..=1_000_000).contains(&said.deadline), "{said:?}");
            let expected = Extended {
                deadline: said.deadline,
                trace: TRACE.into(),
                ..extended("Plugin.Echo", seq)
            };
            assert_eq!(said, expected);
            let cancel = Extended {
                cancel: seq,
                ..extended("plugwire.Cancel", seq)
            };
            assert_eq!(messages.header().await, cancel);
        }
        // One without any of it, between them.
        let call = tokio::spawn({
            let client = client.clone();
            async move { client.call::<_, ()>("Plugin.Echo", "x").await }
        });
        assert_eq!(messages.header().await, extended("Plugin.Echo", 2));
        call.abort();
        let cancel = messages.header().await;
        assert_eq!(
            (&*cancel.service_method, cancel.cancel),
            ("plugwire.Cancel", 2)
        );
    }
}

/// A server of two methods, and the other end of its connection.
fn serve(codec: impl Into<CallConfig>) -> DuplexStream {
    let service = Service::new()
        .method("Echo", |text: String| async move { Ok::<_, String>(text) })
        .method("Context", |_: String| async {
            let call = plugwire::call();
            let left = call
                .deadline()
                .map(|deadline| deadline.saturating_duration_since(Instant::now()).as_secs());
            let left = left.map_or(-1, |left| i64::try_from(left).unwrap());
            let trace = call.traceparent().unwrap_or_default().to_owned();
            Ok::<_, String>((left, trace))
        });
    let (here, there) = tokio::io::duplex(64 * 1024);
    let config = codec.into();
    let server = Server::from(service);
    tokio::spawn(async move { server.serve(there, config).await });
    here
}

#[tokio::test]
async fn an_answer_is_gos_unless_the_request_wanted_more() {
    for codec in codecs() {
        let mut there = serve(codec);
        let (mut requests, mut replies) = (MessageEncoder::new(codec), MessageEncoder::new(codec));
        let (mut sent, mut expected) = (BytesMut::new(), BytesMut::new());
        let full = Extended {
            deadline: 1_000_000_000,
            trace: TRACE.into(),
            ..extended("Plugin.Echo", 3)
        };
        requests.encode((&full, "x"), &mut sent).unwrap();
        let reply = |service_method: &str, seq, error: &str| Response {
            service_method: service_method.into(),
            seq,
            error: error.into(),
        };
        let message = (&reply("Plugin.Echo", 3, ""), "x");
        replies.encode(message, &mut expected).unwrap();
        within(there.write_all(&sent[..])).await.unwrap();
        assert_eq!(
            read(&mut there, expected.len()).await,
            expected,
            "{codec:?}"
        );

        sent.clear();
        expected.clear();
        let missing = extended("Plugin.None", 4);
        requests.encode((&missing, "x"), &mut sent).unwrap();
        let error = reply("Plugin.None", 4, "rpc: can't find method Plugin.None");
        replies.encode((&error, &Empty {}), &mut expected).unwrap();

        within(there.write_all(&sent[..])).await.unwrap();
        assert_eq!(
            read(&mut there, expected.len()).await,
            expected,
            "{codec:?}"
        );
    }
}

/// What a method sees of a header: seconds left, or -1, and the trace.
async fn seen(codec: Codec, header: Extended) -> (i64, String) {
    let there = serve(codec);
    let (from, mut to) = tokio::io::split(there);
    let mut bytes = BytesMut::new();
    let mut encoder = MessageEncoder::new(codec);
    encoder.encode((&header, "x"), &mut bytes).unwrap();
    within(to.write_all(&bytes)).await.unwrap();
    let reply = Messages::new(from, codec).next().await;
    reply.body.decode().unwrap()
}

#[tokio::test]
async fn absurd_values_in_a_header_are_harmless() {
    let header = |deadline, trace: &str| Extended {
        deadline,
        trace: trace.into(),
        cancel: u64::MAX,
        wants: u64::MAX,
        words: "telepathy,calls,\u{1b}[31m".into(),
        ..extended("Plugin.Context", u64::MAX)
    };
    let long = "0".repeat(100_000);
    for codec in codecs() {
        let (left, trace) = seen(codec, header(i64::MAX, &long)).await;
        assert!(left > 1_000_000_000 && trace.is_empty(), "{left}");
        for past in [-1, i64::MIN, 1] {
            let nothing_left = (0, String::new());
            assert_eq!(seen(codec, header(past, "a\nb")).await, nothing_left);
        }
        assert_eq!(seen(codec, header(0, TRACE)).await, (-1, TRACE.into()));
    }
}

#[tokio::test]
async fn a_server_that_did_not_agree_has_no_cancels() {
    for codec in codecs() {
        let there = serve(codec);
        let (from, mut to) = tokio::io::split(there);
        let mut bytes = BytesMut::new();
        let mut encoder = MessageEncoder::new(codec);
        let cancel = extended("plugwire.Cancel", 1);
        encoder.encode((&cancel, &Empty {}), &mut bytes).unwrap();
        within(to.write_all(&bytes)).await.unwrap();
        let reply = Messages::new(from, codec).next().await;
        let header: Response = reply.header.decode().unwrap();
        assert_eq!(header.error, "rpc: can't find service plugwire.Cancel");
    }
}

#[tokio::test]
async fn cancels_of_calls_that_there_are_not_change_nothing() {
    for codec in codecs() {
        let (host, peer, mut stream) = served(codec).await;
        let (mut encoder, mut bytes) = (MessageEncoder::new(codec), BytesMut::new());
        let hang = request("Plugin.Hang", 5);
        encoder.encode((&hang, &Empty {}), &mut bytes).unwrap();
        for cancel in [0, 4, 6, u64::MAX] {
            let cancel = Extended {
                cancel,
                ..extended("plugwire.Cancel", 5)
            };
            encoder.encode((&cancel, &Empty {}), &mut bytes).unwrap();
        }
        let echo = request("Plugin.Echo", 7);
        encoder.encode((&echo, "x"), &mut bytes).unwrap();
        // Twice: the second names a call that has gone.
        for _ in 0..2 {
            let cancel = Extended {
                cancel: 5,
                ..extended("plugwire.Cancel", 0)
            };
            encoder.encode((&cancel, &Empty {}), &mut bytes).unwrap();
        }
        let echo = request("Plugin.Echo", 8);
        encoder.encode((&echo, "y"), &mut bytes).unwrap();
        within(stream.write_all(&bytes)).await.unwrap();
        let mut messages = Messages::new(stream, codec);
        for (seq, text) in [(7, "x"), (8, "y")] {
            let reply = messages.next().await;
            assert_eq!(reply.header.decode::<Response>().unwrap().seq, seq);
            assert_eq!(reply.body.decode::<String>().unwrap(), text);
        }
        drop((host, peer));
    }
}

#[tokio::test]
async fn a_cancel_of_another_connection_names_no_call_of_this_one() {
    let (_host, peer, first) = served(Codec::Gob).await;
    let (from, mut to) = first.into_split();
    let mut replies = Messages::new(from, Codec::Gob);
    let (mut encoder, mut bytes) = (MessageEncoder::new(Codec::Gob), BytesMut::new());
    let wait = request("Plugin.Wait", 5);
    encoder.encode((&wait, &Empty {}), &mut bytes).unwrap();
    let echo = request("Plugin.Echo", 6);
    encoder.encode((&echo, "begun"), &mut bytes).unwrap();
    within(to.write_all(&bytes)).await.unwrap();
    let reply = replies.next().await;
    assert_eq!(reply.body.decode::<String>().unwrap(), "begun");

    let mut second = named(&peer, 2).await;
    let (mut encoder, mut bytes) = (MessageEncoder::new(Codec::Gob), BytesMut::new());
    let cancel = Extended {
        cancel: 5,
        ..extended("plugwire.Cancel", 0)
    };
    encoder.encode((&cancel, &Empty {}), &mut bytes).unwrap();
    let release = request("Plugin.Release", 1);
    encoder.encode((&release, &Empty {}), &mut bytes).unwrap();
    within(second.write_all(&bytes)).await.unwrap();
    let reply = replies.next().await;
    assert_eq!(reply.body.decode::<String>().unwrap(), "waited");
}

/// Opens a stream under an id that the host accepts.
async fn named(peer: &Session, id: u32) -> Stream {
    let mut stream = within(peer.open()).await.unwrap();
    stream.write_all(&id.to_le_bytes()).await.unwrap();
    assert_eq!(read(&mut stream, 4).await, id.to_le_bytes());
    stream
}

/// A side that serves under the ids 1 and 2 to a peer that agreed to cancels, and the peer's end.
async fn served(codec: Codec) -> (MuxBroker, Session, Stream) {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let config = mux::Config::default();
    let host = Session::client(here, config.clone());
    let peer = Session::server(there, config);
    let host = MuxBroker::new_as(host, BrokerConfig::default().codec(codec), ALL);
    let released = std::sync::Arc::new(tokio::sync::Notify::new());
    let release = released.clone();
    let service = Service::new()
        .method("Echo", |text: String| async move { Ok::<_, String>(text) })
        .method("Hang", |_: Empty| {
            std::future::pending::<Result<(), String>>()
        })
        .method("Wait", move |_: Empty| {
            let released = released.clone();
            async move {
                released.notified().await;
                Ok::<_, String>("waited".to_owned())
            }
        })
        .method("Release", move |_: Empty| {
            release.notify_one();
            async { Ok::<_, String>(()) }
        });
    for id in [1, 2] {
        let (host, service) = (host.clone(), service.clone());
        tokio::spawn(async move { host.accept_and_serve(id, service).await });
    }
    let stream = named(&peer, 1).await;
    (host, peer, stream)
}

#[tokio::test]
async fn a_call_that_was_answered_is_not_cancelled() {
    let (_host, _peer, client, stream) = dialed(Codec::Gob, ALL).await;
    let (from, mut to) = stream.into_split();
    let mut messages = Messages::new(from, Codec::Gob);
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.call::<_, String>("Plugin.Echo", "x").await }
    });
    assert_eq!(messages.header().await, extended("Plugin.Echo", 0));
    let (mut encoder, mut bytes) = (MessageEncoder::new(Codec::Gob), BytesMut::new());
    let response = Response {
        service_method: "Plugin.Echo".into(),
        seq: 0,
        error: String::new(),
    };
    encoder.encode((&response, "x"), &mut bytes).unwrap();
    within(to.write_all(&bytes)).await.unwrap();
    assert_eq!(within(call).await.unwrap().unwrap(), "x");
    let later = tokio::spawn({
        let client = client.clone();
        async move { client.call::<_, String>("Plugin.Echo", "x").await }
    });
    assert_eq!(messages.header().await, extended("Plugin.Echo", 1));
    until("one call waits", || client.in_flight() == 1).await;
    later.abort();
}
