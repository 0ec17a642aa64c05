//! Calls whose replies are not read, and calls that never end, in numbers.

use std::time::Duration;

use bytes::BytesMut;
use plugwire::mux::{self, Session, Stream};
use plugwire::rpc::{Client, Codec, Encode};
use plugwire_attacks::rounds;
use plugwire_attacks::victim::Victim;
use serde::{Deserialize, Serialize};
use support::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::codec::Encoder;

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");

/// The most that the victim may hold, all it has beside the calls included.
const MEMORY: usize = 64 << 20;

/// A peer that writes nothing for so long is held up.
const STUCK: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    service_method: &'a str,
    seq: u64,
}

/// Which end of the connection the victim has.
#[derive(Clone, Copy, Debug)]
enum Role {
    Plugin,
    Host,
}

/// An attacker's connection to a victim.
struct Attack {
    victim: Victim,
    session: Session,
    control: Option<Client>,
    _streams: Vec<Stream>,
    stream: Stream,
}

impl Attack {
    /// Has the victim serve `calm` on a stream.
    async fn start(role: Role) -> Attack {
        let mode = match role {
            Role::Plugin => "plugin",
            Role::Host => "host",
        };
        let victim = Victim::start(VICTIM, mode, &[]);
        let socket = tokio::net::UnixStream::connect(victim.socket())
            .await
            .unwrap();
        let config = mux::Config::default();
        let mut streams = Vec::new();
        let (session, control, id) = match role {
            Role::Plugin => {
                let session = Session::client(socket, config);
                let control = Client::new(session.open().await.unwrap(), Codec::Gob);
                streams.push(session.open().await.unwrap());
                streams.push(session.open().await.unwrap());
                let id: u32 = control.call("Dispenser.Dispense", "calm").await.unwrap();
                (session, Some(control), id)
            }
            Role::Host => {
                let session = Session::server(socket, config);
                for _ in 0..3 {
                    streams.push(session.accept().await.unwrap());
                }
                (session, None, 1)
            }
        };
        let mut stream = session.open().await.unwrap();
        stream.write_u32_le(id).await.unwrap();
        assert_eq!(stream.read_u32_le().await.unwrap(), id);
        Attack {
            victim,
            session,
            control,
            _streams: streams,
            stream,
        }
    }

    /// Writes `calls` requests, in batches, and reads nothing. Returns how many the victim took
    /// before it held the peer up.
    async fn flood<A: Encode + ?Sized>(&mut self, method: &str, argument: &A, calls: u64) -> u64 {
        let mut encoder = plugwire::codec::MessageEncoder::new(Codec::Gob);
        let mut bytes = BytesMut::new();
        for seq in 0..calls {
            let service_method = method;
            let request = Request {
                service_method,
                seq,
            };
            encoder.encode((&request, argument), &mut bytes).unwrap();
            if bytes.len() > 32 << 10 || seq + 1 == calls {
                match timeout(STUCK, self.stream.write_all(&bytes)).await {
                    Ok(written) => written.unwrap(),
                    Err(_) => return seq,
                }
                bytes.clear();
            }
        }
        calls
    }

    /// The victim held little, and answers others as if nothing were.
    async fn survived(&self, what: &str, taken: u64) {
        if let Some(control) = &self.control {
            let ping = control.call::<_, plugwire::rpc::Empty>("Control.Ping", &true);
            within(ping).await.unwrap();
        }
        assert!(!self.session.is_closed());
        let peak = self.victim.peak_memory();
        println!("{what}: {taken} calls taken, {} KiB at most", peak >> 10);
        assert!(peak < MEMORY, "{what}: {taken} calls hold {peak} bytes");
    }
}

fn calls() -> u64 {
    200_000 * rounds() as u64
}

async fn unread_replies(role: Role, method: &str) {
    let mut attack = Attack::start(role).await;
    let taken = attack.flood(method, "hello", calls()).await;
    attack
        .survived(&format!("{method} in a {role:?}"), taken)
        .await;
    // All that was taken is answered once the peer reads: whole replies, and as many as fit.
    let mut answers = 0;
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read) = timeout(STUCK, attack.stream.read(&mut buffer)).await {
        answers += read.unwrap();
    }
    assert!(answers as u64 > taken, "{answers} bytes for {taken} calls");
}

#[tokio::test]
async fn replies_that_nobody_reads_hold_up_who_asks_for_them() {
    unread_replies(Role::Plugin, "Plugin.Echo").await;
    unread_replies(Role::Host, "Plugin.Echo").await;
}

#[tokio::test]
async fn calls_of_a_method_that_is_not_there_cost_no_more_than_others() {
    unread_replies(Role::Plugin, "Plugin.Missing").await;
    unread_replies(Role::Host, "Plugin.Missing").await;
    unread_replies(Role::Plugin, "Missing.Method").await;
    unread_replies(Role::Plugin, "ill-formed").await;
}

#[tokio::test]
async fn calls_that_never_end_are_bounded() {
    for role in [Role::Plugin, Role::Host] {
        let mut attack = Attack::start(role).await;
        let taken = attack.flood("Plugin.Wait", &(), calls()).await;
        attack
            .survived(&format!("Plugin.Wait in a {role:?}"), taken)
            .await;
    }
}
