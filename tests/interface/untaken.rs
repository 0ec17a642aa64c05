//! What a reply lends and its caller does not take: a peer that can cancel takes it back at once,
//! any other when it gives up to be dialed. And what cancelled calls leave behind.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::{StreamExt, stream};
use plugwire::broker::{BrokerConfig, MuxBroker};
use plugwire::handshake::Extensions;
use plugwire::interface::{BoxFuture, Interface, lend};
use plugwire::mux::{self, Session};
use plugwire::rpc::Codec;
use plugwire::{Reader, Remote, Result, Stream, Writer};
use serde::{Deserialize, Serialize};
use support::{until, within};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::task::yield_now;

use crate::Pair;
use crate::nested::{Progress, Sum};

/// One of everything that is lent.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Lot {
    name: String,
    inner: Inner,
    #[serde(with = "plugwire::brokered")]
    hooks: BTreeMap<String, Arc<dyn Progress>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Inner {
    input: Reader,
    output: Option<Writer>,
    items: Vec<Stream<u64>>,
}

/// The same, for a caller that expects a number.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Lot", rename_all = "PascalCase")]
pub struct Mistyped {
    name: u64,
    inner: Inner,
    #[serde(with = "plugwire::brokered")]
    hooks: BTreeMap<String, Arc<dyn Progress>>,
}

#[plugwire::interface]
pub trait Lender {
    async fn whole(&self) -> Result<Arc<dyn Progress>>;
    async fn nested(&self) -> Result<Lot>;
    /// Both ways. Reads what it got when `read` says so.
    async fn exchange(&self, lot: Lot, read: bool) -> Result<Lot>;
}

#[plugwire::interface]
pub trait Mistaken {
    async fn nested(&self) -> Result<Mistyped>;
}

/// Holds on to the token in all that it lends.
struct Lends(Arc<Sum>);

/// A stream of bytes that belongs to the token.
struct Bytes(Arc<Sum>);

