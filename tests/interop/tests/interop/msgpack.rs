//! rpc, broker and session without the plugin layer: against `go/cmd/msgpackpeer`, in gob and in
//! every MessagePack that Go programs of the HashiCorp family speak, either side calling.

use std::process::Stdio;

use plugwire::broker::{BrokerConfig, MuxBroker};
use plugwire::mux::{Config as SessionConfig, Session};
use plugwire::rpc::{CallConfig, Client, Codec, Server, TimeFormat};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};

use crate::msgpack_service::service;
use crate::{go, msgpack_cases};
use support::causes::assert_fails;
use support::within;

/// How the Go program speaks, and over what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Peer {
    /// Plain net/rpc.
    Gob,
    /// net-rpc-msgpackrpc as it comes: the old specification.
    Hashicorp,
    /// The same with the new specification.
    HashicorpExt,
    /// The same with the options of Consul and Nomad.
    Consul,
    /// The same from the go-msgpack that Consul and Nomad shipped for years.
    Legacy,
    /// ugorji's GoRpc with the new specification.
    Ugorji,
    /// The same on stream 0 of a broker over yamux.
    Packer,
}

impl Peer {
    pub fn is_gob(self) -> bool {
        self == Peer::Gob
    }

    fn codec(self) -> CallConfig {
        match self {
            Peer::Gob => CallConfig::new(Codec::Gob),
            // The only form that they read.
            Peer::Consul | Peer::Legacy => {
                CallConfig::new(Codec::MsgPack).times(TimeFormat::MarshalBinary)
            }
            _ => CallConfig::new(Codec::MsgPack),
        }
    }

    fn flavor(self) -> &'static str {
        match self {
            Peer::Gob => "gob",
            Peer::Hashicorp => "hashicorp",
            Peer::HashicorpExt => "hashicorp-ext",
            Peer::Consul => "consul",
            Peer::Legacy => "legacy",
            Peer::Ugorji | Peer::Packer => "ugorji",
        }
    }

    /// Starts the program in a role and waits for it to dial.
    async fn start(self, role: &str) -> (Program, UnixStream) {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let mut command = Command::new(go::program("msgpackpeer"));
        command
            .args(["-flavor", self.flavor(), "-role", role, "-socket"])
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if self == Peer::Packer {
            command.arg("-mux");
        }
        let process = command.spawn().expect("the program starts");
        let (stream, _) = within(listener.accept()).await.unwrap();
        let program = Program {
            process,
            _directory: directory,
        };
        (program, stream)
    }

    /// Has the program serve, and connects a client to it.
    async fn served_by_go(self) -> Connection {
        let (program, stream) = self.start("server").await;
        let (client, broker) = match self {
            Peer::Packer => {
                let broker = broker(Session::client(stream, SessionConfig::default()));
                (within(broker.dial_client(0)).await.unwrap(), Some(broker))
            }
            _ => (Client::new(stream, self.codec()), None),
        };
        Connection {
            peer: self,
            client,
            broker,
            program,
        }
    }
}

fn broker(session: Session) -> MuxBroker {
    MuxBroker::new(session, BrokerConfig::default().codec(Codec::MsgPack))
}

struct Program {
    process: Child,
    _directory: TempDir,
}

/// A client of the Go program.
pub struct Connection {
    pub peer: Peer,
    pub client: Client,
    pub broker: Option<MuxBroker>,
    program: Program,
}

impl Connection {
    /// Hangs up, upon which the program ends.
    async fn finish(mut self) {
        self.client.close();
        if let Some(broker) = self.broker.take() {
            within(broker.session().close()).await;
        }
        let status = within(self.program.process.wait()).await.unwrap();
        assert!(status.success(), "{status}");
    }
}

/// Serves a Go client until it has run all its cases, and expects each of them to have passed.
async fn serve_go(peer: Peer, cases: &[&str]) {
    let (mut program, stream) = peer.start("client").await;
    let mut stdout = program.process.stdout.take().unwrap();
    let serving = tokio::spawn(async move {
        match peer {
            Peer::Packer => {
                let broker = broker(Session::server(stream, SessionConfig::default()));
                let stream = broker.accept(0).await.unwrap();
                serve(stream, peer, Some(broker)).await;
            }
            _ => serve(stream, peer, None).await,
        }
    });
    let mut output = String::new();
    within(stdout.read_to_string(&mut output)).await.unwrap();
    let status = within(program.process.wait()).await.unwrap();
    assert!(status.success(), "{status}\n{output}");
    within(serving).await.unwrap();
    let passed: Vec<String> = output
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            assert_eq!(line["ok"], true, "{output}");
            line["case"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(passed, cases, "{output}");
}

/// What becomes of the calls of a Go client one of which could not be encoded.
async fn after_a_lone_header(peer: Peer, go_serves: bool) -> serde_json::Value {
    let (mut program, mut stream) = peer.start("lone-header").await;
    let mut stdout = program.process.stdout.take().unwrap();
    let (server, serving) = if go_serves {
        let (server, mut other) = peer.start("server").await;
        let relaying = tokio::spawn(async move {
            // Either may hang up first.
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut other).await;
        });
        (Some(server), relaying)
    } else {
        let server = Server::new().register("Plugin", service(None));
        let serving = tokio::spawn(async move {
            assert_fails(server.serve(stream, peer.codec()).await, "");
        });
        (None, serving)
    };
    let mut output = String::new();
    within(stdout.read_to_string(&mut output)).await.unwrap();
    let status = within(program.process.wait()).await.unwrap();
    assert!(status.success(), "{status}");
    within(serving).await.unwrap();
    if let Some(mut server) = server {
        within(server.process.wait()).await.unwrap();
    }
    serde_json::from_str(&output).unwrap()
}

