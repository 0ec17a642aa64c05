//! The kit's methods.

use std::io::Write;
use std::time::Duration;

use plugwire::broker::MuxBroker;
use plugwire::connection::BoxError;
use plugwire::rpc::Service;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Barrier, Notify};
use tokio::task::JoinSet;

use crate::bytes;
use crate::objects;
use crate::types::{
    AddArgs, EchoArgs, EchoReply, PrintArgs, Report, TrickleArgs, User, WriteArgs, printed,
};

/// Serves an object under a fresh id, as go-plugin's `go broker.AcceptAndServe(id, object)`.
pub fn share(broker: &MuxBroker, object: Service) -> u32 {
    let id = broker.next_id();
    let broker = broker.clone();
    tokio::spawn(async move { broker.accept_and_serve(id, object).await });
    id
}

/// Adds a method that works with the connection's broker.
macro_rules! brokered {
    ($service:expr, $broker:expr, $name:literal, $function:path) => {{
        let broker = $broker.clone();
        $service.method($name, move |argument| $function(broker.clone(), argument))
    }};
}

pub fn kit(broker: MuxBroker) -> Service {
    let service = Service::new()
        .method("Greet", |_: ()| async {
            done("Hello from Rust!".to_owned())
        })
        .method("Describe", |user: User| async { done(describe(user)) })
        .method("Fail", |text: String| async move { Err::<(), _>(text) })
        .method("Echo", echo)
        .method("Print", print)
        .method("Block", |_: ()| async {
            std::future::pending::<()>().await;
            done(String::new())
        })
        .method("BlockThread", |millis: u64| async move {
            std::thread::sleep(Duration::from_millis(millis));
            done(millis)
        })
        .method("Terminal", |_: ()| async {
            done(std::io::IsTerminal::is_terminal(&std::io::stdin()))
        })
        .method("Exit", exit)
        .method("Log", log)
        .method("LogPairs", log_pairs)
        .method("Panic", |text: String| async move { panics(text) })
        .method("LogPlain", log_plain)
        .method("Crash", crash);
    let service = brokered!(service, broker, "CallBack", call_back);
    let service = brokered!(service, broker, "MakeCounter", make_counter);
    let service = brokered!(service, broker, "Nested", nested);
    let service = brokered!(service, broker, "ReadFrom", read_from);
    let service = brokered!(service, broker, "PullFrom", pull_from);
    let service = brokered!(service, broker, "WriteTo", write_to);
    let service = brokered!(service, broker, "AcceptEchoes", accept_echoes);
    let service = brokered!(service, broker, "DialEchoes", dial_echoes);
    brokered!(service, broker, "Trickle", trickle)
}

fn done<T>(value: T) -> Result<T, BoxError> {
    Ok(value)
}

fn describe(user: User) -> Report {
    let managers = std::iter::successors(user.manager.as_ref(), |user| user.manager.as_ref());
    Report {
        summary: format!("{} ({}) of {}", user.name, user.age, user.address.city),
        depth: managers.count() as i64,
        tag_count: user.tags.len() as i64,
        user,
    }
}

async fn echo(args: EchoArgs) -> Result<EchoReply, BoxError> {
    if args.delay_micros > 0 {
        tokio::time::sleep(Duration::from_micros(args.delay_micros as u64)).await;
    }
    Ok(EchoReply {
        seq: args.seq,
        payload: args.payload,
    })
}

/// Writes as any code would, which blocks while the host does not read.
async fn print(args: PrintArgs) -> Result<i64, BoxError> {
    tokio::task::spawn_blocking(move || {
        if args.target != "stderr" {
            print!("{}", printed("out", args.lines, args.width));
            std::io::stdout().flush()?;
        }
        if args.target != "stdout" {
            eprint!("{}", printed("err", args.lines, args.width));
        }
        Ok(args.lines)
    })
    .await?
}

async fn log(message: String) -> Result<i64, BoxError> {
    tracing::info!(target: "kit", answer = 42, "{message}");
    Ok(0)
}

/// A pair of each type, one of them a span's.
async fn log_pairs(message: String) -> Result<i64, BoxError> {
    let _serving = tracing::info_span!("serve", ok = false).entered();
    let _handling = tracing::info_span!("handle", request = 7).entered();
    let error = std::io::Error::other("disk full");
    let error = &error as &dyn std::error::Error;
    tracing::warn!(target: "kit", user = "Ada", ratio = 0.5, ok = true, error, "{message}");
    Ok(0)
}

