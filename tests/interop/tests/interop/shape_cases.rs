//! Plugins as traits, against plugins written out by hand in Go.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use plugwire::gob::Any;
use plugwire::host::{Client, ClientConfig};
use plugwire::{Reader, Remote, Result, Writer};
use plugwire_interop::shapes::{self, AddHelper, Audit, Counter, Greeter, Kv};
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Mutex, oneshot};

use crate::go;
use crate::peer::{Peer, rounds};
use support::within;

pub async fn launch(peer: Peer) -> Client {
    let command = match peer.is_rust() {
        true => Command::new(env!("CARGO_BIN_EXE_shape-plugin")),
        false => Command::new(go::program("shapeplugin")),
    };
    let config = ClientConfig::new(shapes::HANDSHAKE, command);
    within(Client::launch(config)).await.expect("it starts")
}

pub async fn counter(peer: Peer) -> (Client, Remote<dyn Counter>) {
    let client = launch(peer).await;
    let counter = within(client.dispense("counter")).await;
    (client, counter.expect("it dispenses"))
}

/// Adds, counts its calls, and tells when it is dropped.
#[derive(Default)]
struct Adder {
    calls: AtomicI64,
    dropped: Option<oneshot::Sender<()>>,
}

impl Drop for Adder {
    fn drop(&mut self) {
        if let Some(dropped) = self.dropped.take() {
            let _ = dropped.send(());
        }
    }
}

#[plugwire::interface]
impl AddHelper for Adder {
    async fn add(&self, a: i64, b: i64) -> Result<i64> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match b {
            ..0 => Err("only upward".into()),
            _ => Ok(a + b),
        }
    }
}

pub async fn no_argument(peer: Peer) {
    let client = launch(peer).await;
    let greeter = within(client.dispense::<dyn Greeter>("greeter")).await;
    assert_eq!(within(greeter.unwrap().greet()).await.unwrap(), "Hello!");
    client.kill().await;
}

pub async fn a_map_of_arguments_and_an_interface_as_reply(peer: Peer) {
    let client = launch(peer).await;
    let kv = within(client.dispense::<dyn Kv>("kv")).await.unwrap();
    let key = || "a".to_owned();
    within(kv.put(key(), b"one".to_vec())).await.unwrap();
    assert_eq!(within(kv.get(key())).await.unwrap(), b"one");
    let size = within(kv.size(key())).await.unwrap();
    assert_eq!((size.name(), size.as_i64()), ("int", Some(3)));
    assert!(within(kv.size("b".into())).await.unwrap().is_nil());
    let tags = vec!["x".to_owned(), "y".to_owned()];
    let tagged = within(kv.tag(key(), tags, 3)).await.unwrap();
    assert_eq!(tagged, "a: x,y x3");
    let error = within(kv.get("b".into())).await.unwrap_err();
    assert_eq!(error.to_string(), "no such key: b");
    // Where the trait has another form, the method's says that the argument is the bare value.
    let bare = within(client.dispense::<dyn BareKv>("kv")).await.unwrap();
    // It is another instance, with keys of its own.
    let error = within(bare.get(key())).await.unwrap_err();
    assert_eq!(error.to_string(), "no such key: a");
    let error = within(bare.size(key())).await.unwrap_err();
    assert!(error.peer_error().is_some(), "{error:?}");
    client.kill().await;
}

/// The same service in a trait whose methods have another form.
#[plugwire::interface(args = "letters")]
trait BareKv {
    #[plugwire(args = "value")]
    async fn get(&self, key: String) -> Result<Vec<u8>>;
    /// As a struct, which the plugin does not take.
    async fn size(&self, key: String) -> Result<Any>;
}

pub async fn a_helper_that_the_plugin_calls(peer: Peer) {
    let (client, counter) = counter(peer).await;
    let adder = Arc::new(Adder::default());
    for by in [2, 40] {
        within(counter.put("a".into(), by, adder.clone()))
            .await
            .unwrap();
    }
    assert_eq!(within(counter.get("a".into())).await.unwrap(), 42);
    assert_eq!(adder.calls.load(Ordering::Relaxed), 2);
    let error = within(counter.put("a".into(), -1, adder))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "only upward");
    client.kill().await;
}

pub async fn readers_and_writers_as_arguments_and_result(peer: Peer) {
    let (client, counter) = counter(peer).await;
    // Beyond any window.
    let zeros = Reader::new(tokio::io::repeat(0).take(8 << 20));
    let imported = within(counter.import("big".into(), zeros)).await;
    assert_eq!(imported.unwrap(), 8 << 20);
    let five = Reader::new(&b"12345"[..]);
    let imported = within(counter.import("small".into(), five)).await;
    assert_eq!(imported.unwrap(), 5);

    let (out, mut exported) = tokio::io::duplex(1024);
    within(counter.export(Writer::new(out))).await.unwrap();
    let mut text = String::new();
    within(exported.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "big 8388608\nsmall 5\n");

    let mut opened = within(counter.open("small".into())).await.unwrap();
    let mut digits = String::new();
    within(opened.read_to_string(&mut digits)).await.unwrap();
    assert_eq!(digits, "5");
    client.kill().await;
}

