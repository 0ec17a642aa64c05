//! Data that ends before it is whole: the plugin does not take a part for the whole.

use std::time::Duration;

use plugwire::interface::lend;
use plugwire::{Error, Reader, Remote, Writer};
use plugwire_interop::shapes::Counter;
use plugwire_interop::types::{Digest, WriteArgs};
use support::broken::{Broken, Stuck};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::peer::Peer;
use crate::shape_cases::counter;
use support::within;

/// So much, and then what is to come.
fn part(rest: impl AsyncRead + Send + 'static) -> Reader {
    Reader::new(tokio::io::repeat(b'p').take(300_000).chain(rest))
}

async fn is_not_imported(counter: &Remote<dyn Counter>) {
    let error = within(counter.get("part".into())).await.unwrap_err();
    assert_eq!(error.to_string(), "no such key: part");
}

pub async fn a_reader_that_fails_is_not_imported(peer: Peer) {
    let (client, counter) = counter(peer).await;
    for _ in 0..20 {
        let error = within(counter.import("part".into(), part(Broken))).await;
        assert!(matches!(error, Err(Error::Stream { .. })), "{error:?}");
        is_not_imported(&counter).await;
    }
    let whole = within(counter.import("part".into(), part(tokio::io::empty()))).await;
    assert_eq!(whole.unwrap(), 300_000);
    client.kill().await;
}

pub async fn the_reader_of_an_abandoned_call_is_not_imported(peer: Peer) {
    let (client, counter) = counter(peer).await;
    for _ in 0..20 {
        let (stuck, watch) = Stuck::new();
        let import = counter.import("part".into(), part(stuck));
        tokio::select! {
            _ = import => panic!("there is no end"),
            read = within(watch.read) => read.unwrap(),
        }
        within(watch.dropped).await.unwrap_err();
        is_not_imported(&counter).await;
    }
    // Nor later, when the plugin has dealt with all of them.
    tokio::time::sleep(Duration::from_millis(100)).await;
    is_not_imported(&counter).await;
    client.kill().await;
}

pub async fn a_writer_that_fails_fails_the_plugin_s_writing(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let args = WriteArgs {
        id: lend(client.broker(), Writer::new(Broken)),
        bytes: 1 << 40,
        chunk: 32 * 1024,
        seed: 9,
    };
    let error = within(kit.call::<_, Digest>("Plugin.WriteTo", &args)).await;
    let error = error.unwrap_err();
    assert!(!error.is_disconnected(), "{error:?}");
    assert!(error.to_string().contains("reset"), "{error}");
    client.kill().await;
}