/// A Go client leaves the header of a call that it could not encode in front of the next one. Of
/// the MessagePack codecs only the oldest refuses to encode anything; what its server makes of the
/// rest is chance, but no call waits for ever here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_without_a_body_ends_the_connection_as_in_go() {
    if !go::present() {
        return;
    }
    let in_go = after_a_lone_header(Peer::Gob, true).await;
    assert_eq!(in_go["next"], "unexpected EOF");
    assert_eq!(in_go["running"], "reply");
    assert_eq!(after_a_lone_header(Peer::Gob, false).await, in_go);
    let here = after_a_lone_header(Peer::Legacy, false).await;
    assert_eq!(here["next"], "unexpected EOF");
    assert_eq!(here["running"], "reply");
}

async fn serve<T>(stream: T, peer: Peer, broker: Option<MuxBroker>)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let server = Server::new().register("Plugin", service(broker));
    let served = server.serve(stream, peer.codec()).await;
    // The Go client closes its session right after its stream.
    if peer != Peer::Packer {
        served.unwrap();
    }
}

/// What the codec's own tests take for Go's bytes is what Go writes.
#[test]
fn the_vectors_are_what_go_writes() {
    if !go::present() {
        return;
    }
    let vectors = include_str!("../../../vectors/msgpack.json");
    let vectors: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(vectors).unwrap();
    assert_eq!(vectors.len(), 5);
    for (flavor, expected) in vectors {
        let output = std::process::Command::new(go::program("msgpackpeer"))
            .args(["-flavor", &flavor, "-role", "bytes"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let written: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(written, expected, "{flavor}");
    }
}

const EVERYWHERE: [&str; 9] = [
    "greet",
    "errors",
    "bad_argument",
    "describe",
    "kinds",
    "sizes",
    "large",
    "concurrent",
    "maps",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_go_client_calls_over_gob() {
    if go::present() {
        serve_go(Peer::Gob, &EVERYWHERE).await;
    }
}

macro_rules! go_clients {
    ($($name:ident $peer:ident $($more:literal),*;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            if go::present() {
                let mut cases = EVERYWHERE.to_vec();
                cases.extend(["partial", "loose", "moments", "times", $($more),*]);
                serve_go(Peer::$peer, &cases).await;
            }
        }
    )*};
}

go_clients! {
    a_go_client_calls_over_hashicorp_s_msgpack Hashicorp;
    a_go_client_calls_over_hashicorp_s_newer_msgpack HashicorpExt;
    a_go_client_calls_over_consul_s_msgpack Consul;
    a_go_client_calls_over_legacy_msgpack Legacy;
    a_go_client_calls_over_ugorji_s_msgpack Ugorji;
    a_go_client_calls_as_packer_does Packer "callback";
}

macro_rules! case {
    ($peer:ident $name:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            if go::present() {
                let connection = Peer::$peer.served_by_go().await;
                msgpack_cases::$name(&connection).await;
                connection.finish().await;
            }
        }
    };
}

macro_rules! go_servers {
    ($($peer:ident $module:ident: $($name:ident),*;)*) => {$(
        mod $module {
            use super::*;

            case!($peer greet);
            case!($peer errors_are_in_go_s_words_and_the_connection_lives_on);
            case!($peer a_reply_of_another_type_fails_alone);
            case!($peer an_argument_of_another_type_fails);
            case!($peer struct_argument_and_reply);
            case!($peer values_of_every_kind);
            case!($peer strings_and_bytes_of_every_length);
            case!($peer eight_mib_of_bytes);
            case!($peer two_thousand_calls_32_at_a_time);
            case!($peer fields_that_the_other_side_lacks);
            case!($peer empty_maps_that_go_writes_into);
            $(case!($peer $name);)*
        }
    )*};
}

go_servers! {
    Gob a_go_server_over_gob: ;
    Hashicorp a_go_server_over_hashicorp_s_msgpack:
        zeros_that_go_leaves_out, values_of_mixed_types, times_are_carried_as_bytes,
        times_are_understood;
    HashicorpExt a_go_server_over_hashicorp_s_newer_msgpack:
        zeros_that_go_leaves_out, values_of_mixed_types, times_are_carried_as_bytes,
        times_are_understood;
    Consul a_go_server_over_consul_s_msgpack:
        zeros_that_go_leaves_out, values_of_mixed_types, times_are_carried_as_bytes,
        times_are_understood;
    Legacy a_go_server_over_legacy_msgpack:
        zeros_that_go_leaves_out, values_of_mixed_types, times_are_carried_as_bytes,
        times_are_understood;
    Ugorji a_go_server_over_ugorji_s_msgpack:
        zeros_that_go_leaves_out, values_of_mixed_types, times_are_carried_as_bytes,
        times_are_understood;
    Packer a_go_server_as_packer_is:
        zeros_that_go_leaves_out, values_of_mixed_types, times_are_carried_as_bytes,
        times_are_understood, the_peer_calls_back_through_the_broker;
}
