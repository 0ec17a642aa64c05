//! Calls that come many at a time: what goes out together, and which method runs where.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use plugwire::rpc::{Client, Codec, Server, Service};
use support::{DEADLINE, within};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// More calls than a method has to answer quickly to run on the connection's own task.
const MANY: u32 = 200;

/// A byte stream that counts the writes to it.
struct Counted(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// A client of the service, and the counts of writes of the two sides.
fn counted(service: Service) -> (Client, [Arc<AtomicUsize>; 2]) {
    let (here, there) = tokio::io::duplex(1 << 20);
    let counts = [Arc::<AtomicUsize>::default(), Arc::default()];
    let there = Counted(there, counts[1].clone());
    let server = Server::new().register("Plugin", service);
    tokio::spawn(async move { server.serve(there, Codec::Gob).await });
    let client = Client::new(Counted(here, counts[0].clone()), Codec::Gob);
    (client, counts)
}

async fn call(client: &Client, method: &str, argument: u32) -> Result<u32, String> {
    let reply = within(client.call(method, &argument)).await;
    reply.map_err(|error| error.to_string())
}

#[tokio::test]
async fn calls_and_replies_that_come_together_are_written_together() {
    let echo = Service::new().method("Echo", |n: u32| async move { Ok::<_, String>(n) });
    let (client, counts) = counted(echo);
    for n in 0..MANY {
        assert_eq!(call(&client, "Plugin.Echo", n).await, Ok(n));
    }
    // One at a time, each is one write a side.
    let [calls, replies] = counts
        .each_ref()
        .map(|count| count.swap(0, Ordering::Relaxed));
    assert_eq!((calls, replies), (MANY as usize, MANY as usize));

    let mut callers = JoinSet::new();
    for caller in 0..64 {
        let client = client.clone();
        callers.spawn(async move {
            for n in 0..100 {
                let n = caller * 100 + n;
                assert_eq!(call(&client, "Plugin.Echo", n).await, Ok(n));
            }
        });
    }
    within(callers.join_all()).await;
    let [calls, replies] = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
    assert!(
        calls <= 640 && replies <= 640,
        "{calls} and {replies} writes for 6400 calls"
    );
}

#[tokio::test]
async fn a_method_that_was_quick_may_wait() {
    let (release, released) = oneshot::channel();
    let release = Arc::new(Mutex::new(Some(release)));
    let released = Arc::new(Mutex::new(Some(released)));
    let service = Service::new()
        .method("Wait", move |n: u32| {
            let released = released.clone();
            async move {
                if n == MANY {
                    let released = released.lock().unwrap().take().unwrap();
                    released.await.map_err(|error| error.to_string())?;
                }
                Ok::<_, String>(n)
            }
        })
        .method("Release", move |n: u32| {
            let sent = release.lock().unwrap().take().unwrap().send(());
            async move {
                sent.map(|()| n)
                    .map_err(|()| "the caller is gone".to_owned())
            }
        });
    let (client, _) = counted(service);
    for n in 0..MANY {
        assert_eq!(call(&client, "Plugin.Wait", n).await, Ok(n));
    }
    let waiting = client.clone();
    let waiting = tokio::spawn(async move { call(&waiting, "Plugin.Wait", MANY).await });
    // Sent first, so that it is received first.
    while client.in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(call(&client, "Plugin.Release", 7).await, Ok(7));
    assert_eq!(within(waiting).await.unwrap(), Ok(MANY));
}

#[tokio::test]
async fn a_method_that_was_quick_may_panic() {
    let service = Service::new().method("Fail", |n: u32| async move {
        assert!(n != MANY, "as asked for");
        Ok::<_, String>(n)
    });
    let (client, _) = counted(service);
    for n in 0..MANY {
        assert_eq!(call(&client, "Plugin.Fail", n).await, Ok(n));
    }
    let error = call(&client, "Plugin.Fail", MANY).await.unwrap_err();
    assert_eq!(error, "rpc: Plugin.Fail ended without a reply");
    assert_eq!(call(&client, "Plugin.Fail", 1).await, Ok(1));
}

/// Two that meet, or do not.
#[derive(Default)]
struct Meeting(Mutex<u32>, Condvar);

impl Meeting {
    /// Blocks the thread until two are there.
    fn meet(&self) -> bool {
        let mut here = self.0.lock().unwrap();
        *here += 1;
        self.1.notify_all();
        let (here, _) = self
            .1
            .wait_timeout_while(here, DEADLINE, |here| *here < 2)
            .unwrap();
        *here >= 2
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn methods_that_block_run_side_by_side() {
    let meeting = Arc::new(Meeting::default());
    let blocked = Arc::new(AtomicU32::new(0));
    let service = Service::new().method("Meet", move |n: u32| {
        let (meeting, blocked) = (meeting.clone(), blocked.clone());
        async move {
            match n {
                // Long enough to be told from the quick ones.
                1 => std::thread::sleep(Duration::from_millis(20)),
                2 if !meeting.meet() => return Err(format!("{blocked:?} were here")),
                _ => {}
            }
            blocked.fetch_add(1, Ordering::Relaxed);
            Ok::<_, String>(n)
        }
    });
    let (client, _) = counted(service);
    for _ in 0..MANY {
        assert_eq!(call(&client, "Plugin.Meet", 0).await, Ok(0));
    }
    // Once a call took long, those after it have tasks of their own.
    for _ in 0..2 {
        assert_eq!(call(&client, "Plugin.Meet", 1).await, Ok(1));
    }
    let one = call(&client, "Plugin.Meet", 2);
    let (one, two) = tokio::join!(one, call(&client, "Plugin.Meet", 2));
    assert_eq!((one, two), (Ok(2), Ok(2)));
}
