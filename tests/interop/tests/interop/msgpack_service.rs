//! The methods of `go/cmd/msgpackpeer`, in Rust.

use std::time::Duration;

use plugwire::broker::MuxBroker;
use plugwire::connection::BoxError;
use plugwire::rpc::Service;
use plugwire_interop::types::{AddArgs, EchoArgs, EchoReply, Report, User};
use serde::{Deserialize, Serialize};

use crate::msgpack_types::{
    self as types, Kinds, KindsArgs, Loose, Maps, Partial, PartialArgs, Stamped, TimesArgs,
};

/// Go's `struct{}`.
#[derive(Serialize, Deserialize)]
struct Empty {}

fn done<T>(value: T) -> Result<T, BoxError> {
    Ok(value)
}

pub fn service(broker: Option<MuxBroker>) -> Service {
    Service::new()
        .method("Greet", |_: ()| async {
            done("Hello from Rust!".to_owned())
        })
        .method("Nothing", |_: ()| async { done(()) })
        .method("Empty", |_: ()| async { done(Empty {}) })
        .method("Fail", |text: String| async move { Err::<(), _>(text) })
        .method("Describe", |user: User| async { done(describe(user)) })
        .method("Echo", echo)
        .method("KindsOf", |name: String| async move {
            types::sample(&name).ok_or("no such sample")
        })
        .method("CheckKinds", |args: KindsArgs| async move {
            let expected = types::sample(&args.name).ok_or("no such sample")?;
            check(args.kinds, expected)
        })
        .method("EchoKinds", |kinds: Kinds| async { done(kinds) })
        .method("PartialOf", |name: String| async move {
            types::partial(&name).ok_or("no such sample")
        })
        .method("CheckPartial", |args: PartialArgs| async move {
            let expected = types::partial(&args.name).ok_or("no such sample")?;
            check(args.value, expected)
        })
        .method("EchoPartial", |value: Partial| async { done(value) })
        .method("EchoMaps", |maps: Maps| async { done(maps) })
        .method("EchoText", |text: String| async { done(text) })
        .method("EchoBytes", |bytes: Vec<u8>| async { done(bytes) })
        .method(
            "Text",
            |len: i64| async move { done(types::text(len as usize)) },
        )
        .method("Bytes", |len: i64| async move {
            done(types::bytes(len as usize))
        })
        .method("Loose", |_: ()| async { done(types::loose()) })
        .method("EchoLoose", |value: Loose| async { done(value) })
        .method("EchoMoment", |value: Stamped| async { done(value) })
        .method("TimesOf", |n: usize| async move {
            done(types::times_of(types::moments()[n]))
        })
        .method("CheckTimes", |args: TimesArgs| async move {
            check(
                args.times.with_zeros(),
                types::times_of(types::moments()[args.n]),
            )
        })
        .method("CallBack", move |id: u32| call_back(broker.clone(), id))
}

/// The object that a peer calls back.
pub fn adder() -> Service {
    Service::new().method("Add", |args: AddArgs| async move { done(args.a + args.b) })
}

fn check<T: PartialEq + std::fmt::Debug>(got: T, expected: T) -> Result<bool, BoxError> {
    if got == expected {
        return Ok(true);
    }
    Err(format!("{got:?}, not {expected:?}").into())
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

async fn call_back(broker: Option<MuxBroker>, id: u32) -> Result<i64, BoxError> {
    let broker = broker.ok_or("there is no broker")?;
    let caller = broker.dial_client(id).await?;
    Ok(caller.call("Plugin.Add", &AddArgs { a: 2, b: 40 }).await?)
}
