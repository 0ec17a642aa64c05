//! The rows, the same for every contender. `go/cmd/versushost` has them for a host in Go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::pattern::Pattern;
use crate::peer::{Peer, Result, Setup, TEXT};
use crate::types::*;

/// How often something was done, and how long it took.
#[derive(Clone, Copy, Default, Serialize)]
pub struct Measured {
    ops: u64,
    ns: u64,
    #[serde(skip_serializing_if = "is_zero")]
    bytes: u64,
    /// The median and the 99th of a hundred, in nanoseconds, where each is timed by itself.
    #[serde(skip_serializing_if = "is_zero")]
    median: u64,
    #[serde(skip_serializing_if = "is_zero")]
    p99: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

pub struct Rows<P> {
    peer: P,
    setup: Setup,
    user: User,
    held: Mutex<Held>,
}

/// What the memory rows open and leave open.
#[derive(Default)]
struct Held {
    streams: Vec<Box<dyn Send>>,
    calls: JoinSet<Result<()>>,
}

impl<P> Rows<P> {
    pub fn new(peer: P, setup: Setup) -> Self {
        Self {
            peer,
            setup,
            user: sample_user(),
            held: Mutex::default(),
        }
    }
}

/// The user of the row `call-user`; `go/bench/types.go` has the same.
fn sample_user() -> User {
    let text = str::to_owned;
    User {
        id: UserId {
            idp: text("https://idp.example.org"),
            opaque_id: text("4c510ada-c86b-4815-8820-42cdf82c3d51"),
        },
        username: text("einstein"),
        mail: text("einstein@example.org"),
        display_name: text("Albert Einstein"),
        groups: ["sailing-lovers", "violin-haters", "physics-lovers"]
            .map(text)
            .into(),
        opaque: [("language", "de"), ("quota", "100 GiB"), ("uid", "20000")]
            .map(|(key, value)| (text(key), text(value)))
            .into(),
    }
}

/// Repeats an operation for a while, one after the other.
macro_rules! repeat {
    ($limit:expr, $op:expr) => {{
        let start = std::time::Instant::now();
        let mut ops = 0;
        let elapsed = loop {
            $op;
            ops += 1;
            let elapsed = start.elapsed();
            if elapsed >= $limit {
                break elapsed;
            }
        };
        Ok($crate::rows::measured(ops, elapsed, 0))
    }};
}
pub(crate) use repeat;

pub fn measured(ops: u64, elapsed: Duration, bytes: u64) -> Measured {
    Measured {
        ops,
        ns: elapsed.as_nanos() as u64,
        bytes,
        ..Measured::default()
    }
}

/// Drops calls, one after the other. What is timed is how long each drop takes to the plugin.
async fn cancels<P: Peer>(peer: &P, limit: Duration) -> Result<Measured> {
    let start = Instant::now();
    let mut each = Vec::new();
    while start.elapsed() < limit {
        each.push(peer.cancel().await?);
    }
    each.sort_unstable();
    Ok(Measured {
        ops: each.len() as u64,
        ns: each.iter().sum(),
        median: each[each.len() / 2],
        p99: each[each.len() * 99 / 100],
        ..Measured::default()
    })
}

fn expect(right: bool, what: &str) -> Result<()> {
    if right { Ok(()) } else { Err(what.into()) }
}

/// Runs one line: a row, a number whose meaning is the row's, and for how many milliseconds.
pub async fn run<P: Peer>(rows: Arc<Rows<P>>, line: String) -> Result<Measured> {
    let mut words = line.splitn(4, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (row, n, millis, file) = (word(), word(), word(), word());
    let n: u64 = n.parse()?;
    let limit = Duration::from_millis(millis.parse()?);
    let peer = &rows.peer;
    match row {
        "launch" => launch::<P>(&rows.setup, limit).await,
        "call-string" => repeat!(limit, peer.echo(TEXT).await?),
        "call-by-hand" => repeat!(limit, peer.echo_by_hand(TEXT).await?),
        "call-typed" => repeat!(limit, peer.echo_typed(TEXT).await?),
        "call-user" => repeat!(limit, {
            let reply = peer.echo_user(&rows.user).await?;
            expect(reply.is(&rows.user), "another user")?;
        }),
        "callers" => callers(peer, n, limit).await,
        "dispense" => repeat!(limit, peer.dispense().await?),
        "callback" => repeat!(limit, peer.callback().await?),
        "callback-typed" => repeat!(limit, peer.callback_typed(false).await?),
        "callback-nested" => repeat!(limit, peer.callback_typed(true).await?),
        "cancel" => cancels(peer, limit).await,
        "check" => repeat!(limit, peer.check()?),
        "pingpong" => peer.ping_pong(limit).await,
        "reader" => streams(peer, 1, n, |peer| async move { peer.reader(n).await }).await,
        "writer" => streams(peer, 1, n, |peer| async move { peer.writer(n).await }).await,
        "streams-64" => streams(peer, 64, n, |peer| async move { peer.reader(n).await }).await,
        "items" => items(peer, n).await,
        "texts" => texts(peer, n).await,
        "chunks" => chunks(peer, n).await,
        "idle" => idle(peer, n, limit).await,
        "hold-streams" => hold_streams(&rows, n).await,
        "hold-calls" => hold_calls(&rows, n).await,
        "settle" => peer.settle().await.map(|()| Measured::default()),
        _ => reva(peer, row, file, limit).await,
    }
}

/// Launch to first reply; ending the plugin is not timed.
async fn launch<P: Peer>(setup: &Setup, limit: Duration) -> Result<Measured> {
    let (mut ops, mut elapsed) = (0, Duration::ZERO);
    while elapsed < limit {
        let start = Instant::now();
        let peer = P::launch(setup).await?;
        peer.echo(TEXT).await?;
        elapsed += start.elapsed();
        ops += 1;
        peer.kill().await;
    }
    Ok(measured(ops, elapsed, 0))
}

/// So many tasks, each calling again as soon as it has its reply. They look at a flag and not at
/// the clock, which would be a few per cent of the fastest.
async fn callers<P: Peer>(peer: &P, n: u64, limit: Duration) -> Result<Measured> {
    let start = Instant::now();
    let over = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    let ends = over.clone();
    tasks.spawn(async move {
        tokio::time::sleep(limit).await;
        ends.store(true, Ordering::Relaxed);
        Result::Ok(0)
    });
    for _ in 0..n {
        let (peer, over) = (peer.clone(), over.clone());
        tasks.spawn(async move {
            let mut ops = 0;
            while !over.load(Ordering::Relaxed) {
                peer.echo(TEXT).await?;
                ops += 1;
            }
            Result::Ok(ops)
        });
    }
    let mut ops = 0;
    while let Some(done) = tasks.join_next().await {
        ops += done??;
    }
    Ok(measured(ops, start.elapsed(), 0))
}

/// So many streams at once of `bytes` each.
async fn streams<P, F>(
    peer: &P,
    count: usize,
    bytes: u64,
    stream: impl Fn(P) -> F,
) -> Result<Measured>
where
    P: Peer,
    F: Future<Output = Result<Digest>>,
{
    let expected = Pattern::digest(bytes);
    let start = Instant::now();
    let digests = try_join_all((0..count).map(|_| stream(peer.clone()))).await?;
    let elapsed = start.elapsed();
    let right = digests.iter().all(|digest| *digest == expected);
    expect(right, "a stream arrived otherwise than it was sent")?;
    Ok(measured(1, elapsed, count as u64 * bytes))
}

/// So many numbers on one stream.
async fn items<P: Peer>(peer: &P, count: u64) -> Result<Measured> {
    let start = Instant::now();
    let sum = peer.items(count).await?;
    let elapsed = start.elapsed();
    expect(sum == (0..count).sum::<u64>(), "another sum")?;
    Ok(measured(count, elapsed, 0))
}

/// So many texts of 64 bytes on one stream.
async fn texts<P: Peer>(peer: &P, count: u64) -> Result<Measured> {
    let start = Instant::now();
    let bytes = peer.texts(count).await?;
    let elapsed = start.elapsed();
    expect(bytes == count * TEXT.len() as u64, "another length")?;
    Ok(measured(count, elapsed, bytes))
}

/// So many blocks of 64 bytes on one stream, by as many writes.
async fn chunks<P: Peer>(peer: &P, count: u64) -> Result<Measured> {
    let start = Instant::now();
    let bytes = peer.chunks(count).await?;
    let elapsed = start.elapsed();
    expect(bytes == count * TEXT.len() as u64, "another length")?;
    Ok(measured(count, elapsed, bytes))
}

/// One caller beside `n` calls that wait.
async fn idle<P: Peer>(peer: &P, n: u64, limit: Duration) -> Result<Measured> {
    let mut waiting = JoinSet::new();
    start_waiting(peer, n, &mut waiting).await?;
    let busy = repeat!(limit, peer.echo(TEXT).await?);
    peer.release().await?;
    while let Some(done) = waiting.join_next().await {
        done??;
    }
    busy
}

/// Adds `n` calls that wait at the plugin.
async fn start_waiting<P: Peer>(peer: &P, n: u64, tasks: &mut JoinSet<Result<()>>) -> Result<()> {
    let before = peer.waiting().await?;
    for number in 0..n {
        let peer = peer.clone();
        tasks.spawn(async move {
            let reply = peer.wait(number).await?;
            expect(reply == number, "the reply of another call")
        });
    }
    while peer.waiting().await? < before + n {
        if let Some(done) = tasks.try_join_next() {
            done??;
            return Err("a call came back before its time".into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

async fn hold_streams<P: Peer>(rows: &Rows<P>, n: u64) -> Result<Measured> {
    // Below the 256 streams that yamux lets wait for their acceptance.
    let opened = stream::iter(0..n)
        .map(|_| rows.peer.hold_stream())
        .buffer_unordered(64);
    let opened: Vec<Box<dyn Send>> = opened.try_collect().await?;
    rows.held.lock().expect("no poison").streams.extend(opened);
    Ok(Measured::default())
}

async fn hold_calls<P: Peer>(rows: &Rows<P>, n: u64) -> Result<Measured> {
    let mut calls = std::mem::take(&mut rows.held.lock().expect("no poison").calls);
    let started = start_waiting(&rows.peer, n, &mut calls).await;
    rows.held.lock().expect("no poison").calls = calls;
    started.map(|()| Measured::default())
}

/// The five calls of the reva-plugin-benchmark.
async fn reva<P: Peer>(peer: &P, row: &str, file: &str, limit: Duration) -> Result<Measured> {
    let id = UserId {
        idp: "https://idp.example.org".to_owned(),
        opaque_id: "00000000-0000-4000-8000-000000000040".to_owned(),
    };
    match row {
        "OnLoad" => {
            let args = OnLoadArgs {
                file: file.to_owned(),
            };
            repeat!(limit, {
                let reply = peer.on_load(&args).await?;
                expect(reply.count == 50, "not 50 users")?;
            })
        }
        "GetUser" => {
            let args = GetUserArgs { id };
            repeat!(limit, {
                let reply = peer.get_user(&args).await?;
                expect(reply.user.username == "user40", "another user")?;
            })
        }
        "GetUserByClaim" => {
            let args = ClaimArgs {
                claim: "mail".to_owned(),
                value: "user40@example.org".to_owned(),
            };
            repeat!(limit, {
                let reply = peer.get_user_by_claim(&args).await?;
                expect(reply.user.username == "user40", "another user")?;
            })
        }
        "GetUserGroups" => {
            let args = GetUserArgs { id };
            repeat!(limit, {
                let reply = peer.get_user_groups(&args).await?;
                expect(reply.groups.len() == 4, "not 4 groups")?;
            })
        }
        "FindUser" => {
            let args = FindArgs {
                query: "user4".to_owned(),
            };
            repeat!(limit, {
                let reply = peer.find_user(&args).await?;
                expect(reply.users.len() == 11, "not 11 users")?;
            })
        }
        other => Err(format!("no row {other:?}").into()),
    }
}
