//! A conversation that is cut at a byte, or has a bit of it flipped, in either direction; and one
//! that is delivered a byte at a time. Each part of it succeeds or fails with an error, in time.
//!
//! Each run of the tests takes every 13th byte. `PLUGWIRE_EVERY=1` takes all, in some minutes.

use std::cell::Cell;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plugwire::Reader;
use plugwire::codec::Codec;
use plugwire::connection::{RpcClient, RpcServer, ServeHooks};
use plugwire::handshake::Extensions;
use plugwire::interface::BoxFuture;
use plugwire::mux::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::store::{Kv, Three, config, plugins};

/// The deadline of a call.
const DEADLINE: Duration = Duration::from_secs(5);

/// More than the deadlines of all parts together, in the time of the test's own clock.
const PATIENCE: Duration = Duration::from_secs(600);

/// What happens to the bytes of one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Harm {
    None,
    /// The connection ends before this byte.
    Cut(usize),
    /// A bit of this byte is another one.
    Flip(usize, u32),
    /// Each byte comes alone.
    Slow,
}

/// Carries the bytes of one direction, and says how many there were.
async fn carry(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    harm: Harm,
    cut: watch::Sender<bool>,
) -> usize {
    let mut ended = cut.subscribe();
    let mut carried = 0;
    let carrying = async {
        let mut buffer = [0; 4096];
        loop {
            let room = match harm {
                Harm::Cut(at) if at == carried => return,
                Harm::Cut(at) => (at - carried).min(buffer.len()),
                Harm::Slow => 1,
                Harm::None | Harm::Flip(..) => buffer.len(),
            };
            let Ok(read @ 1..) = from.read(&mut buffer[..room]).await else {
                let _ = to.shutdown().await;
                return std::future::pending().await;
            };
            if let Harm::Flip(at, bit) = harm
                && (carried..carried + read).contains(&at)
            {
                buffer[at - carried] ^= 1 << bit;
            }
            carried += read;
            if to.write_all(&buffer[..read]).await.is_err() {
                return std::future::pending().await;
            }
            if harm == Harm::Slow {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::select! {
        () = carrying => {}
        _ = ended.wait_for(|&ended| ended) => {}
    }
    // The other direction ends with it.
    cut.send_replace(true);
    carried
}

/// Holds the streams of the plugin's output.
#[derive(Default)]
struct Quiet(Mutex<Option<(Stream, Stream)>>);

impl ServeHooks for Quiet {
    fn stdio(&self, stdout: Stream, stderr: Stream) {
        *self.0.lock().unwrap() = Some((stdout, stderr));
    }

    fn quit(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Every part of the conversation, each as far as the one before lets it come. Says what failed.
async fn talk(client: &RpcClient) -> Vec<String> {
    let mut failed = Vec::new();
    let mut note = |part: &str, failure: Option<String>| {
        failed.extend(failure.map(|failure| format!("{part}: {failure}")));
    };
    fn failure<T, E: Debug>(result: Result<T, E>) -> Option<String> {
        result.err().map(|error| format!("{error:?}"))
    }
    note("ping", failure(client.ping().await));
    match client.dispense::<dyn Kv>("kv").await {
        Err(error) => note("dispense", Some(format!("{error:?}"))),
        Ok(kv) => {
            let kv = kv.with_timeout(DEADLINE);
            note("put", failure(kv.put("a".into(), 4).await));
            let got = kv.get("a".into()).await;
            note(
                "get",
                failure(got.map(|value| (value != 4).then_some(value))),
            );
            note("add", failure(kv.add("a".into(), Arc::new(Three)).await));
            let data = std::io::Cursor::new(vec![b'x'; 100]);
            note("import", failure(kv.import(Reader::new(data)).await));
            note("missing", failure(kv.get("b".into()).await));
        }
    }
    note("quit", failure(client.quit().await));
    failed
}

/// What came of a conversation.
struct Outcome {
    failed: Vec<String>,
    to_plugin: usize,
    to_host: usize,
}

async fn converse(codec: Codec, to_plugin: Harm, to_host: Harm) -> Outcome {
    let (host, host_end) = tokio::io::duplex(16 * 1024);
    let (plugin, plugin_end) = tokio::io::duplex(16 * 1024);
    let (cut, _) = watch::channel(false);
    let (from_host, into_host) = tokio::io::split(host_end);
    let (from_plugin, into_plugin) = tokio::io::split(plugin_end);
    let forth = tokio::spawn(carry(from_host, into_plugin, to_plugin, cut.clone()));
    let back = tokio::spawn(carry(from_plugin, into_host, to_host, cut.clone()));
    let server = RpcServer::new(plugins(), config(codec), Arc::new(Quiet::default()));
    let serving = tokio::spawn(async move { server.serve_conn(plugin).await });

    let known = Extensions::supported();
    let conversation = async {
        match RpcClient::connect_as(host, &config(codec), known).await {
            Ok(client) => talk(&client).await,
            Err(error) => vec![format!("connect: {error:?}")],
        }
    };
    let what = (codec, to_plugin, to_host);
    let failed = timeout(PATIENCE, conversation).await;
    let failed = failed.unwrap_or_else(|_| panic!("{what:?}: it hangs"));
    cut.send_replace(true);
    // The plugin's end of it ends, too.
    let served = timeout(PATIENCE, serving).await;
    let served = served.unwrap_or_else(|_| panic!("{what:?}: the plugin hangs"));
    served
        .unwrap_or_else(|error| panic!("{what:?}: {error}"))
        .ok();
    let (forth, back) = (forth.await.unwrap(), back.await.unwrap());
    let no_task = async {
        while Handle::current().metrics().num_alive_tasks() > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let ended = timeout(PATIENCE, no_task).await;
    ended.unwrap_or_else(|_| panic!("{what:?}: a task is left"));
    Outcome {
        failed,
        to_plugin: forth,
        to_host: back,
    }
}

thread_local! {
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

/// Counts the panics of this thread from now on: those of tasks, too, which no caller need notice.
fn count_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            before(panic);
        }));
    });
    PANICS.set(0);
}

fn every() -> usize {
    let every = std::env::var("PLUGWIRE_EVERY").ok();
    every.map_or(13, |every| every.parse().expect("a number"))
}

const CODECS: [Codec; 3] = [Codec::Gob, Codec::MsgPack, Codec::Rich];

/// Only the key that there is not fails.
fn is_whole(failed: &[String]) -> bool {
    let is_missing =
        |failure: &String| failure.starts_with("missing: ") && failure.contains("no such key");
    failed.len() == 1 && failed.iter().all(is_missing)
}

#[tokio::test(start_paused = true)]
async fn a_conversation_a_byte_at_a_time_is_the_same() {
    for codec in CODECS {
        for harm in [Harm::None, Harm::Slow] {
            let Outcome { failed, .. } = converse(codec, harm, harm).await;
            assert!(is_whole(&failed), "{codec:?}, {harm:?}: {failed:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_is_cut_at_any_byte_fails_in_time() {
    count_panics();
    for codec in CODECS {
        let whole = converse(codec, Harm::None, Harm::None).await;
        println!(
            "{codec:?}: {} bytes to the plugin, {} back",
            whole.to_plugin, whole.to_host
        );
        for at in (0..whole.to_plugin).step_by(every()) {
            let Outcome { failed, .. } = converse(codec, Harm::Cut(at), Harm::None).await;
            // But for the very end, behind the last answer.
            assert!(
                !is_whole(&failed) || at + 100 > whole.to_plugin,
                "{codec:?}, {at}"
            );
        }
        for at in (0..whole.to_host).step_by(every()) {
            let Outcome { failed, .. } = converse(codec, Harm::None, Harm::Cut(at)).await;
            assert!(
                !is_whole(&failed) || at + 100 > whole.to_host,
                "{codec:?}, {at}"
            );
        }
    }
    assert_eq!(PANICS.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_with_a_flipped_bit_ends_in_time() {
    count_panics();
    for codec in CODECS {
        let whole = converse(codec, Harm::None, Harm::None).await;
        let (mut harmless, mut noticed) = (0, 0);
        for at in (0..whole.to_plugin.max(whole.to_host)).step_by(every()) {
            // Another bit for each byte, all in eight.
            let bit = u32::try_from((at / every()) % 8).unwrap();
            let flip = Harm::Flip(at, bit);
            for (to_plugin, to_host) in [(flip, Harm::None), (Harm::None, flip)] {
                let Outcome { failed, .. } = converse(codec, to_plugin, to_host).await;
                match is_whole(&failed) {
                    true => harmless += 1,
                    false => noticed += 1,
                }
            }
        }
        println!("{codec:?}: {noticed} failed, {harmless} did not");
    }
    assert_eq!(PANICS.get(), 0);
}
