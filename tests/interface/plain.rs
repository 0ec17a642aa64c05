//! Methods that are plain `fn`s: they may block, and hold up no other call.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use futures::FutureExt;
use plugwire::interface::{BoxFuture, Interface, lend};
use plugwire::{Reader, Remote, Result, Writer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;

use crate::Pair;
use crate::counter::{AddHelper, Adder};
use support::within;

#[plugwire::interface]
pub trait Blocking {
    /// Blocks until `release`.
    async fn wait(&self) -> Result<()>;
    async fn release(&self) -> Result<()>;
    async fn at_once(&self) -> Result<String>;
    async fn parse(&self, first: String, others: (i64, i64)) -> Result<(i64, i64)>;
    #[plugwire(args = "map")]
    async fn r#match(&self, text: String) -> Result<String>;
    async fn panics(&self, text: String) -> Result<()>;
    async fn call_back(&self, helper: Arc<dyn AddHelper>) -> Result<i64>;
    async fn copy(&self, from: Reader, to: Writer) -> Result<u64>;
    async fn hold(&self, to: Writer, helper: Arc<dyn AddHelper>) -> Result<()>;
    #[plugwire(reply = "empty")]
    async fn by_hand(&self) -> Result<()>;
    async fn with_default(&self) -> Result<i64> {
        Ok(1)
    }
}

/// A place to block at.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn wait(&self) {
        let (is_open, opened) = &*self.0;
        let is_open = is_open.lock().unwrap();
        drop(opened.wait_while(is_open, |is_open| !*is_open).unwrap());
    }

    fn open(&self) {
        let (is_open, opened) = &*self.0;
        *is_open.lock().unwrap() = true;
        opened.notify_all();
    }
}

/// Whatever the test finds.
struct OpensAtEnd(Gate);

impl Drop for OpensAtEnd {
    fn drop(&mut self) {
        self.0.open();
    }
}

#[derive(Clone, Default)]
struct Plugin {
    gate: Gate,
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

#[plugwire::interface]
impl Blocking for Plugin {
    fn wait(&self) -> Result<()> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.gate.wait();
        self.ended.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn release(&self) -> Result<()> {
        self.gate.open();
        Ok(())
    }

    async fn at_once(&self) -> Result<String> {
        Ok("here".into())
    }

    // What only a function that does not await can have.
    fn parse(&self, mut first: String, (second, third): (i64, i64)) -> Result<(i64, i64)> {
        let shared = Rc::new(second);
        first.push('0');
        if first.len() > 3 {
            return Err("too long".into());
        }
        let first: i64 = first.parse().map_err(plugwire::Error::other)?;
        Ok((first + *shared, third))
    }

    fn r#match(&self, text: String) -> Result<String> {
        Ok(text.to_uppercase())
    }

    fn panics(&self, text: String) -> Result<()> {
        panic!("{text}")
    }

    fn call_back(&self, helper: Arc<dyn AddHelper>) -> Result<i64> {
        Handle::current().block_on(helper.add(40, 2))
    }

    fn copy(&self, mut from: Reader, mut to: Writer) -> Result<u64> {
        let runtime = Handle::current();
        let mut text = String::new();
        runtime.block_on(from.read_to_string(&mut text))?;
        runtime.block_on(to.write_all(text.to_uppercase().as_bytes()))?;
        Ok(text.len() as u64)
    }

    fn hold(&self, to: Writer, _: Arc<dyn AddHelper>) -> Result<()> {
        let _to = to;
        self.wait().now_or_never().expect("it is plain")
    }

    // As the trait has it, as ever.
    fn by_hand(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(())
        })
    }

    #[cfg(any())]
    fn not_there(&self) -> Result<()> {
        Ok(())
    }
}

async fn blocking(plugin: &Plugin) -> (Pair, Remote<dyn Blocking>) {
    let pair = Pair::new();
    let blocking = pair.connect::<dyn Blocking>(Arc::new(plugin.clone())).await;
    (pair, blocking)
}