impl AsyncRead for Bytes {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.0.total() == 0 {
            buffer.put_slice(&[7; 100]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bytes {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn lot(token: &Arc<Sum>) -> Lot {
    let items = || {
        let token = token.clone();
        Stream::new(stream::iter(0..).map(move |item: u64| item + token.total() as u64))
    };
    Lot {
        name: "a".into(),
        inner: Inner {
            input: Reader::new(Bytes(token.clone())),
            output: Some(Writer::new(Bytes(token.clone()))),
            items: vec![items(), items()],
        },
        hooks: BTreeMap::from([
            ("one".to_owned(), token.clone() as _),
            ("two".to_owned(), token.clone() as _),
        ]),
    }
}

#[plugwire::interface]
impl Lender for Lends {
    async fn whole(&self) -> Result<Arc<dyn Progress>> {
        Ok(self.0.clone())
    }

    async fn nested(&self) -> Result<Lot> {
        Ok(lot(&self.0))
    }

    async fn exchange(&self, mut got: Lot, read: bool) -> Result<Lot> {
        if read {
            for items in &mut got.inner.items {
                items.next().await.expect("they have no end")?;
            }
            got.hooks["one"].at(0).await?;
        }
        Ok(lot(&self.0))
    }
}

/// A pair of which neither side gives up what it offers before the test is over.
fn patient(extensions: Extensions, codec: Codec) -> Pair {
    let hour = Duration::from_secs(3600);
    let broker = BrokerConfig::default().codec(codec).accept_timeout(hour);
    // A stream that stays is one that a later call lacks.
    let config = mux::Config::default().keep_alive(None).max_streams(2_000);
    let (here, there) = tokio::io::duplex(64 * 1024);
    let host = Session::client(here, config.clone());
    let plugin = Session::server(there, config);
    Pair {
        host: MuxBroker::new_as(host, broker.clone(), extensions),
        plugin: MuxBroker::new_as(plugin, broker, extensions),
    }
}

/// The lender of a pair, and its token: two references to it are the lender's and the test's.
async fn lender(pair: &Pair) -> (Remote<dyn Lender>, Arc<Sum>) {
    let token = Arc::new(Sum::default());
    let lends = Arc::new(Lends(token.clone()));
    (pair.connect::<dyn Lender>(lends).await, token)
}

async fn all_is_back(token: &Arc<Sum>) {
    until("all is taken back", || Arc::strong_count(token) == 2).await;
}

/// Polls a call so often, with a turn of the runtime between, and drops it.
async fn drop_after<T>(turns: usize, mut call: BoxFuture<'_, Result<T>>) {
    for _ in 0..turns {
        let polled = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
        if let Poll::Ready(result) = polled {
            assert!(result.is_ok());
            return;
        }
        yield_now().await;
    }
}

/// More than a call takes.
const TURNS: usize = 60;

#[tokio::test]
async fn what_a_dropped_call_does_not_take_is_taken_back() {
    for codec in [Codec::Gob, Codec::MsgPack] {
        let pair = patient(Extensions::supported(), codec);
        let (lender, token) = lender(&pair).await;
        for turns in 0..TURNS {
            drop_after(turns, lender.whole()).await;
            drop_after(turns, lender.nested()).await;
            drop_after(turns, lender.exchange(lot(&token), turns % 2 > 0)).await;
        }
        all_is_back(&token).await;
    }
}

#[tokio::test]
async fn a_reply_that_does_not_decode_is_taken_back() {
    for codec in [Codec::Gob, Codec::MsgPack] {
        let pair = patient(Extensions::supported(), codec);
        let token = Arc::new(Sum::default());
        let lends: Arc<dyn Lender> = Arc::new(Lends(token.clone()));
        let id = lend(&pair.plugin, lends);
        let client = within(pair.host.dial_client(id)).await.unwrap();
        let mistaken: Remote<dyn Mistaken> = Remote::new(client, pair.host.clone());
        let error = within(mistaken.nested()).await.err().expect("a number");
        assert!(error.to_string().contains("Plugin.Nested"), "{error}");
        all_is_back(&token).await;
    }
}

/// To a caller by hand a reply is the ids, which it may dial when it likes.
async fn by_hand(pair: &Pair, token: &Arc<Sum>) -> plugwire::rpc::Client {
    let lends: Arc<dyn Lender> = Arc::new(Lends(token.clone()));
    let service = lends.service(pair.plugin.clone());
    pair.connect_service(service).await
}

/// The wire gives a Go peer no way to say that it does not dial, so the time is the only bound.
#[tokio::test(start_paused = true)]
async fn without_a_cancel_the_accept_timeout_is_the_bound() {
    for extensions in [Extensions::NONE, Extensions::supported()] {
        let pair = Pair::of(64 * 1024, BrokerConfig::default(), extensions);
        let token = Arc::new(Sum::default());
        let client = by_hand(&pair, &token).await;
        let id: u32 = client.call("Plugin.Whole", &()).await.unwrap();
        assert!(id > 0);
        tokio::time::sleep(Duration::from_millis(4_900)).await;
        assert_eq!(Arc::strong_count(&token), 3);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(Arc::strong_count(&token), 2);
        // The same where the connection that brought the id has ended.
        let id: u32 = client.call("Plugin.Whole", &()).await.unwrap();
        drop(client);
        tokio::time::sleep(Duration::from_millis(4_900)).await;
        assert_eq!(
            Arc::strong_count(&token),
            2,
            "{id}: of the test and the offer"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(Arc::strong_count(&token), 1);
    }
}

/// The end of the session takes all back at once.
#[tokio::test]
async fn the_end_of_the_session_takes_all_back() {
    for extensions in [Extensions::NONE, Extensions::supported()] {
        let pair = patient(extensions, Codec::Gob);
        let token = Arc::new(Sum::default());
        let client = by_hand(&pair, &token).await;
        let _: u32 = within(client.call("Plugin.Whole", &())).await.unwrap();
        assert!(Arc::strong_count(&token) > 2);
        drop(client);
        drop(pair.host);
        until("all is taken back", || Arc::strong_count(&token) == 1).await;
    }
}

/// Streams, tasks and memory are as before. Calls end after each number of turns in turn.
#[test]
fn cancelled_calls_leave_nothing_behind() {
    const WARM: usize = 200;
    let calls = match std::env::var("PLUGWIRE_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("PLUGWIRE_ROUNDS is a number"),
        Err(_) => 400,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (pair, lender, token) = runtime.block_on(async {
        let pair = patient(Extensions::supported(), Codec::Gob);
        let (lender, token) = lender(&pair).await;
        (pair, lender, token)
    });
    let tasks = || runtime.metrics().num_alive_tasks();
    let before = tasks();
    let rounds = |rounds: usize| {
        runtime.block_on(async {
            for round in 0..rounds {
                let call = lender.exchange(lot(&token), round % 2 > 0);
                drop_after(round / 2 % TURNS, call).await;
                // What is taken back is gone before there is too much of it.
                if round % 100 == 99 {
                    all_is_back(&token).await;
                }
            }
            all_is_back(&token).await;
            until("all tasks have ended", || {
                Handle::current().metrics().num_alive_tasks() <= before
            })
            .await;
        });
    };
    rounds(WARM);
    let kept = support::alloc::kept(|| rounds(calls));
    assert!(kept < 64 * 1024, "{kept} bytes are kept");
    drop((lender, pair));
}