async fn exit(code: i64) -> Result<i64, BoxError> {
    std::process::exit(code as i32)
}

/// Ends the call, and no more.
fn panics(text: String) -> Result<(), BoxError> {
    panic!("{text}")
}

/// A line that says nothing of its level.
async fn log_plain(line: String) -> Result<i64, BoxError> {
    writeln!(plugwire::plugin::original_stderr(), "{line}")?;
    Ok(0)
}

/// Asks `main` to panic, which ends the process as any unhandled panic of Go's does. A method's
/// panic ends the method.
pub static CRASH: Notify = Notify::const_new();

async fn crash(_: ()) -> Result<(), BoxError> {
    CRASH.notify_one();
    std::future::pending().await
}

async fn call_back(broker: MuxBroker, id: u32) -> Result<String, BoxError> {
    let helper = broker.dial_client(id).await?;
    let sum: i64 = helper.call("Plugin.Add", &AddArgs { a: 2, b: 40 }).await?;
    let name: String = helper.call("Plugin.Name", &()).await?;
    Ok(format!("{name} says {sum}"))
}

async fn make_counter(broker: MuxBroker, start: i64) -> Result<u32, BoxError> {
    Ok(share(&broker, objects::counter(start)))
}

async fn nested(broker: MuxBroker, id: u32) -> Result<u32, BoxError> {
    let helper = broker.dial_client(id).await?;
    Ok(share(&broker, objects::counter_with(helper)))
}

async fn read_from(broker: MuxBroker, id: u32) -> Result<crate::types::Digest, BoxError> {
    let reader = broker.dial(id).await?;
    Ok(bytes::read_all(reader).await?)
}

/// The same, with a byte written before each read.
async fn pull_from(broker: MuxBroker, id: u32) -> Result<crate::types::Digest, BoxError> {
    let mut stream = broker.dial(id).await?;
    let mut pulled = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        stream.write_all(&[1]).await?;
        match stream.read(&mut buffer).await? {
            0 => return Ok(bytes::read_all(&pulled[..]).await?),
            n => pulled.extend_from_slice(&buffer[..n]),
        }
    }
}

async fn write_to(broker: MuxBroker, args: WriteArgs) -> Result<crate::types::Digest, BoxError> {
    let writer = broker.dial(args.id).await?;
    Ok(bytes::write_all(writer, args.seed, args.bytes, args.chunk).await?)
}

async fn accept_echoes(broker: MuxBroker, count: i64) -> Result<Vec<u32>, BoxError> {
    let ids: Vec<u32> = (0..count).map(|_| broker.next_id()).collect();
    for &id in &ids {
        let broker = broker.clone();
        tokio::spawn(async move { echo_stream(&broker, id).await });
    }
    Ok(ids)
}

/// Accepts an id and sends back what comes.
pub async fn echo_stream(broker: &MuxBroker, id: u32) -> Result<(), BoxError> {
    let (mut read, mut write) = tokio::io::split(broker.accept(id).await?);
    tokio::io::copy(&mut read, &mut write).await?;
    write.shutdown().await?;
    Ok(())
}

/// Dials every id, holds all streams open at once, and counts those that echo.
pub async fn dial_echoes(broker: MuxBroker, ids: Vec<u32>) -> Result<i64, BoxError> {
    let all_open = std::sync::Arc::new(Barrier::new(ids.len()));
    let mut echoes = JoinSet::new();
    for id in ids {
        let (broker, all_open) = (broker.clone(), all_open.clone());
        echoes.spawn(async move {
            let dialed = broker.dial(id).await;
            all_open.wait().await;
            let mut stream = dialed?;
            let mut sent = [0; 64];
            sent[..4].copy_from_slice(&id.to_le_bytes());
            stream.write_all(&sent).await?;
            let mut received = [1; 64];
            stream.read_exact(&mut received).await?;
            Ok::<_, BoxError>(received == sent)
        });
    }
    let mut right = 0;
    while let Some(echoed) = echoes.join_next().await {
        right += i64::from(echoed??);
    }
    Ok(right)
}

async fn trickle(broker: MuxBroker, args: TrickleArgs) -> Result<i64, BoxError> {
    let mut stream = broker.dial(args.id).await?;
    let mut tick = tokio::time::interval(Duration::from_millis(args.interval_millis as u64));
    for n in 0..args.count {
        tick.tick().await;
        stream.write_u8(n as u8).await?;
    }
    Ok(args.count)
}