/// What each call opens and ends beside its reply, over and over, from two tasks: for what goes
/// wrong by chance only.
pub async fn rounds_of_readers_writers_and_callbacks(peer: Peer) {
    let rounds = rounds(200);
    let (client, counter) = counter(peer).await;
    let one = rounds_of(rounds, "one", &counter);
    let other = tokio::spawn({
        let counter = counter.clone();
        async move { rounds_of(rounds, "other", &counter).await }
    });
    one.await;
    other.await.unwrap();
    client.kill().await;
}

async fn rounds_of(rounds: usize, key: &str, counter: &Remote<dyn Counter>) {
    for round in 1..=rounds {
        let text = vec![b'x'; 10 * round % 100_000];
        let data = Reader::new(std::io::Cursor::new(text.clone()));
        let imported = within(counter.import(format!("{key}.text"), data)).await;
        assert_eq!(imported.unwrap(), text.len() as u64);
        let adder = Arc::new(Adder::default());
        within(counter.put(key.into(), 1, adder)).await.unwrap();
        let written = within(counter.export(Writer::new(tokio::io::sink()))).await;
        written.unwrap();
        let mut opened = within(counter.open(key.into())).await.unwrap();
        let mut digits = String::new();
        within(opened.read_to_string(&mut digits)).await.unwrap();
        assert_eq!(digits, round.to_string());
        let watch = within(counter.watch(key.into())).await.unwrap();
        assert_eq!(within(watch.next()).await.unwrap(), round as i64);
    }
}

pub async fn a_returned_interface(peer: Peer) {
    let (client, counter) = counter(peer).await;
    let watch = within(counter.watch("a".into())).await.unwrap();
    assert_eq!(within(watch.next()).await.unwrap(), 0);
    let adder = Arc::new(Adder::default());
    within(counter.put("a".into(), 7, adder)).await.unwrap();
    assert_eq!(within(watch.next()).await.unwrap(), 7);
    client.kill().await;
}

/// Go's plugin dials only when it first needs the helper, which is after the call that brought it.
pub async fn a_kept_interface_lives_until_the_plugin_lets_go(peer: Peer) {
    let (client, counter) = counter(peer).await;
    let (sender, mut dropped) = oneshot::channel();
    let adder = Adder {
        calls: AtomicI64::new(0),
        dropped: Some(sender),
    };
    within(counter.keep(Arc::new(adder))).await.unwrap();
    for _ in 0..2 {
        assert_eq!(within(counter.total(20, 22)).await.unwrap(), 42);
    }
    assert_eq!(dropped.try_recv(), Err(TryRecvError::Empty), "it is kept");
    within(counter.forget()).await.unwrap();
    within(dropped).await.unwrap();
    client.kill().await;
}

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

#[plugwire::interface]
impl Audit for Notes {
    async fn note(&self, text: String) -> Result<()> {
        self.0.lock().await.push(text);
        Ok(())
    }
}

pub async fn a_service_of_another_name(peer: Peer) {
    let (client, counter) = counter(peer).await;
    let adder = Arc::new(Adder::default());
    within(counter.put("a".into(), 5, adder)).await.unwrap();
    let notes = Arc::new(Notes::default());
    within(counter.audited("a".into(), notes.clone()))
        .await
        .unwrap();
    assert_eq!(*notes.0.lock().await, ["a is 5"]);
    client.kill().await;
}

pub async fn lettered_fields_and_an_empty_struct(peer: Peer) {
    let (client, counter) = counter(peer).await;
    let settled = within(counter.settle("a".into(), 9)).await.unwrap();
    assert_eq!(settled, (9, "a by 9".to_owned()));
    within(counter.clear()).await.unwrap();
    let error = within(counter.get("a".into())).await.unwrap_err();
    assert_eq!(error.to_string(), "no such key: a");
    client.kill().await;
}

/// Go's plugin does not have the methods; the Rust one has them with their default bodies.
pub async fn a_default_body_stands_in_for_a_missing_method(peer: Peer) {
    let (client, counter) = counter(peer).await;
    let adder = Arc::new(Adder::default());
    let twice = within(counter.put_twice("a".into(), 3, adder)).await;
    assert_eq!(twice.unwrap(), 6);
    assert_eq!(within(counter.negated("a".into())).await.unwrap(), -6);
    let rpc = Remote::rpc_client(&counter);
    let asked = within(rpc.call::<_, i64>("Plugin.Negated", "a")).await;
    match peer.is_rust() {
        true => assert_eq!(asked.unwrap(), -6),
        false => assert!(asked.unwrap_err().is_method_not_found()),
    }
    client.kill().await;
}

/// From a plugin to the host to another plugin, which calls it through both.
pub async fn an_interface_of_one_plugin_is_handed_to_another(peer: Peer) {
    let (first, one) = counter(peer).await;
    let (second, two) = counter(peer).await;
    let adder = Arc::new(Adder::default());
    within(one.put("a".into(), 4, adder)).await.unwrap();
    let watch = within(one.watch("a".into())).await.unwrap();
    for _ in 0..2 {
        let followed = within(two.follow(watch.clone())).await;
        assert_eq!(followed.unwrap(), 4);
    }
    // And when the first is gone, the call to the second says so.
    first.kill().await;
    let error = within(two.follow(watch)).await.unwrap_err();
    assert_eq!(error.to_string(), "connection is shut down");
    second.kill().await;
}
