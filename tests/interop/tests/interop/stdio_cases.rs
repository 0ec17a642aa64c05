//! The plugin's stdout and stderr.

use plugwire::host::Client;
use plugwire_interop::KIT;
use plugwire_interop::types::{PrintArgs, printed};
use tokio::io::{AsyncReadExt, DuplexStream};

use crate::peer::Peer;
use support::within;

const LINES: i64 = 2000;
const WIDTH: i64 = 100;

async fn launch(peer: Peer) -> (Client, DuplexStream, DuplexStream) {
    let (stdout, out) = tokio::io::duplex(4096);
    let (stderr, err) = tokio::io::duplex(4096);
    let config = peer.config().sync_stdout(stdout).sync_stderr(stderr);
    (within(Client::launch(config)).await.unwrap(), out, err)
}

fn both() -> PrintArgs {
    PrintArgs {
        lines: LINES,
        width: WIDTH,
        target: "both".into(),
    }
}

pub async fn output_arrives_in_order_and_whole(peer: Peer) {
    let (client, mut out, mut err) = launch(peer).await;
    let kit = within(client.dispense_client(KIT)).await.unwrap();
    let read = |mut from: DuplexStream, expected: String| async move {
        let mut bytes = vec![0; expected.len()];
        from.read_exact(&mut bytes).await.unwrap();
        assert!(bytes == expected.into_bytes());
        from
    };
    for _ in 0..2 {
        let expected = (printed("out", LINES, WIDTH), printed("err", LINES, WIDTH));
        let args = both();
        let (printed, o, e) = within(async {
            tokio::join!(
                kit.call::<_, i64>("Plugin.Print", &args),
                read(out, expected.0),
                read(err, expected.1)
            )
        })
        .await;
        assert_eq!(printed.unwrap(), LINES);
        (out, err) = (o, e);
    }
    // And nothing else.
    let ends = async {
        let mut rest = Vec::new();
        out.read_to_end(&mut rest).await.unwrap();
        err.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"");
    };
    within(async { tokio::join!(client.kill(), ends) }).await;
}

/// A Go plugin may lose what it printed last, so from it only a beginning is asked for.
pub async fn output_right_before_the_kill_arrives(peer: Peer) {
    let (client, mut out, mut err) = launch(peer).await;
    let kit = within(client.dispense_client(KIT)).await.unwrap();
    let read = async |from: &mut DuplexStream| {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let args = both();
    let print_and_kill = async {
        let _: i64 = kit.call("Plugin.Print", &args).await.unwrap();
        client.kill().await;
    };
    let (_, out, err) =
        within(async { tokio::join!(print_and_kill, read(&mut out), read(&mut err)) }).await;
    let expected = (printed("out", LINES, WIDTH), printed("err", LINES, WIDTH));
    if peer.is_rust() {
        assert!(out == expected.0, "{} of {}", out.len(), expected.0.len());
        assert!(err == expected.1, "{} of {}", err.len(), expected.1.len());
    }
    assert!(expected.0.starts_with(&out));
    assert!(expected.1.starts_with(&err));
}