async fn others_go_on_while_methods_block() {
    let plugin = Plugin::default();
    let _opened = OpensAtEnd(plugin.gate.clone());
    let (_pair, blocking) = blocking(&plugin).await;
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let blocking = blocking.clone();
            tokio::spawn(async move { blocking.wait().await })
        })
        .collect();
    while plugin.begun.load(Ordering::SeqCst) < 20 {
        within(tokio::time::sleep(Duration::from_millis(1))).await;
    }
    for _ in 0..20 {
        assert_eq!(within(blocking.at_once()).await.unwrap(), "here");
        // And so do other plain ones.
        let text = within(blocking.r#match("x".into())).await;
        assert_eq!(text.unwrap(), "X");
    }
    assert_eq!(plugin.ended.load(Ordering::SeqCst), 0);
    within(blocking.release()).await.unwrap();
    for wait in waiting {
        within(wait).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn others_go_on_while_methods_block_on_one_thread() {
    others_go_on_while_methods_block().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn others_go_on_while_methods_block_on_one_worker() {
    others_go_on_while_methods_block().await;
}

/// A method that was quick so often that its calls are expected to be, and then is not.
#[tokio::test]
async fn a_plain_method_is_never_run_on_the_connection_s_task() {
    let plugin = Plugin::default();
    let _opened = OpensAtEnd(plugin.gate.clone());
    let (_pair, blocking) = blocking(&plugin).await;
    plugin.gate.open();
    for _ in 0..200 {
        within(blocking.wait()).await.unwrap();
    }
    *plugin.gate.0.0.lock().unwrap() = false;
    let waiting = blocking.clone();
    let waiting = tokio::spawn(async move { waiting.wait().await });
    assert_eq!(within(blocking.at_once()).await.unwrap(), "here");
    within(blocking.release()).await.unwrap();
    within(waiting).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_plain_method_is_written_as_any_function() {
    let (_pair, blocking) = blocking(&Plugin::default()).await;
    let parsed = within(blocking.parse("4".into(), (2, 7))).await;
    assert_eq!(parsed.unwrap(), (42, 7));
    for (first, text) in [("400", "too long"), ("x", "invalid digit found in string")] {
        let error = within(blocking.parse(first.into(), (0, 0))).await;
        assert_eq!(error.unwrap_err().to_string(), text);
    }
    within(blocking.by_hand()).await.unwrap();
    assert_eq!(within(blocking.with_default()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_panic_of_a_plain_method_is_an_error_of_the_call() {
    let (_pair, blocking) = blocking(&Plugin::default()).await;
    let error = within(blocking.panics("not a failure of the test".into())).await;
    assert!(!error.unwrap_err().is_disconnected());
    assert_eq!(within(blocking.at_once()).await.unwrap(), "here");
}

#[tokio::test]
async fn a_plain_method_uses_what_it_is_handed_by_block_on() {
    let (_pair, blocking) = blocking(&Plugin::default()).await;
    assert_eq!(within(blocking.call_back(Adder::new())).await.unwrap(), 42);
    let (to, mut copied) = tokio::io::duplex(1024);
    let copy = blocking.copy(Reader::new(&b"text"[..]), Writer::new(to));
    assert_eq!(within(copy).await.unwrap(), 4);
    let mut text = String::new();
    within(copied.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "TEXT");
}

/// Called without a wire between, it is what it looks like.
#[tokio::test]
async fn a_plain_method_that_is_called_in_its_own_process_runs_in_place() {
    let plugin = Plugin::default();
    let parsed = plugin.parse("4".into(), (2, 7)).now_or_never();
    assert_eq!(parsed.unwrap().unwrap(), (42, 7));
}

/// The method has begun, so it goes on to its end.
#[tokio::test]
async fn a_plain_method_goes_on_when_its_connection_ends() {
    let plugin = Plugin::default();
    let _opened = OpensAtEnd(plugin.gate.clone());
    let (pair, blocking) = blocking(&plugin).await;
    let call = tokio::spawn(async move { blocking.wait().await });
    while plugin.begun.load(Ordering::SeqCst) == 0 {
        within(tokio::time::sleep(Duration::from_millis(1))).await;
    }
    pair.plugin.session().close().await;
    assert!(within(call).await.unwrap().unwrap_err().is_disconnected());
    assert_eq!(plugin.ended.load(Ordering::SeqCst), 0);
    plugin.gate.open();
    while plugin.ended.load(Ordering::SeqCst) == 0 {
        within(tokio::time::sleep(Duration::from_millis(1))).await;
    }
}

/// One that waits for a thread is taken back with its connection, and the writer that it was to
/// write to does not look finished.
#[test]
fn a_plain_method_that_has_not_begun_is_taken_back() {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let plugin = Plugin::default();
    // The end of the runtime waits for what blocks.
    let _opened = OpensAtEnd(plugin.gate.clone());
    runtime.block_on(async {
        let pair = Pair::new();
        let object: Arc<dyn Blocking> = Arc::new(plugin.clone());
        let service = object.service(pair.plugin.clone());
        let (serving, id) = (pair.plugin.clone(), pair.plugin.next_id());
        let serving = tokio::spawn(async move { serving.accept_and_serve(id, service).await });
        let rpc = within(pair.host.dial_client(id)).await.unwrap();
        let blocking = Remote::<dyn Blocking>::new(rpc.clone(), pair.host.clone());

        let first = blocking.clone();
        let first = tokio::spawn(async move { first.wait().await });
        while plugin.begun.load(Ordering::SeqCst) == 0 {
            within(tokio::time::sleep(Duration::from_millis(1))).await;
        }
        let (adder, mut drops) = Adder::watched();
        let (to, mut held) = mpsc::unbounded_channel();
        // Lent apart from the call, so that only the method has them.
        let args = HoldArgs {
            to: lend(&pair.host, Writer::new(Held(to))),
            helper: lend::<Arc<dyn AddHelper>>(&pair.host, adder),
        };
        let second = tokio::spawn(async move { rpc.call::<_, ()>("Plugin.Hold", &args).await });
        // Behind it in the connection, so that it has come by then.
        within(blocking.at_once()).await.unwrap();
        serving.abort();
        let error = within(second).await.unwrap().unwrap_err();
        assert!(error.is_disconnected(), "{error:?}");
        let error = within(first).await.unwrap().unwrap_err();
        assert!(error.is_disconnected(), "{error:?}");
        within(drops.recv()).await.unwrap();
        assert_eq!(within(held.recv()).await, Some("dropped"));
        assert_eq!(plugin.begun.load(Ordering::SeqCst), 1);
    });
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HoldArgs {
    to: u32,
    helper: u32,
}

/// Tells how it ends.
struct Held(mpsc::UnboundedSender<&'static str>);

impl tokio::io::AsyncWrite for Held {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        data: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::task::Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let _ = self.0.send("shut down");
        std::task::Poll::Ready(Ok(()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}
