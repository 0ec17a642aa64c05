//! The rich codec beside peers in Go: they do not know it, and nothing changes for them.

use std::time::Duration;

use plugwire::codec::Codec;
use plugwire::handshake::{Extensions, HandshakeError};
use plugwire::host::{Client, LaunchError};
use support::within;
use tokio::process::Command;

use crate::go;
use crate::go_host;
use crate::peer::Peer;

#[tokio::test]
async fn a_go_plugin_that_is_asked_for_the_rich_codec_is_refused_at_the_launch() {
    if !go::present() {
        return;
    }
    let launched = Client::launch(Peer::Go.config().codec(Codec::Rich));
    let error = within(launched).await.unwrap_err();
    let LaunchError::Handshake { error, .. } = error else {
        panic!("{error:?}");
    };
    let offered = Extensions::NONE;
    assert_eq!(error, HandshakeError::Codec { offered });
    assert!(error.to_string().contains("one in Go does not"), "{error}");
}

/// A host in Go passes on what its own host offered, and does not know of it.
#[tokio::test]
async fn a_go_host_with_an_offer_in_its_environment_is_spoken_to_in_gob() {
    if !go::present() {
        return;
    }
    for case in ["greet", "callback", "reader64"] {
        let mut host = Command::new(go::program("kithost"));
        host.args(["-plugin", env!("CARGO_BIN_EXE_kit-plugin"), "-case", case])
            .env(
                "PLUGWIRE_EXTENSIONS",
                "PLUGWIRE_KIT=interop;calls,codec=msgpack",
            );
        go_host::passes(host, case, Duration::from_secs(90)).await;
    }
}
