//! The rich codec between processes: asked for by the host, answered by the plugin.
//!
//! The plugin is this test program again, as [`half`] says.

use std::collections::BTreeMap;
use std::sync::Arc;

use plugwire::codec::Codec;
use plugwire::connection::{DispenseError, PluginSet};
use plugwire::handshake::{Extensions, HandshakeConfig, HandshakeError};
use plugwire::host::{AttachConfig, Client, ClientConfig, ReattachError};
use plugwire::plugin::{ServeConfig, ServeTestConfig, serve_test};
use plugwire::{Error, Reader, Result};
use serde::{Deserialize, Serialize};
use support::within;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

use crate::half;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_RICH_TEST", "cookie");

/// What gob has no form for, or loses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    Nothing,
    Key(String),
    Pair(i128, Option<Option<u8>>),
    Fields {
        list: Vec<Option<i64>>,
        result: Result<Option<()>, String>,
        map: BTreeMap<Option<(u8, char)>, Vec<u8>>,
    },
}

fn events() -> Vec<Event> {
    vec![
        Event::Nothing,
        Event::Key(String::new()),
        Event::Pair(i128::MIN, None),
        Event::Pair(0, Some(None)),
        Event::Pair(i128::MAX, Some(Some(0))),
        Event::Fields {
            list: vec![None, Some(0), Some(i64::MIN)],
            result: Ok(Some(())),
            map: BTreeMap::from([(None, vec![]), (Some((1, 'ü')), vec![0, 255])]),
        },
    ]
}

#[plugwire::interface]
pub trait Echo {
    async fn echo(&self, events: Vec<Event>, twice: Option<Option<bool>>) -> Result<Vec<Event>>;
    async fn optional(&self, value: Option<i64>) -> Result<Option<i64>>;
    /// Calls back with each event.
    async fn feed(&self, events: Vec<Event>, sink: Arc<dyn Sink>) -> Result<Option<Option<u64>>>;
    async fn import(&self, data: Reader) -> Result<u64>;
    async fn other(&self) -> Result<Arc<dyn Echo>>;
}

#[plugwire::interface]
pub trait Sink {
    async fn put(&self, event: Event) -> Result<Event>;
}

// ---- the plugin's half ----

#[test]
fn plugin_half() {
    half::serve("PLUGWIRE_RICH_TEST", || {
        ServeConfig::new(HANDSHAKE, plugins())
    });
}

fn plugins() -> PluginSet {
    PluginSet::new().register::<dyn Echo>("echo", || Ok(Arc::new(Plugin)))
}

struct Plugin;

#[plugwire::interface]
impl Echo for Plugin {
    async fn echo(&self, events: Vec<Event>, twice: Option<Option<bool>>) -> Result<Vec<Event>> {
        match twice {
            Some(None) => Ok(events),
            other => Err(format!("{other:?} came").into()),
        }
    }

    async fn optional(&self, value: Option<i64>) -> Result<Option<i64>> {
        Ok(value)
    }

    async fn feed(&self, events: Vec<Event>, sink: Arc<dyn Sink>) -> Result<Option<Option<u64>>> {
        for event in events {
            if sink.put(event.clone()).await? != event {
                return Ok(None);
            }
        }
        Ok(Some(None))
    }

    async fn import(&self, mut data: Reader) -> Result<u64> {
        let mut read = Vec::new();
        Ok(data.read_to_end(&mut read).await? as u64)
    }

    async fn other(&self) -> Result<Arc<dyn Echo>> {
        Ok(Arc::new(Plugin))
    }
}

// ---- the host's half ----

struct Same;

#[plugwire::interface]
impl Sink for Same {
    async fn put(&self, event: Event) -> Result<Event> {
        Ok(event)
    }
}

fn config(place: &TempDir) -> ClientConfig {
    ClientConfig::new(HANDSHAKE, half::command("rich::plugin_half", place.path()))
}

