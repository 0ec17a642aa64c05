//! Errors that end a stream of items, between processes: one that a plugin sends, and one that it
//! is sent.
//!
//! The plugin is this test program again, as [`half`] says.

use std::sync::Arc;

use futures::stream;
use plugwire::codec::Codec;
use plugwire::connection::PluginSet;
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig};
use plugwire::plugin::ServeConfig;
use plugwire::{Error, Stream};
use serde::{Deserialize, Serialize};
use support::within;

use crate::half;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "PLUGWIRE_ITEM_ERRORS_TEST", "cookie");

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
pub enum PrintError {
    #[error("no more paper in tray {tray}")]
    Paper { tray: u8 },
    #[error(transparent)]
    Other(#[from] Error),
}

#[plugwire::interface]
pub trait Printer {
    async fn pages(&self, until: u32) -> Result<Stream<u32, PrintError>, PrintError>;
    /// The tray that the pages fail with.
    async fn print(&self, pages: Stream<u32, PrintError>) -> Result<u8, PrintError>;
}

struct Broken;

fn pages(until: u32) -> Stream<u32, PrintError> {
    let paper = Err(PrintError::Paper { tray: 3 });
    let items = (0..until).map(Ok).chain([paper]);
    Stream::new(stream::iter(items))
}

#[plugwire::interface]
impl Printer for Broken {
    async fn pages(&self, until: u32) -> Result<Stream<u32, PrintError>, PrintError> {
        Ok(pages(until))
    }

    async fn print(&self, mut pages: Stream<u32, PrintError>) -> Result<u8, PrintError> {
        loop {
            match pages.next().await {
                Some(Ok(_)) => {}
                Some(Err(PrintError::Paper { tray })) => return Ok(tray),
                Some(Err(error)) => return Err(error),
                None => return Ok(0),
            }
        }
    }
}

#[test]
fn plugin_half() {
    half::serve("PLUGWIRE_ITEM_ERRORS_TEST", || {
        let plugins = PluginSet::new().register::<dyn Printer>("printer", || Ok(Arc::new(Broken)));
        ServeConfig::new(HANDSHAKE, plugins)
    });
}

#[tokio::test]
async fn an_item_s_error_keeps_its_type_through_a_process() {
    for codec in [Codec::Gob, Codec::Rich] {
        let place = tempfile::tempdir().unwrap();
        let command = half::command("item_errors::plugin_half", place.path());
        let config = ClientConfig::new(HANDSHAKE, command).codec(codec);
        let client = within(Client::launch(config)).await.unwrap();
        let printer = within(client.dispense::<dyn Printer>("printer"));
        let printer = printer.await.unwrap();
        let mut pages = within(printer.pages(1_000)).await.unwrap();
        let mut count = 0;
        let error = loop {
            match within(pages.next()).await.expect("an error comes") {
                Ok(_) => count += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(count, 1_000);
        assert!(matches!(error, PrintError::Paper { tray: 3 }), "{error:?}");
        assert_eq!(within(printer.print(self::pages(5))).await.unwrap(), 3);
        within(client.kill()).await;
    }
}