/// Everything that the codec is for, with values that gob would lose.
async fn all_of_it(client: &Client) -> Result<(), Error> {
    let echo = client.dispense::<dyn Echo>("echo").await.unwrap();
    let got = within(echo.echo(events(), Some(None))).await?;
    assert_eq!(got, events());
    for value in [None, Some(0), Some(-1)] {
        assert_eq!(within(echo.optional(value)).await?, value);
    }
    assert_eq!(
        within(echo.feed(events(), Arc::new(Same))).await?,
        Some(None)
    );
    let data = std::io::Cursor::new(vec![7; 300_000]);
    assert_eq!(within(echo.import(Reader::new(data))).await?, 300_000);
    let other = within(echo.other()).await?;
    assert_eq!(within(other.echo(events(), Some(None))).await?, events());
    let error = within(echo.echo(Vec::new(), None)).await.unwrap_err();
    assert_eq!(error.to_string(), "None came");
    Ok(())
}

#[tokio::test]
async fn a_host_that_asks_for_the_rich_codec_gets_every_value_through() {
    let place = tempfile::tempdir().unwrap();
    let client = within(Client::launch(config(&place).codec(Codec::Rich)))
        .await
        .unwrap();
    all_of_it(&client).await.unwrap();

    // Another host takes over, in the same codec or in gob.
    let reattach = client.detach().await;
    assert!(reattach.extensions.contains(Extensions::MSGPACK));
    let rich = AttachConfig::new(reattach.clone()).codec(Codec::Rich);
    let client = within(Client::reattach(rich)).await.unwrap();
    all_of_it(&client).await.unwrap();
    client.detach().await;
    let client = within(Client::reattach(reattach)).await.unwrap();
    refused_in_gob(&client).await;
    within(client.kill()).await;
}

/// Gob cannot say what the interface has, so it is not dispensed; the connection is of use.
async fn refused_in_gob(client: &Client) {
    let error = within(client.dispense::<dyn Echo>("echo"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("echo"), "{error}");
    assert!(matches!(error, DispenseError::Check { .. }), "{error:?}");
    within(client.ping()).await.unwrap();
}

#[tokio::test]
async fn a_host_that_does_not_ask_speaks_gob() {
    let place = tempfile::tempdir().unwrap();
    let client = within(Client::launch(config(&place))).await.unwrap();
    refused_in_gob(&client).await;
    assert!(
        !client
            .reattach_config()
            .extensions
            .contains(Extensions::MSGPACK)
    );
    within(client.kill()).await;
}

#[tokio::test]
async fn hosts_of_one_plugin_in_test_mode_have_the_codec_that_each_asks_for() {
    let server = serve_test(
        ServeConfig::new(HANDSHAKE, plugins()),
        ServeTestConfig::new(),
    );
    let server = server.await.unwrap();
    let reattach = || server.reattach_config().clone();
    let rich = AttachConfig::new(reattach()).codec(Codec::Rich);
    let rich = within(Client::reattach(rich)).await.unwrap();
    let gob = within(Client::reattach(reattach())).await.unwrap();
    all_of_it(&rich).await.unwrap();
    refused_in_gob(&gob).await;
    within(rich.kill()).await;
    within(gob.kill()).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_plugin_that_is_not_known_to_have_it_is_not_reattached_to() {
    let server = serve_test(
        ServeConfig::new(HANDSHAKE, plugins()),
        ServeTestConfig::new(),
    );
    let server = server.await.unwrap();
    let unknown = server
        .reattach_config()
        .clone()
        .extensions(Extensions::CALLS);
    let attach = AttachConfig::new(unknown).codec(Codec::Rich);
    let error = within(Client::reattach(attach)).await.unwrap_err();
    let ReattachError::Handshake { source, .. } = &error else {
        panic!("{error:?}");
    };
    let offered = Extensions::CALLS;
    assert_eq!(*source, HandshakeError::Codec { offered });
    assert!(source.to_string().contains("it offers `calls`"), "{source}");
    server.stop().await.unwrap();
}
